/** The sum of a check of many files, in memory that does not grow with their number. */
import { EXIT, worstOf } from '../exit.js';
import type { Checked } from './checker.js';
import { isUnhashed, isUnproven } from './report-view.js';
import { gravityOf, verdictLine } from './verdict.js';

export const STANDINGS = ['sound', 'loss', 'untrusted', 'broken', 'unreadable'] as const;
export type Standing = (typeof STANDINGS)[number];

export function standingOf({ report, failure }: Checked): Standing {
  return failure === undefined ? gravityOf(report) : 'unreadable';
}

/** More than these are only counted. */
const MAX_NAMED = 100;

export class Tally {
  readonly counts: Record<Standing, number> = { sound: 0, loss: 0, untrusted: 0, broken: 0, unreadable: 0 };
  readonly #byState = new Map<string, number>();
  readonly #named: Record<Standing, string[]> = { sound: [], loss: [], untrusted: [], broken: [], unreadable: [] };
  #proven = 0;
  #bytes = 0;
  #exitCode: number = EXIT.done;
  #hasUnproven = false;
  #hasUnhashed = false;

  /** `name` is printable. */
  add(name: string, checked: Checked): void {
    const { report, failure, exitCode } = checked;
    const standing = standingOf(checked);
    this.counts[standing]++;
    this.#bytes += report.bytes;
    // Nothing was found out about the state of what could not be read.
    if (failure === undefined) this.#byState.set(report.state, (this.#byState.get(report.state) ?? 0) + 1);
    if (report.proven && standing !== 'untrusted' && standing !== 'broken') this.#proven++;
    this.#hasUnproven ||= isUnproven(report);
    this.#hasUnhashed ||= isUnhashed(report);
    this.fail(exitCode);
    const named = this.#named[standing];
    if (standing === 'sound' || named.length >= MAX_NAMED) return;
    named.push(`${name}: ${failure === undefined ? verdictLine(report) : failure.code}`);
  }

  /** Counts something that concerns no file. */
  fail(exitCode: number): void {
    this.#exitCode = worstOf([this.#exitCode, exitCode]);
  }

  get files(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get exitCode(): number {
    return this.#exitCode;
  }

  /** Files of which at least a part is proven, and which did not fail. */
  get proven(): number {
    return this.#proven;
  }

  /** Whether something is sound that nobody is proven to have made. */
  get hasUnproven(): boolean {
    return this.#hasUnproven;
  }

  /** Whether one of the files has no hash of the whole. */
  get hasUnhashed(): boolean {
    return this.#hasUnhashed;
  }

  /** The first files of this standing, each with why. */
  named(standing: Standing): readonly string[] {
    return this.#named[standing];
  }

  toJson(): Record<string, unknown> {
    return {
      files: this.files,
      bytes: this.#bytes,
      ...this.counts,
      proven: this.#proven,
      exit_code: this.#exitCode,
      by_state: Object.fromEntries([...this.#byState].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }
}
