/**
 * ECDSA with P-256 and SHA-256. OpenSSL verifies; it does not sign, because its nonces are random (3.2 learnt others, which
 * Node does not ask for): signing is that of @noble/curves behind either door.
 */

import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as Nist from '@noble/curves/nist.js';
import { ParsedKeys } from './parsed-keys.js';

const require = createRequire(import.meta.url);
let nist: typeof Nist | undefined;

/** Loaded when it is first used: it takes 50 ms (measured), which commands that sign nothing would pay at their start. */
function p256(): typeof Nist.p256 {
  nist ??= require('@noble/curves/nist.js') as typeof Nist;
  return nist.p256;
}

export function p256PublicKey(secret: Uint8Array): Uint8Array {
  return p256().getPublicKey(secret, false);
}

export function p256Sign(secret: Uint8Array, message: Uint8Array): Uint8Array {
  return p256().sign(message, secret, { lowS: false });
}

export function isP256Key(spki: Uint8Array): boolean {
  return keyOf(spki) !== undefined;
}

export function p256Verify(spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = keyOf(spki);
  return key !== undefined && verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

function keyOf(spki: Uint8Array): KeyObject | undefined {
  try {
    return publicKeys.of(spki);
  } catch {
    // The prefix has been checked before, so that only the point can be wrong.
    return undefined;
  }
}

const publicKeys = new ParsedKeys((spki) => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
