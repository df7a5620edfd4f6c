import { expect, test } from 'vitest';
import { ReadWindow } from '../../../src/container/source/read-window.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { lcgBytes } from '../../compression/lcg.js';

test('what lies in the last stretch is not read again, and reads end where the source does', async () => {
  const bytes = lcgBytes(1, 100);
  const source = createCountingSource(createMemorySource(bytes));
  const window = new ReadWindow(source);
  const read = async (start: number, end: number, ahead: number): Promise<void> => {
    expect(await window.read(start, end, ahead, undefined)).toEqual(bytes.subarray(start, end));
  };
  await read(10, 12, 20);
  await read(29, 30, 20);
  await read(10, 30, 0);
  expect(window.end).toBe(30);
  await read(29, 31, 0);
  await read(28, 31, 1000);
  await read(0, 0, 0);
  expect(source.reads).toEqual([
    [10, 30],
    [29, 31],
    [28, 100],
    [0, 0],
  ]);
});
