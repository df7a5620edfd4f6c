import { describe, expect, it } from 'vitest';
import { type ByteSource, canHashSource, createCountingSource, createMemorySource } from '../../src/storage/index.js';
import { patterned } from './patterned.js';
import { rejection } from './rejection.js';

describe('createCountingSource()', () => {
  it('passes reads on and remembers their ranges', async () => {
    const bytes = patterned(1000);
    const source = createCountingSource(createMemorySource(bytes));

    expect(await source.read(10, 20)).toEqual(bytes.slice(10, 20));
    expect(await source.read(990, 1000)).toEqual(bytes.slice(990));
    expect(source.size).toBe(1000);
    expect(source.reads).toEqual([
      [10, 20],
      [990, 1000],
    ]);
    expect(source).toMatchObject({ count: 2, bytes: 20, roundTrips: 2 });
  });

  it('counts reads that overlap in time as one round trip', async () => {
    const source = createCountingSource(createMemorySource(patterned(1000)));
    await Promise.all([source.read(0, 1), source.read(1, 2), source.read(2, 3)]);
    await source.read(3, 4);

    expect(source).toMatchObject({ count: 4, roundTrips: 2 });
  });

  it('counts a read that fails, and the one after it as another round trip', async () => {
    const source = createCountingSource(createMemorySource(patterned(10)));
    await rejection(source.read(5, 11));
    await source.read(0, 1);

    expect(source).toMatchObject({ count: 2, roundTrips: 2 });
  });

  it('forgets on reset()', async () => {
    const source = createCountingSource(createMemorySource(patterned(10)));
    await source.read(0, 5);
    source.reset();

    expect(source).toMatchObject({ reads: [], hashes: [], count: 0, bytes: 0, roundTrips: 0 });
  });

  it('passes the signal on, and closes the source', async () => {
    const source = createCountingSource(createMemorySource(patterned(10)));

    expect((await rejection(source.read(0, 5, AbortSignal.abort()))).code).toBe('H4_CANCELLED');
    await source.close();
    expect((await rejection(source.read(0, 5))).code).toBe('H4_STATE');
  });

  it('can hash exactly if its source can, and counts that apart from reads', async () => {
    const plain = createMemorySource(patterned(10));
    const hashing = Object.assign(createMemorySource(patterned(10)), {
      sha256: (start: number, end: number) => Promise.resolve(Uint8Array.of(start, end)),
    });
    const source = createCountingSource(hashing);
    const counted: ByteSource = createCountingSource(plain);

    expect(canHashSource(counted)).toBe(false);
    expect(canHashSource(source)).toBe(true);
    expect(await source.sha256(2, 7)).toEqual(Uint8Array.of(2, 7));
    expect(source).toMatchObject({ hashes: [[2, 7]], count: 0, bytes: 0 });
  });
});
