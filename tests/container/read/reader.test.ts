import { describe, expect, test } from 'vitest';
import { type CompressionEngine, createEngineSet, storedEngine } from '../../../src/compression/api/index.js';
import { MODE } from '../../../src/container/format/layout.js';
import { leafHash } from '../../../src/container/tree/merkle.js';
import { H4MKReader, type OpenOptions } from '../../../src/container/read/reader.js';
import type { RecordInput } from '../../../src/container/write/record-writer.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, utf8Encode } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import { lcgBytes } from '../../compression/lcg.js';
import {
  AUDIO,
  type ClosedOptions,
  type Piece,
  SIGNABLE_UID,
  VIDEO,
  assembled,
  chunkOf,
  chunksOf,
  closedRecording,
  endRecord,
  headOf,
  mediaRecord,
  metaRecord,
  patched,
  recordZero,
  rejection,
  resealed,
  sourceOf,
  toknOffsets,
  withField,
  written,
} from '../../support/container.js';

const open = (file: Uint8Array, options?: OpenOptions): Promise<H4MKReader> =>
  H4MKReader.open(createMemorySource(file), options);

/** Blocks of video, audio and, rarely, subtitles; audio runs 7 records ahead of video. */
const film = (count: number): RecordInput[] =>
  Array.from({ length: count }, (_, i) => {
    const track = i % 50 === 30 ? 2 : i % 2;
    const key = track === 0 ? i % 12 === 0 : i % 3 === 0;
    const payload = lcgBytes(i + 1, 100 + (i % 7) * 30);
    return mediaRecord({ track, pts: 40 * (i + (track === 1 ? 7 : 0)), key, payload });
  });

const TRACKS: ClosedOptions = { tracks: [VIDEO, AUDIO, { id: 2, kind: 'data' }], totals: true };

const gathered = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
};

const toknsOf = (file: Uint8Array) =>
  chunksOf(file)
    .filter(({ tag }) => tag === 'TOKN')
    .map(({ payload }) => parseTokn(payload));

const blocks = film(700);
const closed = await closedRecording(blocks, TRACKS);
const truth = toknsOf(closed);
const small = await closedRecording(film(3), TRACKS);

describe('H4MKReader.open()', () => {
  test('knows the recording from its first and last 64 KiB', async () => {
    const source = createCountingSource(createMemorySource(closed));
    const reader = await H4MKReader.open(source);
    expect(source.reads).toEqual([
      [0, 65_536],
      [closed.length - 65_536, closed.length],
    ]);
    expect(source.roundTrips).toBe(1);
    expect(reader.recordCount).toBe(702);
    expect(reader.isClosed).toBe(true);
    expect(reader.fileId).toEqual(leafHash(truth[0]?.entry ?? new Uint8Array(0)));
    expect(reader.tail?.records).toBe(702);
    expect(reader.info).toEqual({
      compression: storedEngine.info(),
      uid: SIGNABLE_UID,
      timebase: [1, 1_000_000],
      seekTrack: 0,
      shift: 0,
    });
  });

  test('reads a small file once', async () => {
    const file = await closedRecording(film(20), TRACKS);
    const source = createCountingSource(createMemorySource(file));
    const reader = await H4MKReader.open(source);
    for (let seq = 1; seq < 21; seq++) await reader.block(seq);
    await reader.tracks();
    expect(source.reads).toEqual([[0, file.length]]);
  });

  test('reads a file between 64 and 128 KiB in two pieces that do not overlap', async () => {
    const file = await closedRecording([mediaRecord({ pts: 0, key: true, payload: new Uint8Array(90_000) })]);
    const source = createCountingSource(createMemorySource(file));
    await H4MKReader.open(source);
    expect(source.reads).toEqual([
      [0, 65_536],
      [65_536, file.length],
    ]);
  });

  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'H4_TOO_SHORT'],
    ['a file of 7 bytes', closed.subarray(0, 7), 'H4_TOO_SHORT'],
    ['another magic', patched(closed, 0, 0), 'H4_BAD_MAGIC'],
    ['another version', patched(closed, 5, 2), 'H4_BAD_VERSION'],
    ['a header that is not zero at its end', patched(closed, 7, 1), 'H4_HEADER_RESERVED'],
    ['a first chunk that is none', patched(closed, 8, 0), 'H4_BAD_TAG'],
    ['a record 0 that is cut', closed.subarray(0, 300), 'H4_NO_RECORDS'],
    ['a file without a whole chunk header', closed.subarray(0, 19), 'H4_NO_RECORDS'],
    ['a legacy file', assembled([{ tag: 'CORE', payload: new Uint8Array(2) }]), 'H4_ENGINE_UNKNOWN'],
    ['a record 0 that was changed', patched(closed, 200, 0x20), 'H4_COMMIT_MISMATCH'],
    ['a TOKN that was changed', patched(closed, 30, 1), 'H4_CRC_MISMATCH'],
  ])('refuses %s', async (_, file, code) => {
    expect((await rejection(open(file))).code).toBe(code);
  });

  const recordOf = (record: RecordInput): Promise<Piece[]> =>
    written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(record);
    }).then((file) => chunksOf(file).slice(2));

  test('refuses a record 0 that is no META, is redacted, or describes no recording', async () => {
    const [tokn, payload] = await recordOf(mediaRecord({ pts: 0 }));
    const zeroed = (piece: Piece | undefined): Piece => ({
      tag: 'TOKN',
      payload: patched(piece?.payload ?? new Uint8Array(0), 8, 0, 8),
    });
    expect((await rejection(open(assembled([zeroed(tokn), payload ?? zeroed(tokn)])))).code).toBe('H4_RECORD0');
    const [first] = chunksOf(closed);
    const redacted = assembled([first ?? zeroed(tokn), { tag: 'VOID', payload: new Uint8Array(0) }]);
    expect((await rejection(open(redacted))).code).toBe('H4_RECORD0');
    for (const [json, code] of [
      [{}, 'H4_META_FIELD'],
      [{ compression: storedEngine.info() as never, h4mk: { v: 1 } }, 'H4_META_FIELD'],
    ] as const) {
      const file = await written(async (writer) => {
        await writer.record(metaRecord(json));
      });
      expect((await rejection(open(file))).code).toBe(code);
    }
    const noJson = await written(async (writer) => {
      await writer.record({ mode: MODE.meta, pts: 0, payload: utf8Encode('[1') });
    });
    expect((await rejection(open(noJson))).code).toBe('H4_META_JSON');
  });

  test('refuses a record whose number is not 0 at the beginning', async () => {
    const [tokn, payload] = await recordOf(metaRecord({}));
    if (tokn === undefined || payload === undefined) throw new Error('Expected a record');
    expect((await rejection(open(assembled([tokn, payload])))).code).toBe('H4_INDEX_MISMATCH');
  });

  test('refuses what its limits do not allow', async () => {
    expect((await rejection(open(closed, { limits: { maxMetaBytes: 10 } }))).code).toBe('H4_LIMIT_META');
    expect((await rejection(open(closed, { limits: { maxChunkBytes: 10 } }))).code).toBe('H4_LIMIT_CHUNK');
    expect((await rejection(open(closed.subarray(0, -1), { limits: { maxRecords: 10 } }))).code).toBe(
      'H4_LIMIT_RECORDS',
    );
    expect((await rejection(open(closed, { limits: { maxReport: -1 } }))).code).toBe('H4_PARAM');
  });

  test('does not close its source', async () => {
    const source = createMemorySource(closed);
    await H4MKReader.open(source);
    expect(await source.read(0, 4)).toHaveLength(4);
  });

  test('passes on the failure of its source', async () => {
    const failure = new H4Error('H4_IO', 'The disk is gone');
    for (const fails of [0, 65_536]) {
      const source = sourceOf(closed.length, (start, end) =>
        (fails === 0 ? start === 0 : start > 0)
          ? Promise.reject(failure)
          : Promise.resolve(closed.subarray(start, end)),
      );
      expect(await rejection(H4MKReader.open(source))).toBe(failure);
    }
  });
});

/** Every answer of a reader that is worth comparing. */
const answers = async (file: Uint8Array) => {
  const reader = await open(file);
  const tracks = await reader.tracks();
  return {
    count: reader.recordCount,
    tracks,
    heads: (await gathered(reader.heads())).map((head) => ({ ...head, offset: 0 })),
    lengths: await Promise.all([0, 1, 2, 3].map((track) => reader.trackLength(track))),
    seeks: await Promise.all(
      [-1, 0, 39, 480, 13_000, 10 ** 9].map(async (pts) => {
        const head = await reader.seek(pts);
        const block = await reader.blockAt(pts);
        expect(block?.tokn.seq).toBe(head?.seq);
        return head?.seq;
      }),
    ),
  };
};

describe('a file without an index that serves', () => {
  const withPoints = (options: { readonly tiles: boolean }): Promise<Uint8Array> =>
    written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      for (const block of blocks) {
        await writer.record(block);
        if (writer.size % 300 === 0) await writer.indexPoint();
      }
      await writer.indexPoint(options);
    });

  test('gives the same answers as with one', async () => {
    const live = await withPoints({ tiles: true });
    const expected = await answers(live);
    expect(expected.count).toBe(701);
    const files: readonly Uint8Array[] = [
      // A TAIL that names the tiles of an earlier index point.
      await withPoints({ tiles: false }),
      // No TAIL at the end: a chunk follows that nobody knows; or it is cut; or a bit of it is wrong.
      assembled([...chunksOf(live), { tag: 'xABC', payload: new Uint8Array(10) }]),
      live.subarray(0, -1),
      patched(live, live.length - 1, (live.at(-1) ?? 0) ^ 1),
      // A copy of an earlier TAIL stands at the end.
      assembled([...chunksOf(live), chunkOf(live, 'TAIL', 0)]),
      // A TAIL without tiles.
      withField(live, chunkOf(live, 'TAIL', -1), 64, 0, 8),
      // Full tiles were never written.
      resealed(chunksOf(live).filter(({ tag }) => tag !== 'TILE')),
    ];
    for (const file of files) expect(await answers(file)).toEqual(expected);
  });

  test('is no closed recording', async () => {
    expect((await open(await withPoints({ tiles: true }))).isClosed).toBe(false);
    const headless = await open(closed.subarray(0, -1));
    expect([headless.isClosed, headless.tail]).toEqual([false, undefined]);
  });

  test('a live file is read as of its last index point', async () => {
    const live = await withPoints({ tiles: true });
    const tail = chunkOf(live, 'TAIL', 1);
    const earlier = await open(live.subarray(0, tail.offset + 172));
    expect(earlier.recordCount).toBe(600);
    expect((await earlier.block(599)).bytes).toEqual(blocks[598]?.payload);
    expect(await rejection(earlier.block(600))).toMatchObject({
      code: 'H4_PARAM',
      message: 'There is no record 600: the file has 600',
    });
  });
});

describe('records', () => {
  test('come with their head, their place and their verified bytes', async () => {
    const reader = await open(closed);
    const offsets = toknOffsets(closed);
    for (const seq of [1, 254, 255, 256, 257, 511, 512, 700]) {
      const tokn = truth[seq];
      expect(await reader.head(seq)).toEqual({ ...(tokn && headOf(tokn)), offset: offsets[seq] });
      expect(await reader.record(seq)).toEqual({
        tokn,
        offset: offsets[seq],
        payload: blocks[seq - 1]?.payload,
      });
      expect((await reader.block(seq)).bytes).toEqual(blocks[seq - 1]?.payload);
    }
  });

  test('take one exact read each where the index is at hand', async () => {
    const source = createCountingSource(createMemorySource(closed));
    const reader = await H4MKReader.open(source);
    await reader.head(512);
    source.reset();
    await reader.record(400);
    await reader.record(300);
    const offsets = toknOffsets(closed);
    expect(source.reads.filter(([start, end]) => end - start < 12_348)).toEqual([
      [offsets[400], offsets[401]],
      [offsets[300], offsets[301]],
    ]);
  });

  test.each([-1, 702, 1.5, Number.NaN])('number %d does not exist', async (seq) => {
    const reader = await open(closed);
    for (const reading of [reader.head(seq), reader.record(seq), reader.block(seq)]) {
      expect((await rejection(reading)).code).toBe('H4_PARAM');
    }
  });

  test('of META hold no media', async () => {
    const reader = await open(closed);
    expect((await reader.record(701)).tokn.mode).toBe(MODE.meta);
    expect(await rejection(reader.block(701))).toMatchObject({
      code: 'H4_PARAM',
      message: 'Record 701 holds no media: it is of mode 3',
    });
  });

  test('a payload that was changed is refused', async () => {
    const at = chunkOf(closed, 'CORE', 9).offset + 12;
    const reader = await open(patched(closed, at, (closed[at] ?? 0) ^ 1));
    expect((await rejection(reader.block(10))).code).toBe('H4_COMMIT_MISMATCH');
    expect((await reader.block(11)).bytes).toEqual(blocks[10]?.payload);
  });

  test('heads() and blocks() give ranges and tracks in order', async () => {
    const reader = await open(closed);
    const all = await gathered(reader.heads());
    expect(all.map(({ seq }) => seq)).toEqual(truth.map(({ seq }) => seq));
    const some = await gathered(reader.heads({ from: 10, to: 120, track: 2 }));
    expect(some.map(({ seq }) => seq)).toEqual([31, 81]);
    for (const track of [0, 1, 2]) {
      const read = await gathered(reader.blocks({ track }));
      const expected = blocks.filter((block) => block.track === track);
      expect(concatBytes(...read.map(({ bytes }) => bytes))).toEqual(
        concatBytes(...expected.map(({ payload }) => payload)),
      );
    }
    expect((await gathered(reader.blocks({ track: 1, from: 600, to: 610 }))).map(({ tokn }) => tokn.seq)).toEqual([
      600, 602, 604, 606, 608,
    ]);
    expect(await gathered(reader.blocks({ track: 3 }))).toEqual([]);
  });

  test('blocks() of the only track reads no head before a block', async () => {
    const payload = new Uint8Array(3000);
    const file = await closedRecording(
      Array.from({ length: 100 }, (_, i) => mediaRecord({ pts: i, key: true, payload })),
    );
    const source = createCountingSource(createMemorySource(file));
    const reader = await H4MKReader.open(source);
    await reader.tracks();
    source.reset();
    expect(await gathered(reader.blocks({ track: 0, from: 30, to: 60 }))).toHaveLength(30);
    expect(source.count).toBeLessThanOrEqual(30);
    expect(await gathered(reader.blocks({ track: 0 }))).toHaveLength(100);
    expect(await gathered(reader.blocks({ track: 1 }))).toEqual([]);
  });
});

describe('blocks that cannot be decoded', () => {
  const hiddenFile = (): Promise<Uint8Array> =>
    closedRecording([
      mediaRecord({ pts: 0, key: true, mode: MODE.masked, epoch: 0, payload: lcgBytes(1, 40) }),
      mediaRecord({ pts: 1, mode: MODE.encrypted, payload: lcgBytes(2, 40) }),
    ]);

  test('masked or encrypted ones need a key', async () => {
    const reader = await open(await hiddenFile());
    for (const reading of [reader.block(1), reader.block(2), reader.blockAt(0)]) {
      expect((await rejection(reading)).code).toBe('H4_KEY_MISSING');
    }
    expect((await reader.record(1)).payload).toEqual(lcgBytes(1, 40));
  });

  test('redacted ones are gone, those around them are not', async () => {
    const file = await closedRecording(film(5), TRACKS);
    let n = 0;
    const redacted = resealed(
      chunksOf(file).map((chunk) =>
        chunk.tag === 'CORE' && ++n === 3 ? { tag: 'VOID', payload: new Uint8Array(chunk.size) } : chunk,
      ),
    );
    const reader = await open(redacted);
    expect(await rejection(reader.block(3))).toMatchObject({
      code: 'H4_RANGE_REDACTED',
      message: 'The content of record 3 has been redacted',
    });
    expect((await reader.record(3)).payload).toBeUndefined();
    for (const seq of [1, 2, 4, 5]) expect((await reader.block(seq)).bytes).toEqual(film(5)[seq - 1]?.payload);
    const first = await open(
      resealed(chunksOf(file).map((chunk, i) => (i === 3 ? { tag: 'VOID', payload: new Uint8Array(0) } : chunk))),
    );
    expect((await rejection(first.blockAt(0))).code).toBe('H4_RANGE_REDACTED');
  });

  /** An engine whose output is `change` of the stored bytes. */
  const engineOf = (change: (bytes: Uint8Array) => Uint8Array): CompressionEngine => ({
    compress: change,
    decompress: change,
    info: () => ({ ...storedEngine.info(), engine_id: 'test-v1', fingerprint: 'ab'.repeat(32) }),
  });
  const madeBy = async (engine: CompressionEngine): Promise<Uint8Array> => {
    const json = JSON.parse(new TextDecoder().decode(recordZero().payload)) as { compression: object };
    const named = { ...json, compression: engine.info() };
    return written(async (writer) => {
      await writer.record(metaRecord(named as never));
      await writer.record(mediaRecord({ pts: 0, key: true, payload: utf8Encode('block') }));
      await writer.record(endRecord(0));
      await writer.close();
    });
  };

  test('those of an unknown engine are refused with its name and what is at hand', async () => {
    const file = await madeBy(engineOf((bytes) => bytes));
    const error = await rejection((await open(file)).block(1));
    expect(error.code).toBe('H4_ENGINE_UNKNOWN');
    expect(error.message).toContain('"test-v1"');
    expect(error.message).toContain('ab'.repeat(32));
    expect(error.message).toContain('"stored-v1"');
    const none = await open(file, { engines: createEngineSet([]) });
    expect((await rejection(none.block(1))).message).toContain('available are none');
    expect((await none.record(1)).payload).toEqual(utf8Encode('block'));
  });

  test('an engine of the same id with another fingerprint does not serve', async () => {
    const file = await madeBy(engineOf((bytes) => bytes));
    const other = engineOf((bytes) => bytes);
    const engines = createEngineSet([
      { ...other, info: () => ({ ...other.info(), fingerprint: 'cd'.repeat(32) }) },
      storedEngine,
    ]);
    expect((await rejection((await open(file, { engines })).block(1))).code).toBe('H4_ENGINE_UNKNOWN');
  });

  test('the engine that the operator loaded decodes, and must give exactly the bytes of the block', async () => {
    const right = engineOf((bytes) => bytes.toReversed());
    const file = await madeBy(right);
    const reader = await open(file, { engines: createEngineSet([right]) });
    expect((await reader.block(1)).bytes).toEqual(utf8Encode('kcolb'));
    for (const wrong of [engineOf((bytes) => bytes.subarray(1)), engineOf((bytes) => concatBytes(bytes, bytes))]) {
      const refused = await open(file, { engines: createEngineSet([wrong]) });
      expect((await rejection(refused.block(1))).code).toBe('H4_ENGINE_OUTPUT');
    }
  });

  test('stored blocks are the payload itself', async () => {
    const file = await closedRecording(film(2), TRACKS);
    const reader = await open(file);
    expect((await reader.block(1)).bytes.buffer).toBe(file.buffer);
  });
});

describe('META', () => {
  const many = (): Promise<Uint8Array> =>
    written(async (writer) => {
      await writer.record(recordZero());
      await writer.record({ mode: MODE.scopes, pts: 0, payload: utf8Encode('{}') });
      await writer.record(mediaRecord({ pts: 0, key: true }));
      await writer.record(metaRecord({ h4mk: { tracks: [{ id: 1, kind: 'audio' }] } }, 1));
      for (let i = 0; i < 300; i++) await writer.record(mediaRecord({ pts: i + 1, track: i % 2, key: i % 10 < 2 }));
      await writer.record(metaRecord({ h4mk: { tracks: [{ id: 2, kind: 'data' }], source: { name: 'x' } } }, 301));
      await writer.record({ mode: MODE.scopes, pts: 302, payload: utf8Encode('{}') });
      await writer.record(endRecord(303, writer.totals()));
      await writer.close();
    });

  test('is the sum of all META records', async () => {
    const reader = await open(await many());
    const metas = await reader.metas();
    expect((await reader.tracks()).map(({ id }) => id)).toEqual([0, 1, 2]);
    expect([metas.source, metas.ended, metas.totals?.length]).toEqual([{ name: 'x' }, true, 2]);
    expect(metas.info).toEqual(reader.info);
  });

  test('is found wherever record 1 stands', async () => {
    for (const points of [0, 1, 2]) {
      const file = await written(async (writer) => {
        await writer.record(recordZero());
        for (let i = 0; i < points; i++) await writer.indexPoint();
        await writer.record(metaRecord({ h4mk: { tracks: [{ id: 7, kind: 'data' }] } }));
        await writer.record(endRecord(0));
        await writer.close();
      });
      expect((await (await open(file)).tracks()).map(({ id }) => id)).toEqual([0, 7]);
    }
  });

  test('is read once, when first asked for', async () => {
    const source = createCountingSource(createMemorySource(await many()));
    const reader = await H4MKReader.open(source);
    const [a, b] = await Promise.all([reader.metas(), reader.metas()]);
    source.reset();
    expect(a).toBe(b);
    expect(await reader.metas()).toBe(a);
    expect(source.count).toBe(0);
  });

  test('that could not be read is read anew when asked for again', async () => {
    const payload = new Uint8Array(200_000);
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(mediaRecord({ pts: 0, key: true, payload }));
      await writer.record(metaRecord({ h4mk: { tracks: [{ id: 1, kind: 'audio' }] } }, 1));
      await writer.record(mediaRecord({ pts: 1, payload }));
      await writer.indexPoint();
    });
    let fails = true;
    const failure = new H4Error('H4_IO', 'The network is gone');
    const [first, last] = [65_536, file.length - 65_536];
    const source = sourceOf(file.length, (start, end) =>
      fails && start >= first && start < last ? Promise.reject(failure) : Promise.resolve(file.subarray(start, end)),
    );
    const reader = await H4MKReader.open(source);
    expect(await rejection(reader.metas())).toBe(failure);
    fails = false;
    expect((await reader.tracks()).map(({ id }) => id)).toEqual([0, 1]);
  });

  test('that was redacted supplies nothing', async () => {
    const file = await many();
    let n = 0;
    const redacted = resealed(
      chunksOf(file).map((chunk) =>
        chunk.tag === 'META' && ++n === 3 ? { tag: 'VOID', payload: new Uint8Array(chunk.size) } : chunk,
      ),
    );
    expect((await (await open(redacted)).tracks()).map(({ id }) => id)).toEqual([0, 1]);
  });

  test('that contradicts record 0 is refused', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(metaRecord({ h4mk: { uid: 'f'.repeat(32) } }));
      await writer.record(endRecord(0));
      await writer.close();
    });
    expect((await rejection((await open(file)).metas())).code).toBe('H4_META_FIELD');
  });

  test('of all records together has a limit', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      for (let i = 0; i < 5; i++) await writer.record(metaRecord({ x: 'y'.repeat(600) }));
      await writer.record(endRecord(0));
      await writer.close();
    });
    expect((await (await open(file, { limits: { maxChunkBytes: 4000 } })).metas()).ended).toBe(true);
    const limited = await open(file, { limits: { maxChunkBytes: 3000 } });
    expect((await rejection(limited.metas())).code).toBe('H4_LIMIT_META');
  });

  describe('with a back that lies', () => {
    /** 30 META records; `back` of one of them is replaced. */
    const withBack = async (seq: number, back: number): Promise<Uint8Array> => {
      const file = await written(async (writer) => {
        await writer.record(recordZero());
        for (let i = 1; i < 30; i++) await writer.record(metaRecord({ x: i }));
        await writer.indexPoint();
      });
      let n = -1;
      return resealed(
        chunksOf(file).map((chunk) =>
          chunk.tag === 'TOKN' && ++n === seq ? { tag: 'TOKN', payload: patched(chunk.payload, 32, back, 4) } : chunk,
        ),
      );
    };

    test.each([0, 21, 2 ** 32 - 1])('back %i of record 20 leads nowhere', async (back) => {
      const reader = await open(await withBack(20, back));
      expect(await rejection(reader.metas())).toMatchObject({
        code: 'H4_TOKN_BACK',
        message: 'Record 20 does not lead back to record 0',
      });
    });

    test.each([2, 7, 20])('back %i of record 20 leaves records out, and ends', async (back) => {
      const source = createCountingSource(createMemorySource(await withBack(20, back)));
      const reader = await H4MKReader.open(source);
      expect((await reader.metas()).info).toBeDefined();
      expect(source.count).toBeLessThan(40);
    });
  });
});

describe('seek()', () => {
  const keysOf = (track: number) => truth.filter((tokn) => tokn.track === track && tokn.key);

  test.each([0, 1, 2])('finds the last key of track %i at or before any time', async (track) => {
    for (const file of [closed, closed.subarray(0, -1)]) {
      const reader = await open(file);
      const keys = keysOf(track);
      for (const pts of [-1, 0, Infinity, ...keys.flatMap((key) => [key.pts - 1, key.pts, key.pts + 1])]) {
        const expected = keys.findLast((key) => key.pts <= pts);
        expect((await reader.seek(pts, { track }))?.seq).toBe(expected?.seq);
      }
    }
  });

  test('takes the seek track unless told otherwise; blockAt() gives its block', async () => {
    const reader = await open(closed);
    for (const key of keysOf(0)) {
      expect((await reader.seek(key.pts + 5))?.seq).toBe(key.seq);
      const block = await reader.blockAt(key.pts + 5);
      expect(block?.tokn.seq).toBe(key.seq);
      expect(block?.bytes).toEqual(blocks[key.seq - 1]?.payload);
    }
    expect(await reader.seek(-1)).toBeUndefined();
    expect(await reader.blockAt(-1)).toBeUndefined();
  });

  test('finds nothing on a track without records', async () => {
    expect(await (await open(closed)).seek(100, { track: 9 })).toBeUndefined();
  });
});

describe('findByte()', () => {
  const ofTrack = (track: number) => truth.filter((tokn) => tokn.track === track);

  test.each([0, 1, 2])('finds the record of any byte of track %i', async (track) => {
    for (const file of [closed, closed.subarray(0, -1)]) {
      const reader = await open(file);
      for (const { seq, pos, raw } of ofTrack(track)) {
        for (const position of [pos, pos + raw - 1]) expect((await reader.findByte(track, position)).seq).toBe(seq);
      }
    }
  });

  test('there is none before, behind, or on a track that does not exist', async () => {
    const reader = await open(closed);
    const length = await reader.trackLength(1);
    expect(length).toBe(ofTrack(1).reduce((sum, { raw }) => sum + raw, 0));
    for (const [track, position] of [
      [1, -1],
      [1, length],
      [1, Infinity],
      [1, Number.NaN],
      [3, 0],
    ] as const) {
      expect((await rejection(reader.findByte(track, position))).code).toBe('H4_RANGE_NOT_FOUND');
    }
    expect((await rejection(reader.findByte(1, length))).message).toBe(
      `Track 1 has ${length} bytes: there is none at ${length}`,
    );
  });

  test('a track that is not in META is not searched', async () => {
    const source = createCountingSource(createMemorySource(closed));
    const reader = await H4MKReader.open(source);
    await reader.metas();
    source.reset();
    await rejection(reader.findByte(3, 0));
    expect(source.count).toBe(0);
  });

  test('totals that are too long do not make a byte', async () => {
    const file = await closedRecording(film(30), { ...TRACKS, totals: false });
    const lying = await written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      for (const block of film(30)) await writer.record(block);
      await writer.record(endRecord(10 ** 6, [{ track: 0, records: 14, raw: 10 ** 9 }]));
      await writer.close();
    });
    const [right, wrong] = [await open(file), await open(lying)];
    const length = await right.trackLength(0);
    expect(await wrong.trackLength(0)).toBe(10 ** 9);
    expect((await wrong.findByte(0, length - 1)).seq).toBe((await right.findByte(0, length - 1)).seq);
    expect((await rejection(wrong.findByte(0, length))).code).toBe('H4_RANGE_NOT_FOUND');
  });

  test('the length of a track comes from its last record where the end record does not say it', async () => {
    const file = await closedRecording(film(30), { ...TRACKS, totals: false });
    const reader = await open(file);
    const tokns = toknsOf(file).filter(({ track }) => track === 0);
    expect(await reader.trackLength(0)).toBe(tokns.reduce((sum, { raw }) => sum + raw, 0));
    expect(await reader.trackLength(2)).toBe(0);
    expect(await (await open(closed)).trackLength(9)).toBe(0);
  });
});

describe('an AbortSignal', () => {
  const aborted = { signal: AbortSignal.abort() };

  test('ends open()', async () => {
    expect((await rejection(open(closed, aborted))).code).toBe('H4_CANCELLED');
  });

  test.each([
    ['a large file', closed],
    ['a small file, whose bytes are all at hand', small],
    ['a file without an index', closed.subarray(0, -1)],
  ])('ends every other call on %s', async (_, file) => {
    const { signal } = aborted;
    const calls: readonly ((reader: H4MKReader) => Promise<unknown>)[] = [
      (reader) => reader.metas(signal),
      (reader) => reader.tracks(signal),
      (reader) => reader.head(1, signal),
      (reader) => reader.record(1, signal),
      (reader) => reader.block(1, signal),
      (reader) => reader.seek(0, { signal }),
      (reader) => reader.seek(0, { track: 1, signal }),
      (reader) => reader.blockAt(0, { signal }),
      (reader) => reader.findByte(0, 0, signal),
      (reader) => reader.trackLength(0, signal),
      (reader) => gathered(reader.heads({}, signal)),
      (reader) => gathered(reader.blocks({ track: 0 }, signal)),
    ];
    for (const call of calls) expect((await rejection(call(await open(file)))).code).toBe('H4_CANCELLED');
  });

  test('ends a walk that is under way', async () => {
    const reader = await open(closed);
    const controller = new AbortController();
    const seen: number[] = [];
    const walk = async (): Promise<void> => {
      for await (const { seq } of reader.heads({}, controller.signal)) {
        seen.push(seq);
        if (seq === 5) controller.abort();
      }
    };
    expect((await rejection(walk())).code).toBe('H4_CANCELLED');
    expect(seen).toHaveLength(6);
  });
});
