/**
 * Reads records by position: the head alone, or a whole record with its payload compared with what it committed to. The
 * position comes from an index, which means from nobody we trust: what stands there must be the record asked for.
 */
import { crc32 } from '../../utils/crc32.js';
import { H4Error } from '../../utils/error.js';
import { type ChunkInfo, endOf, parseChunkHeader } from '../format/chunk.js';
import type { ByteSource } from '../io/io.js';
import { BLIND_BYTES, CHUNK_HEADER_BYTES, TOKEN_BYTES, TOKN_HEAD_BYTES, payloadTagOf } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import type { RecordPlace } from './record-index.js';
import { voidFaults } from '../format/redacted.js';
import { type Tokn, type ToknHead, parseTokn, parseToknHead } from '../format/tokn.js';
import { type Verified, verifyPayload } from '../check/verified.js';

/** The head of a record and where its TOKN stands in the file. */
export interface LocatedHead extends ToknHead {
  readonly offset: number;
}

export interface StoredRecord {
  readonly tokn: Tokn;
  readonly offset: number;
  /** Undefined where the payload was redacted. */
  readonly payload: Verified<Uint8Array> | undefined;
}

/** A record as it stands in a file: its TOKN, and the payload chunk, which is VOID where it was redacted. */
export interface RawRecord {
  readonly tokn: Tokn;
  readonly tag: string;
  readonly payload: Uint8Array;
}

/** A TOKN, which is a leaf of the tree, and where it stands in the file. */
export interface LocatedTokn {
  readonly tokn: Tokn;
  readonly offset: number;
}

/** What is read for the sake of a TOKN alone: enough for 333 tokens. */
const TOKN_GUESS_BYTES = 4 * 1024;

/** What is read where the extent of a record is not known: enough for the TOKN of a block of 4000 tokens. */
const GUESS_BYTES = 48 * 1024;

const misplaced = (offset: number, wanted: number, found: number): H4Error =>
  new H4Error(
    'H4_INDEX_MISMATCH',
    `The index promises record ${wanted} at offset ${offset}, but record ${found} stands there`,
  );

/** The chunk header at `position` of `bytes` (which begin at file position `offset`): whole, of this tag or VOID, within the limit. */
const parseChunkOf = (bytes: Uint8Array, position: number, offset: number, tag: string, limits: Limits): ChunkInfo => {
  if (bytes.length < position + CHUNK_HEADER_BYTES) {
    throw new H4Error(
      'H4_INDEX_MISMATCH',
      `There is no ${tag} chunk at offset ${offset + position}: the file ends there`,
    );
  }
  const chunk = parseChunkHeader(bytes, position, offset + position);
  if (chunk.tag !== tag && !(chunk.tag === 'VOID' && tag !== 'TOKN')) {
    throw new H4Error('H4_INDEX_MISMATCH', `The chunk at offset ${chunk.offset} is ${chunk.tag}, not ${tag}`);
  }
  if (chunk.size > limits.maxChunkBytes) {
    const message = `Chunk ${tag} at offset ${chunk.offset} declares ${chunk.size} bytes; the limit is ${limits.maxChunkBytes}`;
    throw new H4Error('H4_LIMIT_CHUNK', message);
  }
  return chunk;
};

/** The head of the record at `offset`; if `seq` is given, it must be that one. */
export const readHeadAt = async (
  source: ByteSource,
  offset: number,
  seq: number | undefined,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<LocatedHead> => {
  const end = Math.min(offset + CHUNK_HEADER_BYTES + TOKN_HEAD_BYTES, source.size);
  const bytes = offset < end ? await source.read(offset, end, signal) : new Uint8Array(0);
  parseChunkOf(bytes, 0, offset, 'TOKN', limits);
  const head = parseToknHead(bytes.subarray(CHUNK_HEADER_BYTES));
  if (seq !== undefined && head.seq !== seq) throw misplaced(offset, seq, head.seq);
  return { ...head, offset };
};

/** The whole TOKN of record `seq`, whatever follows it: mostly one read of at most 4 KiB. */
export const readToknAt = async (
  source: ByteSource,
  { offset, end }: RecordPlace,
  seq: number,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<LocatedTokn> => {
  const guess = offset + TOKN_GUESS_BYTES;
  const first = Math.min(end > offset ? Math.min(end, guess) : guess, source.size);
  let bytes = offset < first ? await source.read(offset, first, signal) : new Uint8Array(0);
  const chunk = parseChunkOf(bytes, 0, offset, 'TOKN', limits);
  const size = CHUNK_HEADER_BYTES + chunk.size;
  const most = TOKN_HEAD_BYTES + TOKEN_BYTES * limits.maxTokens + BLIND_BYTES;
  if (chunk.size > most) {
    throw new H4Error('H4_LIMIT_TOKENS', `The TOKN at offset ${offset} has ${chunk.size} bytes; the limit is ${most}`);
  }
  if (offset + size > source.size) {
    throw new H4Error('H4_TRUNCATED', `The record at offset ${offset} runs past the end of the file`);
  }
  if (size > bytes.length) bytes = await source.read(offset, offset + size, signal);
  return { tokn: parseToknChunk(bytes.subarray(CHUNK_HEADER_BYTES, size), chunk, seq, limits), offset };
};

/** The TOKN in `payload`, the one of record `seq` if that is given, after its CRC has been compared. */
const parseToknChunk = (payload: Uint8Array, chunk: ChunkInfo, seq: number | undefined, limits: Limits): Tokn => {
  const { offset, crc } = chunk;
  if (crc32(payload) !== crc) {
    throw new H4Error('H4_CRC_MISMATCH', `The TOKN at offset ${offset} does not have the CRC that its header says`);
  }
  const tokn = parseTokn(payload, limits);
  if (seq !== undefined && tokn.seq !== seq) throw misplaced(offset, seq, tokn.seq);
  return tokn;
};

/**
 * The record at `place` with its verified payload; if `seq` is given, it must be that one. One read if `place` is the exact
 * extent of the record, mostly one of 48 KiB if it only says where the record begins.
 */
export const readRecordAt = async (
  source: ByteSource,
  place: RecordPlace,
  seq: number | undefined,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<StoredRecord> => {
  const { tokn, tag, load } = await readFramed(source, place, seq, limits, signal);
  const payload = tag === 'VOID' ? undefined : verifyPayload(tokn, await load());
  return { tokn, offset: place.offset, payload };
};

/** Record `seq` at `place` as it stands in the file, its payload verified or, where it was redacted, VOID. */
export const readRawRecordAt = async (
  source: ByteSource,
  place: RecordPlace,
  seq: number,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<RawRecord> => {
  const { tokn, tag, load } = await readFramed(source, place, seq, limits, signal);
  const payload = await load();
  if (tag !== 'VOID') return { tokn, tag, payload: verifyPayload(tokn, payload) };
  const [fault] = voidFaults(tokn, payload);
  if (fault !== undefined) throw new H4Error(fault.code, fault.message);
  return { tokn, tag, payload };
};

interface FramedExtent {
  readonly tokn: Tokn;
  /** Of the payload chunk. */
  readonly tag: string;
  /** Its payload, which nothing has been compared with. */
  readonly load: () => Promise<Uint8Array>;
}

const readFramed = async (
  source: ByteSource,
  place: RecordPlace,
  seq: number | undefined,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<FramedExtent> => {
  const { offset } = place;
  const most = 3 * CHUNK_HEADER_BYTES + TOKN_HEAD_BYTES + limits.maxChunkBytes + TOKEN_BYTES * limits.maxTokens;
  const isPlausible = place.end > offset && place.end <= offset + most && place.end <= source.size;
  const first = Math.min(isPlausible ? place.end : offset + GUESS_BYTES, source.size);
  let bytes = offset < first ? await source.read(offset, first, signal) : new Uint8Array(0);
  const extend = async (size: number): Promise<void> => {
    if (offset + size > source.size) {
      throw new H4Error('H4_TRUNCATED', `The record at offset ${offset} runs past the end of the file`);
    }
    if (size > bytes.length) bytes = await source.read(offset, offset + size, signal);
  };

  const toknChunk = parseChunkOf(bytes, 0, offset, 'TOKN', limits);
  const payloadAt = endOf(toknChunk) - offset;
  await extend(payloadAt + CHUNK_HEADER_BYTES);
  const tokn = parseToknChunk(bytes.subarray(CHUNK_HEADER_BYTES, payloadAt), toknChunk, seq, limits);

  const payloadChunk = parseChunkOf(bytes, payloadAt, offset, payloadTagOf(tokn.mode), limits);
  const end = endOf(payloadChunk) - offset;
  const load = async (): Promise<Uint8Array> => {
    await extend(end);
    return bytes.subarray(payloadAt + CHUNK_HEADER_BYTES, end);
  };
  return { tokn, tag: payloadChunk.tag, load };
};
