/** Which records a command is about: those with given numbers, or those that show something of a span of time. */
import { isMediaMode } from '../container/format/layout.js';
import type { PtsSpan } from '../container/slice/clip-search.js';
import { type Tokn, tokensOf } from '../container/format/tokn.js';
import { H4Error } from '../utils/error.js';
import { type TimeScale, firstPtsAt, ptsAt } from './durations.js';
import { nothingAt } from './track-times.js';
import type { FileWalker } from './walk.js';

/** Records `[first, end)`. */
export interface NumberRange {
  readonly first: number;
  readonly end: number;
}

export interface RecordChoice {
  readonly numbers?: readonly NumberRange[];
  /** Original times in microseconds; absent: from the beginning, to the end. */
  readonly from?: number;
  readonly to?: number;
  readonly track?: number;
}

export interface ChosenRecords {
  /** Ascending. */
  readonly seqs: readonly number[];
  /** Of all records those whose payload is gone already. */
  readonly redacted: ReadonlySet<number>;
  /** And those that hold no media, META and safety scopes. */
  readonly describing: ReadonlySet<number>;
}

const MAX_RANGES = 4096;

/** `4,8-12`: numbers and spans of them, both ends included. */
export function parseNumberRanges(text: string): NumberRange[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length > MAX_RANGES) throw new H4Error('H4_PARAM', `A list has at most ${MAX_RANGES} entries.`);
  return parts.map((part) => {
    const [, from = '', to = from] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(part) ?? [];
    const range = { first: Number(from), end: Number(to) + 1 };
    if (from === '' || range.end <= range.first) {
      throw new H4Error('H4_PARAM', `'${part}' is no record number and no span of them: 4 or 8-12.`);
    }
    return range;
  });
}

const MAX_SHOWN = 8;

/** `4, 8-12 and 3 more`, from ascending numbers. */
export function shownNumbers(numbers: readonly number[]): string {
  const spans: NumberRange[] = [];
  for (const number of numbers) {
    const last = spans.at(-1);
    if (last?.end === number) spans[spans.length - 1] = { first: last.first, end: number + 1 };
    else spans.push({ first: number, end: number + 1 });
  }
  const shown = spans.slice(0, MAX_SHOWN);
  const texts = shown.map(({ first, end }) => (end - first === 1 ? String(first) : `${first}-${end - 1}`));
  const hidden = numbers.length - shown.reduce((sum, { first, end }) => sum + end - first, 0);
  return texts.join(', ') + (hidden > 0 ? ` and ${hidden} more` : '');
}

/** The records of a choice, in order. Refuses numbers that there are none of, and with H4_RANGE_NOT_FOUND times that show nothing. */
export async function chooseRecords(
  walker: FileWalker,
  choice: RecordChoice,
  scale: TimeScale,
): Promise<ChosenRecords> {
  const { numbers, track } = choice;
  const chosen = new Set<number>();
  const redacted = new Set<number>();
  const describing = new Set<number>();
  const known = new Set<number>();
  const spans = new SpanSearch(choice, scale, (seq) => chosen.add(seq));
  for await (const { record } of walker.records()) {
    if (record === undefined) continue;
    const { tokn, payload } = record;
    if (payload.tag === 'VOID') redacted.add(tokn.seq);
    if (!isMediaMode(tokn.mode)) describing.add(tokn.seq);
    const isListed = numbers?.findIndex(({ first, end }) => first <= tokn.seq && tokn.seq < end) ?? -1;
    if (isListed >= 0) known.add(isListed);
    if (numbers !== undefined && isListed >= 0 && (track === undefined || tokn.track === track)) chosen.add(tokn.seq);
    if (numbers === undefined && isMediaMode(tokn.mode) && (track === undefined || tokn.track === track)) {
      spans.admit(tokn);
    }
  }
  spans.end();
  if (numbers === undefined && chosen.size === 0) throw nothingAt(track, spans.extent, scale);
  const missing = numbers?.find((_, i) => !known.has(i));
  if (missing !== undefined) {
    const what =
      missing.end - missing.first === 1
        ? `record ${missing.first}`
        : `record from ${missing.first} to ${missing.end - 1}`;
    throw new H4Error('H4_PARAM', `The recording has no ${what}`);
  }
  return { seqs: [...chosen].sort((a, b) => a - b), redacted, describing };
}

/** Finds the records that show something of `[from, to)`. Where a duration is unknown, a block lasts until the next one. */
class SpanSearch {
  readonly #from: number;
  readonly #to: number;
  readonly #choose: (seq: number) => void;
  /** The last record of each track, while nobody knows how long it lasts. */
  readonly #open = new Map<number, { readonly seq: number; readonly start: number }>();

  #extent: PtsSpan | undefined;

  constructor({ from, to }: RecordChoice, scale: TimeScale, choose: (seq: number) => void) {
    this.#from = from === undefined ? 0 : ptsAt(from, scale);
    this.#to = to === undefined ? Number.POSITIVE_INFINITY : firstPtsAt(to, scale);
    this.#choose = choose;
  }

  admit(tokn: Tokn): void {
    const { seq, track, pts } = tokn;
    const open = this.#open.get(track);
    this.#open.delete(track);
    if (open !== undefined) this.#test(open.seq, open.start, Math.max(pts, open.start + 1));
    const { start, end } = spanOf(tokn);
    if (end === undefined) this.#open.set(track, { seq, start });
    else this.#test(seq, start, end);
  }

  end(): void {
    for (const { seq, start } of this.#open.values()) this.#test(seq, start, start + 1);
  }

  /** When all that was admitted begins and ends. */
  get extent(): PtsSpan | undefined {
    return this.#extent;
  }

  #test(seq: number, start: number, end: number): void {
    const { from, to } = this.#extent ?? { from: start, to: end };
    this.#extent = { from: Math.min(from, start), to: Math.max(to, end) };
    if (start < this.#to && end > this.#from) this.#choose(seq);
  }
}

/** From the first token shown to the end of the last; undefined where a duration is unknown. */
const spanOf = (tokn: Tokn): { readonly start: number; readonly end: number | undefined } => {
  let start = tokn.pts;
  let end: number | undefined = tokn.pts;
  for (const { delta, duration } of tokensOf(tokn)) {
    start = Math.min(start, tokn.pts + delta);
    if (duration === 0) end = undefined;
    else if (end !== undefined) end = Math.max(end, tokn.pts + delta + duration);
  }
  return { start, end };
};
