import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/container/format/limits.js';
import { verifyConsistency, verifyInclusion } from '../../../src/container/tree/merkle-proof.js';
import { verifyRangeProof } from '../../../src/container/tree/range-proof.js';
import { parseTail } from '../../../src/container/format/tail.js';
import { Tile, TileStack } from '../../../src/container/format/tile.js';
import { TileIndex } from '../../../src/container/read/tile-index.js';
import {
  LeafHashes,
  TiledHashes,
  type TreeHashes,
  proveConsistency,
  proveInclusion,
  proveRange,
  rootOver,
} from '../../../src/container/tree/tree-hashes.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { chunkOf, closedRecording, interleaved, rejection } from '../../support/container.js';
import { recordsOf, treeHash } from '../../support/slices.js';

/** A written recording of `count` records: its tree by tiles, and by its leaves as a plain list. */
const recording = async (count: number): Promise<{ tiled: TreeHashes; leaves: readonly Uint8Array[] }> => {
  const file = await closedRecording(interleaved(count - 2));
  const tail = parseTail(chunkOf(file, 'TAIL', -1).payload);
  const index = await TileIndex.open(createMemorySource(file), tail, DEFAULT_LIMITS);
  if (index === undefined) throw new Error('Expected an index');
  return { tiled: index.hashes, leaves: recordsOf(file).leaves };
};

const SIZES = [2, 3, 255, 256, 257, 300, 512, 700];

describe.each(SIZES)('of a recording of %i records', (count) => {
  test('every root, and proofs of every kind and size, are those of its leaves', async () => {
    const { tiled, leaves } = await recording(count);
    expect(tiled.count).toBe(count);
    for (const tree of [tiled, new LeafHashes(concatBytes(...leaves))]) {
      for (const size of new Set([1, 2, Math.floor(count / 2) + 1, count - 1, count])) {
        const root = treeHash(leaves.slice(0, size));
        expect(await rootOver(tree, size)).toEqual(root);
        for (const first of new Set([0, Math.floor(size / 3), size - 1])) {
          for (const end of new Set([first + 1, size])) {
            verifyRangeProof(await proveRange(tree, { first, end, size }), leaves.slice(first, end), root);
          }
          const leaf = leaves[first] ?? new Uint8Array(0);
          verifyInclusion(first, size, leaf, await proveInclusion(tree, first, size), root);
        }
        const later = { size: count, root: treeHash(leaves) };
        verifyConsistency({ size, root }, later, await proveConsistency(tree, size, count));
      }
    }
  });
});

describe('proofs', () => {
  const leaves = Array.from({ length: 5 }, (_, i) => sha256(Uint8Array.of(i)));
  const tree = new LeafHashes(concatBytes(...leaves));

  test.each([
    ['a range', () => proveRange(tree, { first: 0, end: 1, size: 6 })],
    ['consistency', () => proveConsistency(tree, 1, 6)],
    ['inclusion', () => proveInclusion(tree, 0, 6)],
    ['a root', () => rootOver(tree, 6)],
  ])('of %s are refused beyond the records there are', async (_, prove) => {
    expect((await rejection(prove())).code).toBe('H4_PARAM');
  });

  test.each([
    [3, 3],
    [4, 2],
    [-1, 2],
    [0, 6],
  ])('of the range from %i to %i are refused: a tree of 5 has no such range', async (first, end) => {
    expect((await rejection(proveRange(tree, { first, end, size: 5 }))).code).toBe('H4_PROOF_INVALID');
  });

  test('need tiles that are as wide as the records they are asked for', async () => {
    const stack = new TileStack();
    const record = { pts: 0, offset: 8, key: true, media: true };
    for (const leaf of leaves) stack.push({ ...record, leaf });
    const payload = stack.openTile(0)?.payload() ?? new Uint8Array(0);
    const narrow = new TiledHashes(8, () => Promise.resolve(Tile.parse(payload)));
    expect(await narrow.node({ level: 2, index: 0 })).toEqual(treeHash(leaves.slice(0, 4)));
    expect((await rejection(narrow.node({ level: 2, index: 1 }))).code).toBe('H4_TILE_INDEX');
  });
});
