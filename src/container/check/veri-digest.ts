/** The hash of what stands before VERI: from the walk itself, or from the source while the walk goes on. */
import { type RunningHash, createSha256 } from '../../utils/sha256.js';
import type { ChunkStream } from '../source/chunk-stream.js';
import { type ByteSource, type HashingSource, canHashSource } from '../io/io.js';
import { HEADER_BYTES } from '../format/layout.js';
import type { Tail } from '../format/tail.js';

export interface VeriDigest {
  /** To be driven by the walk; undefined where the source hashes. */
  readonly running: RunningHash | undefined;
  digest(stream: ChunkStream, offset: number): Uint8Array | Promise<Uint8Array>;
}

/** Below this, another thread costs more than it saves. */
const MIN_PARALLEL_BYTES = 8 * 1024 * 1024;

export const createVeriDigest = (
  source: ByteSource,
  tail: Tail | undefined,
  signal: AbortSignal | undefined,
): VeriDigest => {
  if (tail !== undefined && canHashSource(source) && source.size >= MIN_PARALLEL_BYTES) {
    return createParallelDigest(source, tail.veri, signal);
  }
  const running = createSha256();
  return { running, digest: (stream, offset) => digestUpTo(stream, running, offset) };
};

export const digestUpTo = (stream: ChunkStream, running: RunningHash, offset: number): Uint8Array => {
  stream.hashUpTo(offset);
  return running.copy().digest();
};

const createParallelDigest = (source: HashingSource, hint: number, signal: AbortSignal | undefined): VeriDigest => {
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
