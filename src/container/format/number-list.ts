/** A growing list of numbers: 8 bytes each, in segments, so that growing neither copies nor leaves anything behind. */
const SEGMENT = 16_384;

export class NumberList {
  readonly #segments: Float64Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const segment = (this.#segments[Math.floor(this.#length / SEGMENT)] ??= new Float64Array(SEGMENT));
    segment[this.#length % SEGMENT] = value;
    this.#length++;
  }

  at(index: number): number | undefined {
    return index < this.#length ? this.#segments[Math.floor(index / SEGMENT)]?.[index % SEGMENT] : undefined;
  }
}
