/**
 * A file that exists in memory only (Linux, `memfd_create`): where a core is put between the moment it is measured and the
 * moment it is loaded. It has no path that anybody could replace, and once sealed not even this process can alter it.
 */
import { closeSync, fstatSync, writeSync } from 'node:fs';
import koffi from 'koffi';

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Since Linux 6.3; older kernels answer EINVAL, and every such file may be executed there. */
const MFD_EXEC = 16;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE. */
const ALL_SEALS = 15;

/** The descriptor of a sealed file with these bytes, or undefined where there is no such thing. */
export function createMemoryFile(bytes: Uint8Array): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const fd = memoryFile();
  if (fd === undefined) return undefined;
  try {
    writeAll(fd, bytes);
    const fcntl = koffi.load(null).func('int fcntl(int fd, int command, ...)');
    if (fcntl(fd, F_ADD_SEALS, 'int', ALL_SEALS) === 0 && fstatSync(fd).size === bytes.length) return fd;
  } catch {
    // No memory, or a sandbox that forbids it: the caller has another way.
  }
  closeSync(fd);
  return undefined;
}

function memoryFile(): number | undefined {
  try {
    const create = koffi.load(null).func('int memfd_create(const char *name, unsigned int flags)');
    for (const flags of [MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC, MFD_CLOEXEC | MFD_ALLOW_SEALING]) {
      const fd: unknown = create('harmony4-core', flags);
      if (typeof fd === 'number' && fd >= 0) return fd;
      if (koffi.errno() !== koffi.os.errno['EINVAL']) return undefined;
    }
  } catch {
    // A C library that has no such function.
  }
  return undefined;
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, at);
}
