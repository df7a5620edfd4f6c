/**
 * Where a command reads from: a path, or `-` for standard input. Commands that need to move about in a container get a
 * source; standard input, which can only be read once, is first laid into a temporary file, never into memory.
 */
import { createWriteStream } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { HashingSource } from '../container/io/io.js';
import { openFileSource } from '../storage/node/file-source.js';
import { explain, systemFailure } from '../storage/node/system-error.js';
import { H4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { createTemporaryFolder } from './temporary.js';
import { printable } from './text.js';

export const STDIN = '-';

/** What messages call an input. */
export function inputName(file: string): string {
  return file === STDIN ? 'standard input' : printable(file);
}

/** Refuses what looks like an address: a file of that name is still reachable as `./http:...`. */
export function assertLocal(file: string): void {
  const scheme = /^(https?|s3):\/\//i.exec(file)?.[1];
  if (scheme !== undefined) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot read ${file}: remote files (${scheme}:) are not read yet; download it and give its path`,
    );
  }
}

/** Opens FILE for positioned reads. Whoever opens it closes it. */
export async function openInput(file: string, context: Context): Promise<HashingSource> {
  assertLocal(file);
  return file === STDIN ? openSpooled(context) : openFileSource(file);
}

async function openSpooled(context: Context): Promise<HashingSource> {
  const folder = await createTemporaryFolder();
  try {
    const path = folder.file('stdin');
    await pipeline(readStdin(context), createWriteStream(path, { mode: 0o600 }), { signal: context.io.signal });
    const source = await openFileSource(path);
    return {
      size: source.size,
      read: (start, end, signal) => source.read(start, end, signal),
      sha256: (start, end, signal) => source.sha256(start, end, signal),
      close: () => source.close().finally(() => folder.remove()),
    };
  } catch (thrown) {
    await folder.remove();
    throw new H4Error('H4_IO', `Cannot read standard input: ${explain(systemFailure(thrown))}`, { cause: thrown });
  }
}

/** Standard input as a stream that ends with an error when the user interrupts. */
export function readStdin({ io, err }: Context): Readable {
  if (io.stdin.isTTY === true) err.raw('harmony4: reading from the terminal; end with Ctrl-D\n');
  return addAbortSignal(io.signal, io.stdin);
}
