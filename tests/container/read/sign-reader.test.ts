import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/container/format/limits.js';
import { readSign } from '../../../src/container/read/sign-reader.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import {
  AUDIO,
  SIGNABLE_UID,
  VIDEO,
  chunkOf,
  closedRecording,
  interleaved,
  rejection,
} from '../../support/container.js';
import { signNothing } from '../../support/notes.js';

const options = { tracks: [VIDEO, AUDIO], uid: SIGNABLE_UID, sign: signNothing };
const file = await closedRecording(interleaved(10), options);
const { offset, payload } = chunkOf(file, 'SIGN');
const read = (bytes: Uint8Array, at: number): ReturnType<typeof readSign> =>
  readSign(createMemorySource(bytes), at, DEFAULT_LIMITS);

describe('the SIGN at a place', () => {
  test('is read with its note', async () => {
    const sign = await read(file, offset);
    expect(sign.payload).toEqual(payload);
    expect(sign.note.size).toBe(12);
  });

  test.each([
    ['another chunk', 8],
    ['the end of the file', file.length - 5],
    ['nothing', file.length + 100],
  ])('is refused where there is %s', async (_, at) => {
    expect((await rejection(read(file, at))).code).toBe('H4_INDEX_MISMATCH');
  });

  test('is refused if it runs past the end, or is longer than any note', async () => {
    expect((await rejection(read(file.subarray(0, offset + 40), offset))).code).toBe('H4_INDEX_MISMATCH');
    const long = file.slice();
    new DataView(long.buffer).setUint32(offset + 4, 65_537);
    expect((await rejection(read(long, offset))).code).toBe('H4_INDEX_MISMATCH');
  });

  test('is refused with a wrong CRC', async () => {
    const damaged = file.slice();
    damaged[offset + 20] = (damaged[offset + 20] ?? 0) ^ 1;
    expect((await rejection(read(damaged, offset))).code).toBe('H4_CRC_MISMATCH');
  });
});
