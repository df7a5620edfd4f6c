/**
 * When frame i is presented, at a rate of num/den frames per second: floor(i * 1 000 000 * den / num) microseconds, exactly.
 *
 * - No drift: every time stamp is computed from its index, and a duration is the difference of two time stamps, so that the
 *   durations add up to the time stamps whatever the rate (h4mk.md 4).
 * - Floor, not nearest: a time stamp is then never later than its frame, frame 1 falls where older files have it, and integer
 *   division is the one rounding that all languages share. The error below 1 µs is within what a reader of original ticks undoes
 *   (h4mk.md 5.2).
 * - Rates are fractions of integers, since 30000/1001 has no exact decimal, and decimals are taken literally: 29.97 is 2997/100,
 *   which is not NTSC. Neither 23.976, 29.97 nor 59.94 is read as the fraction it is often short for.
 */

import { H4Error } from '../utils/error.js';

/** Frames per second as a fraction in lowest terms: `fps_hint` of META (h4mk.md 5.2). */
export type FrameRate = readonly [num: number, den: number];

/** A rate as people write it: a fraction, a number, or either as text. */
export type FrameRateLike = FrameRate | number | string;

export interface FrameClock {
  readonly rate: FrameRate;
  /** Presentation time of frame `index` in `[0, 2^32]`. Never decreases; a safe integer even for the last frame at 1 fps. */
  ptsMicros(index: number): number;
  /** How long frame `index` in `[0, 2^32-1]` lasts: to the time stamp of the next. */
  durationMicros(index: number): number;
}

export interface FrameClockOptions {
  /**
   * Time stamps of older files: `index` times the frame duration truncated to whole microseconds. They drift: at 30 fps they
   * are 36 ms too early after an hour. Default false.
   */
  readonly legacyTiming?: boolean;
}

const MICROS_PER_SECOND = 1_000_000;
const MIN_FPS = 1;
const MAX_FPS = 240;

/** Either side of a reduced rate. More would make the products below inexact. */
const MAX_TERM = 2 ** 32 - 1;

/** The end of the last frame that a u32 can number. */
const MAX_INDEX = 2 ** 32;
const HALF_INDEX = 2 ** 16;

const FRACTION = /^([1-9]\d{0,9})\/([1-9]\d{0,9})$/;
const DECIMAL = /^([1-9]\d{0,2})(?:\.(\d{1,12}))?$/;

/** Reads `30000/1001`, `29.97` or `25` as the exact fraction in lowest terms, from 1 to 240; anything else is `H4_PARAM`. */
export function parseFps(text: string): FrameRate {
  const fraction = FRACTION.exec(text);
  if (fraction !== null) {
    return frameRate(Number(fraction[1]), Number(fraction[2]), text);
  }
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) {
    // At most 15 digits, so that both are exact.
    const [, whole = '', decimals = ''] = decimal;
    return frameRate(Number(whole + decimals), 10 ** decimals.length, text);
  }
  throw refusal(text, 'expected a number like 25 or 29.97, or a fraction like 30000/1001');
}

/** The exact rate that `value` stands for; a number stands for its shortest decimal text, as printed. */
export function toFrameRate(value: FrameRateLike): FrameRate {
  return typeof value === 'object' ? frameRate(value[0], value[1], value.join('/')) : parseFps(String(value));
}

/** A clock that ticks at `rate`. */
export function createFrameClock(rate: FrameRateLike, options: FrameClockOptions = {}): FrameClock {
  const exactRate = toFrameRate(rate);
  const pts = options.legacyTiming === true ? legacyPts(exactRate) : exactPts(exactRate);
  return Object.freeze({
    rate: exactRate,
    ptsMicros: (index: number) => pts(checkedIndex(index, MAX_INDEX)),
    durationMicros: (index: number) => pts(checkedIndex(index, MAX_INDEX - 1) + 1) - pts(index),
  });
}

/**
 * floor(index * perFrame) without BigInt, for perFrame = micros + rest/num. Whole microseconds are a product of at most
 * 2^32 * 10^6, but that of rest/num is not safe at once: rest < num < 2^32. The index is taken in two halves of 16 bits, and no
 * product is above 2^49.
 */
function exactPts([num, den]: FrameRate): (index: number) => number {
  const rest = (MICROS_PER_SECOND * den) % num;
  const micros = quotient(MICROS_PER_SECOND * den, num);
  return (index) => {
    const low = index % HALF_INDEX;
    const high = (index - low) / HALF_INDEX;
    const highRest = (high * rest) % num;
    const fromHigh = quotient(high * rest, num) * HALF_INDEX;
    return index * micros + fromHigh + quotient(highRest * HALF_INDEX + low * rest, num);
  };
}

/** In float64 on purpose, like the writers of older files: the exact quotient may truncate to another microsecond. */
function legacyPts([num, den]: FrameRate): (index: number) => number {
  const micros = Math.trunc(MICROS_PER_SECOND / (num / den));
  return (index) => index * micros;
}

/**
 * Exact wherever it is used here, because the quotient is below 2^20 and the divisor below 2^32: a quotient that is no integer
 * is then further below the next one than float64 could round.
 */
function quotient(a: number, b: number): number {
  return Math.floor(a / b);
}

function frameRate(num: number, den: number, text: string): FrameRate {
  if (!Number.isSafeInteger(num) || !Number.isSafeInteger(den) || den < 1) {
    throw refusal(text, 'both sides of the fraction must be positive integers');
  }
  if (num < MIN_FPS * den || num > MAX_FPS * den) {
    throw refusal(text, `expected ${MIN_FPS} to ${MAX_FPS} frames per second`);
  }
  const divisor = greatestCommonDivisor(num, den);
  const reduced: FrameRate = [num / divisor, den / divisor];
  if (reduced[0] > MAX_TERM) {
    throw refusal(text, 'its fraction in lowest terms does not fit 32 bits');
  }
  return Object.freeze(reduced);
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) {
    [a, b] = [b, a % b];
  }
  return a;
}

function checkedIndex(index: number, max: number): number {
  if (!Number.isInteger(index) || index < 0 || index > max) {
    throw new H4Error('H4_PARAM', `Cannot tell the time of frame ${index}: frames are numbered from 0 to ${max}`, {
      detail: { field: 'index' },
    });
  }
  return index;
}

function refusal(text: string, why: string): H4Error {
  return new H4Error('H4_PARAM', `fpsHint is ${JSON.stringify(text)}: ${why}`, { detail: { field: 'fpsHint' } });
}
