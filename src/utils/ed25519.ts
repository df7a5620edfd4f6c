/**
 * Ed25519 (RFC 8032), the signature of notes and statements (specification, sections 8.2 and 15). Deterministic: the same
 * key and message give the same 64 bytes.
 *
 * Verification is strict, and the same behind both doors of the platform: S below the order of the group, the equation
 * without cofactor, and a public key in its one encoding that generates more than eight points. A key of small order has
 * signatures that fit many messages; who configures it is not protected by it.
 */

import { platform } from '#platform';
import { equalBytes, fromHex } from './bytes.js';
import { H4Error } from './error.js';

export const ED25519_SEED_BYTES = 32;
export const ED25519_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;

/** The public key of `seed`, which is what is secret: 32 bytes that nobody can guess. */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  assertLength('a seed', seed, ED25519_SEED_BYTES);
  return platform.ed25519PublicKey(seed);
}

/** The signature over exactly the bytes of `message`. */
export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  assertLength('a seed', seed, ED25519_SEED_BYTES);
  return platform.ed25519Sign(seed, message);
}

/** Whether `signature` over `message` is by `publicKey`. Refuses other lengths (`H4_PARAM`), and nothing else. */
export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  assertLength('a public key', publicKey, ED25519_KEY_BYTES);
  assertLength('a signature', signature, ED25519_SIGNATURE_BYTES);
  return isStrictKey(publicKey) && platform.ed25519Verify(publicKey, message, signature);
}

function assertLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) {
    throw new H4Error('H4_PARAM', `Cannot use ${bytes.length} bytes as ${what} of Ed25519: it has ${length}`);
  }
}

/**
 * The y of all points of small order, little-endian: 0, 1, p - 1, and the two that belong to order 8. Either sign of x
 * belongs to one of them or to nothing.
 */
const SMALL_ORDER: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => fromHex(hex));

const SIGN_BIT = 0x80;
const LAST = ED25519_KEY_BYTES - 1;

function isStrictKey(publicKey: Uint8Array): boolean {
  const y = Uint8Array.from(publicKey, (byte, index) => (index === LAST ? byte & ~SIGN_BIT : byte));
  return isBelowPrime(y) && !SMALL_ORDER.some((small) => equalBytes(small, y));
}

/** Whether `y`, little-endian and without the sign bit, is below p = 2^255 - 19: greater ones say y - p a second time. */
function isBelowPrime(y: Uint8Array): boolean {
  return y.some((byte, index) => (index === 0 ? byte < 0xed : byte < (index === LAST ? 0x7f : 0xff)));
}
