/** The check of one file, on whichever thread: from opening it to an outcome that is plain data and can go to another one. */
import type { Demands } from '../../container/check/demands.js';
import { createIterableFeed } from '../../container/source/feed.js';
import type { ByteSource } from '../../container/io/io.js';
import {
  type VerificationReport,
  type VerifyOptions,
  verifyContainer,
  verifyStream,
} from '../../container/check/verify.js';
import { NO_REDACTIONS } from '../../container/check/redaction-check.js';
import { EXIT, type Failure, failureOf } from '../exit.js';
import { type Portrait, portraitOf } from './portrait.js';
import { type RecordStates, RecordTrace, recordStates } from './record-states.js';
import { type Allowance, exitCodeUnder } from './verdict.js';
import { hashWhileReading } from './whole-hash.js';

export interface CheckOptions {
  readonly allow: ReadonlySet<Allowance>;
  /** The state of every record. */
  readonly records: boolean;
  /** SHA-256 of the whole file. */
  readonly hash: boolean;
  /** What a report for people shows beside the findings. */
  readonly portrait: boolean;
  /** What the user types to start this program. */
  readonly command: string;
}

export interface Checked {
  readonly exitCode: number;
  readonly report: VerificationReport;
  readonly records?: RecordStates;
  readonly sha256?: string;
  readonly portrait?: Portrait;
  /** Set where the file could not be read, or not be checked. */
  readonly failure?: Failure;
}

export interface CheckEvents {
  readonly signal: AbortSignal;
  /** None: the form of the file is checked, and nothing about who made it. */
  readonly demands?: Demands;
  readonly onOpen?: (bytes: number) => void;
  /** Called now and then with the number of bytes checked so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** Checks what `open` opens, and closes it. Rejects only when the signal is aborted. */
export async function checkFile(
  open: () => Promise<ByteSource>,
  options: CheckOptions,
  events: CheckEvents,
): Promise<Checked> {
  const { signal } = events;
  let source: ByteSource | undefined;
  try {
    source = await open();
    events.onOpen?.(source.size);
    return await checkSource(source, options, events);
  } catch (error) {
    if (signal.aborted) throw error;
    return uncheckedFile(failureOf(error, signal, options.command));
  } finally {
    await source?.close();
  }
}

/** Checks what arrives in pieces, once and without keeping it: for all that needs no second look. */
export async function checkPieces(
  pieces: AsyncIterable<Uint8Array>,
  options: CheckOptions,
  events: CheckEvents,
): Promise<Checked> {
  const { signal } = events;
  try {
    const report = await verifyStream(createIterableFeed(pieces), verifyOptions(events));
    const exitCode = exitCodeUnder(options.allow, report);
    return { exitCode, report: { ...report, exit_code: exitCode } };
  } catch (error) {
    if (signal.aborted) throw error;
    return uncheckedFile(failureOf(error, signal, options.command));
  }
}

async function checkSource(file: ByteSource, options: CheckOptions, events: CheckEvents): Promise<Checked> {
  const { signal } = events;
  const hashed = options.hash ? hashWhileReading(file) : undefined;
  const source = hashed?.source ?? file;
  const trace = options.records ? new RecordTrace() : undefined;
  const report = await verifyContainer(source, {
    ...verifyOptions(events),
    ...(trace === undefined
      ? {}
      : { observe: ({ tokn, offset, payload }) => trace.admit(tokn, offset, payload === undefined) }),
  });
  const exitCode = exitCodeUnder(options.allow, report);
  const sha256 = await hashed?.digest(signal);
  const records = trace === undefined ? undefined : await recordStates(file, report, trace, signal);
  const portrait = options.portrait ? await portraitOf(file, signal) : undefined;
  return {
    exitCode,
    report: { ...report, exit_code: exitCode },
    ...(records === undefined ? {} : { records }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(portrait === undefined ? {} : { portrait }),
  };
}

function verifyOptions({ signal, demands = {}, onProgress }: CheckEvents): VerifyOptions {
  return { signal, ...demands, ...(onProgress === undefined ? {} : { onProgress }) };
}

/** The outcome for a file that could not be checked, so that a program gets one object per file whatever happens. */
export function uncheckedFile(failure: Failure): Checked {
  const { code, message, exit_code } = failure;
  return {
    exitCode: exit_code,
    failure,
    report: {
      format: 'unknown',
      state: 'NOT_OK',
      proven: false,
      exit_code: EXIT.io,
      root: null,
      file_id: null,
      records: 0,
      tree_size: 0,
      signed_size: 0,
      redacted: 0,
      ...NO_REDACTIONS,
      timebase: null,
      shift: 0,
      gaps: [],
      gap_count: 0,
      bytes: 0,
      checkpoint: null,
      signatures: [],
      signature_count: 0,
      statements: [],
      statement_count: 0,
      errors: [{ code, offset: 0, message }],
      warnings: [],
      error_count: 1,
      warning_count: 0,
    },
  };
}
