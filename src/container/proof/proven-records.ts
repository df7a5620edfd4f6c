/**
 * Records that are proven under a signed root: what is read by position counts only once its entry is the leaf that the root
 * covers. Heads are read without a proof, to find out what to prove: they are hints like everything in an index.
 */
import { equalBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import type { ByteSource } from '../io/io.js';
import type { Limits } from '../format/limits.js';
import { leafHash } from '../tree/merkle.js';
import { PreloadedSource } from '../source/preloaded-source.js';
import type { ProvenTree } from './proven-tree.js';
import type { RecordPlace } from '../read/record-index.js';
import {
  type LocatedHead,
  type LocatedTokn,
  type StoredRecord,
  readHeadAt,
  readRecordAt,
  readToknAt,
} from '../read/record-reader.js';
import type { TileIndex } from '../read/tile-index.js';
import type { Tokn } from '../format/tokn.js';

/** What is read behind the beginning of the last record of a stretch, for its TOKN. */
const TOKN_BYTES = 4 * 1024;

export interface RecordAccess {
  readonly signal?: AbortSignal | undefined;
  /** What has already been read, instead of the file itself. */
  readonly source?: ByteSource;
}

export class ProvenRecords {
  readonly tree: ProvenTree;
  readonly limits: Limits;
  readonly source: ByteSource;
  readonly index: TileIndex;

  constructor(source: ByteSource, index: TileIndex, tree: ProvenTree, limits: Limits) {
    this.source = source;
    this.index = index;
    this.tree = tree;
    this.limits = limits;
  }

  /** Number of records that the checkpoint covers. */
  get count(): number {
    return this.tree.count;
  }

  /** The TOKN of record `seq`, proven. */
  async tokn(seq: number, { signal, source = this.source }: RecordAccess = {}): Promise<LocatedTokn> {
    const place = await this.#place(seq, signal);
    const located = await readToknAt(source, place, seq, this.limits, signal);
    await this.#prove(located.tokn, signal);
    return located;
  }

  /** Record `seq`, proven, with its payload unless it was redacted. */
  async record(seq: number, { signal, source = this.source }: RecordAccess = {}): Promise<StoredRecord> {
    const place = await this.#place(seq, signal);
    const record = await readRecordAt(source, place, seq, this.limits, signal);
    await this.#prove(record.tokn, signal);
    return record;
  }

  /** The head of record `seq` as it stands in the file: a hint. */
  async head(seq: number, { signal, source = this.source }: RecordAccess = {}): Promise<LocatedHead> {
    const { offset } = await this.#place(seq, signal);
    return readHeadAt(source, offset, seq, this.limits, signal);
  }

  place(seq: number, signal?: AbortSignal): Promise<RecordPlace> {
    return this.#place(seq, signal);
  }

  /**
   * The stretch from record `from` up to the TOKN of record `to` as one read, or undefined where it has more than `maxBytes`
   * or no sensible extent.
   */
  async stretch(from: number, to: number, maxBytes: number, signal?: AbortSignal): Promise<ByteSource | undefined> {
    const [first, last] = [await this.#place(from, signal), await this.#place(to, signal)];
    const behind = last.offset + TOKN_BYTES;
    const end = Math.min(last.end > last.offset ? Math.min(last.end, behind) : behind, this.source.size);
    if (last.offset < first.offset || last.offset - first.offset > maxBytes || end <= first.offset) return undefined;
    const stretch = new PreloadedSource(this.source);
    await stretch.preload(first.offset, end, signal);
    return stretch;
  }

  #place(seq: number, signal: AbortSignal | undefined): Promise<RecordPlace> {
    if (!Number.isInteger(seq) || seq < 0 || seq >= this.count) {
      throw new H4Error('H4_PARAM', `There is no record ${seq} below the ${this.count} of the checkpoint`);
    }
    return this.index.place(seq, signal);
  }

  async #prove({ seq, entry }: Tokn, signal: AbortSignal | undefined): Promise<void> {
    if (!equalBytes(leafHash(entry), await this.tree.leaf(seq, signal))) {
      throw new H4Error('H4_PROOF_INVALID', `Record ${seq} is not the one that was signed`);
    }
  }
}
