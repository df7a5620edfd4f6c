/** Small files that come into being together: all of them whole and on the disk before any has its name, or none of them. */
import { open, unlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import { assertReplaceable, removeIfPresent } from '../storage/node/pending-file.js';
import { existsError, publishNew, publishOver, syncFolderOf } from '../storage/node/publish.js';
import { hasErrorCode } from '../storage/node/system-error.js';
import { writeError } from '../storage/node/write-error.js';
import { utf8Encode } from '../utils/bytes.js';

export const SECRET_MODE = 0o600;
export const PUBLIC_MODE = 0o644;

export interface NewFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/**
 * Writes the files, the last one first, so that a file that others belong to comes when those are there. Without `force` none
 * replaces anything (`H4_EXISTS`), and a failure leaves nothing behind.
 */
export async function writeNewFiles(files: readonly NewFile[], { force }: { readonly force: boolean }): Promise<void> {
  const pending = files.map((file) => ({ file, part: new Part(file.path, force) }));
  for (const { part } of pending) await part.assertFree();
  try {
    for (const { file, part } of pending) await part.write(file.text, file.mode);
    for (const { part } of pending.toReversed()) await part.publish();
  } catch (thrown) {
    for (const { part } of pending) await part.discard();
    throw thrown;
  }
}

/** A small file on its way: created exclusively under another name, so that nobody has put a link or a file of theirs there. */
class Part {
  readonly #path: string;
  readonly #part: string;
  readonly #force: boolean;
  /** What `discard` removes. */
  #made: string | undefined;

  constructor(path: string, force: boolean) {
    this.#path = resolve(path);
    this.#part = `${this.#path}.part`;
    this.#force = force;
  }

  assertFree(): Promise<void> {
    return assertReplaceable(this.#path, this.#force);
  }

  async write(text: string, mode: number): Promise<void> {
    try {
      if (this.#force) await removeIfPresent(this.#part);
      const handle = await open(this.#part, 'wx', mode);
      this.#made = this.#part;
      try {
        await handle.writeFile(utf8Encode(text));
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      throw hasErrorCode(thrown, 'EEXIST')
        ? existsError(this.#part, thrown)
        : writeError(`Cannot write ${this.#part}`, thrown);
    }
  }

  async publish(): Promise<void> {
    await (this.#force ? publishOver : publishNew)(this.#part, this.#path);
    // What has replaced an old file is not taken back: the old one is gone.
    this.#made = this.#force ? undefined : this.#path;
    await syncFolderOf(this.#path);
  }

  async discard(): Promise<void> {
    if (this.#made !== undefined) await unlink(this.#made).catch(() => undefined);
  }
}
