/**
 * One range hashed on a thread of its own. The thread is started for the job and ends with it: 30 ms, next to at least
 * 10 ms of hashing, buy that no idle thread is ever left to be looked after.
 *
 * The worker reads through the descriptor of the caller instead of opening the path again: the path may meanwhile lead
 * to another file, and the hash of that one would be worse than none. The caller keeps the descriptor open until
 * `stop()` has resolved.
 */

import { Worker } from 'node:worker_threads';
import type { HashOutcome } from './hash-range.js';
import { systemFailure } from './system-error.js';
import { workerModule } from './worker-module.js';

export interface HashRequest {
  readonly fd: number;
  readonly start: number;
  readonly end: number;
}

export type HashReply = { readonly kind: 'started' } | HashOutcome;

export interface HashJob {
  /** Never rejects. `unavailable`: no thread could be started, nothing has been hashed. `stopped`: it ended early. */
  readonly outcome: Promise<HashOutcome | { readonly kind: 'unavailable' }>;
  /** Ends the thread. Resolves when it no longer touches the descriptor. */
  stop(): Promise<void>;
}

export function startHashJob(request: HashRequest, entry: URL = workerModule('hash-worker')): HashJob {
  let worker: Worker;
  try {
    worker = new Worker(entry, { name: 'harmony4-hash', execArgv: [], workerData: request });
  } catch {
    // The permission model of Node, for one, refuses threads like this.
    return { outcome: Promise.resolve({ kind: 'unavailable' }), stop: () => Promise.resolve() };
  }
  const outcome = new Promise<Awaited<HashJob['outcome']>>((resolve) => {
    let started = false;
    worker.on('message', (reply: HashReply) => {
      if (reply.kind === 'started') {
        started = true;
      } else {
        resolve(reply);
      }
    });
    worker.on('error', (thrown) => {
      const failed = { kind: 'refused', position: request.start, ...systemFailure(thrown) } as const;
      resolve(started ? failed : { kind: 'unavailable' });
    });
    worker.on('exit', () => {
      resolve({ kind: 'stopped' });
    });
  });
  const stop = async () => {
    await worker.terminate();
  };
  return { outcome, stop };
}
