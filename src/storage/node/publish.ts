/**
 * How a finished file gets its name, in one step: before it there is no such file (or the old one), after it the whole
 * file. Without `overwrite`, `link(2)` makes the name and fails if it is taken, so that a file that appeared a moment
 * ago is never replaced, which `rename(2)` would do.
 *
 * File systems without hard links (FAT, some network shares) get an empty file under the name, created exclusively, and
 * then a rename over it. Being killed between the two leaves the empty file.
 */

import { link, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { H4Error } from '../../utils/error.js';
import { hasErrorCode } from './system-error.js';
import { writeError } from './write-error.js';

const LINK_UNSUPPORTED = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK'];
const DIRECTORY_SYNC_UNSUPPORTED = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EACCES', 'EISDIR', 'EBADF'];

/** Gives the file at `partPath` the name `path`, which must be free: otherwise `H4_EXISTS`. */
export async function publishNew(partPath: string, path: string, makeLink: typeof link = link): Promise<void> {
  try {
    await makeLink(partPath, path);
  } catch (thrown) {
    if (!hasErrorCode(thrown, ...LINK_UNSUPPORTED)) {
      throw publishError(path, thrown);
    }
    await publishOverPlaceholder(partPath, path);
    return;
  }
  // The other name of the same file. The next writer would remove it, too; it must never be opened for writing.
  await unlink(partPath).catch(() => undefined);
}

/** Gives the file at `partPath` the name `path`, in place of whatever has it. */
export async function publishOver(partPath: string, path: string): Promise<void> {
  try {
    await rename(partPath, path);
  } catch (thrown) {
    throw publishError(path, thrown);
  }
}

/** Makes the new name itself durable, where the file system lets a folder be synchronised. */
export async function syncFolderOf(path: string): Promise<void> {
  try {
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (thrown) {
    if (!hasErrorCode(thrown, ...DIRECTORY_SYNC_UNSUPPORTED)) {
      throw writeError(`Wrote ${path} whole, but cannot make its name durable`, thrown);
    }
  }
}

export function existsError(path: string, cause?: unknown): H4Error {
  return new H4Error('H4_EXISTS', `Cannot write ${path}: it exists; remove it, or ask for it to be overwritten`, {
    cause,
  });
}

async function publishOverPlaceholder(partPath: string, path: string): Promise<void> {
  try {
    await (await open(path, 'wx')).close();
  } catch (thrown) {
    throw publishError(path, thrown);
  }
  try {
    await rename(partPath, path);
  } catch (thrown) {
    await unlink(path).catch(() => undefined);
    throw publishError(path, thrown);
  }
}

function publishError(path: string, thrown: unknown): H4Error {
  if (hasErrorCode(thrown, 'EEXIST')) {
    return existsError(path, thrown);
  }
  return writeError(`Cannot give the finished file its name ${path}`, thrown);
}
