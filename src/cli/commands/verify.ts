/** `harmony4 verify`: checks files completely and says what that proves and what it does not. */
import { availableParallelism } from 'node:os';
import { DEFAULT_LIMITS } from '../../container/format/limits.js';
import { H4Error } from '../../utils/error.js';
import type { Context } from '../context.js';
import { EXIT, printFailure, printWarning } from '../exit.js';
import { STDIN, assertReadOnce, inputName, resultName } from '../input.js';
import { integer, repeatable, wordList } from '../options.js';
import { ClosedPipe } from '../render.js';
import { addTrustOptions } from '../trust-options.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';
import { type Basis, type BasisOptions, readBasis } from '../verify/basis.js';
import type { Checked } from '../verify/checker.js';
import { type Documents, withDocuments } from '../verify/documents.js';
import { printReport, printReservation, printShortReport } from '../verify/report-view.js';
import { runChecks } from '../verify/run-checks.js';
import { rememberChecked } from '../verify/seen-file.js';
import { Tally } from '../verify/tally.js';
import { printTally } from '../verify/tally-view.js';
import { type Target, assertNoFolders, targetsOf } from '../verify/targets.js';
import { followFile } from '../verify/follow.js';
import { ALLOWANCES, exitCodeUnder } from '../verify/verdict.js';

export interface VerifyOptions extends BasisOptions {
  readonly records?: boolean;
  readonly recursive?: boolean;
  readonly jobs?: number;
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
        'Without a key this finds accidents, not people: nothing is proven about who made the file. With --key or ' +
        '--policy a file that is not signed by whom you believe fails. FILE may be - or an http(s) address, or with ' +
        '--recursive a folder.',
    )
    .argument('<FILE...>', 'the H4MK files, or -');
  addTrustOptions(command)
    .option(
      '--require-signature',
      'refuse to run without --key or --policy; with them it changes nothing: they require a signature anyway',
    )
    .option(
      '--seen <FILE>',
      'remember in FILE the largest checkpoint trusted of each recording, and fail for an older or a contradicting copy',
    )
    .option(
      '--key-file <FILE>',
      'a key of masked or encrypted blocks, to check them inside as well; repeatable',
      repeatable,
    )
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
        'verify --key signer.key.pub signed.h4mk',
        'verify --policy policy.json signed.h4mk',
        'verify --key signer.key.pub --seen seen.json signed.h4mk',
        'verify --key signer.key.pub recording.h4mk   # exits 1',
      ])}

Exit codes: 0 sound, and signed if a key or a policy is given; 1 broken, or not
signed by whom you believe; 3 sound but not all of it (see --allow, and "accept"
in a policy); 4 cannot be read.
Of several files the worst counts: 1 before 4 before 3.`,
    )
    .action(async (files: string[], options: VerifyOptions) => done(await verify(files, options, context)));
};

/** Checks all files, even after one has failed and even if nobody reads the reports any more. Resolves to the exit code. */
export async function verify(
  files: readonly string[],
  options: VerifyOptions,
  context: Context,
  worker?: URL,
): Promise<number> {
  const { recursive = false } = options;
  if (options.follow === true) assertFollowable(files, options);
  else if (options.idle !== undefined) throw new H4Error('H4_PARAM', 'use --idle together with --follow');
  assertReadOnce(files);
  if (!recursive) await assertNoFolders(files, context.io.command);
  const basis = await readBasis(files, options, context);
  const { allow, demands, seen } = basis;
  if (options.follow === true) return follow(files[0] ?? STDIN, options, basis, context);
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
    demands,
    seen,
    // A single file is checked on this thread: the hash of the whole has one of its own.
    jobs: isMany ? (options.jobs ?? Math.min(availableParallelism(), MAX_DEFAULT_JOBS)) : 1,
    progress: options.progress,
    allowFullRead: options.allowFullRead ?? false,
    ...(worker === undefined ? {} : { worker }),
  };
  return withDocuments(files, { ...options, allow, trust: demands.trust }, context, async (documents) => {
    const tally = new Tally();
    const tell = createTeller();
    for await (const [target, checked] of runChecks(targetsOf(files, { recursive }), run, context)) {
      await account(target, checked, tally, documents);
      await tell(() => print(target, isMany, checked, basis, context));
    }
    await seen?.save();
    if (tally.files === 0 && hasDocuments) {
      throw new H4Error('H4_PARAM', 'Cannot write about a check of nothing: not one file was found');
    }
    await documents.finish(tally);
    if (isMany) await tell(() => printEnd(recursive, tally, context));
    return tally.exitCode;
  });
}

function assertFollowable(files: readonly string[], options: VerifyOptions): void {
  const { records, recursive, jobs, manifest, report, idle } = options;
  if (files.length !== 1 || [records, recursive, jobs, manifest, report].some(Boolean)) {
    throw new H4Error(
      'H4_PARAM',
      '--follow checks one FILE, and goes with --idle, --allow, --no-progress, --json and what says whom you believe only',
    );
  }
  if (idle !== undefined && files[0] === STDIN) {
    throw new H4Error('H4_PARAM', 'Standard input ends when its writer ends it: --idle goes with a file or an address');
  }
}

/** Checks one file while it grows, and tells at the end what it has become. */
async function follow(file: string, options: VerifyOptions, basis: Basis, context: Context): Promise<number> {
  const { idle, progress } = options;
  const { allow, demands, seen } = basis;
  const known = seen === undefined ? demands : { ...demands, seen: seen.known };
  const settings = { progress, demands: known, seen, ...(idle === undefined ? {} : { idleSeconds: idle }) };
  const report = await followFile(file, settings, context);
  if (report.bytes === 0) {
    await printWarning(context, 'H4_NO_RECORDS', `${inputName(file)} is empty: nothing has been recorded yet`);
    return EXIT.loss;
  }
  const exitCode = exitCodeUnder(allow, report);
  const checked = { exitCode, report: { ...report, exit_code: exitCode } };
  if (seen !== undefined) rememberChecked(seen, checked);
  await seen?.save();
  await createTeller()(() => print({ file, name: resultName(file) }, false, checked, basis, context));
  return checked.exitCode;
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
  { demands }: Basis,
  context: Context,
): Promise<void> {
  const { report, records, failure, exitCode } = checked;
  const { out, json } = context;
  const name = inputName(target.file);
  if (json && exitCode !== EXIT.usage) {
    const states = records === undefined ? {} : { record_counts: records.counts, record_states: records.listed };
    await out.json({ file: target.name, ...report, exit_code: exitCode, ...states });
  } else if (failure === undefined) {
    await (isOneOfMany ? printShortReport : printReport)(context, name, report, records, demands.trust);
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
