/**
 * SEEK: the list of key records of the seek track, for simple readers (spec/h4mk.md section 9.1). Its entries are hints:
 * exact answers come from the tiles, and every answer is checked at the record itself.
 */
import { crc32 } from '../../utils/crc32.js';
import { H4Error } from '../../utils/error.js';
import { readU64, writeU64 } from '../../utils/u64.js';
import type { ByteSource } from '../io/io.js';
import { CHUNK_HEADER_BYTES, SEEK_ENTRY_BYTES, SEEK_HEAD_BYTES } from './layout.js';

export interface SeekEntry {
  readonly pts: number;
  /** File position of the key record's TOKN. */
  readonly offset: number;
}

/** More key records than this and SEEK keeps every second, fourth, ... of them. */
export const MAX_SEEK_ENTRIES = 2 ** 20;

const assertSeekSize = (size: number, count: number): void => {
  if (size !== SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * count) {
    throw new H4Error(
      'H4_SEEK_SIZE',
      `SEEK has ${size} bytes; with a count of ${count} it must have ${SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * count}`,
    );
  }
};

/** A SEEK payload held in memory: lookups cost O(log n) and decode only the entries they touch. */
export class SeekTable {
  readonly length: number;
  readonly #view: DataView;

  /** Refuses a payload whose length does not follow from its count, or whose entries are not strictly increasing. */
  constructor(payload: Uint8Array) {
    this.#view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (payload.length < SEEK_HEAD_BYTES) {
      throw new H4Error(
        'H4_SEEK_SIZE',
        `SEEK has ${payload.length} bytes, fewer than its ${SEEK_HEAD_BYTES}-byte count`,
      );
    }
    const count = this.#view.getUint32(0);
    assertSeekSize(payload.length, count);
    this.length = count;
    let previous = -1;
    for (let k = 0; k < count; k++) {
      const pts = this.#pts(k);
      if (pts <= previous) {
        throw new H4Error('H4_SEEK_ORDER', `SEEK entry ${k} has PTS ${pts}, which does not follow ${previous}`);
      }
      previous = pts;
    }
  }

  #pts(k: number): number {
    return readU64(this.#view, SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * k, 'SEEK.pts');
  }

  entry(k: number): SeekEntry {
    if (!Number.isInteger(k) || k < 0 || k >= this.length) {
      throw new H4Error('H4_PARAM', `SEEK has entries 0 to ${this.length - 1}, not ${k}`);
    }
    return {
      pts: this.#pts(k),
      offset: readU64(this.#view, SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * k + 8, 'SEEK.offset'),
    };
  }

  /** The last entry with a PTS of at most `pts`, or undefined if all are later. */
  find(pts: number): SeekEntry | undefined {
    const after = firstIndex(this.length, (k) => this.#pts(k) > pts);
    return after === 0 ? undefined : this.entry(after - 1);
  }
}

/** The lowest index in `[0, length)` for which `isBeyond` holds, else `length`; `isBeyond` must be monotone. */
export const firstIndex = (length: number, isBeyond: (index: number) => boolean): number => {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBeyond(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
};

const WINDOW_ENTRIES = (64 * 1024) / SEEK_ENTRY_BYTES;

/**
 * The last entry with a PTS of at most `pts` of the SEEK chunk at `chunkOffset`, found by reading 64 KiB windows of it
 * instead of the whole: O(log n) reads. The CRC is not checked and the size is believed only as far as the file reaches.
 */
export const findInSeekChunk = async (
  source: ByteSource,
  chunkOffset: number,
  pts: number,
  signal?: AbortSignal,
): Promise<SeekEntry | undefined> => {
  const start = chunkOffset + CHUNK_HEADER_BYTES;
  if (chunkOffset < 0 || start + SEEK_HEAD_BYTES > source.size) {
    throw new H4Error(
      'H4_INDEX_MISMATCH',
      `There is no SEEK chunk at offset ${chunkOffset}: the file has ${source.size} bytes`,
    );
  }
  const head = await source.read(chunkOffset, start + SEEK_HEAD_BYTES, signal);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (String.fromCharCode(...head.subarray(0, 4)) !== 'SEEK') {
    throw new H4Error('H4_INDEX_MISMATCH', `The chunk at offset ${chunkOffset} is not SEEK`);
  }
  const size = view.getUint32(4);
  const count = view.getUint32(CHUNK_HEADER_BYTES);
  assertSeekSize(size, count);
  if (start + size > source.size) {
    throw new H4Error(
      'H4_TRUNCATED',
      `SEEK at offset ${chunkOffset} declares ${size} bytes, which run past the end of the file`,
    );
  }
  let low = 0;
  let high = Math.ceil(count / WINDOW_ENTRIES);
  let found: SeekEntry | undefined;
  while (low < high) {
    const window = (low + high) >>> 1;
    const from = start + SEEK_HEAD_BYTES + window * WINDOW_ENTRIES * SEEK_ENTRY_BYTES;
    const bytes = await source.read(from, Math.min(from + WINDOW_ENTRIES * SEEK_ENTRY_BYTES, start + size), signal);
    const entries = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = bytes.length / SEEK_ENTRY_BYTES;
    const after = firstIndex(length, (k) => readU64(entries, SEEK_ENTRY_BYTES * k, 'SEEK.pts') > pts);
    if (after === 0) {
      high = window;
      continue;
    }
    const at = SEEK_ENTRY_BYTES * (after - 1);
    found = { pts: readU64(entries, at, 'SEEK.pts'), offset: readU64(entries, at + 8, 'SEEK.offset') };
    if (after < length) break;
    low = window + 1;
  }
  return found;
};

const SEGMENT_ENTRIES = 16_384;

/**
 * Collects SEEK while a file is written or checked. It thins as it grows: memory stays at 16 bytes for at most 2^20
 * entries, in segments, so that growing never copies.
 */
export class SeekBuilder {
  readonly #segments: Float64Array[] = [];
  #kept = 0;
  #seen = 0;
  /** Every stride-th key record is kept: a power of two. */
  #stride = 1;
  readonly #capacity: number;

  constructor(capacity: number = MAX_SEEK_ENTRIES) {
    this.#capacity = capacity;
  }

  get length(): number {
    return this.#kept;
  }

  push(pts: number, offset: number): void {
    if (this.#seen % this.#stride === 0) {
      if (this.#kept === this.#capacity) this.#thin();
      if (this.#seen % this.#stride === 0) this.#set(this.#kept++, pts, offset);
    }
    this.#seen++;
  }

  #thin(): void {
    const kept = Math.ceil(this.#kept / 2);
    for (let k = 0; k < kept; k++) this.#set(k, this.#get(2 * k, 0), this.#get(2 * k, 1));
    this.#segments.length = Math.ceil(kept / SEGMENT_ENTRIES);
    this.#kept = kept;
    this.#stride *= 2;
  }

  #get(k: number, field: 0 | 1): number {
    return this.#segments[Math.floor(k / SEGMENT_ENTRIES)]?.[2 * (k % SEGMENT_ENTRIES) + field] ?? 0;
  }

  #set(k: number, pts: number, offset: number): void {
    const segment = (this.#segments[Math.floor(k / SEGMENT_ENTRIES)] ??= new Float64Array(2 * SEGMENT_ENTRIES));
    segment[2 * (k % SEGMENT_ENTRIES)] = pts;
    segment[2 * (k % SEGMENT_ENTRIES) + 1] = offset;
  }

  /** Bytes of the payload. */
  get size(): number {
    return SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * this.#kept;
  }

  /** The payload in pieces of bounded size, each freshly made. */
  *pieces(): Generator<Uint8Array, void> {
    const head = new Uint8Array(SEEK_HEAD_BYTES);
    new DataView(head.buffer).setUint32(0, this.#kept);
    yield head;
    for (let from = 0; from < this.#kept; from += SEGMENT_ENTRIES) {
      const to = Math.min(from + SEGMENT_ENTRIES, this.#kept);
      const piece = new Uint8Array((to - from) * SEEK_ENTRY_BYTES);
      const view = new DataView(piece.buffer);
      for (let k = from; k < to; k++) {
        writeU64(view, (k - from) * SEEK_ENTRY_BYTES, this.#get(k, 0));
        writeU64(view, (k - from) * SEEK_ENTRY_BYTES + 8, this.#get(k, 1));
      }
      yield piece;
    }
  }

  crc(): number {
    let crc = 0;
    for (const piece of this.pieces()) crc = crc32(piece, crc);
    return crc;
  }
}
