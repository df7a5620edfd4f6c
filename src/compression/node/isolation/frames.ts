/**
 * What an engine and its processes say to each other: one request, one reply, over one pair of sockets. A frame is a header
 * of four u32 and a payload. Every length is compared with a bound before anything is allocated for it, on both sides: a
 * core shares a process with the side that answers, and can write into its pipe.
 *
 *     kind | sequence | rawLength | length | length bytes of payload
 */
import { compressedCap, MAX_CORE_BLOCK_BYTES } from '../../core.js';

export const HEADER_BYTES = 16;

/** The descriptor of a process at which the pair of sockets lies. */
export const CHANNEL_FD = 3;

/** The longest payload of a request: a compressed block. */
export const MAX_REQUEST_BYTES = compressedCap(MAX_CORE_BLOCK_BYTES);

/** The longest payload of a reply that is not a block. */
export const MAX_TEXT_BYTES = 16 * 1024;

/** The numbers of requests and replies have nothing in common, so that an echo is no answer. */
export const FRAME_KIND = {
  /** Payload: `CoreSetup`. The first request, and the only one of its kind. */
  start: 0x4834_0001,
  compress: 0x4834_0002,
  /** `rawLength` is the length to restore. */
  decompress: 0x4834_0003,
  /** Payload: `SealReport`. Answers `start`. */
  ready: 0x4834_8001,
  /** Payload: the block. */
  result: 0x4834_8002,
  /** Payload: `Refusal`. */
  refused: 0x4834_8003,
} as const;

export interface FrameHeader {
  readonly kind: number;
  /** Of a reply: that of its request. */
  readonly sequence: number;
  /** 0 except in `decompress`. */
  readonly rawLength: number;
  /** Bytes of payload. */
  readonly length: number;
}

export function encodeHeader({ kind, sequence, rawLength, length }: FrameHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, kind);
  view.setUint32(4, sequence);
  view.setUint32(8, rawLength);
  view.setUint32(12, length);
  return bytes;
}

/** `bytes` holds at least a header. */
export function decodeHeader(bytes: Uint8Array): FrameHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  return {
    kind: view.getUint32(0),
    sequence: view.getUint32(4),
    rawLength: view.getUint32(8),
    length: view.getUint32(12),
  };
}
