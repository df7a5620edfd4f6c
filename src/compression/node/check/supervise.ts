/**
 * Starts the process of a trial and looks after it: how it ended, what it printed, and which call it was at. A core that
 * crashes, hangs or eats memory takes that process along, and nothing else.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { type NotedCall, countOfCalls, readCallNote } from './call-note.js';
import { residentBytesOf } from './memory-use.js';
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

/** A trial runs compiled JavaScript: beside this module in `dist`, also when tests import this module from `src`. */
function trialProcess(): URL {
  const self = import.meta.url;
  return new URL(
    self.endsWith('.ts') ? '../../../../dist/compression/node/check/trial-process.js' : './trial-process.js',
    self,
  );
}

/** Runs one trial. Rejects with the reason of `signal` when that is aborted; a trial never makes it reject. */
export async function runTrial(
  request: Omit<TrialRequest, 'notePath'>,
  { environment, folder, limits, signal }: Surroundings,
): Promise<TrialOutcome> {
  signal?.throwIfAborted();
  const notePath = join(folder, `${request.trial}-${trialCount++}.note`);
  const child = fork(trialProcess(), [], {
    env: environment,
    execArgv: ['--expose-gc', '--no-warnings'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const printed = gather(child);
  const watch = new Watch(child, notePath, limits);
  const stop = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  let reply: TrialReply | undefined;
  child.once('message', (message: TrialReply) => {
    reply = message;
    // What is left of it is not worth waiting for: a core may have threads, or never return from being unloaded.
    watch.allowToEnd();
  });
  try {
    child.send({ ...request, notePath }, () => undefined);
    const how = await endOf(child);
    signal?.throwIfAborted();
    const about = { printed: printed(), call: readCallNote(notePath) };
    return reply === undefined
      ? { kind: 'died', how: watch.reason ?? how, ...about }
      : { kind: 'answered', reply, ...about };
  } finally {
    signal?.removeEventListener('abort', stop);
    watch.stop();
    stop();
  }
}

let trialCount = 0;

/** How the process ended, once its pipes are closed as well. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('close', (code, signal) => {
      resolve(signal === null ? `ended the process with exit code ${code}` : `crashed with ${signal}`);
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
  readonly #notePath: string;
  readonly #limits: Limits;
  readonly #timer: NodeJS.Timeout;
  #count = -1;
  #since = performance.now();

  constructor(child: ChildProcess, notePath: string, limits: Limits) {
    this.#child = child;
    this.#notePath = notePath;
    this.#limits = limits;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  allowToEnd(): void {
    this.stop();
    setTimeout(() => this.#child.kill('SIGKILL'), 5000).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { callSeconds, memoryBytes } = this.#limits;
    const count = countOfCalls(this.#notePath);
    if (count !== this.#count) [this.#count, this.#since] = [count, performance.now()];
    const resident = this.#child.pid === undefined ? undefined : residentBytesOf(this.#child.pid);
    if (resident !== undefined && resident > memoryBytes) {
      this.#kill(`took more than ${memoryBytes} bytes of memory`);
    } else if (performance.now() - this.#since > callSeconds * 1000) {
      this.#kill(`did not return within ${callSeconds} seconds`);
    }
  }

  #kill(reason: string): void {
    this.stop();
    this.reason = reason;
    this.#child.kill('SIGKILL');
  }
}
