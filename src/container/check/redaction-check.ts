/**
 * Which records were redacted, and what believed statements say of that (spec/h4mk.md section 10). Anybody can redact, also after
 * somebody has stated why other records were: so each record is asked for, and not only whether there is a statement.
 */
import type { Limits } from '../format/limits.js';
import type { Tokn } from '../format/tokn.js';
import { extentOf } from './gap-check.js';
import { RecordSet } from './record-set.js';

/** A record whose content was removed, and when that was shown, in units of the timebase. */
export interface RedactedRecord {
  readonly seq: number;
  readonly track: number;
  readonly from_pts: number;
  readonly to_pts: number;
}

/** Lists are up to the limit of a report. */
export interface Redactions {
  readonly redacted_records: readonly RedactedRecord[];
  /** Redacted, and no believed statement of this file says so. */
  readonly unexplained: readonly number[];
  readonly unexplained_count: number;
  /** A believed statement says that they were redacted, and they are in the file. */
  readonly still_there: readonly number[];
  readonly still_there_count: number;
}

export const NO_REDACTIONS: Redactions = {
  redacted_records: [],
  unexplained: [],
  unexplained_count: 0,
  still_there: [],
  still_there_count: 0,
};

export class RedactionCheck {
  readonly #maxListed: number;
  readonly #listed: RedactedRecord[] = [];
  readonly #redacted: RecordSet;
  readonly #kept: RecordSet;
  readonly #stated: RecordSet;
  readonly #maxRecords: number;
  /** Redacted records of a slice whose numbers are beyond what a reader takes: nothing is held against them. */
  #beyond = 0;

  constructor({ maxReport, maxRecords }: Limits) {
    this.#maxListed = maxReport;
    this.#maxRecords = maxRecords;
    this.#redacted = new RecordSet(maxRecords);
    this.#kept = new RecordSet(maxRecords);
    this.#stated = new RecordSet(maxRecords);
  }

  admit(tokn: Tokn, isRedacted: boolean): void {
    const { seq, track } = tokn;
    if (isRedacted && seq >= this.#maxRecords) this.#beyond++;
    (isRedacted ? this.#redacted : this.#kept).add(seq);
    if (!isRedacted || this.#listed.length >= this.#maxListed) return;
    const { from, to } = extentOf(tokn);
    this.#listed.push({ seq, track, from_pts: from, to_pts: to });
  }

  /** A believed statement says that these were redacted in this recording. It may come before the records or after them. */
  state(records: readonly number[]): void {
    for (const seq of records) this.#stated.add(seq);
  }

  get result(): Redactions {
    const unexplained = this.#those(this.#redacted, (seq) => !this.#stated.has(seq));
    const stillThere = this.#those(this.#stated, (seq) => this.#kept.has(seq));
    return {
      redacted_records: this.#listed,
      unexplained: unexplained.listed,
      unexplained_count: unexplained.count + this.#beyond,
      still_there: stillThere.listed,
      still_there_count: stillThere.count,
    };
  }

  #those(records: RecordSet, wanted: (seq: number) => boolean): { readonly listed: number[]; readonly count: number } {
    const listed: number[] = [];
    let count = 0;
    for (const seq of records) {
      if (!wanted(seq)) continue;
      count++;
      if (listed.length < this.#maxListed) listed.push(seq);
    }
    return { listed, count };
  }
}
