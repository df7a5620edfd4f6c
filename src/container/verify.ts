/** A full check of one file or of one stream: every byte of it is looked at, and nothing in it is believed. */
import { type RunningHash, createSha256 } from '../utils/sha256.js';
import { CheckRun } from './check-run.js';
import { ChunkStream } from './chunk-stream.js';
import type { RecordObserver } from './content-check.js';
import { type ByteFeed, WatchedFeed, createSourceFeed } from './feed.js';
import { type ByteSource, type HashingSource, canHashSource } from './io/io.js';
import { HEADER_BYTES, TAIL_CHUNK_BYTES } from './layout.js';
import { type Limits, createLimits } from './limits.js';
import type { VerificationReport } from './report.js';
import { type Tail, endsInTail, tailAtEnd } from './tail.js';

export type { VerificationReport, VerificationState } from './report.js';

export interface VerifyOptions {
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
  /** Called now and then with the number of bytes checked so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** Below this, another thread costs more than it saves. */
const MIN_PARALLEL_BYTES = 8 * 1024 * 1024;

const PROGRESS_BYTES = 1024 * 1024;

/** Checks a whole file. Rejects only if the source cannot be read; everything about the file is in the report. */
export const verifyContainer = async (source: ByteSource, options: VerifyOptions = {}): Promise<VerificationReport> => {
  const { signal } = options;
  const limits = createLimits(options.limits);
  const last = await source.read(Math.max(0, source.size - TAIL_CHUNK_BYTES), source.size, signal);
  const tail = tailAtEnd(last, source.size);
  const veri = createVeri(source, tail, signal);
  const feed = createSourceFeed(source, signal === undefined ? {} : { signal });
  const stream = new ChunkStream(feed, limits, veri.running);
  const run = new CheckRun({
    stream,
    limits,
    endState: tail?.state,
    endsInTail: () => endsInTail(last, source.size),
    digest: (offset) => veri.digest(stream, offset),
    ...(signal === undefined ? {} : { signal }),
  });
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

export interface StreamRun {
  readonly run: CheckRun;
  /** Bytes that have arrived so far. */
  readonly received: () => number;
  /** Hash of everything checked so far but the file header, as it stands. */
  readonly hashSoFar: () => RunningHash;
}

/** A check that can be driven step by step while the bytes arrive. */
export const createStreamRun = (
  feed: ByteFeed,
  limits: Limits,
  options: {
    readonly signal?: AbortSignal;
    readonly observe?: RecordObserver;
    /** Default: whether what has arrived ends in a TAIL. */
    readonly endsInTail?: () => boolean;
  },
): StreamRun => {
  const watched = new WatchedFeed(feed, TAIL_CHUNK_BYTES);
  const hash = createSha256();
  const stream = new ChunkStream(watched, limits, hash);
  const { signal, observe } = options;
  const run = new CheckRun({
    stream,
    limits,
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

const walk = async (run: CheckRun, onProgress: ((bytes: number) => void) | undefined): Promise<void> => {
  let reported = 0;
  while (await run.step()) {
    if (run.offset - reported >= PROGRESS_BYTES) onProgress?.((reported = run.offset));
  }
  onProgress?.(run.offset);
};

/** Gives the hash of the bytes before VERI: from the walk itself, or from the source while the walk goes on. */
interface Veri {
  readonly running: RunningHash | undefined;
  digest(stream: ChunkStream, offset: number): Uint8Array | Promise<Uint8Array>;
}

const createVeri = (source: ByteSource, tail: Tail | undefined, signal: AbortSignal | undefined): Veri => {
  if (tail !== undefined && canHashSource(source) && source.size >= MIN_PARALLEL_BYTES) {
    return createParallelVeri(source, tail.veri, signal);
  }
  const running = createSha256();
  return { running, digest: (stream, offset) => digestUpTo(stream, running, offset) };
};

const digestUpTo = (stream: ChunkStream, running: RunningHash, offset: number): Uint8Array => {
  stream.hashUpTo(offset);
  return running.copy().digest();
};

const createParallelVeri = (source: HashingSource, hint: number, signal: AbortSignal | undefined): Veri => {
  // The hint comes from the file: if it is wrong, the right range is hashed when VERI is reached.
  const isPlausible = hint > HEADER_BYTES && hint < source.size;
  const early = isPlausible ? source.sha256(HEADER_BYTES, hint, signal) : undefined;
  early?.catch(() => undefined);
  return {
    running: undefined,
    digest: (_stream, offset) =>
      early !== undefined && offset === hint ? early : source.sha256(HEADER_BYTES, offset, signal),
  };
};
