/**
 * Tells a recording that was cut off from one that is damaged inside (spec/h4mk.md section 14, rule 3): whether anything
 * that the writer wrote later stands behind the place where reading ended. Media may hold bytes that look like chunks, so
 * that what is found must fit this recording; where that cannot be told, nothing must be cut.
 */
import { crc32 } from '../../utils/crc32.js';
import { toHex } from '../../utils/bytes.js';
import { isH4Error } from '../../utils/error.js';
import { type ChunkInfo, endOf, parseChunkHeader } from '../format/chunk.js';
import type { ByteSource } from '../io/io.js';
import {
  CHUNK_HEADER_BYTES,
  TAIL_BYTES,
  TAIL_CHUNK_BYTES,
  TOKEN_BYTES,
  TOKN_HEAD_BYTES,
  isMediaMode,
  payloadTagOf,
} from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import { MAX_NOTE_BYTES, parseNote } from '../format/note.js';
import { isTailAt, tailAtEnd } from '../format/tail.js';
import { type Tokn, parseTokn } from '../format/tokn.js';
import { verifyPayload } from '../check/verified.js';

/** What is known of the recording up to where reading ended. */
export interface KnownPart {
  /** Undefined where not even record 0 is whole: then any checkpoint may be of this recording. */
  readonly fileId: Uint8Array | undefined;
  /** Number of whole records. */
  readonly records: number;
  /** Where the payload ends that a record has announced twice, in its TOKN and in its chunk: what looks like records before that is media. */
  readonly mediaEnd: number;
  /** The `pos` that the next record of a track must have, or undefined for a track that no META lists. */
  readonly posOf: (track: number) => number | undefined;
}

/** A chunk that this recording's writer wrote later. */
export interface LaterChunk {
  readonly tag: 'TAIL' | 'SIGN' | 'TOKN';
  readonly offset: number;
  /** Records that stood before it, as far as it says; for a TOKN its own number. */
  readonly records: number;
}

const WINDOW_BYTES = 1024 * 1024;
const TAG_BYTES = 4;
const MAX_BLIND_BYTES = 16;
/** Hostile media can make every few bytes look promising. After so much work nothing is cut. */
const WORK_PER_BYTE = 32;
const FREE_WORK_BYTES = 256 * 1024 * 1024;

/** Kinds of errors that say that something only looked like a chunk of the recording. */
const LOOKS: ReadonlySet<string> = new Set(['malformed', 'tampered', 'unsupported', 'limit']);

/** Thrown where looking closer would take for ever: the caller treats it as damage inside. */
export class TooManyCandidates extends Error {}

/** The first chunk at or after `start` that proves that the recording went on, or undefined. */
export const findLaterChunk = async (
  source: ByteSource,
  start: number,
  known: KnownPart,
  limits: Limits,
  signal?: AbortSignal,
): Promise<LaterChunk | undefined> => {
  const search = new Search(source, known, limits, FREE_WORK_BYTES + WORK_PER_BYTE * (source.size - start), signal);
  // Windows overlap, so that a chunk header that straddles two is seen whole in one of them.
  for (let from = start; from + CHUNK_HEADER_BYTES <= source.size; from += WINDOW_BYTES) {
    const end = Math.min(from + WINDOW_BYTES + CHUNK_HEADER_BYTES, source.size);
    const window = await source.read(from, end, signal);
    for (const at of candidatesIn(window)) {
      const found = await search.examine(parseChunkHeader(window, at, from + at));
      if (found !== undefined) return found;
    }
  }
  return undefined;
};

const [T, S] = [0x54, 0x53];

/** Positions at which the tag of a chunk that may tell something stands, with a whole chunk header. */
function* candidatesIn(window: Uint8Array): Generator<number, void> {
  const end = Math.min(window.length - CHUNK_HEADER_BYTES + 1, WINDOW_BYTES);
  const next = (byte: number, from: number): number => {
    const at = window.indexOf(byte, from);
    return at < 0 ? Infinity : at;
  };
  let [t, s] = [next(T, 0), next(S, 0)];
  for (let at = Math.min(t, s); at < end; at = Math.min(t, s)) {
    if (TAGS.has(String.fromCharCode(...window.subarray(at, at + TAG_BYTES)))) yield at;
    if (at === t) t = next(T, at + 1);
    else s = next(S, at + 1);
  }
}

const TAGS: ReadonlySet<string> = new Set(['TAIL', 'SIGN', 'TOKN']);

class Search {
  readonly #source: ByteSource;
  readonly #known: KnownPart;
  readonly #limits: Limits;
  readonly #signal: AbortSignal | undefined;
  readonly #fileId: string | undefined;
  #work: number;

  constructor(source: ByteSource, known: KnownPart, limits: Limits, work: number, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#known = known;
    this.#limits = limits;
    this.#work = work;
    this.#signal = signal;
    this.#fileId = known.fileId === undefined ? undefined : toHex(known.fileId);
  }

  async examine(chunk: ChunkInfo): Promise<LaterChunk | undefined> {
    const isMedia = chunk.tag === 'TOKN' && chunk.offset < this.#known.mediaEnd;
    if (isMedia || endOf(chunk) > this.#source.size || !this.#hasPlausibleSize(chunk)) return undefined;
    const payload = await this.#payload(chunk);
    if (payload === undefined) return undefined;
    const { offset } = chunk;
    try {
      switch (chunk.tag) {
        case 'TAIL':
          return await this.#laterTail(chunk);
        case 'SIGN': {
          const { origin, size } = parseNote(payload, this.#limits);
          return this.#fileId === undefined || origin.fileIdHex === this.#fileId
            ? { tag: 'SIGN', offset, records: size }
            : undefined;
        }
        default: {
          const tokn = parseTokn(payload, this.#limits);
          return (await this.#isLaterRecord(tokn, endOf(chunk)))
            ? { tag: 'TOKN', offset, records: tokn.seq }
            : undefined;
        }
      }
    } catch (error) {
      if (!isH4Error(error) || error.code === 'H4_HTTP_RANGE' || !LOOKS.has(error.kind)) throw error;
      return undefined;
    }
  }

  /** Some field of a TAIL may be beyond what can be read here: that it stands where it says is enough. */
  async #laterTail({ offset }: ChunkInfo): Promise<LaterChunk | undefined> {
    const bytes = await this.#source.read(offset, offset + TAIL_CHUNK_BYTES, this.#signal);
    if (!isTailAt(bytes, offset)) return undefined;
    const records = tailAtEnd(bytes, offset + TAIL_CHUNK_BYTES)?.records ?? this.#known.records;
    return records >= this.#known.records ? { tag: 'TAIL', offset, records } : undefined;
  }

  #hasPlausibleSize({ tag, size }: ChunkInfo): boolean {
    switch (tag) {
      case 'TAIL':
        return size === TAIL_BYTES;
      case 'SIGN':
        return size <= MAX_NOTE_BYTES;
      default: {
        const tokens = (size - TOKN_HEAD_BYTES) % TOKEN_BYTES;
        const most = TOKN_HEAD_BYTES + TOKEN_BYTES * this.#limits.maxTokens + MAX_BLIND_BYTES;
        return size >= TOKN_HEAD_BYTES && size <= most && (tokens === 0 || tokens === MAX_BLIND_BYTES % TOKEN_BYTES);
      }
    }
  }

  /** The payload, if it has the CRC that the header states. */
  async #payload({ offset, size, crc }: ChunkInfo): Promise<Uint8Array | undefined> {
    this.#work -= size;
    if (this.#work < 0) throw new TooManyCandidates('Too many places look like chunks of the recording');
    const start = offset + CHUNK_HEADER_BYTES;
    const payload = await this.#source.read(start, start + size, this.#signal);
    return crc32(payload) === crc ? payload : undefined;
  }

  /** Whether a whole record follows the rules of this recording at a later place of it. */
  async #isLaterRecord(tokn: Tokn, at: number): Promise<boolean> {
    const { seq, mode, track, pos } = tokn;
    if (seq < this.#known.records || at + CHUNK_HEADER_BYTES > this.#source.size) return false;
    const next = this.#known.posOf(track);
    if (isMediaMode(mode) && (next === undefined || pos < next)) return false;
    const header = await this.#source.read(at, at + CHUNK_HEADER_BYTES, this.#signal);
    const chunk = parseChunkHeader(header, 0, at);
    if (endOf(chunk) > this.#source.size || chunk.size > this.#limits.maxChunkBytes) return false;
    if (chunk.tag === 'VOID') return chunk.size === 0 || chunk.size === tokn.size;
    if (chunk.tag !== payloadTagOf(mode)) return false;
    const payload = await this.#payload(chunk);
    return payload !== undefined && verifyPayload(tokn, payload).length === chunk.size;
  }
}

/**
 * Where the payload of the record at `offset` ends, if TOKN and payload chunk agree about it, or 0. The TOKN has a CRC of its
 * own, so that no one flipped byte can make them agree about a wrong size.
 */
export const announcedEnd = async (
  source: ByteSource,
  offset: number,
  limits: Limits,
  signal?: AbortSignal,
): Promise<number> => {
  try {
    const tokn = parseChunkHeader(await source.read(offset, offset + CHUNK_HEADER_BYTES, signal), 0, offset);
    const next = endOf(tokn);
    if (tokn.tag !== 'TOKN' || next + CHUNK_HEADER_BYTES > source.size || tokn.size > limits.maxChunkBytes) return 0;
    const payload = await source.read(offset + CHUNK_HEADER_BYTES, next, signal);
    const { mode, size } = parseTokn(payload, limits);
    const chunk = parseChunkHeader(await source.read(next, next + CHUNK_HEADER_BYTES, signal), 0, next);
    const agrees = crc32(payload) === tokn.crc && chunk.tag === payloadTagOf(mode) && chunk.size === size;
    return agrees ? endOf(chunk) : 0;
  } catch (error) {
    if (!isH4Error(error) || error.code === 'H4_HTTP_RANGE' || !LOOKS.has(error.kind)) throw error;
    return 0;
  }
};
