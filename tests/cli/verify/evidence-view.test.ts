import { describe, expect, test } from 'vitest';
import { describeStatement, evidenceFields, unprovenLine } from '../../../src/cli/verify/evidence-view.js';
import { uncheckedFile } from '../../../src/cli/verify/checker.js';
import type { TrustPolicy } from '../../../src/container/trust/trust.js';
import type { VerificationReport } from '../../../src/container/check/verify.js';
import { parseVerificationKey } from '../../../src/utils/verification-key.js';
import { CAMERA, SECOND, STATEMENTS } from '../support/signed.js';

type StatementInfo = VerificationReport['statements'][number];

const { report: unread } = uncheckedFile({ code: 'H4_IO', message: 'gone', exit_code: 4 });
const ORIGIN = `example.com/gate/${'ab'.repeat(32)}`;
const CHECKPOINT = { origin: ORIGIN, size: 9, root: 'cd'.repeat(32) };
const trusting = (...statementKeys: readonly string[]): TrustPolicy => ({
  keys: [CAMERA, SECOND].map(({ verificationKey }) => {
    const key = parseVerificationKey(verificationKey);
    if (key.type === 'witness') throw new Error('no key for checkpoints');
    return { key };
  }),
  statementKeys: statementKeys.map(parseVerificationKey),
});
const report = (changes: Partial<VerificationReport>): VerificationReport => ({
  ...unread,
  state: 'OK',
  proven: true,
  tree_size: 9,
  signed_size: 9,
  root: CHECKPOINT.root,
  checkpoint: CHECKPOINT,
  ...changes,
});
const fieldsOf = (changes: Partial<VerificationReport>, trust?: TrustPolicy): readonly string[] =>
  evidenceFields(report(changes), trust).map(({ label, value }) => `${label}: ${value}`);

describe('evidenceFields()', () => {
  test('say without a key that nothing was checked', () => {
    expect(fieldsOf({ checkpoint: null })).toEqual(['checkpoints: none: it is not signed']);
    expect(fieldsOf({ checkpoint: null, signature_count: 2 })).toEqual([
      'checkpoints: 2, of which none was checked: no key given',
    ]);
  });

  test('say how far a signature reaches, and over which root', () => {
    expect(fieldsOf({}, trusting())).toContain('signed: all 9 records');
    expect(fieldsOf({ root: 'ef'.repeat(32) }, trusting())).toContain(`signed: all 9 records, root ${CHECKPOINT.root}`);
    expect(fieldsOf({ tree_size: 10 }, trusting())).toContain('signed: the first 9 of 10 records');
  });

  test('say of what was not enough who signed it, in whose name, and whom one believes', () => {
    const signatures = [{ size: 9, origin: ORIGIN, verified: ['example.com/gate'], cosigned: [], ignored: [] }];
    expect(fieldsOf({ checkpoint: null, signature_count: 1, signatures }, trusting())).toEqual([
      'checkpoints: 1, of which 1 signed by keys that you believe',
      'in the name: of example.com/gate; a name proves nothing',
      'signed by: example.com/gate',
      `you believe: example.com/gate+${CAMERA.keyId} and example.com/archive+${SECOND.keyId}`,
    ]);
  });
});

describe('describeStatement()', () => {
  const statement = (changes: Partial<StatementInfo>): StatementInfo => ({
    type: 'application/vnd.in-toto+json',
    predicate_type: 'urn:h4mk:predicate:redaction:v1',
    of_this_file: true,
    verified: ['example.com/gate/statements'],
    ...changes,
  });

  test.each<readonly [Partial<StatementInfo>, string]>([
    [
      { reason: 'privacy', records: [3], record_count: 1 },
      '1 record removed (3), because: privacy; signed by example.com/gate/statements',
    ],
    [{ records: [], record_count: 0 }, '0 records removed, no reason given; signed by example.com/gate/statements'],
    [
      { records: Array.from({ length: 20 }, (_, i) => i), record_count: 5000 },
      '5000 records removed (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 4988 more), no reason given; signed by example.com/gate/statements',
    ],
    [{ records: [1, 2] }, '2 records removed (1, 2), no reason given; signed by example.com/gate/statements'],
    [
      { predicate_type: 'urn:other\u202e', of_this_file: false },
      'of type urn:other\\u{202e}, not about this recording; signed by example.com/gate/statements',
    ],
    [{ predicate_type: '', type: 'text/plain' }, 'of type text/plain; signed by example.com/gate/statements'],
    [
      { verified: [] },
      'of type urn:h4mk:predicate:redaction:v1; not proven who says so: no key for statements was given',
    ],
  ])('%j', (changes, text) => {
    expect(describeStatement(statement(changes), undefined)).toBe(text);
  });

  test('tells a signature by a stranger from one that nobody could check', () => {
    const unproven = statement({ verified: [] });
    expect(describeStatement(unproven, trusting())).toContain('no key for statements was given');
    expect(describeStatement(unproven, trusting(STATEMENTS.verificationKey))).toContain('by no key that you believe');
  });
});

describe('unprovenLine()', () => {
  test.each<readonly [Partial<VerificationReport>, string]>([
    [{}, ''],
    [{ redacted: 1, state: 'OK_WITH_REDACTIONS' }, '; what was in the removed content'],
    [{ state: 'OK_SLICE' }, '; what the records say that are not in it'],
    [{ state: 'OK_PREFIX' }, '; what comes after it'],
    [{ state: 'OK_PENDING', tree_size: 12 }, '; the records from 9 on; what comes after it'],
  ])('of %j', (changes, rest) => {
    const seen = 'when it was signed (no witness that you believe has seen it)';
    expect(unprovenLine(report(changes))).toBe(
      `Not proven: that what it shows happened; when it was recorded; ${seen}${rest}.`,
    );
  });
});
