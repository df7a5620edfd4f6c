import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { runLiveLoop } from '../../../src/cli/live/live-loop.js';
import { type Acknowledged, LiveRecorder } from '../../../src/cli/live/live-recorder.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { createLiveFileSink } from '../../../src/storage/node/live-file.js';
import { temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
const NEVER_MS = 2 ** 31 - 1;

/** A recorder into a file, whose index points call `onPoint`. */
async function recorderInto(name: string, onPoint: (point: Acknowledged) => void, indexRecords = 1000) {
  const sink = await createLiveFileSink(folder.path(name));
  let micros = 0;
  const recorder = new LiveRecorder(sink, {
    engineFor: () => ({ engine: storedEngine, mediaType: 'x/y' }),
    blockSize: 10,
    gop: 1,
    uid: '0'.repeat(32),
    indexRecords,
    elapsedMicros: () => micros++,
    onPoint: async (point) => {
      onPoint(point);
      // Whoever is told takes their time; what comes meanwhile waits.
      await setImmediate();
    },
  });
  return { recorder, sink };
}

describe('runLiveLoop()', () => {
  test('sets the deadline back with every index point, whatever arrives meanwhile', async () => {
    const points: number[] = [];
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const { recorder, sink } = await recorderInto('deadline', ({ records }) => {
      points.push(records);
      release();
    });
    async function* pieces() {
      yield Buffer.from('a');
      await released;
      // Behind again before the loop has looked at the clock; none of these has its time come.
      for (const piece of ['b', 'c', 'd']) yield Buffer.from(piece);
    }
    await runLiveLoop(pieces(), recorder, { indexMs: 1000, signal: new AbortController().signal });
    expect(points).toEqual([3]);
    expect(recorder.isBehind).toBe(true);
    await recorder.close(undefined);
    expect(sink.durableLength).toBe(sink.length);
  });

  test('ends at once when it was stopped before it began', async () => {
    const { recorder, sink } = await recorderInto('stopped', () => undefined);
    const pieces = { next: () => Promise.reject(new Error('must not be asked')) };
    await runLiveLoop(pieces, recorder, { indexMs: NEVER_MS, signal: AbortSignal.abort() });
    expect(recorder.isBehind).toBe(false);
    await sink.abort();
  });

  test('acknowledges by number in the middle of a piece', async () => {
    const points: Acknowledged[] = [];
    const { recorder } = await recorderInto('number', (point) => points.push(point), 2);
    async function* pieces() {
      await Promise.resolve();
      yield Buffer.alloc(55);
    }
    await runLiveLoop(pieces(), recorder, { indexMs: NEVER_MS, signal: new AbortController().signal });
    expect(points.map(({ records, pts }) => [records, pts])).toEqual([
      [4, 1],
      [6, 3],
    ]);
    expect((await recorder.close(undefined)).size).toBe(2 + 6 + 1);
  });
});
