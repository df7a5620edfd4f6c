/**
 * From a verification report to a verdict: the exit code under the policy that was chosen before looking at the file, and
 * the one line that says it (h4mk.md 16).
 */
import { type Finding, isLoss } from '../../container/check/findings.js';
import { ACCEPTABLE, type Acceptable } from '../../container/trust/policy-file.js';
import type { VerificationReport, VerificationState } from '../../container/check/verify.js';
import { ERROR_CODES, type ErrorCode } from '../../utils/error-codes.js';
import { EXIT } from '../exit.js';
import { counted } from '../text.js';
import { recordsInWords } from './record-words.js';
import { type SigningFault, signingFaultOf } from './shortfall.js';
import { claimedSignersOf, listed, signersOf } from './signers.js';

/** What `--allow` can name: why a sound file is not all that was recorded. */
export const ALLOWANCES = ACCEPTABLE;
export type Allowance = Acceptable;

/** The same, and warnings that no allowance covers. */
export type Loss = Allowance | 'warnings';

/** Warnings that only say that the recording has no end: covered by `prefix`. */
const CUT_OFF: ReadonlySet<Finding['code']> = new Set(['H4_TRUNCATED', 'H4_TOKN_NO_PAYLOAD']);

export function lossesOf(report: VerificationReport): ReadonlySet<Loss> {
  const isLive = report.format === 'H4MK v1 live';
  const isOther = (warning: Finding): boolean => isLoss(warning) && !(isLive && CUT_OFF.has(warning.code));
  const losses: readonly (readonly [Loss, boolean])[] = [
    ['slice', report.format === 'H4MK v1 slice'],
    ['prefix', isLive || report.state === 'OK_PREFIX'],
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

/** `untrusted`: nothing is wrong with the file, but it is not proven to be what the keys or the policy ask for. */
export type Gravity = 'sound' | 'loss' | 'untrusted' | 'broken';

export function gravityOf(report: VerificationReport): Gravity {
  if (report.exit_code === EXIT.failed || report.exit_code === EXIT.io) {
    return isUntrusted(report) || isKeyWrong(report) ? 'untrusted' : 'broken';
  }
  return report.exit_code === EXIT.done ? 'sound' : 'loss';
}

function isUntrusted({ state, errors }: VerificationReport): boolean {
  return state !== 'NOT_OK' && errors.some(({ code }) => ERROR_CODES[code].kind === 'untrusted');
}

/** Whether nothing is wrong but the key of hidden blocks that was given: that is no fault of the file. */
export function isKeyWrong({ errors, error_count: count }: VerificationReport): boolean {
  return count === 1 && errors[0]?.code === 'H4_KEY_WRONG';
}

/** The first line about a file. That nothing is proven without a key stands in it, so that nobody takes it for more. */
export function verdictLine(report: VerificationReport): string {
  const gravity = gravityOf(report);
  if (isKeyWrong(report)) return keyWrongLine(report);
  if (gravity === 'untrusted') return untrustedLine(report);
  const [first] = report.errors;
  if (gravity === 'broken') {
    if (first === undefined) return `NOT OK: ${describeState(report.state)}`;
    return `NOT OK: ${first.code} at offset ${first.offset}${moreErrors(report)}`;
  }
  if (report.proven) return provenLine(report);
  const losses = [...lossesOf(report)].map((loss) => describeLoss(loss, report)).join(', ');
  return `STRUCTURE OK${losses === '' ? '' : ` BUT ${losses.toUpperCase()}`}, NOTHING PROVEN: no key given`;
}

function keyWrongLine(report: VerificationReport): string {
  return report.checkpoint === null
    ? 'THE CONTENT KEY DOES NOT FIT (H4_KEY_WRONG), NOTHING PROVEN: the structure is sound'
    : `THE CONTENT KEY DOES NOT FIT (H4_KEY_WRONG); the signature of ${listed(signersOf(report))} is good`;
}

function moreErrors({ error_count: count }: VerificationReport): string {
  return count > 1 ? ` and ${counted(count - 1, 'more error')}` : '';
}

const BY_FAULT: Readonly<Record<SigningFault['kind'], string>> = {
  time: 'SIGNED BY A KEY THAT IS NOT IN FORCE',
  keys: 'SIGNED BY TOO FEW KEYS',
  name: 'NOT SIGNED BY WHOM IT NAMES',
  witnesses: 'TOO FEW WITNESSES',
};

/** What is wrong with a sound file in the eyes of a policy; of other codes, what they mean. */
const UNTRUSTED: Readonly<Partial<Record<ErrorCode, (report: VerificationReport) => string>>> = {
  H4_SIGN_MISSING: () => 'NOT SIGNED, NOTHING PROVEN: the structure is sound, and there is no signature',
  H4_SIGN_UNTRUSTED: (report) => {
    const fault = signingFaultOf(report);
    return fault === undefined
      ? 'SIGNED BY NO TRUSTED KEY, NOTHING PROVEN: the structure is sound; the signatures are in the name of ' +
          listed(claimedSignersOf(report))
      : `${BY_FAULT[fault.kind]}, NOTHING PROVEN: ${fault.words}`;
  },
  H4_SIGN_QUORUM: (report) =>
    `${BY_FAULT.witnesses}, NOTHING PROVEN: ${signingFaultOf(report)?.words ?? `${signature(report)}, and not seen by as many witnesses as the policy wants`}`,
  H4_ROLLBACK: (report) => `OLDER THAN WHAT WAS SEEN BEFORE: ${signature(report)}, but more of it has been seen`,
  H4_EQUIVOCATION: (report) => `CONTRADICTS WHAT WAS SEEN BEFORE: ${signature(report)}, and so is something else`,
};

function untrustedLine(report: VerificationReport): string {
  const codes = report.errors.map(({ code }) => code);
  const code = codes.find((each) => ERROR_CODES[each].kind === 'untrusted') ?? 'H4_SIGN_UNTRUSTED';
  const words = UNTRUSTED[code]?.(report) ?? `NOT TRUSTED: ${signature(report)}; ${ERROR_CODES[code].meaning}`;
  return `${words} (${code}${moreErrors(report)})`;
}

const signature = (report: VerificationReport): string => `it is signed by ${listed(signersOf(report))}`;

/** Characters of a root that a person compares at a glance; the whole root stands below. */
const SHORT_ROOT = 8;

function provenLine(report: VerificationReport): string {
  const { records, tree_size: size, checkpoint, redacted, gap_count: gaps, state, warnings, warning_count } = report;
  const covered = checkpoint === null ? 0 : checkpoint.size;
  const shown = state === 'OK_PENDING' ? covered : records;
  const amount = `${shown} of ${size} records, root ${checkpoint?.root.slice(0, SHORT_ROOT) ?? ''}…`;
  const others = [
    // The state of a slice or of a prefix does not tell.
    ...(redacted > 0 && state !== 'OK_WITH_REDACTIONS' ? [`${counted(redacted, 'record')} redacted`] : []),
    ...(gaps > 0 ? [`${counted(gaps, 'stretch', 'stretches')} without content`] : []),
    ...(warnings.some(isLoss) ? [counted(warning_count, 'warning')] : []),
  ];
  const also = others.length === 0 ? '' : `, ${others.join(', ')}`;
  return `${provenWords(report, listed(signersOf(report)), covered)} (${amount}${also})`;
}

function provenWords({ state, records, redacted }: VerificationReport, signers: string, covered: number): string {
  switch (state) {
    case 'OK':
      return `OK: complete and signed by ${signers}`;
    case 'OK_WITH_REDACTIONS':
      return `OK WITH REDACTIONS: complete and signed by ${signers}, with the content of ${counted(redacted, 'record')} removed`;
    case 'OK_PREFIX':
      return `OK SO FAR: signed by ${signers}, and without an end`;
    case 'OK_PENDING':
      return `OK UP TO RECORD ${covered - 1}: signed by ${signers}; ${records - covered} newer not covered by a signature yet`;
    case 'OK_SLICE':
      return `OK, A SLICE: every record shown is signed by ${signers}; nothing is said about the others`;
    case 'NOT_OK':
    case 'NOT_SIGNED':
    case 'SIGNED_UNTRUSTED_KEY':
      // Nothing is proven in these states.
      return describeState(state);
  }
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

/** The state of a file in words: what is redacted is named (h4mk.md 10). */
export function stateLine(report: VerificationReport): string {
  const { state, redacted, redacted_records } = report;
  if (isKeyWrong(report)) return 'NOT_OK: what is masked or encrypted could not be opened with the key given';
  if (state !== 'OK_WITH_REDACTIONS') return describeState(state);
  const numbers = recordsInWords(
    redacted_records.map(({ seq }) => seq),
    redacted,
    { ...report, timebase: null },
  );
  return `${describeState(state)}${numbers === '' ? '' : ` ${numbers}`}`;
}

/** A result state in words. */
export function describeState(state: VerificationState): string {
  switch (state) {
    case 'NOT_OK':
      return 'NOT_OK: a rule of the format is broken';
    case 'NOT_SIGNED':
      return 'NOT_SIGNED: sound, and without a signature';
    case 'SIGNED_UNTRUSTED_KEY':
      return 'SIGNED_UNTRUSTED_KEY: sound and signed, but no signature counts by what you have configured';
    case 'OK_SLICE':
      return 'OK_SLICE: every record shown is proven; nothing is said about the others';
    case 'OK_PENDING':
      return 'OK_PENDING: sound, but the newest records are not covered by a signature yet';
    case 'OK_PREFIX':
      return 'OK_PREFIX: all records are proven, and there is no end record: live, or cut off';
    case 'OK_WITH_REDACTIONS':
      return 'OK_WITH_REDACTIONS: complete and signed, with redacted records';
    case 'OK':
      return 'OK: signed and complete, which is without a missing record';
  }
}
