/**
 * `SliceReader`: random access to what a slice carries (spec/h4mk.md sections 9.5 and 11). A slice has no index, and is read
 * whole once when it is opened: every rule is checked, and what breaks one is not opened. From then on it answers for its
 * records only, and says of everything else that it is not in this clip, which is not the same as not in the recording.
 */
import { type EngineSet, createEngineSet } from '../../compression/api/engine-set.js';
import { storedEngine } from '../../compression/api/stored.js';
import { equalBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import type { Attachment } from './attachments.js';
import { type Block, decodeBlock } from '../read/block.js';
import { endOf, parseChunkHeader } from '../format/chunk.js';
import type { Demands } from '../check/demands.js';
import { createSourceFeed } from '../source/feed.js';
import { isLoss } from '../check/findings.js';
import type { ByteSource } from '../io/io.js';
import { KeyRing } from '../secrecy/key-ring.js';
import { CHUNK_HEADER_BYTES, isHiddenMode } from '../format/layout.js';
import { type Limits, createLimits } from '../format/limits.js';
import { leafHash } from '../tree/merkle.js';
import type { MetaLedger, RecordingInfo, TrackInfo } from '../format/meta.js';
import { type RangeProof, parseProf } from '../tree/range-proof.js';
import {
  type LocatedHead,
  type RawRecord,
  type StoredRecord,
  readRawRecordAt,
  readRecordAt,
} from '../read/record-reader.js';
import type { VerificationReport } from '../check/report.js';
import type { RecordRun } from '../read/run-reader.js';
import { type CarriedBlock, SliceIndex, SliceTree, notHere } from './slice-index.js';
import { createStreamRun } from '../check/verify.js';

export interface SliceOpenOptions extends Demands {
  /** Engines that may decode blocks. Default: `stored-v1` only. */
  readonly engines?: EngineSet;
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
  /** Called now and then with the number of bytes checked so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** A stretch of the raw stream of a track that a slice carries without a gap. */
export interface SlicePart {
  readonly bytes: { readonly start: number; readonly end: number };
  readonly pts: { readonly from: number; readonly to: number };
  readonly blocks: number;
  /** From the first of its records to behind the last. */
  readonly seqs: RecordRun;
}

export interface SliceRange {
  readonly track: number;
  /** PTS: from the key block at or before `from` on, up to the last block that begins before `to`. */
  readonly from?: number;
  readonly to?: number;
  /** Up to the first key block at or after `to` instead, as clips end. */
  readonly wholeGroups?: boolean;
}

/** What proves the records of a slice, and what is said of them. */
export interface SliceProofs {
  readonly tree: SliceTree;
  readonly notes: readonly Uint8Array[];
  readonly attachments: readonly Attachment[];
}

const BETWEEN: ReadonlySet<string> = new Set(['PROF', 'SIGN', 'TIME', 'ATTS']);

interface Opened {
  readonly source: ByteSource;
  readonly limits: Limits;
  readonly engines: EngineSet;
  readonly ring: KeyRing;
  readonly report: VerificationReport;
  readonly metas: MetaLedger;
  readonly info: RecordingInfo;
  readonly fileId: Uint8Array;
  readonly index: SliceIndex;
}

export class SliceReader {
  readonly #opened: Opened;

  private constructor(opened: Opened) {
    this.#opened = opened;
  }

  /** Checks a slice, and opens it. The reader does not own `source`: whoever opened it closes it. */
  static async open(source: ByteSource, options: SliceOpenOptions = {}): Promise<SliceReader> {
    const { engines = createEngineSet([storedEngine]), signal, onProgress } = options;
    const limits = createLimits(options.limits);
    const ring = new KeyRing(options.contentKeys ?? []);
    const index = new SliceIndex();
    const feed = createSourceFeed(source, signal === undefined ? {} : { signal });
    const { run, received } = createStreamRun(feed, limits, { ...options, observe: (record) => index.push(record) });
    while (await run.step()) onProgress?.(received());
    const report = run.report(received());
    assertSound(report);
    const { metas, fileId } = run.result ?? {};
    const info = metas?.info;
    if (report.format !== 'H4MK v1 slice' || metas === undefined || info === undefined || fileId === undefined) {
      throw new H4Error('H4_PARAM', 'The file is not a clip: open it with H4MKReader');
    }
    return new SliceReader({ source, limits, engines, ring, report, metas, info, fileId, index });
  }

  /** What the check says of the slice. It is sound, else it would not be open; who signed depends on whom one trusts. */
  get report(): VerificationReport {
    return this.#opened.report;
  }

  get info(): RecordingInfo {
    return this.#opened.info;
  }

  get fileId(): Uint8Array {
    return this.#opened.fileId;
  }

  get metas(): MetaLedger {
    return this.#opened.metas;
  }

  get tracks(): readonly TrackInfo[] {
    return this.metas.tracks;
  }

  /** Records that are here, and records of the recording when it was signed. */
  get recordCount(): number {
    return this.#opened.index.count;
  }

  get treeSize(): number {
    return this.report.tree_size;
  }

  /** Runs of records that are here, record 0 among them. */
  get runs(): readonly RecordRun[] {
    return this.#opened.index.runs;
  }

  get index(): SliceIndex {
    return this.#opened.index;
  }

  get basis(): { readonly source: ByteSource; readonly limits: Limits; readonly index: SliceIndex } {
    return this.#opened;
  }

  /** Record `seq` with its payload, if that was not redacted. H4_RANGE_NOT_FOUND if it is not here. */
  async record(seq: number, signal?: AbortSignal): Promise<StoredRecord> {
    const { source, limits, index } = this.#opened;
    const record = await readRecordAt(source, await index.place(seq), seq, limits, signal);
    this.#assertSame(record.tokn.entry, seq);
    return record;
  }

  async rawRecord(seq: number, signal?: AbortSignal): Promise<RawRecord> {
    const { source, limits, index } = this.#opened;
    const record = await readRawRecordAt(source, await index.place(seq), seq, limits, signal);
    this.#assertSame(record.tokn.entry, seq);
    return record;
  }

  /** What is read again must be what was checked: a source may have changed, or lie the second time. */
  #assertSame(entry: Uint8Array, seq: number): void {
    const leaf = this.index.leaf(seq);
    if (leaf !== undefined && equalBytes(leaf, leafHash(entry))) return;
    throw new H4Error('H4_PROOF_INVALID', `Record ${seq} is not the one that was checked when the clip was opened`);
  }

  async block(seq: number, signal?: AbortSignal): Promise<Block> {
    const record = await this.record(seq, signal);
    const { info, engines, ring, fileId, metas } = this.#opened;
    if (isHiddenMode(record.tokn.mode) && !ring.isEmpty) ring.admit(metas.epochs);
    return decodeBlock(record, info, engines, { fileId, ring });
  }

  /** Decoded blocks of one track, in order, with gaps where the slice has them. */
  async *blocks(range: SliceRange, signal?: AbortSignal): AsyncGenerator<Block, void> {
    for (const { seq } of this.#within(range)) yield await this.block(seq, signal);
  }

  /** The stretches of a track that the slice carries, in order. */
  parts(range: SliceRange): SlicePart[] {
    const parts: SlicePart[] = [];
    for (const { seq, pos, raw, fromPts, toPts } of this.#within(range)) {
      const last = parts.at(-1);
      const joins = last?.bytes.end === pos;
      if (joins) parts.pop();
      const start = joins ? last : undefined;
      parts.push({
        bytes: { start: start?.bytes.start ?? pos, end: pos + raw },
        pts: { from: Math.min(start?.pts.from ?? fromPts, fromPts), to: Math.max(start?.pts.to ?? toPts, toPts) },
        blocks: (start?.blocks ?? 0) + 1,
        seqs: { first: start?.seqs.first ?? seq, end: seq + 1 },
      });
    }
    return parts;
  }

  *#within({ track, from, to = Infinity, wholeGroups = false }: SliceRange): Generator<CarriedBlock, void> {
    const carried = this.index.tracks.get(track);
    if (carried === undefined) return;
    const first = from === undefined ? 0 : (carried.lastKey(from)?.i ?? 0);
    const end = carried.untilKey(to);
    for (let i = first; i < end; i++) {
      const block = carried.at(i);
      if (block !== undefined && (wholeGroups || block.pts < to)) yield block;
    }
  }

  /**
   * The last key record of `track` at or before `pts`. H4_RANGE_NOT_FOUND unless the slice itself shows that there is none
   * between the two; undefined only where it shows that there is none at all.
   */
  async seek(
    pts: number,
    options: { readonly track?: number; readonly signal?: AbortSignal } = {},
  ): Promise<LocatedHead | undefined> {
    const { track = this.info.seekTrack, signal } = options;
    const carried = this.index.tracks.get(track);
    const found = carried?.lastKey(pts);
    if (carried === undefined || found === undefined) {
      // The first key record of a track says that none comes before it.
      const first = carried?.at(0);
      if (first?.key === true && first.back === 0) return undefined;
      throw notHere(`a keyframe of track ${track} at or before PTS ${pts}`);
    }
    const lastRun = this.runs.at(-1);
    const isLast = lastRun?.end === this.treeSize && found.block.seq >= lastRun.first;
    if (!isLast && !shows(carried, found, pts)) throw notHere(`PTS ${pts} of track ${track}`);
    const { tokn, offset } = await this.record(found.block.seq, signal);
    return { ...tokn, offset };
  }

  /** The record that holds byte `position` of the raw stream of `track`. H4_RANGE_NOT_FOUND says whether clip or track lacks it. */
  async findByte(track: number, position: number, signal?: AbortSignal): Promise<LocatedHead> {
    const total = this.metas.totals?.find((each) => each.track === track)?.raw;
    const isEnded = this.metas.totals !== undefined && position >= (total ?? 0);
    if (!this.metas.hasTrack(track) || position < 0 || isEnded) {
      throw new H4Error('H4_RANGE_NOT_FOUND', `Track ${track} has no byte ${position}`, {
        detail: { not_in: 'track' },
      });
    }
    const carried = this.index.tracks.get(track);
    const block = carried?.at(carried.until(({ pos, raw }) => pos + raw > position));
    if (block === undefined || block.pos > position) throw notHere(`byte ${position} of track ${track}`);
    const { tokn, offset } = await this.record(block.seq, signal);
    return { ...tokn, offset };
  }

  /** What proves the records: the tree of the recording as far as the slice knows it, and its signatures, the newest last. */
  async proofs(signal?: AbortSignal): Promise<SliceProofs> {
    const proofs: RangeProof[] = [];
    const notes: Uint8Array[] = [];
    const attachments: Attachment[] = [];
    for await (const { tag, payload } of this.#betweenRecords(signal)) {
      if (tag === 'PROF') proofs.push(parseProf(payload));
      if (tag === 'SIGN') notes.push(payload);
      if (tag === 'ATTS' || tag === 'TIME') attachments.push({ tag, payload });
    }
    const tree = new SliceTree(this.treeSize, proofs, (seq) => this.index.leaf(seq));
    return { tree, notes, attachments };
  }

  /** PROF, SIGN, TIME and ATTS, which stand before and after the records. */
  async *#betweenRecords(
    signal?: AbortSignal,
  ): AsyncGenerator<{ readonly tag: string; readonly payload: Uint8Array }, void> {
    const { source, index } = this.#opened;
    const last = await index.place((index.runs.at(-1)?.end ?? 1) - 1);
    for (let offset = (await index.place(0)).end; offset + CHUNK_HEADER_BYTES <= source.size;) {
      const start = offset + CHUNK_HEADER_BYTES;
      const chunk = parseChunkHeader(await source.read(offset, start, signal), 0, offset);
      if (endOf(chunk) > source.size) throw new H4Error('H4_TRUNCATED', `The clip ends at offset ${offset} by now`);
      if (BETWEEN.has(chunk.tag)) {
        yield { tag: chunk.tag, payload: await source.read(start, endOf(chunk), signal) };
      }
      // What follows the last record is looked for behind it.
      offset = chunk.tag === 'TOKN' && offset < last.offset ? last.offset : endOf(chunk);
    }
  }
}

/** Whether nothing between a key block and `pts` can be missing. */
const shows = (
  carried: { at(i: number): CarriedBlock | undefined; readonly length: number },
  { i, block }: { readonly i: number; readonly block: CarriedBlock },
  pts: number,
): boolean => {
  let shownTo = block.pts;
  for (let k = i; k < carried.length; k++) {
    const next = carried.at(k);
    if (next === undefined) break;
    // The next key record names the one before it.
    if (k > i && next.key) return next.seq - next.back === block.seq || shownTo > pts;
    if (k > i && next.seq - next.back !== block.seq) break;
    shownTo = Math.max(shownTo, next.toPts);
  }
  return shownTo > pts;
};

const assertSound = ({ errors, warnings }: VerificationReport): void => {
  const fault = errors[0] ?? warnings.find(isLoss);
  if (fault !== undefined) throw new H4Error(fault.code, fault.message, { detail: { offset: fault.offset } });
};
