/**
 * How a command ends: what was thrown becomes an exit code, a code, a message and the next step. Exit codes are those of
 * the specification, section 16, and of `exitCodeOf`; a shell's convention adds 128 + n for a command stopped by signal n.
 */
import { CommanderError } from 'commander';
import { exitCodeOf, type ErrorCode } from '../utils/error-codes.js';
import { isH4Error } from '../utils/error.js';
import { nextStepFor } from './advice.js';
import type { Context } from './context.js';
import type { Colour } from './paint.js';
import type { Printer } from './render.js';
import { printable, wrapped } from './text.js';

export const EXIT = { done: 0, failed: 1, usage: 2, loss: 3, io: 4, internal: 70 } as const;

/** The worst news last: a file that fails its check outranks one that cannot be read. */
const BY_GRAVITY: readonly number[] = [EXIT.done, EXIT.loss, EXIT.usage, EXIT.io, EXIT.failed, EXIT.internal];

/** The exit code for several files. */
export function worstOf(codes: Iterable<number>): number {
  return [...codes].reduce(
    (worst, code) => (BY_GRAVITY.indexOf(code) > BY_GRAVITY.indexOf(worst) ? code : worst),
    EXIT.done,
  );
}

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Why a command was told to stop. */
export class Interruption extends Error {
  readonly signal: keyof typeof SIGNAL_NUMBERS;

  constructor(signal: keyof typeof SIGNAL_NUMBERS) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }

  get exitCode(): number {
    return 128 + SIGNAL_NUMBERS[this.signal];
  }
}

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly exit_code: number;
  /** What the person can do about it. */
  readonly next?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** What was thrown, in terms of the command line; `verb` is the command whose help a usage error points to. */
export function failureOf(thrown: unknown, signal: AbortSignal, command: string, verb?: string): Failure {
  // A live recording that could not be closed is more than an interruption, and it has left a file behind.
  const isUnclosed = isH4Error(thrown) && 'durable_records' in thrown.detail;
  if (signal.aborted && signal.reason instanceof Interruption && !isUnclosed) {
    const { exitCode, message } = signal.reason;
    return { code: 'H4_CANCELLED', message: `${message}; no unfinished file was left behind`, exit_code: exitCode };
  }
  if (thrown instanceof CommanderError) return usageFailure(thrown, command, verb);
  if (isH4Error(thrown)) {
    // Advice is about files that somebody gives one; what a key refuses to sign is one's own, and the message says what to do.
    const isOwn = thrown.code === 'H4_EQUIVOCATION' && 'signed_size' in thrown.detail;
    const isLegacy = thrown.detail['form'] === 'legacy';
    const isProof = thrown.detail['form'] === 'proof';
    // Whoever did not look at all signatures knows nothing about the key.
    const isOpen = 'searched' in thrown.detail;
    const next = isOwn || isOpen ? undefined : nextStepFor(thrown.code, command, { isLegacy, isProof });
    const hasDetail = Object.keys(thrown.detail).length > 0;
    return {
      code: thrown.code,
      message: thrown.message,
      // What was typed is wrong, whatever the code says of a file.
      exit_code: 'option' in thrown.detail ? EXIT.usage : exitCodeOf(thrown.code),
      ...(next === undefined ? {} : { next }),
      ...(hasDetail ? { detail: thrown.detail } : {}),
    };
  }
  return {
    code: 'H4_INTERNAL',
    message: thrown instanceof Error ? thrown.message : String(thrown),
    exit_code: EXIT.internal,
    next: 'This is a defect of harmony4 and says nothing about your file. Please report it with the command and this text.',
    ...(thrown instanceof Error && thrown.stack !== undefined ? { detail: { stack: thrown.stack } } : {}),
  };
}

/** Commander says `error: unknown option '--jsn'` and, on a line of its own, `(Did you mean --json?)`. */
function usageFailure(error: CommanderError, command: string, verb = '[COMMAND]'): Failure {
  const message = error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)$/su, '; did you mean $1?');
  return {
    code: 'H4_PARAM',
    message,
    exit_code: EXIT.usage,
    next: `'${command} help ${verb}' tells what there is.`,
  };
}

/** Tells the person, or the program, on stderr. */
export async function printFailure({ err, json }: Context, failure: Failure): Promise<void> {
  if (json) return err.json(failure);
  await tell(err, `harmony4: ${failure.code}:`, 'red', failure.message);
  if (failure.next !== undefined) await err.paragraph(failure.next, { indent: 2 });
  const stack = failure.detail?.['stack'];
  if (typeof stack === 'string') for (const line of stack.split('\n').slice(1)) await err.line(printable(line));
}

/** A remark that is no failure. With `--json` it is an object with `warning` instead of `message`. */
export async function printWarning({ err, json }: Context, code: ErrorCode, message: string): Promise<void> {
  if (json) return err.json({ code, warning: message });
  await tell(err, `harmony4: warning: ${code}:`, 'yellow', message);
}

/** `label message`; on a terminal the message goes on below its beginning. */
async function tell(err: Printer, label: string, colour: Colour, message: string): Promise<void> {
  // The label is one long word to the wrapping, so that it stays whole.
  const text = `${'x'.repeat(label.length)} ${printable(message)}`;
  const [first = '', ...rest] = err.isTerminal ? wrapped(text, err.columns) : [text];
  await err.line(err.paint(colour, label) + first.slice(label.length));
  if (rest.length > 0) await err.paragraph(rest.join(' '), { indent: 2 });
}
