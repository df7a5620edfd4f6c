import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFrameClock, parseFps, toFrameRate, type FrameRate } from '../../src/tokenizers/frame-clock.js';
import { refusal } from '../utils/refusal.js';

const MAX_U32 = 2 ** 32 - 1;

const anyIndex = fc.oneof(fc.nat({ max: 1000 }), fc.integer({ min: 0, max: MAX_U32 }));
const anyRate = fc
  .integer({ min: 1, max: MAX_U32 })
  .chain((den) => fc.tuple(fc.integer({ min: den, max: Math.min(240 * den, MAX_U32) }), fc.constant(den)));

function exactMicros(index: number, [num, den]: FrameRate): number {
  return Number((BigInt(index) * 1_000_000n * BigInt(den)) / BigInt(num));
}

describe('parseFps()', () => {
  test.each([
    ['25', 25, 1],
    ['25.0', 25, 1],
    ['29.97', 2997, 100],
    ['23.976', 2997, 125],
    ['59.94', 2997, 50],
    ['30000/1001', 30000, 1001],
    ['60000/2002', 30000, 1001],
    ['1', 1, 1],
    ['240', 240, 1],
    ['240.000000000000', 240, 1],
    ['1.000000001', 1_000_000_001, 1_000_000_000],
    ['4294967295/4294967294', 4294967295, 4294967294],
    ['9999999999/9999999999', 1, 1],
  ])('%s is exactly %d/%d', (text, num, den) => {
    expect(parseFps(text)).toEqual([num, den]);
  });

  test('takes the decimals of NTSC literally: 29.97 is not 30000/1001', () => {
    expect(parseFps('29.97')).not.toEqual(parseFps('30000/1001'));
  });

  test.each([
    ['0', 'expected a number'],
    ['0.99', 'expected a number'],
    ['', 'expected a number'],
    ['fast', 'expected a number'],
    ['25.', 'expected a number'],
    ['.5', 'expected a number'],
    ['025', 'expected a number'],
    ['-25', 'expected a number'],
    ['+25', 'expected a number'],
    ['2.5e1', 'expected a number'],
    [' 25', 'expected a number'],
    ['25\n', 'expected a number'],
    ['٢٥', 'expected a number'],
    ['30/0', 'expected a number'],
    ['30000 / 1001', 'expected a number'],
    ['1.0000000000001', 'expected a number'],
    ['240.000000000001', 'expected 1 to 240 frames per second'],
    ['999', 'expected 1 to 240 frames per second'],
    ['1000/1001', 'expected 1 to 240 frames per second'],
    ['241/1', 'expected 1 to 240 frames per second'],
    ['29.9700000001', 'its fraction in lowest terms does not fit 32 bits'],
    ['4294967296/4294967295', 'its fraction in lowest terms does not fit 32 bits'],
  ])('refuses %j and names the field', (text, why) => {
    const error = refusal(() => parseFps(text));
    expect(error.code).toBe('H4_PARAM');
    expect(error.detail).toEqual({ field: 'fpsHint' });
    expect(error.message).toContain(`fpsHint is ${JSON.stringify(text)}: ${why}`);
  });
});

describe('toFrameRate()', () => {
  test('takes text, a number as it is printed, or a fraction, and reduces it', () => {
    expect(toFrameRate('29.97')).toEqual([2997, 100]);
    expect(toFrameRate(29.97)).toEqual([2997, 100]);
    expect(toFrameRate(30)).toEqual([30, 1]);
    expect(toFrameRate([60000, 2002])).toEqual([30000, 1001]);
  });

  test.each([
    [[30, 0]],
    [[0, 0]],
    [[45, 1.5]],
    [[30, -1]],
    [[-30, 1]],
    [[29.97, 1]],
    [[30, 0.5]],
    [[2 ** 53, 2 ** 53]],
    [[Number.NaN, 1]],
  ] as const)('refuses the fraction %j', (rate) => {
    expect(refusal(() => toFrameRate(rate)).detail).toEqual({ field: 'fpsHint' });
  });

  test.each([0, 0.5, -25, 241, Number.NaN, Infinity, 1e-7, 1e21])('refuses the number %d', (rate) => {
    expect(refusal(() => toFrameRate(rate)).code).toBe('H4_PARAM');
  });
});

describe('a frame clock', () => {
  test('rounds down, and is right again after every whole period', () => {
    const clock = createFrameClock(30);
    expect([0, 1, 2, 3, 4].map((i) => clock.ptsMicros(i))).toEqual([0, 33333, 66666, 100000, 133333]);
    expect([0, 1, 2, 3].map((i) => clock.durationMicros(i))).toEqual([33333, 33333, 33334, 33333]);
    expect(createFrameClock('30000/1001').ptsMicros(30000)).toBe(1_001_000_000);
  });

  test('shows the exact rate it ticks at', () => {
    expect(createFrameClock('29.97').rate).toEqual([2997, 100]);
  });

  test('is the exact rational, rounded down, for any rate and any index of 32 bits', () => {
    fc.assert(
      fc.property(anyRate, anyIndex, (rate, index) => {
        const clock = createFrameClock(rate);
        expect(clock.ptsMicros(index)).toBe(exactMicros(index, rate));
        expect(clock.durationMicros(index)).toBe(exactMicros(index + 1, rate) - exactMicros(index, rate));
      }),
      { numRuns: 5000 },
    );
  });

  test('is exact where the products are largest', () => {
    const rates: FrameRate[] = [
      [MAX_U32, MAX_U32 - 1],
      [MAX_U32, 17895698],
      [MAX_U32 - 4, MAX_U32 - 6],
      [2 ** 31 + 1, 2 ** 31],
      [240, 1],
      [1, 1],
    ];
    for (const rate of rates) {
      const clock = createFrameClock(rate);
      for (const index of [MAX_U32, MAX_U32 - 1, 2 ** 31, 2 ** 31 - 1, 0xffff0000, 0xffff, 0x10000, 2 ** 32]) {
        expect(clock.ptsMicros(index)).toBe(exactMicros(index, rate));
      }
    }
  });

  test.each([
    [2_586_382_058, 4_294_967_291, 4_294_967_290],
    [2_183_882_257, 4_294_967_291, 17_895_699],
    [3_002_261_100, 4_294_967_279, 143_165_577],
    [3_417_170_466, 4_294_967_291, 2_147_483_646],
  ])(
    'does not round up frame %d at %d/%d, which is the least possible part below a whole microsecond',
    (i, num, den) => {
      expect((BigInt(i) * 1_000_000n * BigInt(den)) % BigInt(num)).toBe(BigInt(num - 1));
      expect(createFrameClock([num, den]).ptsMicros(i)).toBe(exactMicros(i, [num, den]));
    },
  );

  test('has durations that add up to the time stamps', () => {
    const clock = createFrameClock('23.976');
    let sum = 0;
    for (let i = 0; i < 10_000; i++) {
      expect(clock.ptsMicros(i)).toBe(sum);
      sum += clock.durationMicros(i);
    }
  });

  test.each([-1, 0.5, 2 ** 32 + 1, Number.NaN])('has no time for frame %d', (index) => {
    const error = refusal(() => createFrameClock(30).ptsMicros(index));
    expect(error.code).toBe('H4_PARAM');
    expect(error.detail).toEqual({ field: 'index' });
  });

  test('has an end but no duration after the last frame', () => {
    const clock = createFrameClock(1);
    expect(clock.ptsMicros(2 ** 32)).toBe(2 ** 32 * 1_000_000);
    expect(clock.durationMicros(MAX_U32)).toBe(1_000_000);
    expect(refusal(() => clock.durationMicros(2 ** 32)).code).toBe('H4_PARAM');
  });
});

describe('a frame clock with legacy timing', () => {
  test.each([
    [25, 40000],
    [29.97, 33366],
    [30, 33333],
    [23.976, 41708],
    [240, 4166],
  ])('at %d fps gives every frame %d microseconds', (fps, micros) => {
    const clock = createFrameClock(fps, { legacyTiming: true });
    for (const index of [0, 1, 2, 1000, MAX_U32]) {
      expect(clock.ptsMicros(index)).toBe(index * micros);
      expect(clock.durationMicros(index)).toBe(micros);
    }
  });

  test('is 36 ms too early after an hour at 30 fps', () => {
    const hour = 30 * 3600;
    const drift = createFrameClock(30).ptsMicros(hour) - createFrameClock(30, { legacyTiming: true }).ptsMicros(hour);
    expect(drift).toBe(36_000);
  });

  test('divides in floating point like the writers of older files, even where that is a microsecond off', () => {
    expect(createFrameClock('25/3').ptsMicros(1)).toBe(120_000);
    expect(createFrameClock('25/3', { legacyTiming: true }).ptsMicros(1)).toBe(119_999);
  });

  test('is the float division of the rate as written, for any decimal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 240_000 }), (thousandths) => {
        const fps = thousandths / 1000;
        expect(createFrameClock(fps, { legacyTiming: true }).ptsMicros(7)).toBe(7 * Math.trunc(1e6 / fps));
      }),
    );
  });
});
