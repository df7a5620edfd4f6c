/**
 * Appending to a file that stands there whole: all or nothing. What is appended goes there in one write, and a failure cuts the file
 * back to what it was.
 */
import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ByteSink, ByteSource } from '../container/io/io.js';
import { openFileSource } from '../storage/node/file-source.js';
import { readSidecar, replaceSidecar } from '../storage/node/sidecar.js';
import { explain, systemFailure } from '../storage/node/system-error.js';
import { writeError } from '../storage/node/write-error.js';
import { acquireWriterLock } from '../storage/node/writer-lock.js';
import { concatBytes } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import { printable } from './text.js';

/** Keeps what would be written behind the first `start` bytes of a file. */
export class Appendix implements ByteSink {
  readonly #start: number;
  readonly #pieces: Uint8Array[] = [];
  #length: number;

  constructor(start: number) {
    this.#start = start;
    this.#length = start;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array {
    return concatBytes(...this.#pieces);
  }

  get isEmpty(): boolean {
    return this.#length === this.#start;
  }

  write(bytes: Uint8Array): undefined {
    this.#pieces.push(bytes.slice());
    this.#length += bytes.length;
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  abort(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * Lets `work` read `file` and say what is to stand behind it, while nobody else writes it, and appends that. `tailChunk` is what a
 * sidecar is to hold, if the file has one. Rejects with `H4_LOCKED`, `H4_IO` or `H4_WRITE`, and the file is as it was then.
 */
export async function appendInPlace<Result extends { readonly appendix: Appendix; readonly tailChunk?: Uint8Array }>(
  file: string,
  work: (source: ByteSource) => Promise<Result>,
): Promise<Result> {
  const path = resolve(file);
  // Found out first whether there is such a file: a lock beside none would be a strange thing to leave or to fail with.
  await (await openFileSource(file)).close();
  const lock = await acquireWriterLock(`${path}.lock`);
  try {
    const before = await stat(path, { bigint: true });
    const source = await openFileSource(path);
    let result: Result;
    try {
      result = await work(source);
    } finally {
      await source.close();
    }
    if (!result.appendix.isEmpty) await append(path, before, result.appendix.bytes);
    if (result.tailChunk !== undefined) await renewSidecar(path, result.tailChunk);
    return result;
  } finally {
    lock.release();
  }
}

async function append(path: string, before: BigIntStats, bytes: Uint8Array): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r+');
    const { ino, size, mtimeNs } = await handle.stat({ bigint: true });
    if (ino !== before.ino || size !== before.size || mtimeNs !== before.mtimeNs) {
      throw new H4Error('H4_IO', `${printable(path)} changed while it was checked: nothing was appended to it`);
    }
    await writeOrCutBack(handle, Number(size), bytes);
  } catch (thrown) {
    throw writeError(`Cannot write to ${printable(path)}, which is as it was`, thrown);
  } finally {
    await handle?.close();
  }
}

async function writeOrCutBack(handle: FileHandle, size: number, bytes: Uint8Array): Promise<void> {
  try {
    const { bytesWritten } = await handle.write(bytes, 0, bytes.length, size);
    // Tried once more, so that the system says why it did not take the rest.
    if (bytesWritten < bytes.length) await handle.write(bytes, bytesWritten, undefined, size + bytesWritten);
    await handle.sync();
  } catch (thrown) {
    try {
      await handle.truncate(size);
      await handle.sync();
    } catch (again) {
      throw new H4Error(
        'H4_WRITE',
        `Cannot append to the file (${explain(systemFailure(thrown))}), nor cut off what was appended ` +
          `(${explain(systemFailure(again))}): what stands behind its first ${size} bytes is unfinished`,
        { cause: thrown },
      );
    }
    throw thrown;
  }
}

/** The sidecar of a recording that was cut off speaks of its newest TAIL. The one before stays right if this fails. */
async function renewSidecar(path: string, tailChunk: Uint8Array): Promise<void> {
  const before = await readSidecar(path).catch(() => undefined);
  if (before !== undefined) await replaceSidecar(path, tailChunk).catch(() => undefined);
}
