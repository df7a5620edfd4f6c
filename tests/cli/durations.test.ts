import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  MICROSECONDS,
  durationMicros,
  formatFixedTime,
  formatSeconds,
  formatTime,
  originalMicros,
  parseTime,
  firstPtsAt,
  ptsAt,
} from '../../src/cli/durations.js';
import { refusal } from '../utils/refusal.js';

describe('parseTime()', () => {
  test.each([
    ['0', 0],
    ['1500000', 1_500_000],
    ['-20000', -20_000],
    ['-0', 0],
    ['1500000us', 1_500_000],
    ['7µs', 7],
    ['1500ms', 1_500_000],
    ['0.5ms', 500],
    ['90s', 90_000_000],
    ['1.5s', 1_500_000],
    ['0.000001s', 1],
    ['2m', 120_000_000],
    ['2min', 120_000_000],
    ['1.5h', 5_400_000_000],
    ['1:30', 90_000_000],
    ['90:00', 5_400_000_000],
    ['1:02:03.5', 3_723_500_000],
    ['-0:00:00.02', -20_000],
    ['100:00:00', 360_000_000_000],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740992', Number.MAX_SAFE_INTEGER],
    ['99999999999999999999h', Number.MAX_SAFE_INTEGER],
  ])('%s is %d microseconds', (text, micros) => {
    expect(parseTime(text)).toBe(micros);
  });

  test.each([
    ['', 'neither'],
    ['soon', 'neither'],
    ['1.5', 'needs a unit'],
    ['1:60', '60 seconds'],
    ['1:60:00', '60 minutes'],
    ['0.0000001s', 'finer than a microsecond'],
    ['0.5us', 'finer than a microsecond'],
    ['1:2:3:4', 'neither'],
    ['+5', 'neither'],
    ['1,5s', 'neither'],
    ['１s', 'neither'],
  ])('refuses %j and says why', (text, why) => {
    const error = refusal(() => parseTime(text));
    expect(error.code).toBe('H4_PARAM');
    expect(error.message).toContain(why);
    expect(error.message).toContain('1:02:03.5');
  });

  test('reads back what formatTime writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 15), max: 10 ** 15 }), (micros) => {
        expect(parseTime(formatTime(micros))).toBe(micros);
        expect(parseTime(formatFixedTime(micros))).toBe(micros);
      }),
    );
  });
});

test('times are written with three decimals, or with six where it takes them', () => {
  expect(formatTime(0)).toBe('0:00:00.000');
  expect(formatTime(3_723_500_000)).toBe('1:02:03.500');
  expect(formatTime(33_333)).toBe('0:00:00.033333');
  expect(formatTime(-20_000)).toBe('-0:00:00.020');
  expect(formatFixedTime(1_500_000)).toBe('0:00:01.500000');
  expect(formatSeconds(33_333)).toBe('0.033333');
});

describe('time scales', () => {
  const ninety = { timebase: [1, 90_000], shift: 1800 } as const;
  const ntsc = { timebase: [1001, 30_000], shift: 0 } as const;

  test('original times are PTS without the shift', () => {
    expect(originalMicros(20_000, { ...MICROSECONDS, shift: 20_000 })).toBe(0);
    expect(originalMicros(0, ninety)).toBe(-20_000);
    expect(originalMicros(91_800, ninety)).toBe(1_000_000);
    expect(originalMicros(1, ntsc)).toBe(33_366);
    expect(durationMicros(90, ninety)).toBe(1000);
  });

  test('firstPtsAt gives the first PTS that is not before a time', () => {
    for (const each of [MICROSECONDS, { timebase: [1, 90_000] as const, shift: 7 }]) {
      for (const micros of [0, 1, 11, 12, 1_000_000]) {
        const pts = firstPtsAt(micros, each);
        expect(originalMicros(pts, each)).toBeGreaterThanOrEqual(micros);
        expect(originalMicros(pts - 1, each)).toBeLessThan(micros);
      }
    }
  });

  test('ptsAt gives the last PTS that is not after a time', () => {
    const scale = fc.constantFrom(MICROSECONDS, ninety, ntsc, { timebase: [7, 3], shift: 5 } as const);
    fc.assert(
      fc.property(scale, fc.integer({ min: -(10 ** 9), max: 10 ** 12 }), (each, micros) => {
        const pts = ptsAt(micros, each);
        expect(originalMicros(pts, each)).toBeLessThanOrEqual(micros);
        expect(originalMicros(pts + 1, each)).toBeGreaterThan(micros);
      }),
    );
  });
});
