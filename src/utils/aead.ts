/** AES-256-GCM (SP 800-38D), with which blocks are encrypted (specification, section 12). */

import { platform } from '#platform';
import { H4Error } from './error.js';

export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

/**
 * Ciphertext and tag; `before` stands before them, which spares a copy. A nonce must not be used for two plaintexts under one
 * key.
 */
export function aes256GcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  header: Uint8Array,
  plain: Uint8Array,
  before?: Uint8Array,
): Uint8Array {
  assertLengths(key, nonce);
  return platform.aes256GcmSeal(key, nonce, header, plain, before);
}

/** The plaintext, or undefined unless its tag verifies: then not one byte of it is given away. */
export function aes256GcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  header: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  assertLengths(key, nonce);
  return sealed.length < AEAD_TAG_BYTES ? undefined : platform.aes256GcmOpen(key, nonce, header, sealed);
}

function assertLengths(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== AEAD_KEY_BYTES || nonce.length !== AEAD_NONCE_BYTES) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot use AES-256-GCM with a key of ${key.length} bytes and a nonce of ${nonce.length}: it has ${AEAD_KEY_BYTES} and ${AEAD_NONCE_BYTES}`,
    );
  }
}
