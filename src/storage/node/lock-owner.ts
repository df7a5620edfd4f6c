/**
 * Who holds a writer lock, as the text of the lock says, and whether that process still lives. Anyone who may write to the
 * folder may have written the text: it is believed only as far as "a process of that number, started then, is running".
 */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';
import { hasErrorCode } from './system-error.js';

export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** When the process started, in clock ticks since the system did. A number that was given out anew differs in it. */
  readonly started?: number;
  /** Tells two locks of one process apart. */
  readonly token: string;
}

/** What `kill(2)` takes. Zero and negative numbers would name groups of processes. */
const MAX_PID = 0x7fff_ffff;

/** Fields of `/proc/<pid>/stat`, counted from the state, which is the first after the name in parentheses. */
const STATE_FIELD = 0;
const START_FIELD = 19;

/** This process, as the owner of a new lock. */
export function createLockOwner(): LockOwner {
  const self = readProcess(process.pid);
  const started = self === undefined ? {} : { started: self.started };
  return { pid: process.pid, host: hostname(), ...started, token: randomUUID() };
}

export function formatLockOwner(owner: LockOwner): string {
  return `${JSON.stringify(owner)}\n`;
}

/** The owner that `text` names, or undefined if it is not the text of a lock. */
export function parseLockOwner(text: string): LockOwner | undefined {
  const fields = parseObject(text);
  if (fields === undefined) {
    return undefined;
  }
  const { pid, host, started, token = '' } = fields;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1 || pid > MAX_PID) {
    return undefined;
  }
  if (typeof host !== 'string' || typeof token !== 'string') {
    return undefined;
  }
  if (started === undefined) {
    return { pid, host, token };
  }
  return typeof started === 'number' ? { pid, host, started, token } : undefined;
}

/** Whether the processes of this system include the owner. Says nothing about an owner on another host. */
export function isOwnerHere(owner: LockOwner): boolean {
  return owner.host === hostname();
}

/** Whether the owner, a process of this host, is still running. In doubt it is. */
export function isOwnerAlive(owner: LockOwner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (thrown) {
    // EPERM: it runs, as another user.
    if (hasErrorCode(thrown, 'ESRCH')) {
      return false;
    }
  }
  const found = readProcess(owner.pid);
  if (found === undefined) {
    return true;
  }
  // A zombie has been killed and waits for its parent to notice; it writes nothing any more.
  return found.state !== 'Z' && found.state !== 'X' && (owner.started ?? found.started) === found.started;
}

/** What `/proc` knows about a process, where there is a `/proc`. */
function readProcess(pid: number): { readonly state: string; readonly started: number } | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name may hold spaces and parentheses; nothing after its last parenthesis does.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[STATE_FIELD];
  const started = Number(fields[START_FIELD]);
  return state === undefined || !Number.isSafeInteger(started) ? undefined : { state, started };
}

function parseObject(text: string): Partial<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
