/**
 * Ed25519 as OpenSSL has it. Keys come and go as 32 raw bytes; OpenSSL wants them in DER, where they stand behind a constant
 * prefix (RFC 8410).
 */

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { ParsedKeys } from './parsed-keys.js';

/** SubjectPublicKeyInfo and PKCS #8 for the algorithm 1.3.101.112, up to the 32 bytes of the key. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  const der = createPublicKey(privateKeys.of(seed)).export({ format: 'der', type: 'spki' });
  return Uint8Array.from(der.subarray(SPKI_PREFIX.length));
}

export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return Uint8Array.from(sign(null, message, privateKeys.of(seed)));
}

export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return verify(null, message, publicKeys.of(publicKey), signature);
}

const privateKeys = new ParsedKeys((seed) =>
  createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' }),
);

const publicKeys = new ParsedKeys((publicKey) =>
  createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' }),
);
