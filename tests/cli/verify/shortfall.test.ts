import { describe, expect, test } from 'vitest';
import { uncheckedFile } from '../../../src/cli/verify/checker.js';
import { signingFaultOf } from '../../../src/cli/verify/shortfall.js';
import type { VerificationReport } from '../../../src/container/check/verify.js';

type Signature = VerificationReport['signatures'][number];

const { report: unread } = uncheckedFile({ code: 'H4_IO', message: 'gone', exit_code: 4 });
const AT = 1_700_000_000;
const WHEN = '2023-11-14 22:13:20 UTC';
const stranger: Signature = {
  size: 5,
  origin: `example.com/cam7/${'ab'.repeat(32)}`,
  verified: [],
  cosigned: [],
  ignored: [],
  lacking: { what: 'keys', have: 0, need: 1 },
};
const faultOf = (...changes: readonly Partial<Signature>[]): unknown =>
  signingFaultOf({ ...unread, signatures: changes.map((change) => ({ ...stranger, ...change })) });
const ignored = (why: Signature['ignored'][number]['why'], seen: number | null = null): Partial<Signature> => ({
  ignored: [{ name: 'example.com/cam7', why, at: AT, seen }],
});

describe('why a signature does not count', () => {
  test.each<[string, Partial<Signature>, string, string]>([
    [
      'an expired key',
      ignored('expired'),
      'time',
      `example.com/cam7 signed it, but its key was valid until ${WHEN}, and no witness says that it was signed before`,
    ],
    [
      'a key that had expired when witnesses saw it',
      ignored('expired', AT),
      'time',
      `example.com/cam7 signed it, but its key was valid until ${WHEN}, and witnesses saw it by ${WHEN}`,
    ],
    [
      'a key that is not yet valid',
      ignored('not_yet_valid'),
      'time',
      `example.com/cam7 signed it, but its key is valid only from ${WHEN}`,
    ],
    [
      'a key that was not yet valid when witnesses saw it',
      ignored('not_yet_valid', AT),
      'time',
      `example.com/cam7 signed it, but its key is valid only from ${WHEN}, and witnesses saw it by ${WHEN}`,
    ],
    [
      'a revoked key',
      ignored('revoked'),
      'time',
      `example.com/cam7 signed it, but its key was revoked at ${WHEN}, and no witness says that it was signed before`,
    ],
    [
      'too few keys',
      { verified: ['a'], lacking: { what: 'keys', have: 1, need: 2 } },
      'keys',
      '1 of 2 required keys signed: a',
    ],
    [
      'another name',
      { verified: ['a'], lacking: { what: 'name', have: 0, need: 1 } },
      'name',
      'it is signed by a, but not by example.com/cam7, in whose name it is',
    ],
    [
      'one witness of two',
      { verified: ['a'], lacking: { what: 'witnesses', have: 1, need: 2 } },
      'witnesses',
      'it is signed by a, but 1 of 2 witnesses has seen it',
    ],
    [
      'no witness of three',
      { verified: ['a'], lacking: { what: 'witnesses', have: 0, need: 3 } },
      'witnesses',
      'it is signed by a, but 0 of 3 witnesses have seen it',
    ],
  ])('is said of %s', (_what, change, kind, words) => {
    expect(faultOf(change)).toEqual({ kind, words });
  });

  test('is said of each key that has signed beside too few', () => {
    expect(faultOf({ ...ignored('revoked'), verified: ['a'], lacking: { what: 'keys', have: 1, need: 2 } })).toEqual({
      kind: 'keys',
      words: `1 of 2 required keys signed: a; example.com/cam7 signed it, but its key was revoked at ${WHEN}, and no witness says that it was signed before`,
    });
  });

  test('is that of the checkpoint that came closest, and of these of the last', () => {
    const keys: Partial<Signature> = { verified: ['a'], lacking: { what: 'keys', have: 1, need: 3 } };
    const more: Partial<Signature> = { verified: ['a', 'b'], lacking: { what: 'keys', have: 2, need: 3 } };
    const witnesses: Partial<Signature> = { verified: ['a'], lacking: { what: 'witnesses', have: 1, need: 2 } };
    expect(faultOf(keys, more, ignored('expired'), {})).toMatchObject({
      words: '2 of 3 required keys signed: a and b',
    });
    expect(faultOf(witnesses, more)).toMatchObject({ kind: 'witnesses' });
    expect(faultOf(ignored('expired'), {})).toMatchObject({ kind: 'time' });
  });

  test('is not said of strangers, of what nobody was asked for, and of what is proven', () => {
    expect(faultOf({})).toBeUndefined();
    expect(faultOf()).toBeUndefined();
    const unasked = { size: 5, origin: stranger.origin, verified: [], cosigned: [], ignored: [] };
    expect(signingFaultOf({ ...unread, signatures: [unasked] })).toBeUndefined();
    const checkpoint = { origin: stranger.origin, size: 5, root: 'ab'.repeat(32) };
    expect(
      signingFaultOf({ ...unread, checkpoint, signatures: [{ ...stranger, ...ignored('expired') }] }),
    ).toBeUndefined();
  });
});
