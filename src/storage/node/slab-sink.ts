/** The life of a file sink: open, then committed or aborted; its bytes go from the slab queue to a drain. */

import type { ByteSink, HashingSink } from '../../container/io/io.js';
import { H4Error } from '../../utils/error.js';
import type { PendingFile } from './pending-file.js';
import { type DrainEvents, type SlabDrain, stoppedError } from './slab-drain.js';
import { type SlabMemory, slabRing } from './slab-memory.js';
import { SlabQueue } from './slab-queue.js';
import type { WorkerDrain } from './worker-drain.js';
import { writeError } from './write-error.js';

export interface FileSink extends ByteSink {
  /** Where the file will be, absolute. */
  readonly path: string;
  /** Where its bytes are until then. */
  readonly partPath: string;
  /** Resolves when everything written so far has been handed to the system, so that it can be read from `partPath`. */
  flush(): Promise<void>;
}

export class SlabSink<Drain extends SlabDrain = SlabDrain> implements FileSink {
  protected readonly drain: Drain;
  readonly #file: PendingFile;
  readonly #queue: SlabQueue;
  #length: number;
  #state: 'open' | 'committing' | 'committed' | 'aborted' = 'open';
  #failure: H4Error | undefined;
  #committing: Promise<void> | undefined;
  #aborting: Promise<void> | undefined;

  /** Owns `file` from now on, unless `makeDrain` throws. `start` is how many bytes it has already. */
  constructor(file: PendingFile, memory: SlabMemory, makeDrain: (events: DrainEvents) => Drain, start = 0) {
    this.#file = file;
    this.#length = start;
    this.#queue = new SlabQueue(slabRing(memory), (slab, length) => this.drain.submit(slab, length));
    this.drain = makeDrain({
      released: (slab) => {
        this.#queue.release(slab);
      },
      failed: (error) => {
        this.#fail(error);
      },
    });
  }

  get path(): string {
    return this.#file.path;
  }

  get partPath(): string {
    return this.#file.partPath;
  }

  get length(): number {
    return this.#length;
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    const refusal = this.#refusal('write to');
    if (refusal !== undefined) {
      return Promise.reject(refusal);
    }
    this.#length += bytes.length;
    return this.#queue.push(bytes);
  }

  flush(): Promise<void> {
    return this.inOrder('flush', () => this.drain.flush());
  }

  commit(): Promise<void> {
    const refusal = this.#refusal('commit');
    if (refusal !== undefined) {
      return Promise.reject(refusal);
    }
    this.#state = 'committing';
    this.#committing = this.#commit();
    return this.#committing;
  }

  /** After a commit that succeeded it does nothing, so that it may stand in a `finally`. */
  abort(): Promise<void> {
    return (this.#aborting ??= this.#abort());
  }

  /** Runs `action` when everything written before it, and nothing written after it, has been submitted to the drain. */
  protected inOrder<T>(verb: string, action: () => Promise<T>): Promise<T> {
    const refusal = this.#refusal(verb);
    return refusal === undefined ? this.#queue.barrier(action) : Promise.reject(refusal);
  }

  async #commit(): Promise<void> {
    try {
      await this.#queue.barrier(() => this.drain.finish());
      await this.#file.publish();
      this.#state = 'committed';
    } catch (thrown) {
      const error = writeError(`Cannot commit ${this.path}`, thrown);
      this.#fail(error);
      throw error;
    }
  }

  async #abort(): Promise<void> {
    if (this.#committing === undefined) {
      this.#state = 'aborted';
    } else {
      // A commit that is under way decides for itself.
      await this.#committing.catch(() => undefined);
      if (this.#state === 'committed') {
        return;
      }
    }
    this.#queue.fail(stoppedError(this.path));
    await this.drain.stop();
    try {
      await this.#file.discard();
    } catch (error) {
      // The caller of a sink that has failed knows the worse already.
      if (this.#failure === undefined) {
        throw error;
      }
    }
  }

  #fail(error: H4Error): void {
    this.#failure ??= error;
    this.#queue.fail(error);
  }

  #refusal(verb: string): H4Error | undefined {
    if (this.#failure !== undefined || this.#state === 'open') {
      return this.#failure;
    }
    return new H4Error('H4_STATE', `Cannot ${verb} ${this.path}: the sink is ${this.#state}`);
  }
}

/** A sink whose drain hashes on its own thread. */
export class HashingSlabSink extends SlabSink<WorkerDrain> implements HashingSink {
  readonly hashedFrom: number;

  constructor(
    file: PendingFile,
    memory: SlabMemory,
    makeDrain: (events: DrainEvents) => WorkerDrain,
    hashedFrom: number,
  ) {
    super(file, memory, makeDrain);
    this.hashedFrom = hashedFrom;
  }

  /** Does not end the stream: writing may go on while the digest is on its way. */
  digest(): Promise<Uint8Array> {
    return this.inOrder('hash', () => this.drain.digest());
  }
}
