/** Where records stand: answered from tiles, or from a walk over a file that has none. All answers are hints. */
import { CHUNK_HEADER_BYTES, TILE_WIDTH, TOKEN_BYTES, TOKN_HEAD_BYTES } from '../format/layout.js';
import { tileBytes } from '../format/tile.js';

/** What a record of one token has besides its payload. */
const RECORD_OVERHEAD_BYTES = 2 * CHUNK_HEADER_BYTES + TOKN_HEAD_BYTES + TOKEN_BYTES;
const FULL_TILE_BYTES = CHUNK_HEADER_BYTES + tileBytes(TILE_WIDTH);

/**
 * Payload bytes in front of record `seq` at `offset`: exact up to a constant where every record has one token and nothing but
 * full tiles stands between records, else a guess. Unlike the offset, it grows in proportion to `pos` whatever the sizes of
 * blocks are.
 */
export const payloadBefore = (seq: number, offset: number): number => {
  let tiles = 0;
  for (let span = TILE_WIDTH; span <= seq; span *= TILE_WIDTH) tiles += Math.floor(seq / span);
  return offset - RECORD_OVERHEAD_BYTES * seq - FULL_TILE_BYTES * tiles;
};

/** The same for the place after `seq` records at which a full tile of `level` stands: those of lower levels precede it. */
export const payloadBeforeTile = (seq: number, level: number, offset: number): number =>
  payloadBefore(seq - 1, offset - RECORD_OVERHEAD_BYTES - FULL_TILE_BYTES * level);

export interface RecordPlace {
  /** File position of the record's TOKN. */
  readonly offset: number;
  /** The record's payload ends at or before this position. */
  readonly end: number;
}

/** A key record of the seek track. */
export interface KeyPlace {
  readonly seq: number;
  readonly pts: number;
}

export interface RecordIndex {
  /** Number of records. */
  readonly count: number;
  /** TOKN of the latest META record. */
  readonly latestMeta: number;
  place(seq: number, signal?: AbortSignal): Promise<RecordPlace>;
  /** The last record of `[from, to)` with at most `payload` bytes in front of it (`payloadBefore`), or else `from`. */
  nearPayload(payload: number, from: number, to: number, signal?: AbortSignal): Promise<number>;
  /**
   * The last key record of the seek track with a PTS of at most `pts`, or undefined if there is none. `onLikely` is told one
   * that very likely is the answer where more must be read to be sure.
   */
  lastKey(pts: number, signal?: AbortSignal, onLikely?: (key: KeyPlace) => void): Promise<KeyPlace | undefined>;
  /** The first key record of the seek track among those from `seq` on: its number. */
  nextKey(seq: number, signal?: AbortSignal): Promise<number | undefined>;
}
