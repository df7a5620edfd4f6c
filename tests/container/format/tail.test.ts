import { describe, expect, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { type Tail, encodeTail, parseTail, tailAtEnd } from '../../../src/container/format/tail.js';
import { concatBytes, toHex } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { lcgBytes } from '../../compression/lcg.js';
import { patched } from '../../support/container.js';
import { refusal } from '../../utils/refusal.js';

const tail: Tail = {
  self: 100,
  state: 1,
  records: 2,
  meta: 3,
  seek: 4,
  veri: 5,
  sign: 6,
  prev: 7,
  tiles: [8, 9, 10, 11, 12, 13, 14, Number.MAX_SAFE_INTEGER],
  root: sha256(),
};

const u64 = (value: number): string => value.toString(16).padStart(16, '0');

describe('TAIL', () => {
  test('has 160 bytes in the order of the specification', () => {
    const fields = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, Number.MAX_SAFE_INTEGER].map(u64).join('');
    expect(toHex(encodeTail(tail))).toBe(u64(100) + '01' + '00'.repeat(7) + fields + toHex(sha256()));
    expect(encodeTail(tail)).toHaveLength(160);
  });

  test('comes back as it was written', () => {
    for (const state of [0, 1, 2] as const)
      expect(parseTail(encodeTail({ ...tail, state }))).toEqual({ ...tail, state });
  });

  test('levels without a TILE are 0', () => {
    expect(parseTail(encodeTail({ ...tail, tiles: [8] })).tiles).toEqual([8, 0, 0, 0, 0, 0, 0, 0]);
  });

  test.each([0, 159, 161])('of %i bytes is refused', (length) => {
    expect(refusal(() => parseTail(new Uint8Array(length)))).toMatchObject({
      code: 'H4_TAIL_LAYOUT',
      message: `TAIL has ${length} bytes, not 160`,
    });
  });

  test('with a state above 2, or with padding that is not zero, is refused', () => {
    for (let state = 3; state < 256; state++) {
      expect(refusal(() => parseTail(patched(encodeTail(tail), 8, state))).code).toBe('H4_TAIL_LAYOUT');
    }
    for (let at = 9; at < 16; at++) {
      expect(refusal(() => parseTail(patched(encodeTail(tail), at, 1))).code).toBe('H4_TAIL_LAYOUT');
    }
  });

  test('every offset and count passes the gate of 64-bit integers', () => {
    for (const at of [0, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120]) {
      expect(refusal(() => parseTail(patched(encodeTail(tail), at, 2n ** 53n, 8))).code).toBe('H4_LIMIT_U64');
      expect(refusal(() => parseTail(patched(encodeTail(tail), at, 2n ** 63n, 8))).code).toBe('H4_U64_RANGE');
    }
  });
});

describe('tailAtEnd()', () => {
  const chunk = encodeChunk('TAIL', encodeTail(tail));
  const size = 100 + chunk.length;

  test('gives the TAIL that a file ends with, from its last 172 bytes or more', () => {
    expect(tailAtEnd(chunk, size)).toEqual(tail);
    expect(tailAtEnd(concatBytes(lcgBytes(1, 50), chunk), size)).toEqual(tail);
  });

  test('gives nothing where there is less than a TAIL', () => {
    expect(tailAtEnd(chunk.subarray(1), size)).toBeUndefined();
    expect(tailAtEnd(new Uint8Array(0), 0)).toBeUndefined();
  });

  test('gives nothing where a single byte of it differs', () => {
    for (let at = 0; at < chunk.length; at++) {
      expect(tailAtEnd(patched(chunk, at, (chunk[at] ?? 0) ^ 0x55), size)).toBeUndefined();
    }
  });

  test('gives nothing for a copy that stands elsewhere than it says', () => {
    expect(tailAtEnd(chunk, size + 1)).toBeUndefined();
    expect(tailAtEnd(chunk, size - 1)).toBeUndefined();
  });

  test('gives nothing for what has a good CRC but is no TAIL', () => {
    const payload = encodeTail(tail);
    expect(tailAtEnd(encodeChunk('TAIL', patched(payload, 8, 3)), size)).toBeUndefined();
    expect(tailAtEnd(encodeChunk('TAIL', patched(payload, 64, 2n ** 64n - 1n, 8)), size)).toBeUndefined();
    expect(tailAtEnd(encodeChunk('xAIL', payload), size)).toBeUndefined();
    expect(tailAtEnd(patched(chunk, 4, 161, 4), size)).toBeUndefined();
    expect(tailAtEnd(patched(chunk, 0, 0), size)).toBeUndefined();
  });
});
