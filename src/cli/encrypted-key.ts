/**
 * Signing keys under a passphrase, as text of three lines:
 *
 *     HARMONY4+ENCRYPTED+KEY+1
 *     scrypt 17 <base64 of 32 bytes of salt>
 *     <base64 of nonce (12), ciphertext, tag (16)>
 *
 * 17 is the binary logarithm of scrypt's N; r is 8 and p is 1. Its 32 bytes are the key of AES-256-GCM, with the first two
 * lines as the header. What is encrypted is the text of the signing key.
 *
 * The file is believed nothing before the tag verifies, and the cost that it asks for is bounded before it is paid: a file of
 * somebody else must not fill the memory.
 */
import { scrypt } from 'node:crypto';
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, aes256GcmOpen, aes256GcmSeal } from '../utils/aead.js';
import { concatBytes, fromBase64, toBase64, utf8Decode, utf8Encode } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';

const MAGIC = 'HARMONY4+ENCRYPTED+KEY+1';
/** 128 MiB and a third of a second: what OWASP asks for. */
const LOG_N = 17;
/** Below, guessing is cheap; above, opening a key takes more than 256 MiB. */
const MIN_LOG_N = 14;
const MAX_LOG_N = 18;
const R = 8;
const P = 1;
const SALT_BYTES = 32;
const KEY_BYTES = 32;
const PARAMETERS = /^scrypt ([1-9][0-9]?) ([A-Za-z0-9+/]{43}=)$/u;
const SIGNING_KEY = { code: 'H4_SIGNING_KEY' } as const;

/** Whether `text` says that it is a key under a passphrase. */
export function isEncryptedKey(text: string): boolean {
  return text.startsWith(MAGIC);
}

export interface KeyEncryption {
  readonly passphrase: Uint8Array;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** The three lines for `text`, without an end of line behind the last. */
export async function encryptKey(text: string, { passphrase, randomBytes }: KeyEncryption): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(AEAD_NONCE_BYTES);
  const header = `${MAGIC}\nscrypt ${LOG_N} ${toBase64(salt)}\n`;
  const key = await derive(passphrase, salt, LOG_N);
  const sealed = aes256GcmSeal(key, nonce, utf8Encode(header), utf8Encode(text));
  return header + toBase64(concatBytes(nonce, sealed));
}

/** The text that `encrypted` holds. `H4_SIGNING_KEY` if it is not such a file, or `passphrase` is not the one. */
export async function decryptKey(encrypted: string, passphrase: Uint8Array): Promise<string> {
  const [magic, parameters = '', body = '', ...rest] = encrypted.split('\n');
  const [, logN, salt = ''] = PARAMETERS.exec(parameters) ?? [];
  if (magic !== MAGIC || logN === undefined || rest.length > 0) {
    throw unreadable('it is not the three lines that version 1 has');
  }
  if (Number(logN) < MIN_LOG_N || Number(logN) > MAX_LOG_N) {
    throw unreadable(`its cost is 2^${logN}, and from 2^${MIN_LOG_N} to 2^${MAX_LOG_N} is allowed`);
  }
  const what = 'a signing key under a passphrase';
  const saltBytes = fromBase64(salt, { ...SIGNING_KEY, what });
  const sealed = fromBase64(body, { ...SIGNING_KEY, what });
  if (sealed.length <= AEAD_NONCE_BYTES + AEAD_TAG_BYTES) {
    throw unreadable('its last line is too short for a key');
  }
  const key = await derive(passphrase, saltBytes, Number(logN));
  const header = utf8Encode(`${magic}\n${parameters}\n`);
  const nonce = sealed.subarray(0, AEAD_NONCE_BYTES);
  const text = aes256GcmOpen(key, nonce, header, sealed.subarray(AEAD_NONCE_BYTES));
  if (text === undefined) {
    throw unreadable('the passphrase is not the one of this key, or the file has been changed');
  }
  return utf8Decode(text, { ...SIGNING_KEY, what });
}

function derive(passphrase: Uint8Array, salt: Uint8Array, logN: number): Promise<Uint8Array> {
  const cost = { N: 2 ** logN, r: R, p: P, maxmem: 2 * 128 * R * 2 ** logN };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, KEY_BYTES, cost, (error, key) => {
      if (error === null) resolve(new Uint8Array(key));
      else reject(error);
    });
  });
}

function unreadable(why: string): H4Error {
  return new H4Error('H4_SIGNING_KEY', `Cannot open a signing key under a passphrase: ${why}`);
}
