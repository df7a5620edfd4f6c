/**
 * What a process of a core gives up before it loads one. All of it belongs to Linux and all of it is a second line: where it
 * is not to be had, the process runs without.
 */
import { writeFileSync } from 'node:fs';

const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_NO_NEW_PRIVS = 38;
const SIGKILL = 9;

/** Signals that a service manager or a terminal sends to all processes at once: the parent decides when this one ends. */
const LEFT_TO_THE_PARENT = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `parentPid`: who started this process, and will not be survived. */
export async function harden(parentPid: number): Promise<void> {
  for (const signal of LEFT_TO_THE_PARENT) process.on(signal, () => undefined);
  if (process.platform !== 'linux') return;
  try {
    // If memory runs out, the process of the core goes before the service. To be done first: the rest closes the file.
    writeFileSync('/proc/self/oom_score_adj', '500');
  } catch {
    // A container that does not allow it.
  }
  const prctl = await loadPrctl();
  // A core that hangs never reads that its parent is gone.
  prctl?.(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (process.ppid !== parentPid) process.exit(0);
  // A crash must not write the blocks in memory to a disk.
  prctl?.(PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl?.(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

async function loadPrctl(): Promise<((...values: readonly number[]) => unknown) | undefined> {
  try {
    const koffi = await import('koffi');
    return koffi.load(null).func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
  } catch {
    // A WASM core needs no FFI, and so it may be missing.
    return undefined;
  }
}
