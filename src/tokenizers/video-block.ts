/**
 * The token of one block of opaque video, 13 bytes, big-endian: u64 PTS in microseconds, u32 block index, u8 key (0 or 1).
 * This is the `token_hex` of the HTTP service. A record's TOKN header carries the same facts in another layout (h4mk.md 4).
 */

import { ByteBuilder } from '../utils/builder.js';
import { ByteCursor } from '../utils/cursor.js';
import { H4Error } from '../utils/error.js';
import { isSafeU64 } from '../utils/u64.js';
import type { Token } from './token.js';

const MAX_U32 = 2 ** 32 - 1;

export interface VideoBlockFields {
  readonly ptsMicros: number;
  readonly blockIndex: number;
  /** Whether decoding may begin at this block. */
  readonly isKey: boolean;
}

export class VideoBlockToken implements Token, VideoBlockFields {
  static readonly BYTES = 13;

  readonly kind = 'video-block';
  readonly ptsMicros: number;
  readonly blockIndex: number;
  readonly isKey: boolean;

  /** Refuses (`H4_PARAM`) a PTS that is not an integer in `[0, 2^53-1]` and an index that is not one in `[0, 2^32-1]`. */
  constructor(fields: VideoBlockFields) {
    const { ptsMicros, blockIndex, isKey } = fields;
    if (!isSafeU64(ptsMicros)) {
      throw refusal('ptsMicros', ptsMicros, Number.MAX_SAFE_INTEGER);
    }
    if (!isSafeU64(blockIndex) || blockIndex > MAX_U32) {
      throw refusal('blockIndex', blockIndex, MAX_U32);
    }
    this.ptsMicros = ptsMicros;
    this.blockIndex = blockIndex;
    this.isKey = isKey;
  }

  serialize(): Uint8Array {
    return new ByteBuilder(VideoBlockToken.BYTES)
      .u64(this.ptsMicros)
      .u32(this.blockIndex)
      .u8(this.isKey ? 1 : 0)
      .finish();
  }

  /** Reads exactly one token. `H4_PARAM` for any other length or key byte; a PTS above 2^53-1 is refused as any u64 is. */
  static parse(bytes: Uint8Array): VideoBlockToken {
    const cursor = new ByteCursor(bytes, 'H4_PARAM', 'video token');
    const ptsMicros = cursor.u64();
    const blockIndex = cursor.u32();
    const key = cursor.u8();
    cursor.end();
    if (key > 1) {
      throw new H4Error('H4_PARAM', `Cannot read video token: its key byte is ${key}, expected 0 or 1`, {
        detail: { field: 'key', found: key },
      });
    }
    return new VideoBlockToken({ ptsMicros, blockIndex, isKey: key === 1 });
  }
}

function refusal(field: string, value: number, max: number): H4Error {
  return new H4Error('H4_PARAM', `${field} of a video token is ${value}, it must be an integer from 0 to ${max}`, {
    detail: { field },
  });
}
