import { expect, test } from 'vitest';
import { NumberList } from '../../../src/container/format/number-list.js';

test('a list keeps numbers of any size in order, over many segments', () => {
  const list = new NumberList();
  const value = (i: number): number => (i % 3 === 0 ? Number.MAX_SAFE_INTEGER - i : i / 4);
  for (let i = 0; i < 40_000; i++) list.push(value(i));
  expect(list.length).toBe(40_000);
  for (const i of [0, 1, 16_383, 16_384, 16_385, 32_767, 32_768, 39_999]) expect(list.at(i)).toBe(value(i));
});

test('a list has nothing beyond its end', () => {
  const list = new NumberList();
  expect([list.length, list.at(0)]).toEqual([0, undefined]);
  list.push(7);
  expect([list.at(0), list.at(1), list.at(20_000)]).toEqual([7, undefined, undefined]);
});
