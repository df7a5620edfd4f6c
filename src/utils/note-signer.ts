/**
 * What signs the text of notes. A `SigningKey` does; so may a key that lives in a browser, a token or a service, and is not
 * to be had as bytes.
 */

import { p1363ToDer } from './ecdsa-signature.js';
import { H4Error } from './error.js';
import { createVerificationKey, formatVerificationKey, verifySignature } from './verification-key.js';

export interface NoteSigner {
  readonly name: string;
  /** 8 lowercase hex digits. */
  readonly keyId: string;
  /** The signature over exactly these bytes, in the form that notes have it: Ed25519's 64 bytes, or the DER of ECDSA. */
  sign(text: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** As much of a `CryptoKey` as is looked at. */
export interface WebCryptoKey {
  readonly algorithm: { readonly name: string; readonly namedCurve?: string };
}

export interface WebCryptoKeyPair {
  /** Need not be extractable. */
  readonly privateKey: WebCryptoKey;
  readonly publicKey: WebCryptoKey;
}

/** A signer whose key stays in WebCrypto. */
export interface WebCryptoSigner extends NoteSigner {
  /** The text of the public half. */
  readonly verificationKey: string;
  sign(text: Uint8Array): Promise<Uint8Array>;
}

const ECDSA = { name: 'ECDSA', hash: 'SHA-256' } as const;

/**
 * Makes a signer of a pair of WebCrypto keys, Ed25519 or ECDSA with P-256; `H4_PARAM` for others, and if `name` cannot name a
 * key. Every signature is verified before it is given away: with halves of two pairs, signing fails (`H4_PARAM`).
 *
 * ECDSA of WebCrypto is not deterministic. A key that signs checkpoints must sign nothing else (specification, section 8.2).
 */
export async function webCryptoSigner(name: string, pair: WebCryptoKeyPair): Promise<WebCryptoSigner> {
  const { subtle } = crypto;
  const { privateKey, publicKey } = pair;
  const type = typeOf(publicKey);
  const exported = await subtle.exportKey(type === 'p256' ? 'spki' : 'raw', publicKey);
  const key = createVerificationKey(name, new Uint8Array(exported), type);
  const algorithm = type === 'p256' ? ECDSA : privateKey.algorithm.name;
  return {
    name,
    keyId: key.keyId,
    verificationKey: formatVerificationKey(key),
    async sign(text) {
      // Signed and verified must be the same bytes, whatever the caller does with his meanwhile.
      const own = text.slice();
      const made = new Uint8Array(await subtle.sign(algorithm, privateKey, own));
      const signature = type === 'p256' ? p1363ToDer(made) : made;
      if (!verifySignature(key, own, signature)) {
        throw new H4Error('H4_PARAM', `Cannot sign as ${name}: the private key is not that of the public one`);
      }
      return signature;
    },
  };
}

function typeOf({ algorithm }: WebCryptoKey): 'ed25519' | 'p256' {
  if (algorithm.name === 'Ed25519') {
    return 'ed25519';
  }
  if (algorithm.name === 'ECDSA' && algorithm.namedCurve === 'P-256') {
    return 'p256';
  }
  const found = [algorithm.name, algorithm.namedCurve].filter((part) => part !== undefined).join(' ');
  throw new H4Error('H4_PARAM', `Cannot sign notes with a key of ${found}: Ed25519 and ECDSA P-256 sign them`);
}
