/** HMAC (RFC 2104) and HKDF (RFC 5869), both with SHA-256, from which all keys of the format are derived. */

import { platform } from '#platform';
import { H4Error } from './error.js';

const HASH_BYTES = 32;
const MAX_OUTPUT_BYTES = 255 * HASH_BYTES;

/** The 32 bytes of the HMAC of all parts, one after another. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return platform.hmacSha256(key, parts);
}

/** The pseudorandom key, 32 bytes. RFC 5869's "no salt" is an empty one. */
export function hkdfExtract(salt: Uint8Array, ikm: Uint8Array): Uint8Array {
  return hmacSha256(salt, ikm);
}

/** `length` bytes of output, at most 255 * 32 = 8160. */
export function hkdfExpand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (!Number.isInteger(length) || length < 0 || length > MAX_OUTPUT_BYTES) {
    throw new H4Error('H4_PARAM', `Cannot derive ${length} bytes: HKDF-SHA-256 yields from 0 to ${MAX_OUTPUT_BYTES}`);
  }
  const output = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let at = 0; at < length; at += HASH_BYTES) {
    block = hmacSha256(prk, block, info, Uint8Array.of(at / HASH_BYTES + 1));
    output.set(block.subarray(0, length - at), at);
  }
  return output;
}

/** Extract, then expand. */
export function hkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return hkdfExpand(hkdfExtract(salt, ikm), info, length);
}
