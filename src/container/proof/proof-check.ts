/**
 * Checks the answers that travel without their file (spec/h4mk.md sections 9.4 and 9.5). The question comes from whoever checks,
 * the proof from anybody: nothing in it is believed that does not follow from a checkpoint that the policy trusts. Sizes and
 * counts are held against their limits before anything is allocated or hashed for them.
 */
import type { EngineSet } from '../../compression/api/engine-set.js';
import { concatBytes } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { type Block, decodeBlock } from '../read/block.js';
import { BLIND_BYTES, MODE } from '../format/layout.js';
import { type Limits, createLimits } from '../format/limits.js';
import { leafHash } from '../tree/merkle.js';
import { MetaLedger, type RecordingInfo, parseMeta } from '../format/meta.js';
import { parseNote } from '../format/note.js';
import {
  type BundledRecord,
  type BundledRun,
  type ProofBundle,
  type ProofKind,
  assertRun,
  parseProof,
} from './proof-bundle.js';
import { assertContinues } from './proven-range.js';
import { type SeekQuestion, assertSeekAnswer } from './proven-seek.js';
import { verifyRangeProof } from '../tree/range-proof.js';
import {
  type ProvenCheckpoint,
  assertEngine,
  assertFileId,
  assertOfFile,
  provenCheckpoint,
  recordingOf,
} from './signed-recording.js';
import { type Tokn, parseTokn } from '../format/tokn.js';
import { type TrustPolicy, judgeNote, notTrusted } from '../trust/trust.js';
import { type Verified, verifyPayload } from '../check/verified.js';

export interface ProofCheckOptions {
  /** Whom to believe: chosen before the proof is looked at. */
  readonly trust: TrustPolicy;
  /** Seconds since 1970; without it, whatever in the policy depends on it does not count. */
  readonly now?: number;
  /** Which recording the question is about; without it, any that the policy trusts may answer. */
  readonly fileId?: Uint8Array;
  readonly limits?: Partial<Limits>;
}

/** A record that is proven, with its payload where the proof shows it. */
export interface ShownRecord {
  readonly tokn: Tokn;
  /** Undefined where it is not shown, because it was redacted or only its place was asked for. */
  readonly payload: Verified<Uint8Array> | undefined;
}

interface CheckedProof {
  readonly fileId: Uint8Array;
  readonly info: RecordingInfo;
  readonly checkpoint: ProvenCheckpoint;
  /** Whether the proof shows that the recording ends with the checkpoint. A proof need not show that. */
  readonly isComplete: boolean;
}

export interface CheckedSeek extends CheckedProof {
  readonly track: number;
  readonly pts: number;
  /** Undefined: no KEY record of the track is that early. */
  readonly key: ShownRecord | undefined;
}

export interface CheckedRange extends CheckedProof {
  readonly track: number;
  /** The bytes `[from, to)` that are covered: `to` is smaller than the one asked for where the track ends there. */
  readonly from: number;
  readonly to: number;
  /** The records that hold them, in order. */
  readonly records: readonly ShownRecord[];
}

/**
 * The last KEY record of `track` at or before `pts`, as `proof` shows it. H4_SIGN_* if nobody who is trusted signed it,
 * H4_PROOF_INVALID or H4_SEEK_NOT_ADJACENT if it does not follow. A time that depends on the recording, as that of a clock does
 * on its `shift`, is given as a function of what record 0 says.
 */
export const verifySeekAnswer = (
  proof: Uint8Array,
  question: { readonly pts: number | ((info: RecordingInfo) => number); readonly track?: number },
  options: ProofCheckOptions,
): CheckedSeek => {
  const checked = checkProof(proof, 'seek', options);
  const { records, size, info, end } = checked;
  const { track = info.seekTrack } = question;
  const pts = typeof question.pts === 'function' ? question.pts(info) : question.pts;
  if (end?.totals?.some((total) => total.track === track) === false) {
    return { ...summaryOf(checked), track, pts, key: undefined };
  }
  const key = answerTo({ pts, track, size }, records, (error) => anotherQuestion(error, { pts, track, size }, records));
  return { ...summaryOf(checked), track, pts, key };
};

/** The KEY record that `records` show to be the answer; what is thrown where they do not is up to the caller. */
const answerTo = (
  question: SeekQuestion,
  records: readonly ShownRecord[],
  refused: (error: H4Error) => H4Error,
): ShownRecord | undefined => {
  const { pts, track, size } = question;
  const keys = records.filter(({ tokn }) => tokn.track === track && tokn.key);
  const key = keys.filter(({ tokn }) => tokn.pts <= pts).at(-1);
  const next = keys.find(({ tokn }) => tokn.pts > pts);
  const ending = next === undefined ? endingOf(records, track, size) : [];
  try {
    assertSeekAnswer(question, { key: key?.tokn, next: next?.tokn, ending: ending.map(({ tokn }) => tokn) });
  } catch (error) {
    throw isH4Error(error) ? refused(error) : error;
  }
  return key;
};

/** What a proof shows is true, and may be the answer to another question: then it says which, `[from, to)`. */
const anotherQuestion = (
  why: H4Error,
  { pts, track, size }: SeekQuestion,
  records: readonly ShownRecord[],
): H4Error => {
  const asked = `asked was time ${pts} of track ${track}`;
  for (const { tokn } of records.filter((each) => each.tokn.key)) {
    const question = { pts: tokn.pts, track: tokn.track, size };
    try {
      answerTo(question, records, (error) => error);
    } catch {
      continue;
    }
    const next = records.find((each) => each.tokn.track === tokn.track && each.tokn.key && each.tokn.pts > tokn.pts);
    const to = next?.tokn.pts;
    const about = `about time ${tokn.pts} ${to === undefined ? 'and later' : `up to ${to}`} of track ${tokn.track}`;
    const message = `This proof answers another question: it is ${about}, ${asked}`;
    const detail = { form: 'proof', track: tokn.track, from_pts: tokn.pts, to_pts: to ?? null, asked_pts: pts };
    return new H4Error(why.code, message, { detail: { ...detail, asked_track: track } });
  }
  const message = `This proof does not answer the question, ${asked}: ${why.message}`;
  return new H4Error(why.code, message, { detail: { form: 'proof' } });
};

/**
 * The records that hold the bytes `[from, to)` of `track`, as `proof` shows them; H4_RANGE_NOT_FOUND if it proves that there is no
 * byte `from`. Codes as of `verifySeekAnswer`.
 */
export const verifyRangeAnswer = (
  proof: Uint8Array,
  question: { readonly track: number; readonly from: number; readonly to: number },
  options: ProofCheckOptions,
): CheckedRange => {
  const { track, from, to } = question;
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from >= to) {
    throw new H4Error('H4_PARAM', `A range is [from, to) with 0 <= from < to, not [${from}, ${to})`);
  }
  const checked = checkProof(proof, 'range', options);
  const held: ShownRecord[] = [];
  let position = from;
  for (const record of checked.records) {
    const { tokn } = record;
    if (tokn.track !== track || tokn.raw === 0 || tokn.pos + tokn.raw <= position || position >= to) continue;
    assertContinues(tokn, track, position);
    held.push(record);
    position = tokn.pos + tokn.raw;
  }
  if (position < to) {
    const length = lengthOf(checked, track);
    if (length === undefined || length > position) {
      throw new H4Error('H4_PROOF_INVALID', `The proof shows no record that holds byte ${position} of track ${track}`);
    }
    if (from >= length) {
      const message = `Track ${track} has ${length} bytes: there is none at ${from}`;
      throw new H4Error('H4_RANGE_NOT_FOUND', message, { detail: { length } });
    }
  }
  return { ...summaryOf(checked), track, from, to: Math.min(position, to), records: held };
};

/** The bytes of a range that has been checked, block by block. Its payloads must be shown: H4_RANGE_REDACTED where one is not. */
export async function* bytesOfRange(
  { info, from, to, records }: CheckedRange,
  engines: EngineSet,
): AsyncGenerator<Uint8Array, void> {
  for (const { tokn, payload } of records) {
    const block: Block = await decodeBlock({ tokn, payload, offset: 0 }, info, engines);
    yield block.bytes.subarray(Math.max(0, from - tokn.pos), Math.min(tokn.raw, to - tokn.pos));
  }
}

interface CheckedRecords {
  readonly fileId: Uint8Array;
  readonly info: RecordingInfo;
  readonly checkpoint: ProvenCheckpoint;
  readonly size: number;
  /** What the end record says, where it is shown. */
  readonly end: MetaLedger | undefined;
  /** All records that are shown, in order of their numbers. */
  readonly records: readonly ShownRecord[];
}

const checkProof = (bytes: Uint8Array, kind: ProofKind, options: ProofCheckOptions): CheckedRecords => {
  const limits = createLimits(options.limits);
  const bundle = parseProof(bytes, limits);
  if (bundle.kind !== kind) {
    throw new H4Error('H4_PROOF_INVALID', `This is the proof of a ${bundle.kind}, not of a ${kind}`);
  }
  const { info, fileId } = checkRecordZero(bundle, limits, options);
  const note = parseNote(bundle.checkpoint, limits);
  const verdict = judgeNote(note, options.trust, options.now);
  if (verdict.lacks !== undefined) throw notTrusted(verdict.lacks);
  assertOfFile(note, { fileId, uid: info.uid });
  const records = bundle.runs.flatMap((run) => checkRun(run, note, limits));
  const end = endShown(records, note.size, bundle.recordZero.payload, limits);
  return { fileId, info, checkpoint: provenCheckpoint(note, verdict), size: note.size, end, records };
};

const summaryOf = ({ fileId, info, checkpoint, end }: CheckedRecords): CheckedProof => ({
  fileId,
  info,
  checkpoint,
  isComplete: end !== undefined,
});

const checkRecordZero = (
  { recordZero: { entry, payload } }: ProofBundle,
  limits: Limits,
  { trust, fileId: wanted }: ProofCheckOptions,
): { readonly info: RecordingInfo; readonly fileId: Uint8Array } => {
  const tokn = parseTokn(entry, limits);
  const info = recordingOf(tokn, verifyPayload(tokn, payload), limits);
  assertEngine(info, trust.engines);
  const fileId = leafHash(entry);
  assertFileId(fileId, wanted);
  return { info, fileId };
};

const checkRun = (
  run: BundledRun,
  { size, root }: { readonly size: number; readonly root: Uint8Array },
  limits: Limits,
): ShownRecord[] => {
  const { first, hashes, records } = run;
  assertRun(run, size);
  const leaves = records.map(({ entry }) => leafHash(entry));
  verifyRangeProof({ size, first, count: records.length, hashes }, leaves, root);
  return records.map((record, i) => shownRecord(record, first + i, limits));
};

const shownRecord = ({ entry, blind, payload }: BundledRecord, seq: number, limits: Limits): ShownRecord => {
  const tokn = parseTokn(concatBytes(entry, blind ?? blindFor(entry)), limits);
  if (tokn.seq !== seq) throw new H4Error('H4_PROOF_INVALID', `Record ${seq} of the tree says that it is ${tokn.seq}`);
  return { tokn, payload: payload === undefined ? undefined : verifyPayload(tokn, payload) };
};

const FLAGS_AT = 2;
const FLAG_BLIND = 2;

/** Without its payload a record needs no blind: zeros stand for it, as in a record that was redacted. */
const blindFor = (entry: Uint8Array): Uint8Array =>
  new Uint8Array(((entry[FLAGS_AT] ?? 0) & FLAG_BLIND) === 0 ? 0 : BLIND_BYTES);

/** The shown records from the last one of `track` to the last one of all; all of them if they are all records. */
const endingOf = (records: readonly ShownRecord[], track: number, size: number): readonly ShownRecord[] => {
  const ending: ShownRecord[] = [];
  for (let seq = size - 1, i = records.length - 1; i >= 0; seq--, i--) {
    const record = records[i];
    if (record?.tokn.seq !== seq) break;
    ending.push(record);
    if (record.tokn.track === track) break;
  }
  return ending.reverse();
};

/** What an end record says, where one is shown as the last record of the checkpoint; undefined where none is. */
const endShown = (
  records: readonly ShownRecord[],
  size: number,
  zero: Uint8Array,
  limits: Limits,
): MetaLedger | undefined => {
  const last = records.at(-1);
  if (last?.payload === undefined || last.tokn.seq !== size - 1 || size === 1 || last.tokn.mode !== MODE.meta) {
    return undefined;
  }
  const metas = new MetaLedger();
  for (const payload of [zero, last.payload]) metas.apply(parseMeta(payload, limits).json, undefined);
  return metas.ended ? metas : undefined;
};

/** Bytes of a track, as far as what is shown proves it. */
const lengthOf = ({ records, size, end }: CheckedRecords, track: number): number | undefined => {
  if (end?.totals !== undefined) return end.totals.find((total) => total.track === track)?.raw ?? 0;
  const ending = endingOf(records, track, size);
  const [first] = ending;
  if (first?.tokn.track === track) return first.tokn.pos + first.tokn.raw;
  return ending.length === size ? 0 : undefined;
};
