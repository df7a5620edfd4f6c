/**
 * Threads that check files. A thread is started when there is work and none is idle; so there are as many as checks at the
 * same time. One that dies takes the check of its file with it, which is told as a defect (`H4_INTERNAL`), and nothing else.
 */
import { Worker } from 'node:worker_threads';
import type { Demands } from '../../container/check/demands.js';
import { assertNotCancelled } from '../../storage/cancel.js';
import { H4Error } from '../../utils/error.js';
import { failureOf } from '../exit.js';
import type { CheckReply, CheckRequest } from './check-service.js';
import { type Checked, uncheckedFile } from './checker.js';

/** A worker loads compiled JavaScript: beside this module in `dist`, also when tests import this module from `src`. */
function checkWorker(): URL {
  const self = import.meta.url;
  return new URL(self.endsWith('.ts') ? '../../../dist/cli/verify/check-worker.js' : './check-worker.js', self);
}

/** Young objects are collected sooner: a thread takes 22 MB instead of 43, and no longer (measured with 4000 small files). */
const LIMITS = { maxYoungGenerationSizeMb: 4 } as const;

export class CheckPool {
  readonly #signal: AbortSignal;
  readonly #entry: URL;
  readonly #demands: Demands;
  readonly #close = (): void => void this.close();
  readonly #idle: CheckThread[] = [];
  readonly #threads = new Set<CheckThread>();
  #isUsable = true;

  /** When `signal` is aborted the pool is closed. Every thread gets its own copy of `demands`. */
  constructor(signal: AbortSignal, entry: URL = checkWorker(), demands: Demands = {}) {
    this.#signal = signal;
    this.#entry = entry;
    this.#demands = demands;
    signal.addEventListener('abort', this.#close, { once: true });
  }

  /**
   * The outcome of a check on another thread, or undefined where no thread can be started: check it on this one. Rejects
   * with `H4_CANCELLED` once the pool is closed.
   */
  async check(request: CheckRequest, onProgress: (bytes: number) => void): Promise<Checked | undefined> {
    assertNotCancelled(this.#signal, () => `Checking ${request.path}`);
    if (!this.#isUsable) return undefined;
    const thread = this.#idle.pop() ?? this.#start();
    const outcome = await thread?.check(request, onProgress);
    if (thread === undefined || outcome === undefined) {
      this.#isUsable = false;
      return undefined;
    }
    if (thread.isAlive) this.#idle.push(thread);
    else this.#threads.delete(thread);
    return outcome;
  }

  /** Ends all threads, whatever they are doing. */
  async close(): Promise<void> {
    this.#isUsable = false;
    this.#signal.removeEventListener('abort', this.#close);
    await Promise.all(Array.from(this.#threads, (thread) => thread.stop()));
  }

  #start(): CheckThread | undefined {
    try {
      const thread = new CheckThread(this.#entry, this.#signal, this.#demands);
      this.#threads.add(thread);
      return thread;
    } catch {
      // The permission model of Node, for one, refuses threads.
      return undefined;
    }
  }
}

interface Waiting {
  readonly request: CheckRequest;
  readonly onProgress: (bytes: number) => void;
  readonly resolve: (checked: Checked | undefined) => void;
  readonly reject: (error: H4Error) => void;
}

class CheckThread {
  readonly #worker: Worker;
  readonly #signal: AbortSignal;
  #waiting: Waiting | undefined;
  #hasStarted = false;
  #isStopped = false;
  isAlive = true;

  constructor(entry: URL, signal: AbortSignal, demands: Demands) {
    this.#signal = signal;
    const settings = { name: 'harmony4-verify', execArgv: [], resourceLimits: LIMITS, workerData: demands };
    this.#worker = new Worker(entry, settings);
    this.#worker.on('message', (reply: CheckReply) => this.#receive(reply));
    this.#worker.on('error', (thrown) => this.#end(thrown));
    this.#worker.on('exit', (code) => this.#end(`exit code ${code}`));
  }

  /** One at a time. Undefined if the thread has not even started. */
  check(request: CheckRequest, onProgress: (bytes: number) => void): Promise<Checked | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting = { request, onProgress, resolve, reject };
      this.#worker.postMessage(request);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#worker.terminate();
  }

  #receive(reply: CheckReply): void {
    switch (reply.kind) {
      case 'started':
        this.#hasStarted = true;
        return;
      case 'progress':
        this.#waiting?.onProgress(reply.bytes);
        return;
      case 'checked':
        this.#take()?.resolve(reply.checked);
    }
  }

  #end(thrown: unknown): void {
    this.isAlive = false;
    const waiting = this.#take();
    if (waiting === undefined) return;
    const { path, options } = waiting.request;
    if (this.#isStopped) {
      waiting.reject(new H4Error('H4_CANCELLED', `The check of ${path} was stopped`));
      return;
    }
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const error = new Error(`Cannot check ${path}: the thread that checked it ended: ${why}`, { cause: thrown });
    // Ours would lead to this line; that of the thread, if it had time to tell, leads to the defect.
    if (thrown instanceof Error && thrown.stack !== undefined) error.stack = thrown.stack;
    else delete error.stack;
    waiting.resolve(this.#hasStarted ? uncheckedFile(failureOf(error, this.#signal, options.command)) : undefined);
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
