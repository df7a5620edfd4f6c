/**
 * A source that remembers what was asked of it. The cost of opening, seeking and verifying is counted in reads, bytes and
 * round trips rather than in milliseconds: tests hold it to its bounds, and `--stats` shows it.
 */

import { type ByteSource, canHashSource, type HashingSource } from '../container/io/io.js';
import type { ByteRange } from './range.js';

export interface ReadStatistics {
  /** The range of every read, in the order in which they were asked for, whether or not they succeeded. */
  readonly reads: readonly ByteRange[];
  /** The ranges that the source hashed by itself; none of them is among `reads`. */
  readonly hashes: readonly ByteRange[];
  /** Number of reads. */
  readonly count: number;
  /** Sum of the lengths of all reads. */
  readonly bytes: number;
  /** Number of times a read began while no other was under way: reads that overlap in time share a round trip. */
  readonly roundTrips: number;
}

export interface CountingSource extends ByteSource, ReadStatistics {
  /** Forgets everything counted so far. */
  reset(): void;
}

/** Passes everything on to `source`, which it then owns, and counts. Can hash exactly if `source` can. */
export function createCountingSource(source: HashingSource): CountingSource & HashingSource;
export function createCountingSource(source: ByteSource): CountingSource;
export function createCountingSource(source: ByteSource): CountingSource {
  return canHashSource(source) ? new CountingHashingSource(source) : new CountingByteSource(source);
}

class CountingByteSource implements CountingSource {
  readonly size: number;
  readonly #source: ByteSource;
  #reads: ByteRange[] = [];
  #hashes: ByteRange[] = [];
  #bytes = 0;
  #roundTrips = 0;
  #underWay = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    this.size = source.size;
  }

  get reads(): readonly ByteRange[] {
    return this.#reads;
  }

  get hashes(): readonly ByteRange[] {
    return this.#hashes;
  }

  get count(): number {
    return this.#reads.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get roundTrips(): number {
    return this.#roundTrips;
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    this.#reads.push([start, end]);
    this.#bytes += end - start;
    this.#roundTrips += this.#underWay === 0 ? 1 : 0;
    this.#underWay++;
    try {
      return await this.#source.read(start, end, signal);
    } finally {
      this.#underWay--;
    }
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  reset(): void {
    this.#reads = [];
    this.#hashes = [];
    this.#bytes = 0;
    this.#roundTrips = 0;
  }

  protected noteHash(range: ByteRange): void {
    this.#hashes.push(range);
  }
}

class CountingHashingSource extends CountingByteSource implements HashingSource {
  readonly #source: HashingSource;

  constructor(source: HashingSource) {
    super(source);
    this.#source = source;
  }

  sha256(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    this.noteHash([start, end]);
    return this.#source.sha256(start, end, signal);
  }
}
