/**
 * What `export --live` reads: standard input or a named pipe as it comes, or a regular file. Nothing is read ahead to look
 * at its first bytes, since a slow input would keep a recording waiting for them. Closing it is how a recording ends it.
 */
import { stat } from 'node:fs/promises';
import type { Context } from '../context.js';
import { STDIN, assertLocal, inputName, readStdin, readStream } from '../input.js';
import { openMediaInput, readableBytes } from '../media-input.js';

export interface LiveInput {
  /** The name of a file. */
  readonly name?: string;
  /** Whether a file still is what it was when it was opened, as far as the file system tells. Always true for a stream. */
  isUnchanged(): Promise<boolean>;
  /** The bytes as they come, once. Whoever waits for the next piece when the input is closed is told some error. */
  pieces(): AsyncIterator<Uint8Array, void>;
  close(): Promise<void>;
}

export async function openLiveInput(file: string, context: Context): Promise<LiveInput> {
  assertLocal(file);
  const closing = new AbortController();
  // Not the signal of the user: it ends the recording, and then the recording ends the input.
  const own: Context = { ...context, io: { ...context.io, signal: closing.signal } };
  const isPipe = file === STDIN || (await stat(file).catch(() => undefined))?.isFIFO() === true;
  if (isPipe) {
    return {
      isUnchanged: () => Promise.resolve(true),
      // Opened when it is first asked for: opening a pipe waits for its writer.
      pieces: () => readableBytes(file === STDIN ? readStdin(own) : readStream(file, own), inputName(file)),
      close: () => {
        closing.abort();
        return Promise.resolve();
      },
    };
  }
  const input = await openMediaInput(file, own);
  return {
    ...(input.name === undefined ? {} : { name: input.name }),
    isUnchanged: () => input.isUnchanged(),
    pieces: () => input.pieces()[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, void>,
    close: () => {
      closing.abort();
      return input.close();
    },
  };
}
