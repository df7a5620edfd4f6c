import { describe, expect, test } from 'vitest';
import type { ByteSource } from '../../../src/container/io/io.js';
import { type Salvage, salvageRecording } from '../../../src/container/recover/salvage.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { H4Error } from '../../../src/utils/error.js';
import {
  AUDIO,
  SIGNABLE_UID,
  VIDEO,
  chunksOf,
  closedRecording,
  endRecord,
  interleaved,
  mediaRecord,
  metaRecord,
  recordZero,
  rejection,
  toknOffsets,
  written,
} from '../../support/container.js';
import { signNothing } from '../../support/notes.js';
import { recordsOf } from '../../support/slices.js';

const COUNT = 602;
const file = await closedRecording(interleaved(COUNT - 2), { tracks: [VIDEO, AUDIO], uid: SIGNABLE_UID });
const offsets = toknOffsets(file);
const { root } = recordsOf(file);

const flipped = (...places: readonly number[]): Uint8Array => {
  const bytes = file.slice();
  for (const at of places) bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  return bytes;
};

/** A byte in the middle of the token table, and one in the payload, of a record. */
const inTokn = (seq: number): number => (offsets[seq] ?? 0) + 40;
const inPayload = (seq: number): number => (offsets[seq + 1] ?? 0) - 1;

const salvaged = async (bytes: Uint8Array): Promise<{ salvage: Salvage; slice: Uint8Array; seqs: number[] }> => {
  const sink = createMemorySink();
  const salvage = await salvageRecording(createMemorySource(bytes), sink);
  const slice = sink.bytes();
  const seqs = chunksOf(slice).flatMap(({ tag, payload }) => (tag === 'TOKN' ? [parseTokn(payload).seq] : []));
  return { salvage, slice, seqs };
};

const allBut = (...lost: readonly number[]): number[] =>
  Array.from({ length: COUNT }, (_, seq) => seq).filter((seq) => !lost.includes(seq));

describe('of a recording that is damaged inside', () => {
  test.each([
    ['a payload', [inPayload(100)], [100]],
    ['a TOKN', [inTokn(100)], [100]],
    ['the size of a payload chunk', [(offsets[101] ?? 0) - 30], [100]],
    ['neighbours, and the records around a tile', [inTokn(7), inTokn(8), inTokn(255), inTokn(256)], [7, 8, 255, 256]],
    ['the record after the first', [inPayload(2)], [2]],
    ['the end record', [inTokn(COUNT - 1)], [COUNT - 1]],
  ])('every other record comes back in a slice: %s', async (_, places, lost) => {
    const { salvage, slice, seqs } = await salvaged(flipped(...places));
    expect(seqs).toEqual(allBut(...lost));
    const report = await verifyContainer(createMemorySource(slice));
    expect(report.errors).toEqual([]);
    expect(report.root).toEqual(Buffer.from(root).toString('hex'));
    expect([salvage.size, salvage.records, salvage.bytes]).toEqual([COUNT, COUNT - lost.length, slice.length]);
    expect(salvage.runs.reduce((sum, { first, end }) => sum + end - first, 0)).toBe(salvage.records);
    expect(salvage.isSigned).toBe(false);
  });

  test('a hundred damages leave a hundred and one runs', async () => {
    const lost = Array.from({ length: 100 }, (_, i) => 5 * i + 3);
    const { salvage, seqs } = await salvaged(flipped(...lost.map(inPayload)));
    expect(seqs).toEqual(allBut(...lost));
    expect(salvage.runs).toHaveLength(101);
  });

  test('nothing comes back whose place cannot be proven: the tile with the hash of the lost record is lost too', async () => {
    const tile = chunksOf(file).find(({ tag }) => tag === 'TILE')?.offset ?? 0;
    const hashOfRecord100 = tile + 12 + 48 + 16 * 256 + 32 * 100;
    const error = await rejection(salvaged(flipped(inPayload(100), hashOfRecord100)));
    expect(error.code).toBe('H4_INNER_DAMAGE');
    expect(error.message).toContain('do not lead to the root');
    const unreadable = await rejection(salvaged(flipped(inPayload(100), tile + 12)));
    expect([unreadable.code, unreadable.message]).toEqual(['H4_INNER_DAMAGE', expect.stringContaining('lost as well')]);
  });

  test('nothing comes back without the index at the end', async () => {
    const error = await rejection(salvaged(flipped(inPayload(100)).subarray(0, -1)));
    expect(error.code).not.toBe('H4_INTERNAL');
    const cut = file.subarray(0, (chunksOf(file).find(({ tag }) => tag === 'SEEK')?.offset ?? 0) - 1);
    expect((await rejection(salvaged(cut))).code).toBe('H4_INNER_DAMAGE');
  });

  test('a source that cannot be read is no damage', async () => {
    const long = await closedRecording(interleaved(2000), { tracks: [VIDEO, AUDIO] });
    const memory = createMemorySource(long);
    let reads = 0;
    const failing: ByteSource = {
      size: long.length,
      read: (start, end) =>
        ++reads > 4 ? Promise.reject(new H4Error('H4_IO', 'the disk is gone')) : memory.read(start, end),
      close: () => memory.close(),
    };
    expect((await rejection(salvageRecording(failing, createMemorySink()))).code).toBe('H4_IO');
  });
});

test('a whole recording gives a slice of all of its records', async () => {
  const { seqs, salvage } = await salvaged(file);
  expect(seqs).toEqual(allBut());
  expect(salvage.runs).toEqual([{ first: 0, end: COUNT }]);
});

test('progress is told', async () => {
  const told: number[] = [];
  await salvageRecording(createMemorySource(file), createMemorySink(), { onProgress: (records) => told.push(records) });
  expect(told).toEqual([0, 256, 512]);
});

test('records of a track that a lost META declares are lost with it', async () => {
  const late = { id: 7, kind: 'video' } as const;
  const recording = await written(async (writer) => {
    await writer.record(recordZero({ tracks: [VIDEO] }));
    for (let i = 0; i < 3; i++) await writer.record(mediaRecord({ track: 0, pts: i, key: true }));
    await writer.record(metaRecord({ h4mk: { tracks: [late] } }, 3));
    for (let i = 4; i < 8; i++) await writer.record(mediaRecord({ track: i % 2 === 0 ? 7 : 0, pts: i, key: true }));
    await writer.record(endRecord(8));
    await writer.close();
  });
  const damaged = recording.slice();
  const meta = (toknOffsets(recording)[4] ?? 0) + 130;
  damaged[meta] = (damaged[meta] ?? 0) ^ 1;
  const { seqs, slice } = await salvaged(damaged);
  expect(seqs).toEqual([0, 1, 2, 3, 6, 8, 9]);
  expect((await verifyContainer(createMemorySource(slice))).errors).toEqual([]);
});

describe('the signature of the recording', () => {
  const options = { tracks: [VIDEO, AUDIO], uid: SIGNABLE_UID, sign: signNothing };

  test('comes along', async () => {
    const signed = await closedRecording(interleaved(50), options);
    const at = chunksOf(signed).find(({ tag }) => tag === 'SIGN')?.payload;
    const { salvage, slice } = await salvaged(signed);
    expect(salvage.isSigned).toBe(true);
    expect(chunksOf(slice).find(({ tag }) => tag === 'SIGN')?.payload).toEqual(at);
    expect((await verifyContainer(createMemorySource(slice))).errors).toEqual([]);
  });

  test('is left out where it is damaged itself', async () => {
    const signed = (await closedRecording(interleaved(50), options)).slice();
    const at = chunksOf(signed).find(({ tag }) => tag === 'SIGN')?.offset ?? 0;
    signed[at + 30] = (signed[at + 30] ?? 0) ^ 1;
    const { salvage, slice } = await salvaged(signed);
    expect(salvage.isSigned).toBe(false);
    expect((await verifyContainer(createMemorySource(slice))).errors).toEqual([]);
  });
});
