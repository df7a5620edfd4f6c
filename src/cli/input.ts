/**
 * Where a command reads from: a path, an http or https address, or `-` for standard input. Commands that need to move about
 * in a container get a source; what can only be read once, standard input, a pipe or a character device, is first laid into
 * a temporary file, never into memory.
 */
import { constants, createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ByteSource } from '../container/io/io.js';
import { addressName } from '../storage/http/address.js';
import { openFileSource } from '../storage/node/file-source.js';
import { hasErrorCode } from '../storage/node/system-error.js';
import { H4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { isRemote, openRemote } from './remote.js';
import { openSpooled } from './spool.js';
import { printable } from './text.js';

export const STDIN = '-';

/** Paths under which systems have standard input. */
const STDIN_PATHS: ReadonlySet<string> = new Set(['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']);

const ADDRESS = /^(https?|s3):\/\//i;

/** What results call an input: as it was typed, but of an address never what may be secret in it. */
export function resultName(file: string): string {
  return ADDRESS.test(file) ? addressName(file) : file;
}

/** What messages call an input: of an address never what may be secret in it, its password and its query. */
export function inputName(file: string): string {
  if (ADDRESS.test(file)) return printable(addressName(file));
  return file === STDIN ? 'standard input' : printable(file);
}

/** Refuses what looks like an address where only a file can be read: a file of that name is still reachable as `./http:...`. */
export function assertLocal(file: string): void {
  const scheme = ADDRESS.exec(file)?.[1];
  if (scheme !== undefined) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot read ${inputName(file)}: this reads no ${scheme}: address; download it and give its path`,
    );
  }
}

/** Refuses to read standard input twice: the second time it would be empty. */
export function assertReadOnce(files: readonly string[]): void {
  if (files.filter((file) => file === STDIN || STDIN_PATHS.has(file)).length > 1) {
    throw new H4Error('H4_PARAM', 'Cannot read standard input twice: name it once');
  }
}

export interface InputOptions {
  /** Whether the command reads every byte, as a full check does. */
  readonly wholeFile?: boolean;
  /** Whether the user lets a remote file be read whole (`--allow-full-read`). */
  readonly allowFullRead?: boolean;
}

/** Opens FILE for positioned reads. Whoever opens it closes it. */
export async function openInput(file: string, context: Context, options: InputOptions = {}): Promise<ByteSource> {
  if (isRemote(file)) return openRemote(file, inputName(file), context, options);
  assertLocal(file);
  if (file === STDIN) return openSpooled(() => readStdin(context), inputName(file), context);
  const stats = await stat(file).catch(() => undefined);
  // Standard input may also be a socket, which cannot be opened by its path.
  if (stats?.isSocket() === true && STDIN_PATHS.has(file)) return openInput(STDIN, context, options);
  if (stats?.isFIFO() === true || stats?.isCharacterDevice() === true) {
    return openSpooled(() => readStream(file, context), inputName(file), context);
  }
  return openFileSource(file);
}

/** A pipe or a device as a stream that ends with an error when the user interrupts. */
export function readStream(file: string, { io }: Context): Readable {
  io.signal.throwIfAborted();
  const stream = createReadStream(file);
  const release = (): void => void releaseReader(file, stream);
  io.signal.addEventListener('abort', release, { once: true });
  stream.once('close', () => io.signal.removeEventListener('abort', release));
  return addAbortSignal(io.signal, stream);
}

/** Opening a pipe waits for a writer, on a thread that nothing else can stop: an interrupted command becomes one itself. */
async function releaseReader(file: string, stream: Readable): Promise<void> {
  if ((await stat(file).catch(() => undefined))?.isFIFO() !== true) return;
  while (!stream.closed) {
    try {
      await (await open(file, constants.O_WRONLY | constants.O_NONBLOCK)).close();
      return;
    } catch (error) {
      // Nobody has opened it for reading yet, although that has been asked for.
      if (!hasErrorCode(error, 'ENXIO')) return;
      await sleep(10);
    }
  }
}

/** Standard input as a stream that ends with an error when the user interrupts. */
export function readStdin({ io, err }: Context): Readable {
  if (io.stdin.isTTY === true) err.raw('harmony4: reading from the terminal; end with Ctrl-D\n');
  return addAbortSignal(io.signal, io.stdin);
}
