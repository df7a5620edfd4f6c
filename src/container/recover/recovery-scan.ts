/**
 * What is whole of a recording, and what became of the rest (spec/h4mk.md section 14, rules 1 to 3). A file is cut only at its
 * physical end: where anything that its writer wrote later still stands, the damage is inside, and one flipped byte must
 * not cost what lies behind it.
 */
import type { ErrorCode } from '../../utils/error-codes.js';
import { H4Error } from '../../utils/error.js';
import type { CheckRun } from '../check/check-run.js';
import { type KnownPart, type LaterChunk, TooManyCandidates, announcedEnd, findLaterChunk } from './damage-search.js';
import { createSourceFeed } from '../source/feed.js';
import type { Finding } from '../check/findings.js';
import type { ByteSource } from '../io/io.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES, TAIL_CHUNK_BYTES } from '../format/layout.js';
import { createLimits } from '../format/limits.js';
import type { MetaLedger } from '../format/meta.js';
import { MediaSpan, type RecoverOptions, type WholeWalk, signalOf, walkWhole } from './recovery-walk.js';
import { type Tail, tailAtEnd } from '../format/tail.js';

/** Why what follows the whole records is not simply missing. */
export interface Damage {
  /** The rule that is broken, or H4_INNER_DAMAGE where a chunk does not end within the file. */
  readonly code: ErrorCode;
  readonly message: string;
  /** File position of the first chunk that cannot be used. */
  readonly offset: number;
  /** A chunk of the recording behind the damage: from there on more is whole. Undefined where none was looked for or found. */
  readonly later: LaterChunk | undefined;
}

/** What is lost at the least: nobody knows what was never written. */
export interface Loss {
  /** Bytes of the file behind what is whole. */
  readonly bytes: number;
  readonly records: number;
  /** When the lost part begins and until when it is known to have gone on, in timebase units; undefined where unknown. */
  readonly fromPts: number | undefined;
  readonly toPts: number | undefined;
}

/** What reading a file as far as it is whole has found. */
export interface RecoveryScan {
  /** `complete`: closed by its writer. `open`: whole chunks up to its end, but no close. `cut`: the file ends in an unfinished
   * part. `damaged`: as far as `end` it is whole, and what follows must not be thrown away. */
  readonly condition: 'complete' | 'open' | 'cut' | 'damaged';
  /** Length of what is whole: the file up to there is a recording without a fault. */
  readonly end: number;
  readonly records: number;
  /** The latest moment that is covered, in timebase units; undefined where there are no media. */
  readonly endPts: number | undefined;
  readonly metas: MetaLedger;
  readonly lost: Loss;
  readonly damage: Damage | undefined;
  readonly warnings: readonly Finding[];
}

/** Reads a recording from its first byte to where it stops being whole. Changes nothing. */
export const scanRecording = async (source: ByteSource, options: RecoverOptions = {}): Promise<RecoveryScan> => {
  const span = new MediaSpan();
  const walk = await walkWhole(createSourceFeed(source, signalOf(options)), span, options);
  const { run, end } = walk;
  const { records: check, result } = run;
  const metas = check?.records.metas;
  if (check === undefined || result === undefined || metas?.info === undefined || walk.records === 0) {
    throw (await recordZeroDamage(source, walk, options)) ?? notRecoverable(run);
  }
  const { fileId, tracks } = check.records;

  const limits = createLimits(options.limits);
  const isCut = end + CHUNK_HEADER_BYTES <= source.size;
  const known: KnownPart = {
    fileId,
    mediaEnd: isCut ? await announcedEnd(source, end, limits, options.signal) : 0,
    records: walk.records,
    posOf: (track) => (metas.hasTrack(track) ? tracks.pos(track) : undefined),
  };
  const later = end < source.size ? await findLater(source, walk.checked, known, options) : undefined;
  // What it says of the number of records is believed for the account of what is lost, and for nothing else.
  const last = tailAtEnd(
    await source.read(Math.max(0, source.size - TAIL_CHUNK_BYTES), source.size, options.signal),
    source.size,
  );
  const damage = damageOf(walk, later) ?? misclosed(walk, last, source.size);
  const claims = [last?.records, options.promised?.records, later === 'unknown' ? undefined : later?.records];
  return {
    condition: conditionOf(walk, damage, source.size),
    end,
    records: walk.records,
    endPts: span.end,
    metas,
    lost: lossOf(walk, source.size, span, [...claims, await recordsBegun(source, walk, options)]),
    damage,
    warnings: run.findings.warnings,
  };
};

/** Without record 0 nobody can read a recording; that it goes on behind it must be told all the same. */
const recordZeroDamage = async (
  source: ByteSource,
  { run }: WholeWalk,
  options: RecoverOptions,
): Promise<H4Error | undefined> => {
  const [fault] = run.findings.errors;
  const isUnfinished = fault?.code === 'H4_NO_RECORDS' || fault?.code === 'H4_CRC_MISMATCH';
  const isRecording = run.records !== undefined && isUnfinished && source.size > HEADER_BYTES;
  const known: KnownPart = { fileId: undefined, mediaEnd: 0, records: 0, posOf: () => 0 };
  const later = isRecording ? await findLater(source, HEADER_BYTES + 1, known, options) : undefined;
  if (later === undefined) return undefined;
  const found = later === 'unknown' ? '' : `: it goes on with ${later.tag} at offset ${later.offset}`;
  return new H4Error(
    'H4_INNER_DAMAGE',
    `Record 0, without which a recording cannot be read, is damaged${found}; another copy of its first bytes may mend it`,
    { detail: { offset: HEADER_BYTES, records: 0, ...(later === 'unknown' ? {} : { later }) } },
  );
};

/** Why there is nothing that could be recovered. */
const notRecoverable = (run: CheckRun): H4Error => {
  const [first] = run.findings.errors;
  const form = run.result?.format;
  if (form === 'legacy') {
    return first === undefined
      ? new H4Error('H4_PARAM', 'This is a legacy file, and whole as far as it can tell: there is nothing to recover')
      : new H4Error(first.code, `A legacy file has no records that could be recovered: ${first.message}`);
  }
  if (form === 'slice') {
    return new H4Error('H4_PARAM', 'This is a slice, a proof about some records: get it again from where it was made');
  }
  return first === undefined
    ? new H4Error('H4_NO_RECORDS', 'The file ends before record 0 is whole: there is nothing to recover')
    : new H4Error(first.code, first.message, { detail: { offset: first.offset } });
};

const findLater = async (
  source: ByteSource,
  start: number,
  known: KnownPart,
  { limits, signal }: RecoverOptions,
): Promise<LaterChunk | 'unknown' | undefined> => {
  try {
    return await findLaterChunk(source, start, known, createLimits(limits), signal);
  } catch (error) {
    if (error instanceof TooManyCandidates) return 'unknown';
    throw error;
  }
};

/** Faults of a chunk that was being written when the power went: its bytes are not those that were sent. */
const TORN: ReadonlySet<ErrorCode> = new Set(['H4_CRC_MISMATCH', 'H4_BAD_TAG', 'H4_LIMIT_CHUNK']);

const damageOf = ({ run, end }: WholeWalk, later: LaterChunk | 'unknown' | undefined): Damage | undefined => {
  const [fault] = run.findings.errors;
  // A close without its TILE is found fault with at its end, or would be, had the file not been torn behind it.
  const isTiled = (run.records?.untiledVeri ?? 0) === 0;
  const isTorn = fault === undefined || TORN.has(fault.code);
  if (isTorn && later === undefined && isTiled) return undefined;
  const seen = later === 'unknown' ? undefined : later;
  if (fault !== undefined) return { code: fault.code, message: fault.message, offset: fault.offset, later: seen };
  const message = 'A chunk runs past the end of the file, although later ones of the recording stand in it';
  return { code: 'H4_INNER_DAMAGE', message, offset: end, later: seen };
};

/**
 * A close that ends in a TAIL of another state than final breaks no rule, but it is no close, and the TAIL is there: nothing before
 * it is cut off (rule 3).
 */
const misclosed = ({ end }: WholeWalk, last: Tail | undefined, size: number): Damage | undefined => {
  if (last === undefined || end === size) return undefined;
  const message = 'The close of the recording ends in a TAIL that does not say that it is closed';
  return {
    code: 'H4_TAIL_STATE',
    message,
    offset: end,
    later: { tag: 'TAIL', offset: last.self, records: last.records },
  };
};

const conditionOf = (walk: WholeWalk, damage: Damage | undefined, size: number): RecoveryScan['condition'] => {
  if (damage !== undefined) return 'damaged';
  if (walk.end < size) return 'cut';
  return walk.run.result?.format === 'final' ? 'complete' : 'open';
};

/** Whole records and the one that has begun: with a fault, without its payload, or with part of its TOKN. */
const recordsBegun = async (
  source: ByteSource,
  { end, records, lone, run }: WholeWalk,
  { signal }: RecoverOptions,
): Promise<number> => {
  if (lone !== undefined || (run.records?.records.tree.size ?? 0) > records) return records + 1;
  const tag = await source.read(end, Math.min(end + 4, source.size), signal);
  return String.fromCharCode(...tag) === 'TOKN' ? records + 1 : records;
};

const lossOf = (
  { end, records, lone }: WholeWalk,
  size: number,
  span: MediaSpan,
  claims: readonly (number | undefined)[],
): Loss => {
  const known = Math.max(records, ...claims.map((claim = 0) => claim));
  const lost = new MediaSpan();
  if (lone !== undefined) lost.add(lone);
  return {
    bytes: size - end,
    records: known - records,
    fromPts: known > records ? span.end : undefined,
    toPts: lost.end,
  };
};
