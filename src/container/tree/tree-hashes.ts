/**
 * Hashes of a recording's tree by positioned reads, and the proofs made of them (spec/h4mk.md sections 6 and 7). The hashes come
 * from tiles, which anybody may have written: a proof made here is right or is refused by whoever verifies it.
 */
import { H4Error } from '../../utils/error.js';
import { HASH_BYTES, TILE_WIDTH } from '../format/layout.js';
import { MerkleFrontier, type TreeNode, decompose } from './merkle.js';
import { type TreeRange, subtreeProofRanges } from './merkle-proof.js';
import { type RangeProof, assertRange, rangeProofNodes } from './range-proof.js';
import type { Tile } from '../format/tile.js';

/** Gives the hash of any complete subtree of the records it covers. */
export interface TreeHashes {
  /** Number of leaves. */
  readonly count: number;
  node(node: TreeNode, signal?: AbortSignal): Promise<Uint8Array>;
}

/** Levels of the tree in one tile. */
const LEVELS_PER_TILE = 8;

/** The hashes in tiles: each answer is one tile, which is on the way to the records below it anyway. */
export class TiledHashes implements TreeHashes {
  readonly count: number;
  readonly #tile: (level: number, index: number, signal?: AbortSignal) => Promise<Tile>;

  constructor(count: number, tile: (level: number, index: number, signal?: AbortSignal) => Promise<Tile>) {
    this.count = count;
    this.#tile = tile;
  }

  async node({ level, index }: TreeNode, signal?: AbortSignal): Promise<Uint8Array> {
    const tileLevel = Math.floor(level / LEVELS_PER_TILE);
    const width = 2 ** (level % LEVELS_PER_TILE);
    const first = index * width;
    const tile = await this.#tile(tileLevel, Math.floor(first / TILE_WIDTH), signal);
    const j = first % TILE_WIDTH;
    if (j + width > tile.width) {
      throw new H4Error(
        'H4_TILE_INDEX',
        `The tile of level ${tileLevel}, index ${tile.index} has ${tile.width} hashes, and ${j + width} are needed`,
      );
    }
    const frontier = new MerkleFrontier();
    for (let i = j; i < j + width; i++) frontier.push(tile.hash(i));
    return frontier.root();
  }
}

/**
 * All leaves in memory, 32 bytes for each: for recordings whose tiles are missing or not to be trusted. Nodes over 256 leaves
 * are kept once they are known.
 */
export class LeafHashes implements TreeHashes {
  readonly #leaves: Uint8Array;
  readonly #nodes = new Map<number, Uint8Array>();

  /** `leaves` is kept: the hashes one after the other. */
  constructor(leaves: Uint8Array) {
    if (leaves.length % HASH_BYTES !== 0) throw new RangeError(`Leaves are ${HASH_BYTES} bytes each`);
    this.#leaves = leaves;
  }

  get count(): number {
    return this.#leaves.length / HASH_BYTES;
  }

  node({ level, index }: TreeNode): Promise<Uint8Array> {
    const width = 2 ** level;
    assertCovered(this, (index + 1) * width);
    const frontier = new MerkleFrontier();
    if (level < LEVELS_PER_TILE) {
      for (let i = index * width; i < (index + 1) * width; i++) frontier.push(this.#leaf(i));
    } else {
      const groups = width / TILE_WIDTH;
      for (let i = index * groups; i < (index + 1) * groups; i++) frontier.pushSubtree(this.#group(i), LEVELS_PER_TILE);
    }
    return Promise.resolve(frontier.root());
  }

  #leaf(i: number): Uint8Array {
    return this.#leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
  }

  /** The node over the leaves `[256 i, 256 (i + 1))`. */
  #group(i: number): Uint8Array {
    const known = this.#nodes.get(i);
    if (known !== undefined) return known;
    const frontier = new MerkleFrontier();
    for (let j = i * TILE_WIDTH; j < (i + 1) * TILE_WIDTH; j++) frontier.push(this.#leaf(j));
    const node = frontier.root();
    this.#nodes.set(i, node);
    return node;
  }
}

/** The root over the first `size` records. */
export const rootOver = (tree: TreeHashes, size: number, signal?: AbortSignal): Promise<Uint8Array> =>
  rangeHash(tree, { from: 0, to: size }, signal);

/** Proves the records `[first, end)` under the tree of `size` records. */
export const proveRange = async (
  tree: TreeHashes,
  { first, end, size }: { readonly first: number; readonly end: number; readonly size: number },
  signal?: AbortSignal,
): Promise<RangeProof> => {
  assertCovered(tree, size);
  const range = { size, first, count: end - first };
  assertRange(range);
  const hashes = await nodesOf(tree, rangeProofNodes(first, end, size), signal);
  return { ...range, hashes };
};

/** Proves that the tree of `first` records is the beginning of that of `second` (RFC 9162, 2.1.4). */
export const proveConsistency = async (
  tree: TreeHashes,
  first: number,
  second: number,
  signal?: AbortSignal,
): Promise<Uint8Array[]> => {
  assertCovered(tree, second);
  const ranges = subtreeProofRanges({ start: 0, end: first, size: second });
  return Promise.all(ranges.map((range) => rangeHash(tree, range, signal)));
};

/** Proves that record `index` belongs to the tree of `size` records, as logs do (RFC 9162, 2.1.3). */
export const proveInclusion = async (
  tree: TreeHashes,
  index: number,
  size: number,
  signal?: AbortSignal,
): Promise<Uint8Array[]> => {
  assertCovered(tree, size);
  const ranges = subtreeProofRanges({ start: index, end: index + 1, size });
  return Promise.all(ranges.map((range) => rangeHash(tree, range, signal)));
};

/** A node at the right edge is put together from its complete parts. */
const rangeHash = async (tree: TreeHashes, { from, to }: TreeRange, signal?: AbortSignal): Promise<Uint8Array> => {
  assertCovered(tree, to);
  const nodes = decompose(from, to);
  const hashes = await nodesOf(tree, nodes, signal);
  const frontier = new MerkleFrontier();
  // A node of the tree begins at a multiple of its width, so that counting may begin anew at its first leaf.
  for (const [i, { level }] of nodes.entries()) frontier.pushSubtree(hashes[i] ?? new Uint8Array(0), level);
  return frontier.root();
};

const nodesOf = (tree: TreeHashes, nodes: readonly TreeNode[], signal?: AbortSignal): Promise<Uint8Array[]> =>
  Promise.all(nodes.map((node) => tree.node(node, signal)));

const assertCovered = (tree: TreeHashes, size: number): void => {
  if (size > tree.count) {
    throw new H4Error('H4_PARAM', `Cannot prove anything of ${size} records: the file has ${tree.count}`);
  }
};
