/**
 * Puts the reply of a process together from the pieces that arrive. The process is not trusted: only the one frame that is
 * expected is accepted, and its length is compared with what the call allows before there is memory for it.
 */
import { decodeHeader, HEADER_BYTES } from './frames.js';

export interface Reply {
  readonly kind: number;
  /** Nobody else has this memory. */
  readonly payload: Uint8Array;
}

export interface Expected {
  readonly sequence: number;
  /** Whether a reply of this kind may have this length. */
  allows(kind: number, length: number): boolean;
}

export class ReplyReader {
  readonly #header = new Uint8Array(HEADER_BYTES);
  #expected: Expected | undefined;
  #filled = 0;
  #kind = 0;
  #payload: Uint8Array | undefined;

  expect(expected: Expected): void {
    this.#expected = expected;
    this.#filled = 0;
    this.#payload = undefined;
  }

  /** The reply once it is whole. A text says why there cannot be one any more; then the process is beyond use. */
  push(chunk: Uint8Array): Reply | string | undefined {
    const expected = this.#expected;
    if (expected === undefined) return `it wrote ${chunk.length} bytes that nobody had asked for`;
    let rest = chunk;
    if (this.#payload === undefined) {
      const head = chunk.subarray(0, HEADER_BYTES - this.#filled);
      this.#header.set(head, this.#filled);
      this.#filled += head.length;
      if (this.#filled < HEADER_BYTES) return undefined;
      rest = chunk.subarray(head.length);
      const { kind, sequence, rawLength, length } = decodeHeader(this.#header);
      if (sequence !== expected.sequence || rawLength !== 0) return 'it answered another request';
      if (!expected.allows(kind, length)) return `it answered with ${length} bytes of kind ${kind.toString(16)}`;
      this.#kind = kind;
      this.#filled = 0;
      // Node makes a buffer of its own for every chunk: one with the whole reply is the result, without a copy.
      if (rest.length === length) return this.#complete(new Uint8Array(rest.buffer, rest.byteOffset, length));
      if (rest.length > length) return tooMuch(rest.length - length);
      const memory = Buffer.allocUnsafeSlow(length);
      this.#payload = new Uint8Array(memory.buffer, memory.byteOffset, length);
    }
    if (this.#filled + rest.length > this.#payload.length) {
      return tooMuch(this.#filled + rest.length - this.#payload.length);
    }
    this.#payload.set(rest, this.#filled);
    this.#filled += rest.length;
    return this.#filled < this.#payload.length ? undefined : this.#complete(this.#payload);
  }

  #complete(payload: Uint8Array): Reply {
    this.#expected = undefined;
    this.#payload = undefined;
    return { kind: this.#kind, payload };
  }
}

function tooMuch(bytes: number): string {
  return `it wrote ${bytes} bytes more than its answer`;
}
