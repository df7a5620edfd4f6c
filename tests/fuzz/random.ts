/**
 * Random numbers for the fuzzer: the same seed gives the same numbers on every machine. A generator is named by a path of
 * numbers (seed, case, step), so that case N of a seed, or one step of it, is drawn again without what came before.
 */

/** Spreads 32 bits: neighbouring seeds must not give similar numbers. */
const mix = (value: number): number => {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
};

const WARM_UP = 12;

export class Random {
  readonly path: readonly number[];
  /** State of sfc32. */
  #a = 0x9e3779b9;
  #b = 0x243f6a88;
  #c = 0xb7e15162;
  #counter = 1;

  constructor(...path: readonly number[]) {
    this.path = path;
    for (const part of path) {
      this.#a ^= mix(part);
      this.#b ^= mix(Math.floor(part / 2 ** 32) + 0x5bd1e995);
      this.#c = mix(this.#c ^ this.#a);
      for (let i = 0; i < WARM_UP; i++) this.u32();
    }
  }

  /** A generator of its own, which does not depend on what has been drawn from this one. */
  fork(part: number): Random {
    return new Random(...this.path, part);
  }

  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** An integer in `[0, end)`; 0 where there is none. */
  below(end: number): number {
    return end <= 1 ? 0 : Math.floor(((this.u32() * 2 ** 21 + (this.u32() >>> 11)) / 2 ** 53) * end);
  }

  /** An integer in `[low, high]`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.u32() < probability * 2 ** 32;
  }

  pick<T>(list: readonly T[]): T {
    const value = list[this.below(list.length)];
    if (value === undefined) throw new RangeError('There is nothing to pick from');
    return value;
  }

  /** One of `list`, each as often as its weight says. */
  weighted<T>(list: readonly (readonly [weight: number, value: T])[]): T {
    let rest = this.below(list.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of list) {
      if (rest < weight) return value;
      rest -= weight;
    }
    return this.pick(list)[1];
  }

  bytes(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = this.u32();
    return bytes;
  }
}
