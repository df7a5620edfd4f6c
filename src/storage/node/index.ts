/** The door to storage on the file system of Node. */

export {
  createFileSink,
  createThreadedFileSink,
  type FileSink,
  type FileSinkOptions,
  type ThreadedFileSinkOptions,
} from './file-sink.js';
export { type FileSource, openFileSource } from './file-source.js';
