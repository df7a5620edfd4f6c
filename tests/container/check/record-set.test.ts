import { expect, test } from 'vitest';
import { RecordSet } from '../../../src/container/check/record-set.js';

test('a set of records holds what it was given, once and in order, whatever comes first', () => {
  const set = new RecordSet(10_000);
  for (const seq of [31, 0, 9_999, 32, 31, 63]) set.add(seq);
  expect([...set]).toEqual([0, 31, 32, 63, 9_999]);
  expect([0, 1, 31, 64, 9_999, 10_000].map((seq) => set.has(seq))).toEqual([true, false, true, false, true, false]);
});

test('numbers beyond the limit are not taken, whatever they are', () => {
  const set = new RecordSet(5);
  for (const seq of [5, 2 ** 32, 2 ** 53 - 1]) set.add(seq);
  expect([[...set], set.has(2 ** 32)]).toEqual([[], false]);
});
