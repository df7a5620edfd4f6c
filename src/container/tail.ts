/**
 * TAIL: the 160-byte trailer from which a file is opened (spec/h4mk.md section 9.3). Every field is a hint, and a bad one
 * may cost a failure, never a wrong "verified".
 */
import { crc32 } from '../utils/crc32.js';
import { ByteBuilder } from '../utils/builder.js';
import { ByteCursor } from '../utils/cursor.js';
import { H4Error } from '../utils/error.js';
import { parseChunkHeader } from './chunk.js';
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
 * The TAIL that a file of `fileBytes` bytes ends with, given at least its last 172 bytes, or undefined where the file
 * does not end in one that has the right size, CRC and position.
 */
export const tailAtEnd = (lastBytes: Uint8Array, fileBytes: number): Tail | undefined => {
  if (lastBytes.length < TAIL_CHUNK_BYTES) return undefined;
  const offset = fileBytes - TAIL_CHUNK_BYTES;
  const bytes = lastBytes.subarray(lastBytes.length - TAIL_CHUNK_BYTES);
  try {
    const chunk = parseChunkHeader(bytes, 0, offset);
    const payload = bytes.subarray(CHUNK_HEADER_BYTES);
    if (chunk.tag !== 'TAIL' || chunk.size !== TAIL_BYTES || chunk.crc !== crc32(payload)) return undefined;
    const tail = parseTail(payload);
    return tail.self === offset ? tail : undefined;
  } catch {
    // What does not parse is no TAIL; the caller says what that means.
    return undefined;
  }
};
