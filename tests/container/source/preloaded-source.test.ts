import { describe, expect, test } from 'vitest';
import { PreloadedSource } from '../../../src/container/source/preloaded-source.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { rejection } from '../../support/container.js';

const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);

const make = async () => {
  const source = createCountingSource(createMemorySource(bytes));
  const preloaded = new PreloadedSource(source);
  await preloaded.preload(0, 10);
  await preloaded.preload(60, 100);
  source.reset();
  return { source, preloaded };
};

describe('PreloadedSource', () => {
  test.each([
    [0, 10],
    [3, 7],
    [0, 0],
    [10, 10],
    [60, 100],
    [99, 100],
  ])('serves [%i, %i) from memory', async (start, end) => {
    const { source, preloaded } = await make();
    expect(await preloaded.read(start, end)).toEqual(bytes.subarray(start, end));
    expect(source.count).toBe(0);
  });

  test.each([
    [0, 11],
    [10, 11],
    [30, 40],
    [59, 61],
    [0, 100],
  ])('reads [%i, %i), which is in no window as a whole, from its source', async (start, end) => {
    const { source, preloaded } = await make();
    expect(await preloaded.read(start, end)).toEqual(bytes.subarray(start, end));
    expect(source.reads).toEqual([[start, end]]);
  });

  test('has the size of its source, and closes it', async () => {
    const { source, preloaded } = await make();
    expect(preloaded.size).toBe(100);
    await preloaded.close();
    expect((await rejection(source.read(0, 1))).code).toBe('H4_STATE');
  });

  test('refuses a range beyond the end, as its source does', async () => {
    const { preloaded } = await make();
    expect((await rejection(preloaded.read(90, 101))).code).toBe('H4_PARAM');
  });

  test('keeps nothing of a window that could not be read', async () => {
    const { preloaded } = await make();
    expect((await rejection(preloaded.preload(20, 30, AbortSignal.abort()))).code).toBe('H4_CANCELLED');
    expect(await preloaded.read(20, 30)).toEqual(bytes.subarray(20, 30));
  });

  test('honours the signal even where the bytes are in memory', async () => {
    const { preloaded } = await make();
    expect((await rejection(preloaded.read(0, 1, AbortSignal.abort()))).code).toBe('H4_CANCELLED');
    expect(await preloaded.read(0, 1, new AbortController().signal)).toEqual(Uint8Array.of(0));
  });
});
