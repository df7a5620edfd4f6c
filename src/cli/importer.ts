/**
 * The opaque importer: cuts a byte stream into blocks of one size, gives each the time of a frame, and writes them as a
 * recording of one track. It looks at no byte, and extracting the track gives the input back. Memory is one block and one
 * piece of input.
 */
import type { CompressionEngine, EngineInfo } from '../compression/api/engine.js';
import type { MaskSpec } from '../container/secrecy/block-secrets.js';
import { H4MKBuilder, type RecordingSummary } from '../container/write/builder.js';
import type { ByteSink } from '../container/io/io.js';
import type { SourceInfo, TrackInfo } from '../container/format/meta.js';
import { DEFAULT_SIGN_EVERY, type SigningOptions } from '../container/sign/signing-cadence.js';
import type { FrameRate } from '../tokenizers/frame-clock.js';
import { VideoTransportTokenizer } from '../tokenizers/video-transport.js';
import { equalBytes, toHex } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import type { JsonObject } from '../utils/json-value.js';
import { createSha256, sha256 } from '../utils/sha256.js';
import type { MediaInput } from './media-input.js';
import { secrecyParameters } from './secrecy-options.js';
import { type SignedBy, signedBy } from './signer.js';
import { VERSION } from './version.js';

export interface ImportPlan {
  readonly engine: CompressionEngine;
  readonly blockSize: number;
  readonly gop: number;
  readonly fpsHint: FrameRate;
  readonly mediaType: string;
  /** Absent: everybody can read what is written. */
  readonly secrecy?: MaskSpec;
  /** Absent: what is redacted later may be guessed. */
  readonly blindSeed?: Uint8Array;
  readonly signing?: SigningOptions;
}

export interface ImportOptions extends ImportPlan {
  readonly uid: string;
  /** What the input hashed to before, if it has been read before. */
  readonly expectedSha256?: Uint8Array;
  readonly onProgress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

export interface ImportResult extends RecordingSummary {
  readonly uid: string;
  readonly engine: EngineInfo;
  readonly source: SourceInfo;
  readonly hidden?: MaskSpec['mode'];
  readonly signed?: SignedBy;
}

const TRACK = 0;

/**
 * Everything that can change a byte of a record after record 0, in the form that a content uid is made from (h4mk.md 5.3):
 * two exports that differ in any of it must not share a uid.
 */
export function exportParameters(plan: ImportPlan, name: string | undefined): JsonObject {
  const { engine_id, fingerprint } = plan.engine.info();
  return {
    block_size: plan.blockSize,
    engine: { engine_id, fingerprint },
    fps_hint: plan.fpsHint,
    gop: plan.gop,
    importer: 'opaque',
    media_type: plan.mediaType,
    name: name ?? null,
    ...(plan.secrecy === undefined ? {} : { secrecy: secrecyParameters(plan.secrecy) }),
    ...(plan.blindSeed === undefined ? {} : { blind_seed_sha256: toHex(sha256(plan.blindSeed)) }),
    ...(plan.signing === undefined ? {} : signingParameters(plan.signing)),
    writer: `harmony4/${VERSION}`,
  };
}

/** Not in the records, but in the file: who signs the same at other places makes another recording of it. */
function signingParameters({ signer, every = DEFAULT_SIGN_EVERY }: SigningOptions): JsonObject {
  return { sign_every: every, signer: signer.name };
}

/** Writes `input` as a recording into `sink` and commits it. Aborting a sink after a failure is up to its owner. */
export async function importOpaque(input: MediaInput, sink: ByteSink, options: ImportOptions): Promise<ImportResult> {
  const { engine, blockSize, gop, fpsHint, uid, signal, onProgress, signing, secrecy, blindSeed } = options;
  const tokenizer = new VideoTransportTokenizer({ blockSize, gop, fpsHint });
  const track: TrackInfo = { id: TRACK, kind: 'opaque', ...tokenizer.metadata() };
  const builder = await H4MKBuilder.create(sink, {
    ...{ engine, tracks: [track], uid },
    ...(signing === undefined ? {} : { signing }),
    ...(secrecy === undefined ? {} : { secrecy }),
    ...(blindSeed === undefined ? {} : { blindSeed }),
  });
  const hash = createSha256();
  let bytes = 0;
  for await (const block of tokenizer.encode(input.pieces())) {
    signal.throwIfAborted();
    hash.update(block.bytes);
    bytes += block.bytes.length;
    const { ptsMicros: pts, isKey: key } = block.token;
    const token = { pts, key, duration: block.durationMicros, size: block.bytes.length };
    await builder.addBlock({ track: TRACK, tokens: [token], bytes: block.bytes });
    onProgress(bytes);
  }
  const digest = hash.digest();
  await assertUnchanged(input, bytes, digest, options.expectedSha256);
  const source: SourceInfo = {
    ...(input.name === undefined ? {} : { name: input.name }),
    bytes,
    // Everybody reads META: with the hash of what is hidden, or redacted later, whoever guesses it would know that the guess
    // is right.
    ...(secrecy === undefined && blindSeed === undefined ? { sha256: toHex(digest) } : {}),
    media_type: options.mediaType,
  };
  const summary = await builder.close({ source });
  const signed = signing === undefined ? {} : { signed: signedBy(signing.signer) };
  const hidden = secrecy === undefined ? {} : { hidden: secrecy.mode };
  return { ...summary, uid, engine: engine.info(), source, ...hidden, ...signed };
}

/** The uid was made from the first read, and name and hash are of one file: what has changed meanwhile is refused. */
async function assertUnchanged(
  input: MediaInput,
  bytes: number,
  digest: Uint8Array,
  expected: Uint8Array | undefined,
): Promise<void> {
  const isWhole = input.bytes === undefined || input.bytes === bytes;
  const isExpected = expected === undefined || equalBytes(expected, digest);
  if (isWhole && isExpected && (await input.isUnchanged())) return;
  throw new H4Error(
    'H4_IO',
    `Cannot export ${input.name ?? 'the input'}: it changed while it was read; export a copy that nobody writes to`,
  );
}
