/**
 * From a verification report to a verdict: the exit code under the policy that was chosen before looking at the file, and
 * the one line that says it (h4mk.md 16).
 */
import { type Finding, isLoss } from '../../container/findings.js';
import type { VerificationReport, VerificationState } from '../../container/verify.js';
import { EXIT } from '../exit.js';
import { counted } from '../text.js';

/** What `--allow` can name: why a sound file is not all that was recorded. */
export const ALLOWANCES = ['slice', 'prefix', 'pending', 'redacted'] as const;
export type Allowance = (typeof ALLOWANCES)[number];

/** The same, and warnings that no allowance covers. */
export type Loss = Allowance | 'warnings';

/** Warnings that only say that the recording has no end: covered by `prefix`. */
const CUT_OFF: ReadonlySet<Finding['code']> = new Set(['H4_TRUNCATED', 'H4_TOKN_NO_PAYLOAD']);

export function lossesOf(report: VerificationReport): ReadonlySet<Loss> {
  const isLive = report.format === 'H4MK v1 live';
  const isOther = (warning: Finding): boolean => isLoss(warning) && !(isLive && CUT_OFF.has(warning.code));
  const losses: readonly (readonly [Loss, boolean])[] = [
    ['slice', report.format === 'H4MK v1 slice'],
    ['prefix', isLive],
    ['pending', report.state === 'OK_PENDING'],
    ['redacted', report.redacted > 0],
    ['warnings', report.warnings.some(isOther)],
  ];
  return new Set(losses.flatMap(([loss, applies]) => (applies ? [loss] : [])));
}

/** The exit code of a report if the losses in `allowed` are accepted. Errors are never accepted. */
export function exitCodeUnder(allowed: ReadonlySet<Allowance>, report: VerificationReport): 0 | 1 | 3 | 4 {
  if (report.exit_code !== EXIT.loss) return report.exit_code;
  const losses = [...lossesOf(report)];
  const isAllowed = losses.length > 0 && losses.every((loss) => loss !== 'warnings' && allowed.has(loss));
  return isAllowed ? EXIT.done : EXIT.loss;
}

export type Gravity = 'sound' | 'loss' | 'broken';

export function gravityOf(report: VerificationReport): Gravity {
  if (report.exit_code === EXIT.failed || report.exit_code === EXIT.io) return 'broken';
  return report.exit_code === EXIT.done ? 'sound' : 'loss';
}

/** The first line about a file. That nothing is proven without a key stands in it, so that nobody takes it for more. */
export function verdictLine(report: VerificationReport): string {
  const [first] = report.errors;
  if (gravityOf(report) === 'broken') {
    if (first === undefined) return `NOT OK: ${describeState(report.state)}`;
    const others = report.error_count - 1;
    const more = others > 0 ? ` and ${counted(others, 'more error')}` : '';
    return `NOT OK: ${first.code} at offset ${first.offset}${more}`;
  }
  const losses = [...lossesOf(report)].map((loss) => describeLoss(loss, report)).join(', ');
  if (report.proven) return `${describeState(report.state)}${losses === '' ? '' : ` (${losses})`}`;
  return `STRUCTURE OK${losses === '' ? '' : ` BUT ${losses.toUpperCase()}`}, NOTHING PROVEN: no key given`;
}

function describeLoss(loss: Loss, report: VerificationReport): string {
  switch (loss) {
    case 'slice':
      return 'only a slice';
    case 'prefix':
      return 'no end';
    case 'pending':
      return 'not all covered';
    case 'redacted':
      return `${counted(report.redacted, 'record')} redacted`;
    case 'warnings':
      return counted(report.warning_count, 'warning');
  }
}

/** A result state in words. */
export function describeState(state: VerificationState): string {
  switch (state) {
    case 'NOT_OK':
      return 'NOT_OK: a rule of the format is broken';
    case 'NOT_SIGNED':
      return 'NOT_SIGNED: sound, and without a signature';
    case 'SIGNED_UNTRUSTED_KEY':
      return 'SIGNED_UNTRUSTED_KEY: sound, and signed by nobody you have configured';
    case 'OK_SLICE':
      return 'OK_SLICE: every record shown is proven; nothing is said about the others';
    case 'OK_PENDING':
      return 'OK_PENDING: sound, but the newest records are not covered by a signature yet';
    case 'OK_PREFIX':
      return 'OK_PREFIX: all records are proven, and there is no end record: live, or cut off';
    case 'OK_WITH_REDACTIONS':
      return 'OK_WITH_REDACTIONS: complete and signed, with redacted records';
    case 'OK':
      return 'OK: complete and signed';
  }
}
