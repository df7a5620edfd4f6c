/** Signs with keys that WebCrypto keeps to itself: the real one of Node, which is that of browsers. */

import { webcrypto } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex, utf8Encode } from '../../src/utils/bytes.js';
import { derToP1363 } from '../../src/utils/ecdsa-signature.js';
import { H4Error } from '../../src/utils/error.js';
import { type NoteSigner, webCryptoSigner } from '../../src/utils/note-signer.js';
import { createSigningKey } from '../../src/utils/signing-key.js';
import { parseVerificationKey, verifySignature } from '../../src/utils/verification-key.js';

const NAME = 'example.org/browser';
const text = utf8Encode('example.org/browser/00\n5\nroot\n');
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;

async function makePair(
  algorithm: Parameters<typeof webcrypto.subtle.generateKey>[0],
): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function rejection(promise: Promise<unknown>): Promise<H4Error> {
  const thrown: unknown = await promise.then(
    () => new Error('Expected an H4Error, nothing was thrown'),
    (error: unknown) => error,
  );
  if (thrown instanceof H4Error) return thrown;
  throw thrown;
}

describe('a key that WebCrypto keeps', () => {
  it.each([
    ['ed25519', { name: 'Ed25519' }],
    ['p256', P256],
  ])('of type %s signs notes', async (type, algorithm) => {
    const pair = await makePair(algorithm);
    expect(pair.privateKey.extractable).toBe(false);
    const signer = await webCryptoSigner(NAME, pair);
    const key = parseVerificationKey(signer.verificationKey);
    expect([key.type, key.name, key.keyId]).toEqual([type, NAME, signer.keyId]);
    const made: NoteSigner = signer;
    for (let round = 0; round < 4; round++) {
      const signature = await made.sign(text);
      expect(Object.getPrototypeOf(signature)).toBe(Uint8Array.prototype);
      expect(verifySignature(key, text, signature)).toBe(true);
      expect(verifySignature(key, utf8Encode('other'), signature)).toBe(false);
      expect(type === 'p256' ? derToP1363(signature)?.length : signature.length).toBe(64);
    }
  });

  it('signs the bytes as they were when it was asked to', async () => {
    const signer = await webCryptoSigner(NAME, await makePair(P256));
    const changing = text.slice();
    const signing = signer.sign(changing);
    changing.fill(0);
    expect(verifySignature(parseVerificationKey(signer.verificationKey), text, await signing)).toBe(true);
  });

  it.each([{ name: 'Ed25519' }, P256])('of another pair than the public one gives no signature', async (algorithm) => {
    const [one, two] = [await makePair(algorithm), await makePair(algorithm)];
    const mixed = await webCryptoSigner(NAME, { privateKey: one.privateKey, publicKey: two.publicKey });
    const error = await rejection(mixed.sign(text));
    expect([error.code, error.message]).toEqual([
      'H4_PARAM',
      `Cannot sign as ${NAME}: the private key is not that of the public one`,
    ]);
  });

  it.each([
    [{ name: 'ECDSA', namedCurve: 'P-384' }, 'ECDSA P-384'],
    [{ name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) }, 'RSA-PSS'],
  ])('of another kind signs no notes', async (algorithm, found) => {
    const error = await rejection(webCryptoSigner(NAME, await makePair(algorithm)));
    expect([error.code, error.message]).toEqual([
      'H4_PARAM',
      `Cannot sign notes with a key of ${found}: Ed25519 and ECDSA P-256 sign them`,
    ]);
  });

  it('has a name that a key can have', async () => {
    expect((await rejection(webCryptoSigner('a b', await makePair(P256)))).code).toBe('H4_PARAM');
  });
});

it('a signing key is such a signer', () => {
  const signer: NoteSigner = createSigningKey(NAME, new Uint8Array(32).fill(1));
  expect([signer.name, toHex(signer.sign(text) as Uint8Array).length]).toEqual([NAME, 128]);
});
