/** The last stretch that was read of a source: what lies in it is not read again. Memory is that one stretch. */
import type { ByteSource } from '../io/io.js';

export class ReadWindow {
  readonly #source: ByteSource;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** File position after the stretch. */
  get end(): number {
    return this.#start + this.#bytes.length;
  }

  /** `[start, end)` as far as it lies in the stretch, without waiting; undefined where it has to be read. */
  held(start: number, end: number): Uint8Array | undefined {
    return start < this.#start || end > this.end
      ? undefined
      : this.#bytes.subarray(start - this.#start, end - this.#start);
  }

  /** `[start, end)`, which must lie in the source. If it has to be read, then `ahead` bytes at least, as far as there are. */
  async read(start: number, end: number, ahead: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const held = this.held(start, end);
    if (held !== undefined) return held;
    this.#bytes = await this.#source.read(start, Math.min(Math.max(end, start + ahead), this.#source.size), signal);
    this.#start = start;
    return this.#bytes.subarray(0, end - start);
  }
}
