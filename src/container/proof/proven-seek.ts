/**
 * Trustless seek (spec/h4mk.md section 9.4). `assertSeekAnswer` is the rule itself, over records that are proven: it needs no
 * index, because `back` is signed and names the KEY record before. `findKeys` finds what to hold against it.
 */
import { H4Error } from '../../utils/error.js';
import type { ByteSource } from '../io/io.js';
import { isMediaMode } from '../format/layout.js';
import type { ProvenRecords, RecordAccess } from './proven-records.js';
import type { LocatedTokn, StoredRecord } from '../read/record-reader.js';
import type { ToknHead } from '../format/tokn.js';
import { keyOf } from '../read/track-search.js';

export interface SeekQuestion {
  /** In units of the timebase. */
  readonly pts: number;
  readonly track: number;
  /** Number of records of the checkpoint: the answer is about those and no others. */
  readonly size: number;
}

/** Records that are proven under one root of `size` records. */
export interface SeekEvidence<T extends ToknHead = ToknHead> {
  /** a: the last KEY record at or before the time. */
  readonly key: T | undefined;
  /** b: the KEY record after it. */
  readonly next: T | undefined;
  /** Where there is no b: the last record of the track and all that follow it, up to record `size - 1`. */
  readonly ending: readonly T[];
}

/** H4_SEEK_NOT_ADJACENT unless `key`, or that there is none, is the true answer. */
export const assertSeekAnswer = (question: SeekQuestion, { key, next, ending }: SeekEvidence): void => {
  const { pts, track } = question;
  if (key !== undefined) {
    assertKey(key, track);
    if (key.pts > pts) refuse(`Record ${key.seq} is at ${key.pts}, after ${pts}`);
  }
  if (next === undefined) {
    assertEnding(question, key, ending);
    return;
  }
  assertKey(next, track);
  if (next.pts <= pts) refuse(`Record ${next.seq} is a KEY record of track ${track} at ${next.pts}, not after ${pts}`);
  const named = next.back === 0 ? undefined : next.seq - next.back;
  if (named !== key?.seq) refuse(`The KEY record before record ${next.seq} is ${shown(named)}, not ${shown(key?.seq)}`);
};

const assertKey = ({ seq, mode, key, track }: ToknHead, wanted: number): void => {
  if (!isMediaMode(mode) || !key || track !== wanted) refuse(`Record ${seq} is no KEY record of track ${wanted}`);
};

/** Nothing of the track follows the first record of the ending, which is its last one: it is a, or leads to it. */
const assertEnding = ({ track, size }: SeekQuestion, key: ToknHead | undefined, ending: readonly ToknHead[]): void => {
  const [last, ...others] = ending;
  if (last === undefined) return refuse('Neither a later KEY record nor the end of the recording is shown');
  if (ending.some(({ seq }, i) => seq !== last.seq + i) || last.seq + ending.length !== size) {
    refuse(`The records from ${last.seq} to the end, which is ${size}, are not all shown`);
  }
  const later = others.find((record) => record.track === track);
  if (later !== undefined) refuse(`Record ${later.seq} is a later one of track ${track}`);
  if (last.track !== track) {
    if (last.seq > 0) refuse(`Record ${last.seq} is not of track ${track}, and those before it are not shown`);
    return;
  }
  const named = last.key ? last.seq : last.back === 0 ? undefined : last.seq - last.back;
  if (named !== key?.seq) refuse(`The last KEY record of track ${track} is ${shown(named)}, not ${shown(key?.seq)}`);
};

const shown = (seq: number | undefined): string => (seq === undefined ? 'none' : `record ${seq}`);

const refuse = (why: string): never => {
  throw new H4Error('H4_SEEK_NOT_ADJACENT', why);
};

/** Records of other tracks that are walked over on the way to one of a track. */
const MAX_WALKED = 65_536;

const tooFar = (records: number, track: number): H4Error =>
  new H4Error(
    'H4_LIMIT_RECORDS',
    `Among ${records} records none is of track ${track}: looking further would take too long`,
  );

/** Record numbers that an index suggests: hints, both of them. */
export interface SuggestedKeys {
  readonly key: number | undefined;
  readonly next: number | undefined;
}

/** What the tiles say about the seek track. */
export const suggestedByTiles = async (
  { index }: ProvenRecords,
  pts: number,
  signal?: AbortSignal,
): Promise<SuggestedKeys> => {
  const key = (await index.lastKey(pts, signal))?.seq;
  return { key, next: await index.nextKey(key === undefined ? 0 : key + 1, signal) };
};

/**
 * The same for tracks that the tiles do not index: a binary search over heads. No head is read twice, and each step leaves
 * out at least one record, whatever the heads claim.
 */
export const suggestedByHeads = async (
  records: ProvenRecords,
  { pts, track, size }: SeekQuestion,
  signal?: AbortSignal,
): Promise<SuggestedKeys> => {
  const heads = new Map<number, ToknHead>();
  const head = async (seq: number): Promise<ToknHead> => {
    if (heads.size > MAX_WALKED) throw tooFar(MAX_WALKED, track);
    const known = heads.get(seq) ?? (await records.head(seq, { signal }));
    heads.set(seq, known);
    return known;
  };
  let [low, high] = [0, size];
  let [before, after]: [number | undefined, number | undefined] = [undefined, undefined];
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    let seq = middle;
    while (seq < high && (await head(seq)).track !== track) seq++;
    const key = seq < high ? await keyOf(head, await head(seq)) : undefined;
    if (seq === high) {
      high = middle;
    } else if (key === undefined || key.pts <= pts) {
      before = key?.seq ?? before;
      low = seq + 1;
    } else {
      after = key.seq;
      high = middle;
    }
  }
  return { key: before, next: after };
};

/** A stretch of records is read at once where it is no longer: one request costs as much as this. */
const NEAR_BYTES = 64 * 1024;
const NEAR_RECORDS = 64;

/**
 * The records from the last one of `track` to the last one of all, proven, in order; all of them where the track has none.
 * H4_LIMIT_RECORDS if they are too many.
 */
export const endingOf = async (
  records: ProvenRecords,
  track: number,
  { signal, source }: RecordAccess = {},
): Promise<LocatedTokn[]> => {
  const ending: LocatedTokn[] = [];
  let window = source === undefined ? undefined : { source, from: 0 };
  for (let seq = records.count - 1; seq >= 0; seq--) {
    if (ending.length === MAX_WALKED) throw tooFar(MAX_WALKED, track);
    if (window === undefined || seq < window.from) window = await windowUpTo(records, seq, signal);
    const located = await records.tokn(seq, { signal, source: window.source });
    ending.push(located);
    if (located.tokn.track === track) break;
  }
  return ending.reverse();
};

/** Some records before `seq` and its TOKN in one read, where they are small. */
const windowUpTo = async (
  records: ProvenRecords,
  seq: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly source: ByteSource; readonly from: number }> => {
  for (let count = Math.min(NEAR_RECORDS, seq + 1); count > 1; count >>= 1) {
    const from = seq - count + 1;
    const source = await records.stretch(from, seq, NEAR_BYTES, signal);
    if (source !== undefined) return { source, from };
  }
  return { source: records.source, from: seq };
};

/** What was found, proven and held against the rule. */
export interface ProvenKeys {
  readonly key: LocatedTokn | undefined;
  readonly next: LocatedTokn | undefined;
  readonly ending: readonly LocatedTokn[];
  /** `key` with its payload, where that was asked for. */
  readonly record: StoredRecord | undefined;
}

/** What is read at once of the records from a to b, where the payload of a is wanted too. */
const GROUP_BYTES = 1024 * 1024;

/**
 * Proves the records that an index suggests, and accepts them by the rule. From a to b is one read where that is not much more
 * than reading both.
 */
export const proveKeys = async (
  records: ProvenRecords,
  question: SeekQuestion,
  { key, next }: SuggestedKeys,
  options: { readonly withPayload: boolean; readonly signal?: AbortSignal | undefined },
): Promise<ProvenKeys> => {
  const { withPayload, signal } = options;
  const { count } = records;
  const last = next ?? count - 1;
  const source =
    key === undefined || key === last
      ? undefined
      : await records.stretch(key, last, withPayload ? GROUP_BYTES : NEAR_BYTES, signal);
  const access: RecordAccess = { signal, ...(source === undefined ? {} : { source }) };
  const [record, found, following, ending] = await Promise.all([
    key === undefined || !withPayload ? undefined : records.record(key, access),
    key === undefined || withPayload ? undefined : records.tokn(key, access),
    next === undefined ? undefined : records.tokn(next, access),
    next === undefined ? endingOf(records, question.track, access) : [],
  ]);
  const answer = record ?? found;
  const evidence = { key: answer?.tokn, next: following?.tokn, ending: ending.map(({ tokn }) => tokn) };
  assertSeekAnswer(question, evidence);
  return { key: answer && { tokn: answer.tokn, offset: answer.offset }, next: following, ending, record };
};
