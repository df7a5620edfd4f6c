/**
 * Indexes are hints, and hints may lie: whatever an index field says, a reader answers with what is true or refuses with a
 * code that speaks of the file. It never hands out other bytes, never reads beyond the file, never more than its limits.
 */
import { describe, expect, test } from 'vitest';
import type { Chunk } from '../../src/container/format/chunk.js';
import type { Block } from '../../src/container/read/block.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import type { LocatedHead } from '../../src/container/read/record-reader.js';
import type { RecordInput } from '../../src/container/write/record-writer.js';
import { parseTail } from '../../src/container/format/tail.js';
import { Tile } from '../../src/container/format/tile.js';
import { type ToknHead, parseTokn } from '../../src/container/format/tokn.js';
import { createCountingSource } from '../../src/storage/counting.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { H4Error } from '../../src/utils/error.js';
import { lcgBytes } from '../compression/lcg.js';
import {
  AUDIO,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  mediaRecord,
  metaRecord,
  patched,
  recordZero,
  rejection,
  resealed,
  withField,
  written,
} from '../support/container.js';

const TRACKS = { tracks: [VIDEO, AUDIO] };
const blocks: readonly RecordInput[] = Array.from({ length: 700 }, (_, i) =>
  mediaRecord({
    track: i % 2,
    pts: 40 * (i + (i % 2) * 9),
    key: i % 6 < 2,
    payload: lcgBytes(i, 200 + (i % 5) * 20),
  }),
);
const file = await closedRecording(blocks, { ...TRACKS, totals: true });
const truth = chunksOf(file)
  .filter(({ tag }) => tag === 'TOKN')
  .map(({ payload }) => parseTokn(payload));
const lengths = [0, 1].map((track) => truth.reduce((sum, tokn) => sum + (tokn.track === track ? tokn.raw : 0), 0));

interface Testimony {
  readonly answered: number;
  readonly refused: readonly H4Error[];
}

/** Asks all sorts of questions about a file whose index lies. Whatever is answered must be true. */
const probe = async (lying: Uint8Array): Promise<Testimony> => {
  const source = createCountingSource(createMemorySource(lying));
  const limits = { maxChunkBytes: 16_384, maxTokens: 16 };
  const refused: H4Error[] = [];
  const wrong: string[] = [];
  let answered = 0;
  const ask = async <T>(name: string, question: () => Promise<T>, isTrue: (answer: T) => boolean): Promise<void> => {
    try {
      if (!isTrue(await question())) wrong.push(name);
      answered++;
    } catch (error) {
      if (!(error instanceof H4Error) || error.kind === 'usage' || error.kind === 'internal') throw error;
      refused.push(error);
    }
  };
  const readers: H4MKReader[] = [];
  await ask(
    'open',
    () => H4MKReader.open(source, { limits }),
    (opened) => readers.push(opened) === 1,
  );
  for (const reader of readers) {
    for (const seq of [1, 255, 256, 300, 511, 512, 699, 700].filter((n) => n < reader.recordCount)) {
      await ask(`head ${seq}`, () => reader.head(seq), isGenuine);
      await ask(`block ${seq}`, () => reader.block(seq), isGenuineBlock);
    }
    for (const track of [0, 1]) {
      for (const pts of [0, 5000, 20_480, 10 ** 9]) {
        const isKey = (head: LocatedHead | undefined): boolean =>
          head === undefined || (isGenuine(head) && head.key && head.track === track && head.pts <= pts);
        await ask(`seek ${pts}`, () => reader.seek(pts, { track }), isKey);
      }
      await ask(
        `length ${track}`,
        () => reader.trackLength(track),
        (length) => length <= (lengths[track] ?? 0),
      );
      for (const position of [0, 83_000]) {
        const holds = (head: LocatedHead): boolean =>
          isGenuine(head) && head.track === track && head.pos <= position && position < head.pos + head.raw;
        await ask(`byte ${position}`, () => reader.findByte(track, position), holds);
      }
    }
    for (const pts of [0, 12_000]) {
      const isBlock = (block: Block | undefined): boolean =>
        block === undefined || (isGenuineBlock(block) && block.tokn.key && block.tokn.pts <= pts);
      await ask(`block at ${pts}`, () => reader.blockAt(pts), isBlock);
    }
    await ask(
      'tracks',
      () => reader.tracks(),
      (tracks) => tracks.length === 2,
    );
  }
  const beyond = source.reads.filter(([start, end]) => end > lying.length || end - start > 65_536);
  expect([wrong, beyond]).toEqual([[], []]);
  return { answered, refused };
};

const isSame = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && Buffer.compare(a, b) === 0;

const isGenuine = (head: ToknHead): boolean => {
  const real = truth[head.seq];
  const fields = ['mode', 'key', 'track', 'pts', 'pos', 'back', 'raw', 'size'] as const;
  return fields.every((field) => real?.[field] === head[field]) && isSame(head.commit, real?.commit);
};

const isGenuineBlock = ({ tokn, bytes }: Block): boolean =>
  isGenuine(tokn) && isSame(bytes, blocks[tokn.seq - 1]?.payload);

const tail = chunkOf(file, 'TAIL');
const tiles = chunksOf(file).filter(({ tag }) => tag === 'TILE');
const aTokn = chunkOf(file, 'TOKN', 400).offset;

/** Offsets that lead somewhere, nowhere, or out of this world. */
const lies: readonly (number | bigint)[] = [
  0,
  1,
  8,
  aTokn,
  aTokn + 1,
  chunkOf(file, 'CORE', 300).offset,
  ...tiles.map(({ offset }) => offset),
  chunkOf(file, 'SEEK').offset,
  tail.offset,
  file.length - 1,
  file.length,
  file.length + 1,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

const described = (chunk: Chunk): string => {
  const { level, index, width } = Tile.parse(chunk.payload);
  return `level ${level}, index ${index}, width ${width}`;
};

test('without a lie every question is answered', async () => {
  const { answered, refused } = await probe(file);
  expect(refused).toEqual([]);
  expect(answered).toBe(1 + 8 * 2 + 2 * (4 + 1 + 2) + 2 + 1);
  expect(tiles.map(described)).toEqual([
    'level 0, index 0, width 256',
    'level 0, index 1, width 256',
    'level 0, index 2, width 190',
    'level 1, index 0, width 2',
  ]);
});

describe('a TAIL that lies about', () => {
  test.each([
    ['itself', 0],
    ['state', 8],
    ['records', 16],
    ['META', 24],
    ['SEEK', 32],
    ['VERI', 40],
    ['SIGN', 48],
    ['the TAIL before it', 56],
    ['the tile of level 0', 64],
    ['the tile of level 1', 72],
    ['the tile of level 2', 80],
    ['the tile of level 7', 120],
  ])('%s', async (_, at) => {
    for (const lie of lies) await probe(withField(file, tail, at, lie, at === 8 ? 1 : 8));
  });

  test('the number of records', async () => {
    for (const lie of [1, 2, 190, 255, 256, 257, 511, 512, 513, 701, 703, 704, 958, 65_536, 2 ** 24 + 702, 2 ** 52]) {
      const { refused } = await probe(withField(file, tail, 16, lie, 8));
      expect(refused.map(({ code }) => code)).not.toContain('H4_PARAM');
    }
  });

  test('its root or its padding', async () => {
    expect((await probe(withField(file, tail, 128, 0, 8))).refused).toEqual([]);
    expect((await probe(withField(file, tail, 9, 1, 1))).refused).toEqual([]);
  });
});

describe.each(tiles.map((chunk) => [described(chunk), chunk] as const))('a TILE of %s that lies about', (_, tile) => {
  const { width } = Tile.parse(tile.payload);
  const places = [0, 1, 44, 189, 255].filter((j) => j < width);

  test('a position', async () => {
    let refusals = 0;
    for (const j of places) {
      for (const lie of lies) {
        const { refused } = await probe(withField(file, tile, 48 + 16 * j + 8, lie, 8));
        refusals += refused.length;
      }
    }
    expect(refusals).toBeGreaterThan(0);
  });

  test('a time', async () => {
    const times = [0, 1, 40, 9000, 20_479, 28_000, 10 ** 6, Number.MAX_SAFE_INTEGER, 2n ** 53n, 2n ** 63n];
    for (const j of places) for (const lie of times) await probe(withField(file, tile, 48 + 16 * j, lie, 8));
  });

  test('all times together', async () => {
    for (const lie of [0, 1, 9000, 10 ** 6, Number.MAX_SAFE_INTEGER]) {
      let lying = file;
      for (let j = 0; j < width; j++) lying = patched(lying, tile.offset + 12 + 48 + 16 * j, lie, 8);
      await probe(lying);
    }
  });

  test('its keys', async () => {
    for (const byte of [0, 0x55, 0xff]) {
      for (const at of [0, 5, 23, 31].filter((k) => 8 * k + 8 <= width)) {
        await probe(withField(file, tile, 16 + at, byte, 1));
      }
    }
    let lying = file;
    for (let k = 0; k < 32; k++) lying = patched(lying, tile.offset + 12 + 16 + k, 0);
    await probe(lying);
  });

  test('its level, width or index', async () => {
    for (const [at, bytes, lie] of [
      [0, 1, 0],
      [0, 1, 1],
      [0, 1, 2],
      [0, 1, 5],
      [0, 1, 8],
      [1, 1, 1],
      [2, 2, 0],
      [2, 2, 1],
      [2, 2, 255],
      [2, 2, 257],
      [4, 4, 1],
      [8, 8, 0],
      [8, 8, 1],
      [8, 8, 2],
      [8, 8, 2n ** 63n],
    ] as const) {
      await probe(withField(file, tile, at, lie, bytes));
    }
  });

  test('its tag, size or CRC', async () => {
    for (const lie of [0, 0x53454b20, 0x544f4b4e]) await probe(patched(file, tile.offset, lie, 4));
    for (const lie of [0, 1, 12_335, 2 ** 32 - 1]) await probe(patched(file, tile.offset + 4, lie, 4));
    await probe(patched(file, tile.offset + 8, 0, 4));
  });
});

test('tiles that were swapped are refused', async () => {
  const [first, second] = tiles;
  if (first === undefined || second === undefined) throw new Error('Expected two tiles');
  const lying = Uint8Array.from(file);
  lying.set(second.payload, first.offset + 12);
  lying.set(first.payload, second.offset + 12);
  const { refused } = await probe(lying);
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['H4_INDEX_MISMATCH']));
  expect(refused.length).toBeGreaterThan(10);
});

test('a SEEK that lies changes no answer: the tiles give it', async () => {
  const seek = chunkOf(file, 'SEEK');
  for (const at of [0, 4, 12, 20, seek.size - 8]) {
    for (const lie of lies) expect((await probe(withField(file, seek, at, lie, at === 0 ? 4 : 8))).refused).toEqual([]);
  }
});

test('a key that lies after the time asked for is refused', async () => {
  // All children of level 1 claim to begin at time 0, so that the search takes the last one for likely.
  const level1 = tiles[3];
  if (level1 === undefined) throw new Error('Expected a tile of level 1');
  const many = await closedRecording(Array.from({ length: 1500 }, (_, i) => mediaRecord({ pts: 10 * i, key: true })));
  const tile = chunkOf(many, 'TILE', -1);
  let lying = many;
  for (let j = 0; j < 5; j++) lying = patched(lying, tile.offset + 12 + 48 + 16 * j, 0, 8);
  const reader = await H4MKReader.open(createMemorySource(lying));
  expect((await rejection(reader.seek(50))).code).toBe('H4_INDEX_MISMATCH');
  expect((await rejection(reader.blockAt(50))).code).toBe('H4_INDEX_MISMATCH');
});

test.each([0, 100])('a latest META %i records behind those that the index knows is refused', async (between) => {
  const growing = await written(async (writer) => {
    await writer.record(recordZero(TRACKS));
    for (const block of blocks.slice(0, 99)) await writer.record(block);
    await writer.indexPoint();
    for (const block of blocks.slice(99, 99 + between)) await writer.record(block);
    await writer.record(metaRecord({ x: 1 }, 10_000));
  });
  const earlier = parseTail(chunkOf(growing, 'TAIL').payload);
  // The TAIL at the end has the records and tiles of the earlier one, and names the last META.
  let lying = resealed([...chunksOf(growing), chunkOf(growing, 'TAIL')]);
  lying = withField(lying, chunkOf(lying, 'TAIL', -1), 16, earlier.records, 8);
  lying = withField(lying, chunkOf(lying, 'TAIL', -1), 64, earlier.tiles[0] ?? 0, 8);
  const reader = await H4MKReader.open(createMemorySource(lying));
  expect(reader.recordCount).toBe(100);
  expect((await rejection(reader.metas())).code).toBe('H4_INDEX_MISMATCH');
});
