/**
 * The rules of everything that is derived from the records: TILE, SEEK, TAIL (spec/h4mk.md sections 7 and 9). The checker
 * builds what should stand in the file with the writer's own parts and compares, so its memory is the writer's. A chunk that
 * does not parse throws; what parses but contradicts the records is noted.
 */
import type { ErrorCode } from '../../utils/error-codes.js';
import { equalBytes } from '../../utils/bytes.js';
import { readU64 } from '../../utils/u64.js';
import type { Chunk } from '../format/chunk.js';
import type { Findings } from './findings.js';
import {
  LOCATOR_BYTES,
  SEEK_ENTRY_BYTES,
  SEEK_HEAD_BYTES,
  TAIL_STATE,
  TILE_HEAD_BYTES,
  TILE_LEVELS,
} from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import type { MerkleFrontier } from '../tree/merkle.js';
import { SeekBuilder } from '../format/seek.js';
import { type Tail, parseTail } from '../format/tail.js';
import { checkTailFields } from './tail-check.js';
import { Tile, TileStack, type TiledRecord } from '../format/tile.js';
import type { WriterState } from '../write/writer-state.js';

/** Where the chunks stand that a TAIL points to; 0 where there is none. */
export interface Links {
  meta: number;
  seek: number;
  veri: number;
  sign: number;
}

export class IndexCheck {
  readonly #findings: Findings;
  readonly #limits: Limits;
  readonly #tree: MerkleFrontier;
  readonly #tiles = new TileStack();
  readonly #seek = new SeekBuilder();
  readonly #tileOffsets = new Array<number>(TILE_LEVELS).fill(0);
  #due: { readonly level: number; readonly payload: Uint8Array } | undefined;
  /** Levels whose partial tile stands in the close. */
  readonly #closedLevels: number[] = [];
  #prevTail = 0;
  /** Without a seek track there is nothing to compare keymaps and SEEK with. */
  #knowsKeys = false;

  constructor(findings: Findings, limits: Limits, tree: MerkleFrontier) {
    this.#findings = findings;
    this.#limits = limits;
    this.#tree = tree;
  }

  /** @param seekTrack the track that keymaps and SEEK are about; unknown where META supplies none */
  admit(record: TiledRecord, seekTrack: number | undefined): void {
    this.#knowsKeys = seekTrack !== undefined;
    if (record.key) this.#seek.push(record.pts, record.offset);
    this.#tiles.push(record);
    this.#due = this.#tiles.due();
  }

  /** Any chunk but the TILE that is due now comes too early. A file that ends here is only unfinished. */
  expectDueTile(chunk: Chunk): void {
    if (this.#due === undefined || chunk.tag === 'TILE') return;
    this.#error(
      'H4_TILE_PLACE',
      chunk.offset,
      `A full TILE of level ${this.#due.level} must stand here, before ${chunk.tag}`,
    );
    // Its locator one level up is unknown; the error is noted, the rest is checked as if it had stood here.
    this.#placed(this.#due.level, chunk.offset);
  }

  checkTile(chunk: Chunk, inClose: boolean): void {
    const { level, width, index } = Tile.parse(chunk.payload, this.#limits);
    const due = this.#due;
    const open = this.#tiles.openTile(level);
    if (open?.width !== width || open.index !== index || (due !== undefined && due.level !== level)) {
      const name = `TILE of level ${level}, index ${index}, width ${width}`;
      this.#error(
        'H4_TILE_PLACE',
        chunk.offset,
        `${name} has no place here: after ${this.#tree.size} records it is not due`,
      );
      return;
    }
    if (inClose) this.#noteClosed(level, chunk);
    this.#tileOffsets[level] = chunk.offset;
    this.#compareTile(chunk, due?.payload ?? open.payload(), width);
    if (due !== undefined) this.#placed(level, chunk.offset);
  }

  #noteClosed(level: number, chunk: Chunk): void {
    const last = this.#closedLevels.at(-1);
    if (last !== undefined && last >= level) {
      this.#error(
        'H4_TILE_PLACE',
        chunk.offset,
        `The close must have one TILE of each level in ascending order, not ${level} after ${last}`,
      );
    }
    this.#closedLevels.push(level);
  }

  #compareTile(chunk: Chunk, expected: Uint8Array, width: number): void {
    const hashesAt = TILE_HEAD_BYTES + LOCATOR_BYTES * width;
    if (!equalBytes(chunk.payload.subarray(hashesAt), expected.subarray(hashesAt))) {
      this.#error('H4_TILE_HASH', chunk.offset, 'A hash in this TILE is not that of the records before it');
    }
    if (this.#knowsKeys && !equalBytes(chunk.payload.subarray(0, hashesAt), expected.subarray(0, hashesAt))) {
      this.#error(
        'H4_TILE_INDEX',
        chunk.offset,
        'A locator or keymap bit of this TILE does not lead to the records before it',
      );
    }
  }

  #placed(level: number, offset: number): void {
    this.#tiles.placed(level, offset, this.#tree.tileNode(level + 1));
    this.#due = this.#tiles.due();
  }

  checkSeek(chunk: Chunk): void {
    const { payload, offset, size } = chunk;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const count = size < SEEK_HEAD_BYTES ? 0 : view.getUint32(0);
    if (size !== SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * count) {
      this.#error('H4_SEEK_SIZE', offset, `SEEK has ${size} bytes, which do not follow from its count of ${count}`);
      return;
    }
    if (!this.#checkSeekOrder(chunk, view, count) || !this.#knowsKeys) return;
    let at = 0;
    let same = size === this.#seek.size;
    for (const piece of this.#seek.pieces()) {
      same &&= equalBytes(payload.subarray(at, at + piece.length), piece);
      at += piece.length;
    }
    if (!same) this.#error('H4_SEEK_ENTRY', offset, 'SEEK is not the list of the key records of the seek track');
  }

  #checkSeekOrder({ offset }: Chunk, view: DataView, count: number): boolean {
    let previous = -1;
    for (let k = 0; k < count; k++) {
      const pts = readU64(view, SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * k, 'SEEK.pts');
      readU64(view, SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * k + 8, 'SEEK.offset');
      if (pts <= previous) {
        this.#error('H4_SEEK_ORDER', offset, `SEEK entry ${k} has PTS ${pts}, which does not follow ${previous}`);
        return false;
      }
      previous = pts;
    }
    return true;
  }

  checkTail(chunk: Chunk, links: Readonly<Links>, ended: boolean): Tail {
    const tail = parseTail(chunk.payload);
    const expected = {
      ...links,
      self: chunk.offset,
      records: this.#tree.size,
      prev: this.#prevTail,
      tiles: this.#tileOffsets,
    };
    checkTailFields(tail, expected, chunk.offset, this.#findings);
    if (!equalBytes(tail.root, this.#tree.root())) {
      this.#error(
        'H4_TAIL_ROOT',
        chunk.offset,
        `TAIL.root is not the root of the ${this.#tree.size} records before it`,
      );
    }
    if (tail.state === TAIL_STATE.final && !(ended && links.seek > 0 && links.veri > 0)) {
      this.#error('H4_TAIL_STATE', chunk.offset, 'TAIL says "final", but end record, SEEK or VERI is missing');
    }
    if (tail.state === TAIL_STATE.slice) {
      this.#error('H4_TAIL_STATE', chunk.offset, 'TAIL says "slice", but the file has no PROF');
    }
    this.#prevTail = chunk.offset;
    return tail;
  }

  /** The indexes as a writer knows them that goes on here. */
  get written(): Pick<WriterState, 'tiles' | 'seek' | 'tileOffsets' | 'tail'> & { readonly levels: readonly number[] } {
    return {
      tiles: this.#tiles,
      seek: this.#seek,
      tileOffsets: this.#tileOffsets,
      tail: this.#prevTail,
      levels: this.#closedLevels,
    };
  }

  /** Every level with an unfinished tile must have it in the close. */
  get lacksClosingTiles(): boolean {
    return this.#missingLevels().length > 0;
  }

  /** At the end of a closed file. */
  checkClosed(offset: number): void {
    const missing = this.#missingLevels();
    if (missing.length > 0)
      this.#error('H4_TILE_PLACE', offset, `The close lacks the TILE of level ${missing.join(', ')}`);
  }

  #missingLevels(): number[] {
    return this.#tiles.partialLevels().filter((level) => !this.#closedLevels.includes(level));
  }

  #error(code: ErrorCode, offset: number, message: string): void {
    this.#findings.error(code, offset, message);
  }
}
