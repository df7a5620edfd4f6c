import { describe, expect, test } from 'vitest';
import { CheckedSink } from '../../../src/container/slice/checked-sink.js';
import { createLimits } from '../../../src/container/format/limits.js';
import { createMemorySink } from '../../../src/storage/memory.js';
import { H4Error } from '../../../src/utils/error.js';
import { cut, pictures, signedRecording } from '../../support/clips.js';
import { cutAt, patched, rejection, sinkOf } from '../../support/container.js';

const limits = createLimits();
const clip = (await cut(await signedRecording(pictures(20)), { ranges: [{ to: 300 }] })).bytes;

const written = async (bytes: Uint8Array, cuts: readonly number[] = []) => {
  const sink = createMemorySink();
  const checked = new CheckedSink(sink, limits);
  for (const piece of cutAt(bytes, cuts)) await checked.write(piece);
  return { sink, checked };
};

describe('a checked sink', () => {
  test.each([[[]], [[8]], [[1, 2, 3, 3, 100, 101, 700]]])('passes on what is sound, cut at %j', async (cuts) => {
    const { sink, checked } = await written(clip, cuts);
    expect(checked.length).toBe(clip.length);
    await checked.commit();
    expect(Buffer.compare(sink.bytes(), clip)).toBe(0);
  });

  test('commits nothing that breaks a rule', async () => {
    const { sink, checked } = await written(patched(clip, 300, (clip[300] ?? 0) ^ 1));
    const refused = await rejection(checked.commit());
    expect([refused.code, refused.kind]).toEqual(['H4_CRC_MISMATCH', 'tampered']);
    expect(refused.message).toContain('not handed out');
    expect(() => sink.bytes()).toThrow();
  });

  test('goes on taking pieces after the check has ended, and still commits nothing', async () => {
    const { checked } = await written(new Uint8Array(100), [8, 20, 40, 60, 80]);
    await checked.write(new Uint8Array(10));
    expect((await rejection(checked.commit())).code).toBe('H4_BAD_MAGIC');
  });

  test('can be given up at any place', async () => {
    for (const at of [0, 8, 300, clip.length]) {
      const { sink, checked } = await written(clip.subarray(0, at));
      await checked.abort();
      expect(() => sink.bytes()).toThrow();
    }
  });

  test('passes on that its own sink fails', async () => {
    const full = new H4Error('H4_WRITE', 'The disk is full');
    const checked = new CheckedSink(
      sinkOf(() => Promise.reject(full)),
      limits,
    );
    expect(await rejection(checked.write(clip))).toBe(full);
    await checked.abort();
  });
});
