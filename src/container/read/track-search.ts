/**
 * Finds the record of a track that holds a byte position or a time (spec/h4mk.md section 9.5). `pos` never decreases along
 * a track, so this is a binary search over TOKN headers. It is guided by the places of records: `pos` grows almost in
 * proportion to the payload bytes in front of a record, and tiles turn those into a record without reading it.
 */
import { H4Error } from '../../utils/error.js';
import { TILE_WIDTH } from '../format/layout.js';
import { payloadBefore } from './record-index.js';
import type { ToknHead } from '../format/tokn.js';

/** Reads the TOKN of record `seq`. */
export type ReadHead<T extends ToknHead> = (seq: number) => Promise<T>;

/** Where the wanted thing lies relative to a record. */
export type Side = 'before' | 'here' | 'after';

/** After so many steps that guesses have not ended, the search halves: at most `GUIDED_STEPS + ceil(log2(n + 1))` in all. */
const GUIDED_STEPS = 8;

/** A record, its file position, and how far the raw stream of the track reaches in front of it. */
export interface Landmark {
  readonly seq: number;
  readonly offset: number;
  readonly pos: number;
}

/** What guides a search, all of it hints: where the blocks of the track begin and end, and which record stands where. */
export interface Guide {
  readonly first: Landmark;
  readonly last: Landmark;
  /** As `RecordIndex.nearPayload`. */
  nearPayload(payload: number, from: number, to: number): Promise<number>;
}

/** The stretch `[low, high)` of records that is still possible, and the landmarks that guesses lie between. */
interface Stretch {
  low: number;
  high: number;
  first: Landmark;
  last: Landmark;
}

/**
 * The record of `track` that contains position `position` of its raw stream, or undefined if none of the first `count`
 * does. It ends whatever the guide says and heads claim: each step reads at least one record of `[low, high)` and leaves all
 * that it has read outside, so none is read twice.
 */
export const findByPosition = async <T extends ToknHead & { readonly offset: number }>(
  readHead: ReadHead<T>,
  count: number,
  track: number,
  position: number,
  guide: Guide,
): Promise<T | undefined> => {
  const stretch: Stretch = { low: 0, high: count, first: guide.first, last: guide.last };
  let oneSided = 0;
  let lastSide: Side | undefined;
  for (let step = 0; stretch.low < stretch.high; step++) {
    const middle =
      step < GUIDED_STEPS
        ? overshot(await guess(stretch, position, guide), stretch, lastSide, oneSided)
        : stretch.low + Math.floor((stretch.high - stretch.low) / 2);
    // The neighbour of the track is looked for in the same tile: the next one would have to be read first.
    const isBack = (middle + 1) % TILE_WIDTH === 0;
    const head = isBack
      ? await lastOfTrack(readHead, middle + 1, track, stretch.low)
      : await firstOfTrack(readHead, middle, stretch.high, track);
    const side = head === undefined ? (isBack ? 'after' : 'before') : sideOf(head, position);
    if (side === 'here') return head;
    if (side === 'before') {
      stretch.high = isBack && head !== undefined ? head.seq : middle;
      stretch.last = head ?? stretch.last;
    } else {
      stretch.low = isBack || head === undefined ? middle + 1 : head.seq + 1;
      stretch.first = head ?? stretch.first;
    }
    oneSided = side === lastSide ? oneSided + 1 : 0;
    lastSide = side;
  }
  return undefined;
};

/** The record at which the payload bytes between the landmarks are shared out as their positions in the track are. */
const guess = async ({ low, high, first, last }: Stretch, position: number, guide: Guide): Promise<number> => {
  const [from, to] = [payloadBefore(first.seq, first.offset), payloadBefore(last.seq, last.offset)];
  // Half a byte more, so that rounding does not lead to the block before.
  const payload = from + (position + 0.5 - first.pos) * ((to - from) / (last.pos - first.pos));
  const near = await guide.nearPayload(payload, low, high);
  return near >= low ? Math.min(near, high - 1) : low;
};

/** After steps that moved the same end a guess goes further, ever more so: the other end shall come near as well. */
const overshot = (near: number, { low, high }: Stretch, side: Side | undefined, oneSided: number): number => {
  if (oneSided === 0) return near;
  if (side === 'after') return Math.min(high - 1, low + (near - low + 1) * 2 ** oneSided - 1);
  return Math.max(low, high - (high - near) * 2 ** oneSided);
};

const sideOf = (head: ToknHead, position: number): Side => {
  if (position < head.pos) return 'before';
  return position < head.pos + head.raw ? 'here' : 'after';
};

/** The first record of `track` in `[from, to)`: walks over the records of other tracks. */
const firstOfTrack = async <T extends ToknHead>(
  readHead: ReadHead<T>,
  from: number,
  to: number,
  track: number,
): Promise<T | undefined> => {
  for (let seq = from; seq < to; seq++) {
    const head = await readHead(seq);
    if (head.track === track) return head;
  }
  return undefined;
};

/** The last record of `track` in `[from, to)`, walking backwards. */
export const lastOfTrack = async <T extends ToknHead>(
  readHead: ReadHead<T>,
  to: number,
  track: number,
  from = 0,
): Promise<T | undefined> => {
  for (let seq = to - 1; seq >= from; seq--) {
    const head = await readHead(seq);
    if (head.track === track) return head;
  }
  return undefined;
};

/** The key record that a record depends on: itself, or the one its `back` names; undefined where there is none. */
export const keyOf = async <T extends ToknHead>(readHead: ReadHead<T>, head: T): Promise<T | undefined> => {
  if (head.key) return head;
  if (head.back === 0) return undefined;
  if (head.back > head.seq) {
    throw new H4Error('H4_TOKN_BACK', `Record ${head.seq} has back ${head.back}: that is before record 0`);
  }
  const key = await readHead(head.seq - head.back);
  if (key.track !== head.track || !key.key) {
    throw new H4Error(
      'H4_TOKN_BACK',
      `Record ${head.seq} names record ${key.seq} as its key record, but that is none of its track`,
    );
  }
  return key;
};

/** The last key record of `track` with a PTS of at most `pts`, for tracks that the tiles do not index. */
export const findKeyByPts = async <T extends ToknHead>(
  readHead: ReadHead<T>,
  count: number,
  track: number,
  pts: number,
): Promise<T | undefined> => {
  let [low, high] = [0, count];
  let found: T | undefined;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const head = await firstOfTrack(readHead, middle, high, track);
    const key = head === undefined ? undefined : await keyOf(readHead, head);
    if (head === undefined) {
      high = middle;
    } else if (key === undefined || key.pts <= pts) {
      found = key ?? found;
      low = head.seq + 1;
    } else {
      high = middle;
    }
  }
  return found;
};
