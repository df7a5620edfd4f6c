import { describe, expect, test } from 'vitest';
import { parseLegacyMeta } from '../../../src/container/legacy/legacy-meta.js';
import { LegacyTimes, legacyFrameMicros } from '../../../src/container/legacy/legacy-times.js';
import { DEFAULT_LIMITS } from '../../../src/container/format/limits.js';
import { SeekTable } from '../../../src/container/format/seek.js';
import { createFrameClock } from '../../../src/tokenizers/frame-clock.js';
import { utf8Encode } from '../../../src/utils/bytes.js';
import { seek } from '../../support/legacy.js';
import { refusal } from '../../utils/refusal.js';

const metaOf = (json: object) => parseLegacyMeta(utf8Encode(JSON.stringify(json)), DEFAULT_LIMITS);
const tableOf = (entries: readonly (readonly [number, number])[]) => new SeekTable(seek(entries).payload);

/** Times of blocks of ten bytes each. */
const timesOf = (json: object, entries: readonly (readonly [number, number])[] | undefined, count: number) => {
  const times = new LegacyTimes(entries === undefined ? undefined : tableOf(entries), metaOf(json));
  const found = Array.from({ length: count }, (_, i) => times.at(i, 10 * i)).map(({ pts, key }) =>
    key ? `${pts}k` : `${pts}`,
  );
  times.end();
  return found.join(' ');
};

describe('the duration of a block', () => {
  test.each([25, 30, 29.97, 23.976, 240, 1])('at %d frames per second is that of the older timing', (fps_hint) => {
    expect(legacyFrameMicros(metaOf({ fps_hint }))).toBe(
      createFrameClock(fps_hint, { legacyTiming: true }).ptsMicros(1),
    );
  });

  test('is known for rates with more digits than people write', () => {
    expect(legacyFrameMicros(metaOf({ fps_hint: 30000 / 1001 }))).toBe(33_366);
  });

  test.each([undefined, '30', null, 0, -1, 1e-300, 2e6, 1e300])('is unknown for %o', (fps_hint) => {
    expect(legacyFrameMicros(metaOf({ fps_hint }))).toBeUndefined();
  });
});

describe('the times of blocks', () => {
  test('are those of SEEK, and between its entries so many frames later', () => {
    expect(
      timesOf(
        { fps_hint: 25, gop: 2 },
        [
          [0, 0],
          [80_000, 20],
        ],
        5,
      ),
    ).toBe('0k 40000 80000k 120000 160000');
  });

  test('count from the last entry, and are never after the next one', () => {
    expect(
      timesOf(
        { fps_hint: 25 },
        [
          [5, 10],
          [60_000, 30],
          [900_000, 40],
        ],
        6,
      ),
    ).toBe('0 5k 40005 60000k 900000k 940000');
  });

  test('without SEEK are counted, and every gop-th block begins a group', () => {
    expect(timesOf({ fps_hint: 25, gop: 2 }, undefined, 4)).toBe('0k 40000 80000k 120000');
    for (const gop of [undefined, 0, 1.5, '2']) {
      expect(timesOf({ fps_hint: 25, gop }, undefined, 3)).toBe('0k 40000 80000');
    }
    expect(timesOf({ fps_hint: 25, gop: 2 }, [], 3)).toBe('0 40000 80000');
  });

  test('without a frame rate are those of the last keyframe, because nothing tells more', () => {
    expect(
      timesOf(
        { gop: 2 },
        [
          [7, 0],
          [9, 20],
        ],
        4,
      ),
    ).toBe('7k 7 9k 9');
    expect(timesOf({ gop: 2 }, undefined, 3)).toBe('0k 0 0');
  });

  test('are never beyond what a reader can represent', () => {
    const most = Number.MAX_SAFE_INTEGER;
    expect(timesOf({ fps_hint: 25 }, [[most - 1, 0]], 3)).toBe(`${most - 1}k ${most} ${most}`);
  });

  test('are refused where SEEK leads to no block', () => {
    for (const offset of [5, 15, 30, 31]) {
      expect([
        offset,
        refusal(() =>
          timesOf(
            {},
            [
              [0, 0],
              [9, offset],
            ],
            3,
          ),
        ).code,
      ]).toEqual([offset, 'H4_SEEK_ENTRY']);
    }
  });
});
