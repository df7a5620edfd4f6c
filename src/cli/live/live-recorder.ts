/**
 * Writes a live recording: blocks as they fill up or are cut, and index points, each of which is durable before anybody is
 * told of it (h4mk.md 8.2, 9.3). The order is always the same: records, tiles and TAIL into the file, the file to the disk,
 * then the sidecar, then the news. So whatever has been told survives a crash. Where a signature stands before TAIL, the file
 * goes to the disk before it, too: whatever has been signed survives as well.
 */
import type { CompressionEngine, EngineInfo } from '../../compression/api/engine.js';
import type { MaskSpec } from '../../container/secrecy/block-secrets.js';
import { H4MKBuilder, type RecordingSummary } from '../../container/write/builder.js';
import type { CheckpointSigner } from '../../container/sign/checkpoint-signer.js';
import type { ClockInfo, SourceInfo, TrackInfo } from '../../container/format/meta.js';
import type { SigningOptions } from '../../container/sign/signing-cadence.js';
import type { LiveFileSink } from '../../storage/node/live-file.js';
import type { FrameRate } from '../../tokenizers/frame-clock.js';
import { toHex } from '../../utils/bytes.js';
import { createSha256 } from '../../utils/sha256.js';
import { type SignedBy, signedBy } from '../signer.js';
import { BlockCollector } from './block-collector.js';
import { type TimeBlock, arrivalTimes, frameTimes } from './block-times.js';

/** A part of the recording that no crash takes away any more. */
export interface Acknowledged {
  /** Records that it covers, those of META included. */
  readonly records: number;
  /** Length of the file that they lie in. */
  readonly bytes: number;
  /** The last block's. */
  readonly pts: number;
}

export interface LiveRecorderOptions {
  /** Chooses by the first bytes, as many of them as have arrived when the first block is written. */
  readonly engineFor: (head: Uint8Array) => { readonly engine: CompressionEngine; readonly mediaType: string };
  readonly blockSize: number;
  readonly gop: number;
  /** Absent: blocks have the time at which they arrived. */
  readonly frameRate?: FrameRate;
  readonly uid: string;
  /** Absent: everybody can read what is recorded. */
  readonly secrecy?: MaskSpec;
  /** Absent: what is redacted later may be guessed. */
  readonly blindSeed?: Uint8Array;
  /** Blocks from one index point to the next. */
  readonly indexRecords: number;
  /** Microseconds since the recording began; never goes back. */
  readonly elapsedMicros: () => number;
  /** The time of day at which it began, in microseconds since 1970, where that is known. */
  readonly startedUtcMicros?: number;
  readonly onPoint: (point: Acknowledged) => Promise<void>;
  /** Signs every index point and the close. */
  readonly signer?: CheckpointSigner;
  /** The recording that this one goes on with. */
  readonly resumed?: ResumedRecording;
}

/** A recording that was cut off, opened for going on. */
export interface ResumedRecording {
  readonly builder: H4MKBuilder;
  readonly engine: EngineInfo;
  readonly uid: string;
  /** Where its time goes on, in microseconds. */
  readonly startPts: number;
  /** Blocks that it has. */
  readonly blocks: number;
  /** What is durable of it. */
  readonly durable: Acknowledged;
}

export interface LiveResult extends RecordingSummary {
  readonly uid: string;
  readonly engine: EngineInfo;
  readonly source: SourceInfo;
  readonly hidden?: MaskSpec['mode'];
  readonly signed?: SignedBy;
}

interface Started {
  readonly builder: H4MKBuilder;
  readonly engine: EngineInfo;
  /** Unknown where the first bytes came in an earlier run. */
  readonly mediaType: string | undefined;
}

const TRACK = 0;

export class LiveRecorder {
  readonly #sink: LiveFileSink;
  readonly #options: LiveRecorderOptions;
  readonly #collector: BlockCollector;
  readonly #timeOf: TimeBlock;
  readonly #hash = createSha256();
  #started: Started | undefined;
  #bytes = 0;
  #blocks = 0;
  #blocksSincePoint = 0;
  #lastPts = 0;
  #acknowledged: Acknowledged | undefined;

  /** The sink stays its owner's to abort; `close` commits it. */
  constructor(sink: LiveFileSink, options: LiveRecorderOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#collector = new BlockCollector(options.blockSize);
    const { frameRate, resumed } = options;
    this.#timeOf = frameRate === undefined ? arrivalTimes(resumed?.startPts) : frameTimes(frameRate, resumed?.blocks);
    if (resumed === undefined) return;
    this.#started = { builder: resumed.builder, engine: resumed.engine, mediaType: undefined };
    this.#acknowledged = resumed.durable;
  }

  /** What the latest index point has made durable. */
  get acknowledged(): Acknowledged | undefined {
    return this.#acknowledged;
  }

  /** Whether anything has arrived since then. */
  get isBehind(): boolean {
    return this.#blocksSincePoint > 0 || !this.#collector.isEmpty;
  }

  /** Takes what has just arrived; writes the blocks and index points that fall due by number. */
  async take(piece: Uint8Array): Promise<void> {
    const micros = this.#options.elapsedMicros();
    for (let taken = 0; taken < piece.length;) {
      taken += this.#collector.add(piece.subarray(taken), micros);
      if (!this.#collector.isFull) continue;
      await this.#writeBlock();
      if (this.#blocksSincePoint >= this.#options.indexRecords) await this.point();
    }
  }

  /** Makes durable and acknowledges everything that has arrived, the block that is being collected included. */
  async point(): Promise<void> {
    if (!this.isBehind) return;
    await this.#writeBlock();
    const { builder } = await this.#start();
    const { size, tailChunk } = await builder.indexPoint();
    const bytes = await this.#sink.sync();
    if (tailChunk !== undefined) await this.#sink.publishTail(tailChunk);
    this.#acknowledged = { records: size, bytes, pts: this.#lastPts };
    this.#blocksSincePoint = 0;
    await this.#options.onPoint(this.#acknowledged);
  }

  /** Writes what is left, the end record and the close, and commits the file. */
  async close(name: string | undefined): Promise<LiveResult> {
    await this.#writeBlock();
    const { builder, engine, mediaType } = await this.#start();
    const { uid, resumed, secrecy, blindSeed, signer } = this.#options;
    const digest = this.#hash.digest();
    // What came before an interruption has been hashed by nobody: then the source is not described.
    const source: SourceInfo =
      mediaType === undefined
        ? {}
        : {
            ...(name === undefined ? {} : { name }),
            bytes: this.#bytes,
            // Everybody reads META, and could test guesses of what is hidden, or redacted later, with it.
            ...(secrecy === undefined && blindSeed === undefined ? { sha256: toHex(digest) } : {}),
            media_type: mediaType,
          };
    const summary = await builder.close({ ...(mediaType === undefined ? {} : { source }), ...this.#clock });
    const signed = signer === undefined ? {} : { signed: signedBy(signer) };
    const hidden = secrecy === undefined ? {} : { hidden: secrecy.mode };
    return { ...summary, uid: resumed?.uid ?? uid, engine, source, ...hidden, ...signed };
  }

  /** Which time of day the beginning was. */
  get #clock(): { readonly clock?: ClockInfo } {
    const { startedUtcMicros, resumed } = this.#options;
    if (startedUtcMicros === undefined) return {};
    return { clock: { utc_us: startedUtcMicros, at_pts: resumed?.startPts ?? 0, source: 'system clock' } };
  }

  async #writeBlock(): Promise<void> {
    if (this.#collector.isEmpty) return;
    const block = this.#collector.take();
    const { bytes } = block;
    const { builder } = await this.#start(bytes);
    this.#hash.update(bytes);
    const { pts, duration } = this.#timeOf(block);
    const key = this.#blocks % this.#options.gop === 0;
    await builder.addBlock({ track: TRACK, tokens: [{ pts, duration, key, size: bytes.length }], bytes });
    this.#bytes += bytes.length;
    this.#blocks++;
    this.#blocksSincePoint++;
    this.#lastPts = pts;
  }

  /** Begins with the first block, because its first bytes decide about the engine; without any, when it is closed. */
  async #start(head: Uint8Array = new Uint8Array(0)): Promise<Started> {
    if (this.#started === undefined) {
      const { engineFor, blockSize, gop, frameRate, uid, secrecy, blindSeed, signer } = this.#options;
      const { engine, mediaType } = engineFor(head);
      const rate = frameRate === undefined ? {} : { fps_hint: frameRate };
      const track: TrackInfo = { id: TRACK, kind: 'opaque', block_size: blockSize, gop, ...rate };
      // At the beginning, too: whoever goes on with the recording after a crash knows how long it stood still.
      const builder = await H4MKBuilder.create(this.#sink, {
        ...{ engine, tracks: [track], uid, ...this.#clock },
        ...(secrecy === undefined ? {} : { secrecy }),
        ...(blindSeed === undefined ? {} : { blindSeed }),
        ...(signer === undefined ? {} : { signing: liveSigning(signer, this.#sink) }),
      });
      this.#started = { builder, engine: engine.info(), mediaType };
    }
    return this.#started;
  }
}

/** What is signed is on the disk before: a recording must never have fewer records than were signed of it. */
export function liveSigning(signer: CheckpointSigner, sink: LiveFileSink): SigningOptions {
  return { signer, every: 0, sync: () => sink.sync() };
}
