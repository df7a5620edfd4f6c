/** What a check finds: errors and warnings with their codes, in the order found. */
import type { ErrorCode } from '../../utils/error-codes.js';

export interface Finding {
  readonly code: ErrorCode;
  /** File position of the chunk it concerns. */
  readonly offset: number;
  readonly message: string;
}

/**
 * Collects findings. A hostile file can cause millions: beyond `maxListed` they are only counted, but the first of every
 * code is always kept.
 */
export class Findings {
  readonly errors: Finding[] = [];
  readonly warnings: Finding[] = [];
  #errorCount = 0;
  #warningCount = 0;
  readonly #seen = new Set<string>();
  readonly #maxListed: number;

  constructor(maxListed: number) {
    this.#maxListed = maxListed;
  }

  get errorCount(): number {
    return this.#errorCount;
  }

  get warningCount(): number {
    return this.#warningCount;
  }

  error(code: ErrorCode, offset: number, message: string): void {
    this.#errorCount++;
    this.#keep(this.errors, { code, offset, message });
  }

  warn(code: ErrorCode, offset: number, message: string): void {
    this.#warningCount++;
    this.#keep(this.warnings, { code, offset, message });
  }

  #keep(list: Finding[], finding: Finding): void {
    const key = `${list === this.errors ? 'e' : 'w'}${finding.code}`;
    if (list.length < this.#maxListed || !this.#seen.has(key)) list.push(finding);
    this.#seen.add(key);
  }
}

/** Warnings about form or decoding only: they do not change the exit code of a check (spec/h4mk.md section 16). */
const HARMLESS: ReadonlySet<ErrorCode> = new Set([
  'H4_KEY_MISSING',
  'H4_ENGINE_UNKNOWN',
  'H4_LEGACY_ENCRYPTED',
  'H4_META_NOT_JCS',
]);

export const isLoss = (finding: Finding): boolean => !HARMLESS.has(finding.code);
