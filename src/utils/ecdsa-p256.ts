/**
 * ECDSA with P-256 and SHA-256 (FIPS 186-5), the second signature of notes (specification, section 8.2). Made
 * deterministically (RFC 6979): the same key and message give the same bytes.
 *
 * ECDSA is malleable: of r and s somebody without the key can make r and n - s, which verifies too. A signature is therefore
 * no name for what it signs. Refusing one half would refuse half of what hardware and other libraries make.
 */

import { platform } from '#platform';
import { concatBytes, equalBytes, fromHex, toHex } from './bytes.js';
import { H4Error } from './error.js';

export const P256_SECRET_BYTES = 32;
/** A SubjectPublicKeyInfo with an uncompressed point. */
export const P256_KEY_BYTES = 91;
/** r and s (IEEE P1363). Notes have them in DER: `ecdsa-signature.ts`. */
export const P256_SIGNATURE_BYTES = 64;

/** A SubjectPublicKeyInfo up to the coordinates: algorithm, curve, and an uncompressed point. */
const PREFIX = fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004');
const POINT_AT = PREFIX.length - 1;
const ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
const ZERO = '0'.repeat(ORDER.length);

/** Whether these bytes are a secret of P-256: 32 of them, a big-endian number from 1 to the order of the group less 1. */
export function isP256Secret(bytes: Uint8Array): boolean {
  const hex = toHex(bytes);
  return bytes.length === P256_SECRET_BYTES && hex !== ZERO && hex < ORDER;
}

/** The public key of `secret`, as SubjectPublicKeyInfo in DER. */
export function p256PublicKey(secret: Uint8Array): Uint8Array {
  assertSecret(secret);
  return concatBytes(PREFIX.subarray(0, POINT_AT), platform.p256PublicKey(secret));
}

/** r and s of the signature over the SHA-256 of `message`. */
export function p256Sign(secret: Uint8Array, message: Uint8Array): Uint8Array {
  assertSecret(secret);
  return platform.p256Sign(secret, message);
}

/** Whether these bytes are the one encoding of a public key that is accepted: 91 bytes, the point uncompressed and on the curve. */
export function isP256Key(spki: Uint8Array): boolean {
  return hasForm(spki) && platform.isP256Key(spki);
}

/** Whether r and s, 64 bytes, are a signature by `spki`. Refuses what has not the form of a key, and other lengths (`H4_PARAM`). */
export function p256Verify(spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!hasForm(spki)) {
    throw new H4Error('H4_PARAM', `Cannot use ${spki.length} bytes as a public key of P-256: its form is another`);
  }
  if (signature.length !== P256_SIGNATURE_BYTES) {
    const message = `Cannot use ${signature.length} bytes as a signature of P-256: it has ${P256_SIGNATURE_BYTES}`;
    throw new H4Error('H4_PARAM', message);
  }
  return platform.p256Verify(spki, message, signature);
}

function hasForm(spki: Uint8Array): boolean {
  return spki.length === P256_KEY_BYTES && equalBytes(spki.subarray(0, PREFIX.length), PREFIX);
}

function assertSecret(secret: Uint8Array): void {
  if (!isP256Secret(secret)) {
    const message = `Cannot use ${secret.length} bytes as a secret of P-256: it is 32 bytes between 0 and the order of the group`;
    throw new H4Error('H4_PARAM', message);
  }
}
