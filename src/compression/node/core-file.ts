/**
 * The file of a core, read once. What is hashed here is what is loaded afterwards, byte for byte: between the two nobody
 * looks at the file again, so that nobody can swap it (spec/engine.md).
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { sha256 } from '../../utils/sha256.js';

export interface CoreFile {
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, 64 lowercase hex digits. */
  readonly fingerprint: string;
  /** What is wrong with the file without being a reason to refuse it. No paths: warnings are shown to anybody who asks. */
  readonly warnings: readonly string[];
}

/** No library of code is larger; whatever is has been configured by mistake. */
export const MAX_CORE_BYTES = 256 * 1024 * 1024;

const WRITABLE_BY_OTHERS = 0o022;
/** A pipe would otherwise be waited for until somebody writes to it. Windows has neither. */
const READ_WITHOUT_WAITING = constants.O_RDONLY | ('O_NONBLOCK' in constants ? constants.O_NONBLOCK : 0);

/**
 * `H4_CORE_NOT_FOUND` if there is no such file, `H4_CORE_LOAD` if it is no regular file or has an impossible size, `H4_IO` if it
 * cannot be read. The messages name the path: they are for the operator, who has set it.
 */
export async function readCoreFile(path: string): Promise<CoreFile> {
  const file = await openCore(path);
  try {
    const { size, mode } = await assertCoreSize(file, path);
    const bytes = await readExactly(file, size, path);
    const isWritable = process.platform !== 'win32' && (mode & WRITABLE_BY_OTHERS) !== 0;
    return {
      bytes,
      fingerprint: toHex(sha256(bytes)),
      warnings: isWritable
        ? ["the core's file can be written by others than its owner: take that right away with 'chmod go-w'"]
        : [],
    };
  } catch (error) {
    throw error instanceof H4Error ? error : cannotRead(path, error);
  } finally {
    await file.close();
  }
}

async function openCore(path: string): Promise<FileHandle> {
  try {
    return await open(path, READ_WITHOUT_WAITING);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new H4Error(
        'H4_CORE_NOT_FOUND',
        `Compression core not found: ${path}. Check HARMONY4_CORE_PATH, and that the folder is mounted ('ls -l' shows the file)`,
        { cause },
      );
    }
    throw cannotRead(path, cause);
  }
}

async function assertCoreSize(file: FileHandle, path: string): Promise<{ size: number; mode: number }> {
  const stats = await file.stat();
  const why = stats.isDirectory()
    ? 'it is a folder; name the library inside it'
    : !stats.isFile()
      ? 'it is no regular file'
      : stats.size === 0
        ? 'it is empty'
        : stats.size > MAX_CORE_BYTES
          ? `it has ${stats.size} bytes; a core has at most ${MAX_CORE_BYTES}`
          : undefined;
  if (why !== undefined) throw new H4Error('H4_CORE_LOAD', `Cannot load the compression core ${path}: ${why}`);
  return stats;
}

async function readExactly(file: FileHandle, size: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(bytes, at, size - at, at);
    if (bytesRead === 0) {
      throw new H4Error('H4_IO', `Cannot read the compression core ${path}: it became shorter while it was read`);
    }
    at += bytesRead;
  }
  return bytes;
}

function cannotRead(path: string, cause: unknown): H4Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new H4Error('H4_IO', `Cannot read the compression core ${path}: ${reason}`, { cause });
}
