/** What `engine check` says. */
import { resolve } from 'node:path';
import type { CoreReport } from '../../compression/node/check/check-core.js';
import { describeEvidence, percent } from '../../compression/node/check/markdown.js';
import { sealingLines } from '../../compression/node/check/next-step.js';
import type { Figure, RequirementResult, Verdict } from '../../compression/node/check/requirement.js';
import { formatBytes } from '../byte-counts.js';
import type { Colour } from '../paint.js';
import type { Printer } from '../render.js';
import { formatTable } from '../table.js';
import { printable } from '../text.js';

const LOOKS: Readonly<Record<Verdict, readonly [word: string, colour: Colour]>> = {
  pass: ['PASS', 'green'],
  fail: ['FAIL', 'red'],
  skip: ['SKIP', 'yellow'],
};

export function jsonOfCheck(lib: string, report: CoreReport, equivalents: readonly string[]): Record<string, unknown> {
  return { file: lib, ...report, equivalents: equivalents.flatMap((lines) => lines.split('\n')) };
}

export async function printCheck(
  lib: string,
  report: CoreReport,
  equivalents: readonly string[],
  out: Printer,
): Promise<void> {
  const { passed, quick, engine_id, fingerprint, bytes, kind, abi, requirements, figures } = report;
  await out.line(out.paint('bold', printable(lib)));
  await out.field('engine_id', engine_id === null ? 'unknown: it could not be loaded' : printable(engine_id));
  await out.field('fingerprint', fingerprint);
  await out.field('core', `${kind}, ${formatBytes(bytes)}${abi === null ? '' : `, interface version ${abi.slice(1)}`}`);
  await out.line();
  for (const requirement of requirements) await printRequirement(requirement, out);
  if (figures.length > 0) {
    await out.line();
    for (const line of figureTable(figures)) await out.line(line);
    await out.line(
      'x: how many times as fast as the reference engine on the same block; nothing is demanded of these figures',
    );
  }
  await out.line();
  for (const line of equivalents) await out.line(line);
  await printNextStep(lib, report, out);
  const failures = requirements.filter(({ verdict }) => verdict === 'fail').length;
  const verdict = passed ? 'PASS' : `FAIL: ${failures} of ${requirements.length} requirements`;
  const note = quick ? '; a quick check is not a certification' : '';
  await out.line(out.paint(passed ? 'green' : 'red', verdict) + note);
}

/** With the whole path: what is exported is used in other folders. */
async function printNextStep(lib: string, report: CoreReport, out: Printer): Promise<void> {
  const lines = sealingLines(report, resolve(lib));
  if (lines.length === 0) return;
  await out.line('Next step: to run this core sealed, as these bytes or not at all');
  for (const line of lines) await out.line(`  ${printable(line)}`);
  await out.line();
}

async function printRequirement(
  { id, title, verdict, reason, evidence, call }: RequirementResult,
  out: Printer,
): Promise<void> {
  const [word, colour] = LOOKS[verdict];
  await out.line(`${out.paint(colour, word)}  ${id}: ${title}`);
  if (reason !== undefined) await out.paragraph(printable(reason), { indent: 6 });
  const facts = describeEvidence(evidence);
  if (facts !== '') await out.paragraph(printable(facts), { indent: 6, colour: 'dim' });
  if (call === undefined) return;
  const { operation, bytes, sha256, raw_length, saved } = call;
  const wanted = raw_length === null ? '' : ` to ${formatBytes(raw_length)}`;
  const where = saved === undefined ? '' : `, saved as ${printable(saved)}`;
  await out.paragraph(`input: ${formatBytes(bytes)}, SHA-256 ${sha256}, to ${operation}${wanted}${where}`, {
    indent: 6,
  });
}

function figureTable(figures: readonly Figure[]): string[] {
  const titles = ['block', 'bytes', 'size', 'reference', 'compress MB/s', 'x', 'decompress MB/s', 'x'];
  const columns = titles.map((title, i) => ({ title, align: i === 0 ? ('left' as const) : ('right' as const) }));
  return formatTable(
    columns,
    figures.map((figure) => [
      printable(figure.name),
      String(figure.bytes),
      percent(figure.compressed_bytes, figure.bytes),
      percent(figure.reference_bytes, figure.bytes),
      String(figure.compress_mb_s),
      String(figure.compress_speedup),
      String(figure.decompress_mb_s),
      String(figure.decompress_speedup),
    ]),
  );
}
