/**
 * A file that is being written and not yet visible: the lock, the bytes in `<path>.part`, and the two ways to end, under
 * its name or not at all. Whenever the process is killed, there is no file at `path` (or still the old one), at most one
 * `.part` and its `.lock`, and the next writer of `path` gets past both.
 *
 * A `.part` without a lock is nobody's unfinished file, since writers remove the part before the lock. It may be a
 * person's, and is left alone unless overwriting was asked for.
 */

import { type FileHandle, lstat, open, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { H4Error } from '../../utils/error.js';
import { existsError, publishNew, publishOver, syncFolderOf } from './publish.js';
import { hasErrorCode } from './system-error.js';
import { writeError } from './write-error.js';
import { acquireWriterLock, type WriterLock } from './writer-lock.js';

export interface PendingFileOptions {
  readonly overwrite: boolean;
  /** Whether `publish` makes the file and its name durable before it resolves. */
  readonly durable: boolean;
}

export interface PendingFile {
  /** Where the file will be. Absolute: the process may change its folder meanwhile. */
  readonly path: string;
  readonly partPath: string;
  /** Open for writing until `publish` or `discard`, before which all work on it must have ended. */
  readonly fd: number;
  /** Makes the file visible. Rejects with `H4_EXISTS`, `H4_LOCKED` or `H4_WRITE`; then `discard` is due. */
  publish(): Promise<void>;
  /** Removes what there is. Rejects with `H4_WRITE` if that cannot be done. */
  discard(): Promise<void>;
}

/** Locks `path` and creates its part. Rejects with `H4_EXISTS`, `H4_LOCKED` or `H4_WRITE`, and leaves nothing behind. */
export async function createPendingFile(path: string, options: PendingFileOptions): Promise<PendingFile> {
  const target = resolve(path);
  await assertReplaceable(target, options.overwrite);
  const lock = await acquireWriterLock(`${target}.lock`);
  try {
    return await createPart(target, lock, options);
  } catch (thrown) {
    releaseQuietly(lock);
    throw thrown;
  }
}

async function createPart(path: string, lock: WriterLock, options: PendingFileOptions): Promise<PendingFile> {
  const partPath = `${path}.part`;
  let handle: FileHandle | undefined;
  try {
    if (lock.tookOver || options.overwrite) {
      // Removed, not truncated: a writer killed between link and unlink has left a second name of its finished file.
      await removeIfPresent(partPath);
    }
    handle = await open(partPath, 'wx');
    const { ino } = await handle.stat({ bigint: true });
    return new LockedPart(path, partPath, { handle, ino, lock, ...options });
  } catch (thrown) {
    await handle?.close().catch(() => undefined);
    if (hasErrorCode(thrown, 'EEXIST')) {
      throw new H4Error(
        'H4_EXISTS',
        `Cannot write ${path}: ${partPath} exists and is no interrupted writer's; remove it, or ask for overwriting`,
        { cause: thrown },
      );
    }
    throw writeError(`Cannot create ${partPath}`, thrown);
  }
}

interface Holdings extends PendingFileOptions {
  readonly handle: FileHandle;
  /** The inode of the part, which no other file has while the handle is open. */
  readonly ino: bigint;
  readonly lock: WriterLock;
}

class LockedPart implements PendingFile {
  readonly path: string;
  readonly partPath: string;
  readonly #holdings: Holdings;

  constructor(path: string, partPath: string, holdings: Holdings) {
    this.path = path;
    this.partPath = partPath;
    this.#holdings = holdings;
  }

  get fd(): number {
    return this.#holdings.handle.fd;
  }

  async publish(): Promise<void> {
    const { path, partPath } = this;
    const { handle, lock, overwrite, durable } = this.#holdings;
    try {
      if (durable) {
        await handle.sync();
      }
      if (!(await this.#isOurs())) {
        throw new H4Error('H4_LOCKED', `Cannot finish ${path}: its lock was removed and another writer has begun it`);
      }
      // Not later: network file systems may report only now that bytes have not arrived.
      await handle.close();
    } catch (thrown) {
      throw writeError(`Cannot finish ${partPath}`, thrown);
    }
    await (overwrite ? publishOver(partPath, path) : publishNew(partPath, path));
    try {
      if (durable) {
        await syncFolderOf(path);
      }
    } finally {
      // The file stands. A lock that cannot be removed is stale as soon as this process ends.
      releaseQuietly(lock);
    }
  }

  async discard(): Promise<void> {
    const { handle, lock } = this.#holdings;
    try {
      if (await this.#isOurs().finally(() => handle.close().catch(() => undefined))) {
        await removeIfPresent(this.partPath);
      }
      lock.release();
    } catch (thrown) {
      throw writeError(`Cannot remove ${this.partPath} and its lock`, thrown);
    }
  }

  /** Whether lock and part are still the ones that were created, and not those of a writer who believed us dead. */
  async #isOurs(): Promise<boolean> {
    const { ino, lock } = this.#holdings;
    const found = await lstat(this.partPath, { bigint: true }).catch(() => undefined);
    return found?.ino === ino && lock.isHeld();
  }
}

/** Throws unless a file may be put at `path`: over a device or a folder never, over a file if asked to. */
export async function assertReplaceable(path: string, overwrite: boolean): Promise<void> {
  try {
    const found = await lstat(path);
    if (!found.isFile() && !found.isSymbolicLink()) {
      const kind = found.isDirectory() ? 'a folder' : 'a device, a pipe or a socket';
      throw new H4Error('H4_WRITE', `Cannot write ${path}: it is ${kind}; name a file`);
    }
    if (!overwrite) {
      throw existsError(path);
    }
  } catch (thrown) {
    if (!hasErrorCode(thrown, 'ENOENT')) {
      throw writeError(`Cannot write ${path}`, thrown);
    }
    const folder = dirname(path);
    if ((await stat(folder).catch(() => undefined)) === undefined) {
      throw new H4Error('H4_WRITE', `Cannot write ${path}: there is no folder ${folder}; create it first`, {
        cause: thrown,
      });
    }
  }
}

export async function removeIfPresent(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (thrown) {
    if (!hasErrorCode(thrown, 'ENOENT')) {
      throw thrown;
    }
  }
}

export function releaseQuietly(lock: WriterLock): void {
  try {
    lock.release();
  } catch {
    // Whatever brought us here matters more than the lock.
  }
}
