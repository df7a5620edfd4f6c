import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinEngines } from '../../../src/compression/index.js';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { createIterableFeed } from '../../../src/container/source/feed.js';
import { H4MKReader } from '../../../src/container/read/reader.js';
import type { StoredRecord } from '../../../src/container/read/record-reader.js';
import type { VerificationReport } from '../../../src/container/check/report.js';
import { H4MKStreamReader } from '../../../src/container/read/stream-reader.js';
import { encodeTail } from '../../../src/container/format/tail.js';
import { verifyStream } from '../../../src/container/check/verify.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import {
  AUDIO,
  VIDEO,
  assembled,
  chunksOf,
  closedRecording,
  interleaved,
  patched,
  rejection,
} from '../../support/container.js';
import { reportOf, withOneBitFlipped } from '../../support/reports.js';
import { describeShared } from '../../support/shared.js';

/** `bytes` in pieces whose sizes come round again and again. */
function* inPieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array, void> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const streamed = (bytes: Uint8Array, sizes: readonly number[] = [bytes.length]): Promise<VerificationReport> =>
  verifyStream(createIterableFeed(inPieces(bytes, sizes)));

/** All of a report but the number of bytes, which counts those that were never looked at only in a file. */
const findingsOf = (report: VerificationReport): VerificationReport => ({ ...report, bytes: 0 });

const CHUNKINGS: readonly (readonly number[])[] = [[1], [2, 3, 5, 7, 11], [12], [4096], [1 << 20], [171, 1, 173]];

const recordsOf = async (reader: H4MKStreamReader): Promise<StoredRecord[]> => {
  const records: StoredRecord[] = [];
  for await (const record of reader.records()) records.push(record);
  return records;
};

const readerOf = (bytes: Uint8Array, sizes: readonly number[] = [7]): H4MKStreamReader =>
  new H4MKStreamReader(createIterableFeed(inPieces(bytes, sizes)), { engines: builtinEngines() });

const folderOf = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => name.endsWith('.h4mk'))
    .map((name) => join(path, name));

const sameFindings = (files: () => readonly string[]): void => {
  test.each(CHUNKINGS)('in pieces of %i bytes', async (...sizes) => {
    for (const path of files()) {
      const bytes = new Uint8Array(readFileSync(path));
      if (sizes[0] === 1 && bytes.length > 300_000) continue;
      const [whole, report] = [await reportOf(bytes), await streamed(bytes, sizes)];
      expect([path, findingsOf(report)]).toEqual([path, findingsOf(whole)]);
    }
  });
};

describe('a stream is found to be what the file is, for our own vectors', () => {
  const folder = fileURLToPath(new URL('../../../spec/vectors', import.meta.url));
  sameFindings(() => [...folderOf(join(folder, 'v1')), ...folderOf(join(folder, 'broken'))]);
});

describeShared('a stream is found to be what the file is, for the shared samples', (shared) => {
  sameFindings(() =>
    ['samples', 'samples/broken', 'fixtures/h4mk'].flatMap((folder) => folderOf(join(shared, folder))),
  );
});

const recording = await closedRecording(interleaved(24), { tracks: [VIDEO, AUDIO] });

test('a stream is found to be what the file is, cut anywhere', async () => {
  for (let length = 0; length <= recording.length; length += length < 300 || length > recording.length - 400 ? 1 : 37) {
    const cut = recording.subarray(0, length);
    expect([length, findingsOf(await streamed(cut, [100]))]).toEqual([length, findingsOf(await reportOf(cut))]);
  }
});

test('a stream is found to be what the file is, with any bit flipped', async () => {
  const flips = withOneBitFlipped(recording, (at) => [at % 8]);
  for (const { at, changed } of flips) {
    if (at % 3 > 0) continue;
    expect([at, findingsOf(await streamed(changed, [64]))]).toEqual([at, findingsOf(await reportOf(changed))]);
  }
});

test('any chunking of any part of a recording gives the findings of the file', async () => {
  const chunking = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(chunking, fc.nat(recording.length), fc.nat(255), async (sizes, at, byte) => {
      const changed = patched(recording, Math.min(at, recording.length - 1), byte);
      expect(findingsOf(await streamed(changed, sizes))).toEqual(findingsOf(await reportOf(changed)));
    }),
    { numRuns: 60 },
  );
});

test('a slice that shows record 0 alone is known by its TAIL, behind any notes', async () => {
  const [tokn, meta] = chunksOf(recording);
  if (tokn === undefined || meta === undefined) throw new Error('no record 0');
  const head = assembled([tokn, meta]);
  for (const notes of [0, 1, 16, 17]) {
    const pieces = Array.from({ length: notes }, () => ({ tag: 'ATTS', payload: new Uint8Array(1) }));
    const body = concatBytes(head, assembled(pieces).subarray(8));
    const file = concatBytes(body, tailOf(2, body.length));
    const [whole, report] = [await reportOf(file), await streamed(file, [50])];
    expect(whole.format).toBe('H4MK v1 slice');
    // Longer than that nobody waits: more than the notes of one witness round before any record is not a slice.
    expect(report.format).toBe(notes <= 16 ? 'H4MK v1 slice' : 'H4MK v1 live');
    if (notes <= 16) expect(findingsOf(report)).toEqual(findingsOf(whole));
  }
  const live = concatBytes(head, tailOf(0, head.length));
  expect(findingsOf(await streamed(live))).toEqual(findingsOf(await reportOf(live)));
  const torn = concatBytes(head, assembled([{ tag: 'TAIL', payload: new Uint8Array(3) }]).subarray(8));
  expect(findingsOf(await streamed(torn))).toEqual(findingsOf(await reportOf(torn)));

  function tailOf(state: 0 | 2, self: number): Uint8Array {
    const links = { records: 1, meta: 8, seek: 0, veri: 0, sign: 0, prev: 0, tiles: [], root: new Uint8Array(32) };
    return encodeChunk('TAIL', encodeTail({ self, state, ...links }));
  }
});

describe('H4MKStreamReader', () => {
  test('gives the records and blocks that the indexed reader gives', async () => {
    const indexed = await H4MKReader.open(createMemorySource(recording), { engines: builtinEngines() });
    for (const sizes of CHUNKINGS) {
      const records = await recordsOf(readerOf(recording, sizes));
      expect(records.length).toBe(indexed.recordCount);
      for (const record of records) expect(record).toEqual(await indexed.record(record.tokn.seq));
      for (const track of [0, 1]) {
        const [streamedBytes, indexedBytes]: [Uint8Array[], Uint8Array[]] = [[], []];
        for await (const { bytes } of readerOf(recording, sizes).blocks({ track })) streamedBytes.push(bytes);
        for await (const { bytes } of indexed.blocks({ track })) indexedBytes.push(bytes);
        expect(streamedBytes).toEqual(indexedBytes);
      }
    }
  });

  test('gives the blocks of all tracks in file order', async () => {
    const seqs: number[] = [];
    for await (const { tokn } of readerOf(recording).blocks()) seqs.push(tokn.seq);
    expect(seqs).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
  });

  test('knows tracks and engine as soon as record 0 has arrived, and gives the report at the end', async () => {
    const reader = readerOf(recording);
    expect(reader.metas).toBeUndefined();
    const records = reader.records();
    await records.next();
    expect(reader.metas?.tracks.map(({ id }) => id)).toEqual([0, 1]);
    while ((await records.next()).done !== true);
    expect(reader.report()).toEqual(await reportOf(recording));
  });

  test('hands a record out before the next one has arrived', async () => {
    const [, , next] = chunksOf(recording);
    if (next === undefined) throw new Error('no records');
    let given = 0;
    function* arriving(): Generator<Uint8Array, void> {
      for (; given < recording.length; given++) yield recording.subarray(given, given + 1);
    }
    const records = new H4MKStreamReader(createIterableFeed(arriving())).records();
    expect((await records.next()).value?.tokn.seq).toBe(0);
    // The third chunk tells a stream from a slice.
    expect(given).toBe(next.offset + 12 + next.size - 1);
    expect((await records.next()).value?.tokn.seq).toBe(1);
  });

  test('ends with the records of a recording that is cut off, and says so', async () => {
    const { length } = await recordsOf(readerOf(recording));
    const reader = readerOf(recording.subarray(0, recording.length - 4000));
    const records = await recordsOf(reader);
    expect(records.length).toBeLessThan(length);
    expect(reader.report().exit_code).toBe(3);
  });

  test('never hands out what is broken: it throws the first rule, with its place, and nothing after it', async () => {
    const whole = await recordsOf(readerOf(recording));
    const place = whole[5]?.offset ?? 0;
    for (const at of [place + 12 + 8, place + 12 + 50, (whole[6]?.offset ?? 0) - 1]) {
      const broken = patched(recording, at, (recording[at] ?? 0) ^ 1);
      const seqs: number[] = [];
      const error = await rejection(
        (async () => {
          for await (const { tokn } of readerOf(broken).records()) seqs.push(tokn.seq);
        })(),
      );
      expect(error.code).toBe((await reportOf(broken)).errors[0]?.code);
      expect(error.detail['offset']).toBe((await reportOf(broken)).errors[0]?.offset);
      expect(seqs).toEqual([0, 1, 2, 3, 4]);
    }
  });

  test('refuses a legacy file, whose META stands at its end', async () => {
    const legacy = assembled([{ tag: 'CORE', payload: new Uint8Array([65, 3]) }]);
    expect((await rejection(recordsOf(readerOf(legacy)))).code).toBe('H4_ENGINE_UNKNOWN');
  });

  test('stops when it is cancelled, and passes on what ails the feed', async () => {
    const controller = new AbortController();
    const feed = createIterableFeed(inPieces(recording, [100]));
    const reader = new H4MKStreamReader(feed, { signal: controller.signal });
    const records = reader.records();
    await records.next();
    controller.abort(new Error('enough'));
    expect((await rejection(records.next())).code).toBe('H4_CANCELLED');
    const failing = { size: undefined, next: () => Promise.reject(new Error('the line is dead')) };
    await expect(recordsOf(new H4MKStreamReader(failing))).rejects.toThrow('the line is dead');
  });
});
