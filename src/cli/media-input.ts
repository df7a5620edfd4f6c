/**
 * The media that `export` reads: a file, which can be read twice, or a stream (standard input, a named pipe), which cannot.
 * Its first bytes are known before the first byte is handed out, because they decide about the engine.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { createSourceFeed } from '../container/source/feed.js';
import { type FileSource, openFileSource } from '../storage/node/file-source.js';
import { explain, systemFailure } from '../storage/node/system-error.js';
import { SNIFF_BYTES } from '../tokenizers/media-type.js';
import { concatBytes } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { STDIN, assertLocal, readStdin } from './input.js';

const PIECE_BYTES = 1024 * 1024;

export interface MediaInput {
  /** Absent for a stream. */
  readonly name?: string;
  readonly bytes?: number;
  /** Up to 4 KiB from the beginning. */
  readonly head: Uint8Array;
  /** SHA-256 of the whole file, by a read of its own. Absent for a stream. */
  readonly digest?: () => Promise<Uint8Array>;
  /** Whether a file still is what it was when it was opened, as far as the file system tells. Always true for a stream. */
  isUnchanged(): Promise<boolean>;
  /** The whole input, once. */
  pieces(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export async function openMediaInput(file: string, context: Context): Promise<MediaInput> {
  assertLocal(file);
  if (file === STDIN) return streamInput(readStdin(context), 'standard input');
  const stats = await stat(file).catch(() => undefined);
  if (stats?.isFIFO() !== true) return fileInput(await openFileSource(file), context.io.signal);
  return streamInput(addAbortSignal(context.io.signal, createReadStream(file)), file);
}

async function fileInput(source: FileSource, signal: AbortSignal): Promise<MediaInput> {
  const before = await stateOf(source.path);
  return {
    name: basename(source.path),
    bytes: source.size,
    head: await source.read(0, Math.min(SNIFF_BYTES, source.size), signal),
    digest: () => source.sha256(0, source.size, signal),
    isUnchanged: async () => before !== undefined && (await stateOf(source.path)) === before,
    async *pieces() {
      const feed = createSourceFeed(source, { pieceBytes: PIECE_BYTES, signal });
      for (let piece = await feed.next(); piece !== undefined; piece = await feed.next()) yield piece;
    },
    close: () => source.close(),
  };
}

/** What changes when a file is written to or replaced; undefined where there is no file. */
async function stateOf(path: string): Promise<string | undefined> {
  try {
    const { size, mtimeNs, ino } = await stat(path, { bigint: true });
    return `${size} ${mtimeNs} ${ino}`;
  } catch {
    return undefined;
  }
}

async function streamInput(stream: Readable, what: string): Promise<MediaInput> {
  const iterator = readableBytes(stream, what);
  const first: Uint8Array[] = [];
  for (let have = 0; have < SNIFF_BYTES;) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    first.push(value);
    have += value.length;
  }
  return {
    isUnchanged: () => Promise.resolve(true),
    head: concatBytes(...first).subarray(0, SNIFF_BYTES),
    async *pieces() {
      yield* first;
      yield* iterator;
    },
    close: () => {
      stream.destroy();
      return Promise.resolve();
    },
  };
}

/** The pieces of a stream; what goes wrong with it is `H4_IO`. */
export async function* readableBytes(stream: Readable, what: string): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const piece of stream) yield piece as Uint8Array;
  } catch (thrown) {
    throw new H4Error('H4_IO', `Cannot read ${what}: ${explain(systemFailure(thrown))}`, { cause: thrown });
  }
}
