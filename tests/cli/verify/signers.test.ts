import { describe, expect, test } from 'vitest';
import { formatMoment, listed } from '../../../src/cli/verify/signers.js';

describe('listed()', () => {
  test.each([
    [[], 'nobody'],
    [['a'], 'a'],
    [['a', 'b'], 'a and b'],
    [['a', 'b', 'c'], 'a, b and c'],
    [['a', 'b', 'c', 'd', 'e', 'f', 'g'], 'a, b, c, d, e and 2 more'],
    [['a\u202e\n'], 'a\\u{202e}\\n'],
    [['x'.repeat(500)], `${'x'.repeat(119)}…`],
  ])('%j', (names, text) => {
    expect(listed(names)).toBe(text);
  });
});

describe('formatMoment()', () => {
  test.each([
    [0, '1970-01-01 00:00:00 UTC'],
    [1_700_000_000, '2023-11-14 22:13:20 UTC'],
    [8_640_000_000_000, '+275760-09-13 00:00:00 UTC'],
    [8_640_000_000_001, 'second 8640000000001 since 1970'],
    [Number.MAX_SAFE_INTEGER, 'second 9007199254740991 since 1970'],
  ])('second %d', (seconds, text) => {
    expect(formatMoment(seconds)).toBe(text);
  });
});
