/**
 * Times as people type and read them, and what they mean in a file. People deal in *original* times, which are those of the
 * source; a file stores PTS, which are `shift` units later and count units of its timebase (h4mk.md 5.2).
 */
import { H4Error } from '../utils/error.js';

const PLAIN = /^(-?)(\d{1,20})(?:\.(\d{1,9}))?(us|µs|μs|ms|s|m|min|h)?$/;
const CLOCK = /^(-?)(?:(\d{1,9}):)?(\d{1,9}):(\d{1,2})(?:\.(\d{1,9}))?$/;

const MICROS_PER: Readonly<Record<string, bigint>> = {
  us: 1n,
  µs: 1n,
  μs: 1n,
  ms: 1_000n,
  s: 1_000_000n,
  m: 60_000_000n,
  min: 60_000_000n,
  h: 3_600_000_000n,
};

/**
 * Microseconds of `1500000`, `1.5s`, `1500ms`, `90s`, `2m`, `1:30` or `1:02:03.5`; anything else is `H4_PARAM`. A time
 * beyond 2^53-1 is that.
 */
export function parseTime(text: string): number {
  const refuse = (why: string): never => {
    throw new H4Error(
      'H4_PARAM',
      `'${text}' is not a time: ${why}; write microseconds like 1500000, or 90s, 1500ms, 1:02:03.5`,
    );
  };
  const plain = PLAIN.exec(text);
  if (plain !== null) {
    const [, sign, whole = '', decimals = '', unit] = plain;
    if (unit === undefined && decimals !== '') return refuse('a fraction needs a unit');
    return exactMicros(sign, whole, decimals, MICROS_PER[unit ?? 'us'] ?? 1n, refuse);
  }
  const clock = CLOCK.exec(text);
  if (clock === null) return refuse('it is neither a number with a unit nor hours, minutes and seconds');
  const [, sign, hours = '0', minutes = '', seconds = '', decimals = ''] = clock;
  if (Number(seconds) > 59) return refuse('there are 60 seconds in a minute');
  if (clock[2] !== undefined && Number(minutes) > 59) return refuse('there are 60 minutes in an hour');
  const whole = (BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds);
  return exactMicros(sign, String(whole), decimals, 1_000_000n, refuse);
}

function exactMicros(
  sign: string | undefined,
  whole: string,
  decimals: string,
  unit: bigint,
  refuse: (why: string) => never,
): number {
  const scaled = BigInt(whole + decimals) * unit;
  const scale = 10n ** BigInt(decimals.length);
  if (scaled % scale !== 0n) return refuse('it is finer than a microsecond');
  // No PTS lies beyond 2^53-1, so that any later time finds the same.
  const micros = Math.min(Number(scaled / scale), Number.MAX_SAFE_INTEGER);
  return sign === '-' && micros > 0 ? -micros : micros;
}

/** `0:00:01.500`, `1:02:03.033333`: hours, minutes, seconds, and as many decimals as it takes, three or six. */
export function formatTime(micros: number): string {
  const decimals = micros % 1000 === 0 ? 3 : 6;
  return formatFixedTime(micros).slice(0, decimals === 3 ? -3 : undefined);
}

/** `0:00:01.500000`: always six decimals, for columns. */
export function formatFixedTime(micros: number): string {
  const total = Math.abs(micros);
  const seconds = Math.floor(total / 1_000_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${micros < 0 ? '-' : ''}${clock}.${String(total % 1_000_000).padStart(6, '0')}`;
}

/** Seconds with six decimals: `0.033333`. */
export function formatSeconds(micros: number): string {
  return `${Math.floor(micros / 1_000_000)}.${String(micros % 1_000_000).padStart(6, '0')}`;
}

/** What a file's PTS mean: how many seconds a unit has, and how many units were added to every PTS. */
export interface TimeScale {
  readonly timebase: readonly [num: number, den: number];
  readonly shift: number;
}

export const MICROSECONDS: TimeScale = { timebase: [1, 1_000_000], shift: 0 };

const isMicros = ({ timebase: [num, den] }: TimeScale): boolean => num === 1 && den === 1_000_000;

/** Original time of a PTS in whole microseconds, rounded down. */
export function originalMicros(pts: number, scale: TimeScale): number {
  return durationMicros(pts - scale.shift, scale);
}

/** Units of the timebase as whole microseconds, rounded down. */
export function durationMicros(units: number, scale: TimeScale): number {
  if (isMicros(scale)) return units;
  const [num, den] = scale.timebase;
  return Number(floorDivide(BigInt(units) * BigInt(num) * 1_000_000n, BigInt(den)));
}

/** The last PTS whose original time is not after `micros`; negative or beyond 2^53 where the file cannot have one. */
export function ptsAt(micros: number, scale: TimeScale): number {
  if (isMicros(scale)) return micros + scale.shift;
  const [num, den] = scale.timebase;
  // floor(pts * f) <= micros holds up to the last pts with pts * f < micros + 1.
  const beyond = BigInt(micros + 1) * BigInt(den);
  return Number(floorDivide(beyond - 1n, BigInt(num) * 1_000_000n)) + scale.shift;
}

/** The first PTS whose original time is not before `micros`. */
export function firstPtsAt(micros: number, scale: TimeScale): number {
  return ptsAt(micros - 1, scale) + 1;
}

function floorDivide(a: bigint, b: bigint): bigint {
  return a >= 0n || a % b === 0n ? a / b : a / b - 1n;
}
