/**
 * Bounded reading of a record from untrusted bytes: every read checks what remains, and refuses with the code of the
 * record. Integers are big-endian. The cursor never copies; what it hands out lives as long as the bytes under it.
 */

import { viewOf } from './bytes.js';
import type { ErrorCode } from './error-codes.js';
import { H4Error } from './error.js';
import { isSafeU64, readU64 } from './u64.js';

export class ByteCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #code: ErrorCode;
  readonly #what: string;
  #position = 0;

  /** `code` is thrown on every breach of bounds; `what` names the record in the message: `TAIL`. */
  constructor(bytes: Uint8Array, code: ErrorCode, what: string) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#code = code;
    this.#what = what;
  }

  /** Bytes read so far, which is the offset of the next one. */
  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1, 'a u8'));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2, 'a u16'));
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4, 'a u32'));
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4, 'an i32'));
  }

  /** A safe integer, or one of the two refusals of `readU64`. */
  u64(): number {
    return readU64(this.#view, this.#advance(8, 'a u64'), this.#what);
  }

  /** The next `length` bytes as a view, not a copy. */
  take(length: number): Uint8Array {
    const start = this.#advance(length, 'bytes');
    return this.#bytes.subarray(start, start + length);
  }

  /** Skips `length` bytes that must be zero. */
  zeros(length: number): void {
    const start = this.#advance(length, 'zeros');
    for (let at = start; at < start + length; at++) {
      if (this.#view.getUint8(at) !== 0) {
        throw new H4Error(
          this.#code,
          `Cannot read ${this.#what}: byte ${at} is ${this.#view.getUint8(at)}, expected 0`,
          { detail: { position: at } },
        );
      }
    }
  }

  /** Demands that everything has been read. */
  end(): void {
    if (this.remaining !== 0) {
      throw new H4Error(
        this.#code,
        `Cannot read ${this.#what}: ${this.remaining} bytes follow its end at byte ${this.#position}`,
        { detail: { position: this.#position, remaining: this.remaining } },
      );
    }
  }

  /** The position before advancing by `length`, which may be attacker-controlled. */
  #advance(length: number, field: string): number {
    const start = this.#position;
    if (length > this.remaining) {
      throw new H4Error(
        this.#code,
        `Cannot read ${this.#what}: ${field} at byte ${start} needs ${length} bytes, ${this.remaining} remain`,
        { detail: { position: start, needed: length, remaining: this.remaining } },
      );
    }
    // A negative length would step back over bytes already judged.
    if (!isSafeU64(length)) {
      throw new H4Error('H4_PARAM', `Cannot read ${length} bytes of ${this.#what}: not a length`);
    }
    this.#position = start + length;
    return start;
  }
}
