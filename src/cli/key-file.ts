/**
 * Keys of content come out of files, standard input or the environment, and never from a command line: what stands there is
 * read by every user of the machine and kept in its history. A key is the bytes of the file, or hex digits in it with an
 * optional end of line; in the environment it is hex digits.
 */
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { MIN_CONTENT_KEY_BYTES } from '../container/secrecy/block-secrets.js';
import { fromHex } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { printWarning } from './exit.js';
import { STDIN, assertReadOnce, readStdin } from './input.js';
import { repeatable } from './options.js';
import { readSecretFile } from './secret-file.js';
import { printable } from './text.js';

export const KEY_FILE_OPTION = ['--key-file <FILE>', 'the key of masked blocks: its bytes, or hex digits'] as const;

export interface ContentKeyOptions {
  readonly keyFile?: readonly string[];
  readonly keyEnv?: readonly string[];
}

interface ReadKeys {
  readonly minBytes: number;
  readonly inputs: readonly string[];
  /** Whether something new is hidden with them. Default no. */
  readonly hides?: boolean;
}

/** Adds --key-file and --key-env, both repeatable; `what` says what the keys are for. */
export function addContentKeyOptions(command: Command, what: string): Command {
  return command
    .option('--key-file <FILE>', `${what}: its bytes, or hex digits; - for standard input; repeatable`, repeatable)
    .option('--key-env <NAME>', 'the environment variable that holds such a key in hex digits; repeatable', repeatable);
}

/** The keys of --key-file and --key-env. `inputs` are what else is read: only one may be stdin. */
export async function readContentKeys(
  { keyFile = [], keyEnv = [] }: ContentKeyOptions,
  { minBytes, inputs, hides = false }: ReadKeys,
  context: Context,
): Promise<Uint8Array[]> {
  assertReadOnce([...keyFile, ...inputs]);
  const keys: Uint8Array[] = [];
  for (const file of keyFile) keys.push(await readKeyFile(file, { minBytes, hides }, context));
  for (const name of keyEnv) keys.push(keyFromEnvironment(name, minBytes, context));
  return keys;
}

/** The one key that hides what is written, or has hidden it (`hides` is false); undefined if none is named. */
export async function readContentKey(
  options: ContentKeyOptions,
  { inputs, hides }: Required<Omit<ReadKeys, 'minBytes'>>,
  context: Context,
): Promise<Uint8Array | undefined> {
  const { keyFile = [], keyEnv = [] } = options;
  if (keyFile.length + keyEnv.length > 1) {
    throw new H4Error('H4_PARAM', 'Only one key hides what is written: name it once, with --key-file or --key-env');
  }
  const [key] = await readContentKeys(options, { minBytes: MIN_CONTENT_KEY_BYTES, inputs, hides }, context);
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

/** A line of a key of another sort: a public one, a signing key, or one under a passphrase. */
const OTHER_KEY =
  /^\uFEFF?\s*["']?(?:private\+key\+|harmony4\+encrypted\+key|[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*["']?\s*$)/imu;

/** What people type: no random bytes of this length are letters throughout. */
const TYPED = /^[^\p{Cc}\p{Cn}]+$/u;

/**
 * What a key is for. What is hidden already opens with whatever hid it; what is written from now on is hidden by random bytes,
 * and never by a password (h4mk.md 12).
 */
export interface KeyUse {
  readonly minBytes: number;
  /** Whether something new is hidden with it. */
  readonly hides: boolean;
}

/** The key in `file`. Warns where others may read the file; no message shows a byte of it. */
export async function readKeyFile(file: string, { minBytes, hides }: KeyUse, context: Context): Promise<Uint8Array> {
  const name = file === STDIN ? 'standard input' : printable(file);
  const content = await (file === STDIN ? readStream(readStdin(context)) : readContent(file, context));
  if (content.length > MAX_FILE_BYTES) {
    throw new H4Error('H4_PARAM', `${name} is no key: it has more than ${MAX_FILE_BYTES} bytes`);
  }
  const makes = `'${context.io.command} keygen --secret -o KEY' makes`;
  const text = Buffer.from(content).toString('latin1').trimEnd();
  if (OTHER_KEY.test(Buffer.from(content).toString('utf8'))) {
    const what = 'it holds a public key or a signing key, and nothing is hidden or opened with one';
    throw new H4Error('H4_PARAM', `${name} is no key of content: ${what}; ${makes} a key for that`);
  }
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
        (minBytes < MIN_CONTENT_KEY_BYTES ? '' : `; ${makes} one`),
    );
  }
  if (hides && key === content && isTyped(content)) {
    throw new H4Error(
      'H4_PARAM',
      `${name} is no key: this looks like a password or a text, which can be guessed; ${makes} a key`,
    );
  }
  return key;
}

function isTyped(content: Uint8Array): boolean {
  try {
    return TYPED.test(new TextDecoder('utf-8', { fatal: true }).decode(content).replace(/[\t\r\n]/g, ' '));
  } catch {
    return false;
  }
}

async function readContent(file: string, context: Context): Promise<Uint8Array> {
  const { content, warning } = await readSecretFile(file, 'key', MAX_FILE_BYTES).catch((error: unknown) => {
    assertNoKey(file, '--key-file');
    throw error;
  });
  if (warning !== undefined) await printWarning(context, 'H4_PARAM', warning);
  return content;
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
