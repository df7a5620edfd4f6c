/** The container: write, read, verify and seek H4MK files. */
export type { Block } from './read/block.js';
export { MIN_CONTENT_KEY_BYTES, type MaskSpec, SALT_BYTES, blindOf } from './secrecy/block-secrets.js';
export { KeyRing } from './secrecy/key-ring.js';
export {
  type BlockInput,
  type ClosingOptions,
  H4MKBuilder,
  type RecordingOptions,
  type RecordingSummary,
  SAFETY_SCOPES,
  type SecrecyOptions,
  type TokenInput,
} from './write/builder.js';
export {
  CheckpointSigner,
  type CheckpointSignerOptions,
  addCosignature,
  addCountersignature,
  createCheckpointSigner,
} from './sign/checkpoint-signer.js';
export { type Chunk, type ChunkInfo, type CoreChunk, isCoreChunk } from './format/chunk.js';
export { ChunkStream, type StreamEnd } from './source/chunk-stream.js';
export { type ByteFeed, createIterableFeed, createSourceFeed } from './source/feed.js';
export {
  type ClipInput,
  type ClipOptions,
  type ClipPlan,
  type ClipRequest,
  type ClipSummary,
  planClip,
  planRecords,
  writeClip,
} from './slice/clip.js';
export type { Attachment } from './slice/attachments.js';
export type { CheckpointOptions, ClipCheckpoint } from './slice/clip-checkpoint.js';
export type { MissingSpan, PtsSpan } from './slice/clip-search.js';
export type { Finding } from './check/findings.js';
export {
  HistoryGuard,
  type HistoryGuardOptions,
  type SignedState,
  type SigningHistory,
  createMemoryHistory,
} from './sign/history-guard.js';
export { type ByteSink, type ByteSource, type HashingSink, type HashingSource } from './io/io.js';
export { MODE, type Mode, TAIL_STATE } from './format/layout.js';
export { type LegacyLayout, fileForm } from './legacy/legacy-layout.js';
export { LegacyMask } from './legacy/legacy-mask.js';
export { LEGACY_ENGINE, type LegacyMeta } from './legacy/legacy-meta.js';
export {
  type LegacyBlock,
  type LegacyContent,
  type LegacyKeyframe,
  type LegacyOpenOptions,
  type LegacyRange,
  LegacyReader,
} from './legacy/legacy-reader.js';
export { appendSignature, newestNotes } from './sign/late-signature.js';
export { DEFAULT_LIMITS, type Limits } from './format/limits.js';
export {
  type ClockInfo,
  type RecordingInfo,
  type SourceInfo,
  type TrackInfo,
  ZERO_UID,
  contentUid,
} from './format/meta.js';
export { type Note, type NoteSignature, type Origin, parseNote } from './format/note.js';
export { type SubtreePlace, verifyConsistency, verifyInclusion, verifySubtree } from './tree/merkle-proof.js';
export { type ProofBundle, encodeProof } from './proof/proof-bundle.js';
export {
  type CheckedRange,
  type CheckedSeek,
  type ProofCheckOptions,
  type ShownRecord,
  bytesOfRange,
  verifyRangeAnswer,
  verifySeekAnswer,
} from './proof/proof-check.js';
export { bundleOfSeek, proveRangeOfTrack, proveSeek } from './proof/proof-maker.js';
export { type ProvenOptions, ProvenReader, type ProvenSeek, type UnjudgedOptions } from './proof/proven-reader.js';
export type { ProvenCheckpoint } from './proof/signed-recording.js';
export { type RangeProof, verifyRangeProof } from './tree/range-proof.js';
export { H4MKReader, type OpenOptions, type RecordRange } from './read/reader.js';
export type { RecordRun } from './read/run-reader.js';
export type { LocatedHead, RawRecord, StoredRecord } from './read/record-reader.js';
export { type RedactOptions, type Redaction, redactRecording } from './redact/redact.js';
export {
  REDACTION_PREDICATE_TYPE,
  type RedactionStatementInput,
  createRedactionStatement,
} from './redact/redaction-statement.js';
export type { StoredSign } from './read/sign-reader.js';
export {
  type Recovery,
  type Resumption,
  assertResumable,
  readResumption,
  recoverRecording,
} from './recover/recover.js';
export { type Damage, type Loss, type RecoveryScan, scanRecording } from './recover/recovery-scan.js';
export type { RecoverOptions } from './recover/recovery-walk.js';
export {
  type Checkpoint,
  type ClosedCheckpoint,
  type IndexPoint,
  type IndexPointOptions,
  type HideBlock,
  type RecordInput,
  type RecordReceipt,
  RecordWriter,
} from './write/record-writer.js';
export { type Run, type Salvage, type SalvageOptions, salvageRecording } from './recover/salvage.js';
export { type SeekEntry, SeekTable, findInSeekChunk } from './format/seek.js';
export { DEFAULT_SIGN_EVERY, type SigningOptions } from './sign/signing-cadence.js';
export {
  type SliceOpenOptions,
  type SlicePart,
  type SliceProofs,
  SliceReader,
  type SliceRange,
} from './slice/slice-reader.js';
export { type SlicePlan, SliceWriter } from './slice/slice-writer.js';
export type { Tail } from './format/tail.js';
export { type TreeHashes, proveConsistency, proveInclusion, proveRange } from './tree/tree-hashes.js';
export { H4MKStreamReader, type StreamReadOptions } from './read/stream-reader.js';
export { type BlockToken, type Tokn, type ToknHead, tokensOf } from './format/tokn.js';
export type { TrackTotal } from './format/track-ledger.js';
export { type Acceptable, type PolicyFile, parsePolicy } from './trust/policy-file.js';
export type { SeenCheckpoint } from './trust/seen.js';
export type { StatementInfo } from './check/statement-check.js';
export { type Cosigner, type NoteVerdict, type TrustPolicy, type TrustedKey, judgeNote } from './trust/trust.js';
export type { TrustedCheckpoint, Verified } from './check/verified.js';
export {
  type CheckpointInfo,
  type VerificationReport,
  type VerificationState,
  type VerifyOptions,
  verifyContainer,
  verifyStream,
} from './check/verify.js';
