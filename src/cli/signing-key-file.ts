/**
 * Files with signing keys. The secret stands in a file that only its owner may read, and the public half beside it, in
 * `KEY.pub`: a line with the key for checkpoints and a line with the key for statements. No message shows a byte of a
 * secret.
 */
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import { assertReplaceable, removeIfPresent } from '../storage/node/pending-file.js';
import { existsError, publishNew, publishOver, syncFolderOf } from '../storage/node/publish.js';
import { explain, hasErrorCode, systemFailure } from '../storage/node/system-error.js';
import { writeError } from '../storage/node/write-error.js';
import { utf8Decode, utf8Encode } from '../utils/bytes.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { type SigningKey, formatSigningKey, parseSigningKey, statementKey } from '../utils/signing-key.js';
import { printable } from './text.js';

/** Far more than any key: a file that is no key is not read to its end. */
const MAX_FILE_BYTES = 64 * 1024;

const SECRET_MODE = 0o600;
const PUBLIC_MODE = 0o644;
/** Permissions of anybody but the owner. */
const OTHERS = 0o077;

export interface SigningKeyFile {
  readonly key: SigningKey;
  /** A sentence for the person, where others may read the file. */
  readonly warning?: string;
}

/** The key in `file`. `H4_IO` if it cannot be read, `H4_SIGNING_KEY` if it holds none. */
export async function readSigningKeyFile(file: string): Promise<SigningKeyFile> {
  const name = printable(file);
  const { content, warning } = await readContent(file, name);
  if (content.length > MAX_FILE_BYTES) {
    throw new H4Error('H4_SIGNING_KEY', `${name} is no signing key: it has more than ${MAX_FILE_BYTES} bytes`);
  }
  try {
    const text = utf8Decode(content, { code: 'H4_SIGNING_KEY', what: 'a signing key' });
    return { key: parseSigningKey(text.replace(/\r?\n$/, '')), ...(warning === undefined ? {} : { warning }) };
  } catch (cause) {
    throw isH4Error(cause) ? new H4Error(cause.code, `${name}: ${cause.message}`, { cause }) : cause;
  }
}

interface Content {
  /** At most one byte more than a key file may have. */
  readonly content: Uint8Array;
  readonly warning?: string;
}

async function readContent(file: string, name: string): Promise<Content> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const stats = await handle.stat();
    const buffer = new Uint8Array(MAX_FILE_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await handle.read(buffer, length, buffer.length - length, null)).bytesRead;
    }
    const content = buffer.subarray(0, length);
    if (!stats.isFile() || process.platform === 'win32' || (stats.mode & OTHERS) === 0) return { content };
    const mode = (stats.mode & 0o777).toString(8);
    return { content, warning: `Others may read the key in ${name} (mode ${mode}): chmod 600 keeps it to its owner` };
  } catch (thrown) {
    const message = `Cannot read the signing key in ${name}: ${explain(systemFailure(thrown))}`;
    throw new H4Error('H4_IO', message, { cause: thrown });
  } finally {
    await handle?.close();
  }
}

/** Where the public half of the key in `file` stands. */
export function publicFileOf(file: string): string {
  return `${file}.pub`;
}

/** The public halves of `key` and of the statement key that belongs to it, as they stand in `KEY.pub`. */
export function publicLinesOf(key: SigningKey): readonly [checkpoints: string, statements: string] {
  return [key.verificationKey, statementKey(key).verificationKey];
}

/**
 * Writes `key` to `file` and its public half beside it. Both are whole and on the disk before either has its name. Without
 * `force` neither replaces anything (`H4_EXISTS`), and a failure leaves nothing behind.
 */
export async function writeSigningKeyFile(
  file: string,
  key: SigningKey,
  { force }: { readonly force: boolean },
): Promise<void> {
  const secretFile = new NewFile(file, force);
  const publicFile = new NewFile(publicFileOf(file), force);
  await secretFile.assertFree();
  await publicFile.assertFree();
  try {
    await secretFile.write(`${formatSigningKey(key)}\n`, SECRET_MODE);
    await publicFile.write(`${publicLinesOf(key).join('\n')}\n`, PUBLIC_MODE);
    await publicFile.publish();
    await secretFile.publish();
  } catch (thrown) {
    await secretFile.discard();
    await publicFile.discard();
    throw thrown;
  }
}

/** A small file on its way: created exclusively under another name, so that nobody has put a link or a file of theirs there. */
class NewFile {
  readonly #path: string;
  readonly #part: string;
  readonly #force: boolean;
  /** What `discard` removes. */
  #made: string | undefined;

  constructor(path: string, force: boolean) {
    this.#path = resolve(path);
    this.#part = `${this.#path}.part`;
    this.#force = force;
  }

  assertFree(): Promise<void> {
    return assertReplaceable(this.#path, this.#force);
  }

  async write(text: string, mode: number): Promise<void> {
    try {
      if (this.#force) await removeIfPresent(this.#part);
      const handle = await open(this.#part, 'wx', mode);
      this.#made = this.#part;
      try {
        await handle.writeFile(utf8Encode(text));
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      throw hasErrorCode(thrown, 'EEXIST')
        ? existsError(this.#part, thrown)
        : writeError(`Cannot write ${this.#part}`, thrown);
    }
  }

  async publish(): Promise<void> {
    await (this.#force ? publishOver : publishNew)(this.#part, this.#path);
    // What has replaced an old file is not taken back: the old one is gone.
    this.#made = this.#force ? undefined : this.#path;
    await syncFolderOf(this.#path);
  }

  async discard(): Promise<void> {
    if (this.#made !== undefined) await unlink(this.#made).catch(() => undefined);
  }
}
