/**
 * The long fuzz run: `npm run fuzz -- --seconds 3600 --seed 1`. Case N of a seed can be run alone (`--case N`), one target alone
 * (`--target NAME`, repeatable), and more files may be thrown in (`--corpus DIR`, repeatable). `--json` prints the summary as one
 * object. What breaks an invariant is written to `--output` (default: a folder of the system's temporary one), with the seed,
 * the case and a smaller file that does the same. Exit code 1 if there was any.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ChildOrders, runOrders } from '../tests/fuzz/child.js';
import { TARGETS } from '../tests/fuzz/run.js';
import { type FuzzSummary, Supervisor } from '../tests/fuzz/supervise.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    cases: { type: 'string' },
    seed: { type: 'string', default: '1' },
    case: { type: 'string' },
    from: { type: 'string', default: '0' },
    target: { type: 'string', multiple: true, default: [] },
    corpus: { type: 'string', multiple: true, default: [] },
    output: { type: 'string', default: join(tmpdir(), 'harmony4-fuzz') },
    json: { type: 'boolean', default: false },
    child: { type: 'string' },
  },
});

const wholeNumber = (name: string, text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`--${name} takes a whole number, not ${text}`);
  return value;
};

const render = ({ findings, ...summary }: FuzzSummary): string =>
  [
    `${summary.cases} cases of seed ${summary.seed} in ${summary.seconds} s, ${summary.cases_per_second} per second; next case ${summary.next_case}`,
    `targets: ${JSON.stringify(summary.targets)}`,
    `full checks: ${JSON.stringify(summary.states)}`,
    `codes not met: ${summary.codes_not_met.join(' ')}`,
    `largest allocation ${summary.largest_allocation} bytes, resident at most ${summary.peak_rss_mib} MiB`,
    findings.length === 0 ? 'no findings' : `${findings.length} kinds of findings:`,
    ...findings.map(({ target, rule, times, seed, case: number, path }) => {
      return `  ${target}: ${rule}, ${times} times, first in case ${number} of seed ${seed}, ${path ?? ''}`;
    }),
  ].join('\n');

if (values.child === undefined) {
  const unknown = values.target.filter((name) => !TARGETS.some((target) => target.name === name));
  if (unknown.length > 0) {
    throw new RangeError(`There is no target ${unknown.join()}: ${TARGETS.map(({ name }) => name).join(', ')}`);
  }
  const single = values.case === undefined ? undefined : wholeNumber('case', values.case);
  const cases = values.cases === undefined ? Number.MAX_SAFE_INTEGER / 2 : wholeNumber('cases', values.cases);
  const supervisor = new Supervisor(
    {
      seed: wholeNumber('seed', values.seed),
      from: single ?? wholeNumber('from', values.from),
      cases: single === undefined ? cases : 1,
      seconds: wholeNumber('seconds', values.seconds),
      targets: values.target,
      folders: values.corpus,
      output: values.output,
      program: fileURLToPath(import.meta.url),
      keepPerRule: 3,
    },
    (line) => console.error(line),
  );
  const summary = await supervisor.run();
  console.log(values.json ? JSON.stringify(summary) : render(summary));
  process.exitCode = summary.findings.length === 0 ? 0 : 1;
} else {
  const orders = JSON.parse(values.child) as ChildOrders;
  await runOrders(orders, (message) => process.send?.(message));
  process.disconnect();
}
