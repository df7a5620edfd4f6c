/** Runs the command line inside the test: real arguments, real files, and streams that keep what is written to them. */

import { Readable, Writable } from 'node:stream';
import type { CliIo } from '../../../src/cli/context.js';
import { run } from '../../../src/cli/run.js';
import type { HttpOptions } from '../../../src/storage/http/settings.js';

export interface HarnessOptions {
  readonly stdin?: Uint8Array | Readable;
  /** Which streams are a terminal. */
  readonly tty?: readonly ('stdin' | 'stdout' | 'stderr')[];
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** What every call of the clock adds, in milliseconds. */
  readonly tick?: number;
  /** Given instead of that clock. */
  readonly now?: () => number;
  readonly utcMicros?: () => number;
  readonly command?: string;
  /** How requests for remote files are made. */
  readonly http?: HttpOptions;
  /** Given instead of streams that keep everything. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly randomBytes?: (count: number) => Uint8Array;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What went to stdout, as it is. */
  readonly bytes: Buffer;
}

class Keeping extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }
}

const asStream = <T extends object>(stream: T, isTTY: boolean, columns: number): T =>
  Object.assign(stream, isTTY ? { isTTY, columns } : {});

/** One command line with its exit code and what it wrote. */
export async function cli(argv: readonly string[], options: HarnessOptions = {}): Promise<Outcome> {
  const { tty = [], columns = 80, tick = 0 } = options;
  const [kept, errors] = [new Keeping(), new Keeping()];
  const given = options.stdin ?? new Uint8Array(0);
  const stdin = given instanceof Uint8Array ? Readable.from(given.length === 0 ? [] : [Buffer.from(given)]) : given;
  let time = 0;
  const io: CliIo = {
    stdin: asStream(stdin, tty.includes('stdin'), columns),
    stdout: asStream(options.stdout ?? kept, tty.includes('stdout'), columns),
    stderr: asStream(options.stderr ?? errors, tty.includes('stderr'), columns),
    env: options.env ?? { LANG: 'C.UTF-8' },
    now: options.now ?? (() => (time += tick)),
    ...(options.utcMicros === undefined ? {} : { utcMicros: options.utcMicros }),
    randomBytes: options.randomBytes ?? ((count) => new Uint8Array(count).fill(0xab)),
    signal: options.signal ?? new AbortController().signal,
    command: options.command ?? 'harmony4',
    ...(options.http === undefined ? {} : { http: options.http }),
  };
  const code = await run(argv, io);
  const bytes = Buffer.concat(kept.chunks);
  return { code, stdout: bytes.toString(), stderr: Buffer.concat(errors.chunks).toString(), bytes };
}

/** The JSON documents of an output, one per line. */
export function jsonLines(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The one JSON document of an output. */
export function jsonOf(text: string): Record<string, unknown> {
  const documents = jsonLines(text);
  const [first] = documents;
  if (first === undefined || documents.length > 1) throw new Error(`expected one JSON document, found: ${text}`);
  return first;
}
