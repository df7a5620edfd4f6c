/**
 * Verification keys as C2SP signed-note writes them: `NAME+<key ID, 8 hex digits>+<base64 of type and key>` (specification,
 * section 8.1). The ID only tells keys apart that have the same name; it is held against the key here, so that a text with a
 * typing error is refused, and believed nowhere else.
 */

import { concatBytes, fromBase64, isWellFormed, toBase64, toHex, utf8Encode, viewOf } from './bytes.js';
import { isP256Key, p256Verify } from './ecdsa-p256.js';
import { derToP1363 } from './ecdsa-signature.js';
import { ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES, ed25519Verify } from './ed25519.js';
import type { ErrorCode } from './error-codes.js';
import { H4Error } from './error.js';
import { sha256 } from './sha256.js';

interface KeyIdentity {
  readonly name: string;
  /** 8 lowercase hex digits. */
  readonly keyId: string;
}

/** Signs notes and statements. */
export interface Ed25519VerificationKey extends KeyIdentity {
  readonly type: 'ed25519';
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Signs notes and statements: ASN.1 DER of an ECDSA signature over their SHA-256. */
export interface P256VerificationKey extends KeyIdentity {
  readonly type: 'p256';
  /** The SubjectPublicKeyInfo in DER: 91 bytes, and a point that is on the curve. */
  readonly publicKey: Uint8Array;
}

/** An Ed25519 key of a witness: it signs notes together with a time (section 8.3), and nothing without one. */
export interface WitnessVerificationKey extends KeyIdentity {
  readonly type: 'witness';
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export type VerificationKey = Ed25519VerificationKey | P256VerificationKey | WitnessVerificationKey;

/** The types of note signatures (section 19), by the byte that stands before the key. */
export const TYPE_BYTES = { ed25519: 0x01, p256: 0x02, witness: 0x04 } as const satisfies Record<
  VerificationKey['type'],
  number
>;

const TYPES = ['ed25519', 'p256', 'witness'] as const;
const TYPE_NAMES = { ed25519: 'Ed25519', p256: 'P-256', witness: 'a witness' } as const;

const MAX_TEXT_LENGTH = 4096;
const MAX_NAME_LENGTH = 1024;
const SECRET = 'PRIVATE+KEY+';
const KEY_ID_BYTES = 4;
const TIME_BYTES = 8;
const KEY_ID = /^[0-9a-f]{8}$/;
const NEWLINE = Uint8Array.of(0x0a);

/**
 * What would break a note line, a key text or a terminal. White space is Unicode's; U+FEFF is none there, but JavaScript
 * takes it for such.
 */
const NOT_IN_A_NAME = /[\p{White_Space}\ufeff\p{Cc}+]/u;

/** The key that `text` names. Refuses with `H4_VKEY` whatever is no key, or not the one that the ID was made of. */
export function parseVerificationKey(text: string): VerificationKey {
  if (text.startsWith(SECRET)) {
    throw new H4Error('H4_VKEY', 'Cannot read a verification key: this is a signing key; give its public half');
  }
  const { name, keyId, bytes } = splitKeyText(text, { code: 'H4_VKEY', what: 'a verification key' });
  const key = keyOf(name, bytes[0], bytes.subarray(1));
  if (key.keyId !== keyId) {
    throw new H4Error(
      'H4_VKEY',
      `Cannot read a verification key: its ID is ${keyId}, and that of its name and key ${key.keyId}; copy it again`,
    );
  }
  return key;
}

/** The text of `key`; the one that `parseVerificationKey` takes for it. */
export function formatVerificationKey({ type, name, keyId, publicKey }: VerificationKey): string {
  return `${name}+${keyId}+${toBase64(concatBytes(Uint8Array.of(TYPE_BYTES[type]), publicKey))}`;
}

/** The Ed25519 key with this name. `H4_PARAM` unless `name` can be the name of a key and the key has 32 bytes. */
export function createVerificationKey(name: string, publicKey: Uint8Array): Ed25519VerificationKey;
/** The key of this type and name; of P-256 a SubjectPublicKeyInfo. `H4_PARAM` unless name and key are such. */
export function createVerificationKey(
  name: string,
  publicKey: Uint8Array,
  type: VerificationKey['type'],
): VerificationKey;
export function createVerificationKey(
  name: string,
  publicKey: Uint8Array,
  type: VerificationKey['type'] = 'ed25519',
): VerificationKey {
  if (!isKeyName(name)) {
    throw new H4Error('H4_PARAM', `Cannot name a key ${JSON.stringify(name)}: ${KEY_NAME_RULE}`);
  }
  if (!isPublicKey(type, publicKey)) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot use ${publicKey.length} bytes as a key of ${TYPE_NAMES[type]}: they are none`,
    );
  }
  return { type, name, keyId: keyIdOf(name, type, publicKey), publicKey: publicKey.slice() };
}

/** `NAME+<key ID>`: how statements refer to a key. */
export function keyReference({ name, keyId }: KeyIdentity): string {
  return `${name}+${keyId}`;
}

/**
 * Whether `signature` over exactly the bytes of `message` is by `key`; one of another length or form is not. A witness signs
 * nothing as it is: `H4_VKEY`, see `verifyCosignature`.
 */
export function verifySignature(key: VerificationKey, message: Uint8Array, signature: Uint8Array): boolean {
  switch (key.type) {
    case 'ed25519':
      return signature.length === ED25519_SIGNATURE_BYTES && ed25519Verify(key.publicKey, message, signature);
    case 'p256': {
      const p1363 = derToP1363(signature);
      return p1363 !== undefined && p256Verify(key.publicKey, message, p1363);
    }
    case 'witness':
      throw new H4Error('H4_VKEY', `Cannot verify with ${keyReference(key)}: a witness signs checkpoints with a time`);
  }
}

/**
 * The time, in seconds since 1970, at which the witness saw `noteText`, as it says; undefined unless `signature`, the time and
 * 64 bytes, verifies (specification, section 8.3).
 */
export function verifyCosignature(
  key: WitnessVerificationKey,
  noteText: Uint8Array,
  signature: Uint8Array,
): number | undefined {
  if (signature.length !== TIME_BYTES + ED25519_SIGNATURE_BYTES) {
    return undefined;
  }
  const time = viewOf(signature).getBigUint64(0);
  const isBy = ed25519Verify(key.publicKey, cosignedText(time, noteText), signature.subarray(TIME_BYTES));
  return isBy && time <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(time) : undefined;
}

/** What a witness signs. */
export function cosignedText(time: bigint | number, noteText: Uint8Array): Uint8Array {
  return concatBytes(utf8Encode(`cosignature/v1\ntime ${time}\n`), noteText);
}

export const KEY_NAME_RULE = 'a name has no spaces, no control characters, no "+", and 1 to 1024 characters';

/** Whether a key can have this name, and whether the name comes back from the key text and from a note. */
export function isKeyName(name: string): boolean {
  return name !== '' && name.length <= MAX_NAME_LENGTH && isWellFormed(name) && !NOT_IN_A_NAME.test(name);
}

export interface KeyText {
  readonly name: string;
  readonly keyId: string;
  /** Type and key. */
  readonly bytes: Uint8Array;
}

/** The three parts of a key text. Base64 contains "+", too: only the first two separate. No message repeats the text. */
export function splitKeyText(
  text: string,
  { code, what }: { readonly code: ErrorCode; readonly what: string },
): KeyText {
  const refuse = (why: string): never => {
    throw new H4Error(code, `Cannot read ${what}: ${why}`);
  };
  if (text.length > MAX_TEXT_LENGTH) {
    return refuse(`it has ${text.length} characters, at most ${MAX_TEXT_LENGTH} are allowed`);
  }
  const [name = '', keyId, ...rest] = text.split('+');
  if (keyId === undefined || rest.length === 0) {
    return refuse('expected NAME+ID+BASE64');
  }
  if (!isKeyName(name)) {
    return refuse(KEY_NAME_RULE);
  }
  if (!KEY_ID.test(keyId)) {
    return refuse('its ID is not 8 lowercase hex digits');
  }
  return { name, keyId, bytes: fromBase64(rest.join('+'), { code, what: `the base64 of ${what}` }) };
}

function keyOf(name: string, typeByte: number | undefined, publicKey: Uint8Array): VerificationKey {
  const type = TYPES.find((each) => TYPE_BYTES[each] === typeByte);
  if (type === undefined) {
    throw new H4Error(
      'H4_VKEY',
      `Cannot read a verification key: its type is ${typeByte ?? 'missing'}, known are 1 (Ed25519), 2 (P-256) and 4 (a witness)`,
    );
  }
  if (!isPublicKey(type, publicKey)) {
    const why = `its ${publicKey.length} bytes are no key of ${TYPE_NAMES[type]}`;
    throw new H4Error('H4_VKEY', `Cannot read a verification key: ${why}`);
  }
  return { type, name, keyId: keyIdOf(name, type, publicKey), publicKey };
}

function isPublicKey(type: VerificationKey['type'], bytes: Uint8Array): boolean {
  return type === 'p256' ? isP256Key(bytes) : bytes.length === ED25519_KEY_BYTES;
}

/** A P-256 key has the same ID under every name. */
function keyIdOf(name: string, type: VerificationKey['type'], publicKey: Uint8Array): string {
  const named = [utf8Encode(name), NEWLINE, Uint8Array.of(TYPE_BYTES[type])];
  const hash = type === 'p256' ? sha256(publicKey) : sha256(...named, publicKey);
  return toHex(hash.subarray(0, KEY_ID_BYTES));
}
