/**
 * The blocks of a legacy file: where each stands in the file, how long each is when decompressed, and so where each starts in
 * the concatenation of all (spec/h4mk.md section 13, rules 5 and 7). Nothing is decompressed: the lengths are sums over the
 * run-length pairs.
 */
import { H4Error } from '../../utils/error.js';
import type { Limits } from '../format/limits.js';
import { firstIndex } from '../format/seek.js';

/** Lengths are kept in 32 bits, whatever the limits allow. */
const MAX_U32 = 0xffffffff;

/** Decompressed length of one CORE, without allocating; the runs are attacker-controlled. */
export const legacyBlockBytes = (pairs: Uint8Array, limits: Limits): number => {
  if (pairs.length % 2 !== 0) {
    throw new H4Error('H4_RLE_ODD', `CORE has ${pairs.length} bytes, which are not whole pairs`);
  }
  let bytes = 0;
  for (let at = 1; at < pairs.length; at += 2) {
    const run = pairs[at] ?? 0;
    if (run === 0) throw new H4Error('H4_RLE_ZERO_RUN', `The pair at byte ${at - 1} of CORE has a run of 0`);
    bytes += run;
  }
  const limit = Math.min(limits.maxBlockBytes, MAX_U32);
  if (bytes > limit) {
    const message = `CORE decompresses to ${bytes} bytes; the limit is ${limit}`;
    throw new H4Error('H4_LIMIT_BLOCK', message);
  }
  return bytes;
};

const SEGMENT_BLOCKS = 16_384;

/** Lengths of all blocks in order: 4 bytes for each, in segments, so that growing never copies. */
export class BlockLengths {
  readonly #segments: Uint32Array[] = [];
  /** Where the first block of each segment starts. */
  readonly #starts: number[] = [];
  #count = 0;
  #total = 0;

  get count(): number {
    return this.#count;
  }

  /** Length of all blocks together: where the next one starts. */
  get total(): number {
    return this.#total;
  }

  /** Appends a length as `legacyBlockBytes` gives it. */
  push(bytes: number): void {
    const at = this.#count % SEGMENT_BLOCKS;
    if (at === 0) this.#starts.push(this.#total);
    const segment = (this.#segments[Math.floor(this.#count / SEGMENT_BLOCKS)] ??= new Uint32Array(SEGMENT_BLOCKS));
    segment[at] = bytes;
    this.#count++;
    this.#total += bytes;
  }

  /** Length of a block, or undefined where it has not been appended yet. */
  at(block: number): number | undefined {
    return block < this.#count ? this.#length(block) : undefined;
  }

  /** The first block that starts at `offset`, the one after the last included; undefined where none does. */
  startingAt(offset: number): number | undefined {
    const segment = Math.max(0, firstIndex(this.#starts.length, (k) => (this.#starts[k] ?? 0) >= offset) - 1);
    let block = segment * SEGMENT_BLOCKS;
    let start = this.#starts[segment] ?? 0;
    while (start < offset && block < this.#count) start += this.#length(block++);
    return start === offset ? block : undefined;
  }

  /** The first of the ascending `offsets` at which no block starts, or undefined. Time is linear in both. */
  firstMisplaced(offsets: Iterable<number>): number | undefined {
    let block = 0;
    let start = 0;
    for (const offset of offsets) {
      while (start < offset && block < this.#count) start += this.#length(block++);
      // The end of the last block is no start.
      if (start !== offset || block === this.#count) return offset;
    }
    return undefined;
  }

  #length(block: number): number {
    return this.#segments[Math.floor(block / SEGMENT_BLOCKS)]?.[block % SEGMENT_BLOCKS] ?? 0;
  }
}

export interface BlockPlace {
  /** File position of the CORE chunk. */
  readonly offset: number;
  /** Size of its payload. */
  readonly size: number;
  readonly crc: number;
}

interface Segment {
  readonly offsets: Float64Array;
  readonly sizes: Uint32Array;
  readonly crcs: Uint32Array;
}

/** Where the blocks are: 16 bytes for each, in segments, so that growing never copies. */
export class BlockPlaces {
  readonly #segments: Segment[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push({ offset, size, crc }: BlockPlace): void {
    const at = this.#count % SEGMENT_BLOCKS;
    const segment = (this.#segments[Math.floor(this.#count / SEGMENT_BLOCKS)] ??= {
      offsets: new Float64Array(SEGMENT_BLOCKS),
      sizes: new Uint32Array(SEGMENT_BLOCKS),
      crcs: new Uint32Array(SEGMENT_BLOCKS),
    });
    segment.offsets[at] = offset;
    segment.sizes[at] = size;
    segment.crcs[at] = crc;
    this.#count++;
  }

  at(index: number): BlockPlace {
    const segment = this.#segments[Math.floor(index / SEGMENT_BLOCKS)];
    const at = index % SEGMENT_BLOCKS;
    const [offset, size, crc] = [segment?.offsets[at], segment?.sizes[at], segment?.crcs[at]];
    if (index >= this.#count || offset === undefined || size === undefined || crc === undefined) {
      const last = this.#count === 0 ? 'it has none' : `they are numbered from 0 to ${this.#count - 1}`;
      throw new H4Error('H4_PARAM', `The file has no block ${index}: ${last}`, { detail: { field: 'index' } });
    }
    return { offset, size, crc };
  }
}
