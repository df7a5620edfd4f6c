/**
 * `H4MKReader`: random access to a recording by positioned reads (spec/h4mk.md section 9). It opens a file from its first
 * and last 64 KiB, finds records through the tiles, and hands out payloads only after comparing them with what their
 * record committed to. Offsets and times in indexes are hints: a lie is refused where it is met, with a code.
 */
import { createEngineSet, type EngineSet } from '../../compression/api/engine-set.js';
import { storedEngine } from '../../compression/api/stored.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { type Block, decodeBlock } from './block.js';
import { parseChunkHeader } from '../format/chunk.js';
import { assertHeader } from '../format/header.js';
import type { ByteSource } from '../io/io.js';
import { KeyRing } from '../secrecy/key-ring.js';
import {
  CHUNK_HEADER_BYTES,
  HEADER_BYTES,
  MODE,
  TAIL_CHUNK_BYTES,
  TAIL_STATE,
  isHiddenMode,
} from '../format/layout.js';
import { type Limits, createLimits } from '../format/limits.js';
import { leafHash } from '../tree/merkle.js';
import { MetaLedger, type RecordingInfo, type TrackInfo, parseMeta } from '../format/meta.js';
import { PreloadedSource } from '../source/preloaded-source.js';
import type { RecordIndex } from './record-index.js';
import {
  type LocatedHead,
  type RawRecord,
  type StoredRecord,
  readHeadAt,
  readRawRecordAt,
  readRecordAt,
} from './record-reader.js';
import { type Tail, tailAtEnd } from '../format/tail.js';
import { TileIndex } from './tile-index.js';
import type { TreeHashes } from '../tree/tree-hashes.js';
import type { Tokn, ToknHead } from '../format/tokn.js';
import { type Guide, findByPosition, findKeyByPts, lastOfTrack } from './track-search.js';
import { WalkedIndex, sliceError } from './walked-index.js';

export interface OpenOptions {
  /** Engines that may decode blocks. Default: `stored-v1` only. */
  readonly engines?: EngineSet;
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
  /** For masked and encrypted blocks, in any order, each of at least 32 bytes. */
  readonly contentKeys?: readonly Uint8Array[];
}

/** Where a recording is read from and how its records are found. All that the index says is a hint. */
export interface RecordingBasis {
  readonly source: ByteSource;
  readonly limits: Limits;
  readonly index: RecordIndex;
}

export interface RecordRange {
  /** Records `[from, to)`. Default: all. */
  readonly from?: number;
  readonly to?: number;
  readonly track?: number;
}

const WINDOW_BYTES = 64 * 1024;
/** META records that a reader holds at once, to apply them in order. */
const MAX_METAS = 16_384;

export class H4MKReader {
  /** leaf(0): what every signature of this recording names. */
  readonly fileId: Uint8Array;
  readonly info: RecordingInfo;
  /** The TAIL at the end of the file, if it has one. */
  readonly tail: Tail | undefined;
  readonly #source: PreloadedSource;
  readonly #limits: Limits;
  readonly #engines: EngineSet;
  readonly #ring: KeyRing;
  readonly #index: RecordIndex;
  /** Where record 1 stands, unless something that is no record stands before it. */
  readonly #secondOffset: number;
  /** Where the first block seems to stand, as far as META has been read: a hint. */
  #firstBlock: { readonly seq: number; readonly offset: number };
  #metas: Promise<MetaLedger> | undefined;
  #describing: readonly number[] = [];

  private constructor(
    source: PreloadedSource,
    limits: Limits,
    engines: EngineSet,
    ring: KeyRing,
    opened: {
      readonly fileId: Uint8Array;
      readonly info: RecordingInfo;
      readonly tail: Tail | undefined;
      readonly index: RecordIndex;
      readonly secondOffset: number;
    },
  ) {
    this.#source = source;
    this.#limits = limits;
    this.#engines = engines;
    this.#ring = ring;
    this.fileId = opened.fileId;
    this.info = opened.info;
    this.tail = opened.tail;
    this.#index = opened.index;
    this.#secondOffset = opened.secondOffset;
    this.#firstBlock = { seq: 1, offset: opened.secondOffset };
  }

  /** Opens a recording. The reader does not own `source`: whoever opened it closes it. */
  static async open(source: ByteSource, options: OpenOptions = {}): Promise<H4MKReader> {
    const { engines = createEngineSet([storedEngine]), signal } = options;
    const limits = createLimits(options.limits);
    const ring = new KeyRing(options.contentKeys ?? []);
    const preloaded = new PreloadedSource(source);
    const headEnd = Math.min(source.size, WINDOW_BYTES);
    const tailStart = Math.max(headEnd, source.size - WINDOW_BYTES);
    const head = preloaded.preload(0, headEnd, signal);
    await (tailStart < source.size ? Promise.all([head, preloaded.preload(tailStart, source.size, signal)]) : head);
    return H4MKReader.#opened(preloaded, limits, engines, ring, signal);
  }

  static async #opened(
    source: PreloadedSource,
    limits: Limits,
    engines: EngineSet,
    ring: KeyRing,
    signal: AbortSignal | undefined,
  ): Promise<H4MKReader> {
    assertHeader(await source.read(0, Math.min(HEADER_BYTES, source.size), signal));
    const tail = tailAtEnd(
      await source.read(Math.max(0, source.size - TAIL_CHUNK_BYTES), source.size, signal),
      source.size,
    );
    await assertRecordFile(source, tail, signal);
    const { tokn, payload } = await readRecordZero(source, limits, signal);
    const info = payload === undefined || tokn.mode !== MODE.meta ? undefined : applied([payload], limits).info;
    if (info === undefined) throw new H4Error('H4_RECORD0', 'Record 0 is not a META that describes a recording');
    const tiled = tail === undefined ? undefined : await TileIndex.open(source, tail, limits, signal);
    const index = tiled ?? (await WalkedIndex.open(source, info.seekTrack, limits, signal));
    const secondOffset = HEADER_BYTES + recordBytes(tokn);
    const opened = { fileId: leafHash(tokn.entry), info, tail, index, secondOffset };
    return new H4MKReader(source, limits, engines, ring, opened);
  }

  /** Number of records, those of META included. */
  get recordCount(): number {
    return this.#index.count;
  }

  /** Whether the file ends in a TAIL of state final: its writer closed it. */
  get isClosed(): boolean {
    return this.tail?.state === TAIL_STATE.final;
  }

  /** All META records of the file, applied in order. Read once, when first asked for. */
  async metas(signal?: AbortSignal): Promise<MetaLedger> {
    this.#metas ??= this.#readMetas(signal).catch((error: unknown) => {
      this.#metas = undefined;
      throw error;
    });
    return this.#metas.catch((error: unknown) => {
      // Somebody else gave up a reading that several were waiting for.
      if (isH4Error(error, 'H4_CANCELLED') && signal?.aborted !== true) return this.metas(signal);
      throw error;
    });
  }

  async tracks(signal?: AbortSignal): Promise<readonly TrackInfo[]> {
    return (await this.metas(signal)).tracks;
  }

  /** META records are chained by `back` from the latest one to record 0. */
  async #readMetas(signal: AbortSignal | undefined): Promise<MetaLedger> {
    const payloads: Uint8Array[] = [];
    const describing: number[] = [];
    let bytes = 0;
    // The newest and the oldest stand at known places, and the safety scopes nearly always next: no tile is read for them.
    const readAt = (offset: number, seq?: number): Promise<StoredRecord> =>
      readRecordAt(this.#source, { offset, end: 0 }, seq, this.#limits, signal);
    for (let record = await readAt(this.#index.latestMeta); ;) {
      const { tokn, payload } = record;
      const { seq } = tokn;
      if (seq >= this.recordCount) {
        throw new H4Error('H4_INDEX_MISMATCH', `The latest META is record ${seq}, but there are ${this.recordCount}`);
      }
      if (tokn.mode === MODE.meta && payload !== undefined) payloads.push(payload.slice());
      describing.push(seq);
      if (seq === 1) this.#firstBlock = { seq: 2, offset: record.offset + recordBytes(tokn) };
      bytes += tokn.size;
      if (bytes > this.#limits.maxChunkBytes || payloads.length > MAX_METAS) {
        const limit = `${MAX_METAS} records or ${this.#limits.maxChunkBytes} bytes`;
        throw new H4Error('H4_LIMIT_META', `The META of this file has more than ${limit} together`);
      }
      if (seq === 0) break;
      if (tokn.back < 1 || tokn.back > seq)
        throw new H4Error('H4_TOKN_BACK', `Record ${seq} does not lead back to record 0`);
      const next = seq - tokn.back;
      if (next === 0) record = await readAt(HEADER_BYTES, 0);
      else if (next > 1) record = await this.record(next, signal);
      else record = await readAt(this.#secondOffset, next).catch(() => this.record(next, signal));
    }
    this.#describing = describing.reverse();
    return applied(payloads.reverse(), this.#limits);
  }

  /** The head of record `seq`. */
  async head(seq: number, signal?: AbortSignal): Promise<LocatedHead> {
    const { offset } = await this.#index.place(seq, signal);
    return readHeadAt(this.#source, offset, seq, this.#limits, signal);
  }

  /** Record `seq` with its verified payload: one exact read. */
  async record(seq: number, signal?: AbortSignal): Promise<StoredRecord> {
    return readRecordAt(this.#source, await this.#index.place(seq, signal), seq, this.#limits, signal);
  }

  /** Record `seq` as it stands in the file, with its payload verified unless it was redacted: what a slice copies. */
  async rawRecord(seq: number, signal?: AbortSignal): Promise<RawRecord> {
    return readRawRecordAt(this.#source, await this.#index.place(seq, signal), seq, this.#limits, signal);
  }

  /** The hashes of the tree as the tiles have them; undefined for a file without tiles. */
  get tree(): TreeHashes | undefined {
    return this.#index instanceof TileIndex ? this.#index.hashes : undefined;
  }

  /** What copies and proofs of this recording are made from, inside the container. */
  get basis(): RecordingBasis {
    return { source: this.#source, limits: this.#limits, index: this.#index };
  }

  /** Numbers of the records without a track, META and safety scopes, in order: what describes the others. */
  async describingRecords(signal?: AbortSignal): Promise<readonly number[]> {
    await this.metas(signal);
    return this.#describing;
  }

  /** The decoded media block of record `seq`. */
  async block(seq: number, signal?: AbortSignal): Promise<Block> {
    return this.#decode(await this.record(seq, signal), signal);
  }

  async #decode(record: StoredRecord, signal: AbortSignal | undefined): Promise<Block> {
    const { mode } = record.tokn;
    // Later META records list further epochs: they are read for hidden blocks only, and only if there is a key at all.
    if (isHiddenMode(mode) && !this.#ring.isEmpty) this.#ring.admit((await this.metas(signal)).epochs);
    return decodeBlock(record, this.info, this.#engines, { fileId: this.fileId, ring: this.#ring });
  }

  /**
   * Refuses, before a block is read, a range with masked or encrypted blocks that no key opens: H4_KEY_MISSING without any
   * key, else H4_KEY_WRONG. Looks at the heads of the range only where the keys do not fit every epoch of the recording.
   */
  async assertOpens(range: RecordRange = {}, signal?: AbortSignal): Promise<void> {
    const { epochs } = await this.metas(signal);
    this.#ring.admit(epochs);
    if (epochs.every(({ epoch }) => this.#ring.opens(epoch))) return;
    for await (const { mode, epoch, seq } of this.heads(range, signal)) {
      if (isHiddenMode(mode)) this.#ring.assertOpens(epoch, seq);
    }
  }

  /** The last key record of `track` (default: the seek track) at or before `pts`, or undefined if there is none. */
  async seek(
    pts: number,
    options: { readonly track?: number; readonly signal?: AbortSignal } = {},
  ): Promise<LocatedHead | undefined> {
    const { track = this.info.seekTrack, signal } = options;
    assertTime(pts);
    const read = (seq: number): Promise<LocatedHead> => this.head(seq, signal);
    if (track !== this.info.seekTrack) return findKeyByPts(read, this.recordCount, track, pts);
    const key = await this.#index.lastKey(pts, signal);
    if (key === undefined) return undefined;
    const head = await read(key.seq);
    this.#assertKey(head, key.pts, pts);
    return head;
  }

  /** The block that `seek` leads to, read together with its head: one read less than seek and block. */
  async blockAt(pts: number, options: { readonly signal?: AbortSignal } = {}): Promise<Block | undefined> {
    const { signal } = options;
    assertTime(pts);
    const early = new Map<number, Promise<StoredRecord>>();
    const key = await this.#index.lastKey(pts, signal, ({ seq }) => {
      if (early.size > 0) return;
      const record = this.record(seq, signal);
      early.set(seq, record);
      // Who waits for it hears of a failure; if nobody does, it is no concern.
      record.catch(() => undefined);
    });
    if (key === undefined) return undefined;
    const record = await (early.get(key.seq) ?? this.record(key.seq, signal));
    this.#assertKey(record.tokn, key.pts, pts);
    return this.#decode(record, signal);
  }

  #assertKey(head: ToknHead, pts: number, wanted: number): void {
    if (head.track !== this.info.seekTrack || !head.key || head.pts !== pts || pts > wanted) {
      throw new H4Error(
        'H4_INDEX_MISMATCH',
        `The index names record ${head.seq} as the key record at ${pts} to begin with for ${wanted}, but it is not`,
      );
    }
  }

  /** The record that holds byte `position` of the raw stream of `track`; H4_RANGE_NOT_FOUND where there is none. */
  async findByte(track: number, position: number, signal?: AbortSignal): Promise<LocatedHead> {
    const metas = await this.metas(signal);
    const read = (seq: number): Promise<LocatedHead> => this.head(seq, signal);
    const length = metas.hasTrack(track) ? await this.trackLength(track, signal) : 0;
    const count = this.recordCount;
    const end = metas.ended
      ? { seq: count - 1, offset: this.#index.latestMeta }
      : { seq: count, offset: this.#source.size };
    const guide: Guide = {
      first: { ...this.#firstBlock, pos: 0 },
      last: { ...end, pos: length },
      nearPayload: (payload, from, to) => this.#index.nearPayload(payload, from, to, signal),
    };
    const found =
      position >= 0 && position < length ? await findByPosition(read, count, track, position, guide) : undefined;
    if (found === undefined) {
      throw new H4Error('H4_RANGE_NOT_FOUND', `Track ${track} has ${length} bytes: there is none at ${position}`);
    }
    return found;
  }

  /** Bytes of the raw stream of `track`: from the end record, else from the track's last record. */
  async trackLength(track: number, signal?: AbortSignal): Promise<number> {
    const { totals, ended } = await this.metas(signal);
    if (ended && totals !== undefined) return totals.find((total) => total.track === track)?.raw ?? 0;
    const last = await lastOfTrack((seq) => this.head(seq, signal), this.recordCount, track);
    return last === undefined ? 0 : last.pos + last.raw;
  }

  /** Heads of the records of a range, in order. */
  async *heads(range: RecordRange = {}, signal?: AbortSignal): AsyncGenerator<LocatedHead, void> {
    const { from = 0, to = this.recordCount, track } = range;
    for (let seq = from; seq < to; seq++) {
      const head = await this.head(seq, signal);
      if (track === undefined || head.track === track) yield head;
    }
  }

  /** Decoded blocks of one track, in order: the pieces of its raw stream. */
  async *blocks(range: RecordRange & { readonly track: number }, signal?: AbortSignal): AsyncGenerator<Block, void> {
    const { from = 0, to = this.recordCount, track } = range;
    const isOnly = (await this.tracks(signal)).length === 1;
    for (let seq = from; seq < to; seq++) {
      if (!isOnly && (await this.head(seq, signal)).track !== track) continue;
      const record = await this.record(seq, signal);
      if (record.tokn.track === track) yield await this.#decode(record, signal);
    }
  }
}

/** Refuses the two forms of file that have no record at every record number. */
const assertRecordFile = async (
  source: ByteSource,
  tail: Tail | undefined,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const end = HEADER_BYTES + CHUNK_HEADER_BYTES;
  if (source.size < end) throw new H4Error('H4_NO_RECORDS', 'The file ends before its first record');
  const { tag } = parseChunkHeader(await source.read(HEADER_BYTES, end, signal), 0, HEADER_BYTES);
  if (tag !== 'TOKN') {
    throw new H4Error('H4_ENGINE_UNKNOWN', 'This is a legacy file, without records: open it with LegacyReader', {
      detail: { form: 'legacy' },
    });
  }
  if (tail?.state === TAIL_STATE.slice) throw sliceError();
};

const readRecordZero = async (
  source: ByteSource,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<StoredRecord> => {
  try {
    return await readRecordAt(source, { offset: HEADER_BYTES, end: 0 }, 0, limits, signal);
  } catch (error) {
    if (!isH4Error(error, 'H4_TRUNCATED')) throw error;
    throw new H4Error('H4_NO_RECORDS', 'The file ends before record 0 is whole', { cause: error });
  }
};

const assertTime = (pts: number): void => {
  if (typeof (pts as unknown) !== 'number' || Number.isNaN(pts)) {
    throw new H4Error('H4_PARAM', `A time is a number of timebase units, not ${String(pts)}`);
  }
};

/** META payloads applied in order. */
const applied = (payloads: readonly Uint8Array[], limits: Limits): MetaLedger => {
  const metas = new MetaLedger();
  for (const payload of payloads) metas.apply(parseMeta(payload, limits).json, undefined);
  return metas;
};

/** Bytes of a record in the file. */
const recordBytes = ({ entry, blind, size }: Tokn): number =>
  2 * CHUNK_HEADER_BYTES + entry.length + blind.length + size;
