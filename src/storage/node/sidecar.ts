/**
 * The sidecar of a file that grows: `<path>.tail`, a byte copy of its newest TAIL chunk (spec/h4mk.md section 9.3), because
 * the last bytes of such a file need not be a TAIL. It is replaced as a whole, so that whoever reads it finds one chunk,
 * and only ever names bytes that are on the disk already.
 */

import { constants } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { H4Error } from '../../utils/error.js';
import { TAIL_CHUNK_BYTES, type TailCopy, tailCopyOf } from '../tail-copy.js';
import { removeIfPresent } from './pending-file.js';
import { handleReader, readFully } from './positioned-io.js';
import { syncFolderOf } from './publish.js';
import { explain, hasErrorCode, systemFailure } from './system-error.js';
import { writeError } from './write-error.js';

export const sidecarPathOf = (path: string): string => `${path}.tail`;

/** Reads the sidecar of the file at `path`; undefined if it has none. `H4_TAIL_LAYOUT` for anything but one whole TAIL chunk. */
export async function readSidecar(path: string): Promise<TailCopy | undefined> {
  const from = sidecarPathOf(path);
  let bytes: Uint8Array;
  try {
    bytes = await readSmallFile(from);
  } catch (thrown) {
    if (hasErrorCode(thrown, 'ENOENT')) {
      return undefined;
    }
    throw thrown instanceof H4Error
      ? thrown
      : new H4Error('H4_IO', `Cannot read ${from}: ${explain(systemFailure(thrown))}`, { cause: thrown });
  }
  return tailCopyOf(bytes, from);
}

/** Replaces the sidecar of the file at `path`, durably. Whenever it is killed, the old one or the new one is there. */
export async function replaceSidecar(path: string, tailChunk: Uint8Array): Promise<void> {
  const to = sidecarPathOf(path);
  const partPath = `${to}.part`;
  try {
    // Removed, not truncated: it may be what a killed writer has left, or a link that somebody has put there.
    await removeIfPresent(partPath);
    const part = await open(partPath, 'wx');
    try {
      await part.writeFile(tailChunk);
      await part.datasync();
    } finally {
      await part.close();
    }
    await rename(partPath, to);
    await syncFolderOf(to);
  } catch (thrown) {
    await removeIfPresent(partPath).catch(() => undefined);
    throw writeError(`Cannot write ${to}`, thrown);
  }
}

/** Removes the sidecar, and what a writer that was killed has left of the next one. */
export async function removeSidecar(path: string): Promise<void> {
  const sidecarPath = sidecarPathOf(path);
  try {
    await removeIfPresent(`${sidecarPath}.part`);
    await removeIfPresent(sidecarPath);
  } catch (thrown) {
    throw writeError(`Cannot remove ${sidecarPath}`, thrown);
  }
}

/** All of a file that is no longer than a TAIL chunk, of any other one byte more than that. */
async function readSmallFile(path: string): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a pipe waits for a writer, for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) {
      throw new H4Error('H4_IO', `Cannot read ${path}: it is no regular file`);
    }
    const bytes = new Uint8Array(TAIL_CHUNK_BYTES + 1);
    const failure = await readFully(handleReader(handle), bytes, 0);
    if (failure?.kind === 'refused') {
      throw new H4Error('H4_IO', `Cannot read ${path}: ${explain(failure)}`);
    }
    return failure === undefined ? bytes : bytes.subarray(0, failure.position);
  } finally {
    await handle?.close();
  }
}
