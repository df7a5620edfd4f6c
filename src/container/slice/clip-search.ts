/**
 * Which records of a recording show what happened between two times, from keyframe to keyframe (spec/h4mk.md sections 4, 9.4
 * and 11). Times, places and keymaps in an index are hints. They can make a clip longer than it has to be, not shorter: where
 * it begins and ends is decided by records that have been led back to the root, and that those of the seek track are neighbours
 * by the rule of trustless seek.
 */
import { equalBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import type { ClipCheckpoint } from './clip-checkpoint.js';
import { leafHash } from '../tree/merkle.js';
import type { H4MKReader } from '../read/reader.js';
import { assertSeekAnswer } from '../proof/proven-seek.js';
import { type RecordRun, RunReader } from '../read/run-reader.js';
import { type Tokn, tokensOf } from '../format/tokn.js';
import { keyOf } from '../read/track-search.js';

/** PTS `[from, to)`. */
export interface PtsSpan {
  readonly from: number;
  readonly to: number;
}

/** Times that were asked for and are not in the clip. */
export interface MissingSpan extends PtsSpan {
  /**
   * The recording begins later, ends earlier, or goes on beyond the checkpoint that proves the clip; or the tracks asked for
   * have nothing then.
   */
  readonly why: 'before' | 'after' | 'unsigned' | 'nothing';
}

export interface FoundSpan {
  /** Ascending, with gaps between them; none where nothing of the recording lies in the span. */
  readonly runs: readonly RecordRun[];
  readonly missing: readonly MissingSpan[];
}

/**
 * Writers interleave tracks by time, and a track may lag behind or run ahead by so many records. What lies farther off is not
 * found: looking for it could mean to read the recording to its end.
 */
const MAX_SKEW_RECORDS = 256;
/** How many records of other tracks may stand at the end of a recording. */
const MAX_ENDING_RECORDS = 65_536;
/** Gaps up to this are closed: a proof of its own costs as much, and what is one run shows that nothing was left out. */
export const MAX_GAP_RECORDS = 16;

/** From the earliest PTS of a record's tokens to the latest end; what is of unknown duration lasts for one unit. */
export const spanOfTokn = (tokn: Tokn): PtsSpan => {
  let [from, to] = [tokn.pts, tokn.pts + 1];
  for (const { delta, duration } of tokensOf(tokn)) {
    from = Math.min(from, tokn.pts + delta);
    to = Math.max(to, tokn.pts + delta + Math.max(1, duration));
  }
  return { from, to };
};

/** Runs in ascending order, those merged that have at most `gap` records between them. */
export const mergedRuns = (runs: readonly RecordRun[], gap = 0): RecordRun[] => {
  const merged: RecordRun[] = [];
  for (const run of [...runs].sort((a, b) => a.first - b.first)) {
    const last = merged.at(-1);
    if (last === undefined || run.first > last.end + gap) merged.push({ first: run.first, end: run.end });
    else merged[merged.length - 1] = { first: last.first, end: Math.max(last.end, run.end) };
  }
  return merged;
};

/** Records of a track around a time. */
interface Edge {
  /** The last one whose key record is at or before it. */
  readonly last: Tokn | undefined;
  /** The first one after that. */
  readonly next: Tokn | undefined;
}

/** What a span is of one track: its records lie in `[first, end)`. */
interface TrackSpan extends RecordRun {
  readonly track: number;
  /** Where its first record begins in time, and the key record of its last ones. */
  readonly startPts: number;
  readonly lastKey: number;
}

/** The part of a recording that a span is, as one track shows it. */
interface Outlook {
  /** Undefined where the track has nothing in the span. */
  readonly part: TrackSpan | undefined;
  /** Whether the recording is as early as the span, and goes on to its end. */
  readonly hasStart: boolean;
  readonly hasEnd: boolean;
}

export class SpanSearch {
  readonly #reader: H4MKReader;
  readonly #proven: ClipCheckpoint;
  readonly #tracks: readonly number[];
  readonly #looking: RunReader;
  readonly #signal: AbortSignal | undefined;

  /** @param tracks the ones that are asked for */
  constructor(reader: H4MKReader, proven: ClipCheckpoint, tracks: readonly number[], signal?: AbortSignal) {
    this.#reader = reader;
    this.#proven = proven;
    this.#tracks = tracks;
    this.#looking = new RunReader(reader.basis);
    this.#signal = signal;
  }

  async find(span: PtsSpan): Promise<FoundSpan> {
    const outlooks = await this.#outlooks(span);
    const parts = partsOf(outlooks);
    const missing: MissingSpan[] = [];
    if (!outlooks.some(({ hasStart }) => hasStart)) {
      const startPts = parts.reduce((least, part) => Math.min(least, part.startPts), span.to);
      if (startPts > span.from) missing.push({ from: span.from, to: startPts, why: 'before' });
    }
    if (parts.length === 0) return { runs: [], missing: missing.length > 0 ? missing : [{ ...span, why: 'nothing' }] };
    const endPts = outlooks.some(({ hasEnd }) => hasEnd) ? span.to : await this.#endOf(parts);
    const why = this.#reader.recordCount > this.#proven.size ? 'unsigned' : 'after';
    if (endPts <= span.from) return { runs: [], missing: [{ ...span, why }] };
    if (endPts < span.to) missing.push({ from: endPts, to: span.to, why });
    return { runs: mergedRuns(parts, MAX_GAP_RECORDS), missing };
  }

  async #outlooks(span: PtsSpan): Promise<Outlook[]> {
    const { seekTrack } = this.#reader.info;
    const { near, ...seek } = await this.#ofSeekTrack(span);
    const outlooks: Outlook[] = [this.#tracks.includes(seekTrack) ? seek : { ...seek, part: undefined }];
    for (const track of this.#tracks) if (track !== seekTrack) outlooks.push(await this.#ofTrack(track, span, near));
    return outlooks;
  }

  /** What the seek track has, and around which records the other tracks are to be looked for. */
  async #ofSeekTrack({ from, to }: PtsSpan): Promise<Outlook & { readonly near: RecordRun }> {
    const last = await this.#keyAt(to - 1);
    const next = await this.#keyFrom(last === undefined ? 0 : last.seq + 1, to);
    // An index that hides key records would end the clip too late or, where it hides them all, find nothing.
    const { size } = this.#proven;
    const { seekTrack: track } = this.#reader.info;
    const ending = next === undefined ? await this.#endingOf(track) : [];
    assertSeekAnswer({ pts: to - 1, track, size }, { key: last, next, ending });
    const [hasEnd, end] = [next !== undefined, next?.seq ?? size];
    if (last === undefined) {
      return { hasStart: false, hasEnd, part: undefined, near: { first: Math.max(0, end - 1), end } };
    }
    let first = last.pts <= from ? last : ((await this.#keyAt(from)) ?? (await this.#keyFrom(0, from)) ?? last);
    // `back` is signed: an index that hides key records cannot make the clip begin too late.
    while (first.pts > from && first.back > 0) first = await this.#before(first);
    const part = { track, first: first.seq, end, startPts: spanOfTokn(first).from, lastKey: last.seq };
    return { hasStart: first.pts <= from, hasEnd, part, near: part };
  }

  /** The last record of a track and all that follow it; all there are where the track has none. */
  async #endingOf(track: number): Promise<Tokn[]> {
    const ending: Tokn[] = [];
    for (let seq = this.#proven.size - 1; seq >= 0; seq--) {
      if (ending.length === MAX_ENDING_RECORDS) {
        const message = `Among the last ${ending.length} records none is of track ${track}: looking further would take too long`;
        throw new H4Error('H4_LIMIT_RECORDS', message);
      }
      const tokn = await this.#read(seq);
      ending.push(tokn);
      if (tokn.track === track) break;
    }
    return ending.reverse();
  }

  /** The last key record of the seek track at or before `pts` that is proven. */
  async #keyAt(pts: number): Promise<Tokn | undefined> {
    if (pts < 0) return undefined;
    const { index } = this.#reader.basis;
    const place = await index.lastKey(pts, this.#signal);
    let key = place === undefined ? undefined : await this.#read(place.seq);
    // What lies beyond the checkpoint is a hint that leads to what lies before it.
    while (key !== undefined && key.seq >= this.#proven.size) key = key.back > 0 ? await this.#before(key) : undefined;
    if (key === undefined || (key.track === this.#reader.info.seekTrack && key.key && key.pts <= pts)) return key;
    throw new H4Error('H4_INDEX_MISMATCH', `The index names record ${key.seq} as a key record for ${pts}; it is none`);
  }

  /** The key record before a record. */
  #before({ seq, back }: Tokn): Promise<Tokn> {
    if (back > seq) throw new H4Error('H4_TOKN_BACK', `Record ${seq} has back ${back}: that is before record 0`);
    return this.#read(seq - back);
  }

  /** The first key record of the seek track from record `seq` on with a PTS of at least `pts`. */
  async #keyFrom(seq: number, pts: number): Promise<Tokn | undefined> {
    const { index } = this.#reader.basis;
    for (let at = await index.nextKey(seq, this.#signal); at !== undefined && at < this.#proven.size;) {
      const tokn = await this.#read(at);
      if (tokn.key && tokn.track === this.#reader.info.seekTrack && tokn.pts >= pts) return tokn;
      at = await index.nextKey(at + 1, this.#signal);
    }
    return undefined;
  }

  /** What a track has that the tiles do not index, looked for among the records around those of the seek track. */
  async #ofTrack(track: number, { from, to }: PtsSpan, near: RecordRun): Promise<Outlook> {
    const within = {
      first: Math.max(0, near.first - MAX_SKEW_RECORDS),
      end: Math.min(this.#proven.size, near.end + MAX_SKEW_RECORDS),
    };
    const before = await this.#edge(track, from, within, near.first);
    const { last, next } = await this.#edge(track, to - 1, within, near.end);
    const sight = { hasStart: before.last !== undefined, hasEnd: next !== undefined };
    const start = (await this.#startOf(before, from)) ?? before.next;
    if (last === undefined || start === undefined || start.seq > last.seq) return { ...sight, part: undefined };
    const lastKey = (await this.#keyOf(last))?.seq ?? last.seq;
    return {
      ...sight,
      part: { track, first: start.seq, end: last.seq + 1, startPts: spanOfTokn(start).from, lastKey },
    };
  }

  /** The key record of what is shown at `from`; undefined where it is known to be over by then. */
  async #startOf({ last }: Edge, from: number): Promise<Tokn | undefined> {
    if (last === undefined) return undefined;
    const isOver = last.key && [...tokensOf(last)].every(({ duration }) => duration > 0) && spanOfTokn(last).to <= from;
    return isOver ? undefined : this.#keyOf(last);
  }

  /**
   * Searches from `near` on in growing steps, then by halves. Each step looks at the first record of the track in what is still
   * possible, and leaves all that it has looked at outside, so that it ends whatever records say.
   */
  async #edge(track: number, pts: number, within: RecordRun, near: number): Promise<Edge> {
    let [low, high] = [within.first, within.end];
    let [last, next]: (Tokn | undefined)[] = [];
    let [isBelow, isAbove] = [false, false];
    for (let step = 4, at = near; low < high; step *= 2) {
      const probe = Math.min(Math.max(at, low), high - 1);
      const found = await this.#firstOf(track, { first: probe, end: high });
      const key = found === undefined ? undefined : await this.#keyOf(found);
      if (found !== undefined && (key === undefined || key.pts <= pts)) {
        [last, low, isBelow] = [found, found.seq + 1, true];
      } else {
        [next, high, isAbove] = [found ?? next, probe, true];
      }
      at = isBelow && isAbove ? low + Math.floor((high - low) / 2) : isBelow ? low + step : high - step;
    }
    return { last, next };
  }

  async #firstOf(track: number, run: RecordRun): Promise<Tokn | undefined> {
    for await (const tokn of this.#tokns(run)) if (tokn.track === track) return tokn;
    return undefined;
  }

  /** Where what is shown ends: asked for where no key record follows. */
  async #endOf(parts: readonly TrackSpan[]): Promise<number> {
    let endPts = 0;
    for (const { track, lastKey, end } of parts) {
      for await (const tokn of this.#tokns({ first: lastKey, end })) {
        if (tokn.track === track) endPts = Math.max(endPts, spanOfTokn(tokn).to);
      }
    }
    return endPts;
  }

  /** What times the recording has as far as it is proven; undefined where it has no block of the tracks asked for. */
  async extent(): Promise<PtsSpan | undefined> {
    const parts = partsOf(await this.#outlooks({ from: 0, to: Number.MAX_SAFE_INTEGER }));
    if (parts.length === 0) return undefined;
    return { from: Math.min(...parts.map(({ startPts }) => startPts)), to: await this.#endOf(parts) };
  }

  /** The records of a run that are of the tracks asked for. */
  async chosenOf(run: RecordRun): Promise<RecordRun[]> {
    const chosen: RecordRun[] = [];
    for await (const { track, seq } of this.#tokns(run)) {
      if (this.#tracks.includes(track)) chosen.push({ first: seq, end: seq + 1 });
    }
    return mergedRuns(chosen);
  }

  #keyOf(tokn: Tokn): Promise<Tokn | undefined> {
    return keyOf((seq) => this.#read(seq), tokn);
  }

  async *#tokns({ first, end }: RecordRun): AsyncGenerator<Tokn, void> {
    for (let seq = first; seq < end; seq++) yield this.#read(seq);
  }

  /** The TOKN of record `seq`: the one in the tree, unless it lies beyond the checkpoint. */
  async #read(seq: number): Promise<Tokn> {
    const tokn = await this.#looking.tokn(seq, this.#signal);
    if (seq >= this.#proven.size) return tokn;
    const leaf = await this.#proven.tree.node({ level: 0, index: seq }, this.#signal);
    if (equalBytes(leafHash(tokn.entry), leaf)) return tokn;
    throw new H4Error('H4_PROOF_INVALID', `Record ${seq} is not the one that the root of the recording covers`);
  }
}

const partsOf = (outlooks: readonly Outlook[]): TrackSpan[] => outlooks.flatMap(({ part }) => part ?? []);
