/**
 * Sources and sinks without a file: bytes that are already in memory, bytes that are to stay there, and bytes that only
 * need counting. These sinks take bytes over during `write`, so they never ask their caller to wait.
 */

import type { ByteSink, ByteSource } from '../container/io/io.js';
import { H4Error } from '../utils/error.js';
import { assertNotCancelled } from './cancel.js';
import { assertRange } from './range.js';

/** The first allocation of a memory sink; each further one at least doubles it. */
const FIRST_BYTES = 64 * 1024;

export interface MemorySinkOptions {
  /** Refuse, with `H4_WRITE`, to hold more than this many bytes. Default: no limit. */
  readonly maxBytes?: number;
}

export interface MemorySink extends ByteSink {
  /** What was committed, always the same view. Throws `H4_STATE` before `commit()`. */
  bytes(): Uint8Array;
}

/** Reads are views of `bytes`, not copies: whoever makes the source must leave them alone for as long as it is used. */
export function createMemorySource(bytes: Uint8Array): ByteSource {
  return new MemoryByteSource(bytes);
}

/** Keeps what is written. Holds up to three times as many bytes at the moment it grows. */
export function createMemorySink(options: MemorySinkOptions = {}): MemorySink {
  return new MemoryByteSink(options.maxBytes);
}

/** Counts what is written and keeps none of it. */
export function createDiscardSink(): ByteSink {
  return new DiscardSink();
}

class MemoryByteSource implements ByteSource {
  readonly size: number;
  #bytes: Uint8Array | undefined;

  constructor(bytes: Uint8Array) {
    this.size = bytes.length;
    this.#bytes = bytes;
  }

  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    // What an executor throws is a rejection, as every refusal of a source must be.
    return new Promise((resolve) => {
      if (this.#bytes === undefined) {
        throw new H4Error('H4_STATE', 'Cannot read from a memory source after it has been closed');
      }
      assertNotCancelled(signal, () => `Reading [${start}, ${end}) from memory`);
      assertRange(start, end, this.size, 'a memory source');
      resolve(this.#bytes.subarray(start, end));
    });
  }

  close(): Promise<void> {
    this.#bytes = undefined;
    return Promise.resolve();
  }
}

/** The life of a sink without I/O: open, then committed or aborted. What becomes of the bytes is up to `take`. */
abstract class TransientSink implements ByteSink {
  #length = 0;
  #state: 'open' | 'committed' | 'aborted' = 'open';
  #failure: H4Error | undefined;

  get length(): number {
    return this.#length;
  }

  get committed(): boolean {
    return this.#state === 'committed';
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    const refusal = this.#outOfOrder('write to') ?? this.take(bytes, this.#length);
    if (refusal !== undefined) {
      this.#failure = refusal;
      return Promise.reject(refusal);
    }
    this.#length += bytes.length;
    return undefined;
  }

  commit(): Promise<void> {
    const refusal = this.#outOfOrder('commit');
    if (refusal !== undefined) {
      return Promise.reject(refusal);
    }
    this.#state = 'committed';
    return Promise.resolve();
  }

  abort(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'aborted';
      this.drop();
    }
    return Promise.resolve();
  }

  /** Takes the bytes over, which go to `offset`, or says why not. */
  protected abstract take(bytes: Uint8Array, offset: number): H4Error | undefined;

  /** Lets go of everything taken. */
  protected abstract drop(): void;

  #outOfOrder(verb: string): H4Error | undefined {
    if (this.#state !== 'open') {
      return new H4Error('H4_STATE', `Cannot ${verb} a sink after it has been ${this.#state}`);
    }
    return this.#failure;
  }
}

class DiscardSink extends TransientSink {
  protected override take(): undefined {
    return undefined;
  }

  protected override drop(): void {
    // There is nothing to let go of.
  }
}

class MemoryByteSink extends TransientSink implements MemorySink {
  readonly #maxBytes: number;
  #buffer = new Uint8Array(0);
  #result: Uint8Array | undefined;

  constructor(maxBytes = Number.MAX_SAFE_INTEGER) {
    super();
    this.#maxBytes = maxBytes;
  }

  bytes(): Uint8Array {
    if (!this.committed) {
      throw new H4Error('H4_STATE', 'Cannot take the bytes of a memory sink before it has been committed');
    }
    return (this.#result ??= this.#buffer.subarray(0, this.length));
  }

  protected override take(bytes: Uint8Array, offset: number): H4Error | undefined {
    const end = offset + bytes.length;
    if (end > this.#maxBytes) {
      return tooLarge(bytes, offset, `the limit is ${this.#maxBytes} bytes`);
    }
    if (end > this.#buffer.length) {
      try {
        this.#grow(end);
      } catch (cause) {
        return tooLarge(bytes, offset, 'there is not that much of it', cause);
      }
    }
    this.#buffer.set(bytes, offset);
    return undefined;
  }

  protected override drop(): void {
    this.#buffer = new Uint8Array(0);
  }

  #grow(end: number): void {
    const wanted = Math.max(end, this.#buffer.length * 2, FIRST_BYTES);
    const grown = new Uint8Array(Math.min(wanted, this.#maxBytes));
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}

function tooLarge(bytes: Uint8Array, offset: number, why: string, cause?: unknown): H4Error {
  return new H4Error('H4_WRITE', `Cannot write ${bytes.length} bytes at offset ${offset} to memory: ${why}`, {
    detail: { offset, length: bytes.length },
    cause,
  });
}
