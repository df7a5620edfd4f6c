/** AES-256 in portable code: WebCrypto has it too, but only asynchronously, and a block is written in one step. */

import { ctr, gcm } from '@noble/ciphers/aes.js';

export function aes256Ctr(key: Uint8Array, counter: Uint8Array, bytes: Uint8Array): Uint8Array {
  return ctr(key, counter).encrypt(bytes);
}

export function aes256GcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  header: Uint8Array,
  plain: Uint8Array,
  before = new Uint8Array(0),
): Uint8Array {
  const sealed = gcm(key, nonce, header).encrypt(plain);
  if (before.length === 0) return sealed;
  const whole = new Uint8Array(before.length + sealed.length);
  whole.set(before);
  whole.set(sealed, before.length);
  return whole;
}

export function aes256GcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  header: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  try {
    return gcm(key, nonce, header).decrypt(sealed);
  } catch {
    // Lengths have been checked before, so that only the tag can be wrong.
    return undefined;
  }
}
