/** The door to storage that needs no platform: what the container reads from and writes to, in memory and over HTTP. */

export {
  type ByteSink,
  type ByteSource,
  canHashSink,
  canHashSource,
  type HashingSink,
  type HashingSource,
} from '../container/io/io.js';
export { type CachedSource, type CacheOptions, createCachedSource } from './cached.js';
export { type CountingSource, createCountingSource, type ReadStatistics } from './counting.js';
export type { HttpStatistics } from './http/client.js';
export { type HttpDownload, openHttpDownload } from './http/download.js';
export type { HttpOptions } from './http/settings.js';
export type { HttpBody, HttpBodyReader, HttpFetch, HttpRequest, HttpResponse, Timers } from './http/transport.js';
export { type HttpSource, type HttpSourceOptions, openHttpSource } from './http-range.js';
export {
  createDiscardSink,
  createMemorySink,
  createMemorySource,
  type MemorySink,
  type MemorySinkOptions,
} from './memory.js';
export type { ByteRange } from './range.js';
export { FollowFeed, type FollowOptions, type GrowingBytes, type Growth } from './follow.js';
export { openGrowingUrl } from './http/growing.js';
export type { TailCopy } from './tail-copy.js';
