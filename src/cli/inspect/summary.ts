/** What `inspect` tells about a file: one type, whether it was read from the index or gathered on a walk. */
import type { RecordingInfo, SourceInfo, TrackInfo } from '../../container/format/meta.js';
import { type Tokn, tokensOf } from '../../container/format/tokn.js';
import type { H4Error } from '../../utils/error.js';
import { MICROSECONDS, type TimeScale } from '../durations.js';
import type { LegacySummary } from './legacy-summary.js';

export interface TrackSummary {
  readonly id: number;
  /** What META says of the track, if it lists it. */
  readonly info: TrackInfo | undefined;
  readonly records: number;
  readonly raw: number;
  /** PTS of the first token in time, and the end of the last one; undefined where a look from both ends did not find them. */
  readonly startPts: number | undefined;
  readonly endPts: number | undefined;
}

export interface Summary {
  readonly format: 'H4MK v1 final' | 'H4MK v1 live' | 'H4MK v1 slice' | 'H4MK v1 legacy' | 'unknown';
  readonly bytes: number;
  /** Whether an end record and a final TAIL were found. */
  readonly closed: boolean;
  readonly records: number;
  readonly tracks: readonly TrackSummary[];
  readonly recording: RecordingInfo | undefined;
  readonly source: SourceInfo | undefined;
  readonly keyEpochs: number;
  readonly fileId: string | undefined;
  /** As the last TAIL states it: not recomputed. */
  readonly statedRoot: string | undefined;
  readonly signed: boolean;
  readonly seekEntries: number | undefined;
  readonly tileLevels: number;
  readonly legacy: LegacySummary | undefined;
  /** Why the summary is not that of the whole file. */
  readonly error: H4Error | undefined;
}

/** From the earliest PTS of a record's tokens to the latest end of one. */
export function spanOf(tokn: Tokn): { readonly start: number; readonly end: number } {
  let [start, end] = [tokn.pts, tokn.pts];
  for (const { delta, duration } of tokensOf(tokn)) {
    start = Math.min(start, tokn.pts + delta);
    end = Math.max(end, tokn.pts + delta + duration);
  }
  return { start, end };
}

export function scaleOf({ recording }: Pick<Summary, 'recording'>): TimeScale {
  return recording ?? MICROSECONDS;
}

/** When the earliest track starts and the last one ends, as PTS. */
export function extentOf({ tracks }: Summary): { readonly start: number; readonly end: number } | undefined {
  const starts = tracks.flatMap(({ startPts }) => startPts ?? []);
  const ends = tracks.flatMap(({ endPts }) => endPts ?? []);
  if (starts.length === 0 || ends.length === 0) return undefined;
  const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
  return { start: least(starts), end: -least(ends.map((end) => -end)) };
}
