import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodePairs, expandPairs, measurePairs, undoDelta } from '../../src/compression/run-length.js';
import { lcgBytes } from './lcg.js';
import { plainDelta, plainPairs } from './plain-pairs.js';

const anyRuns = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 255 })), { maxLength: 40 })
  .map((runs) => Uint8Array.from(runs.flat()));

describe('encodePairs()', () => {
  test.each([0, 1, 2, 3, 4])('writes the greedy pairs of the delta with stride %i', (stride) => {
    for (const period of [1, 2, 3, 4, 5, 7, 8, 9, 254, 255, 256, 300, 1000]) {
      const bytes = Uint8Array.from({ length: 2003 }, (_, i) => Math.floor(i / period) * (1 + (i % 3)));
      const expected = plainPairs(plainDelta(bytes, stride));
      const out = new Uint8Array(expected.length + 5).fill(0xaa);
      encodePairs(bytes, stride, out, 2);
      expect([...out]).toEqual([0xaa, 0xaa, ...expected, 0xaa, 0xaa, 0xaa]);
    }
  });
});

describe('measurePairs()', () => {
  test('adds up the runs', () => {
    expect(measurePairs(new Uint8Array(0), 0)).toEqual({ kind: 'whole', bytes: 0 });
    expect(measurePairs(Uint8Array.of(9, 255, 9, 1), 256)).toEqual({ kind: 'whole', bytes: 256 });
  });

  test('tells what is wrong with pairs, and where', () => {
    expect(measurePairs(Uint8Array.of(9), 100)).toEqual({ kind: 'half-pair' });
    expect(measurePairs(Uint8Array.of(9, 1, 8, 0), 100)).toEqual({ kind: 'zero-run', at: 2 });
    expect(measurePairs(Uint8Array.of(9, 255, 9, 1), 255)).toEqual({ kind: 'too-long' });
  });
});

describe('expandPairs()', () => {
  test('writes out runs of any division', () => {
    fc.assert(
      fc.property(anyRuns, (pairs) => {
        const expected = [...pairs].flatMap((value, i) =>
          i % 2 === 0 ? Array<number>(pairs[i + 1] ?? 0).fill(value) : [],
        );
        const out = new Uint8Array(expected.length);
        expandPairs(pairs, out);
        expect([...out]).toEqual(expected);
      }),
    );
  });

  test('stays within its part of a larger buffer, whatever the last run', () => {
    for (let run = 1; run <= 255; run++) {
      const buffer = new Uint8Array(run + 70 + 64).fill(0xaa);
      expandPairs(Uint8Array.of(1, 70, 2, run), buffer.subarray(3, 3 + 70 + run));
      expect(buffer.subarray(0, 3)).toEqual(new Uint8Array(3).fill(0xaa));
      expect(buffer.subarray(3 + 70 + run)).toEqual(new Uint8Array(61).fill(0xaa));
    }
  });
});

describe('undoDelta()', () => {
  test.each([0, 1, 2, 3, 4])('gives the bytes back from a delta with stride %i', (stride) => {
    for (let length = 0; length < 20; length++) {
      const bytes = lcgBytes(length, length);
      const delta = plainDelta(bytes, stride);
      undoDelta(delta, stride);
      expect(delta).toEqual(bytes);
    }
  });
});
