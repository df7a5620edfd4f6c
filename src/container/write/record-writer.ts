/**
 * Writes the chunks of a recording: records, tiles where they fall due, index points, the close (spec/h4mk.md sections 2
 * to 9). It decides nothing about content: payloads come compressed (and masked), META comes as bytes, so that the same
 * input gives the same file. `H4MKBuilder` stands above it with engine and policy.
 *
 * Append-only: a byte handed to the sink is never changed. Memory: one open tile per level and SEEK, which thins itself;
 * payloads pass through by reference.
 */
import { crc32 } from '../../utils/crc32.js';
import { H4Error } from '../../utils/error.js';
import { type RunningHash, createSha256 } from '../../utils/sha256.js';
import { ENCRYPTED_OVERHEAD_BYTES } from '../secrecy/block-secrets.js';
import { encodeChunk, writeChunkHeader } from '../format/chunk.js';
import { encodeHeader } from '../format/header.js';
import { type ByteSink, canHashSink } from '../io/io.js';
import {
  CHUNK_HEADER_BYTES,
  HEADER_BYTES,
  MODE,
  type Mode,
  NO_TRACK,
  TAIL_STATE,
  type TailState,
  isHiddenMode,
  isMediaMode,
  payloadTagOf,
} from '../format/layout.js';
import { type MerkleFrontier, leafHash } from '../tree/merkle.js';
import type { SeekBuilder } from '../format/seek.js';
import { encodeTail } from '../format/tail.js';
import type { TileStack } from '../format/tile.js';
import { type BlockToken, type ToknInput, commitmentOf, encodeHeaderOf, encodeRecordStart } from '../format/tokn.js';
import { type TrackLedger, type TrackTotal, assertPtsOrder } from '../format/track-ledger.js';
import { type CloseProgress, type WriterState, emptyState } from './writer-state.js';

const NO_BLIND = new Uint8Array(0);
const NO_TOKENS: readonly BlockToken[] = [];

/** A record as it goes into the file. `seq`, `pos`, `back`, `commit` and sizes follow from it and from what came before. */
export interface RecordInput {
  readonly mode: Mode;
  readonly pts: number;
  /**
   * The engine's output, masked or encrypted if the mode says so and `hide` does not do it; or the JSON of META and scopes.
   * Not copied.
   */
  readonly payload: Uint8Array;
  /** Media records only. */
  readonly track?: number;
  readonly key?: boolean;
  readonly tokens?: readonly BlockToken[];
  readonly epoch?: number;
  readonly blind?: Uint8Array;
  /** Modes 1 and 2: hides `payload`, as soon as it is known where the record stands and what its header says. */
  readonly hide?: HideBlock;
}

/**
 * Gives the payload to write, for record `seq` of the file `fileId`. `header` is the whole entry but its commitment, which
 * is what an encrypted payload is bound to (section 12).
 */
export type HideBlock = (place: {
  readonly fileId: Uint8Array;
  readonly seq: number;
  readonly header: Uint8Array;
}) => Uint8Array;

export interface RecordReceipt {
  readonly seq: number;
  /** File position of the record's TOKN. */
  readonly offset: number;
}

/** The state of the tree at one size: what a signature is made over. */
export interface Checkpoint {
  readonly size: number;
  readonly root: Uint8Array;
  /** leaf(0) */
  readonly fileId: Uint8Array;
}

/** What a closed file ends with. */
export interface ClosedCheckpoint extends Checkpoint {
  /** The TAIL chunk that stands last, header and payload. */
  readonly tailChunk: Uint8Array;
}

/** What an index point has laid down: up to here a reader can open the file, once the bytes are where it reads them. */
export interface IndexPoint {
  /** Number of records before it. */
  readonly size: number;
  /** Length of the file after it. */
  readonly offset: number;
  /** The TAIL chunk just written, header and payload: what a sidecar holds (section 9.3). Undefined if none was asked for. */
  readonly tailChunk: Uint8Array | undefined;
}

/** Gives the bytes of a SIGN chunk for a checkpoint, or undefined to write none. */
export type SignCheckpoint = (checkpoint: Checkpoint) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

export interface IndexPointOptions {
  /** Write the unfinished tiles of all levels. Default true. */
  readonly tiles?: boolean;
  readonly sign?: SignCheckpoint;
  /** Write a TAIL of state live. Default true. */
  readonly tail?: boolean;
}

/** Where a writer goes on that did not write what stands there. */
export interface ResumePoint {
  readonly state: WriterState;
  /** Hash of the bytes after the file header, which goes on with those that are written. */
  readonly hash: RunningHash;
}

export class RecordWriter {
  readonly #sink: ByteSink;
  readonly #seekTrack: number;
  readonly #veri: VeriHash;
  readonly #tree: MerkleFrontier;
  readonly #tiles: TileStack;
  readonly #seek: SeekBuilder;
  readonly #ledger: TrackLedger;
  readonly #tileOffsets: number[];
  readonly #closing: CloseProgress;
  #fileId: Uint8Array | undefined;
  #offset: number;
  #meta: number;
  #sign: number;
  #tail: number;
  #state: 'open' | 'busy' | 'failed' | 'closed' = 'open';

  /**
   * Takes over `sink`, which holds nothing, or with `resume` the bytes that this state is of. The sink is neither committed
   * nor aborted here: its owner does that.
   */
  constructor(sink: ByteSink, options: { readonly seekTrack: number; readonly resume?: ResumePoint }) {
    const { seekTrack, resume } = options;
    const state = resume?.state ?? emptyState();
    if (sink.length !== state.offset) {
      const what = resume === undefined ? 'A container must start an empty sink' : `Writing goes on at ${state.offset}`;
      throw new H4Error('H4_STATE', `${what}; this one has ${sink.length} bytes`);
    }
    this.#sink = sink;
    this.#seekTrack = seekTrack;
    this.#veri = resume === undefined ? createVeriHash(sink) : ownHash(resume.hash);
    this.#tree = state.tree;
    this.#tiles = state.tiles;
    this.#seek = state.seek;
    this.#ledger = state.ledger;
    this.#tileOffsets = [...state.tileOffsets];
    this.#closing = state.close;
    this.#fileId = state.fileId;
    this.#offset = state.offset;
    this.#meta = state.meta;
    this.#sign = state.sign;
    this.#tail = state.tail;
  }

  /** Number of records so far. */
  get size(): number {
    return this.#tree.size;
  }

  /** leaf(0); refused before record 0 is written. */
  get fileId(): Uint8Array {
    if (this.#fileId === undefined) throw new H4Error('H4_STATE', 'There is no checkpoint before record 0 is written');
    return this.#fileId;
  }

  /** File position of the next chunk. */
  get offset(): number {
    return this.#offset;
  }

  /** Records and raw bytes of each track so far. */
  totals(): TrackTotal[] {
    return this.#ledger.totals().map((total) => ({ ...total }));
  }

  checkpoint(): Checkpoint {
    const { fileId } = this;
    return { size: this.#tree.size, root: this.#tree.root(), fileId };
  }

  /**
   * Appends one record, and the full tiles that it completes. Resolves when the sink has room for more; `payload` must
   * not change before.
   */
  async record(input: RecordInput): Promise<RecordReceipt> {
    return this.#exclusively(() => this.#record(input));
  }

  /** Writes an index point: the unfinished tiles, a signature, a TAIL. From it a reader opens a file that still grows. */
  async indexPoint(options: IndexPointOptions = {}): Promise<IndexPoint> {
    return this.#exclusively(async () => {
      await this.#writeDueTiles();
      if (options.tiles ?? true) await this.#writePartialTiles();
      await this.#writeSign(options.sign);
      const tailChunk = (options.tail ?? true) ? await this.#writeTail(TAIL_STATE.live, 0, 0) : undefined;
      return { size: this.#tree.size, offset: this.#offset, tailChunk };
    });
  }

  /** Writes the close: SEEK, unfinished tiles, signature, VERI, TAIL. The last record must have been the end record. */
  async close(sign?: SignCheckpoint): Promise<ClosedCheckpoint> {
    return this.#exclusively(async () => {
      const checkpoint = this.checkpoint();
      const begun = this.#closing;
      await this.#writeDueTiles();
      const seek = begun.seek > 0 ? begun.seek : this.#offset;
      if (begun.seek === 0) await this.#writeSeek();
      if (!begun.isSigned && begun.veri === 0) {
        await this.#writePartialTiles(begun.levels);
        await this.#writeSign(sign);
      }
      const veri = begun.veri > 0 ? begun.veri : this.#offset;
      if (begun.veri === 0) await this.#writeChunk('VERI', await this.#veri.digest());
      const tailChunk = await this.#writeTail(TAIL_STATE.final, seek, veri);
      this.#state = 'closed';
      return { ...checkpoint, tailChunk };
    });
  }

  /** One operation at a time, and none after a failure: half a record may stand in the sink then. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#state !== 'open') {
      throw new H4Error(
        'H4_STATE',
        `Cannot write: this writer is ${this.#state === 'busy' ? 'still writing (await each call)' : this.#state}`,
      );
    }
    this.#state = 'busy';
    const before = this.#offset;
    try {
      return await work();
    } catch (error) {
      // An input refused before its first byte leaves the file as it was.
      this.#state = this.#offset === before ? 'open' : 'failed';
      throw error;
    } finally {
      if (this.#state === 'busy') this.#state = 'open';
    }
  }

  async #record(input: RecordInput): Promise<RecordReceipt> {
    const { mode, pts, tokens = NO_TOKENS, blind = NO_BLIND, epoch = 0, hide } = input;
    const media = isMediaMode(mode);
    const seq = this.#tree.size;
    if (seq === 0 && (mode !== MODE.meta || pts !== 0 || blind.length > 0)) {
      throw new H4Error('H4_RECORD0', 'Record 0 must be META with PTS 0 and without a blind');
    }
    if (seq > 0) await this.#writeDueTiles();
    const track = media ? (input.track ?? 0) : NO_TRACK;
    const key = media ? (input.key ?? tokens[0]?.key ?? false) : true;
    const raw = media ? tokens.reduce((sum, token) => sum + token.size, 0) : input.payload.length;
    assertPtsOrder(this.#ledger, { track, key, pts });
    assertTokens(media, key, pts, tokens);

    const added = hide !== undefined && mode === MODE.encrypted ? ENCRYPTED_OVERHEAD_BYTES : 0;
    const start = {
      mode,
      key,
      track,
      epoch,
      seq,
      pts,
      pos: this.#ledger.pos(track),
      back: this.#ledger.back(track, seq),
      count: tokens.length,
      raw,
      size: input.payload.length + added,
      tokens,
      blind,
    };
    const payload = hide === undefined ? input.payload : this.#hidden(start, hide);
    const { bytes, entry } = encodeRecordStart(
      { ...start, commit: commitmentOf(blind, payload) },
      { tag: payloadTagOf(mode), size: payload.length, crc: crc32(payload) },
    );
    if (seq === 0) await this.#write(encodeHeader());
    const offset = this.#offset;
    const leaf = leafHash(entry);
    await this.#write(bytes);
    await this.#write(payload);

    this.#fileId ??= leaf;
    if (mode === MODE.meta) this.#meta = offset;
    this.#ledger.admit({ track, key, pts, raw }, seq);
    const isSeekKey = media && key && track === this.#seekTrack;
    if (isSeekKey) this.#seek.push(pts, offset);
    this.#tree.push(leaf);
    this.#tiles.push({ pts, offset, key: isSeekKey, media, leaf });
    await this.#writeDueTiles();
    return { seq, offset };
  }

  #hidden(start: Omit<ToknInput, 'commit'>, hide: HideBlock): Uint8Array {
    const { mode, seq, size } = start;
    if (!isHiddenMode(mode)) {
      throw new H4Error('H4_PARAM', `A record of mode ${mode} is not hidden: that is for modes 1 and 2`);
    }
    const payload = hide({ fileId: this.fileId, seq, header: encodeHeaderOf(start) });
    if (payload.length !== size) {
      const message = `A hidden payload of mode ${mode} has ${size} bytes here, not ${payload.length}`;
      throw new H4Error('H4_PARAM', message);
    }
    return payload;
  }

  async #writeDueTiles(): Promise<void> {
    for (let due = this.#tiles.due(); due !== undefined; due = this.#tiles.due()) {
      const offset = this.#offset;
      await this.#writeTile(due.level, due.payload);
      this.#tiles.placed(due.level, offset, this.#tree.tileNode(due.level + 1));
    }
  }

  async #writePartialTiles(written: readonly number[] = []): Promise<void> {
    for (const level of this.#tiles.partialLevels()) {
      if (written.includes(level)) continue;
      const tile = this.#tiles.openTile(level);
      if (tile !== undefined) await this.#writeTile(level, tile.payload());
    }
  }

  async #writeTile(level: number, payload: Uint8Array): Promise<void> {
    this.#tileOffsets[level] = this.#offset;
    await this.#writeChunk('TILE', payload);
  }

  async #writeSign(sign: SignCheckpoint | undefined): Promise<void> {
    const note = await sign?.(this.checkpoint());
    if (note === undefined) return;
    this.#sign = this.#offset;
    await this.#writeChunk('SIGN', note);
  }

  async #writeSeek(): Promise<void> {
    const header = new Uint8Array(CHUNK_HEADER_BYTES);
    writeChunkHeader(header, 0, 'SEEK', this.#seek.size, this.#seek.crc());
    await this.#write(header);
    for (const piece of this.#seek.pieces()) await this.#write(piece);
  }

  async #writeTail(state: TailState, seek: number, veri: number): Promise<Uint8Array> {
    const self = this.#offset;
    const { size, root } = this.checkpoint();
    const links = { meta: this.#meta, seek, veri, sign: this.#sign, prev: this.#tail, tiles: this.#tileOffsets };
    const chunk = encodeChunk('TAIL', encodeTail({ self, state, records: size, root, ...links }));
    await this.#write(chunk);
    this.#tail = self;
    return chunk;
  }

  async #writeChunk(tag: string, payload: Uint8Array): Promise<void> {
    const header = new Uint8Array(CHUNK_HEADER_BYTES);
    writeChunkHeader(header, 0, tag, payload.length, crc32(payload));
    await this.#write(header);
    await this.#write(payload);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    // VERI covers everything after the file header, which is the first thing ever written.
    if (this.#offset > 0) this.#veri.update(bytes);
    this.#offset += bytes.length;
    const room = this.#sink.write(bytes);
    if (room !== undefined) await room;
  }
}

/** The hash of everything written after the file header. */
interface VeriHash {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array | Promise<Uint8Array>;
}

/** Leaves the hashing to a sink that does it anyway, perhaps on another thread. */
const createVeriHash = (sink: ByteSink): VeriHash => {
  if (canHashSink(sink) && sink.hashedFrom === HEADER_BYTES) {
    return { update: () => undefined, digest: () => sink.digest() };
  }
  return ownHash(createSha256());
};

const ownHash = (hash: RunningHash): VeriHash => ({
  update: (bytes) => hash.update(bytes),
  digest: () => hash.copy().digest(),
});

/** The rules of section 4 that `encodeRecordStart` cannot know. */
const assertTokens = (media: boolean, key: boolean, pts: number, tokens: readonly BlockToken[]): void => {
  if (!media) {
    if (tokens.length > 0) throw new H4Error('H4_PARAM', 'META and scopes records have no tokens');
    return;
  }
  const first = tokens[0];
  if (first === undefined) throw new H4Error('H4_PARAM', 'A block needs at least one token');
  if (first.delta !== 0 || first.key !== key) {
    throw new H4Error('H4_TOKN_DELTA', 'The first token of a block must have delta 0 and the key bit of the block');
  }
  if (tokens.some((token) => pts + token.delta < 0)) {
    throw new H4Error('H4_TOKN_DELTA', `A token of the block at PTS ${pts} lies before time 0: record a shift`);
  }
};
