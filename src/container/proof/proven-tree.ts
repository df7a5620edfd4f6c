/**
 * The tree under a signed root, by positioned reads (spec/h4mk.md sections 6 and 7). Hashes come from tiles, which anybody may
 * have written; one is handed out only after it has been led back to the root. A tile that has been proven once proves its
 * 256 leaves without another hash: what a leaf costs is comparing 32 bytes.
 */
import { equalBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { TILE_LEVELS, TILE_WIDTH } from '../format/layout.js';
import { MerkleFrontier, type TreeNode } from '../tree/merkle.js';
import type { Tile } from '../format/tile.js';
import { openIndex, openWidth } from '../read/tile-cache.js';
import { type TreeHashes, TiledHashes } from '../tree/tree-hashes.js';

/** Levels of the tree in one tile. */
const LEVELS_PER_TILE = 8;

/** Gives a tile as it stands in the file; unfinished ones as they are for the size of the tree. */
export type ReadTile = (level: number, index: number, signal?: AbortSignal) => Promise<Tile>;

export class ProvenTree implements TreeHashes {
  readonly count: number;
  readonly root: Uint8Array;
  readonly #tile: ReadTile;
  readonly #hashes: TiledHashes;
  /** Tiles whose hashes lead to the root. Who forgets a tile proves it anew. */
  readonly #proven = new WeakSet<Tile>();

  private constructor(count: number, root: Uint8Array, tile: ReadTile) {
    this.count = count;
    this.root = root;
    this.#tile = tile;
    this.#hashes = new TiledHashes(count, (level, index, signal) => this.#provenTile(level, index, signal));
  }

  /** The tree of `count` records with this root. H4_PROOF_INVALID if the tiles at its right edge do not lead there. */
  static async open(count: number, root: Uint8Array, tile: ReadTile, signal?: AbortSignal): Promise<ProvenTree> {
    const tree = new ProvenTree(count, root, tile);
    const frontier = new MerkleFrontier();
    for (let level = TILE_LEVELS - 1; level >= 0; level--) {
      const width = openWidth(count, level);
      if (width === 0) continue;
      const edge = await tile(level, openIndex(count, level), signal);
      // All of it or nothing is what the root covers.
      if (edge.width !== width) throw refused(edge, `has ${edge.width} hashes instead of ${width}`);
      for (let j = 0; j < width; j++) frontier.pushSubtree(edge.hash(j), LEVELS_PER_TILE * level);
      tree.#proven.add(edge);
    }
    if (!equalBytes(frontier.root(), root)) {
      throw new H4Error(
        'H4_PROOF_INVALID',
        `The tiles of the file do not lead to the signed root over ${count} records`,
      );
    }
    return tree;
  }

  /** The leaf of record `seq`, proven. */
  async leaf(seq: number, signal?: AbortSignal): Promise<Uint8Array> {
    const tile = await this.#provenTile(0, Math.floor(seq / TILE_WIDTH), signal);
    return tile.hash(seq % TILE_WIDTH);
  }

  node(node: TreeNode, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#hashes.node(node, signal);
  }

  async #provenTile(level: number, index: number, signal: AbortSignal | undefined): Promise<Tile> {
    const tile = await this.#tile(level, index, signal);
    if (this.#proven.has(tile)) return tile;
    const parent = await this.#provenTile(level + 1, Math.floor(index / TILE_WIDTH), signal);
    const frontier = new MerkleFrontier();
    for (let j = 0; j < tile.width; j++) frontier.push(tile.hash(j));
    if (!equalBytes(frontier.root(), parent.hash(index % TILE_WIDTH))) {
      throw refused(tile, 'does not lead to the signed root');
    }
    this.#proven.add(tile);
    return tile;
  }
}

const refused = ({ level, index }: Tile, why: string): H4Error =>
  new H4Error('H4_PROOF_INVALID', `The tile of level ${level}, index ${index} ${why}`);
