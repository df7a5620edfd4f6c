/** The record index of a file with tiles: every answer costs O(log n) positioned reads (spec/h4mk.md section 7). */
import { H4Error, isH4Error } from '../../utils/error.js';
import type { ByteSource } from '../io/io.js';
import { TAIL_STATE, TILE_LEVELS, TILE_WIDTH } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import { KeySearch } from './key-search.js';
import { type KeyPlace, type RecordIndex, type RecordPlace, payloadBefore, payloadBeforeTile } from './record-index.js';
import { firstIndex } from '../format/seek.js';
import type { Tail } from '../format/tail.js';
import type { Tile } from '../format/tile.js';
import { TileCache, openIndex, openWidth, readTile } from './tile-cache.js';
import { TiledHashes, type TreeHashes } from '../tree/tree-hashes.js';

export class TileIndex implements RecordIndex {
  readonly count: number;
  readonly latestMeta: number;
  /** The tree as the tiles have it. */
  readonly hashes: TreeHashes;
  readonly #source: ByteSource;
  readonly #tail: Tail;
  readonly #limits: Limits;
  readonly #tiles: TileCache;
  /** The unfinished tiles, the highest level first: together they cover all records, in this order. */
  readonly #openTiles: readonly Tile[];
  /** Positions after the last record at which something else begins. */
  readonly #ends: readonly number[];

  private constructor(source: ByteSource, tail: Tail, limits: Limits, open: readonly (Tile | undefined)[]) {
    this.#source = source;
    this.#tail = tail;
    this.#limits = limits;
    this.count = tail.records;
    this.latestMeta = tail.meta;
    this.#tiles = new TileCache(source, limits, open);
    this.hashes = new TiledHashes(tail.records, (level, index, signal) => this.#tiles.tile(level, index, signal));
    this.#openTiles = open.filter((tile) => tile !== undefined).reverse();
    this.#ends = [tail.seek, tail.sign, tail.self, ...tail.tiles].filter((at) => at > 0).sort((a, b) => a - b);
  }

  /** Opens the index that a TAIL points to, or gives undefined where its tiles do not cover all records. */
  static async open(
    source: ByteSource,
    tail: Tail,
    limits: Limits,
    signal?: AbortSignal,
  ): Promise<TileIndex | undefined> {
    if (tail.records === 0 || tail.state === TAIL_STATE.slice) return undefined;
    const open: (Tile | undefined)[] = [];
    for (let level = 0; level < TILE_LEVELS; level++) {
      const width = openWidth(tail.records, level);
      const offset = tail.tiles[level] ?? 0;
      if (width === 0) continue;
      if (offset === 0) return undefined;
      try {
        const wanted = { level, index: openIndex(tail.records, level), width };
        open[level] = await readTile(source, offset, wanted, limits, signal);
      } catch (error) {
        // An index point need not have written its tiles again: then they are of an earlier size.
        if (isH4Error(error) && (error.kind === 'tampered' || error.kind === 'malformed')) return undefined;
        throw error;
      }
    }
    return new TileIndex(source, tail, limits, open);
  }

  /** The index as it was when the recording had `count` records: what was signed then is proven with it. */
  async upTo(count: number, signal?: AbortSignal): Promise<TileIndex> {
    if (count >= this.count) return this;
    const open: (Tile | undefined)[] = [];
    for (let level = 0; level < TILE_LEVELS; level++) {
      const width = openWidth(count, level);
      if (width > 0) open[level] = (await this.#tiles.tile(level, openIndex(count, level), signal)).upTo(width);
    }
    // Where the last record ends is told by the one that follows it.
    const { offset } = await this.place(count, signal);
    const links = { seek: offset, sign: 0, self: offset, tiles: [] };
    return new TileIndex(this.#source, { ...this.#tail, ...links, records: count }, this.#limits, open);
  }

  /** The tile (level, index), full or unfinished, as it stands in the file: nothing of it is proven. */
  tile(level: number, index: number, signal?: AbortSignal): Promise<Tile> {
    return this.#tiles.tile(level, index, signal);
  }

  async place(seq: number, signal?: AbortSignal): Promise<RecordPlace> {
    if (!Number.isInteger(seq) || seq < 0 || seq >= this.count) {
      throw new H4Error('H4_PARAM', `There is no record ${seq}: the file has ${this.count}`);
    }
    const [index, j] = [Math.floor(seq / TILE_WIDTH), seq % TILE_WIDTH];
    const open = this.#tiles.openTile(0);
    const { tile, offset } =
      open?.index === index ? { tile: open, offset: 0 } : await this.#tiles.full(0, index, signal);
    const start = tile.offset(j);
    if (j + 1 < tile.width) return { offset: start, end: tile.offset(j + 1) };
    // A full tile stands directly after its last record; after the last record of all comes whatever comes next.
    const end = tile.width === TILE_WIDTH ? offset : this.#ends.find((at) => at > start);
    return { offset: start, end: end ?? 0 };
  }

  /**
   * Walks down, one level per step: a locator above level 0 says where the records of its child end, one of level 0 where a
   * record begins. Only tiles with records of `[from, to)` are read.
   */
  async nearPayload(payload: number, from: number, to: number, signal?: AbortSignal): Promise<number> {
    let tile = this.#openTiles.find((top) => {
      const end = recordsUpTo(top, top.width - 1);
      return end >= to || (end > from && payloadUpTo(top, top.width - 1) > payload);
    });
    let seq = from;
    while (tile !== undefined) {
      const child = childNear(tile, payload, from, to);
      seq = child;
      tile = tile.level === 0 ? undefined : await this.#tiles.tile(tile.level - 1, child, signal);
    }
    return seq;
  }

  lastKey(pts: number, signal?: AbortSignal, onLikely?: (key: KeyPlace) => void): Promise<KeyPlace | undefined> {
    return new KeySearch(this.#tiles, signal, onLikely).last(this.#openTiles, pts);
  }

  /** Reads tiles only where a keymap says that there is a key record. */
  async nextKey(seq: number, signal?: AbortSignal): Promise<number | undefined> {
    for (const tile of this.#openTiles) {
      const found = await this.#keyWithin(tile, seq, signal);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #keyWithin(tile: Tile, seq: number, signal: AbortSignal | undefined): Promise<number | undefined> {
    for (const j of tile.keys()) {
      if (recordsUpTo(tile, j) <= seq) continue;
      const child = tile.index * TILE_WIDTH + j;
      if (tile.level === 0) return child;
      const found = await this.#keyWithin(await this.#tiles.tile(tile.level - 1, child, signal), seq, signal);
      if (found !== undefined) return found;
      // Only the child that `seq` lies in may have none: to follow such promises could mean to read every tile of a file.
      if (child * TILE_WIDTH ** tile.level >= seq) {
        throw new H4Error(
          'H4_TILE_INDEX',
          `TILE ${tile.level}/${tile.index} promises a key in its child ${j}: it has none`,
        );
      }
    }
    return undefined;
  }
}

/** Number of records up to the end of child j of a tile. */
const recordsUpTo = (tile: Tile, j: number): number => (tile.index * TILE_WIDTH + j + 1) * TILE_WIDTH ** tile.level;

/** Payload bytes up to the end of child j, which is not the last one of a tile of level 0. */
const payloadUpTo = (tile: Tile, j: number): number =>
  tile.level === 0
    ? payloadBefore(recordsUpTo(tile, j), tile.offset(j + 1))
    : payloadBeforeTile(recordsUpTo(tile, j), tile.level - 1, tile.offset(j));

/** The child of a tile that holds the payload byte, among those with records of `[from, to)`: its index, not its place in the tile. */
const childNear = (tile: Tile, payload: number, from: number, to: number): number => {
  const [first, span] = [tile.index * TILE_WIDTH, TILE_WIDTH ** tile.level];
  const lowest = Math.max(0, Math.floor(from / span) - first);
  const highest = Math.min(tile.width, Math.ceil(to / span) - first) - 1;
  return first + lowest + firstIndex(highest - lowest, (i) => payloadUpTo(tile, lowest + i) > payload);
};
