/** A verification report in plain words: the verdict first, then what it rests on, every finding, and what to do next. */
import type { Finding } from '../../container/check/findings.js';
import type { TrustPolicy } from '../../container/trust/trust.js';
import type { VerificationReport } from '../../container/check/verify.js';
import { type Circumstances, meaningOf, nextStepFor } from '../advice.js';
import { formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import type { Colour } from '../paint.js';
import type { Printer } from '../render.js';
import { type Column, formatRow, titlesOf } from '../table.js';
import { counted, printable } from '../text.js';
import type { RecordStates } from './record-states.js';
import { evidenceFields, unprovenLine } from './evidence-view.js';
import { gapFields, removalFields } from './record-words.js';
import { signingFaultOf } from './shortfall.js';
import { type Gravity, gravityOf, isKeyWrong, stateLine, verdictLine } from './verdict.js';

const COLOURS: Readonly<Record<Gravity, Colour>> = { sound: 'green', loss: 'yellow', untrusted: 'red', broken: 'red' };
/** More findings than this are counted in text; JSON has them up to the limit of a report. */
const MAX_SHOWN = 20;

/** Everything about one file. `trust` is whom the check believed. */
export async function printReport(
  context: Context,
  name: string,
  report: VerificationReport,
  records: RecordStates | undefined,
  trust: TrustPolicy | undefined,
): Promise<void> {
  const { out } = context;
  await printVerdict(out, '', report);
  await out.field('file', name);
  await out.field('format', report.format);
  await out.field('state', stateLine(report));
  await out.field('size', formatExactBytes(report.bytes));
  await out.field('records', describeRecords(report));
  const fields = [...evidenceFields(report, trust), ...removalFields(report), ...gapFields(report)];
  for (const { label, value } of fields) await out.field(label, value);
  if (report.root !== null) await out.field('root', report.root);
  if (report.file_id !== null) await out.field('file_id', report.file_id);
  await printDetails(context, report, records);
  if (gravityOf(report) === 'broken' || isKeyWrong(report)) return;
  await out.line();
  if (isUnproven(report)) await printReservation(out, isUnhashed(report));
  else await out.paragraph(unprovenLine(report), { indent: 2 });
}

/** One of several files: a line, and more only if there is something to explain. */
export async function printShortReport(
  context: Context,
  name: string,
  report: VerificationReport,
  records: RecordStates | undefined,
): Promise<void> {
  const { out } = context;
  await printVerdict(out, `${name}: `, report);
  const fields = [...removalFields(report), ...gapFields(report)];
  for (const { value } of fields) await out.paragraph(value, { indent: 2 });
  await printDetails(context, report, records);
  if (report.errors.length + report.warnings.length > 0 || records !== undefined) await out.line();
}

/** Whether a report says that all is well, and that this proves nothing about people. */
export function isUnproven(report: VerificationReport): boolean {
  return gravityOf(report) !== 'broken' && !report.proven && !isKeyWrong(report);
}

/** Whether nothing in the file tells if parts of it are gone: a legacy file without VERI. */
export function isUnhashed({ warnings }: VerificationReport): boolean {
  return warnings.some(({ code }) => code === 'H4_VERI_MISSING');
}

const AGREES = 'Every hash, index and sum in it was computed again and agrees: no accident has changed what is there.';
const UNHASHED =
  'Every checksum in it was computed again and agrees: no accident has changed a part that is there. Nothing tells whether ' +
  'parts are gone: a file of the older form without VERI has no hash of the whole.';
const RESERVATION =
  'Whoever can write the file can also make all of that agree: only a signature, checked with a key you trust, proves ' +
  'where it comes from.';

/** What a sound file without a trusted signature means. */
export async function printReservation(out: Printer, unhashed: boolean): Promise<void> {
  await out.paragraph(`${unhashed ? UNHASHED : AGREES} ${RESERVATION}`, { indent: 2 });
}

/** One line, however long it is. */
async function printVerdict(out: Printer, prefix: string, report: VerificationReport): Promise<void> {
  await out.line(prefix + out.paint(COLOURS[gravityOf(report)], verdictLine(report)));
}

async function printDetails(
  { out, io }: Context,
  report: VerificationReport,
  records: RecordStates | undefined,
): Promise<void> {
  await printFindings(out, 'error', report.errors, report.error_count);
  await printFindings(out, 'warning', report.warnings, report.warning_count);
  if (records !== undefined) await printRecords(out, records);
  const findings = [...report.errors, ...report.warnings];
  const steps = new Set(
    findings.flatMap(({ code, offset }) => nextStepFor(code, io.command, circumstancesOf(report, offset)) ?? []),
  );
  if (steps.size > 0) await out.line();
  for (const step of steps) await out.paragraph(step, { indent: 2 });
}

/** A file whose form is final has its last TAIL before any chunk that is cut off: what follows is no part of it. */
export function circumstancesOf(report: VerificationReport, offset: number): Circumstances {
  const { format, bytes } = report;
  const fault = signingFaultOf(report);
  return {
    ...(fault === undefined ? {} : { signing: fault.kind }),
    isLegacy: format === 'H4MK v1 legacy',
    ...(format === 'H4MK v1 final' ? { stray: { offset, bytes: bytes - offset } } : {}),
  };
}

function describeRecords({ records, tree_size, redacted }: VerificationReport): string {
  const of = tree_size > records ? ` of ${tree_size}` : '';
  return `${records}${of}${redacted > 0 ? `, ${redacted} of them redacted` : ''}`;
}

async function printFindings(
  out: Printer,
  kind: 'error' | 'warning',
  findings: readonly Finding[],
  count: number,
): Promise<void> {
  if (findings.length === 0) return;
  await out.line();
  const explained = new Set<string>();
  for (const { code, offset, message } of findings.slice(0, MAX_SHOWN)) {
    const label = out.paint(kind === 'error' ? 'red' : 'yellow', `${kind} ${code}`);
    await out.line(`  ${label} at offset ${offset}`);
    await out.paragraph(printable(message), { indent: 4 });
    if (!explained.has(code)) await out.paragraph(meaningOf(code), { indent: 4, colour: 'dim' });
    explained.add(code);
  }
  if (count > MAX_SHOWN) await out.line(`  and ${counted(count - MAX_SHOWN, `more ${kind}`)}; --json lists them`);
}

const RECORD_COLUMNS: readonly Column[] = [
  { title: 'record', align: 'right', width: 8 },
  { title: 'track', align: 'right', width: 5 },
  { title: 'offset', align: 'right', width: 12 },
  { title: 'status', width: 8 },
  { title: 'errors' },
];

async function printRecords(out: Printer, { counts, listed }: RecordStates): Promise<void> {
  await out.line();
  await out.line(out.paint('dim', formatRow(RECORD_COLUMNS, titlesOf(RECORD_COLUMNS))));
  for (const { seq, track, offset, status, codes } of listed) {
    const cells = [String(seq), track === 0xffff ? '-' : String(track), String(offset), status, codes.join(' ')];
    await out.line(formatRow(RECORD_COLUMNS, cells));
  }
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const states = Object.entries(counts).filter(([, count]) => count > 0);
  const more = total > listed.length ? ` (the first ${listed.length} are listed)` : '';
  await out.line(`  ${states.map(([state, count]) => `${count} ${state}`).join(', ') || 'no records'}${more}`);
}
