/** Every block there and back again; with another length than its own, it does not come back at all (E26). */
import { equalBytes } from '../../../../utils/bytes.js';
import { isH4Error } from '../../../../utils/error.js';
import { MAX_CORE_BLOCK_BYTES, compressedCap } from '../../../core.js';
import type { CorpusBlock } from '../corpus.js';
import { Failed, type NotedCore } from '../noted-core.js';
import { type Bench, type Trial, allBlocks } from './bench.js';

/** What `harmony4 export` makes at most: a core that refuses such blocks is of no use (E17). */
const LEAST_LONGEST_BYTES = 8 * 1024 * 1024;
/** From here on a block is also asked for with the greatest length there is, whose room costs more than a short block. */
const LONG_BYTES = 4096;

export const roundTrip: Trial = (bench) => {
  const found = new RoundTrips(bench);
  for (const block of allBlocks(bench.request)) found.try(block);
  found.findLongest();
  return { evidence: found.evidence() };
};

class RoundTrips {
  readonly #core: NotedCore;
  readonly #isToldLengths: boolean;
  #blocks = 0;
  #bytes = 0;
  #longestBytes = 0;
  #mostAdded = -Infinity;
  #otherLengths = 0;
  #tooLongBlocks = 0;
  #shortestRefused = Infinity;

  constructor({ core, bare }: Bench) {
    this.#core = core;
    // Version 1 is not told a length, so that it gives the same for any: the host compares.
    this.#isToldLengths = bare.abi === 'v2';
  }

  try({ name, bytes }: CorpusBlock): void {
    const compressed = this.#core.compressUnlessTooLong(name, bytes);
    if (compressed === undefined) {
      this.#tooLongBlocks++;
      this.#shortestRefused = Math.min(this.#shortestRefused, bytes.length);
      return;
    }
    if (compressed.length === 0 || compressed.length > compressedCap(bytes.length)) {
      throw new Failed(`a block of ${bytes.length} bytes became ${compressed.length}`);
    }
    if (!equalBytes(this.#core.decompress(name, compressed, bytes.length), bytes)) {
      throw new Failed(`what it made of ${bytes.length} bytes (${name}) decodes to other bytes`);
    }
    if (this.#isToldLengths) this.#assertNoOtherLength(name, compressed, bytes.length);
    this.#blocks++;
    this.#bytes += bytes.length;
    this.#longestBytes = Math.max(this.#longestBytes, bytes.length);
    this.#mostAdded = Math.max(this.#mostAdded, compressed.length - bytes.length);
  }

  /** If it has refused blocks for their length: the longest that it takes, which has to come back as well. */
  findLongest(): void {
    if (this.#shortestRefused === Infinity) return;
    if (this.#shortestRefused <= this.#longestBytes) {
      throw new Failed(
        `it takes a block of ${this.#longestBytes} bytes, and refuses one of ${this.#shortestRefused} as too long`,
      );
    }
    let [taken, refused] = [this.#longestBytes, this.#shortestRefused];
    while (refused - taken > 1) {
      const middle = (taken + refused) >> 1;
      if (this.#takes(middle)) taken = middle;
      else refused = middle;
    }
    if (taken < LEAST_LONGEST_BYTES) {
      // So that this is the call that is shown.
      this.#takes(refused);
      throw new Failed(
        `longest block ${taken} bytes: a core may refuse only blocks of more than ${LEAST_LONGEST_BYTES}, which are the longest that are exported`,
      );
    }
    this.try({ name: `blank, ${taken} bytes`, bytes: new Uint8Array(taken) });
  }

  evidence(): Readonly<Record<string, number | null>> {
    return {
      blocks: this.#blocks,
      bytes: this.#bytes,
      longest_block_bytes: this.#longestBytes,
      most_bytes_added: this.#mostAdded,
      other_lengths_refused: this.#isToldLengths ? this.#otherLengths : null,
      blocks_refused_as_too_long: this.#tooLongBlocks === 0 ? null : this.#tooLongBlocks,
    };
  }

  /** Whether a block is too long depends on its length alone (E25): blank ones are the fastest. */
  #takes(length: number): boolean {
    return this.#core.compressUnlessTooLong(`blank, ${length} bytes`, new Uint8Array(length)) !== undefined;
  }

  #assertNoOtherLength(name: string, compressed: Uint8Array, rawLength: number): void {
    const lengths = [
      1,
      rawLength - 1,
      rawLength + 1,
      2 * rawLength + 1,
      ...(rawLength < LONG_BYTES ? [] : [MAX_CORE_BLOCK_BYTES]),
    ];
    for (const length of new Set(lengths)) {
      if (length === rawLength || length === 0) continue;
      if (this.#restores(`${name}, with the length ${length}`, compressed, length)) {
        throw new Failed(`what it made of ${rawLength} bytes (${name}) it restores to ${length} as well`);
      }
      this.#otherLengths++;
    }
  }

  #restores(label: string, compressed: Uint8Array, length: number): boolean {
    try {
      this.#core.attempt(label, compressed, length);
      return true;
    } catch (error) {
      if (isH4Error(error, 'H4_ENGINE_OUTPUT')) return false;
      throw error;
    }
  }
}
