/**
 * Files with signing keys. The secret stands in a file that only its owner may read, perhaps under a passphrase, and the
 * public half beside it, in `KEY.pub`: a line with the key for checkpoints and a line with the key for statements; of a witness
 * the one line of its key. No message shows a byte of a secret.
 */
import { utf8Decode } from '../utils/bytes.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { type SigningKey, formatSigningKey, parseSigningKey, statementKey } from '../utils/signing-key.js';
import type { Context } from './context.js';
import { decryptKey, encryptKey, isEncryptedKey, type KeyEncryption } from './encrypted-key.js';
import { printWarning } from './exit.js';
import { PUBLIC_MODE, SECRET_MODE, writeNewFiles } from './new-files.js';
import { readSecretFile } from './secret-file.js';
import { printable } from './text.js';

/** Far more than any key: a file that is no key is not read to its end. */
const MAX_FILE_BYTES = 64 * 1024;
const MAX_PASSPHRASE_BYTES = 1024;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface SigningKeyFile {
  readonly key: SigningKey;
  /** A sentence for the person: others may read the file, or it has no passphrase although one was given. */
  readonly warning?: string;
}

/** The key in `file`. `H4_IO` if it cannot be read, `H4_SIGNING_KEY` if it holds none that `passphrase` opens. */
export async function readSigningKeyFile(
  file: string,
  { passphrase }: { readonly passphrase?: Uint8Array } = {},
): Promise<SigningKeyFile> {
  const name = printable(file);
  const { content, warning } = await readSecretFile(file, 'signing key', MAX_FILE_BYTES);
  if (content.length > MAX_FILE_BYTES) {
    throw new H4Error('H4_SIGNING_KEY', `${name} is no signing key: it has more than ${MAX_FILE_BYTES} bytes`);
  }
  try {
    const text = utf8Decode(content, { code: 'H4_SIGNING_KEY', what: 'a signing key' }).replace(/\r?\n$/, '');
    const isEncrypted = isEncryptedKey(text);
    const key = parseSigningKey(isEncrypted ? await decrypted(text, passphrase) : text);
    const isBare = passphrase !== undefined && !isEncrypted;
    const bare = isBare ? `The key in ${name} has no passphrase: the one given was not used` : undefined;
    const warnings = [warning, bare].filter((each) => each !== undefined);
    return { key, ...(warnings.length === 0 ? {} : { warning: warnings.join('; ') }) };
  } catch (cause) {
    throw isH4Error(cause) ? new H4Error(cause.code, `${name}: ${cause.message}`, { cause }) : cause;
  }
}

function decrypted(text: string, passphrase: Uint8Array | undefined): Promise<string> {
  if (passphrase === undefined) {
    throw new H4Error('H4_SIGNING_KEY', 'Cannot open a signing key under a passphrase without it: --passphrase-file');
  }
  return decryptKey(text, passphrase);
}

/** `readSigningKeyFile` for a command: the passphrase comes out of a file, too, and warnings are told. */
export async function readSigningKey(
  file: string,
  context: Context,
  { passphraseFile }: { readonly passphraseFile?: string | undefined } = {},
): Promise<SigningKey> {
  const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile, context);
  const { key, warning } = await readSigningKeyFile(file, passphrase === undefined ? {} : { passphrase });
  if (warning !== undefined) await printWarning(context, 'H4_SIGNING_KEY', warning);
  return key;
}

/** The bytes of `file` without an end of line behind them. Warns where others may read it. `H4_PARAM` if that is no passphrase. */
export async function readPassphrase(file: string, context: Context): Promise<Uint8Array> {
  const { content, warning } = await readSecretFile(file, 'passphrase', MAX_PASSPHRASE_BYTES);
  if (warning !== undefined) await printWarning(context, 'H4_SIGNING_KEY', warning);
  const withoutFeed = content.at(-1) === LINE_FEED ? content.subarray(0, -1) : content;
  const isCarried = withoutFeed.length < content.length && withoutFeed.at(-1) === CARRIAGE_RETURN;
  const passphrase = isCarried ? withoutFeed.subarray(0, -1) : withoutFeed;
  if (passphrase.length === 0 || content.length > MAX_PASSPHRASE_BYTES) {
    const found = passphrase.length === 0 ? 'it is empty' : `it has more than ${MAX_PASSPHRASE_BYTES} bytes`;
    throw new H4Error('H4_PARAM', `${printable(file)} holds no passphrase: ${found}`);
  }
  return passphrase;
}

/** Where the public half of the key in `file` stands. */
export function publicFileOf(file: string): string {
  return `${file}.pub`;
}

/** The public half of `key`, and of the statement key that belongs to it if it has one, as they stand in `KEY.pub`. */
export function publicLinesOf(key: SigningKey): readonly string[] {
  return key.type === 'witness' ? [key.verificationKey] : [key.verificationKey, statementKey(key).verificationKey];
}

export interface WriteSigningKeyOptions {
  readonly force: boolean;
  /** How the secret is encrypted. Absent: not at all. */
  readonly encryption?: KeyEncryption | undefined;
}

/**
 * Writes `key` to `file` and its public half beside it. Both are whole and on the disk before either has its name. Without
 * `force` neither replaces anything (`H4_EXISTS`), and a failure leaves nothing behind.
 */
export async function writeSigningKeyFile(
  file: string,
  key: SigningKey,
  { force, encryption }: WriteSigningKeyOptions,
): Promise<void> {
  const secret = formatSigningKey(key);
  const text = encryption === undefined ? secret : await encryptKey(secret, encryption);
  await writeNewFiles(
    [
      { path: file, text: `${text}\n`, mode: SECRET_MODE },
      { path: publicFileOf(file), text: `${publicLinesOf(key).join('\n')}\n`, mode: PUBLIC_MODE },
    ],
    { force },
  );
}
