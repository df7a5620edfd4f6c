/**
 * Where everything is in a legacy file (spec/h4mk.md section 13), found by walking from chunk header to chunk header. Nothing
 * in such a file leads to its blocks, so that opening it costs a small read for every block that is not small itself; blocks
 * are not read. It refuses what a full check refuses, in the same order, as far as it looks: not the CRC of blocks and of
 * unknown chunks, not what is in the blocks, and not the hash in VERI.
 */
import { crc32 } from '../../utils/crc32.js';
import { H4Error } from '../../utils/error.js';
import { type ChunkInfo, endOf, parseChunkHeader } from '../format/chunk.js';
import { assertHeader } from '../format/header.js';
import type { ByteSource } from '../io/io.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES, VERI_BYTES } from '../format/layout.js';
import { BlockPlaces } from './legacy-blocks.js';
import { LegacyGrammar, isUniqueLegacyTag, isUnknownLegacyTag, parseLegacySeek } from './legacy-grammar.js';
import { LEGACY_DEFAULTS, type LegacyMeta, parseLegacyMeta } from './legacy-meta.js';
import type { Limits } from '../format/limits.js';
import { ReadWindow } from '../source/read-window.js';
import type { SeekTable } from '../format/seek.js';

export interface LegacyLayout {
  readonly blocks: BlockPlaces;
  /** What META says, or what its absence means. */
  readonly meta: LegacyMeta;
  /** META and SAFE as stored. A SAFE that is longer than META may be is left out: nobody acts on it. */
  readonly metaBytes: Uint8Array | undefined;
  readonly safeBytes: Uint8Array | undefined;
  readonly seek: SeekTable | undefined;
  /** The hash in VERI, which has not been compared with anything. */
  readonly veri: Uint8Array | undefined;
  readonly hasSafe: boolean;
  /** Number of chunks with tags that this reader does not know. */
  readonly unknownChunks: number;
}

/** Which of its forms a file has: its first chunk decides (section 1.2). Refuses a header that is not that of an H4MK file. */
export const fileForm = async (source: ByteSource, signal?: AbortSignal): Promise<'records' | 'legacy'> => {
  const head = await source.read(0, Math.min(HEADER_BYTES + CHUNK_HEADER_BYTES, source.size), signal);
  assertHeader(head);
  if (head.length < HEADER_BYTES + CHUNK_HEADER_BYTES) {
    throw new H4Error('H4_NO_RECORDS', 'The file ends before its first chunk');
  }
  return parseChunkHeader(head, HEADER_BYTES, HEADER_BYTES).tag === 'TOKN' ? 'records' : 'legacy';
};

export const readLegacyLayout = async (
  source: ByteSource,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<LegacyLayout> => {
  if ((await fileForm(source, signal)) === 'records') {
    throw new H4Error('H4_PARAM', 'This is a recording with records, not a legacy file: open it with H4MKReader');
  }
  const walk = new LayoutWalk(source, limits, signal);
  for (let offset = HEADER_BYTES; offset < source.size;) offset = await walk.chunkAt(offset);
  return walk.layout();
};

/** The first read of a header takes this much; where headers turn out to lie close together, reads grow. */
const MIN_WINDOW_BYTES = 1024;
const MAX_WINDOW_BYTES = 64 * 1024;

class LayoutWalk {
  readonly #source: ByteSource;
  readonly #limits: Limits;
  readonly #signal: AbortSignal | undefined;
  readonly #window: ReadWindow;
  #windowBytes = MIN_WINDOW_BYTES;
  readonly #grammar = new LegacyGrammar();
  readonly #blocks = new BlockPlaces();
  #meta = LEGACY_DEFAULTS;
  readonly #payloads = new Map<string, Uint8Array>();
  #seek: SeekTable | undefined;
  #hasSafe = false;
  #unknownChunks = 0;

  constructor(source: ByteSource, limits: Limits, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#limits = limits;
    this.#signal = signal;
    this.#window = new ReadWindow(source);
  }

  /** Takes the chunk at `offset` and tells where the next one begins. */
  async chunkAt(offset: number): Promise<number> {
    const chunk = await this.#headerAt(offset);
    if (isUniqueLegacyTag(chunk.tag)) await this.#unique(chunk);
    else this.#other(chunk);
    return endOf(chunk);
  }

  layout(): LegacyLayout {
    return {
      blocks: this.#blocks,
      meta: this.#meta,
      metaBytes: this.#payloads.get('META'),
      safeBytes: this.#payloads.get('SAFE'),
      seek: this.#seek,
      veri: this.#payloads.get('VERI'),
      hasSafe: this.#hasSafe,
      unknownChunks: this.#unknownChunks,
    };
  }

  /** The header of a chunk that lies within the file and the limits. */
  async #headerAt(offset: number): Promise<ChunkInfo> {
    const left = this.#source.size - offset;
    if (left < CHUNK_HEADER_BYTES) {
      if (this.#grammar.hasVeri) throw fault('H4_TRAILING_BYTES', offset, `${left} bytes follow VERI`);
      throw fault('H4_TRUNCATED', offset, `The file ends ${left} bytes into a chunk header at offset ${offset}`);
    }
    const end = offset + CHUNK_HEADER_BYTES;
    if (end > this.#window.end) {
      const isNear = offset - this.#window.end <= this.#windowBytes;
      this.#windowBytes = isNear ? Math.min(2 * this.#windowBytes, MAX_WINDOW_BYTES) : MIN_WINDOW_BYTES;
    }
    const chunk = parseChunkHeader(await this.#window.read(offset, end, this.#windowBytes, this.#signal), 0, offset);
    const { tag, size } = chunk;
    const missing = endOf(chunk) - this.#source.size;
    if (missing > 0 && this.#grammar.hasVeri) {
      throw fault('H4_CHUNK_AFTER_VERI', offset, 'Part of a chunk follows VERI');
    }
    if (missing > 0) {
      const what = `Chunk ${tag} at offset ${offset} declares ${size} bytes, ${missing} more than the file has`;
      throw fault('H4_TRUNCATED', offset, what);
    }
    if (size > this.#limits.maxChunkBytes) {
      const what = `Chunk ${tag} at offset ${offset} declares ${size} bytes; the limit is ${this.#limits.maxChunkBytes}`;
      throw fault('H4_LIMIT_CHUNK', offset, what);
    }
    return chunk;
  }

  #other({ tag, offset, size, crc }: ChunkInfo): void {
    this.#grammar.admit(tag);
    if (isUnknownLegacyTag(tag)) this.#unknownChunks++;
    if (tag !== 'CORE') return;
    if (this.#blocks.count >= this.#limits.maxRecords) {
      throw fault('H4_LIMIT_RECORDS', offset, `The file has more than ${this.#limits.maxRecords} blocks`);
    }
    this.#blocks.push({ offset, size, crc });
  }

  /** SEEK, META, SAFE or VERI: read whole. */
  async #unique(chunk: ChunkInfo): Promise<void> {
    const { tag, offset, size } = chunk;
    const isLong = size > this.#limits.maxMetaBytes;
    if (tag === 'META' && isLong) {
      throw fault('H4_LIMIT_META', offset, `META has ${size} bytes; the limit is ${this.#limits.maxMetaBytes}`);
    }
    const payload = tag === 'SAFE' && isLong ? undefined : await this.#payload(chunk);
    this.#grammar.admit(tag);
    if (payload === undefined) {
      this.#hasSafe = true;
      return;
    }
    switch (tag) {
      case 'SEEK':
        this.#seek = parseLegacySeek(payload);
        return;
      case 'META':
        this.#meta = parseLegacyMeta(payload, this.#limits);
        break;
      case 'SAFE':
        this.#hasSafe = true;
        break;
      default:
        if (size !== VERI_BYTES) throw fault('H4_VERI_SIZE', offset, `VERI has ${size} bytes, not ${VERI_BYTES}`);
    }
    this.#payloads.set(tag, payload);
  }

  async #payload(chunk: ChunkInfo): Promise<Uint8Array> {
    const start = chunk.offset + CHUNK_HEADER_BYTES;
    const payload = await this.#window.read(start, endOf(chunk), 0, this.#signal);
    assertChunkCrc(chunk, payload);
    // A copy: the window around a small payload would stay in memory with it.
    return payload.slice();
  }
}

/** Refuses a payload that does not have the CRC of its header. */
export const assertChunkCrc = ({ tag, offset, crc }: ChunkInfo, payload: Uint8Array): void => {
  const found = crc32(payload);
  if (found === crc) return;
  const [is, says] = [found, crc].map((value) => value.toString(16).padStart(8, '0'));
  const what = `The payload of ${tag} at offset ${offset} has CRC ${is}, but its header says ${says}`;
  throw fault('H4_CRC_MISMATCH', offset, what);
};

const fault = (code: H4Error['code'], offset: number, message: string): H4Error =>
  new H4Error(code, message, { detail: { offset } });
