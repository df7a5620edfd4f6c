/**
 * The record index of a file whose tail is missing or incomplete: one walk from chunk header to chunk header, payloads
 * skipped. Memory is 32 bytes per record at most, up to the limit of records.
 */
import { H4Error } from '../../utils/error.js';
import { type ChunkInfo, endOf, parseChunkHeader } from '../format/chunk.js';
import type { ByteSource } from '../io/io.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES, MODE, TOKN_HEAD_BYTES, isMediaMode } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import { NumberList } from '../format/number-list.js';
import { type KeyPlace, type RecordIndex, type RecordPlace, payloadBefore } from './record-index.js';
import { firstIndex } from '../format/seek.js';
import { type ToknHead, parseToknHead } from '../format/tokn.js';

const WINDOW_BYTES = 64 * 1024;
/** SIGN chunks that an index remembers: the newest need not be one that anybody believes. */
export const MAX_LATEST_SIGNS = 1024;

/** Positioned reads of a few bytes at rising positions, served from one window. */
class HeaderReader {
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  #start = 0;
  #window: Uint8Array = new Uint8Array(0);

  constructor(source: ByteSource, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
  }

  /** `size` bytes at `offset`, or undefined if the file ends before. */
  async read(offset: number, size: number): Promise<Uint8Array | undefined> {
    if (offset + size > this.#source.size) return undefined;
    if (offset < this.#start || offset + size > this.#start + this.#window.length) {
      this.#start = offset;
      this.#window = await this.#source.read(offset, Math.min(offset + WINDOW_BYTES, this.#source.size), this.#signal);
    }
    return this.#window.subarray(offset - this.#start, offset - this.#start + size);
  }
}

/** A slice proves some records of a recording; what has record numbers from 0 on is something else. */
export const sliceError = (): H4Error =>
  new H4Error(
    'H4_RANGE_NOT_FOUND',
    'This is a slice: it proves some records of a recording and has no index; inspect --records lists them',
    { detail: { form: 'slice' } },
  );

interface Walked {
  readonly offset: number;
  readonly head: ToknHead;
  readonly end: number;
}

/** All whole records, in file order, until the file ends. What is no chunk or no TOKN is refused, not skipped. */
async function* walkRecords(
  source: ByteSource,
  onSign: (offset: number) => void,
  signal?: AbortSignal,
): AsyncGenerator<Walked, void> {
  const reader = new HeaderReader(source, signal);
  let pending: { readonly offset: number; readonly head: ToknHead } | undefined;
  for (let offset = HEADER_BYTES; ;) {
    const header = await reader.read(offset, CHUNK_HEADER_BYTES);
    if (header === undefined) return;
    const chunk: ChunkInfo = parseChunkHeader(header, 0, offset);
    if (endOf(chunk) > source.size) return;
    if (pending !== undefined) {
      yield { ...pending, end: endOf(chunk) };
      pending = undefined;
    } else if (chunk.tag === 'TOKN') {
      const head = await reader.read(offset + CHUNK_HEADER_BYTES, Math.min(chunk.size, TOKN_HEAD_BYTES));
      if (head !== undefined) pending = { offset, head: parseToknHead(head) };
    } else if (chunk.tag === 'VERI') {
      return;
    } else if (chunk.tag === 'PROF') {
      throw sliceError();
    } else if (chunk.tag === 'SIGN') {
      onSign(offset);
    }
    offset = endOf(chunk);
  }
}

export class WalkedIndex implements RecordIndex {
  latestMeta = 0;
  /** How many SIGN chunks stand before the close. */
  signCount = 0;
  readonly #latestSigns: number[] = [];
  readonly #offsets = new NumberList();
  readonly #ends = new NumberList();
  readonly #keySeqs = new NumberList();
  readonly #keyPts = new NumberList();

  static async open(source: ByteSource, seekTrack: number, limits: Limits, signal?: AbortSignal): Promise<WalkedIndex> {
    const index = new WalkedIndex();
    const onSign = (offset: number): void => {
      index.signCount++;
      // Forgotten by the thousand: one at a time would move all of them at every signature.
      if (index.#latestSigns.length === 2 * MAX_LATEST_SIGNS) index.#latestSigns.splice(0, MAX_LATEST_SIGNS);
      index.#latestSigns.push(offset);
    };
    for await (const record of walkRecords(source, onSign, signal)) {
      if (index.count >= limits.maxRecords) {
        throw new H4Error('H4_LIMIT_RECORDS', `The file has more than ${limits.maxRecords} records`);
      }
      index.#admit(record, seekTrack);
    }
    return index;
  }

  #admit({ offset, head, end }: Walked, seekTrack: number): void {
    if (isMediaMode(head.mode) && head.key && head.track === seekTrack) {
      this.#keySeqs.push(this.count);
      this.#keyPts.push(head.pts);
    }
    if (head.mode === MODE.meta) this.latestMeta = offset;
    this.#offsets.push(offset);
    this.#ends.push(end);
  }

  get count(): number {
    return this.#offsets.length;
  }

  /** Where the latest SIGN chunks before the close stand, the newest last. */
  get latestSigns(): readonly number[] {
    return this.#latestSigns.slice(-MAX_LATEST_SIGNS);
  }

  place(seq: number): Promise<RecordPlace> {
    const [offset, end] = [this.#offsets.at(seq), this.#ends.at(seq)];
    if (offset === undefined || end === undefined) {
      return Promise.reject(new H4Error('H4_PARAM', `There is no record ${seq}: the file has ${this.count}`));
    }
    return Promise.resolve({ offset, end });
  }

  nearPayload(payload: number, from: number, to: number): Promise<number> {
    const isBeyond = (seq: number): boolean => payloadBefore(seq, this.#offsets.at(seq) ?? 0) > payload;
    return Promise.resolve(from + firstIndex(to - from - 1, (i) => isBeyond(from + i + 1)));
  }

  nextKey(seq: number): Promise<number | undefined> {
    return Promise.resolve(
      this.#keySeqs.at(firstIndex(this.#keySeqs.length, (i) => (this.#keySeqs.at(i) ?? 0) >= seq)),
    );
  }

  lastKey(pts: number): Promise<KeyPlace | undefined> {
    const k = firstIndex(this.#keyPts.length, (i) => (this.#keyPts.at(i) ?? 0) > pts) - 1;
    const [seq, found] = k < 0 ? [] : [this.#keySeqs.at(k), this.#keyPts.at(k)];
    return Promise.resolve(seq === undefined || found === undefined ? undefined : { seq, pts: found });
  }
}
