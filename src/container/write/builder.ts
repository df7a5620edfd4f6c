/**
 * `H4MKBuilder`: writes a whole recording from blocks of media (spec/h4mk.md sections 4, 5 and 9). It adds what every
 * recording has: record 0, the safety scopes, the end record with its totals, and the engine's compression.
 */
import type { CompressionEngine } from '../../compression/api/engine.js';
import { canonicalJsonBytes } from '../../utils/canonical-json.js';
import { H4Error } from '../../utils/error.js';
import type { JsonObject } from '../../utils/json-value.js';
import { ENCRYPTED_OVERHEAD_BYTES, type MaskSpec, assertContentKey, blindOf } from '../secrecy/block-secrets.js';
import type { ByteSink } from '../io/io.js';
import { MODE } from '../format/layout.js';
import { DEFAULT_LIMITS } from '../format/limits.js';
import {
  type ClockInfo,
  MetaLedger,
  type SourceInfo,
  type TrackInfo,
  ZERO_UID,
  recordZeroJson,
} from '../format/meta.js';
import type { Resumption } from '../recover/recover.js';
import {
  type Checkpoint,
  type ClosedCheckpoint,
  type IndexPoint,
  type IndexPointOptions,
  type RecordInput,
  type RecordReceipt,
  RecordWriter,
  type SignCheckpoint,
} from './record-writer.js';
import { type WritingEpoch, createWritingEpoch } from '../secrecy/secrecy.js';
import { SigningCadence, type SigningOptions } from '../sign/signing-cadence.js';

/** What this software promises about every recording it writes: it moves and indexes media, it never looks into them. */
export const SAFETY_SCOPES: JsonObject = Object.freeze({
  scope: 'container+transport-only',
  no_video_synthesis: true,
  no_pixel_semantics: true,
  no_visual_ml: true,
});

/** The registered keys of record 0 (section 5.2). */
const RECORD_ZERO_KEYS: ReadonlySet<string> = new Set(['compression', 'h4mk', 'keys']);

/** What keeps content from readers without a key, and out of the reach of guesses once it is redacted. */
export interface SecrecyOptions {
  /** Masks or encrypts every block. Times, sizes and META stay readable. */
  readonly secrecy?: MaskSpec;
  /**
   * At least 32 secret bytes: gives every block a blind, without which a redacted block of few possible contents can be
   * guessed from its commitment (section 10). Not part of the file; keep it as long as the recording.
   */
  readonly blindSeed?: Uint8Array;
}

/** What a writer needs to know at the beginning and when it goes on, and the file does not tell. */
export interface WritingOptions extends SecrecyOptions {
  /** Signs the recording while it is written, and its close. It needs a uid. */
  readonly signing?: SigningOptions;
}

export interface RecordingOptions extends WritingOptions {
  readonly engine: CompressionEngine;
  /** At least one; the first is the seek track unless `seekTrack` says otherwise. */
  readonly tracks: readonly TrackInfo[];
  readonly seekTrack?: number;
  /** Seconds per unit of time as a fraction. Default 1/1000000: microseconds. */
  readonly timebase?: readonly [number, number];
  /** Units that were added to every PTS of the source. */
  readonly shift?: number;
  /** A claim which time of day a PTS is; not a proof. */
  readonly clock?: ClockInfo;
  /** 32 hex digits. Default zeros: a deterministic export that can never be signed. */
  readonly uid?: string;
  /** Further keys of record 0, none of them registered: readers that do not know them keep them. Integers only. */
  readonly meta?: JsonObject;
}

/** One unit of a block: a frame, an audio packet, or an opaque piece. */
export interface TokenInput {
  readonly pts: number;
  /** 0 or absent: unknown. */
  readonly duration?: number;
  readonly key?: boolean;
  readonly size: number;
}

export interface BlockInput {
  readonly track: number;
  /** In decode order; their bytes lie one after the other in `bytes`. */
  readonly tokens: readonly TokenInput[];
  readonly bytes: Uint8Array;
}

export interface ClosingOptions {
  /** The file this recording was made from. */
  readonly source?: SourceInfo;
  /** A claim which time of day a PTS was; not a proof. */
  readonly clock?: ClockInfo;
  readonly sign?: SignCheckpoint;
}

export interface RecordingSummary extends ClosedCheckpoint {
  /** Length of the file. */
  readonly bytes: number;
}

export class H4MKBuilder {
  readonly #writer: RecordWriter;
  readonly #sink: ByteSink;
  readonly #engine: CompressionEngine;
  readonly #metas: MetaLedger;
  readonly #blindSeed: Uint8Array | undefined;
  /** The epoch that blocks are hidden under; undefined: they are not. */
  #epoch: WritingEpoch | undefined;
  readonly #signing: SigningCadence | undefined;
  /** The latest moment covered so far: end records and later META stand there. */
  #end = 0;
  #isBusy = false;

  private constructor(
    sink: ByteSink,
    writer: RecordWriter,
    engine: CompressionEngine,
    { secrecy, blindSeed, signing }: WritingOptions,
    metas = new MetaLedger(),
  ) {
    this.#sink = sink;
    this.#writer = writer;
    this.#engine = engine;
    this.#metas = metas;
    if (blindSeed !== undefined) assertContentKey(blindSeed, 'blind seed');
    this.#blindSeed = blindSeed?.slice();
    this.#epoch = secrecy === undefined ? undefined : createWritingEpoch(secrecy, metas.epochs);
    this.#signing = signing === undefined ? undefined : new SigningCadence(writer, signing);
  }

  /** Starts a recording: writes the file header, record 0 and the safety scopes. */
  static async create(sink: ByteSink, options: RecordingOptions): Promise<H4MKBuilder> {
    const { engine, tracks, uid = ZERO_UID, timebase, shift, clock, meta = {} } = options;
    const seekTrack = options.seekTrack ?? tracks[0]?.id;
    if (seekTrack === undefined) throw new H4Error('H4_PARAM', 'A recording needs at least one track');
    if (!tracks.some((track) => track.id === seekTrack)) {
      throw new H4Error('H4_PARAM', `The seek track ${seekTrack} is not among the tracks of the recording`);
    }
    const builder = new H4MKBuilder(sink, new RecordWriter(sink, { seekTrack }), engine, options);
    const keys = builder.#epoch === undefined ? {} : { keys: [builder.#epoch.listing] };
    const registered = recordZeroJson({
      compression: engine.info(),
      uid,
      seekTrack,
      tracks,
      ...(timebase === undefined ? {} : { timebase }),
      ...(shift === undefined ? {} : { shift }),
      ...(clock === undefined ? {} : { clock }),
      ...keys,
    });
    const taken = Object.keys(meta).find((key) => RECORD_ZERO_KEYS.has(key));
    if (taken !== undefined) throw new H4Error('H4_PARAM', `META ${taken} is written by the builder itself`);
    const json = { ...meta, ...registered };
    if (uid === ZERO_UID && builder.#signing !== undefined) throw neverSigned();
    await builder.#writeJson(MODE.meta, json);
    await builder.#writeJson(MODE.scopes, SAFETY_SCOPES);
    return builder;
  }

  /**
   * Goes on with a recording that was cut off: see `recover.ts`. `sink` holds exactly what is whole of it, and `engine` must
   * be the one that it names. A recording whose blocks are hidden goes on with `secrecy`, whose salt is a fresh one: its
   * epoch is listed before the next block.
   */
  static resume(
    sink: ByteSink,
    { state, hash, metas, endPts }: Resumption,
    engine: CompressionEngine,
    options: WritingOptions = {},
  ): H4MKBuilder {
    const { info } = metas;
    if (info === undefined) throw new H4Error('H4_RECORD0', 'There is no record 0 to go on from');
    const [named, given] = [info.compression, engine.info()];
    if (named.engine_id !== given.engine_id || named.fingerprint !== given.fingerprint) {
      const message = `The recording is written with ${named.engine_id}, and can only go on with it, not with ${given.engine_id}`;
      throw new H4Error('H4_ENGINE_UNKNOWN', message);
    }
    if (metas.epochs.length > 0 && options.secrecy === undefined) {
      const message =
        'The blocks of this recording are masked or encrypted: it goes on with its key and a fresh salt only';
      throw new H4Error('H4_KEY_MISSING', message);
    }
    const writer = new RecordWriter(sink, { seekTrack: info.seekTrack, resume: { state, hash } });
    const builder = new H4MKBuilder(sink, writer, engine, options, metas);
    builder.#end = endPts;
    builder.#assertSignable(builder.#signing?.sign);
    return builder;
  }

  /** Number of records so far, those of META included. */
  get size(): number {
    return this.#writer.size;
  }

  /** File position of the next chunk: how many bytes have been written. */
  get offset(): number {
    return this.#writer.offset;
  }

  /** State of the tree so far. */
  checkpoint(): Checkpoint {
    return this.#writer.checkpoint();
  }

  /** Compresses and appends one block. Resolves when the sink has room for the next; `bytes` must not change before. */
  async addBlock(block: BlockInput): Promise<RecordReceipt> {
    return this.#exclusively(() => this.#addBlock(block));
  }

  async #addBlock({ track, tokens, bytes }: BlockInput): Promise<RecordReceipt> {
    const first = tokens[0];
    if (first === undefined) throw new H4Error('H4_PARAM', 'A block needs at least one token');
    // Other typed arrays count elements, not bytes: the file would be corrupt.
    if (!((bytes as unknown) instanceof Uint8Array))
      throw new H4Error('H4_PARAM', 'The bytes of a block must be a Uint8Array');
    if (!this.#metas.hasTrack(track)) {
      throw new H4Error(
        'H4_TRACK_UNDECLARED',
        `Track ${track} is not declared: name it in tracks, or call addTracks first`,
      );
    }
    const sum = tokens.reduce((total, token) => total + token.size, 0);
    if (sum !== bytes.length) {
      throw new H4Error('H4_TOKN_SUM', `The tokens have ${sum} bytes together, but the block has ${bytes.length}`);
    }
    if (bytes.length > DEFAULT_LIMITS.maxBlockBytes) {
      throw new H4Error(
        'H4_LIMIT_BLOCK',
        `A block of ${bytes.length} bytes is beyond ${DEFAULT_LIMITS.maxBlockBytes}: split it`,
      );
    }
    if (tokens.length > DEFAULT_LIMITS.maxTokens) {
      throw new H4Error('H4_LIMIT_TOKENS', `A block of ${tokens.length} tokens is beyond ${DEFAULT_LIMITS.maxTokens}`);
    }
    const end = tokens.reduce((latest, { pts, duration = 0 }) => Math.max(latest, pts + duration), this.#end);
    if (!Number.isSafeInteger(end))
      throw new H4Error('H4_LIMIT_U64', `A token of the block ends at ${end}, beyond 2^53-1`);
    const payload = await this.#engine.compress(bytes);
    const added = this.#epoch?.mode === MODE.encrypted ? ENCRYPTED_OVERHEAD_BYTES : 0;
    if (payload.length + added > DEFAULT_LIMITS.maxChunkBytes) {
      // An engine may need more room than the block itself; a reader would refuse the chunk.
      throw new H4Error('H4_LIMIT_CHUNK', `The block is ${payload.length} bytes when compressed: split it`);
    }
    await this.#listEpoch();
    const receipt = await this.#writer.record({
      ...this.#secretsOf(payload),
      track,
      pts: first.pts,
      key: first.key ?? false,
      tokens: tokens.map(({ pts, duration = 0, key = false, size }) => ({
        delta: pts - first.pts,
        duration,
        key,
        size,
      })),
      payload,
    });
    this.#end = end;
    const signing = this.#signing?.afterRecord({ isEnd: false });
    if (signing !== undefined) await signing;
    return receipt;
  }

  /** META names a key epoch before the first block of it. */
  async #listEpoch(): Promise<void> {
    if (this.#epoch === undefined || this.#metas.hasEpoch(this.#epoch.listing.epoch)) return;
    await this.#writeJson(MODE.meta, { keys: [this.#epoch.listing] } as unknown as JsonObject);
  }

  /** What hides the next record, and what blinds it. */
  #secretsOf(compressed: Uint8Array): Pick<RecordInput, 'mode' | 'epoch' | 'hide' | 'blind'> {
    const { size, fileId } = this.#writer;
    const blind = this.#blindSeed === undefined ? {} : { blind: blindOf(this.#blindSeed, fileId, size) };
    if (this.#epoch === undefined) return { mode: MODE.core, ...blind };
    const { mode, listing, hide } = this.#epoch;
    return { mode, epoch: listing.epoch, hide: hide(compressed), ...blind };
  }

  /**
   * Hides the blocks that follow under another key, or under the same one and another salt: a new key epoch, which a META
   * lists before the next block.
   */
  async changeKey(spec: MaskSpec): Promise<void> {
    await this.#exclusively(() => {
      this.#epoch = createWritingEpoch(spec, this.#metas.epochs);
      return Promise.resolve();
    });
  }

  /** One call at a time: another one could overtake a block that an engine still works on, or close the file without it. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new H4Error('H4_STATE', 'The call before this one is not done yet (await each call)');
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#isBusy = false;
    }
  }

  /** Declares further tracks while recording. */
  async addTracks(tracks: readonly TrackInfo[]): Promise<void> {
    await this.#exclusively(() => this.#writeJson(MODE.meta, { h4mk: { tracks } } as unknown as JsonObject));
  }

  /** Writes an index point, from which a reader can open the file while it grows. */
  async indexPoint(options: IndexPointOptions = {}): Promise<IndexPoint> {
    const sign = options.sign ?? this.#signing?.sign;
    this.#assertSignable(sign);
    return this.#exclusively(() => this.#writer.indexPoint({ ...options, ...(sign === undefined ? {} : { sign }) }));
  }

  /** Writes the end record and the close, and commits the sink. */
  async close(options: ClosingOptions = {}): Promise<RecordingSummary> {
    return this.#exclusively(() => this.#close(options));
  }

  async #close({ source, clock, sign = this.#signing?.sign }: ClosingOptions): Promise<RecordingSummary> {
    this.#assertSignable(sign);
    const h4mk = {
      end: true,
      totals: this.#writer.totals(),
      ...(source === undefined ? {} : { source }),
      ...(clock === undefined ? {} : { clock }),
    };
    await this.#writeJson(MODE.meta, { h4mk } as unknown as JsonObject);
    const checkpoint = await this.#writer.close(sign);
    await this.#sink.commit();
    return { ...checkpoint, bytes: this.#writer.offset };
  }

  /** Gives the recording up and leaves nothing behind. */
  async abort(): Promise<void> {
    await this.#sink.abort();
  }

  #assertSignable(sign: SignCheckpoint | undefined): void {
    if (sign !== undefined && this.#metas.info?.uid === ZERO_UID) throw neverSigned();
  }

  async #writeJson(mode: typeof MODE.meta | typeof MODE.scopes, json: JsonObject): Promise<void> {
    const payload = canonicalJsonBytes(json);
    if (payload.length > DEFAULT_LIMITS.maxMetaBytes) {
      throw new H4Error('H4_LIMIT_META', `META of ${payload.length} bytes is beyond ${DEFAULT_LIMITS.maxMetaBytes}`);
    }
    if (mode === MODE.meta) this.#metas.apply(json, this.#writer.totals());
    await this.#writer.record({ mode, pts: this.#end, payload });
    await this.#signing?.afterRecord({ isEnd: this.#metas.ended });
  }
}

const neverSigned = (): H4Error =>
  new H4Error('H4_UID_ZERO_SIGNED', 'A recording with uid zero can never be signed: create it with a uid');
