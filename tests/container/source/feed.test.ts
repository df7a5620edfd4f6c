import { describe, expect, test } from 'vitest';
import { type ByteFeed, createIterableFeed, createSourceFeed } from '../../../src/container/source/feed.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { H4Error } from '../../../src/utils/error.js';
import { rejection, sourceOf } from '../../support/container.js';

const bytes = Uint8Array.from({ length: 10 }, (_, i) => i);

const drained = async (feed: ByteFeed): Promise<number[][]> => {
  const pieces: number[][] = [];
  for (let piece = await feed.next(); piece !== undefined; piece = await feed.next()) pieces.push([...piece]);
  return pieces;
};

describe('createSourceFeed()', () => {
  test('reads a source once, from front to back, in pieces', async () => {
    const source = createCountingSource(createMemorySource(bytes));
    const feed = createSourceFeed(source, { pieceBytes: 4 });
    expect(feed.size).toBe(10);
    expect(await drained(feed)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect(source.reads).toEqual([
      [0, 4],
      [4, 8],
      [8, 10],
    ]);
    expect(await feed.next()).toBeUndefined();
  });

  test('begins where it is told to, and takes a small source in one piece', async () => {
    const source = createCountingSource(createMemorySource(bytes));
    expect(await drained(createSourceFeed(source, { start: 7 }))).toEqual([[7, 8, 9]]);
    expect(source.reads).toEqual([[7, 10]]);
  });

  test('gives nothing of an empty source and reads nothing', async () => {
    const source = createCountingSource(createMemorySource(new Uint8Array(0)));
    expect(await drained(createSourceFeed(source))).toEqual([]);
    expect(source.count).toBe(0);
  });

  test('reads nothing before it is asked, and then one piece ahead of its consumer', async () => {
    const source = createCountingSource(createMemorySource(bytes));
    const feed = createSourceFeed(source, { pieceBytes: 4 });
    expect(source.count).toBe(0);
    await feed.next();
    expect(source.count).toBe(2);
    await feed.next();
    expect(source.count).toBe(3);
  });

  test('the failure of a piece read ahead comes when that piece is asked for, not before', async () => {
    const failure = new H4Error('H4_IO', 'The disk is gone');
    const feed = createSourceFeed(
      sourceOf(8, (start, end) => (start === 0 ? Promise.resolve(bytes.subarray(0, end)) : Promise.reject(failure))),
      { pieceBytes: 4 },
    );
    expect(await feed.next()).toHaveLength(4);
    // A turn of the event loop in which an unhandled rejection would end the process.
    await new Promise((resolve) => setImmediate(resolve));
    expect(await rejection(feed.next())).toBe(failure);
  });

  test('passes the signal on to the source', async () => {
    const feed = createSourceFeed(createMemorySource(bytes), { signal: AbortSignal.abort() });
    expect((await rejection(feed.next())).code).toBe('H4_CANCELLED');
  });
});

describe('createIterableFeed()', () => {
  test('feeds what an iterable yields, without the empty pieces', async () => {
    const feed = createIterableFeed([new Uint8Array(0), bytes.subarray(0, 3), new Uint8Array(0), bytes.subarray(3, 4)]);
    expect(feed.size).toBeUndefined();
    expect(await drained(feed)).toEqual([[0, 1, 2], [3]]);
    expect(await feed.next()).toBeUndefined();
  });

  test('feeds what an asynchronous iterable yields', async () => {
    async function* pieces() {
      yield bytes.subarray(0, 1);
      await Promise.resolve();
      yield bytes.subarray(1, 3);
    }
    expect(await drained(createIterableFeed(pieces()))).toEqual([[0], [1, 2]]);
  });

  test('passes on the failure of the iterable', async () => {
    async function* pieces() {
      yield bytes;
      await Promise.reject(new H4Error('H4_IO', 'The pipe is gone'));
    }
    const feed = createIterableFeed(pieces());
    await feed.next();
    expect((await rejection(feed.next())).code).toBe('H4_IO');
  });
});
