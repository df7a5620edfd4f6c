/** Readers of option values. What they refuse is a usage error that names the option and says what would be right. */
import { InvalidArgumentError } from 'commander';
import { parseFps, type FrameRate } from '../tokenizers/frame-clock.js';
import { isH4Error } from '../utils/error.js';
import { formatBytes, parseBytes } from './byte-counts.js';
import { parseTime } from './durations.js';
import { type NumberRange, parseNumberRanges } from './record-choice.js';

/** Turns a refusal into one that commander prefixes with the option's name. */
function asArgument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (isH4Error(error, 'H4_PARAM')) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}

/** A whole number in `[min, max]`. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^(?:0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : NaN;
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** A decimal number in `[min, max]`: `10`, `0.5`. */
export function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
  };
}

export function byteCount(min: number, max: number): (text: string) => number {
  return asArgument((text) => {
    const bytes = parseBytes(text);
    if (bytes >= min && bytes <= max) return bytes;
    throw new InvalidArgumentError(`It must be from ${formatBytes(min)} to ${formatBytes(max)}.`);
  });
}

export const recordNumbers: (text: string) => NumberRange[] = asArgument(parseNumberRanges);

export const time: (text: string) => number = asArgument(parseTime);

export const frameRate: (text: string) => FrameRate = asArgument(parseFps);

export function hexUid(text: string): string {
  if (/^[0-9a-f]{32}$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('It must be 32 hex digits.');
}

export function hexSalt(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('It must be 64 hex digits.');
}

export function hexFingerprint(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('It must be 64 hex digits.');
}

/** For an option that may be given several times: all its values, in order. */
export function repeatable(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** A list of words separated by commas, each one of `words`. */
export function wordList<Word extends string>(words: readonly Word[]): (text: string) => ReadonlySet<Word> {
  return (text) => {
    const found = text.split(',').map((part) => part.trim());
    const known = words.filter((word) => found.includes(word));
    const unknown = found.find((word) => !words.some((other) => other === word));
    if (unknown === undefined) return new Set(known);
    throw new InvalidArgumentError(`'${unknown}' is none of ${words.join(', ')}.`);
  };
}
