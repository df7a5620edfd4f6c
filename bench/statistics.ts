/** The little statistics that a noisy machine needs: medians, of pairs where two things are compared. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  if (low === undefined || high === undefined) {
    throw new RangeError('There is no median of nothing');
  }
  return (low + high) / 2;
}

export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** How often `seconds` goes into `referenceSeconds`, both of the same rounds: above 1 means faster than the reference. */
export function speedRatio(seconds: readonly number[], referenceSeconds: readonly number[]): Ratio {
  const ratios = seconds.map((value, round) => (referenceSeconds[round] ?? NaN) / value);
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}
