/**
 * A file sink for recordings that are read while they grow and that must survive a crash: its bytes stand under their own
 * name from the first one on. What is durable is said in so many words: `sync` resolves to how many bytes a crash of the
 * machine cannot take away any more, and `publishTail` then lets others know.
 *
 * Differs from the other sinks: `abort` removes nothing. It stops and lets the lock go; file and sidecar stay as they are.
 *
 * A failed sync is never tried again: the system may have dropped the bytes, and would report success the second time.
 */

import { H4Error } from '../../utils/error.js';
import { tailCopyOf } from '../tail-copy.js';
import { type GrowingFile, openGrowingFile } from './growing-file.js';
import { LocalDrain } from './local-drain.js';
import type { SlabMemory } from './slab-memory.js';
import { type FileSink, SlabSink } from './slab-sink.js';

export interface LiveFileOptions {
  /**
   * Replace an existing file and its sidecar: they are gone from the beginning, not only when the new file is whole.
   * Default: refuse, with `H4_EXISTS`.
   */
  readonly overwrite?: boolean;
  /**
   * Go on with an existing file after this many bytes; what follows them is cut off. `H4_STATE` if the file is shorter.
   * Whether those bytes deserve it is the caller's to know (h4mk.md 14). A function is asked once the file is locked.
   */
  readonly resumeAt?: number | (() => Promise<number>);
  /** Size of a slab, which is what one write to the file holds. Default 1 MiB. */
  readonly slabBytes?: number;
  /** Number of slabs. Default 4. */
  readonly slabCount?: number;
}

export interface LiveFileSink extends FileSink {
  /** How many bytes are known to be durable. */
  readonly durableLength: number;
  /** Makes everything written so far durable, the first time its name too, and resolves to how many bytes that is. */
  sync(): Promise<number>;
  /**
   * Replaces the sidecar `<path>.tail` by this TAIL chunk, header and payload. `H4_STATE` if the bytes that it speaks for
   * have not been made durable; `H4_LOCKED` if the file is no longer ours. One call at a time.
   */
  publishTail(tailChunk: Uint8Array): Promise<void>;
}

const DEFAULT_SLAB_BYTES = 1024 * 1024;
const DEFAULT_SLABS = 4;

/** A sink that grows under its own name. Rejects with `H4_EXISTS`, `H4_LOCKED`, `H4_WRITE` or `H4_STATE`. */
export async function createLiveFileSink(path: string, options: LiveFileOptions = {}): Promise<LiveFileSink> {
  const { overwrite = false, resumeAt, slabBytes = DEFAULT_SLAB_BYTES, slabCount = DEFAULT_SLABS } = options;
  assertInteger('slabBytes', slabBytes, 1);
  assertInteger('slabCount', slabCount, 1);
  if (resumeAt !== undefined) {
    if (typeof resumeAt === 'number') assertInteger('resumeAt', resumeAt, 0);
    if (overwrite) {
      throw new H4Error('H4_PARAM', `Cannot resume ${path} and overwrite it: ask for one of them`);
    }
  }
  const memory = { buffer: new ArrayBuffer(slabBytes * slabCount), slabBytes };
  const ask = typeof resumeAt === 'number' ? () => Promise.resolve(resumeAt) : resumeAt;
  const file = await openGrowingFile(path, { overwrite, ...(ask === undefined ? {} : { resumeAt: ask }) });
  return new LiveSlabSink(file, memory, file.start);
}

class LiveSlabSink extends SlabSink<LocalDrain> implements LiveFileSink {
  readonly #file: GrowingFile;
  #durable = 0;

  constructor(file: GrowingFile, memory: SlabMemory, start: number) {
    const target = { fd: file.fd, path: file.path, writeBehind: true, start };
    super(file, memory, (events) => new LocalDrain(target, memory, events), start);
    this.#file = file;
  }

  get durableLength(): number {
    return this.#durable;
  }

  override async commit(): Promise<void> {
    await super.commit();
    this.#durable = this.length;
  }

  async sync(): Promise<number> {
    const { length } = this;
    await this.inOrder('sync', () => this.drain.sync());
    await this.#file.syncName();
    this.#durable = Math.max(this.#durable, length);
    return length;
  }

  async publishTail(tailChunk: Uint8Array): Promise<void> {
    const { end } = tailCopyOf(tailChunk, 'The sidecar');
    if (end > this.#durable) {
      throw new H4Error(
        'H4_STATE',
        `Cannot publish a TAIL that speaks for ${end} bytes of ${this.path}: only ${this.#durable} are known to be ` +
          'durable; call sync() first',
        { detail: { end, durable: this.#durable } },
      );
    }
    await this.inOrder('publish a TAIL of', () => this.#file.publishTail(tailChunk));
  }
}

function assertInteger(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new H4Error('H4_PARAM', `Cannot use ${value} as ${name}: expected an integer of ${min} or more`);
  }
}
