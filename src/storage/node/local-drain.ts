/** Slabs to the file through the thread pool of this process. Slabs that fill up during one write share the next. */

import { setImmediate } from 'node:timers/promises';
import type { H4Error } from '../../utils/error.js';
import { FileAppender } from './file-appender.js';
import type { WriteFailure } from './positioned-io.js';
import { type DrainEvents, type DrainTarget, type SlabDrain, stoppedError } from './slab-drain.js';
import { type SlabMemory, slabView } from './slab-memory.js';
import { writeFailureError } from './write-error.js';

/** Of four slabs, so that the other two can be filled meanwhile. */
const SLABS_PER_WRITE = 2;

export class LocalDrain implements SlabDrain {
  readonly #target: DrainTarget;
  readonly #memory: SlabMemory;
  readonly #events: DrainEvents;
  readonly #appender: FileAppender;
  readonly #queue: { readonly slab: number; readonly length: number }[] = [];
  /** Ends in the same turn as the last look at the queue; a promise would tell of it one turn too late. */
  #isWorking = false;
  #working: Promise<void> = Promise.resolve();
  #settling: Promise<unknown> | undefined;
  #error: H4Error | undefined;

  constructor(target: DrainTarget, memory: SlabMemory, events: DrainEvents) {
    this.#target = target;
    this.#memory = memory;
    this.#events = events;
    this.#appender = new FileAppender(target);
  }

  /**
   * The writer gives the event loop one turn per slab. A writer that gives none learns of no finished write before the
   * ring is full, and the disk rests meanwhile (a third slower, measured); nor would anyone else get a turn.
   */
  submit(slab: number, length: number): Promise<void> {
    this.#queue.push({ slab, length });
    if (!this.#isWorking) {
      this.#working = this.#work();
    }
    return setImmediate();
  }

  async flush(): Promise<void> {
    await this.#working;
    this.#throwIfFailed();
  }

  /** Resolves when everything submitted before is durable. A failure stays: what a disk has lost, it reports only once. */
  sync(): Promise<void> {
    return this.#settled(() => this.#appender.sync());
  }

  finish(): Promise<void> {
    return this.#settled(() => this.#appender.settle());
  }

  async stop(): Promise<void> {
    this.#error ??= stoppedError(this.#target.path);
    await this.#working;
    await this.#settling;
    await this.#appender.settle();
  }

  async #settled(settle: () => Promise<WriteFailure | undefined>): Promise<void> {
    await this.#working;
    this.#throwIfFailed();
    const settling = settle();
    this.#settling = settling;
    const failure = await settling;
    if (failure !== undefined) {
      this.#fail(failure);
    }
    this.#throwIfFailed();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (this.#queue.length > 0 && this.#error === undefined) {
      const batch = this.#queue.splice(0, SLABS_PER_WRITE);
      const pieces = batch.map(({ slab, length }) => slabView(this.#memory, slab, length));
      const failure = await this.#appender.append(pieces);
      if (failure !== undefined) {
        this.#fail(failure);
        break;
      }
      for (const { slab } of batch) {
        this.#events.released(slab);
      }
    }
    this.#isWorking = false;
  }

  #fail(failure: WriteFailure): void {
    if (this.#error === undefined) {
      this.#error = writeFailureError(this.#target.path, failure);
      this.#events.failed(this.#error);
    }
  }

  #throwIfFailed(): void {
    if (this.#error !== undefined) {
      throw this.#error;
    }
  }
}
