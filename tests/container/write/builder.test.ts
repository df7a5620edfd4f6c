import { describe, expect, test } from 'vitest';
import type { CompressionEngine } from '../../../src/compression/api/engine.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import {
  type BlockInput,
  H4MKBuilder,
  type RecordingOptions,
  SAFETY_SCOPES,
} from '../../../src/container/write/builder.js';
import type { ByteSink } from '../../../src/container/io/io.js';
import type { TrackInfo } from '../../../src/container/format/meta.js';
import { parseTokn, tokensOf } from '../../../src/container/format/tokn.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createDiscardSink, createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { utf8Decode, utf8Encode } from '../../../src/utils/bytes.js';
import { canonicalJson } from '../../../src/utils/canonical-json.js';
import { H4Error } from '../../../src/utils/error.js';
import { AUDIO, SIGNABLE_UID, VIDEO, chunkOf, chunksOf, rejection, tagsOf } from '../../support/container.js';

const OPTIONS: RecordingOptions = { engine: storedEngine, tracks: [VIDEO, AUDIO] };

const block = (pts: number, change: Partial<BlockInput> = {}): BlockInput => ({
  track: 0,
  tokens: [{ pts, size: 3, key: true, duration: 40 }],
  bytes: Uint8Array.of(pts, 2, 3),
  ...change,
});

const built = async (
  script: (builder: H4MKBuilder) => Promise<unknown>,
  options: RecordingOptions = OPTIONS,
): Promise<Uint8Array> => {
  const sink = createMemorySink();
  await script(await H4MKBuilder.create(sink, options));
  return sink.bytes();
};

const create = (options: RecordingOptions = OPTIONS): Promise<H4MKBuilder> =>
  H4MKBuilder.create(createDiscardSink(), options);

const metaTexts = (file: Uint8Array): string[] =>
  chunksOf(file)
    .filter(({ tag }) => tag === 'META')
    .map(({ payload }) => utf8Decode(payload));

const toknsOf = (file: Uint8Array) =>
  chunksOf(file)
    .filter(({ tag }) => tag === 'TOKN')
    .map(({ payload }) => parseTokn(payload));

const findingsOf = async (file: Uint8Array): Promise<string[]> => {
  const { errors, warnings } = await verifyContainer(createMemorySource(file));
  return [...errors, ...warnings].map(({ code }) => code);
};

/** Compresses by adding bytes, when it is told to. */
const engineOf = (compress: CompressionEngine['compress']): CompressionEngine => ({
  compress,
  decompress: (bytes) => bytes,
  info: () => ({ ...storedEngine.info(), engine: 'test', engine_id: 'test-v1' }),
});

describe('H4MKBuilder', () => {
  test('keeps further keys in record 0, and refuses those that it writes itself', async () => {
    const file = await built((builder) => builder.close(), { ...OPTIONS, meta: { legacy: { n: 1 } } });
    expect(JSON.parse(metaTexts(file)[0] ?? '')).toMatchObject({ legacy: { n: 1 }, h4mk: { v: 1 } });
    expect(await findingsOf(file)).toEqual([]);
    for (const key of ['h4mk', 'compression', 'keys']) {
      expect(await rejection(create({ ...OPTIONS, meta: { [key]: 1 } }))).toMatchObject({
        code: 'H4_PARAM',
        message: `META ${key} is written by the builder itself`,
      });
    }
  });

  test('begins with record 0 and the safety scopes, ends with an end record and its totals', async () => {
    const file = await built(async (builder) => {
      expect(builder.size).toBe(2);
      await builder.addBlock(block(0));
      await builder.addBlock(block(0, { track: 1 }));
      await builder.addBlock(block(40));
      await builder.close();
    });
    expect(tagsOf(file)).toEqual([
      ...['TOKN', 'META', 'TOKN', 'SAFE'],
      ...Array.from({ length: 3 }, () => ['TOKN', 'CORE']).flat(),
      ...['TOKN', 'META', 'SEEK', 'TILE', 'VERI', 'TAIL'],
    ]);
    const [zero, end] = metaTexts(file);
    expect(zero).toContain(`"tracks":[{"id":0,"kind":"video"},{"id":1,"kind":"audio"}],"uid":"${'0'.repeat(32)}"`);
    expect(end).toBe(
      '{"h4mk":{"end":true,"totals":[{"raw":6,"records":2,"track":0},{"raw":3,"records":1,"track":1}]}}',
    );
    expect(utf8Decode(chunkOf(file, 'SAFE').payload)).toBe(canonicalJson(SAFETY_SCOPES));
    expect(await findingsOf(file)).toEqual([]);
  });

  test('turns tokens with absolute times into one record', async () => {
    const file = await built(async (builder) => {
      await builder.addBlock({
        track: 0,
        tokens: [
          { pts: 100, size: 1, key: true },
          { pts: 90, size: 0, duration: 5 },
          { pts: 120, size: 2, key: false, duration: 7 },
        ],
        bytes: Uint8Array.of(1, 2, 3),
      });
      await builder.close();
    });
    const tokn = toknsOf(file)[2];
    expect(tokn).toMatchObject({ pts: 100, key: true, count: 3, raw: 3, size: 3 });
    expect(tokn === undefined ? [] : [...tokensOf(tokn)]).toEqual([
      { delta: 0, duration: 0, key: true, size: 1 },
      { delta: -10, duration: 5, key: false, size: 0 },
      { delta: 20, duration: 7, key: false, size: 2 },
    ]);
    expect(await findingsOf(file)).toEqual([]);
  });

  test('a block whose first token is no key is none', async () => {
    const file = await built(async (builder) => {
      await builder.addBlock(block(0, { tokens: [{ pts: 0, size: 3 }] }));
      await builder.close();
    });
    expect(toknsOf(file)[2]?.key).toBe(false);
  });

  test('stores what the engine gives, and names the engine in record 0', async () => {
    const engine = engineOf(async (bytes) => {
      await Promise.resolve();
      return Uint8Array.of(0xee, ...bytes);
    });
    const file = await built(
      async (builder) => {
        await builder.addBlock(block(7));
        await builder.close();
      },
      { ...OPTIONS, engine },
    );
    expect(chunkOf(file, 'CORE').payload).toEqual(Uint8Array.of(0xee, 7, 2, 3));
    expect(toknsOf(file)[2]).toMatchObject({ raw: 3, size: 4 });
    expect(metaTexts(file)[0]).toContain('"engine_id":"test-v1"');
  });

  test('takes seek track, timebase, shift and uid', async () => {
    const options = { ...OPTIONS, seekTrack: 1, timebase: [1, 90_000], shift: 5, uid: SIGNABLE_UID } as const;
    const file = await built((builder) => builder.close(), options);
    expect(metaTexts(file)[0]).toContain(
      `"h4mk":{"seek_track":1,"shift":5,"timebase":[1,90000],"tracks":[{"id":0,"kind":"video"},{"id":1,"kind":"audio"}],"uid":"${SIGNABLE_UID}","v":1}`,
    );
  });

  test('later META and the end record stand at the latest moment covered so far', async () => {
    const file = await built(async (builder) => {
      await builder.addBlock(
        block(0, {
          tokens: [
            { pts: 0, size: 1, key: true, duration: 1000 },
            { pts: 400, size: 2 },
          ],
        }),
      );
      await builder.addTracks([{ id: 5, kind: 'data' }]);
      await builder.addBlock(block(2000, { track: 5 }));
      await builder.close();
    });
    expect(
      toknsOf(file)
        .filter(({ mode }) => mode === 3)
        .map(({ pts }) => pts),
    ).toEqual([0, 1000, 2040]);
    expect(await findingsOf(file)).toEqual([]);
  });

  test('addTracks() declares tracks for the blocks that follow', async () => {
    const file = await built(async (builder) => {
      expect(await rejection(builder.addBlock(block(0, { track: 9 })))).toMatchObject({
        code: 'H4_TRACK_UNDECLARED',
        message: expect.stringContaining('Track 9') as string,
      });
      await builder.addTracks([{ id: 9, kind: 'audio', codec: 'opus' }]);
      await builder.addBlock(block(0, { track: 9 }));
      await builder.close();
    });
    expect(metaTexts(file)[1]).toBe('{"h4mk":{"tracks":[{"codec":"opus","id":9,"kind":"audio"}]}}');
    expect(await findingsOf(file)).toEqual([]);
  });

  test('a META that is refused declares nothing', async () => {
    const builder = await create();
    const huge: TrackInfo = { id: 9, kind: 'data', name: 'x'.repeat(1024 * 1024) };
    expect((await rejection(builder.addTracks([huge]))).code).toBe('H4_LIMIT_META');
    expect((await rejection(builder.addTracks([{ id: 8, kind: 'data', width: 0 }]))).code).toBe('H4_META_FIELD');
    expect((await rejection(builder.addTracks([{ id: 0, kind: 'data' }]))).code).toBe('H4_META_FIELD');
    for (const track of [8, 9]) {
      expect((await rejection(builder.addBlock(block(0, { track })))).code).toBe('H4_TRACK_UNDECLARED');
    }
    expect(builder.size).toBe(2);
  });

  test('close() names source and clock, commits the sink and says what was written', async () => {
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, OPTIONS);
    await builder.addBlock(block(0));
    const summary = await builder.close({
      source: { name: 'a.mp4', bytes: 3, sha256: 'ab'.repeat(32), media_type: 'video/mp4' },
      clock: { utc_us: 5, at_pts: 0, source: 'ntp' },
    });
    expect(summary).toEqual({
      ...builder.checkpoint(),
      tailChunk: sink.bytes().slice(-172),
      bytes: sink.bytes().length,
    });
    expect([summary.size, builder.size, builder.offset]).toEqual([4, 4, sink.length]);
    expect(metaTexts(sink.bytes())[1]).toBe(
      '{"h4mk":{"clock":{"at_pts":0,"source":"ntp","utc_us":5},"end":true,' +
        `"source":{"bytes":3,"media_type":"video/mp4","name":"a.mp4","sha256":"${'ab'.repeat(32)}"},` +
        '"totals":[{"raw":3,"records":1,"track":0}]}}',
    );
  });

  test('close() refuses a source that META cannot hold, and can be called again', async () => {
    const file = await built(async (builder) => {
      expect((await rejection(builder.close({ source: { sha256: 'short' } }))).code).toBe('H4_META_FIELD');
      await builder.close();
    });
    expect(await findingsOf(file)).toEqual([]);
  });

  test('nothing can be added after close()', async () => {
    const builder = await create();
    await builder.close();
    for (const attempt of [
      builder.addBlock(block(0)),
      builder.addTracks([{ id: 7, kind: 'data' }]),
      builder.indexPoint(),
      builder.close(),
    ]) {
      expect((await rejection(attempt)).code).toBe('H4_STATE');
    }
  });

  test('indexPoint() and close() sign where they are told to', async () => {
    const sizes: number[] = [];
    const sign = ({ size }: { readonly size: number }) => {
      sizes.push(size);
      return utf8Encode('note');
    };
    const file = await built(
      async (builder) => {
        await builder.addBlock(block(0));
        await builder.indexPoint({ sign });
        await builder.indexPoint();
        await builder.close({ sign });
      },
      { ...OPTIONS, uid: SIGNABLE_UID },
    );
    expect(tagsOf(file).filter((tag) => tag === 'SIGN')).toHaveLength(2);
    expect(tagsOf(file).filter((tag) => tag === 'TAIL')).toHaveLength(3);
    expect(sizes).toEqual([3, 4]);
  });

  test('a recording with uid zero is never signed', async () => {
    const builder = await create();
    const sign = () => utf8Encode('note');
    expect((await rejection(builder.indexPoint({ sign }))).code).toBe('H4_UID_ZERO_SIGNED');
    expect((await rejection(builder.close({ sign }))).code).toBe('H4_UID_ZERO_SIGNED');
    await builder.close();
    expect(builder.size).toBe(3);
  });

  test('same input, same bytes', async () => {
    const make = () =>
      built(async (builder) => {
        for (let i = 0; i < 20; i++) await builder.addBlock(block(i * 40));
        await builder.close();
      });
    expect(await make()).toEqual(await make());
  });

  test('abort() leaves nothing behind', async () => {
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, OPTIONS);
    await builder.abort();
    expect((await rejection(sink.commit())).code).toBe('H4_STATE');
    expect((await rejection(builder.addBlock(block(0)))).code).toBe('H4_STATE');
  });
});

describe('H4MKBuilder.create() refuses', () => {
  test.each<[string, Partial<RecordingOptions>, string]>([
    ['no tracks', { tracks: [] }, 'H4_PARAM'],
    ['a seek track that is not among the tracks', { seekTrack: 3 }, 'H4_PARAM'],
    ['a track that META cannot hold', { tracks: [{ id: 65_535, kind: 'video' }] }, 'H4_META_FIELD'],
    ['one track twice with different values', { tracks: [VIDEO, { ...VIDEO, name: 'x' }] }, 'H4_META_FIELD'],
    ['a uid that is none', { uid: 'XYZ' }, 'H4_META_FIELD'],
    ['a timebase of 0', { timebase: [0, 1] }, 'H4_META_FIELD'],
    ['a negative shift', { shift: -1 }, 'H4_META_FIELD'],
    ['a fraction', { shift: 0.5 }, 'H4_PARAM'],
  ])('%s', async (_, options, code) => {
    const sink = createMemorySink();
    expect((await rejection(H4MKBuilder.create(sink, { ...OPTIONS, ...options }))).code).toBe(code);
    expect(sink.length).toBe(0);
  });

  test('no tracks by saying so', async () => {
    expect((await rejection(create({ ...OPTIONS, tracks: [] }))).message).toBe('A recording needs at least one track');
  });

  test('a sink that is not empty', async () => {
    const sink = createMemorySink();
    await sink.write(Uint8Array.of(1));
    expect((await rejection(H4MKBuilder.create(sink, OPTIONS))).code).toBe('H4_STATE');
  });

  test('nothing of a sink that fails: its error comes through', async () => {
    const failure = new H4Error('H4_WRITE', 'The disk is full');
    const sink: ByteSink = { ...createDiscardSink(), length: 0, write: () => Promise.reject(failure) };
    expect(await rejection(H4MKBuilder.create(sink, OPTIONS))).toBe(failure);
  });
});

describe('H4MKBuilder.addBlock() refuses', () => {
  test.each<[string, BlockInput, string]>([
    ['a block without tokens', block(0, { tokens: [] }), 'H4_PARAM'],
    ['tokens that are more than the bytes', block(0, { bytes: new Uint8Array(2) }), 'H4_TOKN_SUM'],
    ['tokens that are fewer than the bytes', block(0, { bytes: new Uint8Array(4) }), 'H4_TOKN_SUM'],
    [
      'a negative token',
      block(0, {
        tokens: [
          { pts: 0, size: 4 },
          { pts: 0, size: -1 },
        ],
      }),
      'H4_PARAM',
    ],
    [
      'a fraction of a byte',
      block(0, {
        tokens: [
          { pts: 0, size: 2.5 },
          { pts: 0, size: 0.5 },
        ],
      }),
      'H4_PARAM',
    ],
    ['a time before 0', block(-1), 'H4_TOKN_DELTA'],
    ['a time beyond 2^53-1', block(2 ** 53), 'H4_LIMIT_U64'],
    [
      'more tokens than a reader takes',
      block(0, { tokens: Array.from({ length: 65_537 }, (_, i) => ({ pts: i, size: i < 3 ? 1 : 0 })) }),
      'H4_LIMIT_TOKENS',
    ],
    [
      'more bytes than a reader takes',
      block(0, { tokens: [{ pts: 0, size: 64 * 1024 * 1024 + 1 }], bytes: new Uint8Array(64 * 1024 * 1024 + 1) }),
      'H4_LIMIT_BLOCK',
    ],
  ])('%s, and goes on', async (_, input, code) => {
    const builder = await create();
    expect((await rejection(builder.addBlock(input))).code).toBe(code);
    expect(await builder.addBlock(block(1))).toMatchObject({ seq: 2 });
  });

  test('what an engine makes larger than a reader takes, and goes on', async () => {
    let size = 64 * 1024 * 1024 + 1;
    const builder = await create({ ...OPTIONS, engine: engineOf(() => new Uint8Array(size)) });
    expect((await rejection(builder.addBlock(block(0)))).code).toBe('H4_LIMIT_CHUNK');
    size = 10;
    expect(await builder.addBlock(block(1))).toMatchObject({ seq: 2 });
  });

  test('blocks while an engine works on another one: they could overtake each other', async () => {
    let finish: ((bytes: Uint8Array) => void) | undefined;
    const engine = engineOf(
      () =>
        new Promise<Uint8Array>((resolve) => {
          finish = resolve;
        }),
    );
    const builder = await create({ ...OPTIONS, engine });
    const first = builder.addBlock(block(0));
    expect((await rejection(builder.addBlock(block(40)))).code).toBe('H4_STATE');
    finish?.(new Uint8Array(3));
    expect(await first).toMatchObject({ seq: 2 });
    const second = builder.addBlock(block(40));
    finish?.(new Uint8Array(3));
    expect(await second).toMatchObject({ seq: 3 });
  });

  test('a block that its engine refuses, and goes on', async () => {
    const failure = new H4Error('H4_ENGINE_INPUT', 'The engine is choosy');
    let fails = true;
    const engine = engineOf((bytes) => {
      if (fails) throw failure;
      return bytes;
    });
    const builder = await create({ ...OPTIONS, engine });
    expect(await rejection(builder.addBlock(block(0)))).toBe(failure);
    fails = false;
    expect(await builder.addBlock(block(1))).toMatchObject({ seq: 2 });
  });
});
