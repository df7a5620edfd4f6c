/** A file on this machine that somebody else is writing: how far it may be read, by its sidecar or by its length. */

import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { H4Error, isH4Error } from '../../utils/error.js';
import type { Growth, GrowingBytes } from '../follow.js';
import { isFinalTail, TAIL_CHUNK_BYTES } from '../tail-copy.js';
import { handleReader, type ReadAt, readFully } from './positioned-io.js';
import { readSidecar } from './sidecar.js';
import { causeOf, explain, systemFailure } from './system-error.js';

/** Opens the file at `path` for following. `H4_IO` if it is not there. */
export async function openGrowingBytes(path: string): Promise<GrowingBytes> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw new H4Error('H4_IO', `Cannot follow ${path}: it is no regular file`);
    return new GrowingLocalFile(path, handle, stats.ino);
  } catch (thrown) {
    await handle?.close().catch(() => undefined);
    if (thrown instanceof H4Error) throw thrown;
    throw new H4Error('H4_IO', `Cannot open ${path}: ${explain(systemFailure(thrown))}`, { cause: thrown });
  }
}

/** A sidecar that is none says nothing, and least of all about the recording. */
const asHint = (error: unknown): undefined => {
  if (!isH4Error(error, 'H4_TAIL_LAYOUT')) throw error;
  return undefined;
};

class GrowingLocalFile implements GrowingBytes {
  readonly name: string;
  readonly #handle: FileHandle;
  readonly #ino: bigint;
  readonly #readAt: ReadAt;
  /** How much was there while no sidecar was. The first one may speak of less: it can come between two looks at a file. */
  #unpromised = 0;

  constructor(path: string, handle: FileHandle, ino: bigint) {
    this.name = path;
    this.#handle = handle;
    this.#ino = ino;
    this.#readAt = handleReader(handle);
  }

  async look(): Promise<Growth> {
    // Before the length: a sidecar never speaks of bytes that are not there yet.
    const sidecar = await readSidecar(this.name).catch(asHint);
    const { size } = await this.#handle.stat();
    await this.#assertSame();
    if (await this.#endsInFinalTail(size)) return { end: size, isFinal: true };
    if (sidecar !== undefined && sidecar.end > size) {
      throw new H4Error(
        'H4_ROLLBACK',
        `${this.name} has ${size} bytes, but its sidecar promised ${sidecar.end}: what had been made known is gone`,
        { detail: { before: sidecar.end, now: size } },
      );
    }
    if (sidecar === undefined) {
      this.#unpromised = size;
      return { end: size, isFinal: false };
    }
    return { end: Math.max(sidecar.end, Math.min(this.#unpromised, size)), isFinal: sidecar.isFinal };
  }

  /** Whoever overwrites a recording makes a new file: this one will not grow any more. */
  async #assertSame(): Promise<void> {
    const now = await stat(this.name, { bigint: true }).catch(() => undefined);
    if (now?.ino !== this.#ino) {
      throw new H4Error('H4_IO', `Cannot follow ${this.name}: it was removed or replaced by another file`);
    }
  }

  async #endsInFinalTail(size: number): Promise<boolean> {
    if (size < TAIL_CHUNK_BYTES) return false;
    return isFinalTail(await this.read(size - TAIL_CHUNK_BYTES, size), size);
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - start);
    const failure = await readFully(this.#readAt, bytes, start);
    if (failure === undefined) return bytes;
    const why = failure.kind === 'refused' ? explain(failure) : 'it has become shorter';
    throw new H4Error('H4_IO', `Cannot read [${start}, ${end}) of ${this.name}: ${why}`, {
      ...(failure.kind === 'refused' ? { cause: causeOf(failure) } : {}),
    });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
