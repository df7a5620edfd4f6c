import { describe, expect, test } from 'vitest';
import type { Chunk } from '../../../src/container/format/chunk.js';
import { Tile } from '../../../src/container/format/tile.js';
import { concatBytes, utf8Encode } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import {
  AUDIO,
  type Piece,
  VIDEO,
  assembled,
  chunkOf,
  chunksOf,
  closedRecording,
  endRecord,
  interleaved,
  mediaRecord,
  metaRecord,
  patched,
  recordZero,
  resealed,
  tagsOf,
  withField,
  written,
} from '../../support/container.js';
import { reportOf } from '../../support/reports.js';

const TRACKS = { tracks: [VIDEO, AUDIO] };

/** 600 records and an index point: two full tiles, two unfinished ones, a TAIL. */
const live = await written(async (writer) => {
  await writer.record(recordZero(TRACKS));
  for (const record of interleaved(599)) await writer.record(record);
  await writer.indexPoint();
});
const closed = await closedRecording(interleaved(598), TRACKS);

const errorsOf = async (file: Uint8Array): Promise<string[]> => (await reportOf(file)).errors.map(({ code }) => code);
const codesOf = async (file: Uint8Array): Promise<string[]> => {
  const { errors, warnings } = await reportOf(file);
  return [...errors, ...warnings].map(({ code }) => code);
};

/** The file with a VERI that is right again, and nothing else. */
const verified = (file: Uint8Array): Uint8Array => {
  const { offset } = chunkOf(file, 'VERI');
  const copy = Uint8Array.from(file);
  copy.set(sha256(copy.subarray(8, offset)), offset + 12);
  return assembled(chunksOf(copy));
};

const tile = (n: number, of: Uint8Array = live): Chunk => chunkOf(of, 'TILE', n);
const without = (file: Uint8Array, chunk: Chunk): Piece[] =>
  chunksOf(file).filter(({ offset }) => offset !== chunk.offset);

test('both files are sound', async () => {
  expect(await codesOf(live)).toEqual([]);
  expect(await codesOf(closed)).toEqual([]);
  expect(chunksOf(live).filter(({ tag }) => tag === 'TILE')).toHaveLength(4);
});

describe('TILE:', () => {
  test.each([
    ['the first', 0],
    ['the second', 1],
    ['the unfinished one of level 0', 2],
    ['that of level 1', 3],
  ])('%s must have the hashes of the tree', async (_, n) => {
    const { width } = Tile.parse(tile(n).payload);
    for (const at of [48 + 16 * width, 48 + 48 * width - 1]) {
      expect(await errorsOf(withField(live, tile(n), at, (tile(n).payload[at] ?? 0) ^ 1, 1))).toEqual(['H4_TILE_HASH']);
    }
  });

  test.each([
    ['the first', 0],
    ['the second', 1],
    ['the unfinished one of level 0', 2],
    ['that of level 1', 3],
  ])('%s must have the locators and keys of the records', async (_, n) => {
    const { width } = Tile.parse(tile(n).payload);
    for (const at of [16, 48, 56, 48 + 16 * width - 1]) {
      const wrong = withField(live, tile(n), at, (tile(n).payload[at] ?? 0) ^ 0x80, 1);
      expect(await errorsOf(wrong)).toEqual(['H4_TILE_INDEX']);
    }
  });

  test('both may be wrong at once', async () => {
    const wrong = withField(withField(live, tile(0), 48, 9, 8), tile(0), 12_335, 9, 1);
    expect(await errorsOf(wrong)).toEqual(['H4_TILE_HASH', 'H4_TILE_INDEX']);
  });

  test('a finding names the chunk', async () => {
    const { errors } = await reportOf(withField(live, tile(1), 48, 9, 8));
    expect(errors[0]).toEqual({
      code: 'H4_TILE_INDEX',
      offset: tile(1).offset,
      message: 'A locator or keymap bit of this TILE does not lead to the records before it',
    });
  });

  test('a layout that is wrong is one broken hint: the walk goes on', async () => {
    expect(await errorsOf(withField(live, tile(3), 1, 1, 1))).toEqual(['H4_TILE_LAYOUT', 'H4_TAIL_FIELD']);
    expect((await reportOf(withField(live, tile(3), 1, 1, 1))).records).toBe(600);
    // Of a full one, the place is empty then.
    expect(await errorsOf(withField(live, tile(0), 1, 1, 1))).toEqual([
      'H4_TILE_LAYOUT',
      'H4_TILE_PLACE',
      'H4_TILE_INDEX',
    ]);
  });

  test('a full one that is missing is noted where it should stand, and what it would have led to', async () => {
    const errors = (await reportOf(resealed(without(live, tile(0))))).errors;
    expect(errors.map(({ code }) => code)).toEqual(['H4_TILE_PLACE']);
    expect(errors[0]).toMatchObject({
      offset: tile(0).offset,
      message: 'A full TILE of level 0 must stand here, before TOKN',
    });
  });

  test('a full one that stands late, twice or between a TOKN and its payload is refused', async () => {
    const chunks = chunksOf(live);
    const at = chunks.findIndex(({ offset }) => offset === tile(0).offset);
    const rest = without(live, tile(0));
    const late = [...rest.slice(0, at + 2), tile(0), ...rest.slice(at + 2)];
    expect((await errorsOf(assembled(late))).slice(0, 2)).toEqual(['H4_TILE_PLACE', 'H4_TILE_PLACE']);
    const twice = [...chunks.slice(0, at + 1), tile(0), ...chunks.slice(at + 1)];
    expect((await errorsOf(assembled(twice)))[0]).toBe('H4_TILE_PLACE');
    const between = [...rest.slice(0, at + 1), tile(0), ...rest.slice(at + 1)];
    expect(await errorsOf(assembled(between))).toEqual(['H4_TILE_PLACE', 'H4_PAYLOAD_TAG']);
  });

  test.each<[string, number, number, 1 | 2 | 8, number | undefined]>([
    ['another index', 8, 1, 8, undefined],
    ['the next level', 0, 1, 1, undefined],
    ['a level far above', 0, 4, 1, undefined],
  ])('an unfinished one of %s has no place', async (_, at, value, width) => {
    expect(await errorsOf(withField(live, tile(2), at, value, width))).toContain('H4_TILE_PLACE');
  });

  test('an unfinished one of an earlier size has no place', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      await writer.record(mediaRecord({ pts: 0, key: true }));
      await writer.indexPoint({ tail: false });
      await writer.record(mediaRecord({ pts: 1 }));
    });
    expect(await errorsOf(file)).toEqual([]);
    const { errors } = await reportOf(assembled([...chunksOf(file), tile(0, file)]));
    expect(errors.map(({ code }) => code)).toEqual(['H4_TILE_PLACE']);
    expect(errors[0]?.message).toBe(
      'TILE of level 0, index 0, width 2 has no place here: after 3 records it is not due',
    );
  });

  test('at an index point, unfinished ones may stand in any order, again, and in part', async () => {
    const [low, high] = [tile(2), tile(3)];
    const tail = chunkOf(live, 'TAIL');
    const head = chunksOf(live).slice(0, -3);
    for (const order of [[high, low], [low], [high], [], [low, low, high, low]]) {
      expect(await errorsOf(resealed([...head, ...order, tail]))).toEqual([]);
    }
  });

  test('a file that ends before a due one is only unfinished', async () => {
    const cut = live.subarray(0, tile(0).offset);
    expect(await reportOf(cut)).toMatchObject({ error_count: 0, records: 256 });
  });

  test('without a seek track that META supplies, only hashes are compared', async () => {
    const file = await written(async (writer) => {
      await writer.record(metaRecord({}));
      await writer.record(mediaRecord({ pts: 0, key: true }));
      await writer.indexPoint();
    });
    const first = ['H4_META_FIELD', 'H4_TRACK_UNDECLARED'];
    expect(await errorsOf(file)).toEqual(first);
    expect(await errorsOf(withField(file, tile(0, file), 48, 9, 8))).toEqual(first);
    expect(await errorsOf(withField(file, tile(0, file), 80, 9, 8))).toEqual([...first, 'H4_TILE_HASH']);
  });
});

describe('the tiles of the close:', () => {
  const seekAt = chunksOf(closed).findIndex(({ tag }) => tag === 'SEEK');
  const [head, low, high, rest] = [
    chunksOf(closed).slice(0, seekAt + 1),
    tile(2, closed),
    tile(3, closed),
    chunksOf(closed).slice(-2),
  ];

  test.each<[string, Piece[], string[]]>([
    ['level 0 missing', [high], ['H4_TILE_PLACE']],
    ['level 1 missing', [low], ['H4_TILE_PLACE']],
    ['both missing', [], ['H4_TILE_PLACE']],
    ['in the wrong order', [high, low], ['H4_TILE_PLACE']],
    ['one twice', [low, low, high], ['H4_TILE_PLACE']],
  ])('%s', async (_, tiles, errors) => {
    expect(await errorsOf(resealed([...head, ...tiles, ...rest]))).toEqual(errors);
  });

  test('what is missing is named, at VERI', async () => {
    const { errors } = await reportOf(resealed([...head, ...rest]));
    expect(errors[0]).toMatchObject({
      offset: low.offset,
      message: 'The close lacks the TILE of level 0, 1',
    });
  });
});

describe('SEEK:', () => {
  const seek = chunkOf(closed, 'SEEK');
  const count = (seek.size - 4) / 16;

  const changed = (payload: Uint8Array): Uint8Array =>
    resealedExceptSeek(chunksOf(closed).map((chunk) => (chunk.tag === 'SEEK' ? { tag: 'SEEK', payload } : chunk)));
  /** `resealed` makes SEEK anew as well; here it is put back, and VERI made right. Its size must be the same. */
  const resealedExceptSeek = (pieces: readonly Piece[]): Uint8Array => {
    const made = resealed(pieces);
    const wanted = pieces.find(({ tag }) => tag === 'SEEK')?.payload ?? new Uint8Array(0);
    return verified(
      assembled(chunksOf(made).map((chunk) => (chunk.tag === 'SEEK' ? { tag: 'SEEK', payload: wanted } : chunk))),
    );
  };

  test.each<[string, Uint8Array, string]>([
    ['a count that is too low', patched(seek.payload, 0, count - 1, 4), 'H4_SEEK_SIZE'],
    ['a count that is too high', patched(seek.payload, 0, count + 1, 4), 'H4_SEEK_SIZE'],
    ['the highest count', patched(seek.payload, 0, 2 ** 32 - 1, 4), 'H4_SEEK_SIZE'],
    ['a time twice', patched(seek.payload, 4 + 16, 0, 8), 'H4_SEEK_ORDER'],
    ['a time above 2^63-1', patched(seek.payload, 4 + 16, 2n ** 64n - 1n, 8), 'H4_U64_RANGE'],
    ['another time', patched(seek.payload, 4 + 16, 59, 8), 'H4_SEEK_ENTRY'],
    ['another position', patched(seek.payload, 4 + 8, 9, 8), 'H4_SEEK_ENTRY'],
  ])('%s', async (_, payload, code) => {
    const report = await reportOf(changed(payload));
    expect(report.errors.map((finding) => finding.code)).toEqual([code]);
    expect(report.errors[0]?.offset).toBe(seek.offset);
  });

  test.each<[string, Uint8Array, string]>([
    ['no bytes', new Uint8Array(0), 'H4_SEEK_SIZE'],
    ['half a count', new Uint8Array(2), 'H4_SEEK_SIZE'],
    ['a count and nothing else', Uint8Array.of(0, 0, 0, 1), 'H4_SEEK_SIZE'],
    ['an entry too few', patched(seek.payload.subarray(0, -16), 0, count - 1, 4), 'H4_SEEK_ENTRY'],
    [
      'an entry too many',
      patched(concatBytes(seek.payload, patched(seek.payload.subarray(-16), 6, 0xff)), 0, count + 1, 4),
      'H4_SEEK_ENTRY',
    ],
    ['no entries', new Uint8Array(4), 'H4_SEEK_ENTRY'],
  ])('%s', async (_, payload, code) => {
    expect((await errorsOf(changed(payload)))[0]).toBe(code);
  });

  test('may be empty where the seek track has no KEY record', async () => {
    const file = await closedRecording([mediaRecord({ track: 1, pts: 0, key: true })], TRACKS);
    expect(chunkOf(file, 'SEEK').payload).toEqual(new Uint8Array(4));
    expect(await codesOf(file)).toEqual([]);
  });

  test('is compared piece by piece, however long', async () => {
    const file = await closedRecording(
      Array.from({ length: 17_000 }, (_, i) => mediaRecord({ pts: i, key: true, payload: new Uint8Array(0) })),
    );
    expect(await codesOf(file)).toEqual([]);
    const long = chunkOf(file, 'SEEK');
    expect(await errorsOf(verified(withField(file, long, long.size - 1, 0, 1)))).toEqual(['H4_SEEK_ENTRY']);
  });
});

describe('TAIL:', () => {
  const tail = chunkOf(live, 'TAIL');

  test.each([
    ['self', 0],
    ['records', 16],
    ['meta', 24],
    ['seek', 32],
    ['veri', 40],
    ['sign', 48],
    ['prev', 56],
    ['tile[0]', 64],
    ['tile[1]', 72],
    ['tile[2]', 80],
    ['tile[7]', 120],
  ])('%s must be right', async (field, at) => {
    for (const wrong of [1, tail.offset + 1]) {
      const { errors } = await reportOf(withField(live, tail, at, wrong, 8));
      expect(errors.map(({ code }) => code)).toEqual(['H4_TAIL_FIELD']);
      expect(errors[0]?.offset).toBe(tail.offset);
      expect(errors[0]?.message).toContain(`${field} is ${wrong} instead of `);
    }
  });

  test('all wrong fields are in one finding', async () => {
    const wrong = withField(withField(live, tail, 56, 5, 8), tail, 16, 601, 8);
    expect((await reportOf(wrong)).errors.map(({ message }) => message)).toEqual([
      'TAIL does not describe this file: records is 601 instead of 600, prev is 5 instead of 0',
    ]);
  });

  test('the root must be that of the records before it', async () => {
    for (const at of [128, 159]) {
      expect(await errorsOf(withField(live, tail, at, (tail.payload[at] ?? 0) ^ 1, 1))).toEqual(['H4_TAIL_ROOT']);
    }
  });

  test.each<[string, 1 | 8, number, number | bigint, string]>([
    ['a state that is none', 1, 8, 3, 'H4_TAIL_LAYOUT'],
    ['padding that is not zero', 1, 15, 1, 'H4_TAIL_LAYOUT'],
    ['a field above 2^63-1', 8, 24, 2n ** 63n, 'H4_U64_RANGE'],
    ['final in a file that is not closed', 1, 8, 1, 'H4_TAIL_STATE'],
  ])('%s', async (_, width, at, value, code) => {
    expect(await errorsOf(withField(live, tail, at, value, width))).toEqual([code]);
  });

  test('slice in the middle of a stream', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(mediaRecord({ pts: 0, key: true }));
      await writer.indexPoint();
      await writer.record(mediaRecord({ pts: 1 }));
    });
    expect(await errorsOf(withField(file, chunkOf(file, 'TAIL'), 8, 2, 1))).toEqual(['H4_TAIL_STATE']);
  });

  test('of another size', async () => {
    const short = assembled([...chunksOf(live).slice(0, -1), { tag: 'TAIL', payload: new Uint8Array(159) }]);
    expect(await errorsOf(short)).toEqual(['H4_TAIL_LAYOUT']);
  });

  test('each names the one before it', async () => {
    const file = await closedRecording(interleaved(20), { ...TRACKS, pointEvery: 5 });
    expect(tagsOf(file).filter((tag) => tag === 'TAIL')).toHaveLength(5);
    expect(await codesOf(file)).toEqual([]);
    const third = chunkOf(file, 'TAIL', 2);
    expect(await errorsOf(verified(withField(file, third, 56, chunkOf(file, 'TAIL', 0).offset, 8)))).toEqual([
      'H4_TAIL_FIELD',
    ]);
  });

  test('names the latest SIGN, META and tiles', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      await writer.record(mediaRecord({ pts: 0, key: true }));
      await writer.indexPoint();
      await writer.record({ ...metaRecord({ x: 1 }), payload: utf8Encode('{"x":1}') });
      await writer.indexPoint({ tiles: false });
      await writer.record(endRecord(0));
      await writer.close();
    });
    expect(await codesOf(file)).toEqual([]);
  });
});
