/** The one check that every source makes of the range it is asked for. */

import { H4Error } from '../utils/error.js';

/** A half-open range of bytes. */
export type ByteRange = readonly [start: number, end: number];

/** Throws `H4_PARAM` unless `[start, end)` is a range of integers within `size` bytes. `what` names the source. */
export function assertRange(start: number, end: number, size: number, what: string): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end || end > size) {
    throw new H4Error('H4_PARAM', `Cannot read [${start}, ${end}) of ${what}: it has ${size} bytes`, {
      detail: { start, end, size },
    });
  }
}
