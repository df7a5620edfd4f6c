/**
 * Small recordings made in memory, the chunks they consist of, and the repair of everything that is derived from records
 * after one of them was changed: a test then breaks one rule and not five.
 */
import { storedEngine } from '../../src/compression/api/stored.js';
import { type Chunk, encodeChunk, endOf, parseChunkHeader } from '../../src/container/format/chunk.js';
import { encodeHeader } from '../../src/container/format/header.js';
import type { ByteSink, ByteSource } from '../../src/container/io/io.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES, MODE, TILE_LEVELS, isMediaMode } from '../../src/container/format/layout.js';
import { MerkleFrontier, leafHash } from '../../src/container/tree/merkle.js';
import { type KeyEpoch, type TrackInfo, recordZeroJson } from '../../src/container/format/meta.js';
import { type RecordInput, RecordWriter, type SignCheckpoint } from '../../src/container/write/record-writer.js';
import { SeekBuilder } from '../../src/container/format/seek.js';
import { encodeTail, parseTail } from '../../src/container/format/tail.js';
import { Tile, TileStack } from '../../src/container/format/tile.js';
import { type Tokn, type ToknHead, parseTokn } from '../../src/container/format/tokn.js';
import type { TrackTotal } from '../../src/container/format/track-ledger.js';
import { createMemorySink } from '../../src/storage/memory.js';
import { concatBytes } from '../../src/utils/bytes.js';
import { canonicalJsonBytes } from '../../src/utils/canonical-json.js';
import { crc32 } from '../../src/utils/crc32.js';
import { H4Error } from '../../src/utils/error.js';
import type { JsonObject } from '../../src/utils/json-value.js';
import { sha256 } from '../../src/utils/sha256.js';

/** The `H4Error` with which `promise` rejects. Anything else, and a value, fails the test. */
export const rejection = async (promise: Promise<unknown>): Promise<H4Error> => {
  const outcome: unknown = await promise.then(
    () => new Error('Expected an H4Error, the promise was fulfilled'),
    (error: unknown) => error,
  );
  if (outcome instanceof H4Error) return outcome;
  throw new Error('Expected an H4Error, got something else', { cause: outcome });
};

export const VIDEO: TrackInfo = { id: 0, kind: 'video' };
export const AUDIO: TrackInfo = { id: 1, kind: 'audio' };
export const SIGNABLE_UID = '0123456789abcdef'.repeat(2);

export interface RecordingOptions {
  readonly tracks?: readonly TrackInfo[];
  readonly seekTrack?: number;
  readonly uid?: string;
  readonly keys?: readonly KeyEpoch[];
}

/** META of record 0 for the engine `stored-v1`. */
export const recordZero = (options: RecordingOptions = {}): RecordInput => {
  const { tracks = [VIDEO], seekTrack = 0, uid = SIGNABLE_UID, keys } = options;
  const json = recordZeroJson({
    compression: storedEngine.info(),
    uid,
    seekTrack,
    tracks,
    ...(keys === undefined ? {} : { keys }),
  });
  return metaRecord(json);
};

export const metaRecord = (json: JsonObject, pts = 0): RecordInput => ({
  mode: MODE.meta,
  pts,
  payload: canonicalJsonBytes(json),
});

export const endRecord = (pts: number, totals?: readonly TrackTotal[]): RecordInput =>
  metaRecord({ h4mk: { end: true, ...(totals === undefined ? {} : { totals }) } } as unknown as JsonObject, pts);

/** A block of one token, one byte long unless `payload` says otherwise. */
export const mediaRecord = (
  input: Partial<RecordInput> & { readonly pts: number; readonly key?: boolean },
): RecordInput => {
  const { key = false, payload = Uint8Array.of(input.pts) } = input;
  return {
    mode: MODE.core,
    track: 0,
    key,
    payload,
    tokens: [{ delta: 0, duration: 0, key, size: payload.length }],
    ...input,
  };
};

/** Everything that `script` writes. */
export const written = async (script: (writer: RecordWriter) => Promise<void>, seekTrack = 0): Promise<Uint8Array> => {
  const sink = createMemorySink();
  await script(new RecordWriter(sink, { seekTrack }));
  await sink.commit();
  return sink.bytes();
};

export interface ClosedOptions extends RecordingOptions {
  readonly sign?: SignCheckpoint;
  /** An index point, signed with `sign`, after every so many records. */
  readonly pointEvery?: number;
  readonly totals?: boolean;
}

/** A closed recording: record 0, `records`, the end record, the close. */
export const closedRecording = (records: Iterable<RecordInput>, options: ClosedOptions = {}): Promise<Uint8Array> =>
  written(async (writer) => {
    const { sign, pointEvery = Infinity } = options;
    await writer.record(recordZero(options));
    let last = 0;
    for (const record of records) {
      await writer.record(record);
      last = Math.max(last, record.pts);
      if (writer.size % pointEvery === 0) await writer.indexPoint(sign === undefined ? {} : { sign });
    }
    await writer.record(endRecord(last, options.totals === true ? writer.totals() : undefined));
    await writer.close(sign);
  }, options.seekTrack);

/** `count` blocks of a video and an audio track in turn, every `gop`-th picture KEY, 10 units of time per record. */
export const interleaved = (count: number, gop = 3): RecordInput[] =>
  Array.from({ length: count }, (_, i) => {
    const track = i % 2;
    const key = track === 1 || (i / 2) % gop === 0;
    return mediaRecord({ track, pts: 10 * i, key, payload: Uint8Array.of(i >> 8, i, track) });
  });

export const chunksOf = (file: Uint8Array): Chunk[] => {
  const chunks: Chunk[] = [];
  for (let at = HEADER_BYTES; at < file.length;) {
    const info = parseChunkHeader(file, at, at);
    chunks.push({ ...info, payload: file.subarray(at + CHUNK_HEADER_BYTES, endOf(info)) });
    at = endOf(info);
  }
  return chunks;
};

/** The `n`-th chunk with this tag; a negative `n` counts from the end. */
export const chunkOf = (file: Uint8Array, tag: string, n = 0): Chunk => {
  const chunk = chunksOf(file)
    .filter((candidate) => candidate.tag === tag)
    .at(n);
  if (chunk === undefined) throw new Error(`There is no ${tag} number ${n}`);
  return chunk;
};

export const tagsOf = (file: Uint8Array): string[] => chunksOf(file).map(({ tag }) => tag);

/** Record numbers with the position of their TOKN. */
export const toknOffsets = (file: Uint8Array): number[] =>
  chunksOf(file)
    .filter(({ tag }) => tag === 'TOKN')
    .map(({ offset }) => offset);

/** A TOKN without what only a whole one has. */
export const headOf = (tokn: Tokn): ToknHead =>
  Object.fromEntries(
    Object.entries(tokn).filter(([field]) => field !== 'entry' && field !== 'blind'),
  ) as unknown as ToknHead;

export interface Piece {
  readonly tag: string;
  readonly payload: Uint8Array;
}

/** A file of these chunks with right sizes and CRCs; everything else is as the payloads say. */
export const assembled = (pieces: readonly Piece[]): Uint8Array =>
  concatBytes(encodeHeader(), ...pieces.map(({ tag, payload }) => encodeChunk(tag, payload)));

/** A copy of `bytes` with `value` as the big-endian integer of `width` bytes at `at`. */
export const patched = (
  bytes: Uint8Array,
  at: number,
  value: number | bigint,
  width: 1 | 2 | 4 | 8 = 1,
): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  let rest = BigInt(value);
  for (let i = width - 1; i >= 0; i--, rest >>= 8n) copy[at + i] = Number(rest & 0xffn);
  return copy;
};

/**
 * The chunks with TILE, SEEK, VERI and TAIL made anew from the records among them, as their writer would have written them
 * there. A TOKN that does not parse counts as no record. TAIL keeps its state.
 */
export const resealed = (pieces: readonly Piece[], seekTrack = 0): Uint8Array => {
  const tree = new MerkleFrontier();
  const tiles = new TileStack();
  const seek = new SeekBuilder();
  const links = { meta: 0, seek: 0, veri: 0, sign: 0, prev: 0 };
  const tileOffsets = new Array<number>(TILE_LEVELS).fill(0);
  const parts: Uint8Array[] = [encodeHeader()];
  let offset = HEADER_BYTES;
  const derived = ({ tag, payload }: Piece): Uint8Array => {
    switch (tag) {
      case 'TILE': {
        const due = tiles.due();
        const level = due?.level ?? Tile.parse(payload).level;
        tileOffsets[level] = offset;
        const made = due?.payload ?? tiles.openTile(level)?.payload() ?? payload;
        if (due !== undefined) tiles.placed(level, offset, tree.tileNode(level + 1));
        return made;
      }
      case 'SEEK':
        links.seek = offset;
        return concatBytes(...seek.pieces());
      case 'SIGN':
        links.sign = offset;
        return payload;
      case 'VERI':
        links.veri = offset;
        return sha256(...parts.slice(1));
      case 'TAIL': {
        const { state } = parseTail(payload);
        const made = encodeTail({
          self: offset,
          state,
          records: tree.size,
          ...links,
          tiles: tileOffsets,
          root: tree.root(),
        });
        links.prev = offset;
        return made;
      }
      default:
        return payload;
    }
  };
  const admit = (payload: Uint8Array, at: number): void => {
    try {
      const { pts, mode, key, track, entry } = parseTokn(payload);
      const media = isMediaMode(mode);
      if (mode === MODE.meta) links.meta = at;
      const isSeekKey = media && key && track === seekTrack;
      const leaf = leafHash(entry);
      if (isSeekKey) seek.push(pts, at);
      tree.push(leaf);
      tiles.push({ pts, offset: at, key: isSeekKey, media, leaf });
    } catch (error) {
      if (!(error instanceof H4Error)) throw error;
    }
  };
  let pending: { readonly payload: Uint8Array; readonly at: number } | undefined;
  for (const piece of pieces) {
    const due = piece.tag === 'TILE' ? undefined : tiles.due();
    if (due !== undefined) tiles.placed(due.level, offset, tree.tileNode(due.level + 1));
    const chunk = encodeChunk(piece.tag, derived(piece));
    if (pending !== undefined) admit(pending.payload, pending.at);
    pending = pending === undefined && piece.tag === 'TOKN' ? { payload: piece.payload, at: offset } : undefined;
    parts.push(chunk);
    offset += chunk.length;
  }
  return concatBytes(...parts);
};

/** A file of whose chunks the `n`-th one with this tag has another payload; CRCs are right, nothing else follows. */
export const withPayload = (
  file: Uint8Array,
  tag: string,
  n: number,
  change: (payload: Uint8Array) => Uint8Array,
): Uint8Array => {
  const target = chunkOf(file, tag, n);
  return assembled(
    chunksOf(file).map((chunk) => (chunk.offset === target.offset ? { tag, payload: change(chunk.payload) } : chunk)),
  );
};

/** A source whose every read goes through `read`. */
export const sourceOf = (
  size: number,
  read: (start: number, end: number, signal?: AbortSignal) => Promise<Uint8Array>,
): ByteSource => ({ size, read, close: () => Promise.resolve() });

/** A sink that only counts, with `write` in place of its own. */
export const sinkOf = (write: (bytes: Uint8Array) => Promise<void> | undefined): ByteSink => ({
  length: 0,
  write,
  commit: () => Promise.resolve(),
  abort: () => Promise.resolve(),
});

/** The pieces of `bytes` that end at each of `cuts` and at the end. */
export const cutAt = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const ends = [...cuts, bytes.length];
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
};

/** What tiles say about a record. */
export interface IndexedRecord {
  readonly pts: number;
  /** Is it a KEY record of the seek track? */
  readonly key: boolean;
  readonly media?: boolean;
}

export interface TileForest {
  /** A file of nothing but the full TILE chunks of `records`. */
  readonly file: Uint8Array;
  /** Unfinished tiles by level. */
  readonly open: readonly (Tile | undefined)[];
}

/** The tiles over `records` without the records themselves: large indexes are made in no time. Hashes are zero. */
export const tileForest = (records: Iterable<IndexedRecord>): TileForest => {
  const stack = new TileStack();
  const leaf = new Uint8Array(32);
  const parts: Uint8Array[] = [encodeHeader()];
  let at = HEADER_BYTES;
  let seq = 0;
  for (const { pts, key, media = true } of records) {
    stack.push({ pts, offset: seq++, key, media, leaf });
    for (let due = stack.due(); due !== undefined; due = stack.due()) {
      const chunk = encodeChunk('TILE', due.payload);
      stack.placed(due.level, at, leaf);
      parts.push(chunk);
      at += chunk.length;
    }
  }
  const open = Array.from({ length: TILE_LEVELS }, (_, level) => {
    const tile = stack.openTile(level);
    return tile === undefined ? undefined : Tile.parse(tile.payload());
  });
  return { file: concatBytes(...parts), open };
};

/** A copy of `file` with `value` at byte `at` of the payload of `chunk`, whose CRC is right again; nothing else follows. */
export const withField = (
  file: Uint8Array,
  chunk: Chunk,
  at: number,
  value: number | bigint,
  width: 1 | 2 | 4 | 8,
): Uint8Array => {
  const start = chunk.offset + CHUNK_HEADER_BYTES;
  const copy = patched(file, start + at, value, width);
  return patched(copy, chunk.offset + 8, crc32(copy.subarray(start, start + chunk.size)), 4);
};
