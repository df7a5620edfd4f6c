/**
 * Makes the bundles that `proof-check.ts` checks (spec/h4mk.md sections 9.4 and 9.5), out of a reader that has proven the answer
 * to itself. Hashes stand for records that are not shown; a few records between two that are shown cost less than a second
 * proof, so they are shown too.
 */
import { H4Error } from '../../utils/error.js';
import {
  type BundledRecord,
  type BundledRun,
  MAX_BUNDLED_RECORDS,
  type ProofBundle,
  type ProofKind,
} from './proof-bundle.js';
import type { ProvenReader, ProvenSeek } from './proven-reader.js';
import type { StoredRecord } from '../read/record-reader.js';
import { proveRange } from '../tree/tree-hashes.js';

/** About 20 hashes of 44 characters are a second proof; an entry of one token has 124. */
const MAX_GAP = 6;

export interface MakerOptions {
  readonly track?: number;
  /** Whether payloads are shown: of the key record, or of the records of a range. */
  readonly withPayload?: boolean;
  readonly signal?: AbortSignal;
}

/** The proof of the last KEY record at or before `pts`, or that there is none. */
export const proveSeek = async (reader: ProvenReader, pts: number, options: MakerOptions = {}): Promise<ProofBundle> =>
  bundleOfSeek(reader, await reader.seek(pts, options), options.signal);

/** The proof of a seek that has been answered. */
export const bundleOfSeek = async (
  reader: ProvenReader,
  { key, next, ending, record }: ProvenSeek,
  signal?: AbortSignal,
): Promise<ProofBundle> => {
  const shown = new Map<number, BundledRecord>();
  for (const located of [key, next, ...ending]) {
    if (located !== undefined) shown.set(located.tokn.seq, { entry: located.tokn.entry });
  }
  if (record !== undefined) shown.set(record.tokn.seq, withPayload(record));
  return bundleOf(reader, 'seek', shown, signal);
};

/**
 * The proof of the bytes `[from, to)` of a track, and where the track ends before `to` also of that. Payloads are shown unless
 * `withPayload` is false. H4_LIMIT_RECORDS or H4_LIMIT_CHUNK where it would be too long for anybody to check.
 */
export const proveRangeOfTrack = async (
  reader: ProvenReader,
  range: { readonly track: number; readonly from: number; readonly to: number },
  options: Omit<MakerOptions, 'track'> = {},
): Promise<ProofBundle> => {
  const { signal, withPayload: isFull = true } = options;
  const { track, from, to } = range;
  if (!Number.isSafeInteger(to) || !Number.isSafeInteger(from) || from < 0 || from >= to) {
    throw new H4Error('H4_PARAM', `A range to prove is [from, to) with 0 <= from < to, not [${from}, ${to})`);
  }
  const shown = new Map<number, BundledRecord>();
  let bytes = 0;
  const extent = await reader.trackExtent(track, signal);
  if (from < extent.length) {
    for await (const record of reader.recordsOfRange(track, from, to, signal)) {
      const { seq, entry, size } = record.tokn;
      bytes += entry.length + (isFull ? size : 0);
      assertBounds(shown.size, bytes, reader.limits.maxChunkBytes);
      shown.set(seq, isFull ? withPayload(record) : { entry });
    }
  }
  if (to > extent.length) {
    for (const { tokn } of extent.ending) shown.set(tokn.seq, shown.get(tokn.seq) ?? { entry: tokn.entry });
  }
  return bundleOf(reader, 'range', shown, signal);
};

const assertBounds = (records: number, bytes: number, maxBytes: number): void => {
  if (records >= MAX_BUNDLED_RECORDS) {
    throw new H4Error(
      'H4_LIMIT_RECORDS',
      `A proof holds at most ${MAX_BUNDLED_RECORDS} records: ask for a shorter range`,
    );
  }
  if (bytes > maxBytes) {
    throw new H4Error('H4_LIMIT_CHUNK', `A proof holds at most ${maxBytes} bytes: ask for a shorter range`);
  }
};

const withPayload = ({ tokn, payload }: StoredRecord): BundledRecord => ({
  entry: tokn.entry,
  ...(tokn.blind.length === 0 || payload === undefined ? {} : { blind: tokn.blind }),
  ...(payload === undefined ? {} : { payload }),
});

/** The runs of `shown`, which is ours now, and the end record: whether the recording goes on is what everybody asks next. */
const bundleOf = async (
  reader: ProvenReader,
  kind: ProofKind,
  shown: Map<number, BundledRecord>,
  signal: AbortSignal | undefined,
): Promise<ProofBundle> => {
  const end = await reader.endRecord(signal);
  if (end !== undefined) shown.set(end.tokn.seq, withPayload(end));
  const runs: BundledRun[] = [];
  const { size } = reader.checkpoint;
  for (const [first, end] of runsOf([...shown.keys()].sort((a, b) => a - b))) {
    const records: BundledRecord[] = [];
    for (let seq = first; seq < end; seq++) {
      records.push(shown.get(seq) ?? { entry: (await reader.tokn(seq, signal)).entry });
    }
    const { hashes } = await proveRange(reader.tree, { first, end, size }, signal);
    runs.push({ first, hashes, records });
  }
  const { tokn, payload } = reader.recordZero;
  if (payload === undefined) throw new H4Error('H4_RECORD0', 'Record 0 has been redacted');
  return { kind, checkpoint: reader.note, recordZero: { entry: tokn.entry, payload }, runs };
};

/** Stretches `[first, end)` that hold these numbers, which are in order. */
const runsOf = (seqs: readonly number[]): [number, number][] => {
  const runs: [number, number][] = [];
  for (const seq of seqs) {
    const run = runs.at(-1);
    if (run === undefined || seq - run[1] > MAX_GAP) runs.push([seq, seq + 1]);
    else run[1] = seq + 1;
  }
  return runs;
};
