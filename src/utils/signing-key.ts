/**
 * Signing keys in the text form of Go's note package: `PRIVATE+KEY+NAME+<key ID>+<base64 of type and secret>`, whose public
 * half is a verification key. A signing key signs exactly the bytes it is given, and shows its secret to nobody: not in
 * messages, not as JSON, not on a console. Only `formatSigningKey` gives it away.
 *
 * Checkpoints and statements have different keys. A key must not sign anything but checkpoints (specification, section 8.2):
 * if one key signed both, a text that somebody gets signed as one could be shown as the other. But people should keep one
 * secret and not two. So a key for statements is derived from the one for checkpoints, has a name and a public key of its
 * own, and leads back to nothing.
 *
 * The key of a witness signs checkpoints of others, each together with a time (section 8.3), and nothing else.
 */

import { concatBytes, toBase64, utf8Encode, viewOf } from './bytes.js';
import { isP256Secret, p256PublicKey, p256Sign } from './ecdsa-p256.js';
import { p1363ToDer } from './ecdsa-signature.js';
import { ED25519_SEED_BYTES, ed25519PublicKey, ed25519Sign } from './ed25519.js';
import { H4Error } from './error.js';
import { hkdf } from './hkdf.js';
import type { NoteSigner } from './note-signer.js';
import { isSafeU64, writeU64 } from './u64.js';
import {
  cosignedText,
  createVerificationKey,
  formatVerificationKey,
  keyReference,
  splitKeyText,
  TYPE_BYTES,
  type VerificationKey,
} from './verification-key.js';

const PREFIX = 'PRIVATE+KEY+';
const SECRET_BYTES = 32;
const TYPES = ['ed25519', 'p256', 'witness'] as const satisfies readonly VerificationKey['type'][];
const STATEMENT_INFO = utf8Encode('h4mk/v1/statement');
const STATEMENT_SUFFIX = '/statements';

/** Gives away the secret; only this module can. */
let secretOf: (key: SigningKey) => Uint8Array;

export class SigningKey implements NoteSigner {
  readonly type: VerificationKey['type'];
  readonly name: string;
  /** 8 lowercase hex digits. */
  readonly keyId: string;
  /** The text of the public half, as `parseVerificationKey` takes it. */
  readonly verificationKey: string;
  /** What this key signs; the other is refused by whoever asks it to. It follows from the name. */
  readonly purpose: 'checkpoints' | 'statements';
  readonly #secret: Uint8Array;

  /**
   * `secret` is 32 secret bytes, of which a copy is kept: the seed of an Ed25519 key, also of a witness, or the scalar of a P-256
   * key. `H4_PARAM` if it is not, or if `name` cannot name a key.
   */
  constructor(name: string, secret: Uint8Array, type: VerificationKey['type'] = 'ed25519') {
    const own = secret.slice();
    const publicKey = type === 'p256' ? p256PublicKey(own) : ed25519PublicKey(own);
    const verificationKey = createVerificationKey(name, publicKey, type);
    this.type = type;
    this.name = name;
    this.keyId = verificationKey.keyId;
    this.verificationKey = formatVerificationKey(verificationKey);
    this.purpose = name.endsWith(STATEMENT_SUFFIX) ? 'statements' : 'checkpoints';
    this.#secret = own;
  }

  static {
    secretOf = (key) => key.#secret;
  }

  /**
   * The signature over exactly these bytes: 64 bytes of Ed25519, or the DER of ECDSA with P-256 and SHA-256; the same each time.
   * `H4_PARAM` for the key of a witness, which signs nothing without a time: `cosign`.
   */
  sign(bytes: Uint8Array): Uint8Array {
    switch (this.type) {
      case 'ed25519':
        return ed25519Sign(this.#secret, bytes);
      case 'p256':
        return p1363ToDer(p256Sign(this.#secret, bytes));
      case 'witness':
        throw witnessOnly(this, 'sign');
    }
  }
}

/** The key of this name, secret and type; see the constructor. */
export function createSigningKey(name: string, secret: Uint8Array, type?: VerificationKey['type']): SigningKey {
  return new SigningKey(name, secret, type);
}

/** The key that `text` holds. Refuses with `H4_SIGNING_KEY`, without repeating a character of the text. */
export function parseSigningKey(text: string): SigningKey {
  if (!text.startsWith(PREFIX)) {
    throw unreadable(`it does not begin with ${PREFIX}`);
  }
  const { name, keyId, bytes } = splitKeyText(text.slice(PREFIX.length), {
    code: 'H4_SIGNING_KEY',
    what: 'a signing key',
  });
  const type = TYPES.find((each) => TYPE_BYTES[each] === bytes[0]);
  const secret = bytes.subarray(1);
  if (type === undefined || secret.length !== SECRET_BYTES) {
    throw unreadable('it is no key of type 1 (Ed25519), 2 (P-256) or 4 (a witness) with 32 bytes');
  }
  if (type === 'p256' && !isP256Secret(secret)) {
    throw unreadable('its 32 bytes are no secret of P-256');
  }
  const key = new SigningKey(name, secret, type);
  if (key.keyId !== keyId) {
    throw unreadable(`its ID is ${keyId}, and that of its name and key ${key.keyId}; copy it again`);
  }
  return key;
}

/** The secret text of `key`, for a file that only its owner may read. */
export function formatSigningKey(key: SigningKey): string {
  const secret = toBase64(concatBytes(Uint8Array.of(TYPE_BYTES[key.type]), secretOf(key)));
  return `${PREFIX}${key.name}+${key.keyId}+${secret}`;
}

/**
 * The key that signs statements for `key`: an Ed25519 key named `NAME/statements`, its seed 32 bytes of HKDF-SHA-256 over the
 * secret of `key` without salt, with the info `h4mk/v1/statement`. Of a key for statements it is that key itself. A witness has
 * none (`H4_PARAM`).
 */
export function statementKey(key: SigningKey): SigningKey {
  if (key.type === 'witness') {
    throw witnessOnly(key, 'sign statements');
  }
  if (key.purpose === 'statements') {
    return key;
  }
  const seed = hkdf(secretOf(key), new Uint8Array(0), STATEMENT_INFO, ED25519_SEED_BYTES);
  return new SigningKey(key.name + STATEMENT_SUFFIX, seed);
}

/**
 * The cosignature of a witness that has seen the note at `time`, in seconds since 1970: the time in 8 bytes, and an Ed25519
 * signature over time and text (C2SP tlog-cosignature). `H4_PARAM` for a key of another type, and for no such time.
 */
export function cosign(witness: SigningKey, time: number, noteText: Uint8Array): Uint8Array {
  if (witness.type !== 'witness') {
    throw new H4Error('H4_PARAM', `Cannot cosign with ${keyReference(witness)}: it is no key of a witness`);
  }
  if (!isSafeU64(time)) {
    throw new H4Error('H4_PARAM', `Cannot cosign at ${time}: a time is a whole number of seconds since 1970`);
  }
  const stamp = new Uint8Array(8);
  writeU64(viewOf(stamp), 0, time);
  return concatBytes(stamp, ed25519Sign(secretOf(witness), cosignedText(time, noteText)));
}

function witnessOnly(key: SigningKey, what: string): H4Error {
  const message = `Cannot ${what} with ${keyReference(key)}: the key of a witness cosigns checkpoints, and nothing else`;
  return new H4Error('H4_PARAM', message);
}

function unreadable(why: string): H4Error {
  return new H4Error('H4_SIGNING_KEY', `Cannot read a signing key: ${why}`);
}
