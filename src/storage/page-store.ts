/** Pages by number, within a budget of bytes that is never exceeded: the least recently used go first. */

export class PageStore {
  readonly #budgetBytes: number;
  /** In the order of their last use. */
  readonly #pages = new Map<number, Uint8Array>();
  #bytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(page: number): boolean {
    return this.#pages.has(page);
  }

  get(page: number): Uint8Array | undefined {
    const bytes = this.#pages.get(page);
    if (bytes !== undefined) {
      this.#pages.delete(page);
      this.#pages.set(page, bytes);
    }
    return bytes;
  }

  /** Takes the pages from `first` on out of `run`. Each is a copy: a view of one page would hold the whole run in memory. */
  addRun(first: number, run: Uint8Array, pageBytes: number): void {
    for (let offset = 0, page = first; offset < run.length; offset += pageBytes, page++) {
      const bytes = run.subarray(offset, offset + pageBytes);
      this.#add(page, bytes.length === run.buffer.byteLength ? bytes : bytes.slice());
    }
  }

  clear(): void {
    this.#pages.clear();
    this.#bytes = 0;
  }

  #add(page: number, bytes: Uint8Array): void {
    this.#bytes += bytes.length - (this.#pages.get(page)?.length ?? 0);
    this.#pages.delete(page);
    this.#pages.set(page, bytes);
    for (const [oldest, held] of this.#pages) {
      if (this.#bytes <= this.#budgetBytes) return;
      this.#pages.delete(oldest);
      this.#bytes -= held.length;
    }
  }
}
