/**
 * Cuts an opaque byte stream into blocks and gives each a time: block i is presented when frame i of a stream with this rate
 * would be, and every `gop`-th block is a key. The bytes are not looked at. Real media with times of their own are the
 * business of another tokenizer.
 */

import { H4Error } from '../utils/error.js';
import { createFrameClock, type FrameClock, type FrameRate, type FrameRateLike } from './frame-clock.js';
import { assertBlockBytes, reblock } from './reblock.js';
import type { ByteStream, Tokenizer } from './token.js';
import { VideoBlockToken } from './video-block.js';

export interface VideoTransportOptions {
  /** Bytes per block, 1 to 64 MiB. Default 512 KiB. Services and commands offer 64 KiB to 8 MiB of it. */
  readonly blockSize?: number;
  /** Blocks per second, 1 to 240: `30`, `'30000/1001'`, `[30000, 1001]`. Default 30. See `parseFps`. */
  readonly fpsHint?: FrameRateLike;
  /** Blocks from one key to the next, 1 to 2^32-1. Default 30. Services and commands offer up to 600. */
  readonly gop?: number;
  /** Time stamps as in older files, which drift. Default false. See `FrameClockOptions`. */
  readonly legacyTiming?: boolean;
}

/** One block on its way into a record. */
export interface VideoBlock {
  readonly token: VideoBlockToken;
  /** Lent until the next block is asked for (see reblock.ts). */
  readonly bytes: Uint8Array;
  readonly durationMicros: number;
}

export interface Keyframe {
  readonly blockIndex: number;
  readonly ptsMicros: number;
}

/** Keyframes in order. They are computed when asked for, not stored: a stream of any length takes no memory. */
export interface KeyframeList extends Iterable<Keyframe> {
  readonly count: number;
  /** The n-th keyframe, counting from 0; `undefined` beyond the last. */
  at(n: number): Keyframe | undefined;
}

export interface VideoSummary {
  readonly blocks: number;
  /** From the first block to the end of the last. */
  readonly durationMicros: number;
  readonly keyframes: KeyframeList;
}

/** The fields of a track in META (h4mk.md 5.2). `legacy_timing` is there only if it is true. */
export type VideoTransportMetadata = Readonly<{
  block_size: number;
  fps_hint: FrameRate;
  gop: number;
  legacy_timing?: true;
}>;

const DEFAULT_BLOCK_BYTES = 512 * 1024;
const DEFAULT_FPS = 30;
const DEFAULT_GOP = 30;
const MAX_GOP = 2 ** 32 - 1;

export class VideoTransportTokenizer implements Tokenizer<ByteStream, VideoBlockToken, VideoSummary, VideoBlock> {
  readonly #blockSize: number;
  readonly #gop: number;
  readonly #legacyTiming: boolean;
  readonly #clock: FrameClock;

  /** Refuses a parameter out of range (`H4_PARAM`) and names it. */
  constructor(options: VideoTransportOptions = {}) {
    const { blockSize = DEFAULT_BLOCK_BYTES, fpsHint = DEFAULT_FPS, gop = DEFAULT_GOP, legacyTiming = false } = options;
    assertBlockBytes(blockSize);
    if (!Number.isInteger(gop) || gop < 1 || gop > MAX_GOP) {
      throw new H4Error('H4_PARAM', `gop is ${gop}, it must be from 1 to ${MAX_GOP} blocks`, {
        detail: { field: 'gop' },
      });
    }
    this.#blockSize = blockSize;
    this.#gop = gop;
    this.#legacyTiming = legacyTiming;
    this.#clock = createFrameClock(fpsHint, { legacyTiming });
  }

  /** Yields every block as soon as it is whole. No bytes, no blocks. More than 2^32 blocks are refused (`H4_PARAM`). */
  async *encode(input: ByteStream): AsyncGenerator<VideoBlock, void, undefined> {
    let blockIndex = 0;
    for await (const bytes of reblock(input, this.#blockSize)) {
      yield { token: this.#tokenAt(blockIndex), bytes, durationMicros: this.#clock.durationMicros(blockIndex) };
      blockIndex++;
    }
  }

  /** Checks every token against the one that belongs at its place, in constant memory. */
  async decode(tokens: AsyncIterable<VideoBlockToken> | Iterable<VideoBlockToken>): Promise<VideoSummary> {
    let blocks = 0;
    for await (const token of tokens) {
      assertSameToken(token, this.#tokenAt(blocks));
      blocks++;
    }
    return { blocks, durationMicros: this.#clock.ptsMicros(blocks), keyframes: this.#keyframes(blocks) };
  }

  metadata(): VideoTransportMetadata {
    return {
      block_size: this.#blockSize,
      fps_hint: this.#clock.rate,
      gop: this.#gop,
      ...(this.#legacyTiming ? { legacy_timing: true } : {}),
    };
  }

  serialize(tokens: Iterable<VideoBlockToken>): Uint8Array {
    const list = Array.from(tokens);
    const bytes = new Uint8Array(list.length * VideoBlockToken.BYTES);
    for (const [index, token] of list.entries()) {
      bytes.set(token.serialize(), index * VideoBlockToken.BYTES);
    }
    return bytes;
  }

  #tokenAt(blockIndex: number): VideoBlockToken {
    return new VideoBlockToken({
      ptsMicros: this.#clock.ptsMicros(blockIndex),
      blockIndex,
      isKey: blockIndex % this.#gop === 0,
    });
  }

  #keyframes(blocks: number): KeyframeList {
    const count = Math.ceil(blocks / this.#gop);
    const at = (n: number): Keyframe | undefined => {
      if (!Number.isInteger(n) || n < 0 || n >= count) {
        return undefined;
      }
      const blockIndex = n * this.#gop;
      return { blockIndex, ptsMicros: this.#clock.ptsMicros(blockIndex) };
    };
    return {
      count,
      at,
      *[Symbol.iterator]() {
        for (let n = 0, keyframe = at(n); keyframe !== undefined; keyframe = at(++n)) {
          yield keyframe;
        }
      },
    };
  }
}

function assertSameToken(found: VideoBlockToken, expected: VideoBlockToken): void {
  for (const field of ['blockIndex', 'ptsMicros', 'isKey'] as const) {
    if (found[field] !== expected[field]) {
      throw new H4Error(
        'H4_PARAM',
        `Cannot decode video token ${expected.blockIndex}: its ${field} is ${found[field]}, ` +
          `with these parameters it would be ${expected[field]}`,
        { detail: { field, index: expected.blockIndex, found: found[field], expected: expected[field] } },
      );
    }
  }
}
