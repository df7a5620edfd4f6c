/**
 * `ProvenReader`: random access to a recording that somebody signed, by positioned reads, from whom nobody trusts (spec/h4mk.md
 * sections 6 to 9). It takes the newest checkpoint that a policy believes and answers only what is proven under it. Whatever
 * file, server and index say may cost a failure with a code, never a wrong answer.
 *
 * An answer is about the records of the checkpoint and silent about later ones: `checkpoint.size` says how many they are, and
 * `isComplete` whether the recording ends there. An older checkpoint than the newest is not noticed here: who wants to notice
 * remembers the largest one (section 11).
 */
import { createEngineSet, type EngineSet } from '../../compression/api/engine-set.js';
import { storedEngine } from '../../compression/api/stored.js';
import { H4Error } from '../../utils/error.js';
import { type Block, decodeBlock } from '../read/block.js';
import { type FoundCheckpoint, findCheckpoint } from './checkpoint-search.js';
import { parseChunkHeader } from '../format/chunk.js';
import { assertHeader } from '../format/header.js';
import type { ByteSource } from '../io/io.js';
import { KeyRing } from '../secrecy/key-ring.js';
import {
  CHUNK_HEADER_BYTES,
  HEADER_BYTES,
  MAX_MEDIA_TRACK,
  MODE,
  TOKN_HEAD_BYTES,
  isHiddenMode,
} from '../format/layout.js';
import { type Limits, createLimits } from '../format/limits.js';
import { leafHash } from '../tree/merkle.js';
import { MetaLedger, type RecordingInfo, parseMeta } from '../format/meta.js';
import type { Note } from '../format/note.js';
import { PreloadedSource } from '../source/preloaded-source.js';
import { epochsOf } from './proven-metas.js';
import { recordsOfRange } from './proven-range.js';
import { ProvenRecords } from './proven-records.js';
import {
  type ProvenKeys,
  type SeekQuestion,
  type SuggestedKeys,
  endingOf,
  proveKeys,
  suggestedByHeads,
  suggestedByTiles,
} from './proven-seek.js';
import { ProvenTree } from './proven-tree.js';
import { type LocatedTokn, type StoredRecord, readHeadAt, readRecordAt } from '../read/record-reader.js';
import {
  type ProvenCheckpoint,
  assertEngine,
  assertFileId,
  provenCheckpoint,
  recordingOf,
} from './signed-recording.js';
import type { Tokn } from '../format/tokn.js';
import type { TrackTotal } from '../format/track-ledger.js';
import type { Landmark } from '../read/track-search.js';
import type { TreeHashes } from '../tree/tree-hashes.js';
import { type NoteVerdict, type TrustPolicy, judgeNote } from '../trust/trust.js';

export interface UnjudgedOptions {
  readonly limits?: Partial<Limits>;
  /** Engines that may decode blocks. Default: `stored-v1` only. */
  readonly engines?: EngineSet;
  /** For masked and encrypted blocks, in any order. */
  readonly contentKeys?: readonly Uint8Array[];
  readonly signal?: AbortSignal;
}

export interface ProvenOptions extends UnjudgedOptions {
  /** Whom to believe: chosen before the file is looked at. */
  readonly trust: TrustPolicy;
  /** Seconds since 1970; without it, whatever in the policy depends on it does not count. */
  readonly now?: number;
  /** The recording that is meant; without it, any that the policy trusts may stand in its place. */
  readonly fileId?: Uint8Array;
}

/** The answer to a seek, with what proves it. */
export interface ProvenSeek extends ProvenKeys {
  readonly track: number;
  readonly pts: number;
  /** Records that the answer is about. */
  readonly size: number;
}

/** How long the raw stream of a track is. */
export interface TrackExtent {
  readonly length: number;
  /** Where it ends in the file, for those who search in it: a hint. */
  readonly last: Landmark;
  /** The end record whose totals say so, or else */
  readonly end: StoredRecord | undefined;
  /** the last record of the track and all that follow it. */
  readonly ending: readonly LocatedTokn[];
}

/** What is demanded of a checkpoint and of the recording that it is of. */
interface Demands {
  readonly judge: (note: Note) => NoteVerdict;
  readonly engines: TrustPolicy['engines'];
  readonly fileId: Uint8Array | undefined;
}

interface SeekOptions {
  /** Default: the seek track. */
  readonly track?: number;
  /** Whether the payload of the key record is read with it. Default no. */
  readonly withPayload?: boolean;
  readonly signal?: AbortSignal;
}

/** What is proven about the end of the recording. */
interface Ending {
  /** The record that every later one would have to follow. */
  readonly record: StoredRecord;
  readonly isComplete: boolean;
  readonly totals: readonly TrackTotal[] | undefined;
}

/** Bytes at either end of a file that are read to open it. */
const WINDOW_BYTES = 64 * 1024;

export class ProvenReader {
  /** leaf(0) of record 0, which is held: the checkpoint names it. */
  readonly fileId: Uint8Array;
  readonly info: RecordingInfo;
  readonly checkpoint: ProvenCheckpoint;
  /** The payload of the SIGN that holds the checkpoint. */
  readonly note: Uint8Array;
  readonly recordZero: StoredRecord;
  readonly limits: Limits;
  readonly #records: ProvenRecords;
  readonly #engines: EngineSet;
  readonly #ring: KeyRing;
  readonly #latestMeta: number;
  #ending: Ending | undefined;

  private constructor(
    records: ProvenRecords,
    { note, payload, verdict, index }: FoundCheckpoint,
    zero: StoredRecord,
    info: RecordingInfo,
    options: UnjudgedOptions,
  ) {
    this.#records = records;
    this.note = payload;
    this.recordZero = zero;
    this.fileId = leafHash(zero.tokn.entry);
    this.info = info;
    this.limits = records.limits;
    this.#engines = options.engines ?? createEngineSet([storedEngine]);
    this.#ring = new KeyRing(options.contentKeys ?? []);
    this.#latestMeta = index.latestMeta;
    this.checkpoint = provenCheckpoint(note, verdict);
  }

  /**
   * Opens a recording under the newest checkpoint that the policy believes: mostly two reads in one round trip. The reader
   * does not own `source`: whoever opened it closes it. H4_SIGN_* where no checkpoint is good enough.
   */
  static open(source: ByteSource, options: ProvenOptions): Promise<ProvenReader> {
    const { trust, now, fileId } = options;
    const judge = (note: Note): NoteVerdict => judgeNote(note, trust, now);
    return ProvenReader.#open(source, options, { judge, engines: trust.engines, fileId });
  }

  /**
   * Opens a recording under its newest checkpoint, whoever signed it: for servers that make proofs (`proveSeek`,
   * `proveRange`), which their clients judge. What this reader answers is proven to nobody.
   */
  static openUnjudged(source: ByteSource, options: UnjudgedOptions = {}): Promise<ProvenReader> {
    return ProvenReader.#open(source, options, { judge: () => UNJUDGED, engines: undefined, fileId: undefined });
  }

  static async #open(
    source: ByteSource,
    options: UnjudgedOptions,
    { judge, engines, fileId: wanted }: Demands,
  ): Promise<ProvenReader> {
    const { signal } = options;
    const limits = createLimits(options.limits);
    const near = new PreloadedSource(source);
    const headEnd = Math.min(source.size, WINDOW_BYTES);
    const tailStart = Math.max(headEnd, source.size - WINDOW_BYTES);
    const head = near.preload(0, headEnd, signal);
    await (tailStart < source.size ? Promise.all([head, near.preload(tailStart, source.size, signal)]) : head);

    assertHeader(await near.read(0, Math.min(HEADER_BYTES, near.size), signal));
    await assertRecords(near, signal);
    const zero = await readRecordAt(near, { offset: HEADER_BYTES, end: 0 }, 0, limits, signal);
    const info = recordingOf(zero.tokn, zero.payload, limits);
    assertEngine(info, engines);
    const fileId = leafHash(zero.tokn.entry);
    assertFileId(fileId, wanted);
    const found = await findCheckpoint(near, { fileId, uid: info.uid, judge, limits, signal });
    const { size, root } = found.note;
    const index = await found.index.upTo(size, signal);
    const tree = await ProvenTree.open(size, root, (level, at, stop) => index.tile(level, at, stop), signal);
    return new ProvenReader(new ProvenRecords(near, index, tree, limits), found, zero, info, options);
  }

  /** The tree of the checkpoint: what it gives has been led back to the signed root. */
  get tree(): TreeHashes {
    return this.#records.tree;
  }

  /** The TOKN of record `seq`, proven. */
  async tokn(seq: number, signal?: AbortSignal): Promise<Tokn> {
    return (await this.#records.tokn(seq, { signal })).tokn;
  }

  /** Record `seq`, proven, with its payload unless it was redacted. */
  record(seq: number, signal?: AbortSignal): Promise<StoredRecord> {
    return this.#records.record(seq, { signal });
  }

  /** The decoded block of a record that has been proven. */
  async block(record: StoredRecord, signal?: AbortSignal): Promise<Block> {
    if (isHiddenMode(record.tokn.mode) && !this.#ring.isEmpty)
      this.#ring.admit(await epochsOf(this.#records, this.recordZero, this.#latestMeta, signal));
    return decodeBlock(record, this.info, this.#engines, { fileId: this.fileId, ring: this.#ring });
  }

  /**
   * The last KEY record of a track at or before `pts`, among the records of the checkpoint, by the rule of section 9.4.
   * H4_SEEK_NOT_ADJACENT where an index leads to another one.
   */
  async seek(pts: number, { track, withPayload = false, signal }: SeekOptions = {}): Promise<ProvenSeek> {
    const question = { pts, track: track ?? this.info.seekTrack, size: this.checkpoint.size };
    if (typeof (pts as unknown) !== 'number' || Number.isNaN(pts)) {
      throw new H4Error('H4_PARAM', `A time is a number of timebase units, not ${String(pts)}`);
    }
    assertTrackNumber(question.track);
    if (question.track === this.info.seekTrack) {
      return this.#proveKeys(question, await suggestedByTiles(this.#records, pts, signal), withPayload, signal);
    }
    // What the end record says about a track without records spares looking for them everywhere.
    const { totals } = await this.#end(signal);
    if (totals?.some((total) => total.track === question.track) === false) return { ...question, ...NO_KEYS };
    return this.#proveKeys(question, await suggestedByHeads(this.#records, question, signal), withPayload, signal);
  }

  async #proveKeys(
    question: SeekQuestion,
    suggested: SuggestedKeys,
    withPayload: boolean,
    signal: AbortSignal | undefined,
  ): Promise<ProvenSeek> {
    return { ...question, ...(await proveKeys(this.#records, question, suggested, { withPayload, signal })) };
  }

  /** The answer of `seek` with its decoded block, read together. */
  async blockAt(
    pts: number,
    options: Omit<SeekOptions, 'withPayload'> = {},
  ): Promise<{ readonly seek: ProvenSeek; readonly block: Block | undefined }> {
    const seek = await this.seek(pts, { ...options, withPayload: true });
    return { seek, block: seek.record && (await this.block(seek.record, options.signal)) };
  }

  /** Whether the last record of the checkpoint is an end record: then the recording has no other records. */
  async isComplete(signal?: AbortSignal): Promise<boolean> {
    return (await this.#end(signal)).isComplete;
  }

  /** The end record, proven; undefined where the checkpoint does not reach it. */
  async endRecord(signal?: AbortSignal): Promise<StoredRecord | undefined> {
    const { isComplete, record } = await this.#end(signal);
    return isComplete ? record : undefined;
  }

  /** Bytes of the raw stream of `track` in the records of the checkpoint, proven (section 9.5). */
  async trackLength(track: number, signal?: AbortSignal): Promise<number> {
    return (await this.trackExtent(track, signal)).length;
  }

  /** How long a track is, and what proves it. */
  async trackExtent(track: number, signal?: AbortSignal): Promise<TrackExtent> {
    assertTrackNumber(track);
    const { isComplete, totals, record } = await this.#end(signal);
    if (isComplete && totals !== undefined) {
      const length = totals.find((total) => total.track === track)?.raw ?? 0;
      return { length, last: { seq: record.tokn.seq, offset: record.offset, pos: length }, end: record, ending: [] };
    }
    const ending = await endingOf(this.#records, track, { signal });
    const [located] = ending;
    if (located?.tokn.track !== track) return { length: 0, last: NOWHERE, end: undefined, ending };
    const { seq, pos, raw } = located.tokn;
    return { length: pos + raw, last: { seq, offset: located.offset, pos }, end: undefined, ending };
  }

  /**
   * The records that hold the bytes `[from, to)` of the raw stream of `track`, proven, with their payloads; `to` beyond the end of
   * the stream means its end. H4_RANGE_NOT_FOUND if `from` lies beyond it, which is proven too.
   */
  async *recordsOfRange(
    track: number,
    from: number,
    to: number = Infinity,
    signal?: AbortSignal,
  ): AsyncGenerator<StoredRecord, void> {
    assertTrackNumber(track);
    if (!Number.isSafeInteger(from) || from < 0 || !(Number.isSafeInteger(to) || to === Infinity) || to < from) {
      throw new H4Error('H4_PARAM', `A range is [from, to) with 0 <= from <= to, not [${from}, ${to})`);
    }
    if (from === to) return;
    const { length, last } = await this.trackExtent(track, signal);
    if (from >= length) throw notFound(track, length, from);
    const first = await this.#firstBlock(signal);
    yield* recordsOfRange(this.#records, { track, from, to: Math.min(to, length), first, last }, signal);
  }

  /**
   * The bytes `[from, to)` of the raw stream of `track`, verified, block by block. Bytes before a block that was redacted or
   * cannot be decoded are given first; H4_RANGE_REDACTED names in its detail the bytes `from` and `to` that are missing.
   */
  async *readRange(
    track: number,
    from: number,
    to: number = Infinity,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void> {
    for await (const record of this.recordsOfRange(track, from, to, signal)) {
      const { seq, pos, raw } = record.tokn;
      if (record.payload === undefined) {
        const detail = { seq, from: pos, to: pos + raw };
        throw new H4Error('H4_RANGE_REDACTED', `The bytes from ${pos} to ${pos + raw} have been redacted`, { detail });
      }
      const { bytes } = await this.block(record, signal);
      yield bytes.subarray(Math.max(0, from - pos), Math.min(raw, to - pos));
    }
  }

  /** The last record of the checkpoint, kept once it has been read. */
  async #end(signal: AbortSignal | undefined): Promise<Ending> {
    return (this.#ending ??= await this.#readEnd(signal));
  }

  async #readEnd(signal: AbortSignal | undefined): Promise<Ending> {
    const record = await this.#records.record(this.checkpoint.size - 1, { signal });
    const { tokn, payload } = record;
    if (tokn.seq === 0 || tokn.mode !== MODE.meta || payload === undefined) {
      return { record, isComplete: false, totals: undefined };
    }
    const metas = new MetaLedger();
    for (const meta of [this.recordZero.payload, payload]) {
      if (meta !== undefined) metas.apply(parseMeta(meta, this.limits).json, undefined);
    }
    return { record, isComplete: metas.ended, totals: metas.totals };
  }

  /** Where the first block seems to stand: behind record 0, and behind the safety scopes if they come next. */
  async #firstBlock(signal: AbortSignal | undefined): Promise<Landmark> {
    const { source, limits } = this.#records;
    const second = HEADER_BYTES + recordBytes(this.recordZero.tokn);
    const next = await readHeadAt(source, second, 1, limits, signal).catch(() => undefined);
    const behind = 2 * CHUNK_HEADER_BYTES + SCOPES_TOKN_BYTES + (next?.size ?? 0);
    return next?.mode === MODE.scopes
      ? { seq: 2, offset: second + behind, pos: 0 }
      : { seq: 1, offset: second, pos: 0 };
  }
}

const NO_KEYS: ProvenKeys = { key: undefined, next: undefined, ending: [], record: undefined };

const NOWHERE: Landmark = { seq: 0, offset: 0, pos: 0 };

const UNJUDGED: NoteVerdict = { verified: [], cosigners: [], ignored: [], lacks: undefined };

/** Size of a TOKN without tokens. */
const SCOPES_TOKN_BYTES = TOKN_HEAD_BYTES;

/** A legacy file has no records, and nothing that anybody could have signed. */
const assertRecords = async (source: ByteSource, signal: AbortSignal | undefined): Promise<void> => {
  const end = HEADER_BYTES + CHUNK_HEADER_BYTES;
  if (source.size < end) throw new H4Error('H4_NO_RECORDS', 'The file ends before its first record');
  const { tag } = parseChunkHeader(await source.read(HEADER_BYTES, end, signal), 0, HEADER_BYTES);
  if (tag !== 'TOKN')
    throw new H4Error('H4_SIGN_MISSING', 'This is a legacy file: nothing in it can be signed or proven');
};

const assertTrackNumber = (track: number): void => {
  if (Number.isInteger(track) && track >= 0 && track <= MAX_MEDIA_TRACK) return;
  throw new H4Error('H4_PARAM', `A track is a number from 0 to ${MAX_MEDIA_TRACK}, not ${track}`);
};

const notFound = (track: number, length: number, position: number): H4Error =>
  new H4Error('H4_RANGE_NOT_FOUND', `Track ${track} has ${length} bytes: there is none at ${position}`, {
    detail: { length },
  });

const recordBytes = ({ entry, blind, size }: Tokn): number =>
  2 * CHUNK_HEADER_BYTES + entry.length + blind.length + size;
