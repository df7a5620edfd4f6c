/**
 * Measured bytes as a loaded shared library: from memory where the system can do that, else from a private copy. Never from the path
 * that was measured: the file there may be another one by now.
 */
import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { H4Error } from '../../utils/error.js';
import { LOAD_OPTIONS, type LoadedLibrary, loadFromDescriptor } from './descriptor-library.js';
import { assertSharedLibrary } from './file-kind.js';
import { createMemoryFile } from './memory-file.js';
import { ADVICE, createPrivateCopy } from './private-copy.js';

export interface LoadLibraryOptions {
  /** Where the bytes came from, for messages; it is not opened. */
  readonly path: string;
  /** Where to put a private copy. Default: the system's folder for temporary files. */
  readonly temporaryFolder?: string;
  /** `memory` is tried first by default; with `copy` it is not. */
  readonly place?: 'memory' | 'copy';
}

/** What loaders say where a file or its file system must not be executed, rather than that the file is wrong. */
const NOT_EXECUTABLE = /failed to map segment|not permitted|permission denied|EACCES|EPERM/iu;

/** `H4_CORE_LOAD` if this system cannot load it. The constructors of the library run in here. */
export function loadNativeLibrary(bytes: Uint8Array, options: LoadLibraryOptions): LoadedLibrary {
  assertSharedLibrary(bytes, options.path);
  if (options.place !== 'copy') {
    const fd = createMemoryFile(bytes);
    if (fd !== undefined) {
      try {
        return loadFromDescriptor(fd);
      } catch (error) {
        // A kernel may be told to execute nothing that is in memory only (vm.memfd_noexec).
        if (!NOT_EXECUTABLE.test(messageOf(error))) throw cannotLoad(options.path, error);
      }
    }
  }
  return loadPrivateCopy(bytes, options);
}

function loadPrivateCopy(bytes: Uint8Array, { path, temporaryFolder }: LoadLibraryOptions): LoadedLibrary {
  const copy = createPrivateCopy(bytes, temporaryFolder, koffi.extension);
  try {
    if (process.platform === 'linux') return loadFromDescriptor(copy.fd);
    closeSync(copy.fd);
    const library = koffi.load(copy.path, LOAD_OPTIONS);
    return {
      library,
      unload() {
        library.unload();
        copy.remove();
      },
    };
  } catch (error) {
    throw NOT_EXECUTABLE.test(messageOf(error))
      ? new H4Error(
          'H4_CORE_LOAD',
          `Cannot execute the private copy of the compression core in ${copy.parent}: ${messageOf(error)}. ${ADVICE}`,
          { cause: error },
        )
      : cannotLoad(path, error);
  } finally {
    copy.remove();
  }
}

function cannotLoad(path: string, cause: unknown): H4Error {
  return new H4Error('H4_CORE_LOAD', `Cannot load the compression core ${path}: ${messageOf(cause)}`, { cause });
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^Failed to load shared library: /u, '');
}
