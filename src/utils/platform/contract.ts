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
}

export declare const platform: Platform;
