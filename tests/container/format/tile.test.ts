import { describe, expect, test } from 'vitest';
import { createLimits } from '../../../src/container/format/limits.js';
import { MerkleFrontier } from '../../../src/container/tree/merkle.js';
import { Tile, TileStack, type TiledRecord, tileBytes } from '../../../src/container/format/tile.js';
import { toHex } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { patched } from '../../support/container.js';
import { refusal } from '../../utils/refusal.js';

const leafOf = (seq: number): Uint8Array => sha256(Uint8Array.of(seq >> 16, seq >> 8, seq));

const recordOf = (seq: number, change: Partial<TiledRecord> = {}): TiledRecord => ({
  pts: 10 * seq,
  offset: 1000 + 100 * seq,
  key: seq % 3 === 1,
  media: seq > 0,
  leaf: leafOf(seq),
  ...change,
});

/** A stack of `count` records whose due tiles stand behind the record that completed them. */
const stacked = (count: number, recordAt = recordOf) => {
  const stack = new TileStack();
  const tree = new MerkleFrontier();
  const placed: { readonly level: number; readonly seq: number; readonly payload: Uint8Array; offset: number }[] = [];
  for (let seq = 0; seq < count; seq++) {
    const record = recordAt(seq);
    stack.push(record);
    tree.push(record.leaf);
    for (let due = stack.due(), n = 1; due !== undefined; due = stack.due(), n++) {
      const offset = record.offset + n;
      placed.push({ ...due, seq, offset });
      stack.placed(due.level, offset, tree.tileNode(due.level + 1));
    }
  }
  return { stack, tree, placed };
};

const partial = (stack: TileStack, level: number): Tile => {
  const payload = stack.openTile(level)?.payload();
  if (payload === undefined) throw new Error(`There is no unfinished tile of level ${level}`);
  return Tile.parse(payload);
};

describe('TileStack', () => {
  test('lays a tile out as the specification says', () => {
    const { stack } = stacked(3);
    const locators = ['0000000000000000' + '00000000000003e8', '000000000000000a' + '000000000000044c'];
    expect(toHex(stack.openTile(0)?.payload() ?? new Uint8Array(0))).toBe(
      [
        '00' + '00' + '0003' + '00000000' + '0000000000000000',
        '40' + '00'.repeat(31),
        ...locators,
        '0000000000000014' + '00000000000004b0',
        ...[0, 1, 2].map((seq) => toHex(leafOf(seq))),
      ].join(''),
    );
  });

  test('begins with nothing', () => {
    const stack = new TileStack();
    expect(stack.due()).toBeUndefined();
    expect(stack.partialLevels()).toEqual([]);
    expect(stack.openTile(0)).toBeUndefined();
  });

  test.each([
    [255, [], [0]],
    [256, [0], [1]],
    [257, [0], [0, 1]],
    [511, [0], [0, 1]],
    [512, [0, 0], [1]],
    [513, [0, 0], [0, 1]],
  ])('after %i records the tiles %j are placed and those of levels %j are open', (count, levels, open) => {
    const { stack, placed } = stacked(count);
    expect(placed.map(({ level }) => level)).toEqual(levels);
    expect(placed.map(({ seq }) => seq)).toEqual(levels.map((_, index) => 256 * (index + 1) - 1));
    expect(stack.partialLevels()).toEqual(open);
    for (const level of [0, 1]) {
      const width = level === 0 ? count % 256 : Math.floor(count / 256);
      expect(stack.openTile(level)?.width).toBe(width === 0 ? undefined : width);
      if (width > 0) expect(stack.openTile(level)?.index).toBe(level === 0 ? Math.floor(count / 256) : 0);
    }
  });

  test('at 65 536 records a tile of level 1 follows that of level 0 at once, and one of level 2 begins', () => {
    const { stack, tree, placed } = stacked(65_537);
    expect(placed).toHaveLength(257);
    expect(placed.slice(-2).map(({ level, seq, offset }) => [level, seq, offset])).toEqual([
      [0, 65_535, 1000 + 6_553_500 + 1],
      [1, 65_535, 1000 + 6_553_500 + 2],
    ]);
    expect(stack.partialLevels()).toEqual([0, 2]);
    const top = partial(stack, 2);
    expect([top.level, top.index, top.width, top.offset(0), top.pts(0)]).toEqual([2, 0, 1, 6_554_502, 0]);
    expect(top.hash(0)).toEqual(tree.tileNode(2));
    expect([...top.keys()]).toEqual([0]);
    const middle = Tile.parse(placed.at(-1)?.payload ?? new Uint8Array(0));
    expect([middle.level, middle.index, middle.width]).toEqual([1, 0, 256]);
    for (let j = 0; j < 256; j++) {
      expect(middle.offset(j)).toBe(placed[j]?.offset);
      expect(middle.pts(j)).toBe(2560 * j);
    }
  });

  test('above level 0, a locator holds the highest PTS of any media record up to the first leaf of the child', () => {
    // Audio runs far ahead for the first 300 records, then video follows from 0; META in between has a great PTS.
    const pts = (seq: number): number => (seq < 300 ? 1000 * seq : 10 * (seq - 300));
    const { stack } = stacked(256 * 4, (seq) =>
      recordOf(seq, { pts: seq === 200 ? 10 ** 9 : pts(seq), media: seq !== 0 && seq !== 200 }),
    );
    const tile = partial(stack, 1);
    const expected = [0, 256, 299, 299].map((seq) => pts(seq));
    expect([0, 1, 2, 3].map((j) => tile.pts(j))).toEqual(expected);
  });

  test('the locator of a child whose first leaf is META holds 0 while there is no media', () => {
    const { stack } = stacked(512, (seq) => recordOf(seq, { media: false, key: false, pts: 77 }));
    const tile = partial(stack, 1);
    expect([tile.pts(0), tile.pts(1)]).toEqual([0, 0]);
    expect([...tile.keys()]).toEqual([]);
  });

  test('a keymap bit one level up is set exactly where the child has any', () => {
    const keys = new Set([0, 300, 512 + 255]);
    const { stack, placed } = stacked(256 * 5, (seq) => recordOf(seq, { key: keys.has(seq) }));
    expect([...partial(stack, 1).keys()]).toEqual([0, 1, 2]);
    expect(placed.map(({ payload }) => [...Tile.parse(payload).keys()])).toEqual([[0], [44], [255], [], []]);
  });

  test('a later tile of the same index extends the earlier one', () => {
    const [earlier, later] = [partial(stacked(5).stack, 0), partial(stacked(200).stack, 0)];
    for (let j = 0; j < 5; j++) {
      expect([later.pts(j), later.offset(j), later.hasKey(j), later.hash(j)]).toEqual([
        earlier.pts(j),
        earlier.offset(j),
        earlier.hasKey(j),
        earlier.hash(j),
      ]);
    }
  });

  test('a payload it gave stays as it was', () => {
    const { stack } = stacked(5);
    const payload = stack.openTile(0)?.payload();
    const before = toHex(payload ?? new Uint8Array(0));
    stack.push(recordOf(5));
    expect(toHex(payload ?? new Uint8Array(0))).toBe(before);
  });

  test('fills tiles with the hashes of the tree', () => {
    const { stack, placed } = stacked(600);
    const nodes = new MerkleFrontier();
    for (const [index, { payload }] of placed.entries()) {
      const tile = Tile.parse(payload);
      for (let j = 0; j < 256; j++) expect(tile.hash(j)).toEqual(leafOf(256 * index + j));
      for (let j = 0; j < 256; j++) nodes.push(tile.hash(j));
      expect(partial(stack, 1).hash(index)).toEqual(nodes.tileNode(1));
    }
  });
});

describe('Tile.parse()', () => {
  const payloadOf = (width: number): Uint8Array => stacked(width).stack.openTile(0)?.payload() ?? new Uint8Array(0);
  const codeOf = (payload: Uint8Array): string => refusal(() => Tile.parse(payload)).code;

  test.each([1, 2, 7, 8, 9, 255])('reads a tile of width %i, also out of a larger buffer', (width) => {
    const payload = payloadOf(width);
    const shifted = new Uint8Array(payload.length + 3);
    shifted.set(payload, 3);
    const tile = Tile.parse(shifted.subarray(3));
    expect([tile.level, tile.index, tile.width]).toEqual([0, 0, width]);
    expect(payload).toHaveLength(tileBytes(width));
    for (let j = 0; j < width; j++) {
      const { pts, offset, key, leaf } = recordOf(j);
      expect([tile.pts(j), tile.offset(j), tile.hasKey(j), tile.hash(j)]).toEqual([pts, offset, key, leaf]);
    }
    expect([...tile.keys()]).toEqual(Array.from({ length: width }, (_, j) => j).filter((j) => j % 3 === 1));
    expect(tile.keys()).toBe(tile.keys());
  });

  test('a full tile has 12 336 bytes', () => {
    expect(tileBytes(256)).toBe(12_336);
    expect(Tile.parse(stacked(256).placed[0]?.payload ?? new Uint8Array(0)).width).toBe(256);
  });

  test('a tile shorter than its head is refused', () => {
    for (const length of [0, 1, 47]) expect(codeOf(payloadOf(1).subarray(0, length))).toBe('H4_TILE_LAYOUT');
  });

  test('a length that does not follow from the width is refused', () => {
    expect(codeOf(payloadOf(2).subarray(0, -1))).toBe('H4_TILE_LAYOUT');
    expect(codeOf(patched(payloadOf(2), 2, 1, 2))).toBe('H4_TILE_LAYOUT');
    expect(codeOf(patched(payloadOf(2), 2, 3, 2))).toBe('H4_TILE_LAYOUT');
  });

  test.each([0, 257, 65_535])('width %i is refused', (width) => {
    const payload = new Uint8Array(tileBytes(width));
    expect(refusal(() => Tile.parse(patched(payload, 2, width, 2)))).toMatchObject({
      code: 'H4_TILE_LAYOUT',
      message: expect.stringContaining(`width ${width}, not 1 to 256`) as string,
    });
  });

  test('padding that is not zero is refused', () => {
    for (const at of [1, 4, 5, 6, 7]) expect(codeOf(patched(payloadOf(1), at, 1))).toBe('H4_TILE_LAYOUT');
  });

  test('a level above 7 breaks the format, one above the limit is refused as such', () => {
    for (const level of [8, 255]) expect(codeOf(patched(payloadOf(1), 0, level))).toBe('H4_TILE_LAYOUT');
    for (const level of [5, 6, 7]) expect(codeOf(patched(payloadOf(1), 0, level))).toBe('H4_LIMIT_TILE');
    expect(Tile.parse(patched(payloadOf(1), 0, 4)).level).toBe(4);
    expect(Tile.parse(patched(payloadOf(1), 0, 7), createLimits({ maxTileLevel: 7 })).level).toBe(7);
    expect(refusal(() => Tile.parse(patched(payloadOf(1), 0, 1), createLimits({ maxTileLevel: 0 }))).code).toBe(
      'H4_LIMIT_TILE',
    );
  });

  test.each([1, 7, 8, 9, 255])('any keymap bit beyond width %i is refused', (width) => {
    const payload = payloadOf(width);
    for (let j = width; j < 256; j++) {
      const at = 16 + (j >> 3);
      expect(codeOf(patched(payload, at, (payload[at] ?? 0) | (0x80 >> (j & 7))))).toBe('H4_TILE_LAYOUT');
    }
  });

  test('index and locators pass the gate of 64-bit integers, the latter when they are used', () => {
    expect(codeOf(patched(payloadOf(1), 8, 2n ** 63n, 8))).toBe('H4_U64_RANGE');
    expect(codeOf(patched(payloadOf(1), 8, 2n ** 53n, 8))).toBe('H4_LIMIT_U64');
    const tile = Tile.parse(patched(patched(payloadOf(1), 48, 2n ** 63n, 8), 56, 2n ** 53n, 8));
    expect(refusal(() => tile.pts(0)).code).toBe('H4_U64_RANGE');
    expect(refusal(() => tile.offset(0)).code).toBe('H4_LIMIT_U64');
  });
});
