/**
 * The lock that keeps a file to one writer: `<path>.lock`, created exclusively, which names its owner. Killing the owner
 * leaves the lock behind; the next writer takes it over.
 *
 * Create: open with O_EXCL, write the owner and close, in one turn of the event loop. A lock can only be found empty in
 * the microseconds between the two, or for good if its creator was killed in them: it counts as abandoned when it has
 * stayed empty for a second. A creator that was stopped for so long finds, once it has written, that the file at the
 * path is no longer its own, and starts again. A lock with any other text that names no owner is not ours to remove.
 *
 * Take over: two writers may find the same dead owner. If both removed the lock and created their own, the slower one
 * would remove the lock of the faster. So the right to replace a lock is itself a lock, `<lock>.takeover`:
 *
 *   1. acquire `<lock>.takeover`, as any lock is acquired (it, too, may have been left by a process killed in step 2);
 *   2. read `<lock>` again. Still the dead owner: rename `<lock>.takeover`, which names us, to `<lock>`: the lock is
 *      replaced without ever being absent. Anything else: somebody was faster; remove `<lock>.takeover`, start again.
 *
 * Nobody but the holder of `<lock>.takeover` replaces a lock whose owner is dead, and a dead owner does not remove it, so
 * what step 2 read is what it replaces. Whoever meets a living holder of either file is refused. Killed at any point,
 * a process leaves `<lock>` or both, and the next one gets past them.
 *
 * What it does not guard against: writers in containers that share a folder and a host name but not their processes, and
 * people who remove the lock of a living writer. Therefore a writer asks `isHeld` before it makes its file visible.
 */

import { closeSync, constants, fstatSync, openSync, readSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { H4Error } from '../../utils/error.js';
import {
  createLockOwner,
  formatLockOwner,
  isOwnerAlive,
  isOwnerHere,
  type LockOwner,
  parseLockOwner,
} from './lock-owner.js';
import { hasErrorCode } from './system-error.js';
import { writeError } from './write-error.js';

export interface WriterLock {
  /** Whether a dead owner held it before: what that one has left behind may be removed. */
  readonly tookOver: boolean;
  /** Whether the lock at the path is still this one. */
  isHeld(): boolean;
  /** Removes the lock, unless it is no longer this one. */
  release(): void;
}

interface LockFile {
  readonly text: string;
  /** Which file it is and when it last changed: two empty locks have the same text. */
  readonly identity: string;
}

/** No text that names an owner is longer. */
const MAX_TEXT_BYTES = 4096;

/** An empty lock is looked at this often, at this interval, before it counts as abandoned. */
const EMPTY_LOOKS = 50;
const EMPTY_INTERVAL_MS = 20;

/** Acquires the lock at `lockPath`. Rejects with `H4_LOCKED` if another writer holds it, with `H4_WRITE` if it cannot. */
export async function acquireWriterLock(lockPath: string): Promise<WriterLock> {
  const text = formatLockOwner(createLockOwner());
  let tookOver: boolean;
  try {
    tookOver = await acquire(lockPath, text);
  } catch (thrown) {
    throw writeError(`Cannot create the lock ${lockPath}`, thrown);
  }
  const isHeld = () => readLock(lockPath)?.text === text;
  const release = () => {
    if (isHeld()) {
      unlinkSync(lockPath);
    }
  };
  return { tookOver, isHeld, release };
}

/** Makes `text` the text of the lock; says whether it has replaced that of a dead owner. */
async function acquire(lockPath: string, text: string): Promise<boolean> {
  for (;;) {
    if (createExclusively(lockPath, text)) {
      return false;
    }
    const found = await readSettled(lockPath);
    if (found === undefined) {
      continue;
    }
    assertAbandoned(found.text, lockPath);
    const claimPath = `${lockPath}.takeover`;
    await acquire(claimPath, text);
    if (isSame(readLock(lockPath), found)) {
      renameSync(claimPath, lockPath);
      return true;
    }
    unlinkSync(claimPath);
  }
}

function createExclusively(lockPath: string, text: string): boolean {
  let fd: number;
  try {
    fd = openSync(lockPath, 'wx');
  } catch (thrown) {
    if (hasErrorCode(thrown, 'EEXIST')) {
      return false;
    }
    throw thrown;
  }
  try {
    writeFileSync(fd, text);
  } catch (thrown) {
    unlinkSync(lockPath);
    throw thrown;
  } finally {
    closeSync(fd);
  }
  return readLock(lockPath)?.text === text;
}

/** The lock once it has a text, the empty lock if it gets none, undefined if there is no lock any more. */
async function readSettled(lockPath: string): Promise<LockFile | undefined> {
  for (let look = 1; ; look++) {
    const found = readLock(lockPath);
    if (found?.text !== '' || look === EMPTY_LOOKS) {
      return found;
    }
    await sleep(EMPTY_INTERVAL_MS);
  }
}

function readLock(lockPath: string): LockFile | undefined {
  let fd: number;
  try {
    fd = openSync(lockPath, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (hasErrorCode(thrown, 'ENOENT')) {
      return undefined;
    }
    throw thrown;
  }
  try {
    const bytes = Buffer.alloc(MAX_TEXT_BYTES);
    const text = bytes.toString('utf8', 0, readSync(fd, bytes));
    const { ino, ctimeNs } = fstatSync(fd, { bigint: true });
    return { text, identity: `${ino.toString()} ${ctimeNs.toString()}` };
  } finally {
    closeSync(fd);
  }
}

function isSame(a: LockFile | undefined, b: LockFile): boolean {
  return a?.text === b.text && a.identity === b.identity;
}

/** Throws `H4_LOCKED` unless the lock was left behind by an owner that is known to be dead. */
function assertAbandoned(text: string, lockPath: string): void {
  // A power failure can leave a file of the right length without its text.
  if (/^\0*$/.test(text)) {
    return;
  }
  const owner = parseLockOwner(text);
  if (owner === undefined) {
    throw new H4Error('H4_LOCKED', `Cannot lock ${lockPath}: the file is not a writer lock; move it away if it may go`);
  }
  if (!isOwnerHere(owner)) {
    throw locked(
      lockPath,
      owner,
      ` on host ${JSON.stringify(owner.host)}; if it does not run any more, remove that file`,
    );
  }
  if (isOwnerAlive(owner)) {
    throw locked(lockPath, owner, '; wait until it has finished, or stop it');
  }
}

function locked(lockPath: string, owner: LockOwner, advice: string): H4Error {
  return new H4Error('H4_LOCKED', `Cannot lock ${lockPath}: it is held by process ${owner.pid}${advice}`, {
    detail: { pid: owner.pid },
  });
}
