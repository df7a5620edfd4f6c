import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compressRleDelta, decompressRleDelta } from '../../src/compression/rle.js';
import { fromHex, toHex } from '../../src/utils/bytes.js';
import { sha256 } from '../../src/utils/sha256.js';
import { describeShared } from '../support/shared.js';
import { refusal } from '../utils/refusal.js';
import { plainPairs } from './plain-pairs.js';

interface RleVector {
  readonly name: string;
  readonly in_size: number;
  readonly in_sha256: string;
  readonly in_hex?: string;
  readonly out_size: number;
  readonly out_sha256: string;
  readonly out_hex?: string;
}

describeShared('the published vectors of compress_rle_delta', (shared) => {
  const { cases } = JSON.parse(readFileSync(`${shared}/fixtures/rle/vectors.json`, 'utf8')) as { cases: RleVector[] };

  test.each(cases)('$name: $in_size bytes become $out_size and come back', (vector) => {
    // Only the zeros are too long to be printed in the file.
    const input = vector.in_hex === undefined ? new Uint8Array(vector.in_size) : fromHex(vector.in_hex);
    expect(toHex(sha256(input))).toBe(vector.in_sha256);

    const output = compressRleDelta(input);
    expect(output.length).toBe(vector.out_size);
    expect(toHex(sha256(output))).toBe(vector.out_sha256);
    if (vector.out_hex !== undefined) {
      expect(toHex(output)).toBe(vector.out_hex);
    }
    expect(toHex(decompressRleDelta(output))).toBe(toHex(input));
  });

  test('there are all ten of them', () => {
    expect(cases).toHaveLength(10);
  });
});

describe('compressRleDelta()', () => {
  test('takes no delta, despite its name', () => {
    expect(toHex(compressRleDelta(fromHex('0102030405')))).toBe('01010201030104010501');
  });

  test('gives greedy runs for any bytes of any length', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 255 }), fc.integer({ min: 1, max: 300 })), { maxLength: 8 }),
        (runs) => {
          const bytes = Uint8Array.from(runs.flatMap(([value, run]) => Array<number>(run).fill(value)));
          const pairs = compressRleDelta(bytes);
          expect([...pairs]).toEqual(plainPairs(bytes));
          expect(decompressRleDelta(pairs)).toEqual(bytes);
        },
      ),
    );
  });
});

describe('decompressRleDelta()', () => {
  test('accepts runs that are not greedy', () => {
    expect(toHex(decompressRleDelta(fromHex('410141024103')))).toBe('41'.repeat(6));
  });

  test('refuses an odd length', () => {
    const error = refusal(() => decompressRleDelta(fromHex('41ff41')));
    expect(error.code).toBe('H4_RLE_ODD');
    expect(error.message).toContain('3 bytes are not whole pairs');
  });

  test('refuses a run of 0 and says where it is', () => {
    const error = refusal(() => decompressRleDelta(fromHex('41ff4100')));
    expect(error.code).toBe('H4_RLE_ZERO_RUN');
    expect(error.detail).toEqual({ at: 2 });
  });

  test('accepts exactly the bound and refuses one byte more', () => {
    const pairs = fromHex('41ff4101');
    expect(decompressRleDelta(pairs, { maxOutputBytes: 256 })).toHaveLength(256);
    const error = refusal(() => decompressRleDelta(pairs, { maxOutputBytes: 255 }));
    expect(error.code).toBe('H4_LIMIT_BLOCK');
    expect(error.detail).toEqual({ limit: 255 });
  });

  test('is bounded by 64 MiB unless told otherwise', () => {
    // 263 172 runs of 255 bytes are 4 bytes short of 64 MiB; one more run exceeds it.
    const whole = new Uint8Array(2 * Math.floor((64 * 1024 * 1024) / 255)).fill(255);
    expect(decompressRleDelta(whole)).toHaveLength(255 * (whole.length / 2));
    const more = new Uint8Array(whole.length + 2).fill(255);
    expect(refusal(() => decompressRleDelta(more)).code).toBe('H4_LIMIT_BLOCK');
  });

  test.each([-1, 1.5, Number.NaN, Infinity])('refuses %d as a bound', (maxOutputBytes) => {
    const error = refusal(() => decompressRleDelta(new Uint8Array(0), { maxOutputBytes }));
    expect(error.code).toBe('H4_PARAM');
    expect(error.detail).toEqual({ field: 'maxOutputBytes' });
  });
});
