/**
 * Masks and unmasks plain files, block by block: memory is a few blocks, whatever the length of the file. The keystream of
 * the original service, which had no salt, is taken away and never added: two files under one key shared it.
 */
import type { ByteSink } from '../container/io/io.js';
import { LegacyMask } from '../container/legacy/legacy-mask.js';
import { MaskStream } from '../utils/mask.js';
import { createSha256 } from '../utils/sha256.js';

/** How one block after the other is changed, in order. */
export type ChangeBlock = (block: Uint8Array) => Uint8Array;

/** Adds the mask of `key` and `salt`, or takes it away: that is the same. Sizes of blocks change nothing. */
export function saltedMask(key: Uint8Array, salt: Uint8Array): ChangeBlock {
  const stream = new MaskStream(key, salt);
  return (block) => stream.update(block);
}

/** Takes the mask of the original service away (h4mk.md 13, rule 6): its blocks must be those that were masked. */
export function legacyUnmask(key: Uint8Array): ChangeBlock {
  const mask = new LegacyMask(key);
  let index = 0;
  return (block) => {
    mask.apply(index++, block);
    return block;
  };
}

export interface Changed {
  readonly bytes: number;
  /** Of what was written. */
  readonly sha256: Uint8Array;
}

/** Writes every block of `pieces` to `sink`, changed. The sink is neither committed nor aborted here. */
export async function changeInto(
  sink: ByteSink,
  pieces: AsyncIterable<Uint8Array>,
  change: ChangeBlock,
  run: { readonly blockSize: number; readonly signal: AbortSignal; readonly onProgress: (bytes: number) => void },
): Promise<Changed> {
  const hash = createSha256();
  let bytes = 0;
  for await (const block of blocksOf(pieces, run.blockSize)) {
    run.signal.throwIfAborted();
    const changed = change(block);
    hash.update(changed);
    await sink.write(changed);
    bytes += changed.length;
    run.onProgress(bytes);
  }
  return { bytes, sha256: hash.digest() };
}

/** The bytes in blocks of `size`, the last of which may be shorter; each in an array of its own. */
async function* blocksOf(pieces: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array, void> {
  let block = new Uint8Array(size);
  let filled = 0;
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length;) {
      const part = piece.subarray(taken, taken + size - filled);
      block.set(part, filled);
      taken += part.length;
      filled += part.length;
      if (filled < size) continue;
      yield block;
      block = new Uint8Array(size);
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
