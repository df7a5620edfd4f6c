/** The container: write, read, verify and seek H4MK files. */
export type { Block } from './block.js';
export {
  type BlockInput,
  type ClosingOptions,
  H4MKBuilder,
  type RecordingOptions,
  type RecordingSummary,
  SAFETY_SCOPES,
  type TokenInput,
} from './builder.js';
export { type Chunk, type ChunkInfo, type CoreChunk, isCoreChunk } from './chunk.js';
export { ChunkStream, type StreamEnd } from './chunk-stream.js';
export { type ByteFeed, createIterableFeed, createSourceFeed } from './feed.js';
export type { Finding } from './findings.js';
export { type ByteSink, type ByteSource, type HashingSink, type HashingSource } from './io/io.js';
export { MODE, type Mode, TAIL_STATE } from './layout.js';
export { type LegacyLayout, fileForm } from './legacy-layout.js';
export { LegacyMask } from './legacy-mask.js';
export { LEGACY_ENGINE, type LegacyMeta } from './legacy-meta.js';
export {
  type LegacyBlock,
  type LegacyContent,
  type LegacyKeyframe,
  type LegacyOpenOptions,
  type LegacyRange,
  LegacyReader,
} from './legacy-reader.js';
export { DEFAULT_LIMITS, type Limits } from './limits.js';
export { type ClockInfo, type RecordingInfo, type SourceInfo, type TrackInfo, ZERO_UID, contentUid } from './meta.js';
export { type SubtreePlace, verifyConsistency, verifyInclusion, verifySubtree } from './merkle-proof.js';
export { type RangeProof, verifyRangeProof } from './range-proof.js';
export { H4MKReader, type OpenOptions, type RecordRange } from './reader.js';
export type { LocatedHead, RawRecord, StoredRecord } from './record-reader.js';
export { type Recovery, type Resumption, assertResumable, readResumption, recoverRecording } from './recover.js';
export { type Damage, type Loss, type RecoveryScan, scanRecording } from './recovery-scan.js';
export type { RecoverOptions } from './recovery-walk.js';
export {
  type Checkpoint,
  type ClosedCheckpoint,
  type IndexPoint,
  type IndexPointOptions,
  type RecordInput,
  type RecordReceipt,
  RecordWriter,
} from './record-writer.js';
export { type Run, type Salvage, type SalvageOptions, salvageRecording } from './salvage.js';
export { type SeekEntry, SeekTable, findInSeekChunk } from './seek.js';
export { type SlicePlan, SliceWriter } from './slice-writer.js';
export type { Tail } from './tail.js';
export { type TreeHashes, proveConsistency, proveInclusion, proveRange } from './tree-hashes.js';
export { H4MKStreamReader, type StreamReadOptions } from './stream-reader.js';
export { type BlockToken, type Tokn, type ToknHead, tokensOf } from './tokn.js';
export type { TrackTotal } from './track-ledger.js';
export type { Verified } from './verified.js';
export {
  type VerificationReport,
  type VerificationState,
  type VerifyOptions,
  verifyContainer,
  verifyStream,
} from './verify.js';
