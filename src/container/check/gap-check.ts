/**
 * When nothing was recorded. That no record is missing says nothing about it: a recorder that is cut off and goes on later
 * numbers its records on, and all of them are there. What tells is their times (spec/h4mk.md section 4): where the content of a
 * track ends, and a second or more later goes on. Of each track only the end of what is shown is kept.
 */
import { isMediaMode } from '../format/layout.js';
import { type Tokn, tokensOf } from '../format/tokn.js';

/** A stretch without content, in units of the timebase. */
export interface Gap {
  readonly track: number;
  readonly from_pts: number;
  readonly to_pts: number;
}

const MAX_LISTED = 100;
const MIN_SECONDS = 1;

interface TrackEnd {
  /** Where what is shown so far ends; where that is not known, its last beginning. */
  end: number;
  /** Whether the last token has no duration: it is shown until the next one. */
  isOpen: boolean;
}

export class GapCheck {
  readonly #ends = new Map<number, TrackEnd>();
  readonly #listed: Gap[] = [];
  #count = 0;
  /** The record that would continue the run. */
  #next = 0;

  /** The first of them. */
  get listed(): readonly Gap[] {
    return this.#listed;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes the next record. `timebase` is what a unit is in seconds, as a fraction; without it times mean nothing. */
  admit(tokn: Tokn, timebase: readonly [number, number] | undefined): void {
    // Between two runs of a slice nothing is known: what was recorded there is not shown.
    if (tokn.seq !== this.#next) this.#ends.clear();
    this.#next = tokn.seq + 1;
    if (timebase === undefined || !isMediaMode(tokn.mode)) return;
    const [numerator, denominator] = timebase;
    const least = (MIN_SECONDS * denominator) / numerator;
    for (const [start, duration] of timesOf(tokn)) this.#show(tokn.track, start, duration, least);
  }

  #show(track: number, start: number, duration: number, least: number): void {
    const known = this.#ends.get(track);
    const state = known ?? { end: start, isOpen: false };
    if (known === undefined) this.#ends.set(track, state);
    if (!state.isOpen && start - state.end >= least) this.#note({ track, from_pts: state.end, to_pts: start });
    const end = Math.min(start + duration, Number.MAX_SAFE_INTEGER);
    if (duration === 0 ? start < state.end : end <= state.end) return;
    state.end = end;
    state.isOpen = duration === 0;
  }

  #note(gap: Gap): void {
    this.#count++;
    if (this.#listed.length < MAX_LISTED) this.#listed.push(gap);
  }
}

/** Start and duration of the tokens of a block in the order in which they are shown, which need not be that of the table. */
const timesOf = (tokn: Tokn): readonly (readonly [start: number, duration: number])[] => {
  const times = Array.from(tokensOf(tokn), ({ delta, duration }) => [tokn.pts + delta, duration] as const);
  return times.sort(([a], [b]) => a - b);
};

/** Where the content of a record begins and ends, as far as it says; of one without tokens its PTS. */
export const extentOf = (tokn: Tokn): { readonly from: number; readonly to: number } => {
  if (tokn.count === 0) return { from: tokn.pts, to: tokn.pts };
  let [from, to] = [Infinity, -Infinity];
  for (const { delta, duration } of tokensOf(tokn)) {
    from = Math.min(from, tokn.pts + delta);
    to = Math.max(to, tokn.pts + delta + duration);
  }
  return { from, to: Math.min(to, Number.MAX_SAFE_INTEGER) };
};
