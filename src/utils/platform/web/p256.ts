/** ECDSA with P-256 and SHA-256 in portable code. What OpenSSL accepts is accepted here: s in either half. */

import { p256 } from '@noble/curves/nist.js';

/** Where the point begins in a SubjectPublicKeyInfo of P-256. */
const POINT_AT = 26;
const EITHER_HALF = { lowS: false } as const;

export function p256PublicKey(secret: Uint8Array): Uint8Array {
  return p256.getPublicKey(secret, false);
}

export function p256Sign(secret: Uint8Array, message: Uint8Array): Uint8Array {
  return p256.sign(message, secret, EITHER_HALF);
}

export function isP256Key(spki: Uint8Array): boolean {
  return p256.utils.isValidPublicKey(spki.subarray(POINT_AT), false);
}

export function p256Verify(spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return p256.verify(signature, message, spki.subarray(POINT_AT), EITHER_HALF);
}
