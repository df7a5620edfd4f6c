import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countPairs } from '../../src/compression/pair-count.js';
import { lcgBytes } from './lcg.js';
import { plainDelta, plainPairs } from './plain-pairs.js';

const STRIDES = [0, 1, 2, 3, 4];

function plainCounts(bytes: Uint8Array): number[] {
  return STRIDES.map((stride) => plainPairs(plainDelta(bytes, stride)).length / 2);
}

/** Bytes whose delta with this stride is `delta`. */
function integrate(delta: readonly number[], stride: number): Uint8Array {
  const bytes = Uint8Array.from(delta);
  for (let i = stride; stride > 0 && i < bytes.length; i++) {
    bytes[i] = (bytes[i] ?? 0) + (bytes[i - stride] ?? 0);
  }
  return bytes;
}

describe('countPairs()', () => {
  test('counts none for no bytes', () => {
    expect(countPairs(new Uint8Array(0))).toEqual([0, 0, 0, 0, 0]);
  });

  test('is exact for every string of up to 7 bytes over three values', () => {
    for (let length = 1; length <= 7; length++) {
      for (let number = 0; number < 3 ** length; number++) {
        const bytes = Uint8Array.from({ length }, (_, i) => [0, 1, 255][Math.floor(number / 3 ** i) % 3] ?? 0);
        expect(countPairs(bytes)).toEqual(plainCounts(bytes));
      }
    }
  });

  test.each(STRIDES)('is exact for a run of stride %i of any length, wherever it begins in a strip', (stride) => {
    for (const run of [126, 127, 128, 254, 255, 256, 257, 383, 384, 385, 509, 510, 511, 512, 765, 766]) {
      for (let before = 0; before < 130; before += before % 16 === 15 ? 1 : 5) {
        const bytes = integrate([...lcgBytes(before, before), ...Array<number>(run).fill(9), 1, 2, 3], stride);
        expect(countPairs(bytes)).toEqual(plainCounts(bytes));
        const last = bytes.subarray(0, before + run);
        expect(countPairs(last)).toEqual(plainCounts(last));
      }
    }
  });

  test('is exact for any sequence of runs and ramps', () => {
    const part = fc.tuple(
      fc.nat({ max: 3 }),
      fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 100, max: 700 })),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.nat({ max: 4 }), (parts, stride) => {
        const bytes = integrate(
          parts.flatMap(([value, run]) => Array<number>(run).fill(value)),
          stride,
        );
        expect(countPairs(bytes)).toEqual(plainCounts(bytes));
      }),
    );
  });

  test('is exact for noise of any length and at any place in memory', () => {
    for (let length = 1; length < 300; length++) {
      const bytes = lcgBytes(length, length + 3).subarray(length % 4);
      expect(countPairs(bytes)).toEqual(plainCounts(bytes));
    }
  });

  test('gives up when no stride can need fewer pairs than would be of use', () => {
    const noise = lcgBytes(1, 4096);
    const counts = countPairs(noise, 4096 / 2);
    for (const [stride, pairs] of plainCounts(noise).entries()) {
      expect(counts[stride]).toBeGreaterThanOrEqual(4096 / 2);
      expect(counts[stride]).toBeLessThan(pairs);
    }
    expect(countPairs(noise, 4096 * 2)).toEqual(plainCounts(noise));
  });

  test('does not give up while one stride is of use', () => {
    const ramp = Uint8Array.from({ length: 4096 }, (_, i) => i);
    expect(countPairs(ramp, 4096 / 2)).toEqual(plainCounts(ramp));
  });
});
