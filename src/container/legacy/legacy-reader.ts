/**
 * `LegacyReader`: random access to files of the original software, which have no records (spec/h4mk.md section 13). Nothing in
 * them is signed, and what SEEK says counts decompressed bytes: to follow it, the lengths of all blocks up to there are
 * needed, and they are in the blocks. They are measured when first asked for, in one pass of bounded memory, and kept.
 *
 * A block is handed out only if its payload has its CRC. VERI is not compared: that takes the whole file, and `verifyContainer`
 * does it.
 */
import type { CompressionEngine } from '../../compression/api/engine.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import type { ByteSource } from '../io/io.js';
import { CHUNK_HEADER_BYTES } from '../format/layout.js';
import { BlockLengths, type BlockPlace, legacyBlockBytes } from './legacy-blocks.js';
import { misplacedSeekEntry } from './legacy-grammar.js';
import { type LegacyLayout, assertChunkCrc, readLegacyLayout } from './legacy-layout.js';
import { LegacyMask } from './legacy-mask.js';
import { LEGACY_ENGINE, shownEngine } from './legacy-meta.js';
import { LegacyTimes } from './legacy-times.js';
import { type Limits, createLimits } from '../format/limits.js';
import { ReadWindow } from '../source/read-window.js';

export interface LegacyOpenOptions {
  /** The engine for run-length pairs, "geometric-reference". Without it blocks can be found, but not decoded. */
  readonly decode?: CompressionEngine;
  /** The key of a masked file, at least 16 bytes. Nothing in the file tells whether it is the right one. */
  readonly masterKey?: Uint8Array;
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
}

/** Where a block is. */
export interface LegacyBlock {
  /** Number of the block, from 0. */
  readonly index: number;
  /** File position of its CORE chunk, and the size of the payload of that. */
  readonly offset: number;
  readonly size: number;
  /** Where it starts in the decompressed blocks, and its length there. */
  readonly pos: number;
  readonly raw: number;
  /** Microseconds: from SEEK, or derived from it and the frame rate. */
  readonly pts: number;
  readonly key: boolean;
}

export interface LegacyContent extends LegacyBlock {
  /** Decoded and, where the file is masked, unmasked: exactly `raw` bytes. */
  readonly bytes: Uint8Array;
}

/** What SEEK answers. */
export interface LegacyKeyframe {
  readonly index: number;
  readonly pts: number;
  readonly pos: number;
  readonly offset: number;
}

export interface LegacyRange {
  /** Blocks `[from, to)`. Default: all. */
  readonly from?: number;
  readonly to?: number;
}

/** How much a pass over many blocks reads at once. */
const PASS_BYTES = 256 * 1024;

export class LegacyReader {
  readonly layout: Omit<LegacyLayout, 'blocks'>;
  readonly blockCount: number;
  readonly #blocks: LegacyLayout['blocks'];
  readonly #source: ByteSource;
  readonly #limits: Limits;
  readonly #engine: CompressionEngine | undefined;
  readonly #mask: LegacyMask | undefined;
  readonly #lengths = new BlockLengths();

  private constructor(
    source: ByteSource,
    { blocks, ...layout }: LegacyLayout,
    limits: Limits,
    engine: CompressionEngine | undefined,
    mask: LegacyMask | undefined,
  ) {
    this.#source = source;
    this.#blocks = blocks;
    this.blockCount = blocks.count;
    this.layout = layout;
    this.#limits = limits;
    this.#engine = engine;
    this.#mask = mask;
  }

  /** Opens a legacy file. The reader does not own `source`: whoever opened it closes it. */
  static async open(source: ByteSource, options: LegacyOpenOptions = {}): Promise<LegacyReader> {
    const { decode, masterKey, signal } = options;
    const name = decode?.info().engine;
    if (name !== undefined && name !== LEGACY_ENGINE) {
      throw new H4Error('H4_PARAM', `Legacy files are decoded with ${LEGACY_ENGINE}, not with ${name}`);
    }
    const mask = masterKey === undefined ? undefined : new LegacyMask(masterKey);
    const limits = createLimits(options.limits);
    return new LegacyReader(source, await readLegacyLayout(source, limits, signal), limits, decode, mask);
  }

  /** Refuses what cannot be decoded, before anything is read for it: whose blocks are no pairs, or masked without a key. */
  assertDecodable(): void {
    this.#assertPairs();
    if (this.#engine === undefined) {
      throw new H4Error('H4_ENGINE_UNKNOWN', `Cannot decode: no engine for ${LEGACY_ENGINE} was given`);
    }
    if (this.layout.meta.isMasked && this.blockCount > 0 && this.#mask === undefined) {
      throw new H4Error('H4_KEY_MISSING', 'The blocks of this legacy file are masked: its master key is needed');
    }
  }

  #assertPairs(): void {
    const { isEncrypted, engine } = this.layout.meta;
    if (isEncrypted) {
      throw new H4Error(
        'H4_LEGACY_ENCRYPTED',
        'The blocks are encrypted with a state that was never stored: nobody can decode them',
      );
    }
    if (engine !== LEGACY_ENGINE) {
      const message = `Legacy files are read with ${LEGACY_ENGINE} only, not with ${shownEngine(engine)}`;
      throw new H4Error('H4_ENGINE_UNKNOWN', message, { detail: { form: 'legacy' } });
    }
  }

  /** Where the CORE chunk of block `index` stands in the file, and the size of its payload: known without reading it. */
  stored(index: number): { readonly offset: number; readonly size: number } {
    const { offset, size } = this.#blocks.at(index);
    return { offset, size };
  }

  /** The content of block `index`: one exact read. */
  async block(index: number, signal?: AbortSignal): Promise<Uint8Array> {
    this.assertDecodable();
    const place = this.#blocks.at(index);
    const payload = await this.#payload(place, new ReadWindow(this.#source), 0, signal);
    return this.#decode(index, payload, this.#measured(index, place, payload));
  }

  /** Where blocks are and when, in order. Reads the blocks whose length is not known yet, and those before them. */
  places(range: LegacyRange = {}, signal?: AbortSignal): AsyncGenerator<LegacyBlock, void> {
    return this.#walk(range, false, (block) => block, signal);
  }

  /** Decoded blocks in order: the pieces of the content. */
  blocks(range: LegacyRange = {}, signal?: AbortSignal): AsyncGenerator<LegacyContent, void> {
    const decoded = (block: LegacyBlock, payload: Uint8Array): LegacyContent | Promise<LegacyContent> => {
      const bytes = this.#decode(block.index, payload, block.raw);
      return bytes instanceof Uint8Array ? contentOf(block, bytes) : bytes.then((each) => contentOf(block, each));
    };
    return this.#walk(range, true, decoded, signal);
  }

  /** Small blocks come by the million: nothing is awaited, and little allocated, where it is at hand. */
  async *#walk<Item extends LegacyBlock>(
    { from = 0, to = this.blockCount }: LegacyRange,
    isDecoding: boolean,
    itemOf: (block: LegacyBlock, payload: Uint8Array) => Item | Promise<Item>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Item, void> {
    if (isDecoding) this.assertDecodable();
    else this.#assertPairs();
    const times = new LegacyTimes(this.layout.seek, this.layout.meta);
    const window = new ReadWindow(this.#source);
    const end = Math.min(to, this.blockCount);
    let pos = 0;
    for (let index = 0; index < end; index++) {
      const place = this.#blocks.at(index);
      let raw = this.#lengths.at(index);
      let payload: Uint8Array = NOTHING;
      if (raw === undefined || (isDecoding && index >= from)) {
        const found = this.#payload(place, window, PASS_BYTES, signal);
        payload = found instanceof Uint8Array ? found : await found;
        // Measured again where it was known: what is decoded is what has just been read.
        raw = this.#measured(index, place, payload);
      }
      const { pts, key } = times.at(index, pos);
      if (index >= from) {
        const item = itemOf({ index, offset: place.offset, size: place.size, pos, raw, pts, key }, payload);
        yield item instanceof Promise ? await item : item;
      }
      pos += raw;
    }
    if (end === this.blockCount) times.end();
  }

  /** The last keyframe that SEEK names at or before `pts` microseconds; undefined where it names none that early. */
  async seek(pts: number, signal?: AbortSignal): Promise<LegacyKeyframe | undefined> {
    if (typeof (pts as unknown) !== 'number' || Number.isNaN(pts)) {
      throw new H4Error('H4_PARAM', `A time is a number of microseconds, not ${String(pts)}`);
    }
    this.#assertPairs();
    const entry = this.layout.seek?.find(pts);
    if (entry === undefined) return undefined;
    await this.#measureUpTo(entry.offset, signal);
    const index = this.#lengths.startingAt(entry.offset);
    if (index === undefined || index === this.blockCount) throw misplacedSeekEntry(entry.offset);
    return { index, pts: entry.pts, pos: entry.offset, offset: this.#blocks.at(index).offset };
  }

  /** Length of all decompressed blocks together. */
  async contentLength(signal?: AbortSignal): Promise<number> {
    this.#assertPairs();
    await this.#measureUpTo(Infinity, signal);
    return this.#lengths.total;
  }

  /** Measures blocks until they reach `end` of the decompressed bytes, or all are measured. */
  async #measureUpTo(end: number, signal: AbortSignal | undefined): Promise<void> {
    const window = new ReadWindow(this.#source);
    while (this.#lengths.total < end && this.#lengths.count < this.blockCount) {
      const index = this.#lengths.count;
      const place = this.#blocks.at(index);
      const payload = this.#payload(place, window, PASS_BYTES, signal);
      this.#measured(index, place, payload instanceof Uint8Array ? payload : await payload);
    }
  }

  /** The payload of a block with the right CRC; no promise where the window has it. */
  #payload(
    { offset, size, crc }: BlockPlace,
    window: ReadWindow,
    ahead: number,
    signal: AbortSignal | undefined,
  ): Uint8Array | Promise<Uint8Array> {
    const [start, end] = [offset + CHUNK_HEADER_BYTES, offset + CHUNK_HEADER_BYTES + size];
    const checked = (payload: Uint8Array): Uint8Array => {
      assertChunkCrc({ tag: 'CORE', offset, size, crc }, payload);
      return payload;
    };
    const held = window.held(start, end);
    return held === undefined ? window.read(start, end, ahead, signal).then(checked) : checked(held);
  }

  /** The decompressed length of a block, which is kept if it is the next one; another measuring may have come first. */
  #measured(index: number, { offset }: BlockPlace, payload: Uint8Array): number {
    try {
      const bytes = legacyBlockBytes(payload, this.#limits);
      if (this.#lengths.count === index) this.#lengths.push(bytes);
      return bytes;
    } catch (error) {
      if (!isH4Error(error)) throw error;
      const message = `${error.message} (block ${index}, at offset ${offset})`;
      throw new H4Error(error.code, message, { detail: { ...error.detail, offset }, cause: error });
    }
  }

  /** No promise where the engine gives none. */
  #decode(index: number, payload: Uint8Array, raw: number): Uint8Array | Promise<Uint8Array> {
    const decoded = this.#engine?.decompress(payload, raw);
    return decoded instanceof Promise
      ? decoded.then((bytes) => this.#unmasked(index, payload, bytes, raw))
      : this.#unmasked(index, payload, decoded, raw);
  }

  #unmasked(index: number, payload: Uint8Array, decoded: Uint8Array | undefined, raw: number): Uint8Array {
    if (decoded?.length !== raw) {
      const message = `Block ${index} decodes to ${decoded?.length ?? 0} bytes instead of ${raw}`;
      throw new H4Error('H4_ENGINE_OUTPUT', message);
    }
    if (!this.layout.meta.isMasked) return decoded;
    // An engine may hand back the memory of its argument, which belongs to the source.
    const bytes = decoded.buffer === payload.buffer ? decoded.slice() : decoded;
    this.#mask?.apply(index, bytes);
    return bytes;
  }
}

const NOTHING = new Uint8Array(0);

/** Field by field, as in ChunkStream: blocks come by the million. */
const contentOf = ({ index, offset, size, pos, raw, pts, key }: LegacyBlock, bytes: Uint8Array): LegacyContent => {
  return { index, offset, size, pos, raw, pts, key, bytes };
};
