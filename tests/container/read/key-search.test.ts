import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeySearch } from '../../../src/container/read/key-search.js';
import { DEFAULT_LIMITS } from '../../../src/container/format/limits.js';
import { TileCache } from '../../../src/container/read/tile-cache.js';
import { type CountingSource, createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { type IndexedRecord, rejection, tileForest } from '../../support/container.js';

interface Searchable {
  readonly source: CountingSource;
  readonly last: (pts: number, signal?: AbortSignal) => ReturnType<KeySearch['last']>;
}

const searchable = (records: readonly IndexedRecord[]): Searchable => {
  const { file, open } = tileForest(records);
  const source = createCountingSource(createMemorySource(file));
  const openTiles = open.filter((tile) => tile !== undefined);
  return {
    source,
    last: (pts, signal) => new KeySearch(new TileCache(source, DEFAULT_LIMITS, open), signal).last(openTiles, pts),
  };
};

/** Asks for a time before, at and after each of `keys` of a recording, and compares with a walk over all records. */
const expectRightAnswers = async (records: readonly IndexedRecord[], every = 1): Promise<void> => {
  const { file, open } = tileForest(records);
  const openTiles = open.filter((tile) => tile !== undefined);
  // One cache for all: what is compared here are answers, not reads.
  const search = new KeySearch(new TileCache(createMemorySource(file), DEFAULT_LIMITS, open));
  const keys = records.flatMap(({ key, pts }, seq) => (key ? [{ seq, pts }] : []));
  expect(await search.last(openTiles, -1)).toBeUndefined();
  expect(await search.last(openTiles, Infinity)).toEqual(keys.at(-1));
  for (const [k, key] of keys.entries()) {
    const isNearEdge = Math.abs(key.seq - 65_536) < 20;
    if (k % every !== 0 && !isNearEdge) continue;
    const [before, after] = [keys[k - 1], keys[k + 1]];
    const asked = [key.pts - 1, key.pts, (after?.pts ?? key.pts + 2) - 1];
    expect(await Promise.all(asked.map((pts) => search.last(openTiles, pts)))).toEqual([before, key, key]);
  }
};

/** A video track with a KEY record every `gop` of its records and pictures out of order, 40 units each. */
const video = (count: number, gop: number, start = 0): IndexedRecord[] =>
  Array.from({ length: count }, (_, i) => {
    const reordered = i % gop === 0 ? i : i + (i % 3 === 1 ? 2 : 0);
    return { pts: start + 40 * reordered, key: i % gop === 0 };
  });

/** A track that is not the seek track. */
const audio = (count: number, start = 0): IndexedRecord[] =>
  Array.from({ length: count }, (_, i) => ({ pts: start + 40 * i, key: false }));

const META: IndexedRecord = { pts: 0, key: false, media: false };

const alternating = (a: readonly IndexedRecord[], b: readonly IndexedRecord[]): IndexedRecord[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i) => [a[i], b[i]])
    .flat()
    .filter((record) => record !== undefined);

const shapes: Readonly<Record<string, (n: number) => IndexedRecord[]>> = {
  'one track, every record KEY': (n) => [META, ...video(n, 1)],
  'one track with pictures out of order': (n) => [META, ...video(n, 12)],
  'sparse keys': (n) => [META, ...video(n, 500)],
  'two tracks in turn': (n) => [META, ...alternating(video(n / 2, 12), audio(n / 2))],
  'the other track far ahead': (n) => [META, ...alternating(video(n / 2, 5), audio(n / 2, 40 * n))],
  'the other track far behind': (n) => [META, ...alternating(video(n / 2, 5, 40 * n), audio(n / 2))],
  'all audio first, then video': (n) => [META, ...audio(n / 2), ...video(n / 2, 7)],
  'all video first, then audio': (n) => [META, ...video(n / 2, 7), ...audio(n / 2)],
  'a seek track that starts late': (n) => [META, ...audio(n - 3), ...video(3, 1)],
  'a seek track that pauses': (n) => [META, ...video(n / 3, 3), ...audio(n / 3, 40 * n), ...video(n / 3, 3, 80 * n)],
  'no key at all': (n) => [META, ...audio(n)],
};

describe('KeySearch', () => {
  test('tells a likely answer before it looks into the next tile, but not where another track lies ahead', async () => {
    const told = async (records: readonly IndexedRecord[], pts: number): Promise<unknown[]> => {
      const { file, open } = tileForest(records);
      const source = createCountingSource(createMemorySource(file));
      const likely: unknown[] = [];
      const tell = (key: unknown): void => void likely.push({ key, reads: source.count });
      const search = new KeySearch(new TileCache(source, DEFAULT_LIMITS, open), undefined, tell);
      const key = await search.last(
        open.filter((tile) => tile !== undefined),
        pts,
      );
      return [...likely, { key, reads: source.count }];
    };
    const key = { seq: 510, pts: 40 * 510 };
    const steady = video(800, 10);
    expect(await told(steady, key.pts)).toEqual([
      { key, reads: 1 },
      { key, reads: 2 },
    ]);
    expect(await told(steady, key.pts - 1)).toHaveLength(1);
    const skewed = alternating(video(400, 5), audio(400, 40 * 20));
    expect(await told(skewed, 40 * 130)).toEqual([{ key: { seq: 260, pts: 40 * 130 }, reads: 3 }]);
  });

  describe.each(Object.entries(shapes))('with %s', (_, shape) => {
    test.each([1, 2, 254, 255, 256, 257, 600, 1500])('agrees with a walk over %i records', async (n) => {
      await expectRightAnswers(shape(n), n > 300 ? 3 : 1);
    });

    test('agrees with a walk over 66 000 records, where level 2 begins', async () => {
      const records = shape(66_000);
      const keys = records.filter(({ key }) => key).length;
      await expectRightAnswers(records, Math.max(1, Math.floor(keys / 150)));
    });
  });

  test('agrees with a walk over any two tracks', async () => {
    const recording = fc
      .record({
        gop: fc.integer({ min: 1, max: 90 }),
        videoSkew: fc.integer({ min: 0, max: 3000 }),
        audioSkew: fc.integer({ min: 0, max: 3000 }),
        turns: fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 400 })), { maxLength: 6 }),
      })
      .map(({ gop, videoSkew, audioSkew, turns }) => {
        const [pictures, packets] = [video(2400, gop, 40 * videoSkew), audio(2400, 40 * audioSkew)];
        let [v, a] = [0, 0];
        return [
          META,
          ...turns.flatMap(([of, then]) => [...pictures.slice(v, (v += of)), ...packets.slice(a, (a += then))]),
        ];
      });
    await fc.assert(
      fc.asyncProperty(recording, (records) => expectRightAnswers(records, 3)),
      { numRuns: 40 },
    );
  });

  test('answers from nothing with nothing', async () => {
    const { source, last } = searchable([]);
    expect(await last(100)).toBeUndefined();
    expect(source.count).toBe(0);
  });

  test('reads one tile for a record of a full tile, none for one of the unfinished tile', async () => {
    const { source, last } = searchable([META, ...video(600, 1)]);
    expect(await last(40 * 300)).toEqual({ seq: 301, pts: 40 * 300 });
    expect(source.count).toBe(1);
    source.reset();
    expect(await last(40 * 590)).toEqual({ seq: 591, pts: 40 * 590 });
    expect(source.count).toBe(0);
  });

  test('reads nothing where there is no key', async () => {
    const { source, last } = searchable([META, ...audio(1000)]);
    expect(await last(Infinity)).toBeUndefined();
    expect(source.count).toBe(0);
  });

  test('looks no further to the right once it has met a key after the time asked for', async () => {
    // Audio first makes the bounds of the first tiles useless, so that the search gallops; then keys go on beyond level 1.
    const { source, last } = searchable([META, ...audio(256 * 250, 0), ...video(256 * 20, 1)]);
    const found = await last(40 * 256 * 5.5);
    expect(found?.pts).toBe(40 * 256 * 5.5);
    const distinct = new Set(source.reads.map(([start]) => start));
    expect(source.count).toBe(distinct.size);
    // The tile of level 1; those of level 0 that hold the first keys, up to the sixth; never one of the open tile of level 1.
    const [, end] = source.reads.reduce((a, b) => (a[0] > b[0] ? a : b));
    expect(end).toBeLessThanOrEqual(8 + 12_348 * 257);
  });

  test('ends where tiles lie about their keys', async () => {
    const records = [META, ...audio(60_000), ...video(80_000, 3)];
    const { file, open } = tileForest(records);
    const openTiles = open.filter((tile) => tile !== undefined);
    const chunk = 12 + 12_336;
    // The keymaps of all tiles of level 0, or of those of level 1 below level 2, are emptied or filled.
    for (const [from, to] of [
      [0, 256],
      [256, 257],
      [513, 514],
      [200, 400],
    ] as const) {
      for (const byte of [0, 0xff]) {
        const lying = Uint8Array.from(file);
        for (let n = from; n < to; n++) lying.fill(byte, 8 + n * chunk + 28, 8 + n * chunk + 60);
        for (const pts of [-1, 0, 40 * 1000, 40 * 20_000, 40 * 76_000, Infinity]) {
          const source = createCountingSource(createMemorySource(lying));
          const search = new KeySearch(new TileCache(source, DEFAULT_LIMITS, open));
          const answer = await search.last(openTiles, pts);
          expect(answer === undefined || answer.seq < records.length).toBe(true);
          expect(source.count).toBeLessThan(64);
        }
      }
    }
  });

  test('honours the signal', async () => {
    const { last } = searchable([META, ...video(600, 1)]);
    expect((await rejection(last(40, AbortSignal.abort()))).code).toBe('H4_CANCELLED');
  });
});
