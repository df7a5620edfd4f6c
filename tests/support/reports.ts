/** Checks of files in memory, and what they report. */
import type { Limits } from '../../src/container/format/limits.js';
import { type VerificationReport, verifyContainer } from '../../src/container/check/verify.js';
import { createMemorySource } from '../../src/storage/memory.js';

export const reportOf = (file: Uint8Array, limits: Partial<Limits> = {}): Promise<VerificationReport> =>
  verifyContainer(createMemorySource(file), { limits });

/** The codes of the errors, each once, in the order found. */
export const errorCodes = ({ errors }: VerificationReport): string[] => [...new Set(errors.map(({ code }) => code))];

export const warningCodes = ({ warnings }: VerificationReport): string[] => [
  ...new Set(warnings.map(({ code }) => code)),
];

/** What the check of a file comes to, in one word and two lists. */
export const verdictOf = async (
  file: Uint8Array,
  limits: Partial<Limits> = {},
): Promise<{ readonly exit: number; readonly errors: string[]; readonly warnings: string[] }> => {
  const report = await reportOf(file, limits);
  return { exit: report.exit_code, errors: errorCodes(report), warnings: warningCodes(report) };
};

export const sound = { exit: 0, errors: [], warnings: [] };

const ALL_BITS = [0, 1, 2, 3, 4, 5, 6, 7];

/** One bit per byte, each in turn: where trying all of them would take too long. */
export const bitInTurn = (at: number): readonly number[] => [at % 8];

/** Every file that differs from `file` in one bit, in the same memory: check one before asking for the next. */
export function* withOneBitFlipped(
  file: Uint8Array,
  bitsAt: (at: number) => readonly number[] = () => ALL_BITS,
): Generator<{ readonly at: number; readonly bit: number; readonly changed: Uint8Array }> {
  const changed = Uint8Array.from(file);
  for (const [at, original] of file.entries()) {
    for (const bit of bitsAt(at)) {
      changed[at] = original ^ (1 << bit);
      yield { at, bit, changed };
    }
    changed[at] = original;
  }
}
