import { describe, expect, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import {
  MAX_SEEK_ENTRIES,
  SeekBuilder,
  type SeekEntry,
  SeekTable,
  findInSeekChunk,
  firstIndex,
} from '../../../src/container/format/seek.js';
import { type CountingSource, createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, toHex } from '../../../src/utils/bytes.js';
import { crc32 } from '../../../src/utils/crc32.js';
import { patched, rejection } from '../../support/container.js';
import { refusal } from '../../utils/refusal.js';

/** Entry k of a SEEK of test: PTS 100, 110, 120 ... */
const entryOf = (k: number): SeekEntry => ({ pts: 100 + 10 * k, offset: 5000 + 7 * k });

const built = (count: number, capacity?: number): SeekBuilder => {
  const builder = new SeekBuilder(capacity);
  for (let k = 0; k < count; k++) builder.push(entryOf(k).pts, entryOf(k).offset);
  return builder;
};

const payloadOf = (count: number, capacity?: number): Uint8Array => concatBytes(...built(count, capacity).pieces());

describe('firstIndex()', () => {
  test('is the lowest index from which on the condition holds', () => {
    for (let length = 0; length < 40; length++) {
      for (let first = 0; first <= length; first++) expect(firstIndex(length, (i) => i >= first)).toBe(first);
    }
  });
});

describe('SeekBuilder', () => {
  test('writes a count and pairs of PTS and offset', () => {
    expect(toHex(payloadOf(2))).toBe(
      '00000002' + '0000000000000064' + '0000000000001388' + '000000000000006e' + '000000000000138f',
    );
    expect(toHex(payloadOf(0))).toBe('00000000');
  });

  test('keeps values up to 2^53-1 exactly', () => {
    const builder = new SeekBuilder();
    builder.push(Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER);
    const [, entry] = builder.pieces();
    expect(toHex(entry ?? new Uint8Array(0))).toBe('001ffffffffffffe' + '001fffffffffffff');
  });

  test.each([0, 1, 16_383, 16_384, 16_385, 40_000])(
    'knows size and CRC of its %i entries before it writes them',
    (count) => {
      const builder = built(count);
      const pieces = [...builder.pieces()];
      const payload = concatBytes(...pieces);
      expect(builder.size).toBe(payload.length);
      expect(builder.crc()).toBe(crc32(payload));
      expect(builder.length).toBe(count);
      expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(16_384 * 16);
    },
  );

  test.each([1, 2, 3, 4, 7, 8, 10])(
    'with room for %i keeps every 2^k-th entry for the least k that suffices',
    (capacity) => {
      const builder = new SeekBuilder(capacity);
      for (let count = 1; count <= 200; count++) {
        builder.push(entryOf(count - 1).pts, entryOf(count - 1).offset);
        let stride = 1;
        while (Math.ceil(count / stride) > capacity) stride *= 2;
        const kept = Array.from({ length: Math.ceil(count / stride) }, (_, i) => entryOf(i * stride));
        const table = new SeekTable(concatBytes(...builder.pieces()));
        expect(Array.from({ length: table.length }, (_, k) => table.entry(k))).toEqual(kept);
      }
    },
  );

  test('holds 2^20 entries by default, and thins to half and one more with the next', () => {
    expect(MAX_SEEK_ENTRIES).toBe(1_048_576);
    const builder = new SeekBuilder();
    for (let k = 0; k < 2 ** 20; k++) builder.push(k, 2 * k);
    expect(builder.length).toBe(2 ** 20);
    const firstPts = (): number[] =>
      Array.from(builder.pieces(), (piece) =>
        Number(piece.length < 8 ? -1 : new DataView(piece.buffer).getBigUint64(0)),
      ).slice(1);
    expect(firstPts()).toEqual(Array.from({ length: 64 }, (_, i) => i * 16_384));
    builder.push(2 ** 20, 2 ** 21);
    expect(builder.length).toBe(2 ** 19 + 1);
    expect(firstPts()).toEqual(Array.from({ length: 33 }, (_, i) => 2 * i * 16_384));
    for (let k = 2 ** 20 + 1; k <= 2 ** 21; k++) builder.push(k, 2 * k);
    expect(builder.length).toBe(2 ** 19 + 1);
    expect(firstPts()).toEqual(Array.from({ length: 33 }, (_, i) => 4 * i * 16_384));
    expect(toHex([...builder.pieces()].at(-1) ?? new Uint8Array(0))).toBe('0000000000200000' + '0000000000400000');
  });
});

describe('SeekTable', () => {
  const table = new SeekTable(payloadOf(5));

  test('find() gives the last entry at or before a time', () => {
    for (let pts = 90; pts < 160; pts++) {
      const k = Math.min(4, Math.floor((pts - 100) / 10));
      expect(table.find(pts)).toEqual(k < 0 ? undefined : entryOf(k));
    }
    expect(new SeekTable(payloadOf(0)).find(Infinity)).toBeUndefined();
  });

  test('entry() has only the entries that there are', () => {
    expect(table.length).toBe(5);
    expect(table.entry(4)).toEqual(entryOf(4));
    for (const k of [-1, 5, 0.5, Number.NaN]) expect(refusal(() => table.entry(k)).code).toBe('H4_PARAM');
  });

  test.each([
    ['no bytes', new Uint8Array(0)],
    ['3 bytes', new Uint8Array(3)],
    ['one byte too few', payloadOf(2).subarray(0, -1)],
    ['one byte too many', concatBytes(payloadOf(2), Uint8Array.of(0))],
    ['a count that is too low', patched(payloadOf(2), 0, 1, 4)],
    ['a count that is too high', patched(payloadOf(2), 0, 3, 4)],
    ['the highest count', patched(payloadOf(2), 0, 0xffffffff, 4)],
  ])('refuses %s', (_, payload) => {
    expect(refusal(() => new SeekTable(payload)).code).toBe('H4_SEEK_SIZE');
  });

  test.each([110, 109, 0])('refuses PTS %i after 110', (pts) => {
    expect(refusal(() => new SeekTable(patched(payloadOf(3), 4 + 32, pts, 8)))).toMatchObject({
      code: 'H4_SEEK_ORDER',
      message: `SEEK entry 2 has PTS ${pts}, which does not follow 110`,
    });
  });

  test('values pass the gate of 64-bit integers', () => {
    expect(refusal(() => new SeekTable(patched(payloadOf(3), 4, 2n ** 64n - 1n, 8))).code).toBe('H4_U64_RANGE');
    expect(refusal(() => new SeekTable(patched(payloadOf(3), 12, 2n ** 53n, 8)).entry(0)).code).toBe('H4_LIMIT_U64');
  });
});

describe('findInSeekChunk()', () => {
  const AT = 20;
  const fileOf = (payload: Uint8Array): Uint8Array =>
    concatBytes(new Uint8Array(AT), encodeChunk('SEEK', payload), new Uint8Array(40));
  const sourceOf = (file: Uint8Array): CountingSource => createCountingSource(createMemorySource(file));

  test.each([0, 1, 4095, 4096, 4097, 3 * 4096 + 5])(
    'agrees with the whole table of %i entries at every edge of a window',
    async (count) => {
      const payload = payloadOf(count);
      const table = new SeekTable(payload);
      const source = sourceOf(fileOf(payload));
      const near = [0, 1, 4095, 4096, 4097, 2 * 4096, 3 * 4096 - 1, 3 * 4096, count - 1, count];
      for (const k of near) {
        for (const pts of [-1, 0, 1].map((step) => entryOf(k).pts + step)) {
          expect(await findInSeekChunk(source, AT, pts)).toEqual(table.find(pts));
        }
      }
    },
  );

  test('reads the head and O(log n) windows of 64 KiB, never beyond the chunk', async () => {
    const count = 40 * 4096;
    const file = fileOf(payloadOf(count));
    const source = sourceOf(file);
    for (const k of [0, 1, 5000, count / 2, count - 1]) {
      source.reset();
      expect(await findInSeekChunk(source, AT, entryOf(k).pts)).toEqual(entryOf(k));
      expect(source.count).toBeLessThanOrEqual(1 + 7);
      for (const [start, end] of source.reads) {
        expect(end - start).toBeLessThanOrEqual(65_536);
        expect(end).toBeLessThanOrEqual(file.length - 40);
      }
    }
  });

  test('reads one window where the first one it tries holds the answer', async () => {
    const source = sourceOf(fileOf(payloadOf(3 * 4096)));
    await findInSeekChunk(source, AT, entryOf(5000).pts);
    expect(source.reads).toEqual([
      [AT, AT + 16],
      [AT + 16 + 65_536, AT + 16 + 2 * 65_536],
    ]);
  });

  test.each([
    ['a count above the size', patched(fileOf(payloadOf(3)), AT + 12, 4, 4), 'H4_SEEK_SIZE'],
    ['a count below the size', patched(fileOf(payloadOf(3)), AT + 12, 2, 4), 'H4_SEEK_SIZE'],
    ['the highest count', patched(fileOf(payloadOf(3)), AT + 12, 0xffffffff, 4), 'H4_SEEK_SIZE'],
    [
      'size and count that lie together',
      patched(patched(fileOf(payloadOf(3)), AT + 4, 4 + 16 * 1000, 4), AT + 12, 1000, 4),
      'H4_TRUNCATED',
    ],
    ['another tag', patched(fileOf(payloadOf(3)), AT, 0x54), 'H4_INDEX_MISMATCH'],
    ['a PTS above 2^63-1', patched(fileOf(payloadOf(3)), AT + 16 + 16, 2n ** 63n, 8), 'H4_U64_RANGE'],
    ['an offset above 2^53-1', patched(fileOf(payloadOf(1)), AT + 16 + 8, 2n ** 53n, 8), 'H4_LIMIT_U64'],
  ])('refuses %s', async (_, file, code) => {
    const source = sourceOf(file);
    expect((await rejection(findInSeekChunk(source, AT, 1000))).code).toBe(code);
    expect(source.bytes).toBeLessThan(200);
  });

  test('believes a count as far as the file reaches', async () => {
    // 4 + 16 * 5 bytes: two entries more than were written, out of the bytes that follow. They are hints like any other.
    const file = patched(patched(fileOf(payloadOf(3)), AT + 4, 4 + 16 * 5, 4), AT + 12, 5, 4);
    expect(await findInSeekChunk(sourceOf(file), AT, 1000)).toBeDefined();
  });

  test.each([-1, 64 + 60, 1000, Number.MAX_SAFE_INTEGER])(
    'refuses the offset %d, where no SEEK can stand',
    async (at) => {
      const source = sourceOf(fileOf(payloadOf(0)));
      expect((await rejection(findInSeekChunk(source, at, 0))).code).toBe('H4_INDEX_MISMATCH');
      expect(source.count).toBe(0);
    },
  );

  test('passes the signal on', async () => {
    const source = createMemorySource(fileOf(payloadOf(3)));
    expect((await rejection(findInSeekChunk(source, AT, 0, AbortSignal.abort()))).code).toBe('H4_CANCELLED');
  });
});
