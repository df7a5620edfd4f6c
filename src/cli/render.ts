/**
 * How results reach a stream. Lines are gathered into pieces, because a list of a million records must not cost a million
 * system calls, and every piece waits for the one before, so that a slow reader slows the command instead of filling memory.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { H4Error } from '../utils/error.js';
import { explain, hasErrorCode, systemFailure } from '../storage/node/system-error.js';
import type { Colour, Paint } from './paint.js';
import { jsonLine, wrapped } from './text.js';

export interface OutputStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The reader of our output has gone, for instance `head`. Nothing to complain about: the command ends quietly. */
export class ClosedPipe extends Error {
  /** Whether it lacks bytes of a file now; who reads text has read as much as they wanted. */
  readonly isIncomplete: boolean;

  constructor(options: { readonly isIncomplete: boolean }) {
    super('the reader has closed the pipe');
    this.isIncomplete = options.isIncomplete;
  }
}

const PIECE_CHARACTERS = 16 * 1024;
const DEFAULT_COLUMNS = 80;
/** Beyond this, lines are hard to read, not easier. */
const MAX_COLUMNS = 120;
const LABEL_WIDTH = 13;

export class Printer {
  readonly paint: Paint;
  readonly #stream: OutputStream;
  #pending = '';

  constructor(stream: OutputStream, paint: Paint) {
    this.#stream = stream;
    this.paint = paint;
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Characters per line. A terminal that does not know its width says 0. */
  get columns(): number {
    return Math.min(this.#stream.columns || DEFAULT_COLUMNS, MAX_COLUMNS);
  }

  /** One line of text that is printable as it stands: foreign parts went through `printable()`. */
  async line(text = ''): Promise<void> {
    this.#pending += `${text}\n`;
    if (this.isTerminal || this.#pending.length >= PIECE_CHARACTERS) await this.flush();
  }

  /**
   * Sentences, indented by `indent` spaces. Broken into lines on a terminal only: elsewhere a sentence stays on one line,
   * where a search finds it.
   */
  async paragraph(text: string, options: { readonly indent: number; readonly colour?: Colour }): Promise<void> {
    const { indent, colour } = options;
    const lines = this.isTerminal ? wrapped(text, this.columns - indent) : [text];
    for (const line of lines)
      await this.line(' '.repeat(indent) + (colour === undefined ? line : this.paint(colour, line)));
  }

  /** `  label        value`, or only the value if it goes on with the line before. */
  async field(label: string, value: string): Promise<void> {
    await this.line(`  ${this.paint('dim', label.padEnd(LABEL_WIDTH))}${value}`);
  }

  /** One JSON document on one line. */
  async json(value: unknown): Promise<void> {
    await this.line(jsonLine(value));
  }

  async flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (text !== '') await writeTo(this.#stream, text);
  }

  /** Puts `text` on the stream as it is, in front of everything that waits: the line of a progress report. */
  raw(text: string): void {
    this.#stream.write(text);
  }
}

/** Resolves when the stream has taken `data`. Rejects with `ClosedPipe`, or with `H4_WRITE` if the system refuses. */
export async function writeTo(stream: OutputStream, data: string | Uint8Array): Promise<void> {
  const isIncomplete = typeof data !== 'string';
  if (stream.destroyed || stream.errored !== null) throw writeFailure(stream.errored, isIncomplete);
  const written = new Promise<void>((resolve, reject) => {
    stream.write(data, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(writeFailure(error, isIncomplete));
    });
  });
  await written;
  if (stream.writableNeedDrain) await once(stream, 'drain');
}

function writeFailure(thrown: unknown, isIncomplete: boolean): Error {
  if (thrown === null || hasErrorCode(thrown, 'EPIPE', 'ERR_STREAM_DESTROYED')) return new ClosedPipe({ isIncomplete });
  return new H4Error('H4_WRITE', `Cannot write to standard output: ${explain(systemFailure(thrown))}`, {
    cause: thrown,
  });
}
