/**
 * Loading a shared library from an open descriptor instead of a path (Linux): `dlopen("/proc/self/fd/N")` maps the very file that
 * the descriptor refers to, so that nobody can put another one in its place.
 *
 * glibc knows loaded libraries by the name they were opened under. If N were closed and given to another library while
 * the first is still loaded, the second `dlopen` would silently return the *first* library. Therefore the descriptor stays open until
 * the system itself says that nothing is loaded under the name any more; if it never says so, for the life of the process.
 */
import { closeSync } from 'node:fs';
import koffi, { type LibraryHandle } from 'koffi';

/** Libraries that were loaded, and what has to be done when they are not needed any more. */
export interface LoadedLibrary {
  readonly library: LibraryHandle;
  readonly unload: () => void;
}

/**
 * The core's own definitions go before those of the process (RTLD_DEEPBIND). Node exports a whole zlib and Brotli: without
 * this a core that brings its own `crc32` or `deflate` along would run Node's, which nobody has measured.
 */
export const LOAD_OPTIONS = { deep: true };

const RTLD_LAZY = 1;
const RTLD_NOLOAD = 4;

/** Takes over `fd`, also if it fails: with the error of the system's loader. */
export function loadFromDescriptor(fd: number): LoadedLibrary {
  const name = `/proc/self/fd/${fd}`;
  let library: LibraryHandle;
  try {
    library = koffi.load(name, LOAD_OPTIONS);
  } catch (error) {
    if (!isLoaded(name)) closeSync(fd);
    throw error;
  }
  return {
    library,
    unload() {
      library.unload();
      if (!isLoaded(name)) closeSync(fd);
    },
  };
}

/** Libraries may refuse to be unloaded: by a flag, by thread-local or unique symbols, or because the C library (musl) never does it. */
function isLoaded(name: string): boolean {
  const process = koffi.load(null);
  const dlopen = process.func('void *dlopen(const char *name, int flags)');
  const handle: unknown = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
  if (handle === null) return false;
  process.func('int dlclose(void *handle)')(handle);
  return true;
}
