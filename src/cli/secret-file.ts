/** Small files with secrets: how they are read, and what is said where others can read them, too. */
import { type FileHandle, open } from 'node:fs/promises';
import { explain, systemFailure } from '../storage/node/system-error.js';
import { H4Error } from '../utils/error.js';
import { assertNoSecret } from './key-lines.js';
import { printable } from './text.js';

/** Permissions of anybody but the owner. */
const OTHERS = 0o077;

export type Secret = 'key' | 'signing key' | 'passphrase';

export interface SecretFile {
  /** All bytes, or, if there are more than `maxBytes`, that many and one. */
  readonly content: Uint8Array;
  /** A sentence for the person, where others may read the file. */
  readonly warning?: string;
}

/** Reads `file`, but never more than a byte beyond `maxBytes`; `what` is what is looked for in it. `H4_IO` if it cannot be read. */
export async function readSecretFile(file: string, what: Secret, maxBytes: number): Promise<SecretFile> {
  // Whoever types the secret itself for its file would read it again in a message, and in every log of it.
  assertNoSecret(file, 'the name of a file');
  const name = printable(file);
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const stats = await handle.stat();
    const buffer = new Uint8Array(maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await handle.read(buffer, length, buffer.length - length, null)).bytesRead;
    }
    const content = buffer.subarray(0, length);
    if (!stats.isFile() || process.platform === 'win32' || (stats.mode & OTHERS) === 0) return { content };
    const mode = (stats.mode & 0o777).toString(8);
    return {
      content,
      warning: `Others may read the ${what} in ${name} (mode ${mode}): chmod 600 keeps it to its owner`,
    };
  } catch (thrown) {
    const reason = explain(systemFailure(thrown));
    throw new H4Error('H4_IO', `Cannot read the ${what} in ${name}: ${reason}`, { cause: thrown });
  } finally {
    await handle?.close();
  }
}
