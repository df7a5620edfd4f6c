/**
 * TOKN: the header of one record and its entry in the tree (spec/h4mk.md section 4). Parsing and writing stand side by
 * side. The order of the checks is part of the format: a stricter order would give other codes for the same file.
 */
import { concatBytes } from '../../utils/bytes.js';
import { crc32 } from '../../utils/crc32.js';
import { H4Error } from '../../utils/error.js';
import type { ErrorCode } from '../../utils/error-codes.js';
import { sha256 } from '../../utils/sha256.js';
import { readU64, writeU64 } from '../../utils/u64.js';
import { ENCRYPTED_OVERHEAD_BYTES } from '../secrecy/block-secrets.js';
import { writeChunkHeader } from './chunk.js';
import {
  BLIND_BYTES,
  CHUNK_HEADER_BYTES,
  HASH_BYTES,
  MAX_MEDIA_TRACK,
  MODE,
  type Mode,
  NO_TRACK,
  TOKEN_BYTES,
  TOKN_HEAD_BYTES,
  isHiddenMode,
  isMediaMode,
} from './layout.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';

const SUITE = 1;
const FLAG_KEY = 1;
const FLAG_BLIND = 2;
const KEY_BIT = 0x80000000;
const SIZE_MASK = 0x7fffffff;
const COMMIT_OFFSET = 48;
const MAX_U32 = 0xffffffff;

/** The fixed part of a TOKN: everything but its token table. */
export interface ToknHead {
  readonly mode: Mode;
  readonly key: boolean;
  readonly track: number;
  readonly epoch: number;
  /** Record number, which is the leaf index. */
  readonly seq: number;
  /** PTS of the first token, in units of the timebase. */
  readonly pts: number;
  /** Position of the block's first byte in the raw stream of its track. */
  readonly pos: number;
  /** Distance to the last KEY record of the track before this one; 0 if there is none. */
  readonly back: number;
  /** Number of tokens. */
  readonly count: number;
  /** Decompressed size. */
  readonly raw: number;
  /** Size of the payload chunk as first written. */
  readonly size: number;
  /** H(blind || payload) */
  readonly commit: Uint8Array;
}

export interface Tokn extends ToknHead {
  /** The bytes that the tree commits to: head and token table, without the blind. */
  readonly entry: Uint8Array;
  /** 16 bytes, or empty where the record has no blind. */
  readonly blind: Uint8Array;
}

/** One token of a block, in decode order. */
export interface BlockToken {
  /** Signed distance to the block's PTS. */
  readonly delta: number;
  /** In units of the timebase; 0 means unknown. */
  readonly duration: number;
  readonly key: boolean;
  /** Bytes of the raw block that belong to this token. */
  readonly size: number;
}

const refuse = (code: ErrorCode, message: string): never => {
  throw new H4Error(code, message);
};

const parseMode = (value: number): Mode => {
  if (value > MODE.scopes)
    refuse('H4_TOKN_MODE', `TOKN has mode ${value}; this reader knows modes 0 to ${MODE.scopes}`);
  return value as Mode;
};

/**
 * Reads the fixed part; `payload` may be cut off after it, which lets an index probe fetch 80 bytes only. `seq`, `pts`,
 * `pos` and the sizes are what the file says: unproven, but within their ranges.
 */
export const parseToknHead = (payload: Uint8Array): ToknHead => {
  if (payload.length < TOKN_HEAD_BYTES) {
    refuse('H4_TOKN_SIZE', `TOKN has ${payload.length} bytes, fewer than its fixed ${TOKN_HEAD_BYTES}`);
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const suite = view.getUint8(0);
  if (suite !== SUITE) refuse('H4_TOKN_SUITE', `TOKN has suite ${suite}; this reader knows suite ${SUITE}`);
  const mode = parseMode(view.getUint8(1));
  const flags = view.getUint8(2);
  if (flags > (FLAG_KEY | FLAG_BLIND) || view.getUint8(3) !== 0) {
    refuse('H4_TOKN_FLAGS', `TOKN sets reserved flag bits: flags ${flags}, byte 3 is ${view.getUint8(3)}`);
  }
  const head: ToknHead = {
    mode,
    key: (flags & FLAG_KEY) !== 0,
    track: view.getUint16(4),
    epoch: view.getUint16(6),
    seq: readU64(view, 8, 'TOKN.seq'),
    pts: readU64(view, 16, 'TOKN.pts'),
    pos: readU64(view, 24, 'TOKN.pos'),
    back: view.getUint32(32),
    count: view.getUint32(36),
    raw: view.getUint32(40),
    size: view.getUint32(44),
    commit: payload.subarray(COMMIT_OFFSET, COMMIT_OFFSET + HASH_BYTES),
  };
  assertFields(head);
  return head;
};

const assertFields = (head: ToknHead): void => {
  if (!Number.isSafeInteger(head.pos + head.raw)) {
    refuse('H4_LIMIT_U64', `TOKN.pos + raw is ${head.pos} + ${head.raw}, beyond 2^53-1`);
  }
  const media = isMediaMode(head.mode);
  const hidden = isHiddenMode(head.mode);
  if (media ? head.track > MAX_MEDIA_TRACK : head.track !== NO_TRACK) refuseField(head, 'track');
  if (!hidden && head.epoch !== 0) refuseField(head, 'epoch');
  if (media ? head.count === 0 : head.count !== 0) refuseField(head, 'count');
  if (!media && !head.key) refuseField(head, 'key');
  if (!media && head.raw !== head.size) refuseField(head, 'raw');
  if (head.mode === MODE.encrypted && head.size < ENCRYPTED_OVERHEAD_BYTES) refuseField(head, 'size');
};

const refuseField = (head: ToknHead, field: 'track' | 'epoch' | 'count' | 'key' | 'raw' | 'size'): never =>
  refuse('H4_TOKN_FIELD', `TOKN of mode ${head.mode} has ${field} ${head[field]}, which that mode does not allow`);

/** What a record commits to: its blind and its payload. */
export const commitmentOf = (blind: Uint8Array, payload: Uint8Array): Uint8Array =>
  blind.length === 0 ? sha256(payload) : sha256(blind, payload);

/** An entry without its commitment: what the encryption of the payload is bound to (section 12). */
export const headerOf = (entry: Uint8Array): Uint8Array =>
  concatBytes(entry.subarray(0, COMMIT_OFFSET), entry.subarray(COMMIT_OFFSET + HASH_BYTES));

/** Bytes of a whole TOKN payload with this head. */
const toknBytes = (count: number, blindBytes: number): number => TOKN_HEAD_BYTES + TOKEN_BYTES * count + blindBytes;

/** Reads and checks a whole TOKN payload. Views, not copies: they live as long as `payload`. */
export const parseTokn = (payload: Uint8Array, limits: Limits = DEFAULT_LIMITS): Tokn => {
  const head = parseToknHead(payload);
  const hasBlind = ((payload[2] ?? 0) & FLAG_BLIND) !== 0;
  const expected = toknBytes(head.count, hasBlind ? BLIND_BYTES : 0);
  if (payload.length !== expected) {
    refuse('H4_TOKN_SIZE', `TOKN has ${payload.length} bytes; with ${head.count} tokens it must have ${expected}`);
  }
  const entryBytes = toknBytes(head.count, 0);
  const { mode, key, track, epoch, seq, pts, pos, back, count, raw, size, commit } = head;
  const entry = payload.subarray(0, entryBytes);
  const blind = payload.subarray(entryBytes);
  // Field by field, as in ChunkStream.
  const tokn: Tokn = { mode, key, track, epoch, seq, pts, pos, back, count, raw, size, commit, entry, blind };
  assertTokens(tokn);
  assertWithin(head, limits);
  return tokn;
};

const assertTokens = (tokn: Tokn): void => {
  if (tokn.count === 0) return;
  const { entry } = tokn;
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  let sum = 0;
  let earliest = 0;
  let latest = 0;
  for (let at = TOKN_HEAD_BYTES; at < entry.length; at += TOKEN_BYTES) {
    sum += view.getUint32(at + 8) & SIZE_MASK;
    const delta = view.getInt32(at);
    earliest = Math.min(earliest, delta);
    latest = Math.max(latest, delta);
  }
  if (sum !== tokn.raw) {
    refuse('H4_TOKN_SUM', `The tokens of record ${tokn.seq} have ${sum} bytes together, but raw is ${tokn.raw}`);
  }
  const firstKey = view.getUint32(TOKN_HEAD_BYTES + 8) >= KEY_BIT;
  if (view.getInt32(TOKN_HEAD_BYTES) !== 0 || firstKey !== tokn.key) {
    refuse('H4_TOKN_DELTA', `The first token of record ${tokn.seq} must have delta 0 and the key bit of its record`);
  }
  if (tokn.pts + earliest < 0) {
    refuse('H4_TOKN_DELTA', `Record ${tokn.seq} has a token before time 0: PTS ${tokn.pts} and delta ${earliest}`);
  }
  // Within 2^63-1, which the format allows, but not exact in this reader.
  if (!Number.isSafeInteger(tokn.pts + latest)) {
    refuse('H4_LIMIT_U64', `Record ${tokn.seq} has a token beyond 2^53-1: PTS ${tokn.pts} and delta ${latest}`);
  }
};

const assertWithin = (head: ToknHead, limits: Limits): void => {
  if (head.count > limits.maxTokens) {
    refuse('H4_LIMIT_TOKENS', `Record ${head.seq} has ${head.count} tokens; the limit is ${limits.maxTokens}`);
  }
  if (head.raw > limits.maxBlockBytes) {
    refuse('H4_LIMIT_BLOCK', `Record ${head.seq} declares ${head.raw} raw bytes; the limit is ${limits.maxBlockBytes}`);
  }
};

/** The token table, decoded one by one. */
export function* tokensOf(tokn: Tokn): Generator<BlockToken, void> {
  const { buffer, byteOffset, byteLength } = tokn.entry;
  const view = new DataView(buffer, byteOffset, byteLength);
  for (let at = TOKN_HEAD_BYTES; at < byteLength; at += TOKEN_BYTES) {
    const sized = view.getUint32(at + 8);
    yield {
      delta: view.getInt32(at),
      duration: view.getUint32(at + 4),
      key: sized >= KEY_BIT,
      size: sized & SIZE_MASK,
    };
  }
}

export interface ToknInput extends ToknHead {
  readonly tokens: readonly BlockToken[];
  readonly blind: Uint8Array;
}

const isWithin = (value: number, low: number, high: number): boolean =>
  Number.isInteger(value) && value >= low && value <= high;

const assertInput = (input: ToknInput): void => {
  for (const token of input.tokens) {
    if (!isWithin(token.delta, -(2 ** 31), 2 ** 31 - 1)) {
      refuse(
        'H4_PARAM',
        `A token lies ${token.delta} units from its block's PTS, beyond 32 bits: start a new block there`,
      );
    }
    if (input.pts + token.delta > Number.MAX_SAFE_INTEGER) {
      refuse('H4_LIMIT_U64', `A token lies ${token.delta} units after PTS ${input.pts}, beyond 2^53-1`);
    }
    if (!isWithin(token.duration, 0, MAX_U32))
      refuse('H4_PARAM', `A token has duration ${token.duration}, beyond 32 bits`);
    if (!isWithin(token.size, 0, SIZE_MASK)) refuse('H4_PARAM', `A token has ${token.size} bytes, beyond 31 bits`);
  }
  if (!isWithin(input.track, 0, NO_TRACK))
    refuse('H4_PARAM', `Track ${input.track} is not within 0 to ${MAX_MEDIA_TRACK}`);
  if (!isWithin(input.epoch, 0, 0xffff)) refuse('H4_PARAM', `Key epoch ${input.epoch} is not within 0 to 65535`);
  if (!isWithin(input.back, 0, MAX_U32)) {
    refuse('H4_PARAM', `Track ${input.track} had no key record for ${input.back} records: write a key block first`);
  }
  if (!isWithin(input.raw, 0, MAX_U32)) refuse('H4_PARAM', `A block of ${input.raw} bytes is beyond 32 bits`);
  if (input.blind.length !== 0 && input.blind.length !== BLIND_BYTES) {
    refuse('H4_PARAM', `A blind has ${BLIND_BYTES} bytes, not ${input.blind.length}`);
  }
  // What no reader would take is not written.
  assertFields(input);
};

/**
 * The framed start of a record in one fresh array: TOKN chunk header, TOKN payload, and the header of the payload chunk
 * that follows. `entry` is a view of the part that the tree commits to.
 */
export const encodeRecordStart = (
  input: ToknInput,
  payload: { readonly tag: string; readonly size: number; readonly crc: number },
): { readonly bytes: Uint8Array; readonly entry: Uint8Array } => {
  assertInput(input);
  const size = toknBytes(input.count, input.blind.length);
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES + size + CHUNK_HEADER_BYTES);
  const tokn = bytes.subarray(CHUNK_HEADER_BYTES, CHUNK_HEADER_BYTES + size);
  const view = new DataView(tokn.buffer, tokn.byteOffset, tokn.byteLength);
  view.setUint8(0, SUITE);
  view.setUint8(1, input.mode);
  view.setUint8(2, (input.key ? FLAG_KEY : 0) | (input.blind.length > 0 ? FLAG_BLIND : 0));
  view.setUint16(4, input.track);
  view.setUint16(6, input.epoch);
  writeU64(view, 8, input.seq);
  writeU64(view, 16, input.pts);
  writeU64(view, 24, input.pos);
  view.setUint32(32, input.back);
  view.setUint32(36, input.count);
  view.setUint32(40, input.raw);
  view.setUint32(44, input.size);
  tokn.set(input.commit, COMMIT_OFFSET);
  let at = TOKN_HEAD_BYTES;
  for (const token of input.tokens) {
    view.setInt32(at, token.delta);
    view.setUint32(at + 4, token.duration);
    view.setUint32(at + 8, token.size + (token.key ? KEY_BIT : 0));
    at += TOKEN_BYTES;
  }
  tokn.set(input.blind, at);
  writeChunkHeader(bytes, 0, 'TOKN', size, crc32(tokn));
  writeChunkHeader(bytes, CHUNK_HEADER_BYTES + size, payload.tag, payload.size, payload.crc);
  return { bytes, entry: tokn.subarray(0, at) };
};

const NO_COMMIT = new Uint8Array(HASH_BYTES);

/** The header that a payload is encrypted under (`headerOf`), before there is a payload to commit to. */
export const encodeHeaderOf = (input: Omit<ToknInput, 'commit'>): Uint8Array =>
  headerOf(encodeRecordStart({ ...input, commit: NO_COMMIT }, { tag: 'SAFE', size: 0, crc: 0 }).entry);
