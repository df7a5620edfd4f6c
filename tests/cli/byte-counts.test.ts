import { describe, expect, test } from 'vitest';
import { formatBytes, formatExactBytes, parseBytes } from '../../src/cli/byte-counts.js';
import { refusal } from '../utils/refusal.js';

describe('formatBytes()', () => {
  test.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [1023, '1023 bytes'],
    [1024, '1 KiB'],
    [1536, '1.50 KiB'],
    [12_900, '12.6 KiB'],
    [234_567, '229 KiB'],
    [8 * 1024 ** 2, '8 MiB'],
    [5.5 * 1024 ** 3, '5.50 GiB'],
    [2 ** 53, '8 PiB'],
  ])('%d is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('is exact beside the round number', () => {
    expect(formatExactBytes(1000)).toBe('1000 bytes');
    expect(formatExactBytes(1_572_865)).toBe('1.50 MiB (1572865 bytes)');
  });
});

describe('parseBytes()', () => {
  test.each([
    ['524288', 524_288],
    ['512K', 524_288],
    ['512k', 524_288],
    ['512KB', 524_288],
    ['512KiB', 524_288],
    ['512 KiB', 524_288],
    ['2MiB', 2 * 1024 ** 2],
    ['1g', 1024 ** 3],
    ['1TiB', 1024 ** 4],
    ['7b', 7],
    ['7 bytes', 7],
  ])('%s is %d', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  test.each(['', 'K', '-1', '1.5M', '1 XB', '0x10', '99999999999999T', '1e6'])('refuses %j', (text) => {
    const error = refusal(() => parseBytes(text));
    expect(error.code).toBe('H4_PARAM');
    expect(error.message).toContain('512KiB');
  });
});
