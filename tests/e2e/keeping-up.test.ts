/**
 * Readers that keep up with a live recording: the streaming reader has every record as soon as its index point is durable,
 * and the indexed reader opens, at every moment, the part of the file that the sidecar speaks for.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { type Acknowledged, LiveRecorder } from '../../src/cli/live/live-recorder.js';
import { storedEngine } from '../../src/compression/api/stored.js';
import { builtinEngines } from '../../src/compression/index.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import { H4MKStreamReader } from '../../src/container/read/stream-reader.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { FollowFeed } from '../../src/storage/follow.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { openGrowingBytes } from '../../src/storage/node/growing-bytes.js';
import { createLiveFileSink } from '../../src/storage/node/live-file.js';
import { concatBytes } from '../../src/utils/bytes.js';
import { noise, temporaryFolder } from '../cli/support/files.js';
import { opened, sidecarPrefix } from '../cli/support/live.js';

const folder = temporaryFolder();
const BLOCK_BYTES = 1000;

/** A live recording of one block per step, with an index point after every third. */
async function liveRecording(path: string) {
  const sink = await createLiveFileSink(path, { slabBytes: 4096 });
  const points: Acknowledged[] = [];
  let micros = 0;
  const recorder = new LiveRecorder(sink, {
    engineFor: () => ({ engine: storedEngine, mediaType: 'application/octet-stream' }),
    blockSize: BLOCK_BYTES,
    gop: 4,
    uid: 'ab'.repeat(16),
    indexRecords: 3,
    elapsedMicros: () => (micros += 40_000),
    onPoint: (point) => {
      points.push(point);
      return Promise.resolve();
    },
  });
  return { recorder, points };
}

const STEPS = 600;
const content = noise(STEPS * BLOCK_BYTES);
const pieceAt = (step: number): Uint8Array => content.subarray(step * BLOCK_BYTES, (step + 1) * BLOCK_BYTES);

describe('a live recording', () => {
  test('is read record by record as far as it is durable, while it is written', async () => {
    const path = folder.path('stream.h4mk');
    const { recorder, points } = await liveRecording(path);
    for (let step = 0; step < 3; step++) await recorder.take(pieceAt(step));
    const file = await openGrowingBytes(path);
    const seqs: number[] = [];
    const media: Uint8Array[] = [];
    const waits: number[] = [];
    let step = 3;
    let isOver = false;
    const feed = new FollowFeed(file, {
      // Each time it has read all that it may, the recording goes on by a block.
      pause: async () => {
        const { records, bytes } = points.at(-1) ?? { records: 0, bytes: 0 };
        expect(seqs.length).toBe(records);
        expect(media.length).toBe(records - 2);
        waits.push(bytes);
        if (step < STEPS) await recorder.take(pieceAt(step++));
        else if (!isOver) {
          isOver = true;
          await recorder.close(undefined);
        }
        return true;
      },
    });
    const reader = new H4MKStreamReader(feed, { engines: builtinEngines() });
    for await (const { tokn, payload } of reader.records()) {
      seqs.push(tokn.seq);
      if (tokn.mode === 0 && payload !== undefined) media.push(payload.slice());
    }
    await file.close();
    expect(seqs).toEqual(Array.from({ length: STEPS + 3 }, (_, i) => i));
    expect(Buffer.compare(concatBytes(...media), content)).toBe(0);
    // It waited at each index point, more than two tiles of records long.
    expect([new Set(waits).size, points.length]).toEqual([STEPS / 3, STEPS / 3]);
    const whole = await readFile(path);
    expect(reader.report()).toEqual(await verifyContainer(createMemorySource(whole)));
    expect(reader.report().exit_code).toBe(0);
  });

  test('gives its blocks in the same way', async () => {
    const path = folder.path('blocks.h4mk');
    const { recorder } = await liveRecording(path);
    for (let step = 0; step < 3; step++) await recorder.take(pieceAt(step));
    const file = await openGrowingBytes(path);
    let step = 3;
    const pause = async (): Promise<boolean> => {
      await (step < 12 ? recorder.take(pieceAt(step++)) : recorder.close(undefined));
      return true;
    };
    const reader = new H4MKStreamReader(new FollowFeed(file, { pause }), { engines: builtinEngines() });
    const blocks: Uint8Array[] = [];
    for await (const { bytes } of reader.blocks({ track: 0 })) blocks.push(bytes.slice());
    await file.close();
    expect(Buffer.compare(concatBytes(...blocks), content.subarray(0, 12 * BLOCK_BYTES))).toBe(0);
  });

  test('opens at every moment up to what its sidecar speaks for, and finds the latest of it', async () => {
    const path = folder.path('indexed.h4mk');
    const { recorder, points } = await liveRecording(path);
    const state = { isOver: false };
    let looks = 0;
    /** Looks again and again, whatever the writer is doing at that moment. */
    const looking = (async () => {
      let last = 0;
      while (!state.isOver) {
        const prefix = await sidecarPrefix(path);
        if (prefix === undefined || prefix.length === last) continue;
        expect(prefix.length).toBeGreaterThan(last);
        last = prefix.length;
        looks++;
        const { records, tailRecords, media } = await opened(prefix);
        expect(records).toBe(tailRecords);
        expect(Buffer.compare(media, content.subarray(0, media.length))).toBe(0);
      }
    })();
    for (let step = 0; step < 120; step++) {
      await recorder.take(pieceAt(step));
      const point = points.at(-1);
      const prefix = await sidecarPrefix(path);
      expect([step, prefix?.length]).toEqual([step, point?.bytes]);
      if (prefix === undefined || point === undefined) continue;
      const reader = await H4MKReader.open(createMemorySource(prefix), { engines: builtinEngines() });
      expect(reader.recordCount).toBe(point.records);
      // Record 0 and the scopes come before the blocks; every fourth of those is a keyframe.
      const key = await reader.seek(point.pts);
      const lastKey = Math.floor((point.records - 3) / 4) * 4 + 2;
      expect([step, key?.seq]).toEqual([step, lastKey]);
    }
    state.isOver = true;
    await looking;
    expect(looks).toBeGreaterThan(1);
    await recorder.close(undefined);
    expect(await sidecarPrefix(path)).toBeUndefined();
    expect((await opened(await readFile(path))).records).toBe(123);
  });
});
