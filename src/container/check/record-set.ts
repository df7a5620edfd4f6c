/** A set of record numbers below a limit, at one bit for each number up to the largest: two megabytes at the default limit. */
export class RecordSet {
  readonly #limit: number;
  #words = new Uint32Array(0);

  /** @param limit numbers from this one on are no records that a reader takes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(seq: number): void {
    if (seq >= this.#limit) return;
    const word = seq >>> 5;
    if (word >= this.#words.length) {
      const grown = new Uint32Array(Math.max(word + 1, 2 * this.#words.length));
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (seq & 31));
  }

  has(seq: number): boolean {
    return seq < this.#limit && (((this.#words[seq >>> 5] ?? 0) >>> (seq & 31)) & 1) === 1;
  }

  /** In ascending order. */
  *[Symbol.iterator](): Generator<number, void> {
    for (const [at, word] of this.#words.entries()) {
      for (let bit = 0; bit < 32; bit++) if (((word >>> bit) & 1) === 1) yield at * 32 + bit;
    }
  }
}
