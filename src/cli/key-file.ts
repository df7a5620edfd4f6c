/**
 * Keys of content come out of files, standard input or the environment, and never from a command line: what stands there is
 * read by every user of the machine and kept in its history. A key is the bytes of the file, or hex digits in it with an
 * optional end of line; in the environment it is hex digits.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { MIN_CONTENT_KEY_BYTES } from '../container/secrecy/block-secrets.js';
import { explain, systemFailure } from '../storage/node/system-error.js';
import { fromHex } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { printWarning } from './exit.js';
import { STDIN, assertReadOnce, readStdin } from './input.js';
import { repeatable } from './options.js';
import { printable } from './text.js';

export const KEY_FILE_OPTION = ['--key-file <FILE>', 'the key of masked blocks: its bytes, or hex digits'] as const;

export interface ContentKeyOptions {
  readonly keyFile?: readonly string[];
  readonly keyEnv?: readonly string[];
}

/** Adds --key-file and --key-env, both repeatable; `what` says what the keys are for. */
export function addContentKeyOptions(command: Command, what: string): Command {
  return command
    .option('--key-file <FILE>', `${what}: its bytes, or hex digits; - for standard input; repeatable`, repeatable)
    .option('--key-env <NAME>', 'the environment variable that holds such a key in hex digits; repeatable', repeatable);
}

/** The keys of --key-file and --key-env, each at least `minBytes` long. `inputs` are what else is read: only one may be stdin. */
export async function readContentKeys(
  { keyFile = [], keyEnv = [] }: ContentKeyOptions,
  { minBytes, inputs }: { readonly minBytes: number; readonly inputs: readonly string[] },
  context: Context,
): Promise<Uint8Array[]> {
  assertReadOnce([...keyFile, ...inputs]);
  const keys: Uint8Array[] = [];
  for (const file of keyFile) keys.push(await readKeyFile(file, minBytes, context));
  for (const name of keyEnv) keys.push(keyFromEnvironment(name, minBytes, context));
  return keys;
}

/** The one key that hides what is written; undefined if none is named. */
export async function readContentKey(
  options: ContentKeyOptions,
  inputs: readonly string[],
  context: Context,
): Promise<Uint8Array | undefined> {
  const { keyFile = [], keyEnv = [] } = options;
  if (keyFile.length + keyEnv.length > 1) {
    throw new H4Error('H4_PARAM', 'Only one key hides what is written: name it once, with --key-file or --key-env');
  }
  const [key] = await readContentKeys(options, { minBytes: MIN_CONTENT_KEY_BYTES, inputs }, context);
  return key;
}

/** What may be a key that was typed instead of the name of one. */
const TYPED_KEY = /^[0-9a-f]{32,}$/i;

/** Called where nothing has that name: then no message repeats it. */
function assertNoKey(text: string, option: string): void {
  if (!TYPED_KEY.test(text)) return;
  throw new H4Error(
    'H4_PARAM',
    `Cannot use what was given as ${option}: it looks like a key, and a key belongs into no command line, where others may ` +
      'have read it by now. Make a new one with keygen --secret, and name its file',
  );
}

function keyFromEnvironment(name: string, minBytes: number, { io }: Context): Uint8Array {
  const text = io.env[name]?.trim() ?? '';
  if (text === '') assertNoKey(name, '--key-env');
  if (text === '') throw new H4Error('H4_PARAM', `There is no key in the environment variable ${printable(name)}`);
  if (HEX.test(text) && text.length >= 2 * minBytes) return fromHex(text.toLowerCase());
  throw new H4Error(
    'H4_PARAM',
    `What the environment variable ${printable(name)} holds is no key: at least ${2 * minBytes} hex digits are needed`,
  );
}

/** Far more than any key: a file that is no key is not read to its end. */
const MAX_FILE_BYTES = 4096;

const HEX = /^(?:[0-9a-f]{2})+$/i;

/** Permissions of anybody but the owner. */
const OTHERS = 0o077;

/** The key in `file`, at least `minBytes` long. Warns where others may read the file; no message shows a byte of it. */
export async function readKeyFile(file: string, minBytes: number, context: Context): Promise<Uint8Array> {
  const name = file === STDIN ? 'standard input' : printable(file);
  const content = await (file === STDIN ? readStream(readStdin(context)) : readContent(file, name, context));
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
      `${name} is no key: it has ${key.length} bytes, and at least ${minBytes} are needed (or ${hex})` +
        (minBytes < MIN_CONTENT_KEY_BYTES ? '' : `; '${context.io.command} keygen --secret -o KEY' makes one`),
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
    assertNoKey(file, '--key-file');
    throw new H4Error('H4_IO', `Cannot read the key in ${name}: ${explain(systemFailure(thrown))}`, { cause: thrown });
  } finally {
    await handle?.close();
  }
}

/** What comes from standard input, but not far beyond what a key can be. */
async function readStream(stream: Readable): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    pieces.push(piece);
    length += piece.length;
    if (length > MAX_FILE_BYTES) break;
  }
  return new Uint8Array(Buffer.concat(pieces));
}
