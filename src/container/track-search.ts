/**
 * Finds the record of a track that holds a byte position or a time (spec/h4mk.md section 9.5). `pos` never decreases along
 * a track, so this is a binary search over TOKN headers; it interpolates, because blocks are mostly of one size.
 */
import { H4Error } from '../utils/error.js';
import type { ToknHead } from './tokn.js';

/** Reads the TOKN of record `seq`. */
export type ReadHead<T extends ToknHead> = (seq: number) => Promise<T>;

/** Where the wanted thing lies relative to a record. */
export type Side = 'before' | 'here' | 'after';

/** After so many steps that moved the same end, a step halves instead of interpolating. */
const ONE_SIDED_STEPS = 2;

/** Known values at the ends of the stretch `[low, high)` of records that is still possible. */
interface Stretch {
  low: number;
  high: number;
  /** The records at which the two values are believed to hold: the ends, or within them where those hold no media. */
  lowAt: number;
  highAt: number;
  lowValue: number;
  highValue: number;
}

const middleOf = (stretch: Stretch, wanted: number, halve: boolean): number => {
  const { low, high, lowAt, highAt, lowValue, highValue } = stretch;
  const share = (wanted - lowValue) / (highValue - lowValue);
  if (halve || !(share >= 0 && share < 1)) return low + Math.floor((high - low) / 2);
  return Math.max(low, Math.min(high - 1, lowAt + Math.floor((highAt - lowAt) * share)));
};

/**
 * The record of `track` that contains position `position` of its raw stream, or undefined if none of the first `count`
 * does. `length` is the length of the raw stream as far as it is known, `media` the stretch in which blocks probably stand;
 * both only guide the search.
 */
export const findByPosition = async <T extends ToknHead>(
  readHead: ReadHead<T>,
  count: number,
  track: number,
  position: number,
  length: number,
  media: { readonly from: number; readonly to: number } = { from: 0, to: count },
): Promise<T | undefined> => {
  const ends = { low: 0, high: count, lowAt: media.from, highAt: media.to };
  const stretch: Stretch = { ...ends, lowValue: 0, highValue: length };
  let oneSided = 0;
  let lastSide: Side | undefined;
  while (stretch.low < stretch.high) {
    const middle = middleOf(stretch, position, oneSided >= ONE_SIDED_STEPS);
    const head = await firstOfTrack(readHead, middle, stretch.high, track);
    const side = head === undefined ? 'before' : sideOf(head, position);
    if (head !== undefined && side === 'here') return head;
    if (head === undefined || side === 'before') {
      stretch.high = stretch.highAt = middle;
      if (head !== undefined) stretch.highValue = head.pos;
    } else {
      stretch.low = stretch.lowAt = head.seq + 1;
      stretch.lowValue = head.pos + head.raw;
    }
    oneSided = side === lastSide ? oneSided + 1 : 0;
    lastSide = side;
  }
  return undefined;
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

/** The last record of `track` in `[0, to)`, walking backwards. */
export const lastOfTrack = async <T extends ToknHead>(
  readHead: ReadHead<T>,
  to: number,
  track: number,
): Promise<T | undefined> => {
  for (let seq = to - 1; seq >= 0; seq--) {
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
