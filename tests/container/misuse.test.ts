/** What a caller from JavaScript, or in a hurry, gets wrong: a clear refusal, and never a file that looks complete. */
import { describe, expect, test } from 'vitest';
import type { CompressionEngine } from '../../src/compression/api/engine.js';
import { storedEngine } from '../../src/compression/api/stored.js';
import { type BlockInput, H4MKBuilder } from '../../src/container/write/builder.js';
import { createSourceFeed } from '../../src/container/source/feed.js';
import { createLimits } from '../../src/container/format/limits.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';
import { H4Error } from '../../src/utils/error.js';
import { refusal } from '../utils/refusal.js';
import { rejection } from '../support/container.js';

const blockAt = (pts: number, bytes: Uint8Array = new Uint8Array(10)): BlockInput => ({
  track: 0,
  tokens: [{ pts, duration: 10, key: true, size: bytes.length }],
  bytes,
});

const options = { engine: storedEngine, tracks: [{ id: 0, kind: 'opaque' as const }] };

const recorded = async (blocks = 3): Promise<Uint8Array> => {
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, options);
  for (let i = 0; i < blocks; i++) await builder.addBlock(blockAt(10 * i));
  await builder.close();
  return sink.bytes();
};

describe('a builder whose engine still works on a block', () => {
  /** An engine that compresses when it is told to. */
  const held = () => {
    let release = (): void => undefined;
    const engine: CompressionEngine = {
      compress: (bytes) =>
        new Promise((resolve) => {
          release = () => resolve(bytes);
        }),
      decompress: (bytes, rawLength) => storedEngine.decompress(bytes, rawLength),
      info: () => storedEngine.info(),
    };
    return { engine, release: () => release() };
  };

  test.each<[string, (builder: H4MKBuilder) => Promise<unknown>]>([
    ['close()', (builder) => builder.close()],
    ['a second addBlock()', (builder) => builder.addBlock(blockAt(10))],
    ['addTracks()', (builder) => builder.addTracks([{ id: 1, kind: 'data' }])],
    ['indexPoint()', (builder) => builder.indexPoint()],
  ])('refuses %s, and the block is not lost', async (_, call) => {
    const { engine, release } = held();
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, { ...options, engine });
    const pending = builder.addBlock(blockAt(0));
    expect((await rejection(call(builder))).code).toBe('H4_STATE');
    release();
    await pending;
    await builder.close();
    const reader = await H4MKReader.open(createMemorySource(sink.bytes()));
    expect((await reader.metas()).totals).toEqual([{ track: 0, records: 1, raw: 10 }]);
  });
});

describe('addBlock()', () => {
  test('refuses an array of samples: its length is not its number of bytes', async () => {
    const builder = await H4MKBuilder.create(createMemorySink(), options);
    const samples = new Int16Array(10) as unknown as Uint8Array;
    expect((await rejection(builder.addBlock(blockAt(0, samples)))).code).toBe('H4_PARAM');
  });

  test('refuses a token that ends beyond 2^53-1, and can still close', async () => {
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, options);
    const late = blockAt(Number.MAX_SAFE_INTEGER - 5);
    expect((await rejection(builder.addBlock(late))).code).toBe('H4_LIMIT_U64');
    await builder.close();
    expect((await verifyContainer(createMemorySource(sink.bytes()))).exit_code).toBe(0);
  });
});

describe('a reader', () => {
  test.each([undefined, Number.NaN, 'x', null])('refuses the time %s', async (time) => {
    const reader = await H4MKReader.open(createMemorySource(await recorded()));
    const pts = time as number;
    expect((await rejection(reader.seek(pts))).code).toBe('H4_PARAM');
    expect((await rejection(reader.blockAt(pts))).code).toBe('H4_PARAM');
  });

  test('gives META to who still wants it when another caller gives up', async () => {
    const bytes = await recorded(2000);
    const reader = await H4MKReader.open(createMemorySource(bytes));
    const controller = new AbortController();
    const impatient = reader.metas(controller.signal);
    const patient = reader.metas();
    controller.abort();
    expect((await rejection(impatient)).code).toBe('H4_CANCELLED');
    expect((await patient).ended).toBe(true);
  });

  test('holds a bounded number of META records', async () => {
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, options);
    for (let i = 0; i < 16_400; i++) await builder.addTracks([]);
    await builder.close();
    const reader = await H4MKReader.open(createMemorySource(sink.bytes()));
    expect((await rejection(reader.metas())).code).toBe('H4_LIMIT_META');
    expect(await reader.seek(0)).toBeUndefined();
  });
});

describe('a check', () => {
  test('that is cancelled on the way says so', async () => {
    const controller = new AbortController();
    const source = createMemorySource(await recorded(20_000));
    const check = verifyContainer(source, { signal: controller.signal, onProgress: () => controller.abort() });
    expect((await rejection(check)).code).toBe('H4_CANCELLED');
  });

  test('does not blame the file for a server that ignores ranges', async () => {
    const source = createMemorySource(await recorded());
    let reads = 0;
    const failing = {
      ...source,
      size: source.size,
      read: (start: number, end: number) =>
        ++reads === 1
          ? source.read(start, end)
          : Promise.reject(new H4Error('H4_HTTP_RANGE', 'The server ignored the range')),
    };
    expect((await rejection(verifyContainer(failing))).code).toBe('H4_HTTP_RANGE');
  });
});

test('a limit that does not exist is refused', () => {
  expect(refusal(() => createLimits({ max_records: 5 } as object)).code).toBe('H4_PARAM');
});

test('a feed of pieces without bytes is refused', () => {
  const source = createMemorySource(new Uint8Array(10));
  expect(refusal(() => createSourceFeed(source, { pieceBytes: 0 })).code).toBe('H4_PARAM');
});
