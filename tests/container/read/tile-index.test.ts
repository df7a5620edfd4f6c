import { describe, expect, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { encodeHeader } from '../../../src/container/format/header.js';
import { DEFAULT_LIMITS, createLimits } from '../../../src/container/format/limits.js';
import { type Tail, parseTail } from '../../../src/container/format/tail.js';
import { TileStack } from '../../../src/container/format/tile.js';
import { TileIndex } from '../../../src/container/read/tile-index.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import { payloadBefore } from '../../../src/container/read/record-index.js';
import { SyntheticSource, varyingSizes } from '../../support/synthetic.js';
import {
  AUDIO,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  rejection,
  sourceOf,
  toknOffsets,
} from '../../support/container.js';

const recording = (count: number): Promise<Uint8Array> =>
  closedRecording(interleaved(count - 2), { tracks: [VIDEO, AUDIO] });

const tailOf = (file: Uint8Array): Tail => parseTail(chunkOf(file, 'TAIL', -1).payload);

const open = async (file: Uint8Array): Promise<TileIndex> => {
  const index = await TileIndex.open(createMemorySource(file), tailOf(file), DEFAULT_LIMITS);
  if (index === undefined) throw new Error('Expected an index');
  return index;
};

/** Where each record begins and ends: at the next chunk after its payload. */
const extents = (file: Uint8Array): { readonly offset: number; readonly end: number }[] => {
  const chunks = chunksOf(file);
  return chunks.flatMap(({ tag, offset }, i) =>
    tag === 'TOKN' ? [{ offset, end: chunks[i + 2]?.offset ?? file.length }] : [],
  );
};

describe('TileIndex', () => {
  test.each([2, 255, 256, 257, 512, 700])('knows the exact extent of each of %i records', async (count) => {
    const file = await recording(count);
    const index = await open(file);
    expect(index.count).toBe(count);
    expect(index.latestMeta).toBe(toknOffsets(file).at(-1));
    const places = [];
    for (let seq = 0; seq < count; seq++) places.push(await index.place(seq));
    expect(places).toEqual(extents(file));
  });

  /** Places for which it is known which record holds them: the edges of each record, in a file of blocks with one token. */
  test.each([255, 256, 257, 700, 66_100])(
    'leads to the record that holds a payload byte, with %i records',
    async (records) => {
      const sizes = varyingSizes([3, 40, 1, 700], [1, 9, 2], 250);
      const source = new SyntheticSource({ records, sizes, tracks: 2 });
      const tail = parseTail((await source.read(source.size - 160, source.size)).slice());
      const index = await TileIndex.open(source, tail, DEFAULT_LIMITS);
      const asked = new Set<number>();
      for (const edge of [2, 256, 512, 65_536, 65_792, records - 1])
        for (const d of [-2, -1, 0, 1]) asked.add(edge + d);
      for (const seq of [...asked].filter((asking) => asking >= 2 && asking < records - 1)) {
        const { offset, end } = (await index?.place(seq)) ?? { offset: 0, end: 0 };
        const [first, last] = [payloadBefore(seq, offset), payloadBefore(seq, end - 117)];
        for (const payload of [first, last]) {
          expect(await index?.nearPayload(payload, 0, records)).toBe(seq);
          expect(await index?.nearPayload(payload, seq, seq + 1)).toBe(seq);
          expect(await index?.nearPayload(payload, 0, seq)).toBe(seq - 1);
          expect(await index?.nearPayload(payload, seq + 1, records)).toBe(seq + 1);
        }
      }
      expect(await index?.nearPayload(-Infinity, 0, records)).toBe(0);
      for (const payload of [Infinity, NaN]) expect(await index?.nearPayload(payload, 0, records)).toBe(records - 1);
    },
  );

  test('finds keys of the seek track', async () => {
    const file = await recording(700);
    const index = await open(file);
    const tokns = chunksOf(file)
      .filter(({ tag }) => tag === 'TOKN')
      .map(({ payload }) => parseTokn(payload));
    const keys = tokns.filter(({ track, key }) => track === 0 && key);
    for (const { seq, pts } of keys) expect(await index.lastKey(pts)).toEqual({ seq, pts });
    expect(await index.lastKey(-1)).toBeUndefined();
  });

  test.each([-1, 700, 0.5, Number.NaN])('has no record %d', async (seq) => {
    const index = await open(await recording(700));
    expect(await rejection(index.place(seq))).toMatchObject({
      code: 'H4_PARAM',
      message: `There is no record ${seq}: the file has 700`,
    });
  });

  test('does not know the end of the last record where nothing is known to follow it', async () => {
    const stack = new TileStack();
    const leaf = new Uint8Array(32);
    for (const offset of [1000, 1100, 1200]) stack.push({ pts: 0, offset, key: false, media: true, leaf });
    const payload = stack.openTile(0)?.payload() ?? leaf;
    const index = await TileIndex.open(
      createMemorySource(concatBytes(encodeHeader(), encodeChunk('TILE', payload))),
      { self: 900, state: 0, records: 3, meta: 8, seek: 0, veri: 0, sign: 0, prev: 0, tiles: [8], root: leaf },
      DEFAULT_LIMITS,
    );
    expect(await index?.place(1)).toEqual({ offset: 1100, end: 1200 });
    expect(await index?.place(2)).toEqual({ offset: 1200, end: 0 });
  });

  describe('is not there where the tiles do not cover all records:', () => {
    test.each<[string, (tail: Tail) => Partial<Tail>]>([
      ['a TAIL without records', () => ({ records: 0 })],
      ['the TAIL of a slice', () => ({ state: 2 })],
      ['no tile of level 0', ({ tiles }) => ({ tiles: [0, ...tiles.slice(1)] })],
      ['no tile of level 1', ({ tiles }) => ({ tiles: [...tiles.slice(0, 1), 0] })],
      ['no tiles at all', () => ({ tiles: [] })],
      ['one record more than the tile has', () => ({ records: 301 })],
      ['one record less', () => ({ records: 299 })],
      ['as many records as need other levels', () => ({ records: 300 + 65_536 })],
      ['tiles of the other level', ({ tiles }) => ({ tiles: tiles.slice(0, 2).reverse() })],
      ['a tile that is none', ({ self }) => ({ tiles: [self, self] })],
      ['a tile within another chunk', ({ tiles }) => ({ tiles: [(tiles[0] ?? 0) + 1, tiles[1] ?? 0] })],
      ['a tile behind the end of the file', () => ({ tiles: [2 ** 40, 2 ** 40] })],
      ['a tile at the greatest offset that there is', () => ({ tiles: [Number.MAX_SAFE_INTEGER, 8] })],
    ])('%s', async (_, change) => {
      const file = await recording(300);
      const tail = tailOf(file);
      const source = createMemorySource(file);
      expect(await TileIndex.open(source, { ...tail, ...change(tail) }, DEFAULT_LIMITS)).toBeUndefined();
    });
  });

  test.each(['H4_IO', 'H4_CANCELLED', 'H4_HTTP_RANGE', 'H4_STATE'] as const)(
    'a source that fails with %s is no reason to go without tiles',
    async (code) => {
      const file = await recording(300);
      const failure = new H4Error(code, 'The source is gone');
      const source = sourceOf(file.length, () => Promise.reject(failure));
      expect(await rejection(TileIndex.open(source, tailOf(file), DEFAULT_LIMITS))).toBe(failure);
    },
  );

  test('an error that is none of ours comes through as it is', async () => {
    const file = await recording(300);
    const failure = new TypeError('a defect');
    const source = sourceOf(file.length, () => Promise.reject(failure));
    await expect(TileIndex.open(source, tailOf(file), DEFAULT_LIMITS)).rejects.toBe(failure);
  });

  test('a level above the limit is refused', async () => {
    const file = await recording(300);
    const opening = TileIndex.open(createMemorySource(file), tailOf(file), createLimits({ maxTileLevel: 0 }));
    expect((await rejection(opening)).code).toBe('H4_LIMIT_TILE');
  });
});
