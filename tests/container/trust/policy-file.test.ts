import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../../src/container/trust/policy-file.js';
import { utf8Encode } from '../../../src/utils/bytes.js';
import { formatSigningKey } from '../../../src/utils/signing-key.js';
import { keyOf, vkeyOf, witnessKeyOf, witnessOf } from '../../support/signed.js';
import { refusal } from '../../utils/refusal.js';

const [a, b] = [keyOf(1), keyOf(2, 'b', 'p256')];
const [first, second] = [witnessOf(11), witnessOf(12)];
const speaker = keyOf(5, 'example.com/cam7/statements');
const FINGERPRINT = '41e2d2e2603f9144ec94d4ced4fb4bd68b96f6d0c30852eec941ddacf9958ea4';

const minimal = { v: 1, keys: [{ vkey: a.verificationKey }] };
const parse = (json: unknown) => parsePolicy(utf8Encode(JSON.stringify(json)));

describe('a policy file', () => {
  test('needs one key and nothing else', () => {
    expect(parse(minimal)).toEqual({ keys: [{ key: vkeyOf(a) }], accept: [] });
  });

  test('can say everything that a policy can', () => {
    const policy = parse({
      v: 1,
      keys: [
        {
          vkey: a.verificationKey,
          not_before: '2026-01-01T00:00:00Z',
          not_after: '2026-12-31T23:59:59Z',
          revoked_at: '2026-06-30T12:30:00Z',
        },
        { vkey: b.verificationKey },
      ],
      threshold: 2,
      witnesses: [first.verificationKey, second.verificationKey],
      quorum: 1,
      max_age_seconds: 3600,
      accept: ['slice', 'prefix', 'pending', 'redacted', 'slice'],
      engines: [{ engine_id: 'stored-v1', fingerprint: FINGERPRINT }],
      statement_keys: [speaker.verificationKey],
    });
    expect(policy).toEqual({
      keys: [
        { key: vkeyOf(a), notBefore: 1_767_225_600, notAfter: 1_798_761_599, revokedAt: 1_782_822_600 },
        { key: vkeyOf(b) },
      ],
      threshold: 2,
      witnesses: [witnessKeyOf(first), witnessKeyOf(second)],
      quorum: 1,
      maxAgeSeconds: 3600,
      accept: ['slice', 'prefix', 'pending', 'redacted'],
      engines: [{ engineId: 'stored-v1', fingerprint: FINGERPRINT }],
      statementKeys: [vkeyOf(speaker)],
    });
  });

  test('that lists no engine trusts none, and one without the field trusts any', () => {
    expect(parse({ ...minimal, engines: [] }).engines).toEqual([]);
    expect(parse(minimal).engines).toBeUndefined();
  });

  test('names the moments from 1970 on, leap days included', () => {
    const at = (not_after: string) => parse({ v: 1, keys: [{ vkey: a.verificationKey, not_after }] }).keys[0]?.notAfter;
    expect(at('1970-01-01T00:00:00Z')).toBe(0);
    expect(at('2024-02-29T23:59:59Z')).toBe(1_709_251_199);
    expect(at('9999-12-31T23:59:59Z')).toBe(253_402_300_799);
  });
});

const key = (fields: object) => ({ v: 1, keys: [{ vkey: a.verificationKey, ...fields }] });
const many = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ vkey: keyOf(1 + i, `k${i}`).verificationKey }));

describe('a policy file is refused', () => {
  test.each<[string, unknown, string]>([
    ['that is no object', [], 'the policy must be an object'],
    ['that is a text', 'trust me', 'the policy must be an object'],
    ['without a version', { keys: minimal.keys }, 'v must be 1'],
    ['of another version', { ...minimal, v: 2 }, 'v must be 1'],
    ['with a version as text', { ...minimal, v: '1' }, 'v must be 1'],
    [
      'with an unknown field',
      { ...minimal, treshold: 2 },
      'the policy has an unknown field "treshold"; known are v, keys,',
    ],
    ['without keys', { v: 1 }, 'keys must list at least one key'],
    ['with an empty list of keys', { v: 1, keys: [] }, 'keys must list at least one key'],
    ['with keys that are no list', { v: 1, keys: {} }, 'keys must be a list'],
    ['with too many keys', { v: 1, keys: many(101) }, 'keys lists 101; at most 100 are allowed'],
    ['with a key as text', { v: 1, keys: [a.verificationKey] }, 'keys[0] must be an object'],
    ['with an unknown field of a key', key({ notBefore: 'x' }), 'keys[0] has an unknown field "notBefore"'],
    ['with a key without vkey', { v: 1, keys: [{}] }, 'keys[0].vkey must be a verification key as text'],
    ['with a key that is none', { v: 1, keys: [{ vkey: 'x' }] }, 'keys[0].vkey is no verification key: '],
    [
      'with a witness among the keys',
      { v: 1, keys: [{ vkey: first.verificationKey }] },
      'keys[0].vkey is the key of a witness',
    ],
    [
      'with a key listed twice',
      { v: 1, keys: [...minimal.keys, ...minimal.keys] },
      'keys[1] is the same key as keys[0]: example.com/cam7+',
    ],
    [
      'with one secret under two names',
      { v: 1, keys: [...minimal.keys, { vkey: keyOf(1, 'alias').verificationKey }] },
      'keys[1] is the same key as keys[0]: alias+',
    ],
    [
      'with a witness twice',
      { ...minimal, witnesses: [first.verificationKey, first.verificationKey] },
      'witnesses[1] is the same key as witnesses[0]',
    ],
    [
      'with a signer as its own witness',
      { ...minimal, witnesses: [keyOf(1, 'w', 'witness').verificationKey] },
      'witnesses[0] is the same key as keys[0]',
    ],
    [
      'with a key for checkpoints that signs statements',
      { ...minimal, statement_keys: [a.verificationKey] },
      'statement_keys[0] is the same key as keys[0]',
    ],
    [
      'with a signer among the witnesses',
      { ...minimal, witnesses: [b.verificationKey] },
      'witnesses[0] is no key of a witness',
    ],
    [
      'with a witness that is no text',
      { ...minimal, witnesses: [1] },
      'witnesses[0] must be a verification key as text',
    ],
    [
      'with a witness for statements',
      { ...minimal, statement_keys: [first.verificationKey] },
      'statement_keys[0] is the key of a witness',
    ],
    ['with a threshold of 0', { ...minimal, threshold: 0 }, 'threshold must be a whole number of 1 or more, not 0'],
    [
      'with a threshold of 1.5',
      { ...minimal, threshold: 1.5 },
      'threshold must be a whole number of 1 or more, not 1.5',
    ],
    [
      'with a threshold as text',
      { ...minimal, threshold: '1' },
      'threshold must be a whole number of 1 or more, not "1"',
    ],
    [
      'with a threshold above the keys',
      { ...minimal, threshold: 2 },
      'threshold is 2, and must not exceed the number of keys, 1',
    ],
    [
      'with a quorum without witnesses',
      { ...minimal, quorum: 1 },
      'quorum is 1, and must not exceed the number of witnesses, 0',
    ],
    [
      'with a quorum of 0',
      { ...minimal, witnesses: [first.verificationKey], quorum: 0 },
      'quorum must be a whole number of 1 or more',
    ],
    ['with an age without a quorum', { ...minimal, max_age_seconds: 5 }, 'max_age_seconds needs a quorum'],
    [
      'with a negative age',
      { ...minimal, witnesses: [first.verificationKey], quorum: 1, max_age_seconds: -1 },
      'max_age_seconds must be a whole number of 0 or more, not -1',
    ],
    [
      'with an age beyond a century',
      { ...minimal, witnesses: [first.verificationKey], quorum: 1, max_age_seconds: 1e10 },
      'max_age_seconds is 10000000000, and must not exceed a hundred years',
    ],
    [
      'that accepts something unknown',
      { ...minimal, accept: ['slices'] },
      'accept[0] must be one of slice, prefix, pending, redacted, not "slices"',
    ],
    ['that accepts a word', { ...minimal, accept: 'slice' }, 'accept must be a list'],
    ['with an engine as text', { ...minimal, engines: ['stored-v1'] }, 'engines[0] must be an object'],
    [
      'with an engine without fingerprint',
      { ...minimal, engines: [{ engine_id: 'x' }] },
      'engines[0].fingerprint must be',
    ],
    [
      'with an engine without id',
      { ...minimal, engines: [{ fingerprint: FINGERPRINT }] },
      'engines[0].engine_id must be',
    ],
    [
      'with an id that no engine has',
      { ...minimal, engines: [{ engine_id: 'a b', fingerprint: FINGERPRINT }] },
      'engines[0].engine_id must be',
    ],
    [
      'with a fingerprint in capitals',
      { ...minimal, engines: [{ engine_id: 'x', fingerprint: FINGERPRINT.toUpperCase() }] },
      'engines[0].fingerprint must be',
    ],
    [
      'with an unknown field of an engine',
      { ...minimal, engines: [{ id: 'x' }] },
      'engines[0] has an unknown field "id"',
    ],
    [
      'with a key after its end',
      key({ not_before: '2026-02-01T00:00:00Z', not_after: '2026-01-01T00:00:00Z' }),
      'keys[0].not_after lies before not_before',
    ],
    ['with a time before 1970', key({ not_before: '1969-12-31T23:59:59Z' }), 'keys[0].not_before lies before 1970'],
  ])('%s', (_what, json, message) => {
    const refused = refusal(() => parse(json));
    expect(refused.code).toBe('H4_POLICY');
    expect(refused.message).toContain(`Cannot use the policy: ${message}`);
  });

  test.each([
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00:00+00:00',
    '2026-01-01T00:00:00.5Z',
    '2026-01-01t00:00:00z',
    '2026-01-01 00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-06-30T23:59:60Z',
    ' 2026-01-01T00:00:00Z',
    '',
    1_767_225_600,
    null,
  ])('with the time %j', (time) => {
    for (const field of ['not_before', 'not_after', 'revoked_at']) {
      const refused = refusal(() => parse(key({ [field]: time })));
      expect(refused.code).toBe('H4_POLICY');
      expect(refused.message).toContain(`keys[0].${field} must be a time in UTC such as 2026-01-31T12:00:00Z, not `);
    }
  });

  test.each([
    ['no JSON', '{'],
    ['a field twice', '{"v":1,"v":1}'],
    ['no text', '\u0000'],
    ['objects in objects in objects', '{"v":{"a":{"b":{"c":{}}}}}'],
    ['more than a mebibyte', ' '.repeat(2 ** 20 + 1)],
  ])('that is %s', (_what, text) => {
    const refused = refusal(() => parsePolicy(utf8Encode(text)));
    expect([refused.code, refused.message.startsWith('Cannot read the policy: ')]).toEqual(['H4_POLICY', true]);
  });

  test('with a signing key for a verification key, without repeating it', () => {
    const secret = formatSigningKey(a);
    const refused = refusal(() => parse({ v: 1, keys: [{ vkey: secret }] }));
    expect(refused.message).toContain('this is a signing key; give its public half');
    expect(refused.message).not.toContain(secret.slice(-20));
  });

  test('with a message that does not grow with what is wrong', () => {
    const refused = refusal(() => parse({ ...minimal, accept: ['x'.repeat(5000)] }));
    expect(refused.message.length).toBeLessThan(250);
  });
});
