/**
 * Everything a command may touch of the world around it. It is injected, so that commands run in tests as they run in a
 * shell, and none of them reads a clock, an environment variable or a stream of the process by itself.
 */
import type { Readable } from 'node:stream';
import type { HttpOptions } from '../storage/http/settings.js';
import { createPaint, type Paint, plainPaint } from './paint.js';
import { type OutputStream, Printer } from './render.js';

export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that never go back; for progress, and for when live input arrived. */
  readonly now: () => number;
  /** Microseconds since 1970, UTC, as the system believes them to be. Absent: nothing is claimed about the time of day. */
  readonly utcMicros?: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Aborted, with an `Interruption` as its reason, when the user wants to stop. */
  readonly signal: AbortSignal;
  /** How requests for remote files are made; tests shorten the waits. */
  readonly http?: HttpOptions;
  /** What the user types to start this program: `harmony4`, or `node dist/cli/main.js` in a checkout. */
  readonly command: string;
}

export interface Context {
  readonly io: CliIo;
  /** Results. */
  readonly out: Printer;
  /** Diagnostics. */
  readonly err: Printer;
  /** Whether results and errors are JSON. */
  readonly json: boolean;
}

export function createContext(io: CliIo, options: { readonly json: boolean }): Context {
  return {
    io,
    json: options.json,
    out: new Printer(io.stdout, paintFor(io.stdout, io)),
    err: new Printer(io.stderr, paintFor(io.stderr, io)),
  };
}

/** Colours only on a terminal that has them, and never against NO_COLOR (no-color.org: set and not empty). */
function paintFor(stream: OutputStream, { env }: CliIo): Paint {
  const isWanted = stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return isWanted ? createPaint() : plainPaint;
}

/** Whether the locale says that the terminal shows more than ASCII. The first variable that is set decides, as in POSIX. */
export function hasUnicode({ env }: CliIo): boolean {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value !== undefined && value !== '');
  return /utf-?8/i.test(locale ?? '');
}
