import { afterEach, describe, expect, test, vi } from 'vitest';
import type { HashingSink } from '../../../src/container/io/io.js';
import { MODE, NO_TRACK } from '../../../src/container/format/layout.js';
import { MerkleFrontier, leafHash } from '../../../src/container/tree/merkle.js';
import {
  type Checkpoint,
  type ClosedCheckpoint,
  type IndexPoint,
  type RecordInput,
  RecordWriter,
} from '../../../src/container/write/record-writer.js';
import { SeekTable } from '../../../src/container/format/seek.js';
import { parseTail } from '../../../src/container/format/tail.js';
import { Tile } from '../../../src/container/format/tile.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createDiscardSink, createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import type * as Sha256 from '../../../src/utils/sha256.js';
import { createSha256, sha256 } from '../../../src/utils/sha256.js';
import {
  AUDIO,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  endRecord,
  interleaved,
  mediaRecord,
  metaRecord,
  recordZero,
  rejection,
  sinkOf,
  tagsOf,
  toknOffsets,
  written,
} from '../../support/container.js';
import { refusal } from '../../utils/refusal.js';

/** How many running hashes were made so far: VERI is the only use that a writer has for one. */
const hashes = vi.hoisted(() => ({ made: 0 }));
vi.mock('../../../src/utils/sha256.js', async (importOriginal) => {
  const original = await importOriginal<typeof Sha256>();
  const counted = (): ReturnType<typeof original.createSha256> => {
    hashes.made++;
    return original.createSha256();
  };
  return { ...original, createSha256: counted };
});

const TRACKS = { tracks: [VIDEO, AUDIO] };
const toknsOf = (file: Uint8Array) =>
  chunksOf(file)
    .filter(({ tag }) => tag === 'TOKN')
    .map(({ payload }) => parseTokn(payload));

const rootOf = (file: Uint8Array, count = Infinity): Uint8Array => {
  const tree = new MerkleFrontier();
  for (const { entry } of toknsOf(file).slice(0, count)) tree.push(leafHash(entry));
  return tree.root();
};

const sound = async (file: Uint8Array): Promise<void> => {
  const { errors, warnings } = await verifyContainer(createMemorySource(file));
  expect([errors, warnings.filter(({ code }) => code !== 'H4_KEY_MISSING')]).toEqual([[], []]);
};

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('RecordWriter.record()', () => {
  test('writes header, TOKN and payload, and says where', async () => {
    const receipts: unknown[] = [];
    const zero = recordZero();
    const block = mediaRecord({ pts: 5, key: true, payload: utf8Encode('picture') });
    const file = await written(async (writer) => {
      expect([writer.size, writer.offset]).toEqual([0, 0]);
      receipts.push(await writer.record(zero), await writer.record(block));
      expect(writer.size).toBe(2);
      expect(writer.offset).toBe(8 + 104 + zero.payload.length + 104 + 12 + 7);
    });
    expect(toHex(file.subarray(0, 8))).toBe('48344d4b00010000');
    expect(chunksOf(file).map(({ tag, size }) => [tag, size])).toEqual([
      ['TOKN', 80],
      ['META', zero.payload.length],
      ['TOKN', 92],
      ['CORE', 7],
    ]);
    expect(receipts).toEqual([
      { seq: 0, offset: 8 },
      { seq: 1, offset: 8 + 104 + zero.payload.length },
    ]);
    expect(chunkOf(file, 'CORE').payload).toEqual(utf8Encode('picture'));
  });

  test('fills in what follows from the records before', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      await writer.record({ mode: MODE.scopes, pts: 0, payload: utf8Encode('{}') });
      await writer.record(mediaRecord({ track: 1, pts: 7, payload: new Uint8Array(5) }));
      await writer.record(mediaRecord({ track: 0, pts: 1, key: true, payload: new Uint8Array(10) }));
      await writer.record(mediaRecord({ track: 1, pts: 8, key: true, payload: new Uint8Array(6) }));
      await writer.record(mediaRecord({ track: 0, pts: 2, payload: new Uint8Array(0) }));
      await writer.record(mediaRecord({ track: 0, pts: 3, payload: new Uint8Array(30) }));
      await writer.record(metaRecord({ x: 1 }, 9));
    });
    const column = (...keys: readonly string[]) =>
      toknsOf(file).map((tokn) => keys.map((key) => tokn[key as keyof typeof tokn]));
    expect(column('seq', 'mode', 'track', 'key', 'pos', 'back', 'raw')).toEqual([
      [0, 3, NO_TRACK, true, 0, 0, recordZero(TRACKS).payload.length],
      [1, 4, NO_TRACK, true, 0, 1, 2],
      [2, 0, 1, false, 0, 0, 5],
      [3, 0, 0, true, 0, 0, 10],
      [4, 0, 1, true, 5, 0, 6],
      [5, 0, 0, false, 10, 2, 0],
      [6, 0, 0, false, 10, 3, 30],
      [7, 3, NO_TRACK, true, 0, 6, 7],
    ]);
  });

  test('commits to blind and payload, and keeps the blind out of the entry', async () => {
    const blind = Uint8Array.from({ length: 16 }, (_, i) => i);
    const payload = utf8Encode('masked');
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(mediaRecord({ pts: 0, mode: MODE.masked, epoch: 3, blind, payload }));
    });
    const [, tokn] = toknsOf(file);
    expect(tokn).toMatchObject({ mode: MODE.masked, epoch: 3, blind, commit: sha256(blind, payload) });
    expect(tokn?.entry).toHaveLength(92);
    expect(tagsOf(file)).toEqual(['TOKN', 'META', 'TOKN', 'SAFE']);
  });

  test('takes track 0 and the key bit of the first token where they are not given', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record({
        mode: MODE.core,
        pts: 0,
        payload: Uint8Array.of(1),
        tokens: [{ delta: 0, duration: 0, key: true, size: 1 }],
      });
    });
    expect(toknsOf(file)[1]).toMatchObject({ track: 0, key: true });
  });

  test('passes payloads on without copying them, and writes no empty pieces', async () => {
    const pieces: Uint8Array[] = [];
    const sink = sinkOf((bytes) => {
      pieces.push(bytes);
      return undefined;
    });
    const writer = new RecordWriter(sink, { seekTrack: 0 });
    const payload = new Uint8Array(1000);
    await writer.record(recordZero());
    await writer.record(mediaRecord({ pts: 0, key: true, payload }));
    await writer.record(mediaRecord({ pts: 1, payload: new Uint8Array(0) }));
    expect(pieces).toContain(payload);
    expect(pieces.map(({ length }) => length)).toEqual([8, 104, recordZero().payload.length, 116, 1000, 116]);
  });

  test.each<[string, RecordInput]>([
    ['a block', mediaRecord({ pts: 0 })],
    ['scopes', { mode: MODE.scopes, pts: 0, payload: utf8Encode('{}') }],
    ['META at another time', { ...recordZero(), pts: 1 }],
    ['META with a blind', { ...recordZero(), blind: new Uint8Array(16) }],
  ])('refuses %s as record 0', async (_, input) => {
    const writer = new RecordWriter(createDiscardSink(), { seekTrack: 0 });
    expect((await rejection(writer.record(input))).code).toBe('H4_RECORD0');
    expect([writer.size, writer.offset]).toEqual([0, 0]);
  });

  const token = { delta: 0, duration: 0, key: false, size: 1 };
  const refusedInputs: readonly (readonly [string, RecordInput, string])[] = [
    ['a block without tokens', mediaRecord({ pts: 50, tokens: [] }), 'H4_PARAM'],
    ['a block of nothing', { mode: MODE.core, pts: 50, payload: new Uint8Array(0) }, 'H4_PARAM'],
    ['META with tokens', { ...metaRecord({}, 50), tokens: [token] }, 'H4_PARAM'],
    ['a first token away from the block', mediaRecord({ pts: 50, tokens: [{ ...token, delta: 1 }] }), 'H4_TOKN_DELTA'],
    [
      'a first token with another key bit',
      mediaRecord({ pts: 50, tokens: [{ ...token, key: true }] }),
      'H4_TOKN_DELTA',
    ],
    ['a token before time 0', mediaRecord({ pts: 50, tokens: [token, { ...token, delta: -51 }] }), 'H4_TOKN_DELTA'],
    ['a block before time 0', mediaRecord({ pts: -1, track: 1 }), 'H4_TOKN_DELTA'],
    ['a key block at the time of the last one', mediaRecord({ pts: 10, key: true }), 'H4_TOKN_PTS_ORDER'],
    ['a block before its key block', mediaRecord({ pts: 9 }), 'H4_TOKN_PTS_ORDER'],
    ['META before the last one', metaRecord({}, 19), 'H4_TOKN_PTS_ORDER'],
    ['a delta beyond 32 bits', mediaRecord({ pts: 50, tokens: [token, { ...token, delta: 2 ** 31 }] }), 'H4_PARAM'],
    ['a PTS beyond 2^53-1', mediaRecord({ pts: 2 ** 53 }), 'H4_LIMIT_U64'],
    ['a blind of 15 bytes', mediaRecord({ pts: 50, blind: new Uint8Array(15) }), 'H4_PARAM'],
    ['a track that is none', mediaRecord({ pts: 50, track: 65_535 }), 'H4_TOKN_FIELD'],
  ];

  test.each(refusedInputs)('refuses %s', async (_, input, code) => {
    const writer = new RecordWriter(createDiscardSink(), { seekTrack: 0 });
    await writer.record(recordZero());
    await writer.record(mediaRecord({ pts: 10, key: true }));
    await writer.record(metaRecord({}, 20));
    expect((await rejection(writer.record(input))).code).toBe(code);
  });

  test('an input that was refused leaves the file as if it had never been', async () => {
    const script =
      (refused: readonly RecordInput[]) =>
      async (writer: RecordWriter): Promise<void> => {
        const attempts = async (): Promise<void> => {
          for (const input of refused) await rejection(writer.record(input));
        };
        await writer.record(recordZero());
        await writer.record(mediaRecord({ pts: 10, key: true }));
        await writer.record(metaRecord({}, 20));
        await attempts();
        await writer.record(mediaRecord({ pts: 30 }));
        await attempts();
        await writer.record(endRecord(40, writer.totals()));
        await attempts();
        await writer.close();
      };
    const file = await written(script(refusedInputs.map(([, input]) => input)));
    expect(file).toEqual(await written(script([])));
    await sound(file);
  });
});

describe('the tiles of a file', () => {
  const media = (count: number): RecordInput[] =>
    Array.from({ length: count }, (_, i) => mediaRecord({ pts: i, key: i % 7 === 0, payload: new Uint8Array(0) }));

  /** TILE chunks as (level, index, width), each with the number of records before it. */
  const tilesOf = (file: Uint8Array) => {
    let records = 0;
    return chunksOf(file).flatMap(({ tag, payload, offset }) => {
      if (tag === 'TOKN') records++;
      return tag === 'TILE' ? [{ tile: Tile.parse(payload), records, offset }] : [];
    });
  };
  const summary = (file: Uint8Array): string[] =>
    tilesOf(file).map(({ tile, records }) => `${records}: ${tile.level}/${tile.index}.${tile.width}`);

  test.each([
    [2, ['2: 0/0.2']],
    [255, ['255: 0/0.255']],
    [256, ['256: 0/0.256', '256: 1/0.1']],
    [257, ['256: 0/0.256', '257: 0/1.1', '257: 1/0.1']],
    [511, ['256: 0/0.256', '511: 0/1.255', '511: 1/0.1']],
    [512, ['256: 0/0.256', '512: 0/1.256', '512: 1/0.2']],
    [513, ['256: 0/0.256', '512: 0/1.256', '513: 0/2.1', '513: 1/0.2']],
  ])('closed with %i records are %j', async (count, expected) => {
    const file = await closedRecording(media(count - 2));
    expect(summary(file)).toEqual(expected);
    const tags = tagsOf(file);
    const full = expected.filter((name) => name.endsWith('.256')).length;
    expect(tags.slice(2 * count + full)).toEqual([
      'SEEK',
      ...Array<string>(expected.length - full).fill('TILE'),
      'VERI',
      'TAIL',
    ]);
    await sound(file);
  });

  test('full ones stand directly behind the record that completes them', async () => {
    const tags = tagsOf(await closedRecording(media(600)));
    const tiles = [...tags.slice(0, tags.indexOf('SEEK')).entries()].filter(([, tag]) => tag === 'TILE');
    expect(tiles.map(([i]) => i)).toEqual([2 * 256, 2 * 512 + 1]);
  });

  test('at 65 535, 65 536 and 65 537 records', async () => {
    const points = new Map<number, string[]>();
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      for (const record of media(65_534)) await writer.record(record);
      await writer.indexPoint({ tail: false });
      await writer.record(mediaRecord({ pts: 70_000 }));
      await writer.indexPoint({ tail: false });
      await writer.record(endRecord(80_000));
      await writer.close();
    });
    const tiles = tilesOf(file);
    for (const { tile, records } of tiles) {
      points.set(records, [...(points.get(records) ?? []), `${tile.level}/${tile.index}.${tile.width}`]);
    }
    expect([...points.keys()].filter((records) => records < 65_535)).toEqual(
      Array.from({ length: 255 }, (_, i) => 256 * (i + 1)),
    );
    expect(points.get(65_535)).toEqual(['0/255.255', '1/0.255']);
    expect(points.get(65_536)).toEqual(['0/255.256', '1/0.256', '2/0.1']);
    expect(points.get(65_537)).toEqual(['0/256.1', '2/0.1']);

    const offsets = toknOffsets(file);
    const full = tiles.filter(({ tile }) => tile.width === 256);
    for (const { tile } of full.filter(({ tile: { level } }) => level === 0)) {
      for (const j of [0, 1, 128, 255]) expect(tile.offset(j)).toBe(offsets[256 * tile.index + j]);
    }
    const middle = full.find(({ tile: { level } }) => level === 1);
    expect(Array.from({ length: 256 }, (_, j) => middle?.tile.offset(j))).toEqual(
      full.filter(({ tile: { level } }) => level === 0).map(({ offset }) => offset),
    );
    const tail = parseTail(chunkOf(file, 'TAIL').payload);
    expect(tail.tiles).toEqual([
      tiles.filter(({ tile: { level } }) => level === 0).at(-1)?.offset,
      middle?.offset,
      tiles.at(-1)?.offset,
      ...[0, 0, 0, 0, 0],
    ]);
    await sound(file);
  });

  test('keymaps and SEEK are about the seek track only', async () => {
    const file = await closedRecording(interleaved(20), { ...TRACKS, seekTrack: 1 });
    const tokns = toknsOf(file);
    const keys = tokns.filter(({ track, key }) => track === 1 && key).map(({ seq }) => seq);
    expect([...Tile.parse(chunkOf(file, 'TILE').payload).keys()]).toEqual(keys);
    const table = new SeekTable(chunkOf(file, 'SEEK').payload);
    expect(Array.from({ length: table.length }, (_, k) => table.entry(k))).toEqual(
      keys.map((seq) => ({ pts: tokns[seq]?.pts, offset: toknOffsets(file)[seq] })),
    );
  });

  test('memory is one open tile per level, however many records pass', async () => {
    const HASHES_OF_A_TILE = 32 * 256;
    let buffers = 0;
    vi.stubGlobal(
      'Uint8Array',
      new Proxy(Uint8Array, {
        construct: (target, args: [number]) => {
          if (args[0] === HASHES_OF_A_TILE) buffers++;
          return new target(...args);
        },
      }),
    );
    const writer = new RecordWriter(createDiscardSink(), { seekTrack: 0 });
    await writer.record(recordZero());
    for (const record of media(255)) await writer.record(record);
    expect(buffers).toBe(2);
    for (const record of media(3000)) await writer.record({ ...record, pts: record.pts + 300 });
    expect(buffers).toBe(2);
  });
});

describe('RecordWriter.indexPoint()', () => {
  const note = utf8Encode('a note');
  const started = async (count: number, script: (writer: RecordWriter) => Promise<unknown>): Promise<Uint8Array> =>
    written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      for (const record of interleaved(count - 1)) await writer.record(record);
      await script(writer);
    });
  const after = (file: Uint8Array, count: number): string[] => {
    const tags = tagsOf(file);
    return tags.slice(2 * count + Math.floor(count / 256));
  };

  test('writes the unfinished tiles of all levels, and a TAIL', async () => {
    const file = await started(300, (writer) => writer.indexPoint());
    expect(after(file, 300)).toEqual(['TILE', 'TILE', 'TAIL']);
    const [low, high] = [chunkOf(file, 'TILE', 1), chunkOf(file, 'TILE', 2)];
    expect(
      [Tile.parse(low.payload), Tile.parse(high.payload)].map(({ level, index, width }) => [level, index, width]),
    ).toEqual([
      [0, 1, 44],
      [1, 0, 1],
    ]);
    const { offset, payload } = chunkOf(file, 'TAIL');
    expect(parseTail(payload)).toEqual({
      self: offset,
      state: 0,
      records: 300,
      meta: 8,
      seek: 0,
      veri: 0,
      sign: 0,
      prev: 0,
      tiles: [low.offset, high.offset, 0, 0, 0, 0, 0, 0],
      root: rootOf(file),
    });
  });

  test('says how far it reaches, and gives the bytes of its TAIL for a sidecar', async () => {
    const points: IndexPoint[] = [];
    const file = await started(5, async (writer) => {
      points.push(await writer.indexPoint());
      points.push(await writer.indexPoint({ tail: false }));
      await writer.record(mediaRecord({ pts: 1000, key: true }));
      points.push(await writer.indexPoint());
      expect(points[2]?.offset).toBe(writer.offset);
    });
    const tails = chunksOf(file).filter(({ tag }) => tag === 'TAIL');
    expect(points.map(({ size }) => size)).toEqual([5, 5, 6]);
    expect(points.map(({ tailChunk }) => tailChunk)).toEqual([
      file.slice(tails[0]?.offset, (tails[0]?.offset ?? 0) + 172),
      undefined,
      file.slice(tails[1]?.offset),
    ]);
    expect(points[0]?.offset).toBe((tails[0]?.offset ?? 0) + 172);
  });

  test.each([
    [{ tiles: false }, ['TAIL']],
    [{ tail: false }, ['TILE']],
    [{ tiles: false, tail: false }, []],
    [{ sign: () => note }, ['TILE', 'SIGN', 'TAIL']],
    [{ sign: () => note, tiles: false, tail: false }, ['SIGN']],
    [{ sign: () => undefined }, ['TILE', 'TAIL']],
    [{ sign: () => Promise.resolve(undefined) }, ['TILE', 'TAIL']],
  ])('%j writes %j', async (options, tags) => {
    const file = await started(5, (writer) => writer.indexPoint(options));
    expect(after(file, 5)).toEqual(tags);
  });

  test('without tiles it names those of before', async () => {
    const file = await started(5, async (writer) => {
      await writer.indexPoint();
      await writer.record(mediaRecord({ pts: 1000, key: true }));
      await writer.indexPoint({ tiles: false });
    });
    expect(parseTail(chunkOf(file, 'TAIL', 1).payload)).toMatchObject({
      records: 6,
      prev: chunkOf(file, 'TAIL').offset,
      tiles: [chunkOf(file, 'TILE').offset, 0, 0, 0, 0, 0, 0, 0],
    });
  });

  test('may come again at the same size, and after a full tile', async () => {
    const twice = await started(5, async (writer) => {
      await writer.indexPoint();
      await writer.indexPoint();
    });
    expect(after(twice, 5)).toEqual(['TILE', 'TAIL', 'TILE', 'TAIL']);
    const full = await started(256, (writer) => writer.indexPoint());
    expect(after(full, 256)).toEqual(['TILE', 'TAIL']);
    await expect(verifyContainer(createMemorySource(twice))).resolves.toMatchObject({ error_count: 0 });
    await expect(verifyContainer(createMemorySource(full))).resolves.toMatchObject({ error_count: 0 });
  });

  test('the signature is made over the tree as it stands, and TAIL names it', async () => {
    const seen: Checkpoint[] = [];
    const file = await started(7, async (writer) => {
      await writer.indexPoint({
        sign: async (checkpoint) => {
          await Promise.resolve();
          seen.push(checkpoint);
          return note;
        },
      });
      expect(writer.checkpoint()).toEqual(seen[0]);
    });
    expect(seen).toEqual([{ size: 7, root: rootOf(file), fileId: leafHash(toknsOf(file)[0]?.entry ?? note) }]);
    expect(chunkOf(file, 'SIGN').payload).toEqual(note);
    expect(parseTail(chunkOf(file, 'TAIL').payload).sign).toBe(chunkOf(file, 'SIGN').offset);
  });

  test('before record 0 there is nothing to point to', async () => {
    const writer = new RecordWriter(createDiscardSink(), { seekTrack: 0 });
    expect(refusal(() => writer.checkpoint()).code).toBe('H4_STATE');
    expect((await rejection(writer.indexPoint())).code).toBe('H4_STATE');
    expect((await rejection(writer.close())).code).toBe('H4_STATE');
    await writer.record(recordZero());
    expect(writer.checkpoint().size).toBe(1);
  });
});

describe('RecordWriter.close()', () => {
  test('writes SEEK, tiles, signature, VERI and TAIL', async () => {
    const note = utf8Encode('a note');
    const seen: Checkpoint[] = [];
    const sign = (checkpoint: Checkpoint) => {
      seen.push(checkpoint);
      return note;
    };
    const file = await closedRecording(interleaved(300), { ...TRACKS, sign });
    const tags = tagsOf(file);
    expect(tags.slice(tags.indexOf('SEEK'))).toEqual(['SEEK', 'TILE', 'TILE', 'SIGN', 'VERI', 'TAIL']);
    const veri = chunkOf(file, 'VERI');
    expect(veri.payload).toEqual(sha256(file.subarray(8, veri.offset)));
    const { offset, payload } = chunkOf(file, 'TAIL');
    expect(parseTail(payload)).toMatchObject({
      self: offset,
      state: 1,
      records: 302,
      meta: toknOffsets(file).at(-1),
      seek: chunkOf(file, 'SEEK').offset,
      veri: veri.offset,
      sign: chunkOf(file, 'SIGN').offset,
      prev: 0,
      root: rootOf(file),
    });
    expect(seen).toEqual([{ size: 302, root: rootOf(file), fileId: leafHash(toknsOf(file)[0]?.entry ?? note) }]);
  });

  test('chains all TAILs and gives the checkpoint of the end', async () => {
    let last: ClosedCheckpoint | undefined;
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.indexPoint();
      await writer.record(mediaRecord({ pts: 0, key: true }));
      await writer.indexPoint();
      await writer.record(endRecord(0));
      last = await writer.close();
      expect(last).toMatchObject(writer.checkpoint());
    });
    const tails = chunksOf(file).filter(({ tag }) => tag === 'TAIL');
    expect(last?.tailChunk).toEqual(file.slice(tails[2]?.offset));
    expect(tails.map(({ payload }) => parseTail(payload).prev)).toEqual([0, tails[0]?.offset, tails[1]?.offset]);
    expect(tails.map(({ payload }) => parseTail(payload).root)).toEqual([
      rootOf(file, 1),
      rootOf(file, 2),
      rootOf(file),
    ]);
    expect(last).toMatchObject({ size: 3, root: rootOf(file) });
    await sound(file);
  });

  test('totals are those of the media tracks', async () => {
    await written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      expect(writer.totals()).toEqual([]);
      for (const record of interleaved(5)) await writer.record(record);
      expect(writer.totals()).toEqual([
        { track: 0, records: 3, raw: 9 },
        { track: 1, records: 2, raw: 6 },
      ]);
    });
  });

  test('same input, same bytes', async () => {
    const make = () => closedRecording(interleaved(40), { ...TRACKS, pointEvery: 10, totals: true });
    expect(await make()).toEqual(await make());
  });
});

describe('a writer used out of order', () => {
  const started = async (): Promise<RecordWriter> => {
    const writer = new RecordWriter(createDiscardSink(), { seekTrack: 0 });
    await writer.record(recordZero());
    return writer;
  };
  const operations: readonly (readonly [string, (writer: RecordWriter) => Promise<unknown>])[] = [
    ['record()', (writer) => writer.record(mediaRecord({ pts: 0 }))],
    ['indexPoint()', (writer) => writer.indexPoint()],
    ['close()', (writer) => writer.close()],
  ];

  test('refuses a sink that has bytes already', () => {
    const sink = createMemorySink();
    void sink.write(new Uint8Array(3));
    expect(refusal(() => new RecordWriter(sink, { seekTrack: 0 }))).toMatchObject({
      code: 'H4_STATE',
      message: 'A container must start an empty sink; this one has 3 bytes',
    });
  });

  test.each(operations)('refuses %s after close()', async (_, operation) => {
    const writer = await started();
    await writer.close();
    expect(await rejection(operation(writer))).toMatchObject({
      code: 'H4_STATE',
      message: 'Cannot write: this writer is closed',
    });
  });

  test.each(operations)('refuses %s while another call is under way, which is not disturbed', async (_, operation) => {
    const writer = await started();
    const first = writer.record(mediaRecord({ pts: 0, key: true }));
    expect(await rejection(operation(writer))).toMatchObject({
      code: 'H4_STATE',
      message: 'Cannot write: this writer is still writing (await each call)',
    });
    expect(await first).toMatchObject({ seq: 1 });
    await writer.record(endRecord(1));
    expect((await writer.close()).size).toBe(3);
  });

  test('refuses calls from within the signature', async () => {
    const writer = await started();
    let inner: Promise<H4Error> | undefined;
    await writer.indexPoint({
      sign: () => {
        inner = rejection(writer.record(mediaRecord({ pts: 0 })));
        return undefined;
      },
    });
    expect((await inner)?.code).toBe('H4_STATE');
  });
});

describe('a sink', () => {
  const failure = new H4Error('H4_WRITE', 'The disk is full');

  test('that makes its writer wait gets one piece at a time', async () => {
    const parts: Uint8Array[] = [];
    let underWay = 0;
    let most = 0;
    const sink = sinkOf(async (bytes) => {
      most = Math.max(most, ++underWay);
      // Kept as it is when the wait is over: the writer must not have changed it.
      await new Promise((resolve) => setTimeout(resolve, 0));
      parts.push(Uint8Array.from(bytes));
      underWay--;
    });
    const script = async (writer: RecordWriter): Promise<void> => {
      await writer.record(recordZero(TRACKS));
      for (const record of interleaved(20)) await writer.record(record);
      await writer.indexPoint();
      await writer.record(endRecord(500));
      await writer.close(() => utf8Encode('note'));
    };
    await script(new RecordWriter(sink, { seekTrack: 0 }));
    expect(most).toBe(1);
    expect(underWay).toBe(0);
    expect(Uint8Array.from(parts.flatMap((part) => [...part]))).toEqual(await written(script));
  });

  test('is not written to again before there is room', async () => {
    let makeRoom: (() => void) | undefined;
    let writes = 0;
    const sink = sinkOf(() => {
      writes++;
      return new Promise<void>((resolve) => {
        makeRoom = resolve;
      });
    });
    const pending = new RecordWriter(sink, { seekTrack: 0 }).record(recordZero());
    for (const count of [1, 2, 3]) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(writes).toBe(count);
      makeRoom?.();
    }
    await expect(pending).resolves.toEqual({ seq: 0, offset: 8 });
  });

  test.each<[string, () => Promise<void>]>([
    ['rejects', () => Promise.reject(failure)],
    [
      'throws',
      () => {
        throw failure;
      },
    ],
  ])('that %s leaves the writer failed', async (_, fail) => {
    for (let nth = 1; nth <= 8; nth++) {
      let writes = 0;
      const writer = new RecordWriter(
        sinkOf(() => (++writes === nth ? fail() : undefined)),
        { seekTrack: 0 },
      );
      const attempt = async (): Promise<void> => {
        await writer.record(recordZero());
        await writer.record(mediaRecord({ pts: 0, key: true }));
        await writer.indexPoint();
      };
      expect(await rejection(attempt())).toBe(failure);
      for (const operation of [writer.record(mediaRecord({ pts: 1 })), writer.indexPoint(), writer.close()]) {
        expect(await rejection(operation)).toMatchObject({
          code: 'H4_STATE',
          message: 'Cannot write: this writer is failed',
        });
      }
      expect(writes).toBe(nth);
    }
  });

  test('a signature that fails in the middle of an index point leaves the writer failed, before it does not', async () => {
    const sign = () => Promise.reject(failure);
    const writer = new RecordWriter(createDiscardSink(), { seekTrack: 0 });
    await writer.record(recordZero());
    expect(await rejection(writer.indexPoint({ tiles: false, sign }))).toBe(failure);
    await writer.record(mediaRecord({ pts: 0, key: true }));
    expect(await rejection(writer.indexPoint({ sign }))).toBe(failure);
    expect((await rejection(writer.close())).code).toBe('H4_STATE');
  });

  /** Hashes what passes, from `hashedFrom` on; says how often it was asked. */
  const hashingSink = (hashedFrom: number) => {
    const inner = createMemorySink();
    const hash = createSha256();
    const state = { digests: 0, file: (): Uint8Array => inner.bytes() };
    const sink: HashingSink = {
      get length() {
        return inner.length;
      },
      hashedFrom,
      write(bytes) {
        hash.update(bytes.subarray(Math.max(0, hashedFrom - inner.length)));
        return inner.write(bytes);
      },
      async digest() {
        state.digests++;
        await Promise.resolve();
        return hash.copy().digest();
      },
      commit: () => inner.commit(),
      abort: () => inner.abort(),
    };
    return { sink, state };
  };

  const closeInto = async (sink: HashingSink): Promise<void> => {
    const writer = new RecordWriter(sink, { seekTrack: 0 });
    await writer.record(recordZero());
    await writer.record(mediaRecord({ pts: 1, key: true }));
    await writer.record(endRecord(1));
    await writer.close();
    await sink.commit();
  };

  test('that hashes from byte 8 on gives VERI, asked once; the writer does not hash', async () => {
    const { sink, state } = hashingSink(8);
    const before = hashes.made;
    await closeInto(sink);
    expect(hashes.made).toBe(before);
    expect(state.digests).toBe(1);
    expect(state.file()).toEqual(await closedRecording([mediaRecord({ pts: 1, key: true })]));
    const made = new Uint8Array(32).fill(7);
    const lying = hashingSink(8);
    await closeInto(Object.assign(lying.sink, { digest: () => Promise.resolve(made) }));
    expect(chunkOf(lying.state.file(), 'VERI').payload).toEqual(made);
  });

  test('that hashes from elsewhere is not asked', async () => {
    const { sink, state } = hashingSink(0);
    const before = hashes.made;
    await closeInto(sink);
    expect([state.digests, hashes.made]).toEqual([0, before + 1]);
    await sound(state.file());
  });

  test('whose hash fails leaves the writer failed', async () => {
    const { sink } = hashingSink(8);
    Object.assign(sink, { digest: () => Promise.reject(failure) });
    expect(await rejection(closeInto(sink))).toBe(failure);
  });
});
