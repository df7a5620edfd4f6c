/** SHA-256 over a range of an open file, the same on the calling thread and on a worker. */

import { createSha256 } from '../../utils/sha256.js';
import { type ReadAt, readFully, type ReadFailure } from './positioned-io.js';

/**
 * Two buffers of this size: one is hashed while the thread pool fills the other. Smaller ones lose to the turns of the
 * event loop (256 KiB is 10 % slower), larger ones leave the cache.
 */
const CHUNK_BYTES = 1024 * 1024;

export type HashOutcome =
  { readonly kind: 'digest'; readonly digest: Uint8Array } | { readonly kind: 'stopped' } | ReadFailure;

/** Hashes the bytes `[start, end)`; gives up at the next chunk once `isStopped`. Never rejects. */
export async function hashRange(
  readAt: ReadAt,
  start: number,
  end: number,
  isStopped: () => boolean = () => false,
): Promise<HashOutcome> {
  const hash = createSha256();
  const chunkBytes = Math.min(CHUNK_BYTES, end - start);
  let idle = new Uint8Array(chunkBytes);
  let piece = new Uint8Array(chunkBytes);
  let reading = readFully(readAt, piece, start);
  for (let at = start; at < end;) {
    const failure = await reading;
    if (failure !== undefined) {
      return failure;
    }
    if (isStopped()) {
      return { kind: 'stopped' };
    }
    at += piece.length;
    const next = idle.subarray(0, Math.min(chunkBytes, end - at));
    reading = readFully(readAt, next, at);
    hash.update(piece);
    idle = piece;
    piece = next;
  }
  return { kind: 'digest', digest: hash.digest() };
}
