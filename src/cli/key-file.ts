/**
 * Keys for masked content come out of files and from nowhere else: what stands on a command line is read by every user of
 * the machine and kept in its history. A key is the bytes of the file, or hex digits in it with an optional end of line.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { explain, systemFailure } from '../storage/node/system-error.js';
import { fromHex } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { printWarning } from './exit.js';
import { printable } from './text.js';

export const KEY_FILE_OPTION = ['--key-file <FILE>', 'the key of masked blocks: its bytes, or hex digits'] as const;

/** Far more than any key: a file that is no key is not read to its end. */
const MAX_FILE_BYTES = 4096;

const HEX = /^(?:[0-9a-f]{2})+$/i;

/** Permissions of anybody but the owner. */
const OTHERS = 0o077;

/** The key in `file`, at least `minBytes` long. Warns where others may read the file; no message shows a byte of it. */
export async function readKeyFile(file: string, minBytes: number, context: Context): Promise<Uint8Array> {
  const name = printable(file);
  const content = await readContent(file, name, context);
  if (content.length > MAX_FILE_BYTES) {
    throw new H4Error('H4_PARAM', `${name} is no key: it has more than ${MAX_FILE_BYTES} bytes`);
  }
  const text = Buffer.from(content).toString('latin1').trimEnd();
  // A key of random bytes that look like hex digits throughout is out of the question at these lengths.
  if (text.length >= 2 * minBytes - 1 && text.length % 2 > 0 && /^[0-9a-f]+$/i.test(text)) {
    throw new H4Error('H4_PARAM', `${name} is no key: ${text.length} hex digits are no whole number of bytes`);
  }
  const key = text.length >= 2 * minBytes && HEX.test(text) ? fromHex(text.toLowerCase()) : content;
  if (key.length < minBytes) {
    const hex = `${2 * minBytes} hex digits`;
    throw new H4Error(
      'H4_PARAM',
      `${name} is no key: it has ${key.length} bytes, and at least ${minBytes} are needed (or ${hex})`,
    );
  }
  return key;
}

async function readContent(file: string, name: string, context: Context): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const stats = await handle.stat();
    if (stats.isFile() && process.platform !== 'win32' && (stats.mode & OTHERS) !== 0) {
      const mode = (stats.mode & 0o777).toString(8);
      const message = `Others may read the key in ${name} (mode ${mode}): chmod 600 keeps it to its owner`;
      await printWarning(context, 'H4_PARAM', message);
    }
    const buffer = new Uint8Array(MAX_FILE_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await handle.read(buffer, length, buffer.length - length, null)).bytesRead;
    }
    return buffer.subarray(0, length);
  } catch (thrown) {
    if (thrown instanceof H4Error) throw thrown;
    throw new H4Error('H4_IO', `Cannot read the key in ${name}: ${explain(systemFailure(thrown))}`, { cause: thrown });
  } finally {
    await handle?.close();
  }
}
