/** Where records stand: answered from tiles, or from a walk over a file that has none. All answers are hints. */

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
  /** The last key record of the seek track with a PTS of at most `pts`, or undefined if there is none. */
  lastKey(pts: number, signal?: AbortSignal): Promise<KeyPlace | undefined>;
}
