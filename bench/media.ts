/**
 * What every contender is given: the same blocks at the same times. Blocks are views of one pool of noise, so that making
 * them costs nobody anything; the pool is larger than the caches of one core, as a capture buffer would be.
 */

import { createHash } from 'node:crypto';

const POOL_BYTES = 8 * 1024 * 1024;

/** Units of time, microseconds, from one block to the next: 25 a second. */
const PERIOD_MICROS = 40_000;

const BLOCKS_PER_KEY = 30;

export interface MediaShape {
  readonly blockBytes: number;
  readonly blocks: number;
  /** All blocks have the bytes of the first one. Default false. */
  readonly uniform?: boolean;
}

export interface MediaBlock {
  readonly ptsMicros: number;
  readonly key: boolean;
  readonly bytes: Uint8Array;
}

export class Media {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly #stride: number;
  /** Made when first asked for: contenders that only read shall not be charged for it. */
  #pool: Uint8Array | undefined;

  constructor({ blockBytes, blocks, uniform = false }: MediaShape) {
    this.blockBytes = blockBytes;
    this.blocks = blocks;
    this.#stride = uniform ? 0 : blockBytes;
  }

  block(index: number): MediaBlock {
    const start = (index * this.#stride) % POOL_BYTES;
    this.#pool ??= noise(POOL_BYTES);
    return {
      ptsMicros: index * PERIOD_MICROS,
      key: index % BLOCKS_PER_KEY === 0,
      bytes: this.#pool.subarray(start, start + this.blockBytes),
    };
  }

  /** Every block that a seek can lead to. */
  get keys(): number {
    return Math.ceil(this.blocks / BLOCKS_PER_KEY);
  }

  keyBlock(key: number): MediaBlock {
    return this.block(key * BLOCKS_PER_KEY);
  }

  /** SHA-256 of all blocks, one after the other: what must come back from every file. */
  digest(): string {
    const hash = createHash('sha256');
    for (let i = 0; i < this.blocks; i++) {
      hash.update(this.block(i).bytes);
    }
    return hash.digest('hex');
  }
}

/** Small, seeded and good enough to be incompressible: xorshift32. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function noise(length: number): Uint8Array {
  const words = new Uint32Array(length / 4);
  const random = createRandom(0x68346d6b);
  for (let i = 0; i < words.length; i++) {
    words[i] = random();
  }
  return new Uint8Array(words.buffer);
}
