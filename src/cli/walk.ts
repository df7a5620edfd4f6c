/**
 * A walk from chunk header to chunk header by positioned reads (h4mk.md 3). Payloads are skipped unless asked for, so that
 * it costs the same for a block of a megabyte as for an empty one, and memory is one window. It believes nothing but what
 * it needs to take the next step, and shows a broken file up to where it breaks.
 */
import { type ChunkInfo, endOf, parseChunkHeader } from '../container/format/chunk.js';
import { assertHeader } from '../container/format/header.js';
import type { ByteSource } from '../container/io/io.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES, TAIL_CHUNK_BYTES, payloadTagOf } from '../container/format/layout.js';
import { DEFAULT_LIMITS } from '../container/format/limits.js';
import { type Tail, tailAtEnd } from '../container/format/tail.js';
import { type Tokn, parseTokn } from '../container/format/tokn.js';
import { H4Error, isH4Error } from '../utils/error.js';

/** After a jump only a little is read; while reading goes on without long ones, the window grows. */
const MIN_WINDOW_BYTES = 4 * 1024;
const MAX_WINDOW_BYTES = 64 * 1024;
const SHORT_JUMP_BYTES = 16 * 1024;

/** A payload chunk together with the TOKN before it. */
export interface WalkedRecord {
  readonly tokn: Tokn;
  /** File position of the TOKN. */
  readonly offset: number;
  readonly payload: ChunkInfo;
}

export interface WalkOptions {
  readonly signal?: AbortSignal;
  /** Called with the offset of every chunk that `chunks` and `records` come to. */
  readonly onProgress?: (offset: number) => void;
}

export class FileWalker {
  readonly source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ((offset: number) => void) | undefined;
  #start = 0;
  #window: Uint8Array = new Uint8Array(0);
  #windowBytes = MIN_WINDOW_BYTES;

  constructor(source: ByteSource, options: WalkOptions = {}) {
    this.source = source;
    this.#signal = options.signal;
    this.#onProgress = options.onProgress;
  }

  /** Refuses a file that does not begin as an H4MK file does. */
  async assertHeader(): Promise<void> {
    assertHeader(await this.bytes(0, Math.min(HEADER_BYTES, this.source.size)));
  }

  /** The tag of the first chunk, which decides about the form of a file (h4mk.md 1.2); undefined where there is none. */
  async firstTag(): Promise<string | undefined> {
    if (this.source.size < HEADER_BYTES + CHUNK_HEADER_BYTES) return undefined;
    return parseChunkHeader(await this.bytes(HEADER_BYTES, CHUNK_HEADER_BYTES), 0, HEADER_BYTES).tag;
  }

  /** The TAIL at the end of the file, if it has one. */
  async tail(): Promise<Tail | undefined> {
    const start = Math.max(0, this.source.size - TAIL_CHUNK_BYTES);
    return tailAtEnd(await this.source.read(start, this.source.size, this.#signal), this.source.size);
  }

  /** `size` bytes from `offset` on, which must lie within the file. The view is valid until the next call. */
  async bytes(offset: number, size: number): Promise<Uint8Array> {
    const end = offset + size;
    if (offset < this.#start || end > this.#start + this.#window.length) {
      const jump = offset - (this.#start + this.#window.length);
      const isNext = offset >= this.#start && jump <= SHORT_JUMP_BYTES;
      this.#windowBytes = isNext ? Math.min(this.#windowBytes * 2, MAX_WINDOW_BYTES) : MIN_WINDOW_BYTES;
      const windowEnd = Math.min(offset + Math.max(size, this.#windowBytes), this.source.size);
      this.#window = await this.source.read(offset, Math.max(windowEnd, end), this.#signal);
      this.#start = offset;
    }
    return this.#window.subarray(offset - this.#start, end - this.#start);
  }

  /** At most `maxBytes` of the payload of a chunk that lies within the file; a copy. */
  async payload(chunk: ChunkInfo, maxBytes: number): Promise<Uint8Array> {
    return (await this.bytes(chunk.offset + CHUNK_HEADER_BYTES, Math.min(chunk.size, maxBytes))).slice();
  }

  /** The chunk at `offset`, whole; H4_BAD_TAG, H4_TRUNCATED, H4_TRAILING_BYTES or H4_INNER_DAMAGE where there is none. */
  async chunkAt(offset: number, before?: ChunkInfo): Promise<ChunkInfo> {
    const left = this.source.size - offset;
    if (left < CHUNK_HEADER_BYTES) {
      if (before?.tag === 'VERI' && (await this.firstTag()) !== 'TOKN') {
        throw this.#fault('H4_TRAILING_BYTES', offset, `${left} bytes follow VERI, too few to be a chunk`);
      }
      throw this.#fault('H4_TRUNCATED', offset, `The file ends ${left} bytes into a chunk header at offset ${offset}`);
    }
    const chunk = parseChunkHeader(await this.bytes(offset, CHUNK_HEADER_BYTES), 0, offset);
    const missing = endOf(chunk) - this.source.size;
    if (missing <= 0) return chunk;
    const what = `Chunk ${chunk.tag} at offset ${offset} declares ${chunk.size} bytes, ${missing} more than the file has`;
    if ((await this.tail()) === undefined) throw this.#fault('H4_TRUNCATED', offset, what);
    throw this.#fault('H4_INNER_DAMAGE', offset, `${what}, although it ends in a TAIL: the damage is inside`);
  }

  /** All chunks from `start` on, in file order. Throws where the file stops making sense, after all before that. */
  async *chunks(start = HEADER_BYTES): AsyncGenerator<ChunkInfo, void> {
    let before: ChunkInfo | undefined;
    for (let offset = start; offset < this.source.size; offset = endOf(before)) {
      before = await this.chunkAt(offset, before);
      this.#onProgress?.(offset);
      yield before;
    }
  }

  /** The parsed TOKN in `chunk`; what is wrong with it is told with its place. */
  async tokn(chunk: ChunkInfo): Promise<Tokn> {
    try {
      return parseTokn(await this.payload(chunk, DEFAULT_LIMITS.maxChunkBytes));
    } catch (error) {
      if (!isFileFault(error)) throw error;
      throw this.#fault(error.code, chunk.offset, `${error.message} (the TOKN at offset ${chunk.offset})`);
    }
  }

  /** All chunks, with the record that each payload chunk belongs to. */
  async *records(start = HEADER_BYTES): AsyncGenerator<{ readonly chunk: ChunkInfo; readonly record?: WalkedRecord }> {
    let pending: { readonly tokn: Tokn; readonly offset: number } | undefined;
    for await (const chunk of this.chunks(start)) {
      if (pending === undefined) {
        if (chunk.tag === 'TOKN') pending = { tokn: await this.tokn(chunk), offset: chunk.offset };
        yield { chunk };
        continue;
      }
      const expected = payloadTagOf(pending.tokn.mode);
      if (chunk.tag !== expected && chunk.tag !== 'VOID') {
        const what = `Record ${pending.tokn.seq} must be followed by ${expected}, not by ${chunk.tag}`;
        throw this.#fault('H4_PAYLOAD_TAG', chunk.offset, `${what} (at offset ${chunk.offset})`);
      }
      yield { chunk, record: { ...pending, payload: chunk } };
      pending = undefined;
    }
    if (pending !== undefined) {
      const what = `The file ends before the payload of record ${pending.tokn.seq}`;
      throw this.#fault('H4_TOKN_NO_PAYLOAD', pending.offset, what);
    }
  }

  #fault(code: H4Error['code'], offset: number, message: string): H4Error {
    return new H4Error(code, message, { detail: { offset } });
  }
}

/** Whether an error speaks about the file: any other one is the machine's, the user's or ours. */
export function isFileFault(error: unknown): error is H4Error {
  if (!isH4Error(error)) return false;
  const { code, kind } = error;
  return kind !== 'usage' && kind !== 'internal' && code !== 'H4_IO' && code !== 'H4_CANCELLED';
}

/** Whether an error only says that a recording was cut off: then what was read before is good (h4mk.md 14). */
export function isCutOff(error: unknown): error is H4Error {
  return isH4Error(error, 'H4_TRUNCATED') || isH4Error(error, 'H4_TOKN_NO_PAYLOAD');
}
