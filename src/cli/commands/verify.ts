/** `harmony4 verify`: checks files completely and says what that proves and what it does not. */
import { availableParallelism } from 'node:os';
import { DEFAULT_LIMITS } from '../../container/limits.js';
import { H4Error } from '../../utils/error.js';
import type { Context } from '../context.js';
import { EXIT, printFailure, printWarning } from '../exit.js';
import { STDIN, assertReadOnce, inputName, resultName } from '../input.js';
import { refuseOptions } from '../not-yet.js';
import { integer, wordList } from '../options.js';
import { ClosedPipe } from '../render.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';
import type { Checked } from '../verify/checker.js';
import { type Documents, withDocuments } from '../verify/documents.js';
import { printReport, printReservation, printShortReport } from '../verify/report-view.js';
import { runChecks } from '../verify/run-checks.js';
import { Tally } from '../verify/tally.js';
import { printTally } from '../verify/tally-view.js';
import { type Target, assertNoFolders, targetsOf } from '../verify/targets.js';
import { followFile } from '../verify/follow.js';
import { ALLOWANCES, type Allowance, exitCodeUnder } from '../verify/verdict.js';

export interface VerifyOptions {
  readonly records?: boolean;
  readonly allow?: ReadonlySet<Allowance>;
  readonly recursive?: boolean;
  readonly jobs?: number;
  readonly manifest?: string;
  readonly report?: string;
  readonly force?: boolean;
  readonly allowFullRead?: boolean;
  readonly follow?: boolean;
  readonly idle?: number;
  readonly progress: boolean;
}

/** More threads than this wait for the disk, not for a processor. */
const MAX_DEFAULT_JOBS = 2;
const MAX_JOBS = 64;
const MAX_IDLE_SECONDS = 86_400;

export const addVerify: AddVerb = (program, context, done) => {
  const command = program
    .command('verify')
    .summary('check files completely')
    .description(
      'Checks every byte of each FILE: framing, records, commitments, the tree, every index and the hash of the whole. ' +
        'Without a key this finds accidents, not people: nothing is proven about who made the file. FILE may be - ' +
        'or an http(s) address, or with --recursive a folder.',
    )
    .argument('<FILE...>', 'the H4MK files, or -')
    .option(
      '--records',
      `the state of every record (the first ${DEFAULT_LIMITS.maxReport}; beyond that they are counted)`,
    )
    .option('--allow <STATES>', `exit 0 for these as well: ${ALLOWANCES.join(',')}`, wordList(ALLOWANCES))
    .option('--recursive', 'of a folder, check every *.h4mk below it')
    .option(
      '--jobs <N>',
      `check N files at the same time (default: one per processor, at most ${MAX_DEFAULT_JOBS})`,
      integer(1, MAX_JOBS),
    )
    .option('--manifest <OUT.json>', 'write the results, with the SHA-256 of every file, as one JSON document')
    .option('--report <OUT.html>', 'write a report in plain words, with what is not proven')
    .option('--force', 'overwrite the manifest or the report if it exists')
    .option('--follow', 'go on checking while FILE is being written, until it is closed or you press Ctrl-C')
    .option(
      '--idle <SECONDS>',
      'with --follow: end when nothing new has come for so long',
      integer(1, MAX_IDLE_SECONDS),
    )
    .option(...FULL_READ_OPTION)
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'verify recording.h4mk',
        'verify --records recording.h4mk',
        'verify --allow prefix,slice --json recording.h4mk',
        'verify --report report.html --force recording.h4mk',
        'verify --recursive --manifest manifest.json --force archive',
        'verify --follow recording.h4mk',
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
export async function verify(
  files: readonly string[],
  options: VerifyOptions,
  context: Context,
  worker?: URL,
): Promise<number> {
  const { recursive = false, allow = new Set() } = options;
  if (options.follow === true) return follow(files, options, context);
  if (options.idle !== undefined) throw new H4Error('H4_PARAM', 'use --idle together with --follow');
  assertReadOnce(files);
  if (!recursive) await assertNoFolders(files, context.io.command);
  const isMany = recursive || files.length > 1;
  const hasDocuments = options.manifest !== undefined || options.report !== undefined;
  const run = {
    check: {
      allow,
      records: options.records ?? false,
      hash: hasDocuments,
      portrait: options.report !== undefined,
      command: context.io.command,
    },
    // A single file is checked on this thread: the hash of the whole has one of its own.
    jobs: isMany ? (options.jobs ?? Math.min(availableParallelism(), MAX_DEFAULT_JOBS)) : 1,
    progress: options.progress,
    allowFullRead: options.allowFullRead ?? false,
    ...(worker === undefined ? {} : { worker }),
  };
  return withDocuments(files, { ...options, allow }, context, async (documents) => {
    const tally = new Tally();
    const tell = createTeller();
    for await (const [target, checked] of runChecks(targetsOf(files, { recursive }), run, context)) {
      await account(target, checked, tally, documents);
      await tell(() => print(target, isMany, checked, context));
    }
    if (tally.files === 0 && hasDocuments) {
      throw new H4Error('H4_PARAM', 'Cannot write about a check of nothing: not one file was found');
    }
    await documents.finish(tally);
    if (isMany) await tell(() => printEnd(recursive, tally, context));
    return tally.exitCode;
  });
}

/** Checks one file while it grows, and tells at the end what it has become. */
async function follow(files: readonly string[], options: VerifyOptions, context: Context): Promise<number> {
  const [file] = files;
  const { records, recursive, jobs, manifest, report: document, idle } = options;
  if (file === undefined || files.length > 1 || [records, recursive, jobs, manifest, document].some(Boolean)) {
    throw new H4Error(
      'H4_PARAM',
      '--follow checks one FILE, and goes with --idle, --allow, --no-progress and --json only',
    );
  }
  if (idle !== undefined && file === STDIN) {
    throw new H4Error('H4_PARAM', 'Standard input ends when its writer ends it: --idle goes with a file or an address');
  }
  const report = await followFile(file, { ...options, ...(idle === undefined ? {} : { idleSeconds: idle }) }, context);
  if (report.bytes === 0) {
    await printWarning(context, 'H4_NO_RECORDS', `${inputName(file)} is empty: nothing has been recorded yet`);
    return EXIT.loss;
  }
  const exitCode = exitCodeUnder(options.allow ?? new Set(), report);
  const checked = { exitCode, report: { ...report, exit_code: exitCode } };
  await createTeller()(() => print({ file, name: resultName(file) }, false, checked, context));
  return exitCode;
}

async function account(target: Target, checked: Checked, tally: Tally, documents: Documents): Promise<void> {
  // Something is wrong with the command, not with a file.
  if (checked.exitCode === EXIT.usage) {
    tally.fail(checked.exitCode);
    return;
  }
  tally.add(inputName(target.file), checked);
  await documents.add(target, checked);
}

/** Runs what prints, until nobody reads it any more. */
function createTeller(): (print: () => Promise<void>) => Promise<void> {
  let isHeard = true;
  return async (print) => {
    try {
      if (isHeard) await print();
    } catch (error) {
      if (!(error instanceof ClosedPipe)) throw error;
      isHeard = false;
    }
  };
}

async function print(
  target: Pick<Target, 'file' | 'name'>,
  isOneOfMany: boolean,
  checked: Checked,
  context: Context,
): Promise<void> {
  const { report, records, failure, exitCode } = checked;
  const { out, json } = context;
  const name = inputName(target.file);
  if (json && exitCode !== EXIT.usage) {
    const states = records === undefined ? {} : { record_counts: records.counts, record_states: records.listed };
    await out.json({ file: target.name, ...report, exit_code: exitCode, ...states });
  } else if (failure === undefined) {
    await (isOneOfMany ? printShortReport : printReport)(context, name, report, records);
  }
  await out.flush();
  // As JSON, the object of the file has told it; but not a defect with its trace, nor what concerns no file.
  const isTold = json && exitCode !== EXIT.usage && exitCode !== EXIT.internal;
  if (failure !== undefined && !isTold) await printFailure(context, failure);
}

async function printEnd(recursive: boolean, tally: Tally, context: Context): Promise<void> {
  const { out, json } = context;
  if (!json) {
    if (tally.hasUnproven) await printReservation(out, tally.hasUnhashed);
    await printTally(out, tally);
  } else if (recursive) {
    await out.json({ summary: tally.toJson() });
  }
}
