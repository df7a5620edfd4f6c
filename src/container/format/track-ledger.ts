/**
 * What each track has had so far: the rules that tie a record to the ones before it (spec/h4mk.md section 4). The writer
 * fills `back` and `pos` from it; the checker compares a file with it.
 */
import { H4Error } from '../../utils/error.js';
import { NO_TRACK } from './layout.js';
import { firstIndex } from './seek.js';
import type { ToknHead } from './tokn.js';

export interface TrackTotal {
  readonly track: number;
  /** Number of records, and sum of their raw bytes. */
  readonly records: number;
  readonly raw: number;
}

interface TrackState {
  /** seq and PTS of the last KEY record. */
  keySeq: number | undefined;
  keyPts: number;
  readonly total: { -readonly [Field in keyof TrackTotal]: TrackTotal[Field] };
}

export class TrackLedger {
  readonly #tracks = new Map<number, TrackState>();
  /** Those of the media tracks, kept in order: a file can ask for them at every META, so asking must cost nothing. */
  readonly #totals: TrackTotal[] = [];

  #state(track: number): TrackState {
    let state = this.#tracks.get(track);
    if (state === undefined) {
      const total = { track, records: 0, raw: 0 };
      state = { keySeq: undefined, keyPts: 0, total };
      this.#tracks.set(track, state);
      if (track !== NO_TRACK) {
        const at = firstIndex(this.#totals.length, (i) => (this.#totals[i]?.track ?? 0) > track);
        this.#totals.splice(at, 0, total);
      }
    }
    return state;
  }

  /** The `back` that record `seq` of `track` must carry. */
  back(track: number, seq: number): number {
    const keySeq = this.#tracks.get(track)?.keySeq;
    return keySeq === undefined ? 0 : seq - keySeq;
  }

  /** The `pos` that the next record of `track` must carry: its place in the raw stream; 0 for records without a track. */
  pos(track: number): number {
    return track === NO_TRACK ? 0 : (this.#tracks.get(track)?.total.raw ?? 0);
  }

  /** Why a record may not follow with this PTS, or undefined if it may. */
  ptsFault(record: Pick<ToknHead, 'track' | 'key' | 'pts'>): string | undefined {
    const state = this.#tracks.get(record.track);
    if (state?.keySeq === undefined) return undefined;
    const { track, pts } = record;
    if (track === NO_TRACK) {
      return pts < state.keyPts
        ? `META and scopes records must not go back in time: ${pts} after ${state.keyPts}`
        : undefined;
    }
    if (record.key) {
      return pts <= state.keyPts ? `key PTS of track ${track} must increase: ${pts} after ${state.keyPts}` : undefined;
    }
    return pts < state.keyPts
      ? `PTS ${pts} of track ${track} lies before its key record at ${state.keyPts}`
      : undefined;
  }

  /** Takes a record into account, whether or not it kept the rules. */
  admit(record: Pick<ToknHead, 'track' | 'key' | 'pts' | 'raw'>, seq: number): void {
    const state = this.#state(record.track);
    state.total.records++;
    state.total.raw += record.raw;
    if (record.key) {
      state.keySeq = seq;
      state.keyPts = record.pts;
    }
  }

  /** Per media track, ascending. A view: it goes on growing with the records. */
  totals(): readonly TrackTotal[] {
    return this.#totals;
  }
}

/** Refuses a record of a writer that would break the PTS order of its track. */
export const assertPtsOrder = (ledger: TrackLedger, record: Pick<ToknHead, 'track' | 'key' | 'pts'>): void => {
  const fault = ledger.ptsFault(record);
  if (fault !== undefined) throw new H4Error('H4_TOKN_PTS_ORDER', `Cannot write this record: ${fault}`);
};
