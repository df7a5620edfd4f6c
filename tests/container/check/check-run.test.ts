import { describe, expect, test } from 'vitest';
import type { CheckRun } from '../../../src/container/check/check-run.js';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { createIterableFeed } from '../../../src/container/source/feed.js';
import { createLimits } from '../../../src/container/format/limits.js';
import { encodeTail } from '../../../src/container/format/tail.js';
import { createStreamRun } from '../../../src/container/check/verify.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import {
  assembled,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  patched,
  rejection,
  withField,
} from '../../support/container.js';
import { errorCodes, reportOf } from '../../support/reports.js';

const tracks = [
  { id: 0, kind: 'video' },
  { id: 1, kind: 'audio' },
] as const;
const file = await closedRecording(interleaved(6), { tracks });

const runOf = (bytes: Uint8Array, signal?: AbortSignal): CheckRun =>
  createStreamRun(createIterableFeed([bytes]), createLimits({}), signal === undefined ? {} : { signal }).run;
const walked = async (run: CheckRun): Promise<CheckRun> => {
  while (await run.step());
  return run;
};

describe('a check under way', () => {
  test('goes one chunk at a time, and can be looked at after each', async () => {
    const run = runOf(file);
    const offsets: number[] = [];
    const records: number[] = [];
    while (await run.step()) {
      offsets.push(run.offset);
      records.push(run.report(run.offset).records);
    }
    const chunks = chunksOf(file);
    expect(offsets).toEqual([8, ...chunks.map(({ offset, size }) => offset + 12 + size)]);
    expect([...records].sort((a, b) => a - b)).toEqual(records);
    expect(records.at(-1)).toBe(8);
    expect(run.report(file.length)).toEqual(await reportOf(file));
  });

  test('is over once, whoever asks again', async () => {
    const run = await walked(runOf(file));
    const report = run.report(file.length);
    expect([await run.step(), await run.step()]).toEqual([false, false]);
    expect(run.report(file.length)).toEqual(report);
    const broken = await walked(runOf(patched(file, 0, 0)));
    expect([await broken.step(), broken.findings.errorCount]).toEqual([false, 1]);
  });

  test('knows nothing before the form of the file is known, and then what kind of check it is', async () => {
    const run = runOf(file);
    expect([run.result, run.records, run.report(0).format, run.report(0).exit_code]).toEqual([
      undefined,
      undefined,
      'unknown',
      1,
    ]);
    await walked(run);
    expect(run.records).toBeDefined();
    const legacy = await walked(runOf(assembled([{ tag: 'CORE', payload: new Uint8Array([65, 3]) }])));
    expect([legacy.result?.format, legacy.records]).toEqual(['legacy', undefined]);
  });

  test('passes on what says nothing about the file', async () => {
    for (const thrown of [
      new H4Error('H4_IO', 'the disk is gone'),
      new H4Error('H4_HTTP_RANGE', 'the server ignores ranges'),
      new TypeError('a defect'),
    ]) {
      const feed = { size: undefined, next: () => Promise.reject(thrown) };
      await expect(createStreamRun(feed, createLimits({}), {}).run.step()).rejects.toBe(thrown);
    }
    const controller = new AbortController();
    const run = runOf(file, controller.signal);
    await run.step();
    controller.abort(new Error('enough'));
    const error = await rejection(run.step());
    expect([error.code, error.cause]).toEqual(['H4_CANCELLED', controller.signal.reason]);
  });
});

test('a stream with a TAIL behind record 0 is taken for a slice only by a TAIL that says so and is one', async () => {
  const { offset, size } = chunkOf(file, 'META');
  const head = file.subarray(0, offset + 12 + size);
  const links = { records: 1, meta: 8, seek: 0, veri: 0, sign: 0, prev: 0, tiles: [], root: new Uint8Array(32) };
  const tail = concatBytes(head, encodeChunk('TAIL', encodeTail({ self: head.length, state: 2, ...links })));
  const formOf = async (bytes: Uint8Array) => (await walked(runOf(bytes))).report(bytes.length).format;
  expect(await formOf(tail)).toBe('H4MK v1 slice');
  const chunk = chunkOf(tail, 'TAIL');
  for (const [at, value, width] of [
    [8, 0, 1],
    [8, 9, 1],
    [9, 1, 1],
    [0, head.length + 1, 8],
    [32, 2n ** 60n, 8],
  ] as const) {
    const other = withField(tail, chunk, at, value, width);
    const report = (await walked(runOf(other))).report(other.length);
    expect([at, report.format, report.exit_code]).toEqual([at, 'H4MK v1 live', report.exit_code]);
    expect([at, errorCodes(report)]).toEqual([at, errorCodes(await reportOf(other))]);
  }
});
