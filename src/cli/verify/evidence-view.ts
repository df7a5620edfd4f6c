/**
 * The evidence in a report, for people: who signed what, who saw it when, who says what was removed, and what none of that
 * proves. The lines of the text output and the rows of the page have the same words.
 */
import type { TrustPolicy } from '../../container/trust/trust.js';
import type { VerificationReport } from '../../container/check/verify.js';
import { counted, printable } from '../text.js';
import { signingFaultOf } from './shortfall.js';
import { claimedSignersOf, configuredKeysOf, cosignersOf, formatMoment, listed, signersOf } from './signers.js';

export interface EvidenceField {
  readonly label: string;
  /** Printable. */
  readonly value: string;
}

/** What a report says of signatures and statements. `trust` is whom the check believed. */
export function evidenceFields(report: VerificationReport, trust: TrustPolicy | undefined): readonly EvidenceField[] {
  const field = (label: string, value: string | undefined): readonly EvidenceField[] =>
    value === undefined ? [] : [{ label, value }];
  const { checkpoint } = report;
  return [
    ...field('checkpoints', describeCheckpoints(report, trust)),
    ...(trust === undefined ? [] : believed(report, trust)),
    ...field('signed', checkpoint === null ? undefined : describeCoverage(report)),
    ...field('origin', checkpoint === null ? undefined : printable(checkpoint.origin)),
    ...cosignersOf(report).flatMap(({ name, time }) =>
      field('witness', `${printable(name)}, saw it by ${formatMoment(time)} as it says`),
    ),
    ...report.statements.flatMap((statement) => field('statement', describeStatement(statement, trust))),
  ];
}

function describeCheckpoints(
  { signature_count, signatures }: VerificationReport,
  trust: TrustPolicy | undefined,
): string {
  if (signature_count === 0) return 'none: it is not signed';
  if (trust === undefined) return `${signature_count}, of which none was checked: no key given`;
  const own = signatures.filter(({ verified }) => verified.length > 0).length;
  return `${signature_count}, of which ${own} signed by keys that you believe`;
}

/** Whose signature there is, and where that is not enough, whose was wanted. */
function believed(report: VerificationReport, trust: TrustPolicy): readonly EvidenceField[] {
  const signers = signersOf(report);
  if (report.checkpoint !== null) return [{ label: 'signed by', value: listed(signers) }];
  const claimed = claimedSignersOf(report);
  const fault = signingFaultOf(report);
  return [
    ...(claimed.length === 0 || fault !== undefined
      ? []
      : [{ label: 'in the name', value: `of ${listed(claimed)}; a name proves nothing` }]),
    ...(signers.length === 0 ? [] : [{ label: 'signed by', value: listed(signers) }]),
    ...(fault === undefined ? [] : [{ label: 'why not', value: fault.words }]),
    { label: 'you believe', value: listed(configuredKeysOf(trust)) },
  ];
}

function describeCoverage({ signed_size, tree_size, checkpoint, root }: VerificationReport): string {
  const rest = tree_size - signed_size;
  const scope = rest > 0 ? `the first ${signed_size} of ${tree_size} records` : `all ${counted(signed_size, 'record')}`;
  return checkpoint === null || checkpoint.root === root ? scope : `${scope}, root ${checkpoint.root}`;
}

type StatementInfo = VerificationReport['statements'][number];

export function describeStatement(statement: StatementInfo, trust: TrustPolicy | undefined): string {
  const { predicate_type: predicate, type, verified, reason, records, record_count: count, of_this_file } = statement;
  const what =
    records === undefined
      ? `of type ${printable(predicate === '' ? type : predicate)}${of_this_file ? '' : ', not about this recording'}`
      : `${counted(count ?? records.length, 'record')} removed${recordNumbers(records, count ?? records.length)}` +
        (reason === undefined ? ', no reason given' : `, because: ${printable(reason)}`);
  if (verified.length > 0) return `${what}; signed by ${listed(verified)}`;
  const why =
    (trust?.statementKeys ?? []).length === 0 ? 'no key for statements was given' : 'by no key that you believe';
  return `${what}; not proven who says so: ${why}`;
}

/** More numbers than this are counted. */
const MAX_NUMBERS = 12;

function recordNumbers(records: readonly number[], count: number): string {
  if (records.length === 0) return '';
  const shown = records.slice(0, MAX_NUMBERS);
  const more = count - shown.length;
  return ` (${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''})`;
}

/** What stays open about a proven file, in a sentence. */
export function unprovenLine(report: VerificationReport): string {
  const { checkpoint, redacted, state, tree_size } = report;
  const open = [
    'that what it shows happened',
    'when it was recorded',
    ...(cosignersOf(report).length === 0 ? ['when it was signed (no witness that you believe has seen it)'] : []),
    ...(redacted > 0 ? ['what was in the removed content'] : []),
    ...(state === 'OK_SLICE' ? ['what the records say that are not in it'] : []),
    ...(state === 'OK_PENDING' ? [`the records from ${checkpoint?.size ?? tree_size} on`] : []),
    ...(state === 'OK_PREFIX' || state === 'OK_PENDING' ? ['what comes after it'] : []),
  ];
  return `Not proven: ${open.join('; ')}.`;
}
