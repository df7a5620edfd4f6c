/**
 * A private copy of a core on disk: where it is loaded from if there are no files in memory (`memory-file.ts`). The folder is new and
 * belongs to this process alone, the file is new as well, and what it holds is read back through the same descriptor.
 */
import { constants, closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';

export interface PrivateCopy {
  readonly path: string;
  /** The folder in which the copy has a folder of its own, for messages. */
  readonly parent: string;
  /** Open; whoever gets the copy closes it. */
  readonly fd: number;
  /** Removes file and folder. Nothing happens where a system keeps files that are in use; then call it again later. */
  readonly remove: () => void;
}

const FOLDER_PREFIX = 'harmony4-core-';
const READ_AND_EXECUTE_BY_OWNER = 0o500;
const { O_RDWR, O_CREAT, O_EXCL } = constants;
const CHUNK_BYTES = 1024 * 1024;

/** `H4_CORE_LOAD`, naming the folder and `HARMONY4_CORE_TMP`, if the copy cannot be made or is not what was written. */
export function createPrivateCopy(
  bytes: Uint8Array,
  temporaryFolder: string | undefined,
  extension: string,
): PrivateCopy {
  const parent = temporaryFolder ?? tmpdir();
  let folder: string | undefined;
  let fd: number | undefined;
  const remove = (): void => {
    try {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    } catch {
      // In use, as on Windows.
    }
  };
  try {
    folder = mkdtempSync(join(parent, FOLDER_PREFIX));
    const path = join(folder, `core${extension}`);
    fd = openSync(path, O_RDWR | O_CREAT | O_EXCL, READ_AND_EXECUTE_BY_OWNER);
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, at);
    if (!holdsExactly(fd, bytes)) throw new Error('what was written cannot be read back');
    return { path, parent, fd, remove };
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    remove();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new H4Error(
      'H4_CORE_LOAD',
      `Cannot put a private copy of the compression core into ${parent}: ${reason}. ${ADVICE}`,
      {
        cause,
      },
    );
  }
}

export const ADVICE = 'Set HARMONY4_CORE_TMP to a folder that this process may write to and that is not mounted noexec';

function holdsExactly(fd: number, bytes: Uint8Array): boolean {
  const chunk = new Uint8Array(CHUNK_BYTES);
  let at = 0;
  for (;;) {
    const read = readSync(fd, chunk, 0, chunk.length, at);
    if (read === 0) return at === bytes.length;
    if (!equalBytes(chunk.subarray(0, read), bytes.subarray(at, at + read))) return false;
    at += read;
  }
}
