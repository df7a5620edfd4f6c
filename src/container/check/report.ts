/** What a check says about a file: its state, what that rests on, and every finding (spec/h4mk.md section 16). */
import { toHex } from '../../utils/bytes.js';
import { type Finding, type Findings, isLoss } from './findings.js';
import type { CheckResult } from './format-check.js';
import type { Gap } from './gap-check.js';
import { policyFindings } from './policy-check.js';
import { NO_REDACTIONS, type RedactedRecord } from './redaction-check.js';
import type { SignatureInfo } from './sign-check.js';
import type { StatementInfo } from './statement-check.js';
import type { TrustPolicy } from '../trust/trust.js';

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

/** A trusted checkpoint as a report names it: what a follower remembers. */
export interface CheckpointInfo {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
}

/**
 * The outcome of a check: the same object as JSON on the command line, over HTTP and in the browser
 * (spec/report.schema.json).
 */
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
  /** Records that the newest trusted checkpoint covers: those from this number on are pending. 0 without one. */
  readonly signed_size: number;
  readonly redacted: number;
  /** The redacted records, those that no believed statement names, and those that one names although they are there. */
  readonly redacted_records: readonly RedactedRecord[];
  readonly unexplained: readonly number[];
  readonly unexplained_count: number;
  readonly still_there: readonly number[];
  readonly still_there_count: number;
  /** What PTS mean: seconds of a unit as a fraction, null where unknown, and the units added to every PTS. */
  readonly timebase: readonly [number, number] | null;
  readonly shift: number;
  /** Stretches of a second or more in which a track has no content, the first hundred of them. */
  readonly gaps: readonly Gap[];
  readonly gap_count: number;
  readonly bytes: number;
  /** The newest trusted checkpoint. */
  readonly checkpoint: CheckpointInfo | null;
  /** Well-formed checkpoints, up to the limit of a report, and the number of all SIGN chunks. */
  readonly signatures: readonly SignatureInfo[];
  readonly signature_count: number;
  /** What ATTS chunks state, the first hundred of them, and the number of all. */
  readonly statements: readonly StatementInfo[];
  readonly statement_count: number;
  /** Broken rules first, then what the policy asks for and the file does not have. */
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** All findings, those beyond the listed ones included. */
  readonly error_count: number;
  readonly warning_count: number;
}

/**
 * The report for `bytes` bytes that were looked at; `result` is undefined where nothing of the file could be read. Without
 * `trust` the structure is judged, and nothing is proven.
 */
export const createReport = (
  result: CheckResult | undefined,
  findings: Findings,
  bytes: number,
  trust?: TrustPolicy,
): VerificationReport => {
  const isSound = result !== undefined && findings.errorCount === 0;
  const lacking = policyFindings(result, isSound, trust);
  const state = isSound ? stateOf(result) : 'NOT_OK';
  const newest = result?.newest;
  return {
    format: result === undefined ? 'unknown' : `H4MK v1 ${result.format}`,
    state,
    proven: isSound && newest !== undefined,
    exit_code: !isSound || lacking.length > 0 ? 1 : lossesOf(result, state, findings) ? 3 : 0,
    root: result?.root === undefined ? null : toHex(result.root),
    file_id: result?.fileId === undefined ? null : toHex(result.fileId),
    records: result?.records ?? 0,
    tree_size: result?.treeSize ?? 0,
    signed_size: newest?.size ?? 0,
    redacted: result?.redacted ?? 0,
    ...(result?.redactions?.result ?? NO_REDACTIONS),
    timebase: result?.metas?.info?.timebase ?? null,
    shift: result?.metas?.info?.shift ?? 0,
    gaps: result?.gaps?.listed ?? [],
    gap_count: result?.gaps?.count ?? 0,
    bytes,
    checkpoint: newest === undefined ? null : { origin: newest.origin, size: newest.size, root: toHex(newest.root) },
    signatures: result?.signatures ?? [],
    signature_count: result?.signatureCount ?? 0,
    statements: result?.statements ?? [],
    statement_count: result?.statementCount ?? 0,
    errors: lacking.length === 0 ? findings.errors : [...findings.errors, ...lacking],
    warnings: findings.warnings,
    error_count: findings.errorCount + lacking.length,
    warning_count: findings.warningCount,
  };
};

/** The state of a file without a broken rule. */
const stateOf = ({ format, newest, signatureCount, treeSize, redacted, metas }: CheckResult): VerificationState => {
  if (newest === undefined) return signatureCount > 0 ? 'SIGNED_UNTRUSTED_KEY' : 'NOT_SIGNED';
  if (format === 'slice') return 'OK_SLICE';
  if (newest.size < treeSize) return 'OK_PENDING';
  // Only a signed end record proves that nothing is missing at the end; that there is a close is a hint.
  if (metas?.ended !== true) return 'OK_PREFIX';
  return redacted > 0 ? 'OK_WITH_REDACTIONS' : 'OK';
};

/** Whether a sound file is not all of a recording, as far as it goes, or has a warning that says so. */
const lossesOf = ({ format, redacted }: CheckResult, state: VerificationState, { warnings }: Findings): boolean => {
  const isWhole = format === 'final' || format === 'legacy';
  return !isWhole || redacted > 0 || PARTIAL.has(state) || warnings.some(isLoss);
};

const PARTIAL: ReadonlySet<VerificationState> = new Set(['OK_SLICE', 'OK_PENDING', 'OK_PREFIX', 'OK_WITH_REDACTIONS']);
