/**
 * Slabs to a thread that hashes and writes them. The slabs are shared memory: a message carries a number, not bytes.
 *
 * The thread writes through the descriptor of this process, so the file may be closed only after `stop()`, which resolves
 * when the thread has ended; Node lets the system calls of a thread end before the thread does. The thread keeps the
 * process alive while there is something to write, and not otherwise.
 */

import { Worker } from 'node:worker_threads';
import { H4Error } from '../../utils/error.js';
import type { SinkReply, SinkRequest, SinkSetup } from './sink-service.js';
import { type DrainEvents, type DrainTarget, type SlabDrain, stoppedError } from './slab-drain.js';
import type { SlabMemory } from './slab-memory.js';
import { causeOf, explain, systemFailure } from './system-error.js';
import { workerModule } from './worker-module.js';
import { writeFailureError } from './write-error.js';

interface Asked {
  readonly resolve: (digest: Uint8Array) => void;
  readonly reject: (error: H4Error) => void;
}

export class WorkerDrain implements SlabDrain {
  readonly #path: string;
  readonly #events: DrainEvents;
  readonly #worker: Worker;
  /** Whoever waits for a `flushed`, in the order of the requests. */
  readonly #asked: Asked[] = [];
  #unanswered = 0;
  #error: H4Error | undefined;
  #ending: Promise<unknown> | undefined;

  /** Throws `H4_WRITE` if no thread can be started. */
  constructor(
    target: DrainTarget & { readonly hashedFrom: number },
    memory: SlabMemory<SharedArrayBuffer>,
    events: DrainEvents,
    entry: URL = workerModule('sink-worker'),
  ) {
    const { fd, path, writeBehind, hashedFrom } = target;
    const setup: SinkSetup = { fd, writeBehind, hashedFrom, memory };
    this.#path = path;
    this.#events = events;
    try {
      this.#worker = new Worker(entry, { name: 'harmony4-sink', execArgv: [], workerData: setup });
    } catch (thrown) {
      throw this.#threadError('cannot be started', thrown);
    }
    this.#worker.on('message', (reply: SinkReply) => {
      this.#receive(reply);
    });
    this.#worker.on('error', (thrown) => {
      this.#fail(this.#threadError('failed', thrown));
    });
    this.#worker.on('exit', (code) => {
      if (this.#ending === undefined) {
        this.#fail(this.#threadError('ended', new Error(`exit code ${code}`)));
      }
    });
    // Not before: a listener for messages undoes it.
    this.#worker.unref();
  }

  submit(slab: number, length: number): undefined {
    this.#send({ kind: 'append', slab, length });
  }

  async flush(): Promise<void> {
    await this.#ask(false);
  }

  async finish(): Promise<void> {
    await this.#ask(true);
    await this.#end();
  }

  /** SHA-256 of everything submitted before, from `hashedFrom` on. */
  digest(): Promise<Uint8Array> {
    return this.#ask(false);
  }

  async stop(): Promise<void> {
    this.#refuse(stoppedError(this.#path));
    await this.#end();
  }

  #end(): Promise<unknown> {
    return (this.#ending ??= this.#worker.terminate());
  }

  #ask(settle: boolean): Promise<Uint8Array> {
    if (this.#error !== undefined) {
      return Promise.reject(this.#error);
    }
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#send({ kind: 'flush', settle });
    });
  }

  #send(request: SinkRequest): void {
    this.#unanswered++;
    this.#worker.ref();
    this.#worker.postMessage(request);
  }

  #receive(reply: SinkReply): void {
    this.#unanswered--;
    if (this.#unanswered === 0) {
      this.#worker.unref();
    }
    switch (reply.kind) {
      case 'appended':
        this.#events.released(reply.slab);
        return;
      case 'flushed':
        this.#asked.shift()?.resolve(reply.digest);
        return;
      case 'failed':
        this.#fail(writeFailureError(this.#path, reply.failure));
    }
  }

  #fail(error: H4Error): void {
    if (this.#error === undefined) {
      this.#refuse(error);
      this.#events.failed(error);
    }
  }

  #refuse(error: H4Error): void {
    this.#error ??= error;
    for (const { reject } of this.#asked.splice(0)) {
      reject(this.#error);
    }
  }

  #threadError(what: string, thrown: unknown): H4Error {
    const failure = systemFailure(thrown);
    const message = `Cannot write to ${this.#path}: the thread that writes it ${what}: ${explain(failure)}`;
    return new H4Error('H4_WRITE', message, { cause: causeOf(failure) });
  }
}
