/**
 * Finds and ends what a process has left behind. A process that is started by a core inherits the environment of the trial, even
 * if it has a session of its own, so that the trial gives every process a variable that names it alone.
 */
import { readFileSync, readdirSync } from 'node:fs';

/** Names the trial, in the environment of its process. */
export const MARK = 'H4_CHECK_TRIAL';

/** What is started while the others are being ended is ended as well, up to this many times. */
const MAX_ROUNDS = 10;

/** Ends all processes of the trial `mark`, and says how many there were. Linux only: elsewhere nobody tells, and it is 0. */
export function endProcessesOf(mark: string): number {
  const ended = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const found = processesOf(mark).filter((pid) => !ended.has(pid));
    if (found.length === 0) break;
    for (const pid of found) {
      ended.add(pid);
      end(pid);
    }
  }
  return ended.size;
}

/** Ends the group of a process that has ended; whether there was anything in it. */
export function endGroupOf(pid: number): boolean {
  return process.platform !== 'win32' && end(-pid);
}

function end(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

function processesOf(mark: string): number[] {
  const wanted = `\0${MARK}=${mark}\0`;
  return pids().filter((pid) => pid !== process.pid && environmentOf(pid).includes(wanted));
}

function pids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Empty for a process of somebody else, and for one that has ended. */
function environmentOf(pid: number): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}\0`;
  } catch {
    return '';
  }
}
