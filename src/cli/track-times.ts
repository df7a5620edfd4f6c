/**
 * When a track shows something: for commands that are asked for a time. A span in which it shows nothing is refused, with the
 * times that there are, whatever command it is (H4_RANGE_NOT_FOUND).
 */
import type { ProvenReader } from '../container/proof/proven-reader.js';
import { type PtsSpan, spanOfTokn } from '../container/slice/clip-search.js';
import type { H4MKReader } from '../container/read/reader.js';
import { RunReader } from '../container/read/run-reader.js';
import { type Tokn, type ToknHead, tokensOf } from '../container/format/tokn.js';
import { H4Error } from '../utils/error.js';
import { type TimeScale, formatTime, originalMicros } from './durations.js';

/** The records of a recording, looked at for the sake of one track. */
export interface TimedTrack {
  readonly track: number;
  /** Number of records, those of other tracks among them. */
  readonly count: number;
  /** The last key record of the track at or before `pts`, which is no negative number. */
  readonly keyAt: (pts: number) => Promise<ToknHead | undefined>;
  readonly tokn: (seq: number) => Promise<Tokn>;
}

/** A track as the index of its recording shows it. */
export function indexedTrack(reader: H4MKReader, track: number, signal: AbortSignal): TimedTrack {
  const run = new RunReader(reader.basis);
  return {
    track,
    count: reader.recordCount,
    keyAt: (pts) => reader.seek(pts, { track, signal }),
    tokn: (seq) => run.tokn(seq, signal),
  };
}

/** A track as far as it is signed: whatever is said of it is proven. */
export function provenTrack(reader: ProvenReader, track: number, signal: AbortSignal): TimedTrack {
  return {
    track,
    count: reader.checkpoint.size,
    keyAt: async (pts) => (await reader.seek(pts, { track, signal })).key?.tokn,
    tokn: (seq) => reader.tokn(seq, signal),
  };
}

export interface TrackPart {
  /** The key record with which the part begins; undefined: it begins with the track. */
  readonly first: ToknHead | undefined;
  /** Its last record; undefined: it goes on to the end of the track. */
  readonly last: ToknHead | undefined;
  /** Whether a record behind it shows that nothing of the span can follow. */
  readonly isBounded: boolean;
}

const at = (records: TimedTrack, pts: number): Promise<ToknHead | undefined> =>
  pts < 0 ? Promise.resolve(undefined) : records.keyAt(Math.min(pts, Number.MAX_SAFE_INTEGER));

/**
 * From the key record at or before `from` up to the last record that begins before `to`; undefined where the track shows
 * nothing between the two. Blocks stand in decode order, so that later ones may begin earlier; but none behind a key record
 * begins before it. What has no duration lasts until the next one.
 */
export async function findPart(
  records: TimedTrack,
  { from = -Infinity, to = Infinity }: Partial<PtsSpan>,
): Promise<TrackPart | undefined> {
  const first = await at(records, from);
  const key = to === Infinity ? first : await at(records, to - 1);
  if (key === undefined) {
    const isBefore = to === Infinity && (await at(records, Infinity)) !== undefined;
    return isBefore ? { first, last: undefined, isBounded: false } : undefined;
  }
  let last: ToknHead = key;
  let isShown = first?.seq !== key.seq;
  let isOpen = false;
  for (let seq = key.seq; seq < records.count && !(isShown && to === Infinity); seq++) {
    const tokn = await records.tokn(seq);
    if (tokn.track !== records.track) continue;
    if (isOpen && tokn.pts > from) isShown = true;
    if (tokn.key && tokn.pts >= to) return isShown ? { first, last, isBounded: true } : undefined;
    if (tokn.pts >= to) continue;
    last = tokn;
    if (spanOfTokn(tokn).to > from) isShown = true;
    isOpen = [...tokensOf(tokn)].some(({ duration }) => duration === 0);
  }
  if (!isShown) return undefined;
  return { first, last: to === Infinity ? undefined : last, isBounded: false };
}

/** When a track ends, if that is not after `key`, one of its key records: else there is another one behind it. */
export async function endBehind(records: TimedTrack, key: ToknHead): Promise<number | undefined> {
  const latest = await at(records, Infinity);
  return latest?.seq === key.seq ? endFrom(records, key.seq) : undefined;
}

async function endFrom(records: TimedTrack, first: number): Promise<number> {
  let end = 0;
  for (let seq = first; seq < records.count; seq++) {
    const tokn = await records.tokn(seq);
    if (tokn.track === records.track) end = Math.max(end, spanOfTokn(tokn).to);
  }
  return end;
}

/** When a track begins and ends; undefined where it has no key record. */
async function extentOf(records: TimedTrack): Promise<PtsSpan | undefined> {
  const latest = await at(records, Infinity);
  if (latest === undefined) return undefined;
  let seq = 0;
  let tokn = await records.tokn(seq);
  while (tokn.track !== records.track) tokn = await records.tokn(++seq);
  return { from: spanOfTokn(tokn).from, to: await endFrom(records, latest.seq) };
}

/** That a track shows nothing at a time, with the times that there are. */
export async function nothingShown(records: TimedTrack, scale: TimeScale): Promise<H4Error> {
  const extent = await extentOf(records);
  return nothingAt(records.track, extent, scale);
}

/** `extent` are PTS; undefined where there is nothing at all. Without `track` all tracks are meant. */
export function nothingAt(track: number | undefined, extent: PtsSpan | undefined, scale: TimeScale): H4Error {
  const what = track === undefined ? 'The recording' : `Track ${track}`;
  if (extent === undefined) return new H4Error('H4_RANGE_NOT_FOUND', `${what} holds nothing`);
  const [start_us, end_us] = [originalMicros(extent.from, scale), originalMicros(extent.to, scale)];
  return new H4Error(
    'H4_RANGE_NOT_FOUND',
    `${what} has nothing at that time: it goes from ${formatTime(start_us)} to ${formatTime(end_us)}`,
    { detail: { start_us, end_us } },
  );
}
