/**
 * SHA-256 of a whole file, over the very bytes that a check read: a second reading could meet another file. The check walks
 * from the first byte to the last; what it left unread, because the file breaks before, is read at the end.
 */
import { type ByteSource, canHashSource, type HashingSource } from '../../container/io/io.js';
import { toHex } from '../../utils/bytes.js';
import { createSha256, type RunningHash } from '../../utils/sha256.js';

const PIECE_BYTES = 1024 * 1024;

export interface HashedSource {
  /** Reads through to the source, and hashes what is read in the order of the file. */
  readonly source: ByteSource;
  /** Hex digits of the hash of the whole source. */
  readonly digest: (signal?: AbortSignal) => Promise<string>;
}

export function hashWhileReading(source: ByteSource): HashedSource {
  let hash: RunningHash = createSha256();
  let hashed = 0;
  const read = async (start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> => {
    const bytes = await source.read(start, end, signal);
    if (start === 0) {
      // The look at the end of a tiny file begins at its first byte; the walk that counts comes after it.
      hash = createSha256();
      hashed = 0;
    }
    if (start === hashed) {
      hash.update(bytes);
      hashed = end;
    }
    return bytes;
  };
  const reading: ByteSource = { size: source.size, read, close: () => source.close() };
  const hashing: HashingSource | undefined = canHashSource(source)
    ? { ...reading, sha256: (start, end, signal) => source.sha256(start, end, signal) }
    : undefined;
  return {
    source: hashing ?? reading,
    async digest(signal) {
      while (hashed < source.size) await read(hashed, Math.min(hashed + PIECE_BYTES, source.size), signal);
      return toHex(hash.digest());
    },
  };
}
