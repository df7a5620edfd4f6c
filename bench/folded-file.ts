/**
 * A recording of any length that needs neither disk nor memory: all its blocks are the same one, of which only the
 * positions are kept. What it costs to write, verify and read it is what the container costs.
 */

import type { ByteSink, ByteSource } from 'harmony4/container';

interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

export class FoldedFile implements ByteSink, ByteSource {
  readonly #block: Uint8Array;
  readonly #pieces: Piece[] = [];
  #length = 0;

  /** Only writes of `block`, in the memory where it lies, cost nothing; everything else is copied. */
  constructor(block: Uint8Array) {
    this.#block = block;
  }

  get length(): number {
    return this.#length;
  }

  get size(): number {
    return this.#length;
  }

  write(bytes: Uint8Array): undefined {
    const { buffer, byteOffset, length } = this.#block;
    const isBlock = bytes.buffer === buffer && bytes.byteOffset === byteOffset && bytes.length === length;
    this.#pieces.push({ start: this.#length, bytes: isBlock ? this.#block : bytes.slice() });
    this.#length += bytes.length;
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  abort(): Promise<void> {
    return Promise.resolve();
  }

  read(start: number, end: number): Promise<Uint8Array> {
    const target = new Uint8Array(end - start);
    for (let i = this.#pieceAt(start), at = start; at < end; i++) {
      const piece = this.#pieces[i];
      if (piece === undefined) {
        return Promise.reject(new RangeError(`Cannot read [${start}, ${end}) of ${this.#length} bytes`));
      }
      const bytes = piece.bytes.subarray(at - piece.start, end - piece.start);
      target.set(bytes, at - start);
      at += bytes.length;
    }
    return Promise.resolve(target);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The number of the last piece that starts at or before `position`. */
  #pieceAt(position: number): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if ((this.#pieces[middle]?.start ?? Infinity) <= position) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
