/** Tokenizers: media in, tokens with exact times out. */

export {
  createFrameClock,
  parseFps,
  toFrameRate,
  type FrameClock,
  type FrameClockOptions,
  type FrameRate,
  type FrameRateLike,
} from './frame-clock.js';
export { MAX_BLOCK_BYTES, assertBlockBytes, reblock } from './reblock.js';
export type { ByteStream, Token, Tokenizer, TokenizerMetadata } from './token.js';
export { VideoBlockToken, type VideoBlockFields } from './video-block.js';
export {
  VideoTransportTokenizer,
  type Keyframe,
  type KeyframeList,
  type VideoBlock,
  type VideoSummary,
  type VideoTransportMetadata,
  type VideoTransportOptions,
} from './video-transport.js';
