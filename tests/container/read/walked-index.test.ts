import { describe, expect, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { MODE } from '../../../src/container/format/layout.js';
import { DEFAULT_LIMITS, createLimits } from '../../../src/container/format/limits.js';
import { payloadBefore } from '../../../src/container/read/record-index.js';
import { WalkedIndex } from '../../../src/container/read/walked-index.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, utf8Encode } from '../../../src/utils/bytes.js';
import {
  AUDIO,
  VIDEO,
  assembled,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  mediaRecord,
  metaRecord,
  patched,
  recordZero,
  rejection,
  toknOffsets,
  written,
} from '../../support/container.js';
import { recordsOf, slicePieces } from '../../support/slices.js';

const open = (file: Uint8Array, seekTrack = 0, limits = DEFAULT_LIMITS): Promise<WalkedIndex> =>
  WalkedIndex.open(createMemorySource(file), seekTrack, limits);

const placesOf = async (index: WalkedIndex) => {
  const places = [];
  for (let seq = 0; seq < index.count; seq++) places.push(await index.place(seq));
  return places;
};

describe('WalkedIndex', () => {
  test('knows the exact extent of every record, tiles and other chunks between them left out', async () => {
    const file = await closedRecording(interleaved(600), { tracks: [VIDEO, AUDIO], pointEvery: 100 });
    const chunks = chunksOf(file);
    const expected = chunks.flatMap(({ tag, offset }, i) =>
      tag === 'TOKN' ? [{ offset, end: (chunks[i + 1]?.offset ?? 0) + 12 + (chunks[i + 1]?.size ?? 0) }] : [],
    );
    const index = await open(file);
    expect(index.count).toBe(602);
    expect(await placesOf(index)).toEqual(expected);
    expect(index.latestMeta).toBe(expected[601]?.offset);
  });

  test('refuses a slice whose TAIL is missing', async () => {
    const records = recordsOf(await closedRecording(interleaved(8), { tracks: [VIDEO, AUDIO] }));
    const pieces = slicePieces(records, [[2, 5]]);
    expect((await rejection(open(assembled(pieces)))).code).toBe('H4_RANGE_NOT_FOUND');
    expect((await open(assembled(pieces.filter(({ tag }) => tag !== 'PROF')))).count).toBe(4);
  });

  test('skips unknown chunks, and stops at VERI', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(mediaRecord({ pts: 0, key: true }));
    });
    const [zero, record] = [file.subarray(0, toknOffsets(file)[1]), file.subarray(toknOffsets(file)[1])];
    const unknown = encodeChunk('xABC', new Uint8Array(100));
    const index = await open(concatBytes(zero, unknown, record, unknown));
    expect(await placesOf(index)).toEqual([
      { offset: 8, end: zero.length },
      { offset: zero.length + 112, end: file.length + 112 },
    ]);
    const veri = encodeChunk('VERI', new Uint8Array(32));
    expect((await open(concatBytes(zero, veri, record))).count).toBe(1);
  });

  test('has all whole records of a file cut at any length', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(mediaRecord({ pts: 0, key: true }));
      await writer.indexPoint();
      await writer.record(mediaRecord({ pts: 9, payload: new Uint8Array(0) }));
    });
    const ends = (await placesOf(await open(file))).map(({ end }) => end);
    expect(ends).toHaveLength(3);
    for (let length = 8; length <= file.length; length++) {
      const index = await open(file.subarray(0, length));
      expect(index.count).toBe(ends.filter((end) => end <= length).length);
    }
  });

  test('finds the last key of the seek track at or before a time', async () => {
    const records = [
      mediaRecord({ track: 1, pts: 0, key: true }),
      mediaRecord({ track: 0, pts: 5 }),
      mediaRecord({ track: 0, pts: 10, key: true }),
      mediaRecord({ track: 1, pts: 15, key: true }),
      mediaRecord({ track: 0, pts: 20, key: true }),
    ];
    const index = await open(await closedRecording(records, { tracks: [VIDEO, AUDIO] }));
    const answers = await Promise.all([9, 10, 19, 20, Infinity].map((pts) => index.lastKey(pts)));
    expect(answers).toEqual([
      undefined,
      { seq: 3, pts: 10 },
      { seq: 3, pts: 10 },
      { seq: 5, pts: 20 },
      { seq: 5, pts: 20 },
    ]);
    const other = await open(await closedRecording(records, { tracks: [VIDEO, AUDIO] }), 1);
    expect(await other.lastKey(14)).toEqual({ seq: 1, pts: 0 });
    expect(await (await open(await closedRecording([]))).lastKey(0)).toBeUndefined();
  });

  test('takes neither META nor scopes for keys, and knows the latest META', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(metaRecord({ x: 1 }, 3));
      await writer.record({ mode: MODE.scopes, pts: 4, payload: utf8Encode('{}') });
    });
    const index = await open(file, 65_535);
    expect(index.latestMeta).toBe(toknOffsets(file)[1]);
    expect(await index.lastKey(100)).toBeUndefined();
  });

  test('leads to the record that holds a payload byte', async () => {
    const payloads = Array.from({ length: 600 }, (_, i) => new Uint8Array(1 + ((i * 37) % 90)));
    const index = await open(await closedRecording(payloads.map((payload, pts) => mediaRecord({ pts, payload }))));
    for (const seq of [2, 3, 254, 255, 256, 257, 511, 512, 600]) {
      const { offset, end } = await index.place(seq);
      for (const payload of [payloadBefore(seq, offset), payloadBefore(seq, end - 117)]) {
        expect(await index.nearPayload(payload, 0, index.count)).toBe(seq);
        expect(await index.nearPayload(payload, 0, seq)).toBe(seq - 1);
        expect(await index.nearPayload(payload, seq + 1, index.count)).toBe(seq + 1);
      }
    }
  });

  test.each([-1, 3, 0.5])('has no record %d', async (seq) => {
    const index = await open(await closedRecording([mediaRecord({ pts: 0 })]));
    expect(await rejection(index.place(seq))).toMatchObject({
      code: 'H4_PARAM',
      message: `There is no record ${seq}: the file has 3`,
    });
  });

  test('refuses what is no chunk, and a TOKN that is none, where it stands', async () => {
    const file = await closedRecording(interleaved(4), { tracks: [VIDEO, AUDIO] });
    const core = chunkOf(file, 'CORE', 1).offset;
    const tokn = chunkOf(file, 'TOKN', 2).offset;
    expect(await rejection(open(patched(file, core, 0)))).toMatchObject({
      code: 'H4_BAD_TAG',
      message: expect.stringContaining(`offset ${core} `) as string,
    });
    expect((await rejection(open(patched(file, tokn + 12, 9)))).code).toBe('H4_TOKN_SUITE');
    const short = concatBytes(file.subarray(0, 8), encodeChunk('TOKN', new Uint8Array(79)), file.subarray(8));
    expect((await rejection(open(short))).code).toBe('H4_TOKN_SIZE');
  });

  test('stops at the limit of records', async () => {
    const file = await closedRecording(interleaved(8), { tracks: [VIDEO, AUDIO] });
    expect((await open(file, 0, createLimits({ maxRecords: 10 }))).count).toBe(10);
    expect((await rejection(open(file, 0, createLimits({ maxRecords: 9 })))).code).toBe('H4_LIMIT_RECORDS');
  });

  test('reads heads in windows of 64 KiB and skips large payloads', async () => {
    const payload = new Uint8Array(500_000);
    const large = await closedRecording(
      Array.from({ length: 10 }, (_, i) => mediaRecord({ pts: i, key: true, payload })),
    );
    const source = createCountingSource(createMemorySource(large));
    expect((await WalkedIndex.open(source, 0, DEFAULT_LIMITS)).count).toBe(12);
    expect(source.count).toBeLessThanOrEqual(11);
    expect(source.bytes).toBeLessThanOrEqual(11 * 65_536);

    const small = await closedRecording(interleaved(2000), { tracks: [VIDEO, AUDIO] });
    const whole = createCountingSource(createMemorySource(small));
    expect((await WalkedIndex.open(whole, 0, DEFAULT_LIMITS)).count).toBe(2002);
    expect(whole.count).toBeLessThanOrEqual(Math.ceil(small.length / 65_000) + 1);
  });

  test('honours the signal', async () => {
    const source = createMemorySource(await closedRecording([]));
    expect((await rejection(WalkedIndex.open(source, 0, DEFAULT_LIMITS, AbortSignal.abort()))).code).toBe(
      'H4_CANCELLED',
    );
  });
});
