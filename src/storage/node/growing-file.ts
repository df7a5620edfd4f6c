/**
 * A file that grows under its own name: the lock, the file, its sidecar, and the two ways to end. Unlike an unfinished file
 * under a temporary name it is never removed: what a live recording has on the disk is evidence, and stays, whether its
 * writer finishes, gives up or is killed.
 *
 * Whenever the process is killed, the bytes that were made durable are there, and the sidecar names such bytes or is
 * absent. The next writer of `path` is refused with `H4_EXISTS`, unless it was told to overwrite or to resume.
 */

import { type FileHandle, lstat, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { H4Error } from '../../utils/error.js';
import { TAIL_CHUNK_BYTES, tailCopyOf } from '../tail-copy.js';
import { assertReplaceable, type PendingFile, releaseQuietly, removeIfPresent } from './pending-file.js';
import { handleReader, readFully } from './positioned-io.js';
import { existsError, syncFolderOf } from './publish.js';
import { readSidecar, removeSidecar, replaceSidecar, sidecarPathOf } from './sidecar.js';
import { hasErrorCode } from './system-error.js';
import { writeError } from './write-error.js';
import { acquireWriterLock, type WriterLock } from './writer-lock.js';

export interface GrowingFileOptions {
  readonly overwrite: boolean;
  /**
   * Go on with the file that is there, after so many of its bytes: asked once nobody else can write it any more. What it
   * throws is passed on, and nothing has been changed then.
   */
  readonly resumeAt?: () => Promise<number>;
}

/** Locks `path` and opens the file. Rejects with `H4_EXISTS`, `H4_LOCKED`, `H4_WRITE` or `H4_STATE`, and changes nothing then. */
export async function openGrowingFile(path: string, options: GrowingFileOptions): Promise<GrowingFile> {
  const target = resolve(path);
  const { resumeAt } = options;
  // Somebody's file is told of first, and by its name; whoever comes between is met by the exclusive creation.
  await assertReplaceable(target, options.overwrite || resumeAt !== undefined);
  const lock = await acquireWriterLock(`${target}.lock`);
  try {
    const handle = await (resumeAt === undefined ? create(target, lock, options) : reopen(target, await resumeAt()));
    const { ino, size } = await handle.stat({ bigint: true });
    return new GrowingFile(target, handle, { ino, start: Number(size), lock });
  } catch (thrown) {
    releaseQuietly(lock);
    throw writeError(`Cannot create ${target}`, thrown);
  }
}

async function create(path: string, lock: WriterLock, { overwrite }: GrowingFileOptions): Promise<FileHandle> {
  const sidecarPath = sidecarPathOf(path);
  if (overwrite || lock.tookOver) {
    // First: a sidecar must never speak of a file that it was not made for.
    await removeSidecar(path);
  } else if ((await lstat(sidecarPath).catch(() => undefined)) !== undefined) {
    throw new H4Error(
      'H4_EXISTS',
      `Cannot write ${path}: ${sidecarPath} exists and is no interrupted writer's; remove it, or ask for overwriting`,
    );
  }
  if (overwrite) {
    await removeIfPresent(path);
  }
  try {
    return await open(path, 'wx+');
  } catch (thrown) {
    throw hasErrorCode(thrown, 'EEXIST') ? existsError(path, thrown) : thrown;
  }
}

async function reopen(path: string, resumeAt: number): Promise<FileHandle> {
  const handle = await open(path, 'r+');
  try {
    const { size } = await handle.stat();
    if (size < resumeAt) {
      throw new H4Error('H4_STATE', `Cannot resume ${path} after ${resumeAt} bytes: it has only ${size}`, {
        detail: { resumeAt, size },
      });
    }
    // Before the bytes that it speaks for are cut off. A broken one speaks for nothing.
    const sidecar = await readSidecar(path).catch(() => undefined);
    if (sidecar === undefined || sidecar.end > resumeAt) {
      await removeSidecar(path);
    }
    await handle.truncate(resumeAt);
    return handle;
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

export class GrowingFile implements PendingFile {
  readonly path: string;
  readonly partPath: string;
  /** Length of what stood there already. */
  readonly start: number;
  readonly #handle: FileHandle;
  readonly #ino: bigint;
  readonly #lock: WriterLock;
  #naming: Promise<void> | undefined;

  /** Owns handle and lock from now on. */
  constructor(
    path: string,
    handle: FileHandle,
    { ino, start, lock }: { readonly ino: bigint; readonly start: number; readonly lock: WriterLock },
  ) {
    this.path = path;
    this.partPath = path;
    this.start = start;
    this.#handle = handle;
    this.#ino = ino;
    this.#lock = lock;
  }

  get fd(): number {
    return this.#handle.fd;
  }

  /** Makes the name durable, once: its bytes alone would be of no use to anyone. */
  syncName(): Promise<void> {
    return (this.#naming ??= syncFolderOf(this.path));
  }

  async publishTail(tailChunk: Uint8Array): Promise<void> {
    await this.#assertOurs();
    await replaceSidecar(this.path, tailChunk);
  }

  /** Makes file and name durable and removes the sidecar, which a file that ends in its own TAIL does not need. */
  async publish(): Promise<void> {
    const { path } = this;
    try {
      await this.#handle.sync();
      await this.syncName();
      await this.#assertOurs();
      await this.#publishLast();
      await this.#handle.close();
    } catch (thrown) {
      throw writeError(`Cannot finish ${path}`, thrown);
    }
    try {
      await removeSidecar(path);
      await syncFolderOf(path);
    } finally {
      // The file stands. A lock that cannot be removed is stale as soon as this process ends.
      releaseQuietly(this.#lock);
    }
  }

  /** Leaves file and sidecar as they are. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    try {
      this.#lock.release();
    } catch (thrown) {
      throw writeError(`Cannot remove the lock of ${this.path}`, thrown);
    }
  }

  /** The end of the file as the last sidecar: who follows it learns of the end without reading the file. */
  async #publishLast(): Promise<void> {
    const { size } = await this.#handle.stat();
    const bytes = new Uint8Array(Math.min(size, TAIL_CHUNK_BYTES));
    try {
      await readFully(handleReader(this.#handle), bytes, size - bytes.length);
      if (tailCopyOf(bytes, this.path).end === size) {
        await replaceSidecar(this.path, bytes);
      }
    } catch {
      // The file is whole without it, and the one before, which is removed next, is still right.
    }
  }

  /** Refuses to go on in place of a writer who believed us dead, or in a file that has been moved away. */
  async #assertOurs(): Promise<void> {
    const found = await lstat(this.path, { bigint: true }).catch(() => undefined);
    if (found?.ino !== this.#ino || !this.#lock.isHeld()) {
      throw new H4Error(
        'H4_LOCKED',
        `Cannot go on with ${this.path}: its lock or the file was removed, and another writer may have begun it`,
      );
    }
  }
}
