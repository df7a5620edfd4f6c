/** What a check says about a file: its state, what that rests on, and every finding (spec/h4mk.md section 16). */
import { toHex } from '../utils/bytes.js';
import { type Finding, type Findings, isLoss } from './findings.js';
import type { CheckResult } from './format-check.js';
import type { SignatureInfo } from './sign-check.js';

/** Result states, the first that applies (section 16). */
export type VerificationState =
  | 'NOT_OK'
  | 'NOT_SIGNED'
  | 'SIGNED_UNTRUSTED_KEY'
  | 'OK_SLICE'
  | 'OK_PENDING'
  | 'OK_PREFIX'
  | 'OK_WITH_REDACTIONS'
  | 'OK';

/** The outcome of a check: the same object as JSON on the command line, over HTTP and in the browser. */
export interface VerificationReport {
  readonly format: 'H4MK v1 final' | 'H4MK v1 live' | 'H4MK v1 slice' | 'H4MK v1 legacy' | 'unknown';
  readonly state: VerificationState;
  /** Whether anything about origin is proven; false without configured keys. */
  readonly proven: boolean;
  readonly exit_code: 0 | 1 | 3 | 4;
  readonly root: string | null;
  readonly file_id: string | null;
  /** Records in the file, and in the tree: a slice holds fewer than its tree. */
  readonly records: number;
  readonly tree_size: number;
  readonly redacted: number;
  readonly bytes: number;
  /** Well-formed checkpoints, up to the limit of a report, and the number of all SIGN chunks. */
  readonly signatures: readonly SignatureInfo[];
  readonly signature_count: number;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** All findings, those beyond the listed ones included. */
  readonly error_count: number;
  readonly warning_count: number;
}

/** The report for `bytes` bytes that were looked at; `result` is undefined where nothing of the file could be read. */
export const createReport = (
  result: CheckResult | undefined,
  findings: Findings,
  bytes: number,
): VerificationReport => {
  const state = stateOf(result, findings);
  return {
    format: result === undefined ? 'unknown' : `H4MK v1 ${result.format}`,
    state,
    proven: false,
    exit_code: exitOf(result, findings),
    root: result?.root === undefined ? null : toHex(result.root),
    file_id: result?.fileId === undefined ? null : toHex(result.fileId),
    records: result?.records ?? 0,
    tree_size: result?.treeSize ?? 0,
    redacted: result?.redacted ?? 0,
    bytes,
    signatures: result?.signatures ?? [],
    signature_count: result?.signatureCount ?? 0,
    errors: findings.errors,
    warnings: findings.warnings,
    error_count: findings.errorCount,
    warning_count: findings.warningCount,
  };
};

const stateOf = (result: CheckResult | undefined, findings: Findings): VerificationState => {
  if (result === undefined || findings.errorCount > 0) return 'NOT_OK';
  return result.signatureCount > 0 ? 'SIGNED_UNTRUSTED_KEY' : 'NOT_SIGNED';
};

/** 0 for a sound and whole file, 3 for one that is sound as far as it goes, 1 for a broken one. */
const exitOf = (result: CheckResult | undefined, findings: Findings): 0 | 1 | 3 => {
  if (result === undefined || findings.errorCount > 0) return 1;
  const isWhole = result.format === 'final' || result.format === 'legacy';
  return isWhole && result.redacted === 0 && !findings.warnings.some(isLoss) ? 0 : 3;
};
