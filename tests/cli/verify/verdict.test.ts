import { describe, expect, test } from 'vitest';
import {
  type Allowance,
  describeState,
  stateLine,
  exitCodeUnder,
  gravityOf,
  lossesOf,
  verdictLine,
} from '../../../src/cli/verify/verdict.js';
import { NO_REDACTIONS } from '../../../src/container/check/redaction-check.js';
import type { Finding } from '../../../src/container/check/findings.js';
import type { VerificationReport, VerificationState } from '../../../src/container/check/verify.js';

const SOUND: VerificationReport = {
  format: 'H4MK v1 final',
  state: 'NOT_SIGNED',
  proven: false,
  exit_code: 0,
  root: null,
  file_id: null,
  records: 5,
  tree_size: 5,
  signed_size: 0,
  redacted: 0,
  ...NO_REDACTIONS,
  timebase: null,
  shift: 0,
  gaps: [],
  gap_count: 0,
  bytes: 1000,
  checkpoint: null,
  signatures: [],
  signature_count: 0,
  statements: [],
  statement_count: 0,
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
  const ORIGIN = `example.com/gate/${'ab'.repeat(32)}`;
  const proven = (changes: Partial<VerificationReport>): string =>
    verdictLine(
      report({
        state: 'OK',
        proven: true,
        signed_size: 5,
        checkpoint: { origin: ORIGIN, size: 5, root: '0123456789abcdef'.repeat(4) },
        ...changes,
      }),
    );
  const AMOUNT = '5 of 5 records, root 01234567…';
  const failed = (code: Finding['code'], changes: Partial<VerificationReport> = {}): string =>
    proven({ exit_code: 1, errors: [{ code, offset: 0, message: 'why' }], error_count: 1, ...changes });
  const unproven = { state: 'SIGNED_UNTRUSTED_KEY', proven: false, checkpoint: null } as const;

  test.each([
    [{}, `OK: complete and signed by example.com/gate (${AMOUNT})`],
    [
      { state: 'OK_WITH_REDACTIONS', redacted: 2, exit_code: 3 },
      `OK WITH REDACTIONS: complete and signed by example.com/gate, with the content of 2 records removed (${AMOUNT})`,
    ],
    [
      { state: 'OK_PREFIX', exit_code: 3, redacted: 1, format: 'H4MK v1 live' },
      `OK SO FAR: signed by example.com/gate, and without an end (${AMOUNT}, 1 record redacted)`,
    ],
    [
      { state: 'OK_PENDING', records: 8, tree_size: 8, ...warning('H4_TRUNCATED') },
      'OK UP TO RECORD 4: signed by example.com/gate; 3 newer not covered by a signature yet ' +
        '(5 of 8 records, root 01234567…, 1 warning)',
    ],
    [
      { state: 'OK_SLICE', exit_code: 3, records: 2, format: 'H4MK v1 slice' },
      'OK, A SLICE: every record shown is signed by example.com/gate; nothing is said about the others ' +
        '(2 of 5 records, root 01234567…)',
    ],
  ] as const)('says of %j who signed what', (changes, line) => {
    expect(proven(changes)).toBe(line);
  });

  test('names all who signed the checkpoint, and no signer of an older one', () => {
    const at = (size: number, ...verified: string[]) => ({ size, origin: ORIGIN, verified, cosigned: [], ignored: [] });
    const signatures = [at(3, 'x'), at(5, 'example.com/gate', 'a'), at(5, 'b'), at(5)];
    expect(proven({ signatures })).toContain('signed by example.com/gate, a and b (');
  });

  test.each([
    ['H4_SIGN_MISSING', { ...unproven, state: 'NOT_SIGNED' }, /^NOT SIGNED, NOTHING PROVEN: .* \(H4_SIGN_MISSING\)$/],
    ['H4_SIGN_UNTRUSTED', unproven, /^SIGNED BY NO TRUSTED KEY, NOTHING PROVEN: .* in the name of mallory and eve \(/],
    [
      'H4_SIGN_QUORUM',
      unproven,
      /^TOO FEW WITNESSES, NOTHING PROVEN: it is signed by example\.com\/gate, and not seen/,
    ],
    [
      'H4_ROLLBACK',
      {},
      /^OLDER THAN WHAT WAS SEEN BEFORE: it is signed by example\.com\/gate, but more .*\(H4_ROLLBACK\)$/,
    ],
    [
      'H4_EQUIVOCATION',
      { error_count: 3 },
      /^CONTRADICTS WHAT WAS SEEN BEFORE: .*\(H4_EQUIVOCATION and 2 more errors\)$/,
    ],
    ['H4_ENGINE_UNTRUSTED', {}, /^NOT TRUSTED: it is signed by example\.com\/gate; The recording names an engine/],
  ] as const)('says of %s what was asked for and is not there', (code, changes, line) => {
    const claimed = ['mallory', 'eve'].map((name) => `${name}/${'ab'.repeat(32)}`);
    const signatures = claimed.map((origin) => ({
      size: 5,
      origin,
      verified: code === 'H4_SIGN_QUORUM' ? ['example.com/gate'] : [],
      cosigned: [],
      ignored: [],
    }));
    const text = failed(code, { ...changes, ...('checkpoint' in changes ? { signatures } : {}) });
    expect(text).toMatch(line);
    expect(gravityOf(report({ ...changes, exit_code: 1, errors: [{ code, offset: 0, message: '' }] }))).toBe(
      'untrusted',
    );
  });

  test('of a content key that does not fit accuses the key, and not the file', () => {
    const wrong = (changes: Partial<VerificationReport> = {}): string =>
      failed('H4_KEY_WRONG', { state: 'NOT_OK', proven: false, ...changes });
    const errors = [{ code: 'H4_KEY_WRONG', offset: 0, message: 'why' }] as const;
    expect(wrong()).toBe('THE CONTENT KEY DOES NOT FIT (H4_KEY_WRONG); the signature of example.com/gate is good');
    expect(wrong({ checkpoint: null })).toBe(
      'THE CONTENT KEY DOES NOT FIT (H4_KEY_WRONG), NOTHING PROVEN: the structure is sound',
    );
    expect(gravityOf(report({ state: 'NOT_OK', exit_code: 1, errors, error_count: 1 }))).toBe('untrusted');
    expect(stateLine(report({ state: 'NOT_OK', exit_code: 1, errors, error_count: 1 }))).toMatch(
      /^NOT_OK: .* with the key given$/,
    );
    expect(wrong({ error_count: 2 })).toBe('NOT OK: H4_KEY_WRONG at offset 0 and 1 more error');
  });

  test('says how much was not recorded of what is complete', () => {
    expect(proven({ gap_count: 1 })).toContain('(5 of 5 records, root 01234567…, 1 stretch without content)');
    expect(proven({ gap_count: 2 })).toContain(', 2 stretches without content)');
  });

  test('the state names what is redacted', () => {
    const redacted_records = [8, 9, 30].map((seq) => ({ seq, track: 0, from_pts: 0, to_pts: 0 }));
    const state = { state: 'OK_WITH_REDACTIONS', redacted: 3, redacted_records } as const;
    expect(stateLine(report(state))).toBe('OK_WITH_REDACTIONS: complete and signed, with redacted records 8-9; 30');
    expect(stateLine(report({ ...state, state: 'OK' }))).toBe(
      'OK: signed and complete, which is without a missing record',
    );
  });

  test.each([
    ['time', [], { what: 'keys', have: 0, need: 1 }, /^SIGNED BY A KEY THAT IS NOT IN FORCE, NOTHING PROVEN: a signed/],
    ['keys', ['a'], { what: 'keys', have: 1, need: 2 }, /^SIGNED BY TOO FEW KEYS, NOTHING PROVEN: 1 of 2 required/],
    ['name', ['a'], { what: 'name', have: 0, need: 1 }, /^NOT SIGNED BY WHOM IT NAMES, NOTHING PROVEN: it is signed/],
  ] as const)('tells a signature that lacks %s from that of a stranger', (_what, verified, lacking, line) => {
    const ignored = [{ name: 'a', why: 'expired', at: 5, seen: null }] as const;
    const signatures = [{ size: 5, origin: ORIGIN, verified, cosigned: [], ignored, lacking }];
    expect(failed('H4_SIGN_UNTRUSTED', { ...unproven, signatures })).toMatch(line);
  });

  test('of a broken file is that it is broken, whatever else is asked for', () => {
    expect(failed('H4_SIGN_BAD', { state: 'NOT_OK', proven: false })).toBe('NOT OK: H4_SIGN_BAD at offset 0');
    expect(failed('H4_EQUIVOCATION', { state: 'NOT_OK', proven: false })).toBe('NOT OK: H4_EQUIVOCATION at offset 0');
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
    expect(under({ state: 'OK_PREFIX', exit_code: 3 }, 'prefix')).toBe(0);
    expect(under({ state: 'OK_PREFIX', exit_code: 3 }, 'pending')).toBe(3);
  });
});
