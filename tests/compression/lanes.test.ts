import { describe, expect, test } from 'vitest';
import { addLanes, nonZeroLanes, spread, subtractLanes, sumLanes } from '../../src/compression/lanes.js';

const EDGES = [0, 1, 2, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff];
const lanes = (...bytes: [number, number, number, number]) => new DataView(Uint8Array.from(bytes).buffer).getInt32(0);

describe('lane arithmetic', () => {
  test('adds and subtracts every pair of bytes modulo 256 without touching the neighbours', () => {
    const wrong: string[] = [];
    for (let x = 0; x < 256; x++) {
      for (let y = 0; y < 256; y++) {
        if ((addLanes(lanes(255, x, 255, x), lanes(255, y, 1, y)) | 0) !== lanes(254, x + y, 0, x + y)) {
          wrong.push(`${x} + ${y}`);
        }
        if ((subtractLanes(lanes(0, x, 0, x), lanes(1, y, 255, y)) | 0) !== lanes(255, x - y, 1, x - y)) {
          wrong.push(`${x} - ${y}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test('tells every byte that is not 0 from one that is', () => {
    for (const a of EDGES) {
      for (const b of EDGES) {
        expect(nonZeroLanes(lanes(a, b, b, a))).toBe(lanes(+(a > 0), +(b > 0), +(b > 0), +(a > 0)));
      }
    }
  });

  test('sums four lanes and spreads one byte over them', () => {
    for (const a of EDGES) {
      expect(spread(a)).toBe(lanes(a, a, a, a));
      expect(sumLanes(lanes(a, 255, 128, 1))).toBe(a + 384);
    }
  });
});
