/** Collects what arrives until it is a block: full, or cut because its time has come. Memory is one block. */

export interface CollectedBlock {
  /** Lent until the next byte is added. */
  readonly bytes: Uint8Array;
  /** When its first and its last byte arrived, in microseconds. */
  readonly firstMicros: number;
  readonly lastMicros: number;
}

export class BlockCollector {
  readonly #buffer: Uint8Array;
  #length = 0;
  #firstMicros = 0;
  #lastMicros = 0;

  constructor(blockBytes: number) {
    this.#buffer = new Uint8Array(blockBytes);
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get isFull(): boolean {
    return this.#length === this.#buffer.length;
  }

  /** Takes as many bytes as there is room for, and says how many. */
  add(piece: Uint8Array, micros: number): number {
    const taken = piece.subarray(0, this.#buffer.length - this.#length);
    if (this.isEmpty) this.#firstMicros = micros;
    this.#lastMicros = micros;
    this.#buffer.set(taken, this.#length);
    this.#length += taken.length;
    return taken.length;
  }

  /** What has been collected so far; the next byte begins another block. */
  take(): CollectedBlock {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    return { bytes, firstMicros: this.#firstMicros, lastMicros: this.#lastMicros };
  }
}
