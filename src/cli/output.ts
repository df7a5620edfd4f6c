/**
 * Where a command writes to: a file, which appears under its name only when it is whole, or `-` for standard output. Bytes
 * are never sent to a terminal, and an existing file is replaced only with --force.
 */
import { stat } from 'node:fs/promises';
import type { ByteSink } from '../container/io/io.js';
import { createFileSink, createThreadedFileSink } from '../storage/node/file-sink.js';
import { H4Error, isH4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { STDIN } from './input.js';
import { writeTo } from './render.js';

export const STDOUT = '-';

export interface OutputOptions {
  readonly force: boolean;
  /** The input, which must not be the file that is written. */
  readonly input: string;
  /** Whether the sink hashes on a thread of its own what a container's VERI covers. */
  readonly hashing: boolean;
}

/**
 * Opens OUT, lets `work` write and commit it, and leaves nothing behind if that fails. Refuses a terminal and the input
 * itself (`H4_PARAM`), and an existing file (`H4_EXISTS`).
 */
export async function writeOutput<Result>(
  file: string,
  options: OutputOptions,
  context: Context,
  work: (sink: ByteSink) => Promise<Result>,
): Promise<Result> {
  try {
    const sink = await openOutput(file, options, context);
    try {
      return await work(sink);
    } catch (error) {
      await sink.abort();
      throw error;
    }
  } catch (error) {
    throw withoutProgramAdvice(error);
  }
}

/** The advice of the storage on `H4_EXISTS` is for programs; that of the command line, which follows, names the option. */
export function withoutProgramAdvice(error: unknown): unknown {
  if (!isH4Error(error, 'H4_EXISTS')) return error;
  const message = error.message.replace(/; remove it, or ask for (?:it to be overwritten|overwriting)$/, '');
  return new H4Error('H4_EXISTS', message, { detail: error.detail, cause: error });
}

async function openOutput(file: string, options: OutputOptions, context: Context): Promise<ByteSink> {
  if (file === STDOUT) return openStdout(context);
  if (options.input !== STDIN && (await isSameFile(file, options.input))) {
    throw new H4Error('H4_PARAM', `Cannot write ${file}: it is the file that is read; choose another name for -o`);
  }
  const overwrite = options.force;
  if (!options.hashing) return createFileSink(file, { overwrite });
  try {
    return await createThreadedFileSink(file, { overwrite });
  } catch (error) {
    // Where no thread can be started, the slower sink does the same.
    if (!isH4Error(error, 'H4_WRITE')) throw error;
    return createFileSink(file, { overwrite });
  }
}

export async function isSameFile(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([a, b].map((file) => stat(file, { bigint: true }).catch(() => undefined)));
  return left !== undefined && left.dev === right?.dev && left.ino === right.ino;
}

function openStdout({ io }: Context): ByteSink {
  if (io.stdout.isTTY === true) {
    throw new H4Error(
      'H4_PARAM',
      'Binary data is not written to a terminal: name a file with -o, or send the output into a pipe',
    );
  }
  return new StdoutSink(io.stdout);
}

/** What was sent to standard output is sent: it cannot be taken back, only ended with a failing exit code. */
class StdoutSink implements ByteSink {
  readonly #stream: Context['io']['stdout'];
  #length = 0;

  constructor(stream: Context['io']['stdout']) {
    this.#stream = stream;
  }

  get length(): number {
    return this.#length;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#length += bytes.length;
    return writeTo(this.#stream, bytes);
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  abort(): Promise<void> {
    return Promise.resolve();
  }
}
