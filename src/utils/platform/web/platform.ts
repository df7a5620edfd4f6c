/**
 * The primitives for browsers and every other runtime, in portable code. WebCrypto is no help here: it is asynchronous,
 * and hashes neither piece by piece nor with a copy of the state.
 */

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import type { Platform, RunningHash } from '../contract.js';
import { aes256Ctr, aes256GcmOpen, aes256GcmSeal } from './aes.js';
import { crc32 } from './crc32.js';
import { ed25519PublicKey, ed25519Sign, ed25519Verify } from './ed25519.js';
import { isP256Key, p256PublicKey, p256Sign, p256Verify } from './p256.js';

type NobleHash = ReturnType<typeof nobleSha256.create>;

export const platform: Platform = {
  name: 'web',
  crc32,
  sha256: (parts) => digestOf(nobleSha256.create(), parts),
  createSha256: () => new WebHash(nobleSha256.create()),
  hmacSha256: (key, parts) => digestOf(hmac.create(nobleSha256, key), parts),
  ed25519PublicKey,
  ed25519Sign,
  ed25519Verify,
  p256PublicKey,
  p256Sign,
  isP256Key,
  p256Verify,
  aes256Ctr,
  aes256GcmSeal,
  aes256GcmOpen,
};

class WebHash implements RunningHash {
  readonly #hash: NobleHash;

  constructor(hash: NobleHash) {
    this.#hash = hash;
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  copy(): RunningHash {
    return new WebHash(this.#hash.clone());
  }

  digest(): Uint8Array {
    return this.#hash.digest();
  }
}

interface Hashing {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

function digestOf(hashing: Hashing, parts: readonly Uint8Array[]): Uint8Array {
  for (const part of parts) {
    hashing.update(part);
  }
  return hashing.digest();
}
