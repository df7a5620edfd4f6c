/**
 * Finds the last key record at or before a time through the tiles (spec/h4mk.md sections 7 and 9.4). Upper tiles hold, for
 * each child, the highest PTS of any record up to the child's first one. That maximum never decreases, so a child whose
 * maximum is at most T has only key records at or before T in front of it. The converse does not hold when tracks are
 * skewed against each other, so the search goes on to the right, in growing steps, until it meets a key record after T.
 */
import { TILE_WIDTH } from '../format/layout.js';
import type { KeyPlace } from './record-index.js';
import { firstIndex } from '../format/seek.js';
import type { Tile } from '../format/tile.js';
import type { TileCache } from './tile-cache.js';

/** A subtree with at least one key record. */
interface Subtree {
  readonly level: number;
  readonly index: number;
  /** If T is at least this, then all key records before the subtree are at or before T. */
  readonly bound: number;
}

interface Hit {
  /** The last key record at or before T within the subtree. */
  readonly key: KeyPlace | undefined;
  /** Whether the subtree has key records after T. */
  readonly isBeyond: boolean;
  /** Whether the next key record, wherever it stands, should come after T. */
  readonly isLikely?: boolean;
}

export class KeySearch {
  readonly #tiles: TileCache;
  readonly #signal: AbortSignal | undefined;
  readonly #onLikely: ((key: KeyPlace) => void) | undefined;

  /** @param onLikely is told a key of which the search still has to see that none at or before the time follows in the next tile */
  constructor(tiles: TileCache, signal?: AbortSignal, onLikely?: (key: KeyPlace) => void) {
    this.#tiles = tiles;
    this.#signal = signal;
    this.#onLikely = onLikely;
  }

  /** @param openTiles the unfinished tiles of all levels: together they cover every record, the highest level first */
  async last(openTiles: readonly Tile[], pts: number): Promise<KeyPlace | undefined> {
    const subtrees = [...openTiles]
      .sort((a, b) => b.level - a.level)
      .filter((tile) => tile.keys().length > 0)
      .map((tile) => ({ level: tile.level, index: tile.index, bound: boundOf(tile) }));
    return (await this.#among(subtrees, pts)).key;
  }

  async #among(subtrees: readonly Subtree[], pts: number): Promise<Hit> {
    const likely = Math.max(0, firstIndex(subtrees.length, (i) => (subtrees[i]?.bound ?? 0) > pts) - 1);
    const hit = await this.#within(subtrees[likely], pts);
    if (hit.key === undefined) return { key: await this.#lastOf(subtrees[likely - 1]), isBeyond: hit.isBeyond };
    if (hit.isBeyond) return hit;
    if (hit.isLikely === true) this.#onLikely?.(hit.key);
    const right = await this.#gallop(subtrees, likely, pts);
    if (right === likely) return { key: hit.key, isBeyond: likely + 1 < subtrees.length };
    const further = await this.#within(subtrees[right], pts);
    return { key: further.key, isBeyond: further.isBeyond || right + 1 < subtrees.length };
  }

  /**
   * The last subtree at or after `from` whose first key record is at or before T. It lies 0 or 1 further on unless tracks
   * are skewed by more than a subtree, so steps grow only from the third one on: 1, 1, 2, 4, ...
   */
  async #gallop(subtrees: readonly Subtree[], from: number, pts: number): Promise<number> {
    let low = from;
    let high = subtrees.length;
    for (let step = 1, tries = 0; low + step < high; step = 2 ** Math.max(0, ++tries - 1)) {
      if ((await this.#firstPts(subtrees[low + step])) > pts) high = low + step;
      else low += step;
    }
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if ((await this.#firstPts(subtrees[middle])) > pts) high = middle;
      else low = middle;
    }
    return low;
  }

  async #within(subtree: Subtree | undefined, pts: number): Promise<Hit> {
    if (subtree === undefined) return { key: undefined, isBeyond: false };
    const tile = await this.#tileOf(subtree);
    if (subtree.level > 0) return this.#among(childrenOf(tile), pts);
    const keys = tile.keys();
    const after = firstIndex(keys.length, (i) => tile.pts(keys[i] ?? 0) > pts);
    const key = keyPlace(tile, keys[after - 1]);
    const isBeyond = after < keys.length;
    // Where another track lies ahead, the next key may be at or before T too; where keys are regular, it is known when it is due.
    const due = after < 2 ? -Infinity : 2 * tile.pts(keys[after - 1] ?? 0) - tile.pts(keys[after - 2] ?? 0);
    return { key, isBeyond, isLikely: pts < due };
  }

  async #lastOf(subtree: Subtree | undefined): Promise<KeyPlace | undefined> {
    if (subtree === undefined) return undefined;
    const tile = await this.#tileOf(subtree);
    return subtree.level > 0 ? this.#lastOf(childrenOf(tile).at(-1)) : keyPlace(tile, tile.keys().at(-1));
  }

  async #firstPts(subtree: Subtree | undefined): Promise<number> {
    if (subtree === undefined) return Infinity;
    const tile = await this.#tileOf(subtree);
    return subtree.level > 0 ? this.#firstPts(childrenOf(tile)[0]) : tile.pts(tile.keys()[0] ?? 0);
  }

  #tileOf({ level, index }: Subtree): Promise<Tile> {
    return this.#tiles.tile(level, index, this.#signal);
  }
}

const boundOf = (tile: Tile): number => tile.pts(tile.level === 0 ? (tile.keys()[0] ?? 0) : 0);

const childrenOf = (tile: Tile): Subtree[] =>
  Array.from(tile.keys(), (j) => ({
    level: tile.level - 1,
    index: tile.index * TILE_WIDTH + j,
    bound: tile.pts(j),
  }));

const keyPlace = (tile: Tile, j: number | undefined): KeyPlace | undefined =>
  j === undefined ? undefined : { seq: tile.index * TILE_WIDTH + j, pts: tile.pts(j) };
