/** TAILs lead from one to the one before (spec/h4mk.md section 9.3). Each is a hint: a chain that breaks only ends earlier. */
import { HEADER_BYTES, TAIL_CHUNK_BYTES } from '../format/layout.js';
import { type Tail, tailAtEnd } from '../format/tail.js';
import type { ByteSource } from '../io/io.js';

/** The TAIL at `offset`; undefined where there is none that can be read. */
export const tailAt = async (source: ByteSource, offset: number, signal?: AbortSignal): Promise<Tail | undefined> => {
  const end = offset + TAIL_CHUNK_BYTES;
  if (offset < HEADER_BYTES || end > source.size) return undefined;
  return tailAtEnd(await source.read(offset, end, signal), end);
};

/** The TAIL that `tail` names as the one before it; undefined if there is none. It stands earlier, so that a chain ends. */
export const tailBefore = async (
  source: ByteSource,
  { prev, self }: Tail,
  signal?: AbortSignal,
): Promise<Tail | undefined> => (prev + TAIL_CHUNK_BYTES > self ? undefined : tailAt(source, prev, signal));

const BEHIND_BYTES = 60 * 1024;
const AHEAD_BYTES = 4 * 1024;

/**
 * A source that is read from its end on: with what is asked for comes what stands before it. Late signatures stand side by
 * side, about a hundred of them in one such read, and one after another would be three reads each.
 */
export class BackwardSource implements ByteSource {
  readonly #source: ByteSource;
  #start = 0;
  #window: Uint8Array = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#source.size;
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (end - start > AHEAD_BYTES || signal?.aborted === true) return this.#source.read(start, end, signal);
    if (start < this.#start || end > this.#start + this.#window.length) {
      const from = Math.max(0, end - BEHIND_BYTES);
      this.#window = await this.#source.read(from, Math.min(this.size, end + AHEAD_BYTES), signal);
      this.#start = from;
    }
    return this.#window.subarray(start - this.#start, end - this.#start);
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
