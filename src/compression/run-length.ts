/**
 * Run-length pairs (value u8, run u8 1..255) of a block or of its delta: the body of methods 1 to 5 of the reference engine
 * (h4mk.md 19) and, with stride 0, the CORE of legacy files (h4mk.md 13, rule 5).
 *
 * Encoding is count (`countPairs`), allocate, `encodePairs`. Decoding is `measurePairs`, compare, allocate, `expandPairs`, which
 * trusts that `out` is as long as was measured.
 */

import { viewOf } from '../utils/bytes.js';
import { addLanes, spread } from './lanes.js';
import { MAX_RUN } from './pair-count.js';

/** What pairs amount to. They are attacker-controlled: only `whole` may be expanded. */
export type PairsMeasure =
  | { readonly kind: 'whole'; readonly bytes: number }
  | { readonly kind: 'half-pair' }
  | { readonly kind: 'zero-run'; readonly at: number }
  | { readonly kind: 'too-long' };

/** Runs are compared byte by byte up to this length, then four bytes at a time. Above the largest stride. */
const NEAR = 8;

/** Shorter runs are written by the word, longer ones by `fill`, whose call costs as much as 64 bytes (measured). */
const SHORT_RUN = 64;

/**
 * Writes the greedy pairs of the delta of `bytes` with this stride (0: of the bytes themselves) to `out` from `at` on,
 * where `countPairs` has said how much room they need.
 */
export function encodePairs(bytes: Uint8Array, stride: number, out: Uint8Array, at: number): void {
  const view = viewOf(bytes);
  const size = bytes.length;
  // The first `lag` bytes stand for themselves; with stride 0 all do.
  const lag = stride === 0 ? size : stride;
  let start = 0;
  while (start < size) {
    const value = deltaAt(view, lag, start);
    const limit = Math.min(start + MAX_RUN, size);
    const near = Math.min(start + NEAR, limit);
    let end = start + 1;
    while (end < near && deltaAt(view, lag, end) === value) {
      end++;
    }
    if (end === near) {
      const values = spread(value);
      while (end + 4 <= limit && view.getInt32(end, true) === expectedFour(view, lag, end, values)) {
        end += 4;
      }
      while (end < limit && deltaAt(view, lag, end) === value) {
        end++;
      }
    }
    out[at++] = value;
    out[at++] = end - start;
    start = end;
  }
}

function deltaAt(view: DataView, lag: number, i: number): number {
  const byte = view.getUint8(i);
  return i < lag ? byte : (byte - view.getUint8(i - lag)) & 0xff;
}

/** The four bytes at `i` that continue a run of these delta values. */
function expectedFour(view: DataView, lag: number, i: number, values: number): number {
  return i < lag ? values : addLanes(view.getInt32(i - lag, true), values);
}

/** Adds up the runs, without allocating; stops where the sum exceeds `maxBytes`. */
export function measurePairs(pairs: Uint8Array, maxBytes: number): PairsMeasure {
  if (pairs.length % 2 !== 0) {
    return { kind: 'half-pair' };
  }
  const view = viewOf(pairs);
  let bytes = 0;
  for (let i = 1; i < pairs.length; i += 2) {
    const run = view.getUint8(i);
    if (run === 0) {
      return { kind: 'zero-run', at: i - 1 };
    }
    bytes += run;
    if (bytes > maxBytes) {
      return { kind: 'too-long' };
    }
  }
  return { kind: 'whole', bytes };
}

/** Writes out all runs. `out` has exactly the length that `measurePairs` found. */
export function expandPairs(pairs: Uint8Array, out: Uint8Array): void {
  const from = viewOf(pairs);
  const to = viewOf(out);
  const lastByWord = out.length - SHORT_RUN;
  let at = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    const value = from.getUint8(i);
    const end = at + from.getUint8(i + 1);
    if (end - at >= SHORT_RUN || at > lastByWord) {
      out.fill(value, at, end);
    } else {
      // Eight bytes per step overshoot the run, and the next run overwrites that: 3x faster than stopping at its end.
      const values = spread(value);
      for (; at < end; at += 8) {
        to.setInt32(at, values);
        to.setInt32(at + 4, values);
      }
    }
    at = end;
  }
}

/** Turns a delta with this stride back into bytes, in place: `stride` interleaved running sums. Stride 0 is no delta. */
export function undoDelta(bytes: Uint8Array, stride: number): void {
  const view = viewOf(bytes);
  for (let lane = 0; lane < stride; lane++) {
    let sum = 0;
    for (let i = lane; i < bytes.length; i += stride) {
      sum = (sum + view.getUint8(i)) & 0xff;
      view.setUint8(i, sum);
    }
  }
}
