import { describe, expect, test } from 'vitest';
import { uncheckedFile } from '../../../src/cli/verify/checker.js';
import { gapFields, recordsInWords, removalFields } from '../../../src/cli/verify/record-words.js';
import type { VerificationReport } from '../../../src/container/check/verify.js';

const { report: unread } = uncheckedFile({ code: 'H4_IO', message: 'gone', exit_code: 4 });
const timebase: VerificationReport['timebase'] = [1, 1000];
const redacted = (...records: readonly number[]): Partial<VerificationReport> => ({
  timebase,
  redacted: records.length,
  redacted_records: records.map((seq) => ({ seq, track: 0, from_pts: 31 * seq, to_pts: 31 * seq + 40 })),
});
const stated: VerificationReport['statements'] = [
  { type: 't', predicate_type: 'p', of_this_file: true, verified: ['a/statements'], records: [], record_count: 0 },
];
const removals = (changes: Partial<VerificationReport>): readonly string[] =>
  removalFields({ ...unread, ...changes }).map(({ label, value }) => `${label}: ${value}`);

describe('removals', () => {
  test('that nobody states are told apart from those that somebody does', () => {
    const changes = { ...redacted(8, 9, 10, 30), unexplained: [30], unexplained_count: 1, statements: stated };
    expect(removals(changes)).toEqual([
      'removed: 1 record (30, 0:00:00.930-0:00:00.970) removed, and nobody you believe says why',
      'removed: 3 records (8-10, 0:00:00.248-0:00:00.350) removed, as a/statements states',
    ]);
  });

  test('are not told where there are none, and told of what is still there', () => {
    expect(removals({})).toEqual([]);
    const there = { timebase, statements: stated };
    expect(removals({ ...there, still_there: [4], still_there_count: 1 })).toEqual([
      'still there: 1 record (4) still there, though a/statements states that it was removed',
    ]);
    expect(removals({ ...there, still_there: [4, 6], still_there_count: 2 })).toEqual([
      'still there: 2 records (4; 6) still there, though a/statements states that they were removed',
    ]);
  });

  test('beyond a dozen stretches are counted', () => {
    const numbers = Array.from({ length: 20 }, (_, i) => 2 * i);
    expect(recordsInWords(numbers, 50, { ...unread, timebase: null })).toBe(
      `${numbers.slice(0, 12).join('; ')} and 38 more`,
    );
    expect(recordsInWords([], 0, unread)).toBe('');
    // A record that is not listed has no time here.
    expect(recordsInWords([7], 1, { ...unread, timebase })).toBe('7');
  });
});

describe('gaps', () => {
  const gap = { track: 0, from_pts: 2850, to_pts: 7880 };
  const gaps = (count: number, listed = count): readonly string[] =>
    gapFields({ ...unread, timebase, gaps: Array.from({ length: listed }, () => gap), gap_count: count }).map(
      ({ value }) => value,
    );

  test('are told with their track and times, as the source had them', () => {
    expect(gaps(1)).toEqual([
      'no content of track 0 from 0:00:02.850 to 0:00:07.880: none was recorded, or its times were set so',
    ]);
    const shifted = gapFields({ ...unread, timebase, shift: 850, gaps: [gap], gap_count: 1 });
    expect(shifted[0]?.value).toContain('from 0:00:02.000 to 0:00:07.030');
  });

  test('are counted beyond ten', () => {
    expect(gaps(10)).toHaveLength(10);
    expect(gaps(150, 100).at(-1)).toBe('and 140 more; --json lists up to 100');
    expect(gaps(0)).toEqual([]);
    expect(gapFields({ ...unread, gaps: [], gap_count: 0 })).toEqual([]);
  });
});
