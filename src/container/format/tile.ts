/**
 * TILE: 256 hashes of the tree together with the file positions and times of the records below them (spec/h4mk.md
 * section 7). Tiles are an index that anybody can recompute. A lie in one can hide a record or name an earlier key record than
 * the last one; it never makes bytes pass for those of another record. A full check finds it.
 */
import { H4Error } from '../../utils/error.js';
import { readU64, writeU64 } from '../../utils/u64.js';
import { HASH_BYTES, LOCATOR_BYTES, TILE_HEAD_BYTES, TILE_LEVELS, TILE_WIDTH } from './layout.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';

const KEYMAP_AT = 16;

/** Bytes of a TILE payload of this width. */
export const tileBytes = (width: number): number => TILE_HEAD_BYTES + (LOCATOR_BYTES + HASH_BYTES) * width;

/** A parsed TILE: fields are decoded on access, from bytes that the tile keeps. */
export class Tile {
  readonly level: number;
  readonly width: number;
  readonly index: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #keys: Uint8Array | undefined;

  private constructor(bytes: Uint8Array, view: DataView, level: number, width: number, index: number) {
    this.#bytes = bytes;
    this.#view = view;
    this.level = level;
    this.width = width;
    this.index = index;
  }

  static parse(payload: Uint8Array, limits: Limits = DEFAULT_LIMITS): Tile {
    const refuse = (why: string): never => {
      throw new H4Error('H4_TILE_LAYOUT', `TILE of ${payload.length} bytes ${why}`);
    };
    if (payload.length < TILE_HEAD_BYTES) refuse(`is shorter than its ${TILE_HEAD_BYTES}-byte head`);
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const level = view.getUint8(0);
    const width = view.getUint16(2);
    if (level >= TILE_LEVELS) refuse(`has level ${level}, the highest is ${TILE_LEVELS - 1}`);
    if (view.getUint8(1) !== 0 || view.getUint32(4) !== 0) refuse('has padding that is not zero');
    if (width < 1 || width > TILE_WIDTH) refuse(`has width ${width}, not 1 to ${TILE_WIDTH}`);
    if (payload.length !== tileBytes(width)) refuse(`should have ${tileBytes(width)} bytes for width ${width}`);
    if (level > limits.maxTileLevel) {
      throw new H4Error('H4_LIMIT_TILE', `TILE has level ${level}; the limit is ${limits.maxTileLevel}`);
    }
    const tile = new Tile(payload, view, level, width, readU64(view, 8, 'TILE.index'));
    for (let j = width; j < TILE_WIDTH; j++)
      if (tile.hasKey(j)) refuse(`sets keymap bit ${j} beyond its width ${width}`);
    return tile;
  }

  /** Whether record (level 0) or child tile j holds a KEY record of the seek track. */
  hasKey(j: number): boolean {
    return ((this.#bytes[KEYMAP_AT + (j >> 3)] ?? 0) & (0x80 >> (j & 7))) !== 0;
  }

  /** Level 0: PTS of record j. Above: the highest PTS of any media record up to the first one of child j. */
  pts(j: number): number {
    return readU64(this.#view, TILE_HEAD_BYTES + LOCATOR_BYTES * j, 'TILE locator');
  }

  /** Level 0: file position of record j. Above: that of the full TILE j. */
  offset(j: number): number {
    return readU64(this.#view, TILE_HEAD_BYTES + LOCATOR_BYTES * j + 8, 'TILE locator');
  }

  /** The numbers j of all set keymap bits, ascending. */
  keys(): Uint8Array {
    return (this.#keys ??= Uint8Array.from({ length: this.width }, (_, j) => j).filter((j) => this.hasKey(j)));
  }

  /** The tile as it was when it had `width` children: what came later is left out, keymap bits included. */
  upTo(width: number): Tile {
    if (width >= this.width) return this;
    const payload = new Uint8Array(tileBytes(width));
    payload.set(this.#bytes.subarray(0, TILE_HEAD_BYTES + LOCATOR_BYTES * width));
    for (let j = 0; j < width; j++) payload.set(this.hash(j), TILE_HEAD_BYTES + LOCATOR_BYTES * width + HASH_BYTES * j);
    for (let j = width; j < TILE_WIDTH; j++) {
      payload[KEYMAP_AT + (j >> 3)] = (payload[KEYMAP_AT + (j >> 3)] ?? 0) & ~(0x80 >> (j & 7));
    }
    const view = new DataView(payload.buffer);
    view.setUint16(2, width);
    return new Tile(payload, view, this.level, width, this.index);
  }

  hash(j: number): Uint8Array {
    const at = TILE_HEAD_BYTES + LOCATOR_BYTES * this.width + HASH_BYTES * j;
    return this.#bytes.subarray(at, at + HASH_BYTES);
  }
}

/** The unfinished tile of one level, kept in the layout of the file so that writing it is copying it. */
class OpenTile {
  readonly level: number;
  index = 0;
  width = 0;
  anyKey = false;
  /** The locator PTS that this tile gets one level up: the running maximum at its first leaf. */
  firstMaximum = 0;
  readonly #keymap = new Uint8Array(HASH_BYTES);
  readonly #locators = new Uint8Array(LOCATOR_BYTES * TILE_WIDTH);
  readonly #locatorView = new DataView(this.#locators.buffer);
  readonly #hashes = new Uint8Array(HASH_BYTES * TILE_WIDTH);

  constructor(level: number) {
    this.level = level;
  }

  push(pts: number, offset: number, key: boolean, hash: Uint8Array, maximum: number): void {
    const j = this.width++;
    if (j === 0) this.firstMaximum = maximum;
    writeU64(this.#locatorView, LOCATOR_BYTES * j, pts);
    writeU64(this.#locatorView, LOCATOR_BYTES * j + 8, offset);
    this.#hashes.set(hash, HASH_BYTES * j);
    if (key) {
      this.anyKey = true;
      this.#keymap[j >> 3] = (this.#keymap[j >> 3] ?? 0) | (0x80 >> (j & 7));
    }
  }

  payload(): Uint8Array {
    const payload = new Uint8Array(tileBytes(this.width));
    const view = new DataView(payload.buffer);
    view.setUint8(0, this.level);
    view.setUint16(2, this.width);
    writeU64(view, 8, this.index);
    payload.set(this.#keymap, KEYMAP_AT);
    payload.set(this.#locators.subarray(0, LOCATOR_BYTES * this.width), TILE_HEAD_BYTES);
    payload.set(this.#hashes.subarray(0, HASH_BYTES * this.width), TILE_HEAD_BYTES + LOCATOR_BYTES * this.width);
    return payload;
  }

  /** Empties the tile for the next index of its level. */
  advance(): void {
    this.index++;
    this.width = 0;
    this.anyKey = false;
    this.#keymap.fill(0);
  }
}

export interface TiledRecord {
  readonly pts: number;
  /** File position of the record's TOKN. */
  readonly offset: number;
  /** Is it a KEY record of the seek track? */
  readonly key: boolean;
  /** Is it of mode 0 to 2? Only those move the running maximum of PTS. */
  readonly media: boolean;
  readonly leaf: Uint8Array;
}

/**
 * The tiles under construction, one per level. The writer asks it what to write, the checker what should stand in the
 * file: both follow from the same records, so the check is a comparison of bytes.
 */
export class TileStack {
  readonly #levels: OpenTile[] = [];
  #maximum = 0;

  #open(level: number): OpenTile {
    return (this.#levels[level] ??= new OpenTile(level));
  }

  push(record: TiledRecord): void {
    if (record.media && record.pts > this.#maximum) this.#maximum = record.pts;
    this.#open(0).push(record.pts, record.offset, record.key, record.leaf, this.#maximum);
  }

  /** The full tile that is due now, lowest level first, or undefined. */
  due(): { readonly level: number; readonly payload: Uint8Array } | undefined {
    const full = this.#levels.find((tile) => tile.width === TILE_WIDTH);
    return full === undefined ? undefined : { level: full.level, payload: full.payload() };
  }

  /** Says that the due tile of `level` stands at `offset`; `node` is the hash over all leaves below it. */
  placed(level: number, offset: number, node: Uint8Array): void {
    const tile = this.#open(level);
    this.#open(level + 1).push(tile.firstMaximum, offset, tile.anyKey, node, tile.firstMaximum);
    tile.advance();
  }

  /** Levels that have an unfinished tile, ascending: those that an index point or the close writes. */
  partialLevels(): number[] {
    return this.#levels.filter((tile) => tile.width > 0).map((tile) => tile.level);
  }

  /** The tile of a level that is not yet placed, or undefined where there is none. */
  openTile(level: number): { readonly index: number; readonly width: number; payload(): Uint8Array } | undefined {
    const tile = this.#levels[level];
    return tile === undefined || tile.width === 0 ? undefined : tile;
  }
}
