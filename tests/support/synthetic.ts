/**
 * A recording of any length that exists nowhere: every byte is computed when it is read, so that the cost of opening and
 * seeking can be counted for 10^8 records on any machine. It has the layout that `H4MKBuilder` gives: META, safety scopes,
 * media blocks of one or more tracks in turn, tiles where they fall due, end record, close. TOKN, payloads, their CRCs and
 * commitments, locators and keymaps are right; the hashes in TILE, VERI and TAIL are zero, because an indexed reader takes
 * them for hints. A test compares it with a file that was really written.
 *
 * A signed one has hashes, and nobody can compute 10^8 leaves for a test. So the tree is true only where it is looked at: tiles on
 * the way from the root to some chosen records hold the hashes of what is below them, and all other subtrees are stood for by a
 * made-up hash, as if their records were others. The root follows from both, and what is proven there is proven under it.
 */
import { SAFETY_SCOPES } from '../../src/container/write/builder.js';
import { encodeChunk, parseChunkHeader, writeChunkHeader } from '../../src/container/format/chunk.js';
import { encodeHeader } from '../../src/container/format/header.js';
import type { ByteSource } from '../../src/container/io/io.js';
import {
  CHUNK_HEADER_BYTES,
  HASH_BYTES,
  HEADER_BYTES,
  LOCATOR_BYTES,
  MODE,
  NO_TRACK,
  SEEK_ENTRY_BYTES,
  SEEK_HEAD_BYTES,
  TAIL_CHUNK_BYTES,
  TAIL_STATE,
  TILE_HEAD_BYTES,
  TILE_LEVELS,
  TILE_WIDTH,
  TOKEN_BYTES,
  TOKN_HEAD_BYTES,
  VERI_BYTES,
} from '../../src/container/format/layout.js';
import { MerkleFrontier, leafHash } from '../../src/container/tree/merkle.js';
import { type TrackInfo, ZERO_UID, recordZeroJson } from '../../src/container/format/meta.js';
import { MAX_SEEK_ENTRIES } from '../../src/container/format/seek.js';
import { encodeTail } from '../../src/container/format/tail.js';
import { tileBytes } from '../../src/container/format/tile.js';
import { type BlockToken, encodeRecordStart } from '../../src/container/format/tokn.js';
import { storedEngine } from '../../src/compression/api/stored.js';
import { canonicalJsonBytes } from '../../src/utils/canonical-json.js';
import { crc32 } from '../../src/utils/crc32.js';
import { H4Error } from '../../src/utils/error.js';
import type { JsonObject } from '../../src/utils/json-value.js';
import { sha256 } from '../../src/utils/sha256.js';
import { writeU64 } from '../../src/utils/u64.js';

/** The sizes of a track's blocks, as arithmetic: of block k, and of all blocks before it together. */
export interface BlockSizes {
  of(block: number): number;
  before(block: number): number;
}

export interface SyntheticOptions {
  /** Number of records, META and scopes included; at least 4. */
  readonly records: number;
  readonly sizes: BlockSizes;
  /** Tracks that take turns. Default 1; all have the same sizes. */
  readonly tracks?: number;
  /** Every so many blocks of a track one is KEY. Default 1. */
  readonly gop?: number;
  /** Track t lies t times this many units ahead of track 0. Default 0. */
  readonly skew?: number;
  /** A SIGN in the close, over a tree that can be computed: see `SyntheticSource.around`. Default: no SIGN, and no hashes. */
  readonly signed?: SyntheticSigning;
}

export interface SyntheticSigning {
  /** Gives the payload of SIGN. */
  readonly sign: (checkpoint: {
    readonly fileId: Uint8Array;
    readonly size: number;
    readonly root: Uint8Array;
  }) => Uint8Array;
  /** Records around which the tree is the true one. */
  readonly around?: readonly number[];
}

/** Units of time per block of a track. */
export const BLOCK_DURATION = 40_000;

/** The uid of signed ones. */
const SIGNABLE_UID = '0123456789abcdef'.repeat(2);

/** Records before the first block. */
const LEADING = 2;
const FULL_TILE_BYTES = CHUNK_HEADER_BYTES + tileBytes(TILE_WIDTH);
const BLOCK_OVERHEAD_BYTES = 2 * CHUNK_HEADER_BYTES + TOKN_HEAD_BYTES + TOKEN_BYTES;
const META_OVERHEAD_BYTES = 2 * CHUNK_HEADER_BYTES + TOKN_HEAD_BYTES;

export const constantSizes = (bytes: number): BlockSizes => ({ of: () => bytes, before: (block) => block * bytes });

/** Sizes that repeat after `pattern.length` blocks and are multiplied by `trend[s]` in the s-th stretch of the track. */
export const varyingSizes = (
  pattern: readonly number[],
  trend: readonly number[],
  stretchBlocks: number,
): BlockSizes => {
  const before = prefixSums(pattern);
  const period = before.at(-1) ?? 0;
  const within = (blocks: number): number =>
    Math.floor(blocks / pattern.length) * period + (before[blocks % pattern.length] ?? 0);
  const stretches = prefixSums(trend.map((factor) => factor * within(stretchBlocks)));
  const stretchOf = (block: number): number => Math.min(Math.floor(block / stretchBlocks), trend.length - 1);
  return {
    of(block) {
      const stretch = stretchOf(block);
      const k = block - stretch * stretchBlocks;
      return (trend[stretch] ?? 1) * (pattern[k % pattern.length] ?? 0);
    },
    before(block) {
      const stretch = stretchOf(block);
      return (stretches[stretch] ?? 0) + (trend[stretch] ?? 1) * within(block - stretch * stretchBlocks);
    },
  };
};

const prefixSums = (values: readonly number[]): readonly number[] => {
  const sums = [0];
  for (const value of values) sums.push((sums.at(-1) ?? 0) + value);
  return sums;
};

export class SyntheticSource implements ByteSource {
  readonly size: number;
  readonly records: number;
  readonly blocks: number;
  readonly tracks: number;
  /** Where SEEK stands. */
  readonly seekOffset: number;
  readonly #gop: number;
  readonly #skew: number;
  readonly #sizes: BlockSizes;
  readonly #metaZero: Uint8Array;
  readonly #scopes: Uint8Array;
  readonly #end: Uint8Array;
  readonly #seekStride: number;
  readonly #seekCount: number;
  readonly #options: SyntheticOptions;
  /** Tiles with true hashes, as `level/index`. */
  readonly #true = new Set<string>();
  readonly #nodes = new Map<string, Uint8Array>();
  /** True leaves, which are the same whatever else is true. */
  readonly #leaves: Map<number, Uint8Array>;
  readonly #close: readonly { readonly offset: number; readonly size: number; bytes(): Uint8Array }[];

  constructor(options: SyntheticOptions, leaves = new Map<number, Uint8Array>()) {
    const { records, sizes, tracks = 1, gop = 1, skew = 0, signed } = options;
    this.#options = options;
    this.#leaves = leaves;
    this.records = records;
    this.blocks = records - LEADING - 1;
    this.tracks = tracks;
    this.#gop = gop;
    this.#skew = skew;
    this.#sizes = sizes;
    const infos = Array.from({ length: tracks }, (_, id): TrackInfo => ({ id, kind: 'opaque' }));
    this.#metaZero = canonicalJsonBytes(
      recordZeroJson({
        compression: storedEngine.info(),
        uid: signed === undefined ? ZERO_UID : SIGNABLE_UID,
        seekTrack: 0,
        tracks: infos,
      }),
    );
    this.#scopes = canonicalJsonBytes(SAFETY_SCOPES);
    this.#end = canonicalJsonBytes({ h4mk: { end: true, totals: this.#totals() } } as unknown as JsonObject);

    const keys = Math.ceil(this.blocksOf(0) / gop);
    this.#seekStride = 2 ** Math.max(0, Math.ceil(Math.log2(keys / MAX_SEEK_ENTRIES)));
    this.#seekCount = Math.ceil(keys / this.#seekStride);
    this.seekOffset = this.#offsetOf(records);
    for (const seq of [...(signed?.around ?? []), records - 1]) this.#markTrue(seq);
    this.#close = this.#closeChunks();
    const last = this.#close.at(-1);
    this.size = (last?.offset ?? 0) + (last?.size ?? 0);
  }

  /** The same recording with a tree that is true around these records; its root is another one. */
  around(seqs: readonly number[]): SyntheticSource {
    const { signed } = this.#options;
    if (signed === undefined) throw new Error('Only a signed recording has a tree');
    return new SyntheticSource({ ...this.#options, signed: { ...signed, around: seqs } }, this.#leaves);
  }

  /** Number of blocks of a track. */
  blocksOf(track: number): number {
    return Math.ceil((this.blocks - track) / this.tracks);
  }

  /** Bytes of the raw stream of a track. */
  lengthOf(track: number): number {
    return this.#sizes.before(this.blocksOf(track));
  }

  /** Record number of block k of a track. */
  seqOf(track: number, k: number): number {
    return LEADING + k * this.tracks + track;
  }

  ptsOf(track: number, k: number): number {
    return k * BLOCK_DURATION + track * this.#skew;
  }

  /** The bytes of block k of a track. */
  block(track: number, k: number): Uint8Array {
    const first = (track * 97 + k * 31) & 0xff;
    const bytes = new Uint8Array(this.#sizes.of(k));
    // Several times faster than a callback for each byte.
    for (let i = 0; i < bytes.length; i++) bytes[i] = first + i;
    return bytes;
  }

  read(start: number, end: number): Promise<Uint8Array> {
    if (start < 0 || start > end || end > this.size) {
      return Promise.reject(new H4Error('H4_PARAM', `Cannot read [${start}, ${end}) of ${this.size} bytes`));
    }
    const target = new Uint8Array(end - start);
    this.#fill(target, start);
    return Promise.resolve(target);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #totals(): unknown[] {
    return Array.from({ length: this.tracks }, (_, track) => ({
      track,
      records: this.blocksOf(track),
      raw: this.lengthOf(track),
    })).filter((total) => total.records > 0);
  }

  // Where everything stands.

  /** Bytes of the first `count` records without tiles. */
  #recordBytes(count: number): number {
    if (count <= 0) return 0;
    const zero = META_OVERHEAD_BYTES + this.#metaZero.length;
    if (count === 1) return zero;
    const leading = zero + META_OVERHEAD_BYTES + this.#scopes.length;
    const blocks = Math.min(count - LEADING, this.blocks);
    const rounds = Math.floor(blocks / this.tracks);
    const media =
      this.tracks * this.#sizes.before(rounds) +
      (blocks % this.tracks === 0 ? 0 : (blocks % this.tracks) * this.#sizes.of(rounds)) +
      blocks * BLOCK_OVERHEAD_BYTES;
    return leading + media + (count === this.records ? META_OVERHEAD_BYTES + this.#end.length : 0);
  }

  /** Full tiles that stand after the first `count` records. */
  #fullTiles(count: number): number {
    let tiles = 0;
    for (let span = TILE_WIDTH; span <= count; span *= TILE_WIDTH) tiles += Math.floor(count / span);
    return tiles;
  }

  #offsetOf(seq: number): number {
    return HEADER_BYTES + this.#recordBytes(seq) + FULL_TILE_BYTES * this.#fullTiles(seq);
  }

  #fullTileOffset(level: number, index: number): number {
    const end = TILE_WIDTH ** (level + 1) * (index + 1);
    return HEADER_BYTES + this.#recordBytes(end) + FULL_TILE_BYTES * (this.#fullTiles(end - 1) + level);
  }

  #openWidth(level: number): number {
    return Math.floor(this.records / TILE_WIDTH ** level) % TILE_WIDTH;
  }

  #closeChunks(): { offset: number; size: number; bytes(): Uint8Array }[] {
    const chunks: { offset: number; size: number; bytes(): Uint8Array }[] = [];
    let offset = this.seekOffset + CHUNK_HEADER_BYTES + SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * this.#seekCount;
    const add = (size: number, bytes: (at: number) => Uint8Array): void => {
      const at = offset;
      chunks.push({ offset: at, size, bytes: () => bytes(at) });
      offset += size;
    };
    const tiles = new Array<number>(TILE_LEVELS).fill(0);
    for (let level = 0; level < TILE_LEVELS; level++) {
      const span = TILE_WIDTH ** (level + 1);
      const index = Math.floor(this.records / span);
      if (index > 0) tiles[level] = this.#fullTileOffset(level, index - 1);
      const width = this.#openWidth(level);
      if (width === 0) continue;
      tiles[level] = offset;
      add(CHUNK_HEADER_BYTES + tileBytes(width), () => this.#tile(level, index, width));
    }
    const { signed } = this.#options;
    const root = signed === undefined ? new Uint8Array(HASH_BYTES) : this.#root();
    const fileId = leafHash(entryOf(this.#record(0)));
    const note = signed?.sign({ fileId, size: this.records, root });
    const sign = note === undefined ? 0 : offset;
    if (note !== undefined) add(CHUNK_HEADER_BYTES + note.length, () => encodeChunk('SIGN', note));
    const veri = offset;
    add(CHUNK_HEADER_BYTES + VERI_BYTES, () => encodeChunk('VERI', new Uint8Array(VERI_BYTES)));
    add(TAIL_CHUNK_BYTES, (self) =>
      encodeChunk(
        'TAIL',
        encodeTail({
          self,
          state: TAIL_STATE.final,
          records: this.records,
          meta: this.#offsetOf(this.records - 1),
          seek: this.seekOffset,
          veri,
          sign,
          prev: 0,
          tiles,
          root,
        }),
      ),
    );
    return chunks;
  }

  // What stands there.

  #fill(target: Uint8Array, start: number): void {
    const end = start + target.length;
    const put = (offset: number, bytes: Uint8Array): void => {
      const from = Math.max(start, offset);
      const to = Math.min(end, offset + bytes.length);
      if (from < to) target.set(bytes.subarray(from - offset, to - offset), from - start);
    };
    put(0, encodeHeader());
    if (start < this.seekOffset) this.#fillRecords(start, end, put);
    this.#fillSeek(start, end, put);
    for (const chunk of this.#close) {
      if (chunk.offset < end && chunk.offset + chunk.size > start) put(chunk.offset, chunk.bytes());
    }
  }

  #fillRecords(start: number, end: number, put: (offset: number, bytes: Uint8Array) => void): void {
    for (let seq = this.#recordAt(start); seq < this.records; seq++) {
      const offset = this.#offsetOf(seq);
      if (offset >= end) return;
      put(offset, this.#record(seq));
      const span = seq + 1;
      for (let level = 0; span % TILE_WIDTH ** (level + 1) === 0; level++) {
        const index = span / TILE_WIDTH ** (level + 1) - 1;
        const at = this.#fullTileOffset(level, index);
        if (at < end && at + FULL_TILE_BYTES > start) put(at, this.#tile(level, index, TILE_WIDTH));
      }
    }
  }

  /** The last record that begins at or before `position`. */
  #recordAt(position: number): number {
    let [low, high] = [0, this.records];
    while (low + 1 < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offsetOf(middle) <= position) low = middle;
      else high = middle;
    }
    return low;
  }

  #record(seq: number): Uint8Array {
    if (seq === 0) return this.#metaRecord(seq, MODE.meta, 0, 0, this.#metaZero);
    if (seq === 1) return this.#metaRecord(seq, MODE.scopes, 0, 1, this.#scopes);
    if (seq === this.records - 1) return this.#metaRecord(seq, MODE.meta, this.#lastMoment(), seq - 1, this.#end);
    const { track, k } = this.#blockOf(seq);
    const payload = this.block(track, k);
    const token: BlockToken = {
      delta: 0,
      duration: BLOCK_DURATION,
      key: k % this.#gop === 0,
      size: payload.length,
    };
    const { bytes } = encodeRecordStart(
      {
        mode: MODE.core,
        key: token.key,
        track,
        epoch: 0,
        seq,
        pts: this.ptsOf(track, k),
        pos: this.#sizes.before(k),
        back: k === 0 ? 0 : (1 + ((k - 1) % this.#gop)) * this.tracks,
        count: 1,
        raw: payload.length,
        size: payload.length,
        commit: sha256(payload),
        tokens: [token],
        blind: new Uint8Array(0),
      },
      { tag: 'CORE', size: payload.length, crc: crc32(payload) },
    );
    return joined(bytes, payload);
  }

  #metaRecord(
    seq: number,
    mode: typeof MODE.meta | typeof MODE.scopes,
    pts: number,
    back: number,
    payload: Uint8Array,
  ): Uint8Array {
    const size = payload.length;
    const { bytes } = encodeRecordStart(
      {
        ...{ mode, key: true, track: NO_TRACK, epoch: 0, seq, pts, pos: 0, back, count: 0, raw: size, size },
        ...{ commit: sha256(payload), tokens: [], blind: new Uint8Array(0) },
      },
      { tag: mode === MODE.meta ? 'META' : 'SAFE', size, crc: crc32(payload) },
    );
    return joined(bytes, payload);
  }

  #lastMoment(): number {
    let last = 0;
    for (let track = 0; track < this.tracks; track++) {
      const k = this.blocksOf(track);
      if (k > 0) last = Math.max(last, this.ptsOf(track, k - 1) + BLOCK_DURATION);
    }
    return last;
  }

  #blockOf(seq: number): { readonly track: number; readonly k: number } {
    const m = seq - LEADING;
    return { track: m % this.tracks, k: Math.floor(m / this.tracks) };
  }

  #isSeekKey(seq: number): boolean {
    if (seq < LEADING || seq === this.records - 1) return false;
    const { track, k } = this.#blockOf(seq);
    return track === 0 && k % this.#gop === 0;
  }

  /** Whether a seek key is among the records `[from, to)`. */
  #hasSeekKey(from: number, to: number): boolean {
    const step = this.tracks * this.#gop;
    const first = LEADING + Math.ceil(Math.max(0, from - LEADING) / step) * step;
    return first < Math.min(to, this.records - 1);
  }

  #ptsOfRecord(seq: number): number {
    if (seq < LEADING) return 0;
    if (seq === this.records - 1) return this.#lastMoment();
    const { track, k } = this.#blockOf(seq);
    return this.ptsOf(track, k);
  }

  /** The highest PTS of any block up to record `seq`. */
  #maximumAt(seq: number): number {
    let maximum = 0;
    for (let m = Math.min(seq, this.records - 2); m >= LEADING && m > seq - this.tracks; m--) {
      maximum = Math.max(maximum, this.#ptsOfRecord(m));
    }
    return maximum;
  }

  #tile(level: number, index: number, width: number): Uint8Array {
    const payload = new Uint8Array(tileBytes(width));
    const view = new DataView(payload.buffer);
    view.setUint8(0, level);
    view.setUint16(2, width);
    writeU64(view, 8, index);
    const span = TILE_WIDTH ** level;
    for (let j = 0; j < width; j++) {
      const first = (index * TILE_WIDTH + j) * span;
      const isKey = level === 0 ? this.#isSeekKey(first) : this.#hasSeekKey(first, first + span);
      if (isKey) payload[16 + (j >> 3)] = (payload[16 + (j >> 3)] ?? 0) | (0x80 >> (j & 7));
      const at = TILE_HEAD_BYTES + LOCATOR_BYTES * j;
      writeU64(view, at, level === 0 ? this.#ptsOfRecord(first) : this.#maximumAt(first));
      writeU64(
        view,
        at + 8,
        level === 0 ? this.#offsetOf(first) : this.#fullTileOffset(level - 1, index * TILE_WIDTH + j),
      );
    }
    if (this.#options.signed !== undefined) {
      for (let j = 0; j < width; j++) {
        const hash = this.#node(level, index * TILE_WIDTH + j);
        payload.set(hash, TILE_HEAD_BYTES + LOCATOR_BYTES * width + HASH_BYTES * j);
      }
    }
    return encodeChunk('TILE', payload);
  }

  // The tree.

  #markTrue(seq: number): void {
    let index = seq;
    for (let level = 0; level < TILE_LEVELS; level++) {
      index = Math.floor(index / TILE_WIDTH);
      this.#true.add(`${level}/${index}`);
    }
  }

  /** Child `child` of a tile of `level`: the hash over 256^level leaves. */
  #node(level: number, child: number): Uint8Array {
    const name = `${level}:${child}`;
    const known = this.#nodes.get(name) ?? this.#computeNode(level, child);
    this.#nodes.set(name, known);
    return known;
  }

  #computeNode(level: number, child: number): Uint8Array {
    const isTrue = this.#true.has(level === 0 ? `0/${Math.floor(child / TILE_WIDTH)}` : `${level - 1}/${child}`);
    if (!isTrue) return madeUp(level, child);
    if (level === 0) return this.#leaf(child);
    const frontier = new MerkleFrontier();
    for (let j = 0; j < TILE_WIDTH; j++) frontier.push(this.#node(level - 1, child * TILE_WIDTH + j));
    return frontier.root();
  }

  #leaf(seq: number): Uint8Array {
    const leaf = this.#leaves.get(seq) ?? leafHash(entryOf(this.#record(seq)));
    this.#leaves.set(seq, leaf);
    return leaf;
  }

  #root(): Uint8Array {
    const frontier = new MerkleFrontier();
    for (let level = TILE_LEVELS - 1; level >= 0; level--) {
      const first = Math.floor(this.records / TILE_WIDTH ** (level + 1)) * TILE_WIDTH;
      for (let j = 0; j < this.#openWidth(level); j++) frontier.pushSubtree(this.#node(level, first + j), 8 * level);
    }
    return frontier.root();
  }

  #fillSeek(start: number, end: number, put: (offset: number, bytes: Uint8Array) => void): void {
    const entriesAt = this.seekOffset + CHUNK_HEADER_BYTES + SEEK_HEAD_BYTES;
    const entriesEnd = entriesAt + SEEK_ENTRY_BYTES * this.#seekCount;
    if (start < entriesAt && end > this.seekOffset) {
      const head = new Uint8Array(CHUNK_HEADER_BYTES + SEEK_HEAD_BYTES);
      writeChunkHeader(head, 0, 'SEEK', SEEK_HEAD_BYTES + SEEK_ENTRY_BYTES * this.#seekCount, this.#seekCrc());
      new DataView(head.buffer).setUint32(CHUNK_HEADER_BYTES, this.#seekCount);
      put(this.seekOffset, head);
    }
    if (start >= entriesEnd || end <= entriesAt) return;
    const from = Math.max(0, Math.floor((start - entriesAt) / SEEK_ENTRY_BYTES));
    const to = Math.min(this.#seekCount, Math.ceil((end - entriesAt) / SEEK_ENTRY_BYTES));
    put(entriesAt + SEEK_ENTRY_BYTES * from, this.#seekEntries(from, to));
  }

  #seekEntries(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(SEEK_ENTRY_BYTES * (to - from));
    const view = new DataView(bytes.buffer);
    for (let entry = from; entry < to; entry++) {
      const k = entry * this.#seekStride * this.#gop;
      const at = SEEK_ENTRY_BYTES * (entry - from);
      writeU64(view, at, this.ptsOf(0, k));
      writeU64(view, at + 8, this.#offsetOf(this.seqOf(0, k)));
    }
    return bytes;
  }

  /** Readers of SEEK in place do not check its CRC, so a long one has none. */
  #seekCrc(): number {
    if (this.#seekCount > 4096) return 0;
    const count = new Uint8Array(SEEK_HEAD_BYTES);
    new DataView(count.buffer).setUint32(0, this.#seekCount);
    return crc32(this.#seekEntries(0, this.#seekCount), crc32(count));
  }
}

/** Stands for the hash over records that nobody looks at. */
const madeUp = (level: number, child: number): Uint8Array => {
  const name = new Uint8Array(16);
  const view = new DataView(name.buffer);
  view.setUint32(0, level);
  writeU64(view, 8, child);
  return sha256(name);
};

/** The entry of a record without a blind. */
const entryOf = (record: Uint8Array): Uint8Array => {
  const { size } = parseChunkHeader(record, 0, 0);
  return record.subarray(CHUNK_HEADER_BYTES, CHUNK_HEADER_BYTES + size);
};

const joined = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
};
