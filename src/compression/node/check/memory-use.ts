/** How much memory this process has. Linux tells; elsewhere only what is resident is known. */
import { readFileSync } from 'node:fs';

/** Of `/proc/PID/status`, in bytes; undefined where there is no such file. */
function statusOf(field: 'VmRSS' | 'VmPeak', pid: number | 'self'): number | undefined {
  try {
    const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

export function residentBytes(): number {
  return statusOf('VmRSS', 'self') ?? process.memoryUsage.rss();
}

/** Resident memory of another process; undefined where nobody tells, or it has ended. */
export function residentBytesOf(pid: number): number | undefined {
  return statusOf('VmRSS', pid);
}

/** The largest address space that this process has had, resident or not. */
export function peakAddressBytes(): number | undefined {
  return statusOf('VmPeak', 'self');
}
