/**
 * The blocks of a legacy file: how long each is when decompressed, and so where each starts in the concatenation of all
 * (spec/h4mk.md section 13, rules 5 and 7). Nothing is decompressed: the lengths are sums over the run-length pairs.
 */
import { H4Error } from '../utils/error.js';
import type { Limits } from './limits.js';

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
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Appends a length as `legacyBlockBytes` gives it. */
  push(bytes: number): void {
    const segment = (this.#segments[Math.floor(this.#count / SEGMENT_BLOCKS)] ??= new Uint32Array(SEGMENT_BLOCKS));
    segment[this.#count % SEGMENT_BLOCKS] = bytes;
    this.#count++;
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
