/**
 * Signing keys in the text form of Go's note package: `PRIVATE+KEY+NAME+<key ID>+<base64 of type and seed>`, whose public
 * half is a verification key. A signing key signs exactly the bytes it is given, and shows its seed to nobody: not in
 * messages, not as JSON, not on a console. Only `formatSigningKey` gives it away.
 *
 * Checkpoints and statements have different keys. A key must not sign anything but checkpoints (specification, section 8.2):
 * if one key signed both, a text that somebody gets signed as one could be shown as the other. But people should keep one
 * secret and not two. So a key for statements is derived from the one for checkpoints, has a name and a public key of its
 * own, and leads back to nothing.
 */

import { concatBytes, toBase64, utf8Encode } from './bytes.js';
import { ED25519_SEED_BYTES, ed25519PublicKey, ed25519Sign } from './ed25519.js';
import { H4Error } from './error.js';
import { hkdf } from './hkdf.js';
import { createVerificationKey, formatVerificationKey, splitKeyText } from './verification-key.js';

const PREFIX = 'PRIVATE+KEY+';
const ED25519_TYPE = 0x01;
const STATEMENT_INFO = utf8Encode('h4mk/v1/statement');
const STATEMENT_SUFFIX = '/statements';

/** Gives away the seed; only this module can. */
let seedOf: (key: SigningKey) => Uint8Array;

export class SigningKey {
  readonly name: string;
  /** 8 lowercase hex digits. */
  readonly keyId: string;
  /** The text of the public half, as `parseVerificationKey` takes it. */
  readonly verificationKey: string;
  /** What this key signs; the other is refused by whoever asks it to. It follows from the name. */
  readonly purpose: 'checkpoints' | 'statements';
  readonly #seed: Uint8Array;

  /** `seed` is 32 secret bytes, of which a copy is kept. `H4_PARAM` if it is not, or if `name` cannot name a key. */
  constructor(name: string, seed: Uint8Array) {
    const verificationKey = createVerificationKey(name, ed25519PublicKey(seed));
    this.name = name;
    this.keyId = verificationKey.keyId;
    this.verificationKey = formatVerificationKey(verificationKey);
    this.purpose = name.endsWith(STATEMENT_SUFFIX) ? 'statements' : 'checkpoints';
    this.#seed = seed.slice();
  }

  static {
    seedOf = (key) => key.#seed;
  }

  /** The 64 bytes of the Ed25519 signature over exactly these bytes. */
  sign(bytes: Uint8Array): Uint8Array {
    return ed25519Sign(this.#seed, bytes);
  }
}

/** The key of this name and seed; see the constructor. */
export function createSigningKey(name: string, seed: Uint8Array): SigningKey {
  return new SigningKey(name, seed);
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
  if (bytes[0] !== ED25519_TYPE || bytes.length !== 1 + ED25519_SEED_BYTES) {
    throw unreadable('it is not an Ed25519 key (type 1 and 32 bytes), and no others are supported yet');
  }
  const key = new SigningKey(name, bytes.subarray(1));
  if (key.keyId !== keyId) {
    throw unreadable(`its ID is ${keyId}, and that of its name and key ${key.keyId}; copy it again`);
  }
  return key;
}

/** The secret text of `key`, for a file that only its owner may read. */
export function formatSigningKey(key: SigningKey): string {
  const secret = toBase64(concatBytes(Uint8Array.of(ED25519_TYPE), seedOf(key)));
  return `${PREFIX}${key.name}+${key.keyId}+${secret}`;
}

/**
 * The key that signs statements for `key`: named `NAME/statements`, its seed 32 bytes of HKDF-SHA-256 over the seed of `key`
 * without salt, with the info `h4mk/v1/statement`. Of a key for statements it is that key itself.
 */
export function statementKey(key: SigningKey): SigningKey {
  if (key.purpose === 'statements') {
    return key;
  }
  const seed = hkdf(seedOf(key), new Uint8Array(0), STATEMENT_INFO, ED25519_SEED_BYTES);
  return new SigningKey(key.name + STATEMENT_SUFFIX, seed);
}

function unreadable(why: string): H4Error {
  return new H4Error('H4_SIGNING_KEY', `Cannot read a signing key: ${why}`);
}
