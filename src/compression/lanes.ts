/**
 * Arithmetic on four bytes at once, as the lanes of one int32. No lane disturbs its neighbour: the high bit of each, which
 * would carry or borrow, is worked out apart by exclusive or.
 */

const HIGH_BITS = 0x80808080 | 0;
const LOW_BITS = 0x7f7f7f7f;
const ONES = 0x01010101;

/** `byte` in every lane. */
export function spread(byte: number): number {
  return Math.imul(byte, ONES);
}

/** x + y in every lane, modulo 256. */
export function addLanes(x: number, y: number): number {
  return ((x & LOW_BITS) + (y & LOW_BITS)) ^ ((x ^ y) & HIGH_BITS);
}

/** x - y in every lane, modulo 256. */
export function subtractLanes(x: number, y: number): number {
  return ((x | HIGH_BITS) - (y & LOW_BITS)) ^ ((x ^ ~y) & HIGH_BITS);
}

/** 1 in every lane that is not 0: adding 0x7f carries into the high bit exactly if a lower bit is set. */
export function nonZeroLanes(x: number): number {
  return ((((x & LOW_BITS) + LOW_BITS) | x) >>> 7) & ONES;
}

/** The sum of the four lanes. */
export function sumLanes(x: number): number {
  return (x & 0xff) + ((x >>> 8) & 0xff) + ((x >>> 16) & 0xff) + (x >>> 24);
}
