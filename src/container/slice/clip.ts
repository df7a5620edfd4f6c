/**
 * Clips: what a recording holds between two times as a slice that verifies alone, against the signature of the whole
 * recording (spec/h4mk.md section 11). A plan is made first, from headers and hashes: what cannot be proven is refused before
 * anything is written. Records are copied as they stand, so that neither key nor engine is needed, and what was redacted
 * stays so. Memory is one window of records and the proofs.
 */
import { H4Error } from '../../utils/error.js';
import { CheckedSink } from './checked-sink.js';
import { type CheckpointOptions, type ClipCheckpoint, findCheckpoint } from './clip-checkpoint.js';
import { SliceSearch, checkpointOfSlice } from './clip-slice.js';
import { type MissingSpan, type PtsSpan, SpanSearch, mergedRuns, spanOfTokn } from './clip-search.js';
import type { ByteSink } from '../io/io.js';
import { CHUNK_HEADER_BYTES, NO_TRACK, isHiddenMode } from '../format/layout.js';
import { type RangeProof, encodeProf } from '../tree/range-proof.js';
import type { H4MKReader } from '../read/reader.js';
import type { RawRecord } from '../read/record-reader.js';
import { type RecordRun, RunReader } from '../read/run-reader.js';
import { SliceReader } from './slice-reader.js';
import { SliceWriter } from './slice-writer.js';
import { proveRange } from '../tree/tree-hashes.js';

/** What a clip is cut from: a recording, or another clip. */
export type ClipInput = H4MKReader | SliceReader;

export interface ClipRequest extends CheckpointOptions {
  /** PTS `[from, to)`, in any order; what lies in several is taken once. Absent ends are those of the recording. */
  readonly ranges: readonly Partial<PtsSpan>[];
  /** The only tracks to be taken. Default: all. */
  readonly tracks?: readonly number[];
}

export interface ClipPlan extends Omit<ClipCheckpoint, 'tree'> {
  /** What the clip shows, ascending. With `tracks` not every record in between is taken. */
  readonly stretches: readonly RecordRun[];
  /** What it consists of besides record 0: each run has a proof of its own. META records are among them. */
  readonly runs: readonly RecordRun[];
  readonly proofs: readonly RangeProof[];
  /** Bytes of the proofs in the file. */
  readonly proofBytes: number;
  /** Number of records, record 0 included. */
  readonly records: number;
  /** Times asked for that the clip cannot hold. */
  readonly missing: readonly MissingSpan[];
}

/**
 * Finds the records of a clip and proves them. Refuses with H4_RANGE_NOT_FOUND times at which the recording has nothing:
 * `detail` has the ones it does have, as `start_pts` and `end_pts`.
 */
export const planClip = async (input: ClipInput, request: ClipRequest): Promise<ClipPlan> => {
  const { signal } = request;
  assertRanges(request.ranges);
  const { all, tracks, checkpoint, describing, search } = await surveyed(input, request);
  const missing: MissingSpan[] = [];
  const found: RecordRun[] = [];
  for (const { from, to } of request.ranges) {
    const span = await search.find({
      from: Math.max(0, from ?? 0),
      to: Math.min(to ?? Infinity, Number.MAX_SAFE_INTEGER),
    });
    found.push(...span.runs);
    // Who names no end wants what there is, but is told that there is more.
    missing.push(
      ...span.missing.filter(
        ({ why }) => !(why === 'before' && from === undefined) && !(why === 'after' && to === undefined),
      ),
    );
  }
  const stretches = mergedRuns(found);
  if (stretches.length === 0) throw await nothingThere(search, missing);
  const taken = tracks.length === all.length ? stretches : await chosen(search, stretches);
  return { ...(await provenRuns(input, taken, checkpoint, describing, signal)), stretches, missing };
};

/**
 * Plans a clip of just these records, `[first, end)` each, whatever they show. Refuses with H4_RANGE_NOT_FOUND what the
 * checkpoint does not cover.
 */
export const planRecords = async (
  input: H4MKReader,
  wanted: readonly RecordRun[],
  options: CheckpointOptions = {},
): Promise<ClipPlan> => {
  const { signal } = options;
  const checkpoint = await findCheckpoint(input, options);
  const stretches = mergedRuns(wanted);
  const end = stretches.at(-1)?.end ?? 0;
  if (end === 0 || end > checkpoint.size) {
    const message = `The newest checkpoint covers ${checkpoint.size} records, and not record ${end - 1}: nothing proves that one`;
    throw new H4Error('H4_RANGE_NOT_FOUND', message);
  }
  const describing = await input.describingRecords(signal);
  return { ...(await provenRuns(input, stretches, checkpoint, describing, signal)), stretches, missing: [] };
};

const provenRuns = async (
  input: ClipInput,
  taken: readonly RecordRun[],
  { tree, ...proven }: ClipCheckpoint,
  describing: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Omit<ClipPlan, 'stretches' | 'missing'>> => {
  const runs = withDescriptions(taken, describing, proven.size);
  const proofs: RangeProof[] = [];
  let proofBytes = 0;
  for (const { first, end } of runs) {
    const proof = await proveRange(tree, { first, end, size: proven.size }, signal);
    proofBytes += CHUNK_HEADER_BYTES + encodeProf(proof).length;
    assertProofBytes(proofBytes, input.basis.limits.maxChunkBytes, runs.length);
    proofs.push(proof);
  }
  const records = runs.reduce((sum, { first, end }) => sum + end - first, runs[0]?.first === 0 ? 0 : 1);
  return { ...proven, runs, proofs, proofBytes, records };
};

interface Survey {
  /** Tracks that there are, and those that are asked for. */
  readonly all: readonly number[];
  readonly tracks: readonly number[];
  readonly checkpoint: ClipCheckpoint;
  readonly describing: readonly number[];
  readonly search: Pick<SpanSearch, 'find' | 'extent' | 'chosenOf'>;
}

const surveyed = async (input: ClipInput, request: ClipRequest): Promise<Survey> => {
  const { signal } = request;
  const isSlice = input instanceof SliceReader;
  const all = (isSlice ? input.tracks : await input.tracks(signal)).map(({ id }) => id);
  const tracks = assertTracks(request.tracks ?? all, all);
  if (isSlice) {
    const checkpoint = await checkpointOfSlice(input, request);
    const search = new SliceSearch(input, tracks);
    return { all, tracks, checkpoint, describing: input.index.describing, search };
  }
  const checkpoint = await findCheckpoint(input, request);
  const search = new SpanSearch(input, checkpoint, tracks, signal);
  return { all, tracks, checkpoint, describing: await input.describingRecords(signal), search };
};

const assertRanges = (ranges: readonly Partial<PtsSpan>[]): void => {
  if (ranges.length === 0) throw new H4Error('H4_PARAM', 'A clip needs at least one range of times');
  for (const { from = 0, to = Infinity } of ranges) {
    // Written so that what is no number is refused as well.
    if (!(from < to)) throw new H4Error('H4_PARAM', `A range must end after it begins, not at ${to} after ${from}`);
  }
};

const assertTracks = (wanted: readonly number[], known: readonly number[]): number[] => {
  const tracks = [...new Set(wanted)];
  const unknown = tracks.find((track) => !known.includes(track));
  if (unknown === undefined && tracks.length > 0) return tracks;
  const names = known.join(', ') || 'none';
  throw new H4Error('H4_PARAM', `There is no track ${unknown ?? 'to be taken'}: the recording has ${names}`);
};

const nothingThere = async (search: Survey['search'], missing: readonly MissingSpan[]): Promise<H4Error> => {
  const extent = await search.extent();
  const why = missing.some((span) => span.why === 'unsigned') ? ' up to its newest checkpoint' : '';
  const message =
    extent === undefined
      ? `The recording has no block${why}`
      : `The recording has nothing there${why}: it goes from PTS ${extent.from} to ${extent.to}`;
  const detail = extent === undefined ? {} : { start_pts: extent.from, end_pts: extent.to };
  return new H4Error('H4_RANGE_NOT_FOUND', message, { detail });
};

const chosen = async (search: Survey['search'], stretches: readonly RecordRun[]): Promise<RecordRun[]> => {
  const runs: RecordRun[] = [];
  for (const stretch of stretches) runs.push(...(await search.chosenOf(stretch)));
  return runs;
};

/** The runs with all records that describe the recording, up to the checkpoint. Record 0 needs no run: it begins every slice. */
const withDescriptions = (runs: readonly RecordRun[], seqs: readonly number[], size: number): RecordRun[] => {
  const describing = [0, ...seqs].filter((seq) => seq < size).map((seq) => ({ first: seq, end: seq + 1 }));
  return mergedRuns([...runs, ...describing]).filter(({ end }) => end > 1);
};

const assertProofBytes = (bytes: number, limit: number, runs: number): void => {
  if (bytes <= limit) return;
  const message = `The clip has ${runs} runs, whose proofs are more than ${limit} bytes together; take all tracks, or less time`;
  throw new H4Error('H4_LIMIT_CHUNK', message);
};

export interface ClipOptions {
  readonly signal?: AbortSignal;
  /** Called now and then with the number of records written. */
  readonly onProgress?: (records: number) => void;
}

export interface ClipSummary {
  readonly records: number;
  readonly bytes: number;
  /** How many of the records have no content any more, and how many only with a key. */
  readonly redacted: number;
  readonly hidden: number;
  /** What is really shown, one span for each stretch, in their order. */
  readonly covered: readonly PtsSpan[];
}

/** Writes the clip that was planned, and commits. Aborting a sink after a failure is up to its owner. */
export const writeClip = async (
  input: ClipInput,
  sink: ByteSink,
  plan: ClipPlan,
  options: ClipOptions = {},
): Promise<ClipSummary> => {
  const { signal, onProgress } = options;
  const checked = new CheckedSink(sink, input.basis.limits);
  const writer = new SliceWriter(checked, plan);
  const tally = new Tally(plan.stretches);
  const copying = new RunReader(input.basis);
  const runs = plan.runs[0]?.first === 0 ? plan.runs : [{ first: 0, end: 1 }, ...plan.runs];
  for (const run of runs) {
    for await (const record of copying.records(run, signal)) {
      await writer.add(record);
      const records = tally.admit(record);
      onProgress?.(records);
    }
  }
  const written = await writer.finish();
  await checked.commit();
  return { ...written, ...tally.summary() };
};

/** Counts what a clip really holds. */
class Tally {
  readonly #stretches: readonly RecordRun[];
  readonly #covered: PtsSpan[];
  #records = 0;
  #redacted = 0;
  #hidden = 0;

  constructor(stretches: readonly RecordRun[]) {
    this.#stretches = stretches;
    this.#covered = stretches.map(() => ({ from: Infinity, to: 0 }));
  }

  /** The number of records so far. */
  admit({ tokn, tag }: RawRecord): number {
    if (tag === 'VOID') this.#redacted++;
    else if (isHiddenMode(tokn.mode)) this.#hidden++;
    const i = this.#stretches.findIndex(({ first, end }) => first <= tokn.seq && tokn.seq < end);
    const covered = this.#covered[i];
    if (covered !== undefined && tokn.track !== NO_TRACK) {
      const { from, to } = spanOfTokn(tokn);
      this.#covered[i] = { from: Math.min(covered.from, from), to: Math.max(covered.to, to) };
    }
    return ++this.#records;
  }

  summary(): Pick<ClipSummary, 'redacted' | 'hidden' | 'covered'> {
    const covered = this.#covered.filter(({ from }) => from < Infinity);
    return { redacted: this.#redacted, hidden: this.#hidden, covered };
  }
}
