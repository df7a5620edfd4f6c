import { expect, test } from 'vitest';
import { DEFAULT_LIMITS, createLimits } from '../../../src/container/format/limits.js';
import { refusal } from '../../utils/refusal.js';

test('the defaults are those of the table of the specification', () => {
  expect(createLimits()).toEqual({
    maxChunkBytes: 67_108_864,
    maxMetaBytes: 1_048_576,
    maxJsonDepth: 32,
    maxTokens: 65_536,
    maxBlockBytes: 67_108_864,
    maxNotes: 1_048_576,
    maxNoteLines: 100,
    maxTileLevel: 4,
    maxRecords: 16_777_216,
    maxReport: 10_000,
  });
});

test('some of them can be changed, the others stay, and nobody can change them later', () => {
  const limits = createLimits({ maxTokens: 0, maxReport: 7 });
  expect(limits).toEqual({ ...DEFAULT_LIMITS, maxTokens: 0, maxReport: 7 });
  expect(Object.isFrozen(limits)).toBe(true);
  expect(Object.isFrozen(DEFAULT_LIMITS)).toBe(true);
});

test.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53])('a limit of %d is refused by its name', (value) => {
  expect(refusal(() => createLimits({ maxRecords: value }))).toMatchObject({
    code: 'H4_PARAM',
    message: `Limit maxRecords must be a whole number of 0 or more, not ${value}`,
  });
});
