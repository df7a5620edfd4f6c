/**
 * What is true of a file, found the slow and obvious way and without the code under test: chunk by chunk from the front, with
 * the definitions of the specification. It is asked about files that a check has found sound, and about single records.
 */
import { createHash, hkdfSync } from 'node:crypto';

export interface OracleChunk {
  readonly tag: string;
  readonly offset: number;
  readonly end: number;
  readonly crcOk: boolean;
  readonly payload: Buffer;
}

export interface OracleRecord {
  readonly offset: number;
  readonly mode: number;
  readonly key: boolean;
  readonly track: number;
  readonly seq: number;
  readonly pts: number;
  readonly pos: number;
  readonly back: number;
  readonly raw: number;
  readonly size: number;
  readonly entry: Buffer;
  readonly isVoid: boolean;
  readonly payload: Buffer;
  /** Whether the payload is the one the record committed to. */
  readonly committed: boolean;
}

export const hashOf = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The chunk at `offset`, or undefined where there is no whole one. */
export const chunkAt = (bytes: Uint8Array, offset: number): OracleChunk | undefined => {
  const all = bufferOf(bytes);
  if (offset + 12 > all.length) return undefined;
  const end = offset + 12 + all.readUInt32BE(offset + 4);
  if (end > all.length) return undefined;
  const payload = all.subarray(offset + 12, end);
  const tag = all.toString('latin1', offset, offset + 4);
  return { tag, offset, end, payload, crcOk: crcOf(payload) === all.readUInt32BE(offset + 8) };
};

/** CRC-32 bit by bit from its polynomial. */
const TABLE = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = (c & 1) === 0 ? c >>> 1 : (c >>> 1) ^ 0xedb88320;
  return c >>> 0;
});
const crcOf = (bytes: Uint8Array): number => {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
};

/** All whole chunks, up to the end or to where they stop making sense. */
export const chunksOf = (bytes: Uint8Array): OracleChunk[] => {
  const chunks: OracleChunk[] = [];
  for (let chunk = chunkAt(bytes, 8); chunk !== undefined; chunk = chunkAt(bytes, chunk.end)) chunks.push(chunk);
  return chunks;
};

/** The record whose TOKN stands at `offset`, or undefined where there is none that could be one. */
export const recordAt = (bytes: Uint8Array, offset: number): OracleRecord | undefined => {
  const tokn = chunkAt(bytes, offset);
  const payload = tokn === undefined ? undefined : chunkAt(bytes, tokn.end);
  return tokn === undefined || payload === undefined ? undefined : recordOf(tokn, payload);
};

const recordOf = (tokn: OracleChunk, chunk: OracleChunk): OracleRecord | undefined => {
  const head = tokn.payload;
  if (tokn.tag !== 'TOKN' || head.length < 80) return undefined;
  const entryEnd = 80 + 12 * head.readUInt32BE(36);
  const flags = head.readUInt8(2);
  const blind = head.subarray(entryEnd);
  return {
    offset: tokn.offset,
    mode: head.readUInt8(1),
    key: (flags & 1) !== 0,
    track: head.readUInt16BE(4),
    seq: Number(head.readBigUInt64BE(8)),
    pts: Number(head.readBigUInt64BE(16)),
    pos: Number(head.readBigUInt64BE(24)),
    back: head.readUInt32BE(32),
    raw: head.readUInt32BE(40),
    size: head.readUInt32BE(44),
    entry: head.subarray(0, entryEnd),
    isVoid: chunk.tag === 'VOID',
    payload: chunk.payload,
    committed: hashOf(blind, chunk.payload).equals(head.subarray(48, 80)),
  };
};

export const recordsOf = (chunks: readonly OracleChunk[]): OracleRecord[] =>
  chunks.flatMap((chunk, i) => {
    const next = chunks[i + 1];
    const record = chunk.tag !== 'TOKN' || next === undefined ? undefined : recordOf(chunk, next);
    return record === undefined ? [] : [record];
  });

export const leafOf = ({ entry }: OracleRecord): Buffer => hashOf(Uint8Array.of(0), entry);

/** MTH of section 6. */
export const rootOf = (leaves: readonly Buffer[]): Buffer => {
  const [only] = leaves;
  if (only === undefined) return hashOf();
  if (leaves.length === 1) return only;
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  return hashOf(Uint8Array.of(1), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
};

/** The run-length pairs of section 13, rule 5; undefined where they are none. */
export const expandPairs = (pairs: Uint8Array): Buffer | undefined => {
  const parts: Buffer[] = [];
  for (let i = 0; i < pairs.length; i += 2) {
    const run = pairs[i + 1] ?? 0;
    if (run === 0) return undefined;
    parts.push(Buffer.alloc(run, pairs[i]));
  }
  return Buffer.concat(parts);
};

/** `h4ref-geo-v1` of section 19; undefined where a block is none of `raw` bytes. */
export const decodeGeometric = (block: Uint8Array, raw: number): Buffer | undefined => {
  const [method, ...body] = block;
  if (method === undefined || method > 5) return undefined;
  if (method === 0) return body.length === raw ? Buffer.from(body) : undefined;
  const bytes = expandPairs(Uint8Array.from(body));
  if (bytes?.length !== raw) return undefined;
  const stride = method - 1;
  if (stride > 0) for (let i = stride; i < raw; i++) bytes[i] = ((bytes[i] ?? 0) + (bytes[i - stride] ?? 0)) & 0xff;
  return bytes;
};

/** The mask of section 13, rule 6, over block `index`. */
export const legacyUnmasked = (block: Buffer, index: number, master: Uint8Array): Buffer => {
  const info = Buffer.from(`Harmony\u00d84|Mask|v1|${index}`, 'utf8');
  const key = Buffer.from(hkdfSync('sha256', master, new Uint8Array(0), info, 32));
  const out = Buffer.from(block);
  for (let j = 0; 32 * j < out.length; j++) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(j);
    const pad = hashOf(key, counter);
    for (let i = 0; i < 32 && 32 * j + i < out.length; i++) out[32 * j + i] = (out[32 * j + i] ?? 0) ^ (pad[i] ?? 0);
  }
  return out;
};
