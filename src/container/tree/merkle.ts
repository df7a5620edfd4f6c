/**
 * The RFC 6962 tree over record entries (spec/h4mk.md section 6): SHA-256, a leaf is H(0x00 || entry), a node is
 * H(0x01 || left || right), and a tree of n leaves splits at the largest power of two below n.
 */
import { H4Error } from '../../utils/error.js';
import { sha256 } from '../../utils/sha256.js';

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** The root of a tree without leaves. */
export const EMPTY_ROOT: Uint8Array = sha256();

export const leafHash = (entry: Uint8Array): Uint8Array => sha256(LEAF_PREFIX, entry);

export const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(NODE_PREFIX, left, right);

/** A complete subtree: the leaves `[index * 2^level, (index + 1) * 2^level)`. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/**
 * D(a, b) of section 6: the fewest complete subtrees that together hold the leaves `[a, b)`, from left to right. There are
 * fewer than two for every bit of `b`, whatever its size up to 2^53-1.
 */
export const decompose = (a: number, b: number): TreeNode[] => {
  const nodes: TreeNode[] = [];
  // No bit operations: leaf numbers go beyond 32 bits, and powers of two are exact in a double.
  for (let from = a; from < b;) {
    let level = 0;
    let width = 1;
    while (from % (2 * width) === 0 && from + 2 * width <= b) {
      width *= 2;
      level++;
    }
    nodes.push({ level, index: from / width });
    from += width;
  }
  return nodes;
};

/** Levels between a tile's hashes and the hash that stands for the whole tile one level up: 256 = 2^8. */
const LEVELS_PER_TILE = 8;

/**
 * The right edge of a growing tree: the hash of each complete power-of-two subtree, 32 bytes for every set bit of
 * `size`. Enough to append and to give the root at any time; memory is O(log n).
 */
export class MerkleFrontier {
  #size = 0;
  /** Hash of the complete subtree of 2^level leaves, for every set bit `level` of the size. */
  readonly #edge: (Uint8Array | undefined)[] = [];
  /** The last complete subtree of 256^level leaves: the hash that a full tile contributes one level up. */
  readonly #tileNodes: Uint8Array[] = [];

  get size(): number {
    return this.#size;
  }

  push(leaf: Uint8Array): void {
    this.#carry(leaf, 0);
    this.#size++;
  }

  /** Appends a whole subtree of 2^level leaves by its hash. The size so far must be a multiple of 2^level. */
  pushSubtree(subtree: Uint8Array, level: number): void {
    const leaves = 2 ** level;
    if (this.#size % leaves !== 0) throw new RangeError(`No subtree of ${leaves} leaves begins after ${this.#size}`);
    this.#carry(subtree, level);
    this.#size += leaves;
  }

  /** Adds up like a carry: two subtrees of equal size make one of the next level. */
  #carry(subtree: Uint8Array, from: number): void {
    let hash = subtree;
    let level = from;
    for (let left = this.#edge[level]; left !== undefined; left = this.#edge[level]) {
      hash = nodeHash(left, hash);
      this.#edge[level] = undefined;
      level++;
      if (level % LEVELS_PER_TILE === 0) this.#tileNodes[level / LEVELS_PER_TILE] = hash;
    }
    this.#edge[level] = hash;
  }

  root(): Uint8Array {
    let root: Uint8Array | undefined;
    for (const hash of this.#edge) {
      if (hash !== undefined) root = root === undefined ? hash : nodeHash(hash, root);
    }
    return root ?? EMPTY_ROOT;
  }

  /** Hash over the 256^level leaves that were completed last. Call it right after the leaf that completed them. */
  tileNode(level: number): Uint8Array {
    const hash = this.#tileNodes[level];
    if (hash === undefined) throw new H4Error('H4_INTERNAL', `No subtree of 256^${level} leaves is complete yet`);
    return hash;
  }
}
