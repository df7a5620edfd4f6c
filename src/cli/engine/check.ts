/** `harmony4 engine check`: certifies a core against the binary interface, for its authors. */
import { basename } from 'node:path';
import { checkCore, type CoreReport } from '../../compression/node/check/check-core.js';
import { formatReport } from '../../compression/node/check/markdown.js';
import type { RequirementId } from '../../compression/node/check/requirement.js';
import { H4Error } from '../../utils/error.js';
import { utf8Encode } from '../../utils/bytes.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit.js';
import { STDIN, assertLocal } from '../input.js';
import { STDOUT, isSameFile, writeOutput } from '../output.js';
import { printable, shortened } from '../text.js';
import { type AddVerb, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';
import { VERSION } from '../version.js';
import { jsonOfCheck, printCheck } from './check-view.js';

export interface CheckVerbOptions {
  readonly against?: string;
  readonly corpus?: string;
  readonly quick?: boolean;
  readonly report?: string;
  readonly equivalents?: string;
  readonly reproducers?: string;
  readonly force?: boolean;
  readonly progress: boolean;
}

const ERASE_LINE = '\r\x1b[K';

export const addCheck: AddVerb = (program, context, done) => {
  program
    .command('check')
    .summary('certify a core')
    .description(
      'Tries the core LIB against every requirement of the binary interface, and says PASS, FAIL or SKIP with the figures that ' +
        'this rests on. Every trial runs in a process of its own: a core that crashes or hangs is a FAIL, and names the ' +
        'input. Takes about a minute. A check is for the authors of a core; it pins nothing and changes nothing here.',
    )
    .argument('<LIB>', 'the core: a shared library or a WebAssembly module')
    .option('--against <OTHER>', 'another build of the core: it has to give the same bytes')
    .option('--corpus <DIR>', 'try the files in DIR, too')
    .option('--quick', 'far fewer trials: shows that everything runs, and certifies nothing')
    .option('--report <OUT.md>', 'write the report as Markdown')
    .option('--equivalents <OUT.txt>', 'with --against: write the line that declares both builds equivalent')
    .option('--reproducers <DIR>', 'save inputs at which the core fails')
    .option('-f, --force', 'overwrite what --report and --equivalents name')
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'engine check geo.wasm --quick --corpus archive --report check.md',
        'engine check geo.wasm --quick --against same.wasm --json',
        'engine check missing.so   # exits 4',
      ])}

Exit codes: 0 all that was tried passed, 1 something failed, 4 no such core.`,
    )
    .action(async (lib: string, options: CheckVerbOptions) => done(await check(lib, options, context)));
};

/** Prints the report of a check. Resolves to 0 if nothing failed, else to 1. */
export async function check(lib: string, options: CheckVerbOptions, context: Context): Promise<number> {
  await assertOptions(lib, options);
  const progress = new CheckProgress(context, options.progress);
  const { against, corpus, reproducers, quick = false } = options;
  const temporaryFolder = context.io.env['HARMONY4_CORE_TMP'];
  const report = await checkCore(lib, {
    ...(against === undefined ? {} : { against }),
    ...(corpus === undefined ? {} : { corpus }),
    ...(reproducers === undefined ? {} : { reproducers }),
    ...(temporaryFolder === undefined || temporaryFolder === '' ? {} : { temporaryFolder }),
    quick,
    environment: context.io.env,
    signal: context.io.signal,
    onProgress: (requirement, done, total) => progress.show(requirement, done, total),
  }).finally(() => progress.clear());
  const lines = equivalentLines(report);
  await writeDocuments(lib, report, lines, options, context);
  if (context.json) await context.out.json(jsonOfCheck(lib, report, lines));
  else await printCheck(lib, report, lines, context.out);
  return report.passed ? EXIT.done : EXIT.failed;
}

async function assertOptions(lib: string, options: CheckVerbOptions): Promise<void> {
  const { against, report, equivalents } = options;
  assertLocal(lib);
  if (lib === STDIN || against === STDIN) {
    throw new H4Error('H4_PARAM', 'Cannot check standard input: a core is loaded more than once; name its file');
  }
  if (equivalents !== undefined && against === undefined) {
    throw new H4Error(
      'H4_PARAM',
      'Cannot use --equivalents without --against: builds are compared before they are equivalent',
    );
  }
  if (report !== undefined && report === equivalents) {
    throw new H4Error('H4_PARAM', 'Cannot write report and equivalents to one file: name two');
  }
  for (const output of [report, equivalents]) {
    if (output === STDOUT) throw new H4Error('H4_PARAM', 'The results are on standard output already; name a file');
    for (const input of [lib, against]) {
      if (output !== undefined && input !== undefined && (await isSameFile(output, input))) {
        throw new H4Error('H4_PARAM', `Cannot write ${printable(output)}: it is the core that is checked`);
      }
    }
  }
}

/** What an operator may list: nothing, unless every trial has passed and both gave the same bytes. */
function equivalentLines({ passed, engine_id, fingerprint, other, requirements, quick }: CoreReport): string[] {
  const agreement = requirements.find(({ id, verdict }) => id === 'agreement' && verdict === 'pass');
  if (!passed || agreement === undefined || engine_id === null || other?.engine_id == null) return [];
  if (fingerprint === other.fingerprint && engine_id === other.engine_id) return [];
  const note = quick ? '# by a quick check, which is no certification\n' : '';
  const blocks = String(agreement.evidence['blocks']);
  const extent = `# agreed on ${blocks} blocks; a difference in rarer blocks is not excluded\n`;
  return [`${note}${extent}${engine_id} ${fingerprint} = ${other.engine_id} ${other.fingerprint}`];
}

async function writeDocuments(
  lib: string,
  report: CoreReport,
  lines: readonly string[],
  options: CheckVerbOptions,
  context: Context,
): Promise<void> {
  const utcMicros = context.io.utcMicros?.();
  if (options.report !== undefined) {
    const facts = { file: basename(lib), version: VERSION, ...(utcMicros === undefined ? {} : { utcMicros }) };
    await writeText(options.report, formatReport(report, facts), options, context);
  }
  if (options.equivalents !== undefined && lines.length > 0) {
    await writeText(options.equivalents, `${lines.join('\n')}\n`, options, context);
  }
}

async function writeText(
  file: string,
  text: string,
  { force = false }: CheckVerbOptions,
  context: Context,
): Promise<void> {
  // Compared with all inputs before.
  await writeOutput(file, { force, input: STDIN, hashing: false }, context, async (sink) => {
    await sink.write(utf8Encode(text));
    await sink.commit();
  });
}

/** What is being tried, on a terminal. */
class CheckProgress {
  readonly #context: Context;
  readonly #isShown: boolean;

  constructor(context: Context, enabled: boolean) {
    this.#context = context;
    this.#isShown = enabled && context.err.isTerminal && !context.json;
  }

  show(requirement: RequirementId, done: number, total: number): void {
    if (!this.#isShown) return;
    const { err } = this.#context;
    err.raw(ERASE_LINE + shortened(`checking ${requirement} (${done + 1} of ${total})`, err.columns - 1));
  }

  clear(): void {
    if (this.#isShown) this.#context.err.raw(ERASE_LINE);
  }
}
