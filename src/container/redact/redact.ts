/**
 * Redaction: takes the payloads of records out of a recording, and leaves everything that was signed as it is (spec/h4mk.md
 * section 10). The entry of a record commits to its payload and does not contain it, so that every root, signature and time
 * stamp stays valid, and the removed payload, shown later, can still be held against its commitment.
 *
 * The recording is copied chunk by chunk, in one pass: what a chunk refers to always stands before it. Memory is one chunk,
 * and where the file is compacted 16 bytes for every payload removed.
 */
import { concatBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { createSha256 } from '../../utils/sha256.js';
import { readU64, writeU64 } from '../../utils/u64.js';
import { type Chunk, encodeChunk, endOf } from '../format/chunk.js';
import { ChunkStream } from '../source/chunk-stream.js';
import { createSourceFeed } from '../source/feed.js';
import { assertHeader, encodeHeader } from '../format/header.js';
import type { ByteSink, ByteSource } from '../io/io.js';
import { HEADER_BYTES, LOCATOR_BYTES, MODE, TILE_HEAD_BYTES } from '../format/layout.js';
import { createLimits, type Limits } from '../format/limits.js';
import { type Tail, encodeTail, parseTail } from '../format/tail.js';
import { type Tokn, parseTokn } from '../format/tokn.js';

export interface RedactOptions {
  /** Whether the payload of a record goes; it is asked once for each media record and safety scope, in order. */
  readonly isRemoved: (tokn: Tokn) => boolean;
  /** Leave nothing in the place of a removed payload, instead of as many zeros: the file gets shorter. Default false. */
  readonly compact?: boolean;
  /** The payload of an ATTS that is added: who removed what, and why. */
  readonly statement?: Uint8Array;
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
  /** Called now and then with the number of bytes copied so far. */
  readonly onProgress?: (bytes: number) => void;
}

export interface Redaction {
  /** Numbers of the records whose payload was removed now; those redacted before are not among them. */
  readonly removed: readonly number[];
  /** Those among them that had no blind and were not encrypted: whoever guesses such a payload can tell that it is right. */
  readonly guessable: readonly number[];
  readonly removedBytes: number;
  readonly bytes: number;
}

/**
 * Copies `source`, a sound recording or slice, to `sink` without the payloads of some records, and commits. What is wrong with
 * `source` is wrong with the copy: check it before. Refuses a legacy file (H4_CHUNK_ORDER), a file that breaks off
 * (H4_TRUNCATED), and the removal of META (H4_PARAM).
 */
export const redactRecording = async (
  source: ByteSource,
  sink: ByteSink,
  options: RedactOptions,
): Promise<Redaction> => {
  const limits = createLimits(options.limits);
  const { signal, onProgress } = options;
  const stream = new ChunkStream(createSourceFeed(source, signal === undefined ? {} : { signal }), limits);
  assertHeader(await stream.take(HEADER_BYTES));
  const copy = new RedactedCopy(sink, options, limits);
  await copy.begin();
  for (let chunk = await stream.next(); ; chunk = await stream.next()) {
    if (signal?.aborted === true) throw new H4Error('H4_CANCELLED', 'The redaction was cancelled');
    if ('kind' in chunk) {
      if (chunk.kind === 'end') break;
      throw new H4Error('H4_TRUNCATED', `The recording breaks off at offset ${chunk.offset}: recover it first`);
    }
    await copy.chunk(chunk, endOf(chunk) === source.size);
    onProgress?.(endOf(chunk));
  }
  return copy.finish();
};

const BLINDED_AT = 2;
const FLAG_BLIND = 2;

class RedactedCopy {
  readonly #sink: ByteSink;
  readonly #options: RedactOptions;
  readonly #limits: Limits;
  readonly #hash = createSha256();
  readonly #moves = new Moves();
  readonly #removed: number[] = [];
  readonly #guessable: number[] = [];
  #removedBytes = 0;
  /** A TOKN is held until its payload says whether it was redacted before. */
  #heldTokn: Chunk | undefined;
  #tail: Tail | undefined;
  #isFirst = true;
  #hasStatement = false;

  constructor(sink: ByteSink, options: RedactOptions, limits: Limits) {
    this.#sink = sink;
    this.#options = options;
    this.#limits = limits;
  }

  async begin(): Promise<void> {
    await this.#sink.write(encodeHeader());
  }

  async chunk(chunk: Chunk, isLast: boolean): Promise<void> {
    if (this.#isFirst && chunk.tag !== 'TOKN') {
      throw new H4Error('H4_CHUNK_ORDER', 'A legacy file has no records that could be redacted: upgrade it first');
    }
    this.#isFirst = false;
    const held = this.#heldTokn;
    this.#heldTokn = undefined;
    if (held !== undefined) return this.#record(held, chunk);
    switch (chunk.tag) {
      case 'TOKN':
        this.#heldTokn = chunk;
        return;
      case 'TILE':
        return this.#write(encodeChunk('TILE', this.#moved(chunk.payload, TILE_HEAD_BYTES, widthOf(chunk.payload))));
      case 'SEEK':
        return this.#write(encodeChunk('SEEK', this.#moved(chunk.payload, 4, (chunk.size - 4) / LOCATOR_BYTES)));
      case 'VERI':
        return this.#write(encodeChunk('VERI', this.#hash.copy().digest()));
      case 'TAIL':
        return this.#writeTail(parseTail(chunk.payload), isLast);
      default:
        return this.#write(encodeChunk(chunk.tag, chunk.payload));
    }
  }

  async #record(held: Chunk, payload: Chunk): Promise<void> {
    const tokn = parseTokn(held.payload, this.#limits);
    const wasRemoved = payload.tag === 'VOID';
    const isWanted = tokn.mode !== MODE.meta && !wasRemoved && this.#options.isRemoved(tokn);
    if (!isWanted && !wasRemoved) {
      await this.#write(encodeChunk('TOKN', held.payload));
      return this.#write(encodeChunk(payload.tag, payload.payload));
    }
    if (isWanted) this.#note(tokn, payload.size);
    await this.#write(encodeChunk('TOKN', concatBytes(tokn.entry, new Uint8Array(tokn.blind.length))));
    const isCompact = this.#options.compact === true;
    const size = isCompact ? 0 : payload.size;
    if (isCompact) this.#moves.add(payload.offset, payload.size);
    await this.#write(encodeChunk('VOID', new Uint8Array(size)));
  }

  #note(tokn: Tokn, bytes: number): void {
    this.#removed.push(tokn.seq);
    this.#removedBytes += bytes;
    const hasBlind = ((tokn.entry[BLINDED_AT] ?? 0) & FLAG_BLIND) !== 0;
    if (!hasBlind && tokn.mode !== MODE.encrypted) this.#guessable.push(tokn.seq);
  }

  /** A copy of an index whose `count` locators, of which each ends in an offset, stand from `start` on. */
  #moved(payload: Uint8Array, start: number, count: number): Uint8Array {
    const copy = new Uint8Array(payload);
    const view = new DataView(copy.buffer);
    for (let i = 0; i < count; i++) {
      const at = start + LOCATOR_BYTES * i + LOCATOR_BYTES / 2;
      writeU64(view, at, this.#moves.target(readU64(view, at, 'an offset')));
    }
    return copy;
  }

  async #writeTail(tail: Tail, isLast: boolean): Promise<void> {
    // In a slice the statement stands before the one TAIL; elsewhere behind the last one, which stays as it is.
    if (tail.state === 2) await this.#writeStatement();
    const to = (offset: number): number => this.#moves.target(offset);
    const { meta, seek, veri, sign, prev, tiles } = tail;
    const links = {
      meta: to(meta),
      seek: to(seek),
      veri: to(veri),
      sign: to(sign),
      prev: to(prev),
      tiles: tiles.map(to),
    };
    this.#tail = { ...tail, ...links, self: this.#sink.length };
    await this.#write(encodeChunk('TAIL', encodeTail(this.#tail)));
    if (isLast) await this.#addStatement(this.#tail);
  }

  async #addStatement(last: Tail): Promise<void> {
    if (this.#options.statement === undefined || this.#hasStatement) return;
    await this.#writeStatement();
    await this.#write(encodeChunk('TAIL', encodeTail({ ...last, self: this.#sink.length, prev: last.self })));
  }

  async #writeStatement(): Promise<void> {
    const { statement } = this.#options;
    if (statement === undefined || this.#hasStatement) return;
    this.#hasStatement = true;
    await this.#write(encodeChunk('ATTS', statement));
  }

  async finish(): Promise<Redaction> {
    const held = this.#heldTokn;
    if (held !== undefined) {
      throw new H4Error('H4_TRUNCATED', `The recording breaks off at offset ${held.offset}: recover it first`);
    }
    // A live file need not end in a TAIL.
    await this.#writeStatement();
    await this.#sink.commit();
    const [removed, guessable] = [this.#removed, this.#guessable];
    return { removed, guessable, removedBytes: this.#removedBytes, bytes: this.#sink.length };
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    await this.#sink.write(bytes);
  }
}

const widthOf = (tile: Uint8Array): number => new DataView(tile.buffer, tile.byteOffset, tile.byteLength).getUint16(2);

/** Where a chunk comes to stand when payloads before it are gone. */
class Moves {
  /** File positions of removed payload chunks, ascending, and how many bytes are gone up to and with each. */
  readonly #offsets: number[] = [];
  readonly #gone: number[] = [];

  add(offset: number, bytes: number): void {
    this.#gone.push((this.#gone.at(-1) ?? 0) + bytes);
    this.#offsets.push(offset);
  }

  target(offset: number): number {
    let [low, high] = [0, this.#offsets.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return offset - (this.#gone[low - 1] ?? 0);
  }
}
