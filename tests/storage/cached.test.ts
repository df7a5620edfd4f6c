import { describe, expect, it } from 'vitest';
import { H4MKReader } from '../../src/container/read/reader.js';
import { createCachedSource } from '../../src/storage/cached.js';
import { createCountingSource } from '../../src/storage/counting.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { H4Error } from '../../src/utils/error.js';
import type { ByteSource } from '../../src/container/io/io.js';
import { noise, recording } from '../cli/support/files.js';
import { patterned } from './patterned.js';
import { rejection } from './rejection.js';

const PAGE = 100;
const FILE = patterned(10_050);
/** Ten pages, reads of up to 250 bytes. */
const SMALL = { pageBytes: PAGE, budgetBytes: 10 * PAGE, readAheadBytes: 0 };

const counted = (bytes: Uint8Array = FILE) => createCountingSource(createMemorySource(bytes));

interface Pending {
  readonly start: number;
  readonly end: number;
  readonly signal: AbortSignal | undefined;
  answer(): void;
  fail(error: Error): void;
}

/** A source whose reads are answered when the test says so. */
const held = (bytes: Uint8Array = FILE): { readonly source: ByteSource; readonly reads: Pending[] } => {
  const reads: Pending[] = [];
  const source: ByteSource = {
    size: bytes.length,
    read: (start, end, signal) =>
      new Promise((resolve, reject) => {
        reads.push({ start, end, signal, answer: () => resolve(bytes.slice(start, end)), fail: reject });
        signal?.addEventListener('abort', () => reject(new H4Error('H4_CANCELLED', 'cancelled')), { once: true });
      }),
    close: () => Promise.resolve(),
  };
  return { source, reads };
};

describe('a cached source', () => {
  it('reads whole pages, once, and gives exactly what was asked for', async () => {
    const source = counted();
    const cached = createCachedSource(source, SMALL);

    expect(cached.size).toBe(FILE.length);
    expect(await cached.read(210, 220)).toEqual(FILE.slice(210, 220));
    expect(await cached.read(200, 300)).toEqual(FILE.slice(200, 300));
    expect(await cached.read(290, 410)).toEqual(FILE.slice(290, 410));
    expect(await cached.read(10_010, 10_050)).toEqual(FILE.slice(10_010));
    expect(source.reads).toEqual([
      [200, 300],
      [300, 500],
      [10_000, 10_050],
    ]);
    expect(cached).toMatchObject({ hits: 1, misses: 3, heldBytes: 350 });
  });

  it('gives the same bytes as its source, whatever is asked for', async () => {
    const cached = createCachedSource(counted(), { ...SMALL, readAheadBytes: 400 });
    let state = 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let i = 0; i < 3000; i++) {
      const start = i % 3 === 0 ? random(FILE.length) : Math.min(FILE.length, (i * 37) % FILE.length);
      const end = Math.min(FILE.length, start + random(400));
      const found = await cached.read(start, end);
      expect(Buffer.compare(found, FILE.subarray(start, end))).toBe(0);
      expect(cached.heldBytes).toBeLessThanOrEqual(10 * PAGE);
    }
  });

  it('never makes more requests than there are reads', async () => {
    const source = counted();
    const cached = createCachedSource(source, SMALL);
    await cached.read(200, 250);
    await cached.read(110, 390);
    await cached.read(0, 0);
    // The page in the middle was at hand; one request all the same, not two.
    expect(source.reads).toEqual([
      [200, 300],
      [110, 390],
    ]);
    const wide = createCachedSource(source, { ...SMALL, budgetBytes: 4000 });
    source.reset();
    await wide.read(200, 250);
    await wide.read(110, 390);
    expect(source.reads).toEqual([
      [200, 300],
      [100, 400],
    ]);
    expect(wide.heldBytes).toBe(300);
  });

  it('forgets the page that was not used for longest, to the byte of its budget', async () => {
    const source = counted();
    const cached = createCachedSource(source, { ...SMALL, budgetBytes: 400 });
    for (const page of [0, 1, 2, 3]) await cached.read(page * PAGE, page * PAGE + 1);
    await cached.read(0, 1);
    await cached.read(400, 401);
    expect(cached.heldBytes).toBe(400);
    source.reset();
    for (const page of [0, 2, 3, 4]) await cached.read(page * PAGE, page * PAGE + 1);
    expect(source.count).toBe(0);
    await cached.read(100, 101);
    expect(source.reads).toEqual([[100, 200]]);
  });

  it('passes by with reads of more than a quarter of its budget', async () => {
    const source = counted();
    const cached = createCachedSource(source, SMALL);
    expect(await cached.read(50, 301)).toEqual(FILE.slice(50, 301));
    expect(source.reads).toEqual([[50, 301]]);
    expect(cached).toMatchObject({ hits: 0, misses: 1, heldBytes: 0 });
  });

  it('gives memory that nobody else uses, and keeps no large piece for a small page', async () => {
    const big = new Uint8Array(FILE);
    const cached = createCachedSource(createMemorySource(big), SMALL);
    const found = await cached.read(210, 220);
    expect(found.buffer.byteLength).toBe(10);
    found.fill(0);
    expect(await cached.read(210, 220)).toEqual(FILE.slice(210, 220));
    // The source gave a view of its memory; what is kept is a copy.
    big.fill(0, 200, 300);
    expect(await cached.read(210, 220)).toEqual(FILE.slice(210, 220));
  });

  it('leaves to its source what that keeps by itself', async () => {
    const source = Object.assign(counted(), {
      kept: (start: number, end: number) => (end <= 1000 ? FILE.slice(start, end) : undefined),
    });
    const cached = createCachedSource(source, SMALL);
    expect(await cached.read(5, 1000)).toEqual(FILE.slice(5, 1000));
    expect(source.count).toBe(0);
    await cached.read(990, 1010);
    expect(source.reads).toEqual([[900, 1100]]);
    expect(cached).toMatchObject({ hits: 1, misses: 1 });
  });

  it('refuses a budget for less than a page, and ranges outside its source', async () => {
    for (const options of [
      { pageBytes: 0 },
      { budgetBytes: 10, pageBytes: 11 },
      { readAheadBytes: -1 },
      { pageBytes: 1.5 },
    ]) {
      expect(() => createCachedSource(counted(), options)).toThrow(
        expect.objectContaining({ code: 'H4_PARAM' }) as Error,
      );
    }
    expect((await rejection(createCachedSource(counted()).read(0, FILE.length + 1))).code).toBe('H4_PARAM');
  });

  it('closes its source, and is not read afterwards', async () => {
    const source = counted();
    const cached = createCachedSource(source, SMALL);
    await cached.read(0, 1);
    await cached.close();
    expect(cached.heldBytes).toBe(0);
    expect((await rejection(cached.read(0, 1))).code).toBe('H4_STATE');
    expect((await rejection(source.read(0, 1))).code).toBe('H4_STATE');
  });

  it('opens a recording with as many requests as without it, or fewer', async () => {
    const blocks = Array.from({ length: 300 }, (_, i) => ({
      pts: i * 1000,
      duration: 1000,
      bytes: noise(2000, i + 1),
    }));
    const file = await recording(blocks, {}, {});
    const [plain, below] = [counted(file), counted(file)];
    const cached = createCachedSource(below);
    for (const source of [plain, cached]) {
      const reader = await H4MKReader.open(source);
      for (let seq = 2; seq < 300; seq += 13) await reader.record(seq);
    }
    expect(below.count).toBeLessThan(plain.count / 2);
  });
});

describe('reading ahead', () => {
  const ahead = { pageBytes: PAGE, budgetBytes: 4000, readAheadBytes: 500 };
  const lengths = ({ reads }: { readonly reads: readonly (readonly [number, number])[] }): number[] =>
    reads.map(([start, end]) => (end - start) / PAGE);

  it('begins after sequential reads only, and doubles up to its limit', async () => {
    const source = counted();
    const cached = createCachedSource(source, ahead);
    for (let at = 0; at < 4000; at += PAGE) expect(await cached.read(at, at + PAGE)).toEqual(FILE.slice(at, at + PAGE));
    expect(lengths(source).slice(0, 6)).toEqual([1, 1, 2, 5, 6, 6]);
    expect(source.count).toBeLessThan(12);
  });

  it('does not happen where access jumps', async () => {
    const source = counted();
    const cached = createCachedSource(source, ahead);
    for (const at of [5000, 300, 7000, 2000, 2500, 100]) await cached.read(at, at + 50);
    expect(lengths(source)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('stops at what is at hand, at the end, and where the read ends in a page that is', async () => {
    const source = counted();
    const cached = createCachedSource(source, ahead);
    await cached.read(400, 401);
    for (const at of [0, 100, 200]) await cached.read(at, at + PAGE);
    // Page 3 was read ahead with page 2, and page 4 was there before.
    expect(source.reads).toEqual([
      [400, 500],
      [0, 100],
      [100, 200],
      [200, 400],
    ]);
    await cached.read(300, 400);
    await cached.read(400, 500);
    expect(source.count).toBe(4);
    source.reset();
    for (const at of [9700, 9800, 9900]) await cached.read(at, at + PAGE);
    expect(source.reads.at(-1)).toEqual([9900, 10_050]);

    const gap = createCachedSource(source, ahead);
    await gap.read(300, 301);
    source.reset();
    await gap.read(0, 50);
    await gap.read(50, 100);
    await gap.read(100, 150);
    await gap.read(150, 350);
    expect(source.reads).toEqual([
      [0, 100],
      [100, 300],
    ]);
  });

  it('stops at a page that is here or on its way', async () => {
    const source = counted();
    const cached = createCachedSource(source, ahead);
    for (const at of [700, 0, 100, 200, 300, 400]) await cached.read(at, at + PAGE);
    expect(source.reads.at(-1)).toEqual([400, 700]);

    const slow = held();
    const waiting = createCachedSource(slow.source, ahead);
    const reads = [700, 0, 100, 200, 300, 400].map((at) => waiting.read(at, at + PAGE));
    expect(slow.reads.at(-1)).toMatchObject({ start: 400, end: 700 });
    for (const read of slow.reads) read.answer();
    expect((await Promise.all(reads)).at(-1)).toEqual(FILE.slice(400, 500));
  });

  it('takes no more than a quarter of the budget', async () => {
    const source = counted();
    const cached = createCachedSource(source, { pageBytes: PAGE, budgetBytes: 1000, readAheadBytes: 5000 });
    for (let at = 0; at < 3000; at += PAGE) await cached.read(at, at + PAGE);
    expect(Math.max(...lengths(source))).toBe(3);
    expect(cached.heldBytes).toBe(1000);
  });
});

describe('reads at the same time', () => {
  it('share one request for a page', async () => {
    const { source, reads } = held();
    const cached = createCachedSource(source, SMALL);
    const both = Promise.all([cached.read(210, 220), cached.read(250, 260)]);
    const third = cached.read(290, 310);
    expect(reads.map(({ start, end }) => [start, end])).toEqual([
      [200, 300],
      [300, 400],
    ]);
    for (const read of reads) read.answer();
    expect(await both).toEqual([FILE.slice(210, 220), FILE.slice(250, 260)]);
    expect(await third).toEqual(FILE.slice(290, 310));
    expect(cached).toMatchObject({ hits: 1, misses: 2, heldBytes: 200 });
  });

  it('cost one request each at most, even around a page that is on its way', async () => {
    const { source, reads } = held();
    const cached = createCachedSource(source, SMALL);
    const inner = cached.read(210, 220);
    const outer = cached.read(190, 310);
    expect(reads.map(({ start, end }) => [start, end])).toEqual([
      [200, 300],
      [100, 400],
    ]);
    reads[1]?.answer();
    reads[0]?.answer();
    expect(await inner).toEqual(FILE.slice(210, 220));
    expect(await outer).toEqual(FILE.slice(190, 310));
    expect(cached.heldBytes).toBe(300);
  });

  it('leave the request to the others when one gives up, and end it when all have', async () => {
    const { source, reads } = held();
    const cached = createCachedSource(source, SMALL);
    const [first, second] = [new AbortController(), new AbortController()];
    const one = rejection(cached.read(210, 220, first.signal));
    const two = cached.read(230, 240, second.signal);
    first.abort();
    expect((await one).code).toBe('H4_CANCELLED');
    expect(reads[0]?.signal?.aborted).toBe(false);
    reads[0]?.answer();
    expect(await two).toEqual(FILE.slice(230, 240));

    const three = rejection(cached.read(510, 520, second.signal));
    second.abort();
    expect((await three).code).toBe('H4_CANCELLED');
    expect(reads[1]?.signal?.aborted).toBe(true);
    // Who comes now does not inherit what the others gave up.
    const four = cached.read(510, 520);
    reads[2]?.answer();
    expect(await four).toEqual(FILE.slice(510, 520));
    expect((await rejection(cached.read(510, 520, AbortSignal.abort()))).code).toBe('H4_CANCELLED');
  });

  it('do not wait for what was given up, even if the source goes on with it', async () => {
    const { source, reads } = held();
    const deaf: ByteSource = { ...source, read: (start, end) => source.read(start, end) };
    const cached = createCachedSource(deaf, SMALL);
    const cancel = new AbortController();
    const one = rejection(cached.read(210, 220, cancel.signal));
    cancel.abort();
    expect((await one).code).toBe('H4_CANCELLED');
    const two = cached.read(210, 220);
    expect(reads).toHaveLength(2);
    reads[1]?.answer();
    expect(await two).toEqual(FILE.slice(210, 220));
  });

  it('fail together, and the failure is not remembered', async () => {
    const { source, reads } = held();
    const cached = createCachedSource(source, SMALL);
    const both = [rejection(cached.read(210, 220)), rejection(cached.read(230, 240))];
    reads[0]?.fail(new H4Error('H4_IO', 'broken'));
    expect((await Promise.all(both)).map(({ code }) => code)).toEqual(['H4_IO', 'H4_IO']);
    const again = cached.read(210, 220);
    reads[1]?.answer();
    expect(await again).toEqual(FILE.slice(210, 220));
  });

  it('end when the source is closed, and leave nothing behind', async () => {
    const { source, reads } = held();
    const cached = createCachedSource(source, SMALL);
    const [one, two] = [rejection(cached.read(210, 220)), cached.read(310, 320)];
    reads[1]?.answer();
    await two;
    const closing = cached.close();
    expect((await one).code).toBe('H4_STATE');
    await closing;
    expect(reads[0]?.signal?.aborted).toBe(true);
    expect(cached.heldBytes).toBe(0);
  });
});
