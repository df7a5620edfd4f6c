/**
 * Trustless byte ranges (spec/h4mk.md section 9.5). A byte is accepted from a record that is proven, of the track, and whose
 * signed `pos` and `raw` contain it; the bytes after it from the record whose `pos` is where the one before ended. Which record
 * that is, hints tell: a record that was left out would leave a hole.
 */
import { H4Error } from '../../utils/error.js';
import type { ByteSource } from '../io/io.js';
import { isMediaMode } from '../format/layout.js';
import type { ProvenRecords, RecordAccess } from './proven-records.js';
import { ReadWindow } from '../source/read-window.js';
import type { LocatedHead, StoredRecord } from '../read/record-reader.js';
import type { ToknHead } from '../format/tokn.js';
import { type Guide, type Landmark, findByPosition } from '../read/track-search.js';

/** H4_INDEX_MISMATCH unless the record continues the stream of `track` with byte `position`. Records are proven. */
export const assertContinues = ({ seq, mode, track, pos, raw }: ToknHead, wanted: number, position: number): void => {
  if (!isMediaMode(mode) || track !== wanted) {
    throw new H4Error('H4_INDEX_MISMATCH', `Record ${seq} holds no bytes of track ${wanted}`);
  }
  if (position < pos || position >= pos + raw) {
    const message = `Record ${seq} holds the bytes from ${pos} to ${pos + raw} of track ${track}, and not byte ${position}`;
    throw new H4Error('H4_INDEX_MISMATCH', message);
  }
};

/** What a search reads with the head of a record: then the record itself is mostly there too, or its neighbour. */
const PROBE_BYTES = 64 * 1024;
const NEIGHBOUR_BYTES = 16 * 1024;
/** The most that is read ahead of what has been asked for. */
const AHEAD_BYTES = 256 * 1024;

/** Reads through one window, and ahead by as much as it is told. */
class AheadSource implements ByteSource {
  readonly size: number;
  ahead = NEIGHBOUR_BYTES;
  readonly #window: ReadWindow;

  constructor(source: ByteSource) {
    this.size = source.size;
    this.#window = new ReadWindow(source);
  }

  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#window.read(start, end, this.ahead, signal);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface RangeQuestion {
  readonly track: number;
  /** The bytes `[from, to)` of its raw stream; none of them lies beyond its end. */
  readonly from: number;
  readonly to: number;
  /** Where the blocks of the recording begin and end: it guides the search. */
  readonly first: Landmark;
  readonly last: Landmark;
}

/** The records that hold a range, proven, in order, with their payloads. H4_INDEX_MISMATCH where hints lead elsewhere. */
export async function* recordsOfRange(
  records: ProvenRecords,
  { track, from, to, first, last }: RangeQuestion,
  signal?: AbortSignal,
): AsyncGenerator<StoredRecord, void> {
  const source = new AheadSource(records.source);
  const access: RecordAccess = { signal, source };
  const probe = async (seq: number): Promise<LocatedHead> => {
    const { offset, end } = await records.place(seq, signal);
    const extent = end - offset;
    source.ahead = extent > 0 && extent <= PROBE_BYTES ? Math.max(extent, NEIGHBOUR_BYTES) : 0;
    return records.head(seq, access);
  };
  const guide: Guide = {
    first,
    last,
    nearPayload: (payload, low, high) => records.index.nearPayload(payload, low, high, signal),
  };
  const found = await findByPosition(probe, records.count, track, from, guide);
  if (found === undefined) {
    throw new H4Error('H4_INDEX_MISMATCH', `The index does not lead to byte ${from} of track ${track}, which there is`);
  }
  // One record after another is read now, as far as the range goes and a little further for those between.
  const left = (position: number): number => Math.min(AHEAD_BYTES, 2 * (to - position) + NEIGHBOUR_BYTES);
  source.ahead = Math.min(AHEAD_BYTES, found.size);
  let record = await records.record(found.seq, access);
  for (let [position, stride] = [from, 1]; ;) {
    const { tokn } = record;
    assertContinues(tokn, track, position);
    yield record;
    position = tokn.pos + tokn.raw;
    if (position >= to) return;
    source.ahead = left(position);
    const next = await follower(records, tokn, stride, access);
    stride = next.tokn.seq - tokn.seq;
    record = next;
  }
}

/** The next record of the track that holds bytes: probably as far away as the last time. */
const follower = async (
  records: ProvenRecords,
  { seq: last, track, pos, raw }: ToknHead,
  stride: number,
  access: RecordAccess,
): Promise<StoredRecord> => {
  const continues = (head: ToknHead): boolean => head.track === track && head.pos === pos + raw && head.raw > 0;
  const guess = last + stride;
  if (stride > 1 && guess < records.count && continues(await records.head(guess, access))) {
    return records.record(guess, access);
  }
  for (let seq = last + 1; seq < records.count; seq++) {
    const head = await records.head(seq, access);
    if (head.track === track && head.raw > 0) return records.record(seq, access);
  }
  throw new H4Error(
    'H4_INDEX_MISMATCH',
    `No record after ${last} goes on with track ${track}, which does not end there`,
  );
};
