/**
 * The gate for 64-bit integers (specification, sections 3 and 18): a value from the wire becomes a safe integer or an
 * error, and is never rounded. No BigInt outside the error path: it would allocate for every field read.
 */

import { H4Error } from './error.js';

/** The largest value this library represents. The format itself allows up to 2^63-1. */
export const MAX_U53 = Number.MAX_SAFE_INTEGER;

const TWO_POW_32 = 2 ** 32;
const MAX_U53_HIGH = 0x1fffff;
const MAX_U63_HIGH = 0x7fffffff;

/** Whether `value` can be written as a u64 and read back: an integer in `[0, 2^53-1]`. */
export function isSafeU64(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** The big-endian u64 at `offset`, which the caller has checked to lie within the view. `what` is named in the message. */
export function readU64(view: DataView, offset: number, what: string): number {
  const high = view.getUint32(offset);
  if (high > MAX_U53_HIGH) {
    throw tooLarge(high, view.getBigUint64(offset), what);
  }
  return high * TWO_POW_32 + view.getUint32(offset + 4);
}

/** Writes `value` as a big-endian u64 at `offset`. */
export function writeU64(view: DataView, offset: number, value: number): void {
  if (!isSafeU64(value)) {
    throw notWritable(value);
  }
  view.setUint32(offset, Math.floor(value / TWO_POW_32));
  view.setUint32(offset + 4, value >>> 0);
}

function tooLarge(high: number, value: bigint, what: string): H4Error {
  const detail = { value: value.toString() };
  return high > MAX_U63_HIGH
    ? new H4Error('H4_U64_RANGE', `Cannot read ${what}: ${detail.value} is above the format's limit 2^63-1`, { detail })
    : new H4Error('H4_LIMIT_U64', `Cannot read ${what}: ${detail.value} is above the reader's limit 2^53-1`, {
        detail,
      });
}

function notWritable(value: number): H4Error {
  return Number.isInteger(value) && value > MAX_U53
    ? new H4Error('H4_LIMIT_U64', `Cannot write ${value} as u64: the limit is 2^53-1`)
    : new H4Error('H4_PARAM', `Cannot write ${value} as u64: expected an integer from 0 to 2^53-1`);
}
