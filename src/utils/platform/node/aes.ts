/** AES-256 as OpenSSL has it. */

import { createCipheriv, createDecipheriv } from 'node:crypto';

const TAG_BYTES = 16;
const TAG = { authTagLength: TAG_BYTES } as const;

export function aes256Ctr(key: Uint8Array, counter: Uint8Array, bytes: Uint8Array): Uint8Array {
  return plain(createCipheriv('aes-256-ctr', key, counter).update(bytes));
}

/** What the cipher allocates at once beside the result, which is a whole block. */
const PIECE_BYTES = 64 * 1024;

export function aes256GcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  header: Uint8Array,
  bytes: Uint8Array,
  before = new Uint8Array(0),
): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, TAG).setAAD(header);
  const sealed = new Uint8Array(before.length + bytes.length + TAG_BYTES);
  sealed.set(before);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    sealed.set(cipher.update(bytes.subarray(at, at + PIECE_BYTES)), before.length + at);
  }
  cipher.final();
  sealed.set(cipher.getAuthTag(), before.length + bytes.length);
  return sealed;
}

export function aes256GcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  header: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, TAG).setAAD(header).setAuthTag(sealed.subarray(end));
  const bytes = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    // It says nothing but that the tag is wrong.
    bytes.fill(0);
    return undefined;
  }
  return plain(bytes);
}

/** A Buffer would behave unlike the other door's Uint8Array. */
function plain({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
