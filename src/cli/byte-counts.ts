/** Byte counts as people read and type them. Units are binary throughout: `K`, `KB` and `KiB` all mean 1024 bytes. */
import { H4Error } from '../utils/error.js';

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `812 bytes`, `512 KiB`, `1.50 MiB`: three digits that count, and none after a whole number. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const decimals = Number.isInteger(value) || value >= 100 ? 0 : value < 10 ? 2 : 1;
  return `${value.toFixed(decimals)} ${UNITS[unit] ?? ''}`;
}

/** `1.50 MiB (1572864 bytes)`: for people and for copying. */
export function formatExactBytes(bytes: number): string {
  return bytes < 1024 ? formatBytes(bytes) : `${formatBytes(bytes)} (${bytes} bytes)`;
}

const PATTERN = /^(\d{1,15})\s*(?:([kmgt])(?:i?b)?|b|bytes)?$/i;
const FACTORS: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** Reads `524288`, `512K`, `512KiB` or `2m`; anything else is `H4_PARAM`. */
export function parseBytes(text: string): number {
  const match = PATTERN.exec(text.trim());
  const bytes = Number(match?.[1]) * (FACTORS[match?.[2]?.toLowerCase() ?? ''] ?? 1);
  if (match === null || !Number.isSafeInteger(bytes)) {
    throw new H4Error('H4_PARAM', `'${text}' is not a number of bytes: write 524288, 512KiB or 2MiB`);
  }
  return bytes;
}
