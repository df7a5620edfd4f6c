/** How much memory a process has at this moment. Linux only: elsewhere nothing is known, and nothing is limited. */
import { readFileSync } from 'node:fs';

/** Resident bytes; undefined if the process has ended, or the system does not tell. */
export function residentBytes(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
