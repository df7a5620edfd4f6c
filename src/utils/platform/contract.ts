/**
 * The one door to primitives that differ between Node and browsers: `#platform` resolves to `node/platform.ts` or
 * `web/platform.ts`, which both fulfil this contract and give the same bytes (the same tests run against both).
 * Everything behind the door is synchronous: a record's hash is needed before its header can be written.
 */

/** A running SHA-256. `digest()` ends it; `copy()` forks the state, so that a prefix can be read off while hashing on. */
export interface RunningHash {
  update(bytes: Uint8Array): void;
  copy(): RunningHash;
  digest(): Uint8Array;
}

export interface Platform {
  readonly name: 'node' | 'web';
  /** CRC-32 (IEEE 802.3) of `bytes`, continuing from the CRC `seed` of what came before. */
  crc32(bytes: Uint8Array, seed: number): number;
  /** SHA-256 of the concatenated parts: 32 fresh bytes. */
  sha256(parts: readonly Uint8Array[]): Uint8Array;
  createSha256(): RunningHash;
  /** HMAC-SHA-256 of the concatenated parts: 32 fresh bytes. */
  hmacSha256(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array;
  /** The 32-byte public key of a 32-byte Ed25519 seed. */
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  /** The 64-byte Ed25519 signature (RFC 8032, deterministic) by a 32-byte seed. */
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /**
   * Whether the 64 bytes of `signature` are right, by the equation without cofactor. Lengths have been checked before; of
   * 32 and 64 bytes that are no key and no signature it is false, and nothing is thrown.
   */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The point of a P-256 secret, uncompressed: 65 bytes. `secret` is 32 bytes, from 1 to the order of the group less 1. */
  p256PublicKey(secret: Uint8Array): Uint8Array;
  /** The 64 bytes r || s of the ECDSA signature with SHA-256, deterministic (RFC 6979), s as it comes. */
  p256Sign(secret: Uint8Array, message: Uint8Array): Uint8Array;
  /** Whether the SubjectPublicKeyInfo of an uncompressed P-256 point, 91 bytes with the right prefix, is of a point on the curve. */
  isP256Key(spki: Uint8Array): boolean;
  /** Whether the 64 bytes r || s are right; s may be in either half. Of what is no key it is false, and nothing is thrown. */
  p256Verify(spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** AES-256-CTR: `bytes` under the keystream that begins with the 16-byte block `counter`, which counts in all 128 bits. */
  aes256Ctr(key: Uint8Array, counter: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** AES-256-GCM with a nonce of 12 bytes: `before`, which spares a copy to whoever wants it there, ciphertext, tag of 16 bytes. */
  aes256GcmSeal(
    key: Uint8Array,
    nonce: Uint8Array,
    header: Uint8Array,
    plain: Uint8Array,
    before?: Uint8Array,
  ): Uint8Array;
  /** The plaintext, or undefined unless the tag verifies. `sealed` has at least the 16 bytes of the tag. */
  aes256GcmOpen(key: Uint8Array, nonce: Uint8Array, header: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

export declare const platform: Platform;
