/**
 * A full check of one file or of one stream: every byte of it is looked at, and nothing in it is believed. What it consists of,
 * in the order in which it happens, and where each part stands:
 *
 * 1. What is demanded    `Demands`: keys, policy, memory, chosen before the first byte is read.
 * 2. Header and chunks   `assertHeader`; `ChunkStream` cuts, bounds come before memory; `checkCrc`, `checkVeri`.
 * 3. Form                `FormSelector`: records, slice or legacy; `StreamCheck`, `SliceCheck`, `LegacyCheck` know what may
 *                        stand where.
 * 4. Records             `RecordFraming`, `RecordCheck` or `RunOrder`: numbers, times, positions; `ContentCheck`: commitments,
 *                        META, VOID; `HiddenCheck`: masked and encrypted blocks, given keys.
 * 5. Indexes             `IndexCheck`: TILE, SEEK, TAIL; `RunProofs`: PROF. All of it is computed again and compared.
 * 6. Signatures          `SignCheck`: SIGN and TIME are of this file and tree; `CheckpointTrust`: who signed, and whether that
 *                        counts; `StatementCheck`: what ATTS says, and who says so.
 * 7. Policy and memory   `policyFindings`: what is asked for and not there; `SeenHistory`: what was there before.
 * 8. State               `createReport`.
 *
 * Parts 2 to 6 go through the file once, chunk by chunk (`CheckRun`); 7 and 8 judge what they have left behind.
 */
import { type RunningHash, createSha256 } from '../../utils/sha256.js';
import { CheckRun } from './check-run.js';
import { ChunkStream } from '../source/chunk-stream.js';
import { type Demands, demandsOf } from './demands.js';
import { type ByteFeed, WatchedFeed, createSourceFeed } from '../source/feed.js';
import type { RecordObserver } from './format-check.js';
import type { ByteSource } from '../io/io.js';
import { TAIL_CHUNK_BYTES } from '../format/layout.js';
import { type Limits, createLimits } from '../format/limits.js';
import type { VerificationReport } from './report.js';
import { endsInTail, tailAtEnd } from '../format/tail.js';
import { createVeriDigest, digestUpTo } from './veri-digest.js';

export type { CheckpointInfo, VerificationReport, VerificationState } from './report.js';

/** Without a policy the structure is checked, and nothing is proven about origin. */
export interface VerifyOptions extends Demands {
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
  /** Is told of every record that is as it was committed to, in file order. */
  readonly observe?: RecordObserver;
  /** Called now and then with the number of bytes checked so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Checks a whole file. Rejects only if the source cannot be read, or if the options make no sense; everything about the file
 * is in the report.
 */
export const verifyContainer = async (source: ByteSource, options: VerifyOptions = {}): Promise<VerificationReport> => {
  const run = await createFileRun(source, options);
  await walk(run, options.onProgress);
  return run.report(source.size);
};

/**
 * Checks what arrives, from the first byte to the last, in pieces of any size. The report is that of the file which the
 * bytes make, with one exception: a slice without proofs is recognised by its last chunk only, and so is taken for a stream
 * of records, which it breaks the rules of. Where the walk ends early, `bytes` are those that had arrived.
 */
export const verifyStream = async (feed: ByteFeed, options: VerifyOptions = {}): Promise<VerificationReport> => {
  const { run, received } = createStreamRun(feed, createLimits(options.limits), options);
  await walk(run, options.onProgress);
  return run.report(received());
};

const PROGRESS_BYTES = 1024 * 1024;

const walk = async (run: CheckRun, onProgress: ((bytes: number) => void) | undefined): Promise<void> => {
  let reported = 0;
  while (await run.step()) {
    if (run.offset - reported >= PROGRESS_BYTES) onProgress?.((reported = run.offset));
  }
  onProgress?.(run.offset);
};

/** Of a file the end is known: what its last chunk is decides early, and its VERI can be computed beside the walk. */
const createFileRun = async (source: ByteSource, options: VerifyOptions): Promise<CheckRun> => {
  const { signal, observe } = options;
  const limits = createLimits(options.limits);
  const demands = demandsOf(options);
  const last = await source.read(Math.max(0, source.size - TAIL_CHUNK_BYTES), source.size, signal);
  const tail = tailAtEnd(last, source.size);
  const veri = createVeriDigest(source, tail, signal);
  const feed = createSourceFeed(source, signal === undefined ? {} : { signal });
  const stream = new ChunkStream(feed, limits, veri.running);
  return new CheckRun({
    stream,
    limits,
    demands,
    endState: tail?.state,
    endsInTail: () => endsInTail(last, source.size),
    digest: (offset) => veri.digest(stream, offset),
    ...(signal === undefined ? {} : { signal }),
    ...(observe === undefined ? {} : { observe }),
  });
};

export interface StreamRun {
  readonly run: CheckRun;
  /** Bytes that have arrived so far. */
  readonly received: () => number;
  /** Hash of everything checked so far but the file header, as it stands. */
  readonly hashSoFar: () => RunningHash;
}

export interface StreamRunOptions extends Demands {
  readonly signal?: AbortSignal;
  readonly observe?: RecordObserver;
  /** Default: whether what has arrived ends in a TAIL. */
  readonly endsInTail?: () => boolean;
}

/** A check that can be driven step by step while the bytes arrive. */
export const createStreamRun = (feed: ByteFeed, limits: Limits, options: StreamRunOptions): StreamRun => {
  const watched = new WatchedFeed(feed, TAIL_CHUNK_BYTES);
  const hash = createSha256();
  const stream = new ChunkStream(watched, limits, hash);
  const { signal, observe } = options;
  const run = new CheckRun({
    stream,
    limits,
    demands: demandsOf(options),
    endState: 'unknown',
    endsInTail: options.endsInTail ?? (() => endsInTail(watched.lastBytes, watched.bytes)),
    digest: (offset) => digestUpTo(stream, hash, offset),
    ...(signal === undefined ? {} : { signal }),
    ...(observe === undefined ? {} : { observe }),
  });
  const hashSoFar = (): RunningHash => {
    stream.hashUpTo(stream.offset);
    return hash.copy();
  };
  return { run, received: () => watched.bytes, hashSoFar };
};
