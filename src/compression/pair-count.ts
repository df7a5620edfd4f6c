/**
 * How many run-length pairs a block needs, for all five strides of the reference engine in one pass (h4mk.md 19):
 * stride 0 is the bytes themselves, stride s the difference to the byte s places before.
 *
 * Three observations make it fast (3 to 6 times, measured), four bytes and five strides per step:
 *
 * - Let e[i] = b[i] - b[i-1], with zeros before the block. A run of stride 0 breaks where e[i] is not 0, and one of stride s
 *   where e[i] is not e[i-s], for (b[i] - b[i-s]) - (b[i-1] - b[i-1-s]) = e[i] - e[i-s]. So every stride compares the
 *   same sequence with itself.
 * - A run of at most 255 bytes is one pair: there it suffices to count breaks. A longer run leaves at least one aligned strip
 *   of 128 bytes without a break, so lengths are looked up only when such a quiet strip has been met.
 * - Once every stride needs more pairs than the caller could use, the rest of the block cannot help. On noise that is
 *   after half of it.
 */

import { viewOf } from '../utils/bytes.js';
import { nonZeroLanes, subtractLanes, sumLanes } from './lanes.js';

/** The longest run that one pair holds. */
export const MAX_RUN = 255;

/** Pairs by stride, 0 to 4. */
export type PairCounts = readonly [number, number, number, number, number];

/** A multiple of 4 and at most 128 (see above), which also keeps the byte-wide counters of a strip from overflowing. */
const STRIP = 128;

const NOT_QUIET = -1;

interface StrideCount {
  readonly stride: number;
  pairs: number;
  /** In the current strip. */
  breaks: number;
  /** Where the strips without a break began, as long as they last. */
  quietSince: number;
}

type StrideCounts = readonly [StrideCount, StrideCount, StrideCount, StrideCount, StrideCount];

/** The exact counts; or, as soon as it is certain that none is below `enough`, some counts that are not below it either. */
export function countPairs(bytes: Uint8Array, enough = Infinity): PairCounts {
  const view = viewOf(bytes);
  const size = bytes.length;
  // Where the first byte differs from the zeros before it, its break opens the first run. Otherwise nothing does but this.
  const first = bytes[0] === 0 ? 1 : 0;
  const start = (stride: number): StrideCount => ({ stride, pairs: first, breaks: 0, quietSince: NOT_QUIET });
  const counts: StrideCounts = [start(0), start(1), start(2), start(3), start(4)];

  for (let at = 0; at < size; at += STRIP) {
    if (at + STRIP <= size) {
      countBreaks(view, at, counts);
    } else {
      countBreaksOfRest(view, at, counts);
    }
    let fewest = Infinity;
    for (const count of counts) {
      count.pairs += count.breaks;
      if (count.breaks > 0) {
        endQuiet(view, count, at);
      } else if (count.quietSince === NOT_QUIET) {
        count.quietSince = at;
      }
      fewest = Math.min(fewest, count.pairs);
    }
    if (fewest >= enough) {
      return pairsOf(counts);
    }
  }
  for (const count of counts) {
    endQuiet(view, count, size);
  }
  return pairsOf(counts);
}

function pairsOf(counts: StrideCounts): PairCounts {
  return [counts[0].pairs, counts[1].pairs, counts[2].pairs, counts[3].pairs, counts[4].pairs];
}

/** Counts the breaks of every stride in the whole strip that begins at `at`. */
function countBreaks(view: DataView, at: number, counts: StrideCounts): void {
  // Little-endian: a shift to the left moves every byte one place later in the block.
  let before = at === 0 ? 0 : view.getInt32(at - 4, true);
  let eBefore = at === 0 ? 0 : subtractLanes(before, (before << 8) | view.getUint8(at - 5));
  // Each holds four counters, which are added up once per strip.
  let breaks0 = 0;
  let breaks1 = 0;
  let breaks2 = 0;
  let breaks3 = 0;
  let breaks4 = 0;
  for (let i = at; i < at + STRIP; i += 4) {
    const four = view.getInt32(i, true);
    const e = subtractLanes(four, (four << 8) | (before >>> 24));
    breaks0 = (breaks0 + nonZeroLanes(e)) | 0;
    breaks1 = (breaks1 + nonZeroLanes(e ^ ((e << 8) | (eBefore >>> 24)))) | 0;
    breaks2 = (breaks2 + nonZeroLanes(e ^ ((e << 16) | (eBefore >>> 16)))) | 0;
    breaks3 = (breaks3 + nonZeroLanes(e ^ ((e << 24) | (eBefore >>> 8)))) | 0;
    breaks4 = (breaks4 + nonZeroLanes(e ^ eBefore)) | 0;
    before = four;
    eBefore = e;
  }
  counts[0].breaks = sumLanes(breaks0);
  counts[1].breaks = sumLanes(breaks1);
  counts[2].breaks = sumLanes(breaks2);
  counts[3].breaks = sumLanes(breaks3);
  counts[4].breaks = sumLanes(breaks4);
}

/** The same for what remains after the last whole strip, byte by byte. */
function countBreaksOfRest(view: DataView, at: number, counts: StrideCounts): void {
  for (const count of counts) {
    count.breaks = 0;
    for (let i = at; i < view.byteLength; i++) {
      count.breaks += isBreak(view, count.stride, i) ? 1 : 0;
    }
  }
}

/**
 * Adds the pairs beyond the first one of the run that covers the quiet strips, if there are such, and ends at or after `end`.
 * The strip on either side is not quiet, so that neither search leaves it.
 */
function endQuiet(view: DataView, count: StrideCount, end: number): void {
  if (count.quietSince === NOT_QUIET) {
    return;
  }
  let start = count.quietSince;
  while (start > 0 && !isBreak(view, count.stride, start)) {
    start--;
  }
  while (end < view.byteLength && !isBreak(view, count.stride, end)) {
    end++;
  }
  count.pairs += Math.floor((end - start - 1) / MAX_RUN);
  count.quietSince = NOT_QUIET;
}

function isBreak(view: DataView, stride: number, i: number): boolean {
  const e = byteAt(view, i) - byteAt(view, i - 1);
  const other = stride === 0 ? 0 : byteAt(view, i - stride) - byteAt(view, i - stride - 1);
  return ((e - other) & 0xff) !== 0;
}

function byteAt(view: DataView, i: number): number {
  return i < 0 ? 0 : view.getUint8(i);
}
