/** Where on the time axis a track has blocks and keyframes, in memory that does not depend on how long it is. */

export type TimeCell = 'none' | 'block' | 'key';

const BLOCK = 1;
const KEY = 2;

/**
 * Marks on a time axis of which neither end is known beforehand: whenever a time does not fit, neighbouring bins are merged
 * until it does. There are many more bins than a terminal has columns, so that merging does not show.
 */
export class TimeBins {
  readonly #bins = new Uint8Array(2048);
  #origin: number | undefined;
  #unitsPerBin = 1;
  /** Bins in use, counted from the origin. */
  #used = 0;

  mark(start: number, end: number, key: boolean): void {
    const origin = this.#include(start, Math.max(start, end - 1));
    const first = Math.floor((start - origin) / this.#unitsPerBin);
    const last = Math.max(first, Math.ceil((end - origin) / this.#unitsPerBin) - 1);
    for (let bin = first; bin <= last; bin++) this.#set(bin, BLOCK);
    if (key) this.#set(first, KEY);
    this.#used = Math.max(this.#used, last + 1);
  }

  /** Makes room for the times from `first` to `last`, and gives the origin. */
  #include(first: number, last: number): number {
    let origin = (this.#origin ??= first);
    for (;;) {
      const before = Math.max(0, Math.ceil((origin - first) / this.#unitsPerBin));
      const after = Math.max(this.#used, Math.floor((last - origin) / this.#unitsPerBin) + 1);
      if (before + after <= this.#bins.length) {
        if (before > 0) this.#bins.copyWithin(before, 0, this.#used).fill(0, 0, before);
        this.#used += before;
        origin -= before * this.#unitsPerBin;
        return (this.#origin = origin);
      }
      this.#merge();
    }
  }

  #set(bin: number, mark: number): void {
    this.#bins[bin] = (this.#bins[bin] ?? 0) | mark;
  }

  #merge(): void {
    const half = this.#bins.length / 2;
    for (let bin = 0; bin < half; bin++) {
      this.#bins[bin] = (this.#bins[2 * bin] ?? 0) | (this.#bins[2 * bin + 1] ?? 0);
    }
    this.#bins.fill(0, half);
    this.#unitsPerBin *= 2;
    this.#used = Math.ceil(this.#used / 2);
  }

  /** What lies in each of `columns` equal stretches of `[start, end)`. */
  resampled(start: number, end: number, columns: number): TimeCell[] {
    const perColumn = (end - start) / columns;
    const cells = new Uint8Array(columns);
    for (const [bin, marks] of this.#bins.entries()) {
      if (marks === 0) continue;
      const from = (this.#origin ?? 0) + bin * this.#unitsPerBin;
      const column = (time: number): number =>
        Math.min(columns - 1, Math.max(0, Math.floor((time - start) / perColumn)));
      const first = column(from);
      const middle = column(from + this.#unitsPerBin / 2);
      if ((marks & KEY) !== 0) cells[middle] = (cells[middle] ?? 0) | KEY;
      for (let cell = first; cell <= column(from + this.#unitsPerBin - 1); cell++)
        cells[cell] = (cells[cell] ?? 0) | BLOCK;
    }
    return Array.from(cells, (marks) => ((marks & KEY) !== 0 ? 'key' : marks === 0 ? 'none' : 'block'));
  }
}
