import { describe, expect, test } from 'vitest';
import { Findings, isLoss } from '../../../src/container/check/findings.js';

describe('Findings', () => {
  test('keeps errors and warnings apart, each in the order found', () => {
    const findings = new Findings(10);
    findings.error('H4_TOKN_POS', 30, 'pos');
    findings.warn('H4_TRUNCATED', 20, 'cut');
    findings.error('H4_CRC_MISMATCH', 10, 'crc');
    expect(findings.errors).toEqual([
      { code: 'H4_TOKN_POS', offset: 30, message: 'pos' },
      { code: 'H4_CRC_MISMATCH', offset: 10, message: 'crc' },
    ]);
    expect(findings.warnings).toEqual([{ code: 'H4_TRUNCATED', offset: 20, message: 'cut' }]);
    expect([findings.errorCount, findings.warningCount]).toEqual([2, 1]);
  });

  test('lists no more than it was told to, counts all, and keeps the first of every code', () => {
    const findings = new Findings(3);
    for (let i = 0; i < 100; i++) findings.error('H4_CRC_MISMATCH', i, 'crc');
    findings.error('H4_TILE_HASH', 100, 'hash');
    findings.error('H4_TILE_HASH', 101, 'hash');
    expect(findings.errors.map(({ offset }) => offset)).toEqual([0, 1, 2, 100]);
    expect(findings.errorCount).toBe(102);
  });

  test('a warning does not take the place of the first error of the same code', () => {
    const findings = new Findings(0);
    findings.warn('H4_TRUNCATED', 1, 'warning');
    findings.error('H4_TRUNCATED', 2, 'error');
    findings.warn('H4_TRUNCATED', 3, 'warning');
    expect(findings.warnings.map(({ offset }) => offset)).toEqual([1]);
    expect(findings.errors.map(({ offset }) => offset)).toEqual([2]);
    expect([findings.errorCount, findings.warningCount]).toEqual([1, 2]);
  });
});

test('isLoss() is false for warnings that concern form or decoding only', () => {
  const codes = ['H4_KEY_MISSING', 'H4_ENGINE_UNKNOWN', 'H4_META_NOT_JCS', 'H4_TRUNCATED', 'H4_TAIL_MISSING'] as const;
  expect(codes.filter((code) => isLoss({ code, offset: 0, message: '' }))).toEqual(['H4_TRUNCATED', 'H4_TAIL_MISSING']);
});
