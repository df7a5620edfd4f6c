/**
 * Takes files apart into chunks, lets a tool change one thing, and mends what would break along with it: CRCs, tiles, SEEK,
 * VERI, TAIL. So a broken vector breaks one rule and no other. Nothing here checks anything: that is left to the verifier.
 */
import { MerkleFrontier, leafHash, nodeHash } from '../src/container/tree/merkle.js';
import { encodeHeader } from '../src/container/format/header.js';
import {
  CHUNK_HEADER_BYTES,
  HEADER_BYTES,
  MODE,
  TAIL_STATE,
  TILE_LEVELS,
  TOKEN_BYTES,
  TOKN_HEAD_BYTES,
  type TailState,
} from '../src/container/format/layout.js';
import { encodeProf, rangeProofNodes } from '../src/container/tree/range-proof.js';
import { SeekBuilder } from '../src/container/format/seek.js';
import { encodeTail } from '../src/container/format/tail.js';
import { TileStack } from '../src/container/format/tile.js';
import { concatBytes, viewOf } from '../src/utils/bytes.js';
import { crc32 } from '../src/utils/crc32.js';
import { sha256 } from '../src/utils/sha256.js';
import { readU64, writeU64 } from '../src/utils/u64.js';

/** A chunk that may be changed. `crc` and `size`, where they are set, are written instead of the true ones. */
export interface Piece {
  tag: string;
  payload: Uint8Array;
  crc?: number;
  size?: number;
}

/** Field offsets of TOKN (section 4), for tools that break one of them. */
export const TOKN_AT = {
  ...{ suite: 0, mode: 1, flags: 2, zero: 3, track: 4, epoch: 6, seq: 8, pts: 16, pos: 24 },
  ...{ back: 32, count: 36, raw: 40, size: 44, commit: 48, tokens: 80 },
} as const;

export const FLAG = { key: 1, blind: 2 } as const;

export const piece = (tag: string, payload: Uint8Array = new Uint8Array(0)): Piece => ({ tag, payload });

const PAYLOAD_TAGS: readonly string[] = ['CORE', 'SAFE', 'META', 'VOID'];

/** A record as far as it can be read without refusing anything. */
interface LooseRecord {
  readonly tokn: Piece;
  readonly payload: Piece | undefined;
  readonly offset: number;
  readonly mode: number;
  readonly isKey: boolean;
  readonly track: number;
  readonly leaf: Uint8Array;
}

export class FileKit {
  header: Uint8Array;
  pieces: Piece[];
  /** Bytes after the last chunk. */
  trailing: Uint8Array = new Uint8Array(0);

  constructor(pieces: Piece[], header: Uint8Array = encodeHeader()) {
    this.header = header;
    this.pieces = pieces;
  }

  /** Takes a sound file apart. */
  static of(bytes: Uint8Array): FileKit {
    const view = viewOf(bytes);
    const pieces: Piece[] = [];
    for (let at = HEADER_BYTES; at < bytes.length;) {
      const size = view.getUint32(at + 4);
      const tag = String.fromCharCode(...bytes.subarray(at, at + 4));
      pieces.push({ tag, payload: bytes.slice(at + CHUNK_HEADER_BYTES, at + CHUNK_HEADER_BYTES + size) });
      at += CHUNK_HEADER_BYTES + size;
    }
    return new FileKit(pieces, bytes.slice(0, HEADER_BYTES));
  }

  bytes(): Uint8Array {
    return concatBytes(this.header, ...this.pieces.map(encodePiece), this.trailing);
  }

  /** The n-th chunk of this tag; counts from the end where n is negative. */
  chunk(tag: string, n = 0): Piece {
    const found = this.pieces.filter((candidate) => candidate.tag === tag).at(n);
    if (found === undefined) throw new RangeError(`The file has no chunk ${tag} number ${n}`);
    return found;
  }

  /** TOKN and payload of the n-th record of the file. */
  record(n: number): { readonly tokn: Piece; readonly payload: Piece } {
    const tokn = this.chunk('TOKN', n);
    const payload = this.pieces[this.pieces.indexOf(tokn) + 1];
    if (payload === undefined) throw new RangeError(`Record ${n} has no payload`);
    return { tokn, payload };
  }

  /** Changes the TOKN of the n-th record in place. */
  editTokn(n: number, edit: (view: DataView) => void): this {
    edit(viewOf(this.record(n).tokn.payload));
    return this;
  }

  insertBefore(next: Piece, ...added: readonly Piece[]): this {
    this.pieces.splice(this.pieces.indexOf(next), 0, ...added);
    return this;
  }

  insertAfter(previous: Piece, ...added: readonly Piece[]): this {
    this.pieces.splice(this.pieces.indexOf(previous) + 1, 0, ...added);
    return this;
  }

  remove(...removed: readonly Piece[]): this {
    this.pieces = this.pieces.filter((candidate) => !removed.includes(candidate));
    return this;
  }

  /** Gives a record another payload: sizes and commitment follow; for stored blocks `raw` has to be set as well. */
  setPayload(n: number, payload: Uint8Array): this {
    const record = this.record(n);
    record.payload.payload = payload;
    const view = viewOf(record.tokn.payload);
    view.setUint32(TOKN_AT.size, payload.length);
    if (view.getUint8(TOKN_AT.mode) >= MODE.meta) view.setUint32(TOKN_AT.raw, payload.length);
    return this.recommit(n);
  }

  recommit(n: number): this {
    const { tokn, payload } = this.record(n);
    tokn.payload.set(sha256(blindOf(tokn), payload.payload), TOKN_AT.commit);
    return this;
  }

  offsetOf(wanted: Piece): number {
    let offset = HEADER_BYTES;
    for (const candidate of this.pieces) {
      if (candidate === wanted) return offset;
      offset += CHUNK_HEADER_BYTES + candidate.payload.length;
    }
    throw new RangeError(`This chunk ${wanted.tag} is not part of the file`);
  }

  /** All records up to `end` (a chunk of the file), loosely read. */
  #records(end?: Piece): LooseRecord[] {
    const records: LooseRecord[] = [];
    const last = end === undefined ? this.pieces.length : this.pieces.indexOf(end);
    for (const [i, tokn] of this.pieces.slice(0, last).entries()) {
      if (tokn.tag !== 'TOKN') continue;
      const view = viewOf(tokn.payload);
      const next = this.pieces[i + 1];
      records.push({
        tokn,
        payload: next !== undefined && PAYLOAD_TAGS.includes(next.tag) ? next : undefined,
        offset: this.offsetOf(tokn),
        mode: view.getUint8(TOKN_AT.mode),
        isKey: (view.getUint8(TOKN_AT.flags) & FLAG.key) !== 0,
        track: view.getUint16(TOKN_AT.track),
        leaf: leafHash(entryOf(tokn)),
      });
    }
    return records;
  }

  leaves(end?: Piece): Uint8Array[] {
    return this.#records(end).map((record) => record.leaf);
  }

  root(end?: Piece): Uint8Array {
    return rootOf(this.leaves(end));
  }

  /** leaf(0) */
  fileId(): Uint8Array {
    return leafHash(entryOf(this.chunk('TOKN')));
  }

  /** Makes every TILE and SEEK what the records before it demand. */
  reindex(seekTrack = 0): this {
    const tree = new MerkleFrontier();
    const tiles = new TileStack();
    const seek = new SeekBuilder();
    const records = new Map(this.#records().map((record) => [record.payload, record]));
    for (const candidate of this.pieces) {
      const record = records.get(candidate);
      if (record !== undefined) {
        const media = record.mode <= MODE.encrypted;
        const key = media && record.isKey && record.track === seekTrack;
        const pts = readU64(viewOf(record.tokn.payload), TOKN_AT.pts, 'pts');
        tree.push(record.leaf);
        if (key) seek.push(pts, record.offset);
        tiles.push({ pts, offset: record.offset, key, media, leaf: record.leaf });
      } else if (candidate.tag === 'TILE') {
        const due = tiles.due();
        const level = candidate.payload[0] ?? 0;
        candidate.payload = due?.payload ?? tiles.openTile(level)?.payload() ?? candidate.payload;
        if (due !== undefined) tiles.placed(due.level, this.offsetOf(candidate), tree.tileNode(due.level + 1));
      } else if (candidate.tag === 'SEEK') {
        candidate.payload = concatBytes(...seek.pieces());
      }
    }
    return this;
  }

  /** Makes VERI and every TAIL right. A slice names its `root`, which its records alone do not give. */
  reseal(options: { readonly root?: Uint8Array; readonly keepVeri?: boolean } = {}): this {
    const tiles = new Array<number>(TILE_LEVELS).fill(0);
    const links = { meta: 0, seek: 0, veri: 0, sign: 0, prev: 0 };
    for (const candidate of this.pieces) {
      const offset = this.offsetOf(candidate);
      switch (candidate.tag) {
        case 'TOKN':
          if (candidate.payload[TOKN_AT.mode] === MODE.meta) links.meta = offset;
          break;
        case 'TILE':
          tiles[candidate.payload[0] ?? 0] = offset;
          break;
        case 'SIGN':
          links.sign = offset;
          break;
        case 'SEEK':
          if (links.seek === 0) links.seek = offset;
          break;
        case 'VERI':
          if (links.veri === 0) links.veri = offset;
          if (options.keepVeri !== true) candidate.payload = sha256(this.bytes().subarray(HEADER_BYTES, offset));
          break;
        case 'TAIL': {
          const state = stateOf(candidate);
          const root = options.root ?? this.root(candidate);
          const records = this.leaves(candidate).length;
          candidate.payload = encodeTail({ self: offset, state, records, ...links, tiles: [...tiles], root });
          links.prev = offset;
          break;
        }
      }
    }
    return this;
  }

  /** Everything that follows from the records. */
  mend(): this {
    return this.reindex().reseal();
  }

  /** A slice of these records (record 0 always among them), with a SIGN if the file ends in one. Runs are `[from, to)`. */
  slice(runs: readonly (readonly [number, number])[]): FileKit {
    const records = this.#records();
    const leaves = records.map((record) => record.leaf);
    const pair = (n: number): Piece[] => {
      const { tokn, payload } = this.record(n);
      return [clone(tokn), clone(payload)];
    };
    const proofs = runs.map(([from, to]) => {
      const hashes = rangeProofNodes(from, to, leaves.length).map(({ level, index }) =>
        rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
      );
      return piece('PROF', encodeProf({ size: leaves.length, first: from, count: to - from, hashes }));
    });
    const sign = this.pieces.filter((candidate) => candidate.tag === 'SIGN').at(-1);
    const numbers = runs.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
    const tail = encodeTail({
      ...{ self: 0, state: TAIL_STATE.slice, records: 0, meta: 0, seek: 0, veri: 0, sign: 0, prev: 0, tiles: [] },
      root: rootOf(leaves),
    });
    return new FileKit([
      ...pair(0),
      ...proofs,
      ...(sign === undefined ? [] : [clone(sign)]),
      ...numbers.filter((n) => n > 0).flatMap(pair),
      piece('TAIL', tail),
    ]).reseal({ root: rootOf(leaves) });
  }
}

const clone = ({ tag, payload }: Piece): Piece => ({ tag, payload: payload.slice() });

const encodePiece = ({ tag, payload, crc, size }: Piece): Uint8Array => {
  const header = new Uint8Array(CHUNK_HEADER_BYTES);
  const view = viewOf(header);
  for (let i = 0; i < 4; i++) view.setUint8(i, tag.charCodeAt(i));
  view.setUint32(4, size ?? payload.length);
  view.setUint32(8, crc ?? crc32(payload));
  return concatBytes(header, payload);
};

const entryBytes = ({ payload }: Piece): number =>
  TOKN_HEAD_BYTES + TOKEN_BYTES * viewOf(payload).getUint32(TOKN_AT.count);

const entryOf = (tokn: Piece): Uint8Array => tokn.payload.subarray(0, entryBytes(tokn));

/** The blind of a TOKN; empty where it has none. */
export const blindOf = (tokn: Piece): Uint8Array => tokn.payload.subarray(entryBytes(tokn));

const stateOf = ({ payload }: Piece): TailState => {
  const state = payload[8];
  return state === TAIL_STATE.live || state === TAIL_STATE.slice ? state : TAIL_STATE.final;
};

/** MTH of section 6, straight from its definition. */
export const rootOf = (leaves: readonly Uint8Array[]): Uint8Array => {
  const [first] = leaves;
  if (first === undefined) return sha256();
  if (leaves.length === 1) return first;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
};

/** Bytes of ASCII text. */
export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** A payload of u64 fields. */
export const u64s = (...values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(8 * values.length);
  for (const [i, value] of values.entries()) writeU64(viewOf(bytes), 8 * i, value);
  return bytes;
};
