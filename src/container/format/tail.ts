/**
 * TAIL: the 160-byte trailer from which a file is opened (spec/h4mk.md section 9.3). Every field is a hint, and a bad one
 * may cost a failure, never a wrong "verified".
 */
import { crc32 } from '../../utils/crc32.js';
import { ByteBuilder } from '../../utils/builder.js';
import { ByteCursor } from '../../utils/cursor.js';
import { H4Error } from '../../utils/error.js';
import { CHUNK_HEADER_BYTES, HASH_BYTES, TAIL_BYTES, TAIL_CHUNK_BYTES, TILE_LEVELS, type TailState } from './layout.js';

/** Offsets are absolute file positions of chunks; 0 means there is none. */
export interface Tail {
  /** Where this TAIL itself stands. */
  readonly self: number;
  readonly state: TailState;
  /** Number of records before this chunk. */
  readonly records: number;
  /** TOKN of the latest META record. */
  readonly meta: number;
  readonly seek: number;
  readonly veri: number;
  /** The latest SIGN. */
  readonly sign: number;
  /** The previous TAIL. */
  readonly prev: number;
  /** The latest TILE of each level. */
  readonly tiles: readonly number[];
  /** Root over `records` leaves; in a slice, the root that its proofs prove. */
  readonly root: Uint8Array;
}

export const encodeTail = (tail: Tail): Uint8Array => {
  const builder = new ByteBuilder(TAIL_BYTES).u64(tail.self).u8(tail.state).zeros(7);
  builder.u64(tail.records).u64(tail.meta).u64(tail.seek).u64(tail.veri).u64(tail.sign).u64(tail.prev);
  for (let level = 0; level < TILE_LEVELS; level++) builder.u64(tail.tiles[level] ?? 0);
  return builder.bytes(tail.root).finish();
};

export const parseTail = (payload: Uint8Array): Tail => {
  if (payload.length !== TAIL_BYTES) {
    throw new H4Error('H4_TAIL_LAYOUT', `TAIL has ${payload.length} bytes, not ${TAIL_BYTES}`);
  }
  const cursor = new ByteCursor(payload, 'H4_TAIL_LAYOUT', 'TAIL');
  const self = cursor.u64();
  const state = cursor.u8();
  if (state !== 0 && state !== 1 && state !== 2)
    throw new H4Error('H4_TAIL_LAYOUT', `TAIL has state ${state}, not 0, 1 or 2`);
  cursor.zeros(7);
  const [records, meta, seek, veri, sign, prev] = [
    cursor.u64(),
    cursor.u64(),
    cursor.u64(),
    cursor.u64(),
    cursor.u64(),
    cursor.u64(),
  ];
  const tiles = Array.from({ length: TILE_LEVELS }, () => cursor.u64());
  return { self, state, records, meta, seek, veri, sign, prev, tiles, root: cursor.take(HASH_BYTES) };
};

/**
 * Whether a file of `fileBytes` bytes ends in a TAIL of the right size, CRC and position, given at least its last 172 bytes. It
 * may be one that cannot be read here: it shows all the same that the file was not cut off before it.
 */
export const endsInTail = (lastBytes: Uint8Array, fileBytes: number): boolean => {
  const offset = fileBytes - TAIL_CHUNK_BYTES;
  const start = lastBytes.length - TAIL_CHUNK_BYTES;
  return start >= 0 && isTailAt(lastBytes.subarray(start), offset);
};

/** Whether these bytes are a TAIL chunk that says that it stands at `offset`. */
export const isTailAt = (chunk: Uint8Array, offset: number): boolean => {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const payload = chunk.subarray(CHUNK_HEADER_BYTES);
  return (
    chunk.length === TAIL_CHUNK_BYTES &&
    view.getUint32(0) === TAG &&
    view.getUint32(4) === TAIL_BYTES &&
    view.getUint32(8) === crc32(payload) &&
    view.getBigUint64(CHUNK_HEADER_BYTES) === BigInt(offset)
  );
};

/** "TAIL" */
const TAG = 0x5441494c;

/** The TAIL that a file ends with, under the conditions of `endsInTail`, or undefined where it has none that can be read. */
export const tailAtEnd = (lastBytes: Uint8Array, fileBytes: number): Tail | undefined => {
  if (!endsInTail(lastBytes, fileBytes)) return undefined;
  try {
    return parseTail(lastBytes.subarray(lastBytes.length - TAIL_BYTES));
  } catch {
    // What does not parse is of no use; the caller says what that means.
    return undefined;
  }
};
