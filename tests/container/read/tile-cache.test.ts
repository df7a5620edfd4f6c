import { describe, expect, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { DEFAULT_LIMITS, createLimits } from '../../../src/container/format/limits.js';
import { TileCache, openIndex, openWidth, readTile } from '../../../src/container/read/tile-cache.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { patched, rejection, tileForest } from '../../support/container.js';

/** Size of the chunk of a full TILE; the first one of a forest stands at 8. */
const FULL = 12 + 12_336;

const records = (count: number) => Array.from({ length: count }, (_, i) => ({ pts: 10 * i, key: true }));

const cacheOf = (count: number) => {
  const { file, open } = tileForest(records(count));
  const source = createCountingSource(createMemorySource(file));
  return { source, open, cache: new TileCache(source, DEFAULT_LIMITS, open) };
};

describe('openWidth() and openIndex()', () => {
  test.each([
    [0, 0, 0, 0],
    [1, 0, 1, 0],
    [255, 0, 255, 0],
    [256, 0, 0, 1],
    [256, 1, 1, 0],
    [257, 0, 1, 1],
    [65_535, 1, 255, 0],
    [65_536, 1, 0, 1],
    [65_536, 2, 1, 0],
    [2 ** 53 - 1, 0, 255, 2 ** 45 - 1],
    [2 ** 53 - 1, 6, 31, 0],
    [2 ** 53 - 1, 7, 0, 0],
  ])('after %i records the tile of level %i has width %i and index %i', (count, level, width, index) => {
    expect([openWidth(count, level), openIndex(count, level)]).toEqual([width, index]);
  });
});

describe('readTile()', () => {
  const { file } = tileForest(records(512));
  const wanted = { level: 0, index: 1, width: 256 };
  const read = (bytes: Uint8Array, offset: number, change: Partial<typeof wanted> = {}, limits = DEFAULT_LIMITS) =>
    readTile(createMemorySource(bytes), offset, { ...wanted, ...change }, limits);

  test('gives the tile that was asked for, by one exact read', async () => {
    const source = createCountingSource(createMemorySource(file));
    const tile = await readTile(source, 8 + FULL, wanted, DEFAULT_LIMITS);
    expect([tile.level, tile.index, tile.width, tile.pts(0)]).toEqual([0, 1, 256, 2560]);
    expect(source.reads).toEqual([[8 + FULL, 8 + 2 * FULL]]);
  });

  test.each([
    ['another tile', file, 8],
    ['the middle of one', file, 9],
    ['another chunk', concatBytes(file.subarray(0, 8), encodeChunk('SEEK', new Uint8Array(12_336))), 8],
    ['a chunk of another size', patched(file, 8 + FULL + 4, 12_335, 4), 8 + FULL],
    ['the end of the file', file, file.length],
    ['less than a tile before it', file, 9 + FULL],
    ['far behind it', file, Number.MAX_SAFE_INTEGER],
  ])('refuses %s', async (_, bytes, offset) => {
    const { code } = await rejection(read(bytes, offset));
    expect(['H4_INDEX_MISMATCH', 'H4_BAD_TAG']).toContain(code);
  });

  test.each([{ level: 1 }, { index: 0 }, { width: 255 }, { width: 1 }])(
    'refuses a tile where one with %j was promised',
    async (change) => {
      expect((await rejection(read(file, 8 + FULL, change))).code).toBe('H4_INDEX_MISMATCH');
    },
  );

  test('refuses a tile with a wrong layout, and one above the limit', async () => {
    expect((await rejection(read(patched(file, 8 + FULL + 13, 1), 8 + FULL))).code).toBe('H4_TILE_LAYOUT');
    const high = patched(file, 8 + FULL + 12, 3);
    expect((await rejection(read(high, 8 + FULL, { level: 3 }, createLimits({ maxTileLevel: 2 })))).code).toBe(
      'H4_LIMIT_TILE',
    );
  });

  test('reads nothing where a tile cannot stand', async () => {
    const source = createCountingSource(createMemorySource(file));
    await rejection(readTile(source, file.length - 100, wanted, DEFAULT_LIMITS));
    expect(source.count).toBe(0);
  });
});

describe('TileCache', () => {
  test('finds full tiles through their parents, and reads each once', async () => {
    const { source, cache } = cacheOf(256 * 256 + 600);
    const [first, again] = [await cache.full(0, 3), await cache.full(0, 3)];
    expect(first).toBe(again);
    expect([first.tile.index, first.offset]).toEqual([3, 8 + 3 * FULL]);
    // The tile of level 1 stands behind its 256 children.
    expect(source.reads).toEqual([
      [8 + 256 * FULL, 8 + 257 * FULL],
      [8 + 3 * FULL, 8 + 4 * FULL],
    ]);
    await cache.tile(0, 4);
    await cache.tile(1, 0);
    expect(source.count).toBe(3);
  });

  test('has the unfinished tiles without reading', async () => {
    const { source, cache, open } = cacheOf(256 * 256 + 600);
    expect(await cache.tile(0, 258)).toBe(open[0]);
    expect(await cache.tile(1, 1)).toBe(open[1]);
    expect(await cache.tile(2, 0)).toBe(open[2]);
    expect(cache.openTile(0)).toBe(open[0]);
    expect(cache.openTile(3)).toBeUndefined();
    expect(source.count).toBe(0);
    expect((await cache.full(0, 257)).tile.index).toBe(257);
    expect(source.count).toBe(1);
  });

  test('keeps 680 tiles, and lets go of the one not used for longest', async () => {
    const { source, cache } = cacheOf(256 * 750);
    const kept = new Map<string, true>();
    let expected = 0;
    const use = (name: string): void => {
      if (!kept.delete(name)) expected++;
      kept.set(name, true);
      const [oldest] = kept.keys();
      if (kept.size > 680 && oldest !== undefined) kept.delete(oldest);
    };
    const forwards = Array.from({ length: 750 }, (_, i) => i);
    for (const index of [...forwards, 0, 0, 700, 71, 70, ...forwards.toReversed()]) {
      // The way to a tile that is not at hand leads over its parent, of which the first two are full.
      if (!kept.has(`0/${index}`) && index < 512) use(`1/${Math.floor(index / 256)}`);
      use(`0/${index}`);
      expect((await cache.full(0, index)).tile.index).toBe(index);
      expect(source.count).toBe(expected);
    }
    expect(expected).toBeGreaterThan(752);
  });

  test('refuses to climb above the limit of levels', async () => {
    const cache = new TileCache(createMemorySource(new Uint8Array(0)), DEFAULT_LIMITS, []);
    expect(await rejection(cache.tile(0, 0))).toMatchObject({
      code: 'H4_LIMIT_TILE',
      message: 'The index needs tiles of level 5',
    });
  });

  test('a locator that lies leads to an error, not to another tile', async () => {
    const { file, open } = tileForest(records(256 * 256 + 600));
    const at = 8 + 256 * FULL + 12 + 48;
    for (const offset of [0, 8, 8 + FULL, 8 + 4 * FULL, file.length, Number.MAX_SAFE_INTEGER]) {
      const cache = new TileCache(createMemorySource(patched(file, at + 16 * 3 + 8, offset, 8)), DEFAULT_LIMITS, open);
      expect(['H4_INDEX_MISMATCH', 'H4_BAD_TAG']).toContain((await rejection(cache.full(0, 3))).code);
    }
    const far = patched(file, at + 16 * 3 + 8, 2n ** 63n, 8);
    const cache = new TileCache(createMemorySource(far), DEFAULT_LIMITS, open);
    expect((await rejection(cache.full(0, 3))).code).toBe('H4_U64_RANGE');
  });

  test('a failure is not kept', async () => {
    const { source, cache } = cacheOf(600);
    expect((await rejection(cache.full(0, 1, AbortSignal.abort()))).code).toBe('H4_CANCELLED');
    expect((await cache.full(0, 1)).tile.index).toBe(1);
    expect(source.count).toBe(2);
  });
});
