/**
 * Where a recording stands between two chunks: all that the next one follows from (spec/h4mk.md section 14, rule 4). A
 * writer builds it while it writes; a check of a file that was cut off builds the same, so that writing can go on.
 */
import { TILE_LEVELS } from '../format/layout.js';
import { MerkleFrontier } from '../tree/merkle.js';
import { SeekBuilder } from '../format/seek.js';
import { TileStack } from '../format/tile.js';
import { TrackLedger } from '../format/track-ledger.js';

/** How much of the close stands already. */
export interface CloseProgress {
  /** File position of SEEK, and of VERI; 0 where it is still to come. */
  readonly seek: number;
  readonly veri: number;
  /** Levels whose unfinished tile has been written since SEEK. */
  readonly levels: readonly number[];
  readonly isSigned: boolean;
}

export interface WriterState {
  /** Length of the file. */
  readonly offset: number;
  /** leaf(0), once record 0 is written. */
  readonly fileId: Uint8Array | undefined;
  readonly tree: MerkleFrontier;
  readonly tiles: TileStack;
  readonly seek: SeekBuilder;
  readonly ledger: TrackLedger;
  /** File positions of the latest TILE of each level, META record, SIGN and TAIL; 0 where there is none. */
  readonly tileOffsets: readonly number[];
  readonly meta: number;
  readonly sign: number;
  readonly tail: number;
  readonly close: CloseProgress;
}

export const NO_CLOSE: CloseProgress = Object.freeze({ seek: 0, veri: 0, levels: Object.freeze([]), isSigned: false });

/** The state before the first byte. */
export const emptyState = (): WriterState => ({
  offset: 0,
  fileId: undefined,
  tree: new MerkleFrontier(),
  tiles: new TileStack(),
  seek: new SeekBuilder(),
  ledger: new TrackLedger(),
  tileOffsets: new Array<number>(TILE_LEVELS).fill(0),
  meta: 0,
  sign: 0,
  tail: 0,
  close: NO_CLOSE,
});
