import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BlockLengths, BlockPlaces } from '../../../src/container/legacy/legacy-blocks.js';
import { refusal } from '../../utils/refusal.js';

test('BlockLengths finds the first block that starts at an offset, for any lengths', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 4 }), { maxLength: 30 }), (lengths) => {
      const blocks = new BlockLengths();
      const starts = [0];
      for (const length of lengths) {
        blocks.push(length);
        starts.push((starts.at(-1) ?? 0) + length);
      }
      expect([blocks.count, blocks.total]).toEqual([lengths.length, starts.at(-1)]);
      for (let offset = 0; offset <= blocks.total + 1; offset++) {
        const first = starts.indexOf(offset);
        expect(blocks.startingAt(offset)).toBe(first < 0 ? undefined : first);
      }
      expect(lengths.map((_, i) => blocks.at(i))).toEqual(lengths);
      expect(blocks.at(lengths.length)).toBeUndefined();
    }),
  );
});

test('BlockLengths finds blocks beyond its first segments, and in runs of empty ones across them', () => {
  const blocks = new BlockLengths();
  for (let i = 0; i < 50_000; i++) blocks.push(i < 10_000 ? 1 : i < 40_000 ? 0 : 2);
  expect(blocks.total).toBe(30_000);
  expect([0, 9_999, 10_000, 10_001, 10_002, 29_998, 30_000].map((offset) => blocks.startingAt(offset))).toEqual([
    0,
    9_999,
    10_000,
    undefined,
    40_001,
    49_999,
    50_000,
  ]);
});

test('BlockPlaces keeps what it was given, over several segments, and names the blocks it has', () => {
  const places = new BlockPlaces();
  expect(refusal(() => places.at(0)).message).toBe('The file has no block 0: it has none');
  const placeOf = (i: number) => ({ offset: 2 ** 40 + i, size: 2 ** 32 - 1 - i, crc: 2 ** 31 + i });
  for (let i = 0; i < 40_000; i++) places.push(placeOf(i));
  for (const i of [0, 16_383, 16_384, 39_999]) expect(places.at(i)).toEqual(placeOf(i));
  for (const i of [-1, 40_000, 0.5, Number.NaN]) {
    expect(refusal(() => places.at(i))).toMatchObject({
      code: 'H4_PARAM',
      message: `The file has no block ${i}: they are numbered from 0 to 39999`,
    });
  }
});
