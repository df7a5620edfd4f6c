/**
 * Ed25519 (RFC 8032) in portable code: the arithmetic of @noble/curves, and around it the check that OpenSSL makes.
 *
 * RFC 8032 allows two equations for a signature, one of them multiplied by 8. Whoever holds a key can make signatures that
 * pass only that one, which is the one of noble's `verify`: such evidence would count in a browser and not on a server. So
 * the other one is computed here, as OpenSSL, BoringSSL and Go do: R is recomputed and compared byte for byte.
 */

import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';

const { Point } = ed25519;
const HALF = 32;

export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(seed);
}

export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return ed25519.sign(message, seed);
}

export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const commitment = signature.subarray(0, HALF);
  const scalar = bytesToNumberLE(signature.subarray(HALF));
  if (scalar >= Point.Fn.ORDER) {
    return false;
  }
  const key = pointOf(publicKey);
  if (key === undefined) {
    return false;
  }
  const challenge = sha512.create().update(commitment).update(publicKey).update(message).digest();
  const factor = Point.Fn.create(bytesToNumberLE(challenge));
  // Nothing here is secret, so that the time may depend on it.
  const recomputed = Point.BASE.multiplyUnsafe(scalar).subtract(key.multiplyUnsafe(factor)).toBytes();
  return recomputed.every((byte, index) => byte === commitment[index]);
}

/** The point with this encoding, in the lenient reading of OpenSSL: what is no canonical key is refused before the door. */
function pointOf(bytes: Uint8Array): InstanceType<typeof Point> | undefined {
  try {
    return Point.fromBytes(bytes, true);
  } catch {
    return undefined;
  }
}
