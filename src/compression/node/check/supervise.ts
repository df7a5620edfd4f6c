/**
 * Starts the process of a trial and looks after it: how it ended, what it printed, and which call it was at. A core that
 * crashes, hangs or eats memory takes that process along, and nothing else.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NotedCall, countOfCalls, readCallNote } from './call-note.js';
import { endProcess } from '../end-process.js';
import { MARK, endGroupOf, endProcessesOf } from './left-processes.js';
import { residentBytesOf } from './memory-use.js';
import { hasReply, readReply } from './reply.js';
import type { TrialReply, TrialRequest } from './trial.js';

export interface Limits {
  /** A call that takes longer hangs. */
  readonly callSeconds: number;
  /** Resident memory of a trial's process. */
  readonly memoryBytes: number;
}

export const DEFAULT_LIMITS: Limits = { callSeconds: 60, memoryBytes: 1024 * 1024 * 1024 };

export interface Printed {
  readonly bytes: number;
  /** The beginning of it. */
  readonly text: string;
}

export type TrialOutcome = {
  /** What came on standard output and standard error. */
  readonly printed: Printed;
  /** The call that was noted last. */
  readonly call: NotedCall | undefined;
  /** Processes that were there when its own had ended; they have been ended. */
  readonly left: number;
} & (
  | { readonly kind: 'answered'; readonly reply: TrialReply }
  /** It ended without an answer, by itself or by us. `how` goes on after 'it'. */
  | { readonly kind: 'died'; readonly how: string }
);

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly limits: Limits;
  readonly signal: AbortSignal | undefined;
}

const LOOK_MS = 50;
const MAX_PRINTED_CHARACTERS = 400;
/** How long the pipes of a process that has ended may stay open. */
const DRAIN_MS = 2000;

/** A trial runs compiled JavaScript: beside this module in `dist`, also when tests import this module from `src`. */
function trialProcess(): string {
  const self = import.meta.url;
  const path = self.endsWith('.ts') ? '../../../../dist/compression/node/check/trial-process.js' : './trial-process.js';
  return fileURLToPath(new URL(path, self));
}

/** Runs one trial. Rejects with the reason of `signal` when that is aborted; a trial never makes it reject. */
export async function runTrial(
  request: Omit<TrialRequest, 'notePath' | 'replyPath'>,
  { environment, folder, limits, signal }: Surroundings,
): Promise<TrialOutcome> {
  signal?.throwIfAborted();
  const name = join(folder, `${request.trial}-${trialCount++}`);
  const [notePath, replyPath, requestPath] = [`${name}.note`, `${name}.reply`, `${name}.request`];
  writeFileSync(requestPath, JSON.stringify({ ...request, notePath, replyPath }), { mode: 0o600 });
  const child = spawn(process.execPath, ['--expose-gc', '--no-warnings', trialProcess(), requestPath], {
    env: { ...environment, [MARK]: name },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, which can be ended as a whole.
    detached: process.platform !== 'win32',
  });
  const printed = gather(child);
  const watch = new Watch(child, { notePath, replyPath }, limits);
  const stop = (): void => endProcess(child);
  signal?.addEventListener('abort', stop, { once: true });
  // It is in no group with this process, so that nobody else ends it.
  process.once('exit', stop);
  try {
    const { how, left } = await endOf(child, name);
    signal?.throwIfAborted();
    const about = { printed: printed(), call: readCallNote(notePath), left };
    const reply = readReply(replyPath, request);
    return reply === undefined
      ? { kind: 'died', how: watch.reason ?? how, ...about }
      : { kind: 'answered', reply, ...about };
  } finally {
    signal?.removeEventListener('abort', stop);
    process.removeListener('exit', stop);
    watch.stop();
    stop();
  }
}

let trialCount = 0;

interface End {
  readonly how: string;
  readonly left: number;
}

/**
 * How the process ended, once its pipes are closed as well. Whoever it has started may hold them open for as long as it likes:
 * that is ended, and counted.
 */
function endOf(child: ChildProcess, mark: string): Promise<End> {
  return new Promise((resolve) => {
    let left = 0;
    child.once('error', (error) => resolve({ how: `could not be started: ${error.message}`, left }));
    child.once('exit', (code, signal) => {
      left = endProcessesOf(mark);
      const isGroupLeft = child.pid !== undefined && endGroupOf(child.pid);
      const drain = setTimeout(() => {
        left = Math.max(left, 1);
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, DRAIN_MS);
      child.once('close', () => {
        clearTimeout(drain);
        const how = signal === null ? `ended the process with exit code ${code}` : `crashed with ${signal}`;
        resolve({ how, left: Math.max(left, isGroupLeft ? 1 : 0) });
      });
    });
  });
}

function gather(child: ChildProcess): () => Printed {
  let [bytes, text] = [0, ''];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (text.length < MAX_PRINTED_CHARACTERS) text = (text + chunk.toString()).slice(0, MAX_PRINTED_CHARACTERS);
    });
  }
  return () => ({ bytes, text });
}

/** Kills a process whose call hangs, or that takes too much memory. */
class Watch {
  reason: string | undefined;
  readonly #child: ChildProcess;
  readonly #paths: { readonly notePath: string; readonly replyPath: string };
  readonly #limits: Limits;
  readonly #timer: NodeJS.Timeout;
  #count = -1;
  #since = performance.now();

  constructor(child: ChildProcess, paths: { readonly notePath: string; readonly replyPath: string }, limits: Limits) {
    this.#child = child;
    this.#paths = paths;
    this.#limits = limits;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { callSeconds, memoryBytes } = this.#limits;
    const { notePath, replyPath } = this.#paths;
    if (hasReply(replyPath)) {
      this.#allowToEnd();
      return;
    }
    const count = countOfCalls(notePath);
    if (count !== this.#count) [this.#count, this.#since] = [count, performance.now()];
    const resident = this.#child.pid === undefined ? undefined : residentBytesOf(this.#child.pid);
    if (resident !== undefined && resident > memoryBytes) {
      this.#kill(`took more than ${memoryBytes} bytes of memory`);
    } else if (performance.now() - this.#since > callSeconds * 1000) {
      this.#kill(`did not return within ${callSeconds} seconds`);
    }
  }

  /** What is left of it is not worth waiting for: a core may have threads, or never return from being unloaded. */
  #allowToEnd(): void {
    this.stop();
    setTimeout(() => endProcess(this.#child), 5000).unref();
  }

  #kill(reason: string): void {
    this.stop();
    this.reason = reason;
    endProcess(this.#child);
  }
}
