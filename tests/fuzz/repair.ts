/**
 * Mends what a mutation broke along with what it meant to break, so that a case gets past the first check and reaches deep
 * ones: checksums, then what TOKN says of its payload, then the order of records, then everything derived from them. It
 * refuses nothing: what it does not understand it leaves as it is.
 */
import { encodeHeader } from '../../src/container/format/header.js';
import {
  CHUNK_HEADER_BYTES,
  HASH_BYTES,
  HEADER_BYTES,
  MODE,
  TAIL_BYTES,
  TILE_LEVELS,
} from '../../src/container/format/layout.js';
import { MerkleFrontier, leafHash } from '../../src/container/tree/merkle.js';
import { SeekBuilder } from '../../src/container/format/seek.js';
import { TileStack } from '../../src/container/format/tile.js';
import { type Tokn, parseTokn } from '../../src/container/format/tokn.js';
import { concatBytes, toBase64, toHex, utf8Encode, viewOf } from '../../src/utils/bytes.js';
import { createSha256, sha256 } from '../../src/utils/sha256.js';
import { writeU64 } from '../../src/utils/u64.js';
import { TOKN_AT } from '../../tools/vector-kit.js';
import { type Draft, type Part, encodePart, owned } from './draft.js';

const PAYLOAD_TAGS: ReadonlySet<string> = new Set(['CORE', 'SAFE', 'META', 'VOID']);
const TOKN_HEAD = 80;
const TOKEN = 12;

/** File header, sizes and CRCs. */
export const repairFraming = (draft: Draft): void => {
  draft.pieces.header = encodeHeader();
  for (const part of draft.parts) {
    delete part.size;
    delete part.crc;
  }
};

/** TOKN and payload where the one follows the other, and TOKN is long enough to be one. */
const recordsOf = (parts: readonly Part[]): (readonly [tokn: Part, payload: Part])[] =>
  parts.flatMap((tokn, i) => {
    const payload = parts[i + 1];
    const isRecord = tokn.tag === 'TOKN' && tokn.payload.length >= TOKN_HEAD && payload !== undefined;
    return isRecord && PAYLOAD_TAGS.has(payload.tag) ? [[tokn, payload] as const] : [];
  });

/** Count, sizes and commitment of every record. */
export const repairRecords = (draft: Draft): void => {
  for (const [tokn, payload] of recordsOf(draft.parts)) {
    const view = viewOf(owned(tokn));
    const mode = view.getUint8(TOKN_AT.mode);
    const blindBytes = (view.getUint8(TOKN_AT.flags) & 2) === 0 ? 0 : 16;
    const count = Math.floor((tokn.payload.length - TOKN_HEAD - blindBytes) / TOKEN);
    if (count >= 0) view.setUint32(TOKN_AT.count, count);
    if (payload.tag !== 'VOID') {
      const stored = mode === MODE.core && view.getUint32(TOKN_AT.raw) === view.getUint32(TOKN_AT.size);
      view.setUint32(TOKN_AT.size, payload.payload.length);
      if (mode >= MODE.meta || stored) view.setUint32(TOKN_AT.raw, payload.payload.length);
      const blind = tokn.payload.subarray(tokn.payload.length - blindBytes);
      tokn.payload.set(sha256(blindBytes === 0 ? new Uint8Array(0) : blind, payload.payload), TOKN_AT.commit);
    }
    if (count > 0) repairTokens(view, count);
  }
};

/** Makes the first token that of its record, and the last as long as the sum demands. */
const repairTokens = (view: DataView, count: number): void => {
  const isKey = (view.getUint8(TOKN_AT.flags) & 1) !== 0;
  const sizeAt = (i: number): number => TOKN_AT.tokens + TOKEN * i + 8;
  view.setInt32(TOKN_AT.tokens, 0);
  const first = view.getUint32(sizeAt(0));
  view.setUint32(sizeAt(0), ((first & 0x7fffffff) | (isKey ? 0x80000000 : 0)) >>> 0);
  let sum = 0;
  for (let i = 0; i + 1 < count; i++) sum += view.getUint32(sizeAt(i)) & 0x7fffffff;
  const rest = view.getUint32(TOKN_AT.raw) - sum;
  const last = view.getUint32(sizeAt(count - 1));
  if (rest >= 0 && rest < 2 ** 31) view.setUint32(sizeAt(count - 1), ((last & 0x80000000) | rest) >>> 0);
};

/** Record numbers, positions and back pointers in file order. */
export const repairOrder = (draft: Draft): void => {
  const keys = new Map<number, number>();
  const positions = new Map<number, number>();
  let seq = 0;
  for (const [tokn] of recordsOf(draft.parts)) {
    const view = viewOf(owned(tokn));
    const track = view.getUint16(TOKN_AT.track);
    const media = view.getUint8(TOKN_AT.mode) <= MODE.encrypted;
    const key = keys.get(track);
    writeU64(view, TOKN_AT.seq, seq);
    view.setUint32(TOKN_AT.back, key === undefined ? 0 : seq - key);
    writeU64(view, TOKN_AT.pos, media ? (positions.get(track) ?? 0) : 0);
    if (media) positions.set(track, (positions.get(track) ?? 0) + view.getUint32(TOKN_AT.raw));
    if ((view.getUint8(TOKN_AT.flags) & 1) !== 0) keys.set(track, seq);
    seq++;
  }
};

/** What is derived from the records before it. */
export const DERIVED = ['TILE', 'SEEK', 'SIGN', 'VERI', 'TAIL'] as const;
export type Derived = (typeof DERIVED)[number];

/** Makes the chunks of these tags anew, as their writer would have written them where they stand. */
export const derive = (draft: Draft, tags: ReadonlySet<Derived>): void => {
  const { header, parts } = draft.pieces;
  new Derivation(draft, tags).run(header, parts);
};

class Derivation {
  readonly #tags: ReadonlySet<Derived>;
  readonly #tree = new MerkleFrontier();
  readonly #tiles = new TileStack();
  readonly #seek = new SeekBuilder();
  readonly #hash = createSha256();
  readonly #isSlice: boolean;
  readonly #seekTrack: number;
  readonly #links = { meta: 0, seek: 0, veri: 0, sign: 0, prev: 0 };
  readonly #tileOffsets = new Array<number>(TILE_LEVELS).fill(0);
  #fileId: Uint8Array = new Uint8Array(HASH_BYTES);
  #records = 0;

  constructor(draft: Draft, tags: ReadonlySet<Derived>) {
    this.#tags = tags;
    this.#isSlice = draft.parts.some(({ tag }) => tag === 'PROF');
    this.#seekTrack = seekTrackOf(draft.parts[1]);
  }

  run(header: Uint8Array, parts: readonly Part[]): void {
    let offset = Math.max(header.length, HEADER_BYTES);
    for (const [i, part] of parts.entries()) {
      try {
        this.#place(part, offset);
        const before = parts[i - 1];
        if (before?.tag === 'TOKN' && PAYLOAD_TAGS.has(part.tag)) {
          this.#admit(before, offset - CHUNK_HEADER_BYTES - before.payload.length);
        }
      } catch {
        // Not understood: it stays what it is.
      }
      const bytes = encodePart(part);
      this.#hash.update(bytes);
      offset += bytes.length;
    }
  }

  #admit(part: Part, at: number): void {
    const tokn: Tokn = parseTokn(part.payload);
    const leaf = leafHash(tokn.entry);
    const media = tokn.mode <= MODE.encrypted;
    const key = media && tokn.key && tokn.track === this.#seekTrack;
    if (this.#records++ === 0) this.#fileId = leaf;
    if (tokn.mode === MODE.meta) this.#links.meta = at;
    this.#tree.push(leaf);
    if (this.#isSlice) return;
    this.#tiles.push({ pts: tokn.pts, offset: at, key, media, leaf });
    if (key) this.#seek.push(tokn.pts, at);
  }

  #place(part: Part, offset: number): void {
    switch (part.tag) {
      case 'TILE': {
        this.#tile(part, offset);
        return;
      }
      case 'SEEK':
        this.#links.seek ||= offset;
        this.#set(part, 'SEEK', () => concatBytes(...this.#seek.pieces()));
        return;
      case 'SIGN':
        this.#links.sign = offset;
        if (!this.#isSlice) this.#set(part, 'SIGN', () => this.#note(part.payload));
        return;
      case 'VERI':
        this.#links.veri ||= offset;
        this.#set(part, 'VERI', () => this.#hash.copy().digest());
        return;
      case 'TAIL':
        this.#set(part, 'TAIL', () => this.#tail(part.payload, offset));
        this.#links.prev = offset;
    }
  }

  #set(part: Part, tag: Derived, make: () => Uint8Array): void {
    if (this.#tags.has(tag)) part.payload = make();
  }

  #tile(part: Part, offset: number): void {
    const due = this.#tiles.due();
    const level = due?.level ?? part.payload[0] ?? 0;
    this.#tileOffsets[level] = offset;
    this.#set(part, 'TILE', () => due?.payload ?? this.#tiles.openTile(level)?.payload() ?? part.payload);
    if (due !== undefined) this.#tiles.placed(level, offset, this.#tree.tileNode(level + 1));
  }

  /** The same note over the tree as it is now; nobody signs it. */
  #note(payload: Uint8Array): Uint8Array {
    const [origin = '', , , ...rest] = new TextDecoder().decode(payload).split('\n');
    const name = origin.slice(0, Math.max(0, origin.lastIndexOf('/')));
    const text = [`${name}/${toHex(this.#fileId)}`, this.#tree.size, toBase64(this.#tree.root()), ...rest];
    return utf8Encode(text.join('\n'));
  }

  #tail(payload: Uint8Array, offset: number): Uint8Array {
    const made = new Uint8Array(TAIL_BYTES);
    const view = viewOf(made);
    const { meta, seek, veri, sign, prev } = this.#links;
    const isFresh = payload.length !== TAIL_BYTES;
    made[8] = isFresh ? 1 : (payload[8] ?? 1);
    const fields = [offset, undefined, this.#records, meta, seek, veri, sign, prev, ...this.#tileOffsets];
    for (const [i, field] of fields.entries()) if (field !== undefined) writeU64(view, 8 * i, field);
    made.set(this.#isSlice && !isFresh ? payload.subarray(128) : this.#tree.root(), 128);
    return made;
  }
}

const seekTrackOf = (meta: Part | undefined): number => {
  try {
    const json = JSON.parse(new TextDecoder().decode(meta?.payload)) as { h4mk?: { seek_track?: unknown } };
    const track = json.h4mk?.seek_track;
    return typeof track === 'number' ? track : 0;
  } catch {
    return 0;
  }
};
