/**
 * Writing of a record of known size, field by field, big-endian; the counterpart of `ByteCursor`. The size is announced
 * first and must be met exactly: a layout that disagrees with its size is a defect of the caller, not of the data.
 */

import { viewOf } from './bytes.js';
import { H4Error } from './error.js';
import { isSafeU64, writeU64 } from './u64.js';

export class ByteBuilder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #length = 0;

  constructor(size: number) {
    if (!isSafeU64(size)) {
      throw new H4Error('H4_PARAM', `Cannot build ${size} bytes: not a size`);
    }
    this.#bytes = new Uint8Array(size);
    this.#view = viewOf(this.#bytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#view.setUint8(this.#advance(1), inRange(value, 0, 0xff, 'u8'));
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#advance(2), inRange(value, 0, 0xffff, 'u16'));
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#advance(4), inRange(value, 0, 0xffff_ffff, 'u32'));
    return this;
  }

  i32(value: number): this {
    this.#view.setInt32(this.#advance(4), inRange(value, -0x8000_0000, 0x7fff_ffff, 'i32'));
    return this;
  }

  /** At most 2^53-1; above that `H4_LIMIT_U64`. */
  u64(value: number): this {
    writeU64(this.#view, this.#advance(8), value);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#advance(value.length));
    return this;
  }

  zeros(length: number): this {
    if (!isSafeU64(length)) {
      throw new H4Error('H4_PARAM', `Cannot write ${length} zeros: not a length`);
    }
    this.#advance(length);
    return this;
  }

  /** The record itself, not a copy; the builder is full and cannot change it any more. */
  finish(): Uint8Array {
    if (this.#length !== this.#bytes.length) {
      throw new H4Error(
        'H4_INTERNAL',
        `Cannot finish a record of ${this.#bytes.length} bytes: ${this.#length} were written`,
      );
    }
    return this.#bytes;
  }

  #advance(length: number): number {
    const start = this.#length;
    if (length > this.#bytes.length - start) {
      throw new H4Error(
        'H4_INTERNAL',
        `Cannot write ${length} bytes at byte ${start} of a record of ${this.#bytes.length} bytes`,
      );
    }
    this.#length = start + length;
    return start;
  }
}

function inRange(value: number, min: number, max: number, field: string): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new H4Error('H4_PARAM', `Cannot write ${value} as ${field}: expected an integer from ${min} to ${max}`);
  }
  return value;
}
