/** Tiles read by position, kept in memory up to a budget (spec/h4mk.md section 7: lookup of a tile by level and index). */
import { H4Error } from '../../utils/error.js';
import { parseChunkHeader } from '../format/chunk.js';
import type { ByteSource } from '../io/io.js';
import { CHUNK_HEADER_BYTES, TILE_WIDTH } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import { Tile, tileBytes } from '../format/tile.js';

/** About 680 full tiles: the way to any of 16.7 million records and 170 000 records around it. */
const BUDGET_TILES = 680;

/** Width of the unfinished tile of a level after `count` records; 0 where there is none. */
export const openWidth = (count: number, level: number): number => Math.floor(count / TILE_WIDTH ** level) % TILE_WIDTH;

/** Index of the unfinished tile of a level, which is also the number of full tiles of it. */
export const openIndex = (count: number, level: number): number => Math.floor(count / TILE_WIDTH ** (level + 1));

/** Reads the TILE chunk at `offset` and demands that it is the one looked for. */
export const readTile = async (
  source: ByteSource,
  offset: number,
  wanted: { readonly level: number; readonly index: number; readonly width: number },
  limits: Limits,
  signal?: AbortSignal,
): Promise<Tile> => {
  const { level, index, width } = wanted;
  const end = offset + CHUNK_HEADER_BYTES + tileBytes(width);
  const name = `TILE of level ${level}, index ${index}, width ${width}`;
  if (end > source.size) {
    throw new H4Error(
      'H4_INDEX_MISMATCH',
      `There is no ${name} at offset ${offset}: the file has ${source.size} bytes`,
    );
  }
  const bytes = await source.read(offset, end, signal);
  const chunk = parseChunkHeader(bytes, 0, offset);
  const payload = bytes.subarray(CHUNK_HEADER_BYTES);
  if (chunk.tag !== 'TILE' || chunk.size !== payload.length) {
    throw new H4Error('H4_INDEX_MISMATCH', `The chunk at offset ${offset} is not the ${name} that the index promises`);
  }
  const tile = Tile.parse(payload, limits);
  if (tile.level !== level || tile.index !== index || tile.width !== width) {
    throw new H4Error('H4_INDEX_MISMATCH', `The TILE at offset ${offset} is not the ${name} that the index promises`);
  }
  return tile;
};

/** Full tiles by level and index, the least recently used one leaving first. */
export class TileCache {
  readonly #source: ByteSource;
  readonly #limits: Limits;
  /** Unfinished tiles of the current size, by level. */
  readonly #open: readonly (Tile | undefined)[];
  readonly #tiles = new Map<string, { readonly tile: Tile; readonly offset: number }>();

  constructor(source: ByteSource, limits: Limits, open: readonly (Tile | undefined)[]) {
    this.#source = source;
    this.#limits = limits;
    this.#open = open;
  }

  openTile(level: number): Tile | undefined {
    return this.#open[level];
  }

  /** The full tile (level, index) and where it stands, found through its parent's locator. */
  async full(
    level: number,
    index: number,
    signal?: AbortSignal,
  ): Promise<{ readonly tile: Tile; readonly offset: number }> {
    const key = `${level}/${index}`;
    const cached = this.#tiles.get(key);
    if (cached !== undefined) {
      this.#tiles.delete(key);
      this.#tiles.set(key, cached);
      return cached;
    }
    const parent = await this.tile(level + 1, Math.floor(index / TILE_WIDTH), signal);
    const offset = parent.offset(index % TILE_WIDTH);
    const tile = await readTile(this.#source, offset, { level, index, width: TILE_WIDTH }, this.#limits, signal);
    const entry = { tile, offset };
    this.#tiles.set(key, entry);
    const [oldest] = this.#tiles.keys();
    if (this.#tiles.size > BUDGET_TILES && oldest !== undefined) this.#tiles.delete(oldest);
    return entry;
  }

  /** The tile (level, index), full or unfinished. */
  async tile(level: number, index: number, signal?: AbortSignal): Promise<Tile> {
    const open = this.#open[level];
    if (open?.index === index) return open;
    if (level > this.#limits.maxTileLevel)
      throw new H4Error('H4_LIMIT_TILE', `The index needs tiles of level ${level}`);
    return (await this.full(level, index, signal)).tile;
  }
}
