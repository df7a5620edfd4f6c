/** The door to storage that needs no platform: what the container reads from and writes to, and implementations in memory. */

export {
  type ByteSink,
  type ByteSource,
  canHashSink,
  canHashSource,
  type HashingSink,
  type HashingSource,
} from '../container/io/io.js';
export { type CountingSource, createCountingSource, type ReadStatistics } from './counting.js';
export {
  createDiscardSink,
  createMemorySink,
  createMemorySource,
  type MemorySink,
  type MemorySinkOptions,
} from './memory.js';
export type { ByteRange } from './range.js';
