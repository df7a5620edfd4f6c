import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Chunk, encodeChunk } from '../../../src/container/format/chunk.js';
import { ChunkStream, type StreamEnd } from '../../../src/container/source/chunk-stream.js';
import { type ByteFeed, createIterableFeed, createSourceFeed } from '../../../src/container/source/feed.js';
import { DEFAULT_LIMITS, createLimits } from '../../../src/container/format/limits.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { createSha256, sha256 } from '../../../src/utils/sha256.js';
import { lcgBytes } from '../../compression/lcg.js';
import { assembled, chunksOf, cutAt, rejection } from '../../support/container.js';

const file = assembled([
  { tag: 'TOKN', payload: lcgBytes(1, 30) },
  { tag: 'CORE', payload: new Uint8Array(0) },
  { tag: 'xyz ', payload: lcgBytes(2, 5) },
  { tag: 'VERI', payload: lcgBytes(3, 32) },
]);
const chunks = chunksOf(file);

interface Walk {
  readonly chunks: readonly Chunk[];
  readonly end: StreamEnd;
}

const walked = async (stream: ChunkStream): Promise<Walk> => {
  await stream.take(8);
  const found: Chunk[] = [];
  for (;;) {
    const next = await stream.next();
    if ('kind' in next) return { chunks: found, end: next };
    found.push(next);
  }
};

/** One byte at a time, with the length announced or not. */
const pieces = (bytes: Uint8Array, pieceBytes: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) =>
    bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  );

const feeds: Readonly<Record<string, (bytes: Uint8Array, pieceBytes: number) => ByteFeed>> = {
  'of known length': (bytes, pieceBytes) => createSourceFeed(createMemorySource(bytes), { pieceBytes }),
  'of unknown length': (bytes, pieceBytes) => createIterableFeed(pieces(bytes, pieceBytes)),
};

afterEach(() => {
  vi.unstubAllGlobals();
});

describe.each(Object.entries(feeds))('ChunkStream over a feed %s', (_, feed) => {
  test('gives the same chunks whatever the size of the pieces', async () => {
    for (let pieceBytes = 1; pieceBytes <= file.length; pieceBytes++) {
      const stream = new ChunkStream(feed(file, pieceBytes), DEFAULT_LIMITS);
      expect(await walked(stream)).toEqual({ chunks, end: { kind: 'end', offset: file.length } });
      expect(stream.offset).toBe(file.length);
    }
  });

  test('says at every length where the file ends, and how much is missing at least', async () => {
    for (let length = 8; length < file.length; length++) {
      const { chunks: whole, end } = await walked(new ChunkStream(feed(file.subarray(0, length), 7), DEFAULT_LIMITS));
      const next = chunks[whole.length];
      const offset = next?.offset ?? 0;
      expect(whole).toEqual(chunks.slice(0, whole.length));
      if (length === offset) {
        expect(end).toEqual({ kind: 'end', offset });
      } else {
        const isHeaderCut = length < offset + 12;
        const needed = isHeaderCut ? 12 : 12 + (next?.size ?? 0);
        const tag = isHeaderCut ? undefined : next?.tag;
        expect(end).toEqual({ kind: 'cut', offset, missing: offset + needed - length, tag });
      }
    }
  });

  test('can be asked again after the end', async () => {
    const stream = new ChunkStream(feed(file, 50), DEFAULT_LIMITS);
    const { end } = await walked(stream);
    expect(await stream.next()).toEqual(end);
  });

  test('take() gives what there is of a file that is shorter', async () => {
    expect(await new ChunkStream(feed(file.subarray(0, 5), 2), DEFAULT_LIMITS).take(8)).toEqual(file.subarray(0, 5));
    expect(await new ChunkStream(feed(file.subarray(0, 0), 2), DEFAULT_LIMITS).take(8)).toHaveLength(0);
  });

  test('take() goes on where the last one ended', async () => {
    const stream = new ChunkStream(feed(file, 50), DEFAULT_LIMITS);
    expect([await stream.take(3), await stream.take(5)]).toEqual([file.subarray(0, 3), file.subarray(3, 8)]);
    expect(await stream.next()).toEqual(chunks[0]);
  });

  test('hashes exactly the bytes before any chunk, however they arrive', async () => {
    for (let pieceBytes = 1; pieceBytes <= file.length; pieceBytes++) {
      const hash = createSha256();
      const stream = new ChunkStream(feed(file, pieceBytes), DEFAULT_LIMITS, hash);
      await stream.take(8);
      for (const { offset } of chunks) {
        await stream.next();
        stream.hashUpTo(offset);
        stream.hashUpTo(offset);
        stream.hashUpTo(offset - 1);
        expect(hash.copy().digest()).toEqual(sha256(file.subarray(8, offset)));
      }
      await stream.next();
      stream.hashUpTo(file.length);
      expect(hash.digest()).toEqual(sha256(file.subarray(8)));
    }
  });

  test('payloads stay as they were while the stream goes on', async () => {
    const { chunks: found } = await walked(new ChunkStream(feed(file, 3), DEFAULT_LIMITS));
    expect(found.map(({ payload }) => payload)).toEqual(chunks.map(({ payload }) => payload));
  });

  test('a chunk as large as the limit is read, a larger one is refused', async () => {
    const stream = (maxChunkBytes: number) => new ChunkStream(feed(file, 9), createLimits({ maxChunkBytes }));
    expect((await walked(stream(32))).chunks).toHaveLength(4);
    const error = await rejection(walked(stream(31)));
    expect(error).toMatchObject({
      code: 'H4_LIMIT_CHUNK',
      message: `Chunk VERI at offset ${chunks[3]?.offset ?? 0} declares 32 bytes; the limit is 31`,
      detail: { offset: chunks[3]?.offset },
    });
  });

  test('a tag that is none is refused where it stands', async () => {
    const bad = Uint8Array.from(file);
    bad[50] = 0x7f;
    const error = await rejection(walked(new ChunkStream(feed(bad, 11), DEFAULT_LIMITS)));
    expect(error.code).toBe('H4_BAD_TAG');
    expect(error.message).toContain('offset 50');
  });
});

describe('ChunkStream', () => {
  test('copies no payload that lies within one piece, and joins only what straddles two', async () => {
    const second = chunks[1]?.offset ?? 0;
    const cut = (chunks[2]?.offset ?? 0) + 14;
    const [a, b] = cutAt(file, [cut]);
    const { chunks: found } = await walked(new ChunkStream(createIterableFeed([a ?? file, b ?? file]), DEFAULT_LIMITS));
    const [tokn, core, straddling, veri] = found;
    expect(second).toBeLessThan(cut);
    expect(tokn?.payload.buffer).toBe(file.buffer);
    expect(core?.payload.buffer).toBe(file.buffer);
    expect(straddling?.payload.buffer).not.toBe(file.buffer);
    expect(straddling?.payload.buffer.byteLength).toBeLessThan(100);
    expect(veri?.payload.buffer).toBe(file.buffer);
  });

  test('without a hash, hashUpTo() does nothing', async () => {
    const stream = new ChunkStream(createIterableFeed([file]), DEFAULT_LIMITS);
    await stream.take(8);
    stream.hashUpTo(8);
    expect((await stream.next()) as Chunk).toEqual(chunks[0]);
  });

  test('a size beyond the end of a file of known length is a cut, whatever the limit, and nothing more is read', async () => {
    const head = encodeChunk('CORE', new Uint8Array(0));
    head.set([0xff, 0xff, 0xff, 0xff], 4);
    const source = createCountingSource(createMemorySource(concatBytes(file.subarray(0, 8), head, file)));
    const stream = new ChunkStream(createSourceFeed(source, { pieceBytes: 20 }), createLimits({ maxChunkBytes: 1 }));
    await stream.take(8);
    expect(await stream.next()).toEqual({ kind: 'cut', offset: 8, missing: 2 ** 32 - 1 - file.length, tag: 'CORE' });
    expect(source.bytes).toBe(40);
  });

  test('a declared size is no reason to allocate where the length is unknown', async () => {
    const sizes: number[] = [];
    const head = encodeChunk('CORE', new Uint8Array(0));
    head.set([0x04, 0, 0, 0], 4);
    const feed = createIterableFeed([file.subarray(0, 8), head, ...pieces(lcgBytes(1, 10_000), 100)]);
    const stream = new ChunkStream(feed, DEFAULT_LIMITS);
    await stream.take(8);
    vi.stubGlobal(
      'Uint8Array',
      new Proxy(Uint8Array, {
        construct: (target, args: [number]) => {
          sizes.push(args[0]);
          return new target(...args);
        },
      }),
    );
    expect(await stream.next()).toEqual({ kind: 'cut', offset: 8, missing: 64 * 1024 * 1024 - 10_000, tag: 'CORE' });
    expect(Math.max(...sizes)).toBeLessThan(2 * 10_012 + 4096);
  });

  test.each([
    ['which the feed ends', 1000, { kind: 'cut', offset: 8, missing: 1, tag: 'CORE' }],
    ['which is there', 1001, 'H4_LIMIT_CHUNK'],
  ] as const)(
    'a chunk beyond the limit %s is let go until that is known, where the length is not',
    async (_, arrived, end) => {
      const head = encodeChunk('CORE', new Uint8Array(1001)).subarray(0, 12);
      const more = new Uint8Array(arrived === 1001 ? 500 : 0);
      for (const pieceBytes of [1, 7, 400, 3000]) {
        const bytes = concatBytes(file.subarray(0, 8), head, new Uint8Array(arrived), more);
        const stream = new ChunkStream(
          createIterableFeed(pieces(bytes, pieceBytes)),
          createLimits({ maxChunkBytes: 1000 }),
        );
        await stream.take(8);
        if (typeof end === 'string') expect((await rejection(stream.next())).code).toBe(end);
        else expect(await stream.next()).toEqual(end);
      }
    },
  );

  test('a chunk of a known length is joined in one allocation of its size', async () => {
    const large = assembled([{ tag: 'CORE', payload: lcgBytes(4, 10_000) }]);
    const stream = new ChunkStream(createSourceFeed(createMemorySource(large), { pieceBytes: 999 }), DEFAULT_LIMITS);
    const { chunks: found } = await walked(stream);
    expect(found[0]?.payload).toEqual(large.subarray(20));
    expect(found[0]?.payload.buffer.byteLength).toBe(10_012);
  });
});
