/**
 * A clip of a clip: the same as a clip of the recording, as far as the first one goes. It is proven under the same signature,
 * with hashes that follow from the proofs and the records that are there.
 */
import { fromHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { carriedWith } from './attachments.js';
import { type CheckpointOptions, type ClipCheckpoint } from './clip-checkpoint.js';
import { type FoundSpan, MAX_GAP_RECORDS, type MissingSpan, type PtsSpan, mergedRuns } from './clip-search.js';
import { parseNote } from '../format/note.js';
import type { RecordRun } from '../read/run-reader.js';
import type { SliceReader } from './slice-reader.js';
import { type NoteVerdict, judgeNote, notTrusted } from '../trust/trust.js';

/** The checkpoint that a slice was proven under, which is the one of everything cut from it. */
export const checkpointOfSlice = async (
  slice: SliceReader,
  { trust, now, signal }: CheckpointOptions,
): Promise<ClipCheckpoint> => {
  const { tree, notes, attachments: all } = await slice.proofs(signal);
  const attachments = carriedWith(notes, all, slice.basis.limits);
  const root = fromHex(slice.report.root ?? '');
  const size = slice.treeSize;
  let refusal: H4Error | undefined;
  for (const payload of notes) {
    const note = parseNote(payload, slice.basis.limits);
    const verdict: NoteVerdict | undefined = trust === undefined ? undefined : judgeNote(note, trust, now);
    if (verdict?.lacks === undefined) {
      const others = notes.filter((other) => other !== payload);
      return { size, root, tree, notes: [payload, ...others], attachments, origin: note.origin.line, verdict };
    }
    refusal ??= notTrusted(verdict.lacks);
  }
  if (refusal !== undefined) throw refusal;
  if (trust !== undefined) throw new H4Error('H4_SIGN_MISSING', 'The clip has no signature, and one is asked for');
  return { size, root, tree, notes: [], attachments, origin: undefined, verdict: undefined };
};

export class SliceSearch {
  readonly #slice: SliceReader;
  readonly #tracks: readonly number[];

  constructor(slice: SliceReader, tracks: readonly number[]) {
    this.#slice = slice;
    this.#tracks = tracks;
  }

  find(span: PtsSpan): Promise<FoundSpan> {
    const stretches: RecordRun[] = [];
    const shown: PtsSpan[] = [];
    for (const track of this.#tracks) {
      const parts = this.#slice.parts({ track, ...span, wholeGroups: true }).filter(({ pts }) => pts.to > span.from);
      shown.push(...parts.map(({ pts }) => pts));
      stretches.push(...parts.map(({ seqs }) => seqs));
      if (track === this.#slice.info.seekTrack) stretches.push(...this.#restOf(parts.at(-1)?.seqs, span.to));
    }
    const runs = mergedRuns(stretches, MAX_GAP_RECORDS).flatMap((stretch) => this.#carriedIn(stretch));
    return Promise.resolve({ runs, missing: without(span, shown) });
  }

  /** What stands between the last block of the seek track and the key block after it: other tracks at the same time. */
  #restOf(last: RecordRun | undefined, to: number): RecordRun[] {
    const run = this.#slice.runs.find(({ first, end }) => last !== undefined && first < last.end && last.end <= end);
    if (last === undefined || run === undefined) return [];
    const carried = this.#slice.index.tracks.get(this.#slice.info.seekTrack);
    const next = carried?.at(carried.untilKey(to))?.seq ?? run.end;
    return [{ first: last.first, end: Math.min(next, run.end) }];
  }

  /** The records of a stretch that the slice has. */
  #carriedIn({ first, end }: RecordRun): RecordRun[] {
    return this.#slice.runs
      .map((run) => ({ first: Math.max(first, run.first), end: Math.min(end, run.end) }))
      .filter((run) => run.first < run.end);
  }

  extent(): Promise<PtsSpan | undefined> {
    const parts = this.#tracks.flatMap((track) => this.#slice.parts({ track }));
    const from = parts.reduce((least, { pts }) => Math.min(least, pts.from), Infinity);
    const to = parts.reduce((most, { pts }) => Math.max(most, pts.to), 0);
    return Promise.resolve(parts.length === 0 ? undefined : { from, to });
  }

  chosenOf({ first, end }: RecordRun): Promise<RecordRun[]> {
    const chosen: RecordRun[] = [];
    for (const track of this.#tracks) {
      const carried = this.#slice.index.tracks.get(track);
      for (let i = carried?.until(({ seq }) => seq >= first) ?? 0; ; i++) {
        const block = carried?.at(i);
        if (block === undefined || block.seq >= end) break;
        chosen.push({ first: block.seq, end: block.seq + 1 });
      }
    }
    return Promise.resolve(mergedRuns(chosen));
  }
}

/** What is left of a span without others. */
const without = (span: PtsSpan, others: readonly PtsSpan[]): MissingSpan[] => {
  const left: MissingSpan[] = [];
  let { from } = span;
  for (const other of [...others].sort((a, b) => a.from - b.from)) {
    if (other.from > from) left.push({ from, to: Math.min(other.from, span.to), why: 'nothing' });
    from = Math.max(from, other.to);
  }
  if (from < span.to) left.push({ from, to: span.to, why: 'nothing' });
  return left.filter((each) => each.from < each.to);
};
