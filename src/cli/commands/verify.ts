/** `harmony4 verify`: checks files completely and says what that proves and what it does not. */
import type { ByteSource } from '../../container/io/io.js';
import { DEFAULT_LIMITS } from '../../container/limits.js';
import { type VerificationReport, verifyContainer } from '../../container/verify.js';
import type { Context } from '../context.js';
import { EXIT, type Failure, failureOf, printFailure, worstOf } from '../exit.js';
import { assertLocal, assertReadOnce, inputName, openInput } from '../input.js';
import { refuseOptions } from '../not-yet.js';
import { wordList } from '../options.js';
import { Progress } from '../progress.js';
import { ClosedPipe } from '../render.js';
import { type AddVerb, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';
import { type RecordStates, recordStates } from '../verify/record-states.js';
import { isUnproven, printReport, printReservation, printShortReport } from '../verify/report-view.js';
import { ALLOWANCES, type Allowance, exitCodeUnder } from '../verify/verdict.js';

export interface VerifyOptions {
  readonly records?: boolean;
  readonly allow?: ReadonlySet<Allowance>;
  readonly progress: boolean;
}

export const addVerify: AddVerb = (program, context, done) => {
  const command = program
    .command('verify')
    .summary('check files completely')
    .description(
      'Checks every byte of each FILE: framing, records, commitments, the tree, every index and the hash of the whole. ' +
        'Without a key this finds accidents, not people: nothing is proven about who made the file. FILE may be -.',
    )
    .argument('<FILE...>', 'the H4MK files, or -')
    .option(
      '--records',
      `the state of every record (the first ${DEFAULT_LIMITS.maxReport}; beyond that they are counted)`,
    )
    .option('--allow <STATES>', `exit 0 for these as well: ${ALLOWANCES.join(',')}`, wordList(ALLOWANCES))
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'verify recording.h4mk',
        'verify --records recording.h4mk',
        'verify --allow prefix,slice --json recording.h4mk',
      ])}

Exit codes: 0 sound, 1 broken, 3 sound but not all of it (see --allow), 4 cannot be read.
Of several files the worst counts: 1 before 4 before 3.`,
    )
    .action(async (files: string[], options: VerifyOptions) => done(await verify(files, options, context)));
  refuseOptions(
    command,
    ['key', 'policy', 'require-signature'],
    'this version does not check signatures yet; it verifies structure',
  );
};

/** Checks all files, even after one has failed and even if nobody reads the reports any more. Resolves to the exit code. */
export async function verify(files: readonly string[], options: VerifyOptions, context: Context): Promise<number> {
  for (const file of files) assertLocal(file);
  assertReadOnce(files);
  const outcomes: Outcome[] = [];
  let isHeard = true;
  const tell = async (print: () => Promise<void>): Promise<void> => {
    try {
      if (isHeard) await print();
    } catch (error) {
      if (!(error instanceof ClosedPipe)) throw error;
      isHeard = false;
    }
  };
  for (const file of files) {
    const outcome = await check(file, options, context);
    outcomes.push(outcome);
    await tell(() => print(file, files.length > 1, outcome, context));
  }
  if (files.length > 1 && !context.json && outcomes.some(({ report }) => isUnproven(report))) {
    await tell(() => printReservation(context.out));
  }
  return worstOf(outcomes.map(({ exitCode }) => exitCode));
}

interface Outcome {
  readonly exitCode: number;
  readonly report: VerificationReport;
  readonly records?: RecordStates;
  /** Set where the file could not be read. */
  readonly failure?: Failure;
}

async function check(file: string, options: VerifyOptions, context: Context): Promise<Outcome> {
  const { signal, command } = context.io;
  let source: ByteSource | undefined;
  try {
    source = await openInput(file, context);
    const report = await verifyWithProgress(file, source, options, context);
    const records = options.records === true ? await recordStates(source, report, signal) : undefined;
    const exitCode = exitCodeUnder(options.allow ?? new Set(), report);
    return { exitCode, report: { ...report, exit_code: exitCode }, ...(records === undefined ? {} : { records }) };
  } catch (error) {
    const failure = failureOf(error, signal, command);
    if (signal.aborted || failure.exit_code === EXIT.internal) throw error;
    return { exitCode: failure.exit_code, report: unreadReport(failure), failure };
  } finally {
    await source?.close();
  }
}

async function verifyWithProgress(
  file: string,
  source: ByteSource,
  options: VerifyOptions,
  context: Context,
): Promise<VerificationReport> {
  const label = `verifying ${inputName(file)}`;
  const progress = new Progress(context, { label, total: source.size, enabled: options.progress });
  try {
    return await verifyContainer(source, {
      signal: context.io.signal,
      onProgress: (bytes) => progress.update(bytes),
    });
  } finally {
    progress.clear();
  }
}

/** The report about a file that could not be read, so that a program gets one object per file whatever happens. */
function unreadReport({ code, message }: Failure): VerificationReport {
  return {
    format: 'unknown',
    state: 'NOT_OK',
    proven: false,
    exit_code: EXIT.io,
    root: null,
    file_id: null,
    records: 0,
    tree_size: 0,
    redacted: 0,
    bytes: 0,
    signatures: [],
    signature_count: 0,
    errors: [{ code, offset: 0, message }],
    warnings: [],
    error_count: 1,
    warning_count: 0,
  };
}

async function print(file: string, isOneOfMany: boolean, outcome: Outcome, context: Context): Promise<void> {
  const { report, records, failure } = outcome;
  const { out, json } = context;
  if (json) {
    const states = records === undefined ? {} : { record_counts: records.counts, record_states: records.listed };
    await out.json({ file, ...report, ...states });
  } else if (failure === undefined) {
    await (isOneOfMany ? printShortReport : printReport)(context, inputName(file), report, records);
  }
  await out.flush();
  // As JSON, the object of the file has told it.
  if (failure !== undefined && !json) await printFailure(context, failure);
}
