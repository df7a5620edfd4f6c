/** The door to storage on the file system of Node. */

export {
  createFileSink,
  createThreadedFileSink,
  type FileSink,
  type FileSinkOptions,
  type ThreadedFileSinkOptions,
} from './file-sink.js';
export { type FileSource, openFileSource } from './file-source.js';
export { createLiveFileSink, type LiveFileOptions, type LiveFileSink } from './live-file.js';
export { openGrowingBytes } from './growing-bytes.js';
export { readSidecar, sidecarPathOf } from './sidecar.js';
