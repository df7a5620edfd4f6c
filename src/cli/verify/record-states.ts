/** The state of every single record, for `verify --records`: from the report, and a walk that says where each record lies. */
import { endOf } from '../../container/format/chunk.js';
import type { ByteSource } from '../../container/io/io.js';
import { DEFAULT_LIMITS } from '../../container/format/limits.js';
import type { VerificationReport } from '../../container/check/verify.js';
import type { Tokn } from '../../container/format/tokn.js';
import { toHex, utf8Encode } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { createSha256 } from '../../utils/sha256.js';
import { FileWalker, type WalkedRecord, isFileFault } from '../walk.js';

export type RecordState = 'verified' | 'redacted' | 'tampered' | 'pending';

export interface RecordVerdict {
  readonly seq: number;
  readonly track: number;
  readonly offset: number;
  readonly status: RecordState;
  /** Codes of the errors that concern it. */
  readonly codes: readonly string[];
}

export interface RecordStates {
  readonly counts: Readonly<Record<RecordState, number>>;
  /** The first ones, up to the limit of a report; beyond that they are only counted. */
  readonly listed: readonly RecordVerdict[];
}

/**
 * What records a reading has met, and whether their content was there. The states of records are told from a second reading, of a
 * file or a server that may show something else then: where a sound file does not show the same records, nothing is told.
 */
export class RecordTrace {
  readonly #hash = createSha256();

  admit({ seq, track }: Tokn, offset: number, isRedacted: boolean): void {
    this.#hash.update(utf8Encode(`${seq} ${track} ${offset} ${isRedacted}\n`));
  }

  digest(): string {
    return toHex(this.#hash.copy().digest());
  }
}

/**
 * Assigns the errors of `report` to the records in `source`, as far as these can be read. `checked` is what the check has met;
 * H4_IO if a sound file shows other records now.
 */
export async function recordStates(
  source: ByteSource,
  report: VerificationReport,
  checked: RecordTrace,
  signal: AbortSignal,
): Promise<RecordStates> {
  const counts = { verified: 0, redacted: 0, tampered: 0, pending: 0 };
  const listed: RecordVerdict[] = [];
  const judge = createJudge(report);
  const trace = new RecordTrace();
  try {
    for await (const { record } of new FileWalker(source, { signal }).records()) {
      if (record === undefined) continue;
      trace.admit(record.tokn, record.offset, record.payload.tag === 'VOID');
      const verdict = judge(record);
      counts[verdict.status]++;
      if (listed.length < DEFAULT_LIMITS.maxReport) listed.push(verdict);
    }
  } catch (error) {
    // The report has it already: what ends the walk ends the check.
    if (!isFileFault(error)) throw error;
  }
  if (report.state !== 'NOT_OK' && trace.digest() !== checked.digest()) {
    throw new H4Error('H4_IO', 'The file changed while it was checked: it shows other records than a moment ago');
  }
  return { counts, listed };
}

function createJudge(report: VerificationReport): (record: WalkedRecord) => RecordVerdict {
  const errors = [...report.errors].sort((a, b) => a.offset - b.offset);
  // Where nothing is signed there is nothing to wait for: `verified` says then that a record is as it was written.
  const signedSize = report.signed_size > 0 ? report.signed_size : Infinity;
  let next = 0;
  return ({ tokn, offset, payload }) => {
    while ((errors[next]?.offset ?? Infinity) < offset) next++;
    const codes: string[] = [];
    for (; (errors[next]?.offset ?? Infinity) < endOf(payload); next++) codes.push(errors[next]?.code ?? '');
    return { seq: tokn.seq, track: tokn.track, offset, status: statusOf(), codes };

    function statusOf(): RecordState {
      // A key that does not fit says nothing about the record on which it was tried.
      if (codes.some((code) => code !== 'H4_KEY_WRONG')) return 'tampered';
      if (payload.tag === 'VOID') return 'redacted';
      return tokn.seq >= signedSize ? 'pending' : 'verified';
    }
  };
}
