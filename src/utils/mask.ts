/**
 * The mask of AES-256-CTR: a keystream that is added to bytes, and added again takes itself away (specification, section 12). It
 * hides, and authenticates nothing.
 */

import { platform } from '#platform';
import { utf8Encode, viewOf } from './bytes.js';
import { H4Error } from './error.js';
import { hkdf } from './hkdf.js';
import { writeU64 } from './u64.js';

export const MASK_KEY_BYTES = 32;
export const MASK_COUNTER_BYTES = 16;

export const MASK_SALT_BYTES = 32;
const BLOCK_BYTES = 16;
const COUNTER_LOW_AT = 8;
const FILE_INFO = utf8Encode('h4mk/v1/mask-file');

/** `bytes` under the keystream that begins with the block `counter`; the counter has 128 bits. */
export function aes256Ctr(key: Uint8Array, counter: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (key.length !== MASK_KEY_BYTES || counter.length !== MASK_COUNTER_BYTES) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot use AES-256-CTR with a key of ${key.length} bytes and a counter of ${counter.length}: it has ${MASK_KEY_BYTES} and ${MASK_COUNTER_BYTES}`,
    );
  }
  return platform.aes256Ctr(key, counter, bytes);
}

/**
 * The mask of a plain file: one keystream from the first byte to the last, under a key that HKDF-SHA-256 makes of `key` and
 * `salt`. Pieces of any size give the same bytes, and a second stream with the same key and salt takes the mask away.
 *
 * Two files under one key and salt leak their XOR: a file must have a salt of its own.
 */
export class MaskStream {
  readonly #key: Uint8Array;
  /** Bytes so far. */
  #position = 0;

  /** `key` is at least 32 uniformly random bytes, never a password; `salt` is 32 bytes, and need not be secret. `H4_PARAM` otherwise. */
  constructor(key: Uint8Array, salt: Uint8Array) {
    if (key.length < MASK_KEY_BYTES || salt.length !== MASK_SALT_BYTES) {
      throw new H4Error(
        'H4_PARAM',
        `Cannot mask with a key of ${key.length} bytes and a salt of ${salt.length}: it has at least ${MASK_KEY_BYTES}, and ${MASK_SALT_BYTES}`,
      );
    }
    this.#key = hkdf(key, salt, FILE_INFO, MASK_KEY_BYTES);
  }

  /** The next bytes, masked, in an array of their own. */
  update(bytes: Uint8Array): Uint8Array {
    const begun = this.#position % BLOCK_BYTES;
    const counter = new Uint8Array(MASK_COUNTER_BYTES);
    // A file does not get as far as the upper half of the counter: 2^53 bytes are 2^49 blocks.
    writeU64(viewOf(counter), COUNTER_LOW_AT, (this.#position - begun) / BLOCK_BYTES);
    this.#position += bytes.length;
    if (begun === 0) {
      return platform.aes256Ctr(this.#key, counter, bytes);
    }
    const padded = new Uint8Array(begun + bytes.length);
    padded.set(bytes, begun);
    return platform.aes256Ctr(this.#key, counter, padded).slice(begun);
  }
}
