import { describe, expect, test } from 'vitest';
import {
  type Allowance,
  describeState,
  exitCodeUnder,
  lossesOf,
  verdictLine,
} from '../../../src/cli/verify/verdict.js';
import type { VerificationReport, VerificationState } from '../../../src/container/verify.js';

const SOUND: VerificationReport = {
  format: 'H4MK v1 final',
  state: 'NOT_SIGNED',
  proven: false,
  exit_code: 0,
  root: null,
  file_id: null,
  records: 5,
  tree_size: 5,
  redacted: 0,
  bytes: 1000,
  signatures: [],
  signature_count: 0,
  errors: [],
  warnings: [],
  error_count: 0,
  warning_count: 0,
};

const report = (changes: Partial<VerificationReport>): VerificationReport => ({ ...SOUND, ...changes });
const warning = (code: VerificationReport['warnings'][number]['code']) => ({
  warnings: [{ code, offset: 8, message: 'why' }],
  warning_count: 1,
  exit_code: 3 as const,
});

describe('the verdict without keys', () => {
  test.each([
    [{}, 'STRUCTURE OK, NOTHING PROVEN: no key given'],
    [{ state: 'SIGNED_UNTRUSTED_KEY' as const }, 'STRUCTURE OK, NOTHING PROVEN: no key given'],
    [
      { format: 'H4MK v1 slice' as const, exit_code: 3 as const },
      'STRUCTURE OK BUT ONLY A SLICE, NOTHING PROVEN: no key given',
    ],
    [
      { format: 'H4MK v1 legacy' as const, ...warning('H4_VERI_MISSING') },
      'STRUCTURE OK BUT 1 WARNING, NOTHING PROVEN: no key given',
    ],
    [{ exit_code: 1 as const, state: 'SIGNED_UNTRUSTED_KEY' as const }, 'NOT OK: SIGNED_UNTRUSTED_KEY: sound'],
  ])('of %j', (changes, line) => {
    expect(verdictLine(report(changes))).toContain(line);
  });
});

describe('the verdict with keys', () => {
  test('is the state, and what is missing', () => {
    expect(verdictLine(report({ state: 'OK', proven: true }))).toBe('OK: complete and signed');
    const redacted = { state: 'OK_WITH_REDACTIONS', proven: true, redacted: 2, exit_code: 3 } as const;
    expect(verdictLine(report(redacted))).toBe(
      'OK_WITH_REDACTIONS: complete and signed, with redacted records (2 records redacted)',
    );
    const pending = { state: 'OK_PENDING', proven: true, exit_code: 3 } as const;
    expect(verdictLine(report(pending))).toContain('(not all covered)');
  });

  test('has words for every state', () => {
    const states: VerificationState[] = [
      'NOT_OK',
      'NOT_SIGNED',
      'SIGNED_UNTRUSTED_KEY',
      'OK_SLICE',
      'OK_PENDING',
      'OK_PREFIX',
      'OK_WITH_REDACTIONS',
      'OK',
    ];
    for (const state of states) expect(describeState(state)).toMatch(new RegExp(`^${state}: \\w`));
  });
});

describe('exitCodeUnder()', () => {
  const under = (changes: Partial<VerificationReport>, ...allowed: Allowance[]): number =>
    exitCodeUnder(new Set(allowed), report(changes));

  test('a cut is part of a prefix, but not of a slice', () => {
    expect(under({ format: 'H4MK v1 live', ...warning('H4_TRUNCATED') }, 'prefix')).toBe(0);
    expect(under({ format: 'H4MK v1 slice', ...warning('H4_TRUNCATED') }, 'slice')).toBe(3);
  });

  test('warnings that say nothing about loss ask for no allowance', () => {
    expect(lossesOf(report(warning('H4_META_NOT_JCS'))).size).toBe(0);
    expect(under({ format: 'H4MK v1 live', ...warning('H4_KEY_MISSING') }, 'prefix')).toBe(0);
  });

  test('a lost trailer is covered by nothing', () => {
    expect(
      under({ format: 'H4MK v1 live', ...warning('H4_TAIL_MISSING') }, 'prefix', 'slice', 'pending', 'redacted'),
    ).toBe(3);
  });

  test('a loss of unknown cause stays one, and errors stay errors', () => {
    expect(under({ exit_code: 3 }, 'prefix', 'slice', 'pending', 'redacted')).toBe(3);
    expect(under({ format: 'H4MK v1 live', exit_code: 1 }, 'prefix')).toBe(1);
    expect(under({ exit_code: 4 }, 'prefix')).toBe(4);
    expect(under({ state: 'OK_PENDING', exit_code: 3 }, 'pending')).toBe(0);
  });
});
