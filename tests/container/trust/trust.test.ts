import { describe, expect, test } from 'vitest';
import {
  type IgnoredKey,
  type NoteVerdict,
  type TrustPolicy,
  assertPolicy,
  engineFault,
  judgeNote,
} from '../../../src/container/trust/trust.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { ed25519Sign } from '../../../src/utils/ed25519.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { cosign } from '../../../src/utils/signing-key.js';
import { cosignedText } from '../../../src/utils/verification-key.js';
import { KEY_NAME } from '../../support/notes.js';
import {
  type Signatory,
  keyOf,
  lineBy,
  noteWith,
  trusting,
  vkeyOf,
  witnessKeyOf,
  witnessOf,
} from '../../support/signed.js';
import { refusal } from '../../utils/refusal.js';

const checkpoint = { fileId: sha256(), size: 5, root: sha256(Uint8Array.of(1)) };
const camera = keyOf(1);
const [first, second, third] = [witnessOf(11), witnessOf(12), witnessOf(13)];
const NOW = 1_800_000_000;

const judge = (policy: TrustPolicy, signatories: readonly Signatory[], now: number | undefined = NOW): NoteVerdict =>
  judgeNote(noteWith(checkpoint, signatories), policy, now);

const trusted = (verified: readonly string[] = [KEY_NAME]): NoteVerdict => ({
  verified,
  cosigners: [],
  ignored: [],
  lacks: undefined,
});

describe('a note', () => {
  test('signed by the one key of the policy lacks nothing', () => {
    expect(judge(trusting(camera), [camera])).toEqual(trusted());
  });

  test('signed by P-256 lacks nothing', () => {
    const p256 = keyOf(7, KEY_NAME, 'p256');
    expect(judge(trusting(p256), [p256])).toEqual(trusted());
  });

  test('signed by others lacks a signature, and names nobody', () => {
    expect(judge(trusting(camera), [keyOf(2, 'somebody')])).toEqual({
      verified: [],
      cosigners: [],
      ignored: [],
      lacks: 'signature',
      shortfall: { what: 'keys', have: 0, need: 1 },
    });
  });

  test('signed by another key of the same name lacks a signature', () => {
    expect(judge(trusting(camera), [keyOf(2)])).toMatchObject({ verified: [], lacks: 'signature' });
  });

  test('signed by a trusted key that is not that of the origin lacks a signature, and names the key', () => {
    const other = keyOf(2, 'other');
    expect(judge(trusting(camera, other), [other])).toEqual({
      verified: ['other'],
      cosigners: [],
      ignored: [],
      lacks: 'signature',
      shortfall: { what: 'name', have: 0, need: 1 },
    });
  });

  test('with unknown lines beside a good one lacks nothing', () => {
    expect(judge(trusting(camera), [keyOf(3, 'x'), camera, [witnessOf(9), 5]])).toEqual(trusted());
  });
});

describe('two keys of one name', () => {
  const [old, next] = [keyOf(1), keyOf(2)];

  test('are both good, and the name stands there once', () => {
    const policy = trusting(old, next);
    for (const by of [[old], [next], [old, next]]) expect(judge(policy, by)).toEqual(trusted());
  });

  test('of which one is bad: the note is refused although the other is good', () => {
    const note = noteWith(checkpoint, [old], () => [lineBy(next, new Uint8Array(64))]);
    expect(refusal(() => judgeNote(note, trusting(old, next), NOW)).code).toBe('H4_SIGN_BAD');
    expect(judgeNote(note, trusting(old), NOW)).toEqual(trusted());
  });

  test('and one ID are tried both', () => {
    // Four bytes can be made to collide; which of the two has signed is found by verifying.
    const collision = { ...vkeyOf(next), keyId: old.keyId };
    const policy: TrustPolicy = { keys: [{ key: collision }, { key: vkeyOf(old) }] };
    expect(judge(policy, [old])).toEqual(trusted());
    const bad = noteWith(checkpoint, [], () => [lineBy(old, new Uint8Array(64))]);
    expect(refusal(() => judgeNote(bad, policy, NOW)).code).toBe('H4_SIGN_BAD');
  });
});

describe('a threshold', () => {
  const [a, b, c] = [camera, keyOf(2, 'b'), keyOf(3, 'c')];
  const policy: TrustPolicy = { ...trusting(a, b, c), threshold: 2 };

  test.each([
    ['one of two', [a], 'signature', [KEY_NAME]],
    ['two, one of them with the name of the origin', [a, b], undefined, [KEY_NAME, 'b']],
    ['two, neither of them with the name of the origin', [b, c], 'signature', ['b', 'c']],
    ['three', [a, b, c], undefined, [KEY_NAME, 'b', 'c']],
    ['none', [], 'signature', []],
  ] as const)('of two and %s', (_what, signers, lacks, verified) => {
    expect(judge(policy, signers.length === 0 ? [keyOf(9, 'x')] : signers)).toMatchObject({
      verified,
      cosigners: [],
      ignored: [],
      lacks,
    });
  });

  test('is not met by one secret under two names, nor by one key listed twice', () => {
    const alias = keyOf(1, 'alias');
    const named: TrustPolicy = { ...trusting(camera, alias), threshold: 2 };
    expect(judge(named, [camera, alias])).toMatchObject({ verified: [KEY_NAME, 'alias'], lacks: 'signature' });
    const twice: TrustPolicy = { ...trusting(camera, camera), threshold: 2 };
    expect(judge(twice, [camera])).toMatchObject({ lacks: 'signature' });
  });

  test('is not met by one line twice', () => {
    expect(judge(policy, [a, a])).toMatchObject({ verified: [KEY_NAME], lacks: 'signature' });
  });

  test('of less than one is one', () => {
    expect(judge({ ...trusting(camera), threshold: 0 }, [keyOf(9, 'x')])).toMatchObject({ lacks: 'signature' });
  });
});

describe('a key that has signed and does not count', () => {
  const timed = (times: object, changes: object = {}): TrustPolicy => ({
    keys: [{ key: vkeyOf(camera), ...times }],
    witnesses: [witnessKeyOf(first), witnessKeyOf(second)],
    ...changes,
  });

  test.each<[string, object, IgnoredKey['why'], number]>([
    ['before its time', { notBefore: NOW + 1 }, 'not_yet_valid', NOW + 1],
    ['after its time', { notAfter: NOW - 1 }, 'expired', NOW - 1],
    ['that was revoked', { revokedAt: 5 }, 'revoked', 5],
  ])('%s is named with the reason, and by when witnesses had seen it', (_what, times, why, at) => {
    const ignored = { name: KEY_NAME, why, at };
    const shortfall = { what: 'keys', have: 0, need: 1 };
    expect(judge(timed(times), [camera, [first, 77]])).toMatchObject({
      verified: [],
      lacks: 'signature',
      shortfall,
      ignored: [{ ...ignored, seen: null }],
    });
    const seen = why === 'not_yet_valid' ? 77 : NOW + 5;
    expect(judge(timed(times, { quorum: 1 }), [camera, [first, seen]])).toMatchObject({
      shortfall,
      ignored: [{ ...ignored, seen }],
    });
  });

  test('is not named where it has not signed, nor where it counts', () => {
    expect(judge(timed({ notAfter: 5 }), [keyOf(9, 'x')]).ignored).toEqual([]);
    expect(judge(timed({ notAfter: NOW }), [camera]).ignored).toEqual([]);
  });

  test('leaves it open how many keys and witnesses are there', () => {
    const two: TrustPolicy = { ...trusting(camera, keyOf(2, 'b')), threshold: 2 };
    expect(judge(two, [camera]).shortfall).toEqual({ what: 'keys', have: 1, need: 2 });
    expect(judge(timed({}, { quorum: 2 }), [camera, [first, 77]])).toMatchObject({
      lacks: 'quorum',
      shortfall: { what: 'witnesses', have: 1, need: 2 },
    });
    expect(judge(timed({}, { quorum: 1 }), [camera, [first, 77]]).shortfall).toBeUndefined();
  });
});

test('an engine is allowed unless engines are listed and it is not among them', () => {
  const engine = { engine_id: 'stored-v1', fingerprint: 'ab'.repeat(32) };
  const listed = { engineId: 'stored-v1', fingerprint: 'ab'.repeat(32) };
  expect(engineFault(engine, undefined)).toBeUndefined();
  expect(engineFault(engine, [{ ...listed, engineId: 'x' }, listed])).toBeUndefined();
  for (const engines of [[], [{ ...listed, engineId: 'x' }], [{ ...listed, fingerprint: 'cd'.repeat(32) }]]) {
    expect(engineFault(engine, engines)).toContain('names the engine stored-v1 with fingerprint abab');
  }
});

describe('a line in the name of a configured key', () => {
  const policy = trusting(camera);

  test.each<[string, (text: Uint8Array) => Uint8Array]>([
    ['of zeros', () => new Uint8Array(64)],
    ['over another text', (text) => camera.sign(concatBytes(text, Uint8Array.of(10)))],
    ['by another key', (text) => keyOf(2).sign(text)],
    ['cut short', (text) => camera.sign(text).subarray(0, 63)],
    ['with a byte more', (text) => concatBytes(camera.sign(text), Uint8Array.of(0))],
    ['that is a cosignature', (text) => cosign(keyOf(1, KEY_NAME, 'witness'), 5, text)],
    ['that is P-256', (text) => keyOf(7, KEY_NAME, 'p256').sign(text)],
  ])('%s is H4_SIGN_BAD, alone and beside a good one', (_what, sign) => {
    for (const signers of [[], [camera]]) {
      const note = noteWith(checkpoint, signers, (text) => [lineBy(camera, sign(text))]);
      const refused = refusal(() => judgeNote(note, policy, NOW));
      expect([refused.code, refused.message]).toEqual([
        'H4_SIGN_BAD',
        `The signature by ${KEY_NAME}+${camera.keyId} does not verify`,
      ]);
    }
  });

  test('is bad before or behind the good one', () => {
    const good = noteWith(checkpoint, [camera]);
    const [line] = good.signatures;
    const bad = lineBy(camera, new Uint8Array(64));
    if (line === undefined) throw new Error('The note lost its line');
    for (const signatures of [
      [bad, line],
      [line, bad],
    ]) {
      expect(refusal(() => judgeNote({ ...good, signatures }, policy, NOW)).code).toBe('H4_SIGN_BAD');
    }
  });

  test('with its ID under another name, or its name under another ID, is somebody else', () => {
    const renamed = { ...lineBy(camera, new Uint8Array(64)), name: 'example.com/cam8' };
    const other = { ...lineBy(camera, new Uint8Array(64)), keyId: '00000000' };
    const note = noteWith(checkpoint, [camera], () => [renamed, other]);
    expect(judgeNote(note, policy, NOW)).toEqual(trusted());
  });

  test('an Ed25519 line under the ID of a P-256 key is bad, and the other way round', () => {
    const p256 = keyOf(7, KEY_NAME, 'p256');
    for (const [named, by] of [
      [p256, camera],
      [camera, p256],
    ] as const) {
      const note = noteWith(checkpoint, [], (text) => [lineBy(named, by.sign(text))]);
      expect(refusal(() => judgeNote(note, trusting(named), NOW)).code).toBe('H4_SIGN_BAD');
    }
  });
});

describe('a witness', () => {
  const policy: TrustPolicy = { ...trusting(camera), witnesses: [witnessKeyOf(first)] };

  test('is named with its time, and needed by nobody without a quorum', () => {
    expect(judge(policy, [camera, [first, 77]])).toEqual({
      verified: [KEY_NAME],
      cosigners: [{ name: first.name, time: 77 }],
      ignored: [],
      lacks: undefined,
    });
    expect(judge(policy, [camera])).toEqual(trusted());
  });

  test('is no signer: under its own name, and under that of the origin', () => {
    expect(judge(policy, [[first, 77]])).toMatchObject({ verified: [], lacks: 'signature' });
    const posing = keyOf(11, KEY_NAME, 'witness');
    const posed: TrustPolicy = { ...trusting(camera), witnesses: [witnessKeyOf(posing)] };
    expect(judge(posed, [[posing, 77]])).toMatchObject({ verified: [], lacks: 'signature' });
  });

  test('with the secret of a signer does not sign for it: the type is part of the ID', () => {
    const both = keyOf(1, KEY_NAME, 'witness');
    expect(both.keyId).not.toBe(camera.keyId);
    const note = noteWith(checkpoint, [], (text) => [lineBy(both, camera.sign(text))]);
    const posed: TrustPolicy = { ...trusting(camera), witnesses: [witnessKeyOf(both)] };
    expect(refusal(() => judgeNote(note, posed, NOW)).code).toBe('H4_SIGN_BAD');
    expect(judgeNote(note, trusting(camera), NOW)).toMatchObject({ lacks: 'signature' });
  });

  test.each<[string, (text: Uint8Array) => Uint8Array]>([
    [
      'of another time',
      (text) => concatBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9), cosign(first, 5, text).subarray(8)),
    ],
    ['by another witness', (text) => cosign(second, 5, text)],
    ['without a time', (text) => ed25519Sign(new Uint8Array(32).fill(11), text)],
    ['with a byte more', (text) => concatBytes(cosign(first, 5, text), Uint8Array.of(0))],
    ['over another text', (text) => cosign(first, 5, text.subarray(1))],
    [
      'of a time beyond 2^53-1, which nobody can compare with a clock',
      (text) => {
        const time = 2n ** 53n;
        const stamp = new Uint8Array(8);
        new DataView(stamp.buffer).setBigUint64(0, time);
        return concatBytes(stamp, ed25519Sign(new Uint8Array(32).fill(11), cosignedText(time, text)));
      },
    ],
  ])('whose cosignature is %s is H4_SIGN_BAD', (_what, sign) => {
    const note = noteWith(checkpoint, [camera], (text) => [lineBy(first, sign(text))]);
    expect(refusal(() => judgeNote(note, policy, NOW)).code).toBe('H4_SIGN_BAD');
  });

  test('may name the last second that a number can hold', () => {
    const time = Number.MAX_SAFE_INTEGER;
    expect(judge(policy, [camera, [first, time]]).cosigners).toEqual([{ name: first.name, time }]);
  });

  test('with two cosignatures stands there once, with the later time', () => {
    expect(judge(policy, [camera, [first, 9], [first, 3]]).cosigners).toEqual([{ name: first.name, time: 9 }]);
  });
});

describe('a quorum', () => {
  const witnesses = [first, second, third].map(witnessKeyOf);
  const policy: TrustPolicy = { ...trusting(camera), witnesses, quorum: 2 };

  test.each<[string, readonly Signatory[], NoteVerdict['lacks']]>([
    ['no witness', [camera], 'quorum'],
    ['one', [camera, [first, 5]], 'quorum'],
    ['one twice', [camera, [first, 5], [first, 6]], 'quorum'],
    ['two', [camera, [first, 5], [third, 6]], undefined],
    ['three', [camera, [first, 5], [second, 5], [third, 6]], undefined],
    [
      'two, and no signer',
      [
        [first, 5],
        [second, 5],
      ],
      'signature',
    ],
    ['one that nobody knows beside one', [camera, [first, 5], [witnessOf(99), 5]], 'quorum'],
  ])('of two with %s', (_what, signatories, lacks) => {
    expect(judge(policy, signatories).lacks).toBe(lacks);
  });

  test('is not met by one secret under two names', () => {
    const alias = witnessOf(11, 'alias.example');
    const named = { ...policy, witnesses: [witnessKeyOf(first), witnessKeyOf(alias)] };
    expect(judge(named, [camera, [first, 5], [alias, 5]])).toMatchObject({ lacks: 'quorum' });
  });

  describe('with a maximum age', () => {
    const fresh: TrustPolicy = { ...policy, maxAgeSeconds: 100 };

    test.each([
      [NOW, NOW, undefined],
      [NOW - 100, NOW, undefined],
      [NOW - 101, NOW, 'quorum'],
      [NOW + 5, NOW + 5, undefined],
    ] as const)('and witnesses at %i and %i lacks %s', (one, two, lacks) => {
      expect(judge(fresh, [camera, [first, one], [second, two]]).lacks).toBe(lacks);
    });

    test('takes the latest cosignature of each', () => {
      expect(judge(fresh, [camera, [first, 5], [first, NOW], [second, NOW]]).lacks).toBeUndefined();
    });

    test('is never met where the moment is not known', () => {
      const note = noteWith(checkpoint, [camera, [first, NOW], [second, NOW]]);
      expect(judgeNote(note, fresh, undefined).lacks).toBe('quorum');
      expect(judgeNote(note, policy, undefined).lacks).toBeUndefined();
    });

    test('of nothing asks for witnesses of this second', () => {
      const now = { ...policy, maxAgeSeconds: 0 };
      expect(judge(now, [camera, [first, NOW], [second, NOW]]).lacks).toBeUndefined();
      expect(judge(now, [camera, [first, NOW - 1], [second, NOW]]).lacks).toBe('quorum');
    });
  });
});

describe('the time of a key', () => {
  const witnesses = [first, second, third].map(witnessKeyOf);
  const limited = (times: object, rest: Partial<TrustPolicy> = {}): TrustPolicy => ({
    keys: [{ key: vkeyOf(camera), ...times }],
    ...rest,
  });
  const isTrusted = (policy: TrustPolicy, signatories: readonly Signatory[], now: number | undefined): boolean =>
    judgeNote(noteWith(checkpoint, signatories), policy, now).lacks === undefined;

  test.each([
    [{ notBefore: 100 }, 99, false],
    [{ notBefore: 100 }, 100, true],
    [{ notBefore: 100 }, undefined, false],
    [{ notAfter: 200 }, 200, true],
    [{ notAfter: 200 }, 201, false],
    [{ notAfter: 200 }, undefined, false],
    [{ notBefore: 100, notAfter: 200 }, 150, true],
    [{}, undefined, true],
    // Without witnesses nobody can tell that it was before.
    [{ revokedAt: 500 }, 100, false],
    [{ revokedAt: 500 }, 501, false],
    [{ revokedAt: 500 }, undefined, false],
  ])('%j at the moment %s, without witnesses: %s', (times, now, expected) => {
    expect(isTrusted(limited(times), [camera], now)).toBe(expected);
  });

  test.each([
    // The moment is that by which two witnesses had seen the note, whenever it is judged.
    [{ notBefore: 100 }, [99, 99], false],
    [{ notBefore: 100 }, [50, 100], true],
    [{ notAfter: 200 }, [150, 200], true],
    [{ notAfter: 200 }, [150, 201], false],
    [{ revokedAt: 500 }, [400, 499], true],
    [{ revokedAt: 500 }, [400, 500], false],
    [{ revokedAt: 500 }, [600, 700], false],
  ] as const)('%j, seen by two witnesses at %j: %s', (times, [one, two], expected) => {
    const policy = limited(times, { witnesses, quorum: 2 });
    for (const now of [undefined, 1, NOW]) {
      expect(isTrusted(policy, [camera, [first, one], [second, two]], now)).toBe(expected);
    }
  });

  test('is judged by the quorum that saw it first', () => {
    const policy = limited({ revokedAt: 500 }, { witnesses, quorum: 2 });
    expect(isTrusted(policy, [camera, [first, 400], [second, 450], [third, 9000]], NOW)).toBe(true);
    expect(isTrusted(policy, [camera, [first, 400], [second, 600], [third, 9000]], NOW)).toBe(false);
  });

  test('is judged by the first cosignature of a witness, not by a later one', () => {
    const policy = limited({ revokedAt: 500 }, { witnesses, quorum: 1 });
    expect(isTrusted(policy, [camera, [first, 400], [first, 600]], NOW)).toBe(true);
    const early = limited({ notBefore: 500 }, { witnesses, quorum: 1 });
    expect(isTrusted(early, [camera, [first, 400], [first, 600]], NOW)).toBe(false);
  });

  test('is not judged by witnesses that nobody asks for', () => {
    const policy = limited({ revokedAt: 500 }, { witnesses });
    expect(isTrusted(policy, [camera, [first, 400], [second, 400]], NOW)).toBe(false);
  });

  test('is not judged by old cosignatures where fresh ones are asked for and missing', () => {
    const policy = limited({ revokedAt: 500 }, { witnesses, quorum: 1, maxAgeSeconds: 10 });
    expect(judge(policy, [camera, [first, 400]])).toMatchObject({ verified: [], lacks: 'signature' });
  });

  test('cosignatures of time 0 name no moment, though they count as seen', () => {
    const policy = limited({ revokedAt: 500 }, { witnesses, quorum: 1 });
    expect(isTrusted(policy, [camera, [first, 0]], NOW)).toBe(false);
    expect(isTrusted(limited({}, { witnesses, quorum: 1 }), [camera, [first, 0]], NOW)).toBe(true);
    expect(isTrusted(policy, [camera, [first, 0], [second, 400]], NOW)).toBe(true);
  });

  test('an expired key does not count for the threshold, and is not named', () => {
    const other = keyOf(2, 'b');
    const policy: TrustPolicy = {
      keys: [{ key: vkeyOf(camera) }, { key: vkeyOf(other), notAfter: 10 }],
      threshold: 2,
    };
    expect(judge(policy, [camera, other])).toMatchObject({ verified: [KEY_NAME], lacks: 'signature' });
  });

  test('a bad signature by an expired key is bad all the same', () => {
    const note = noteWith(checkpoint, [], () => [lineBy(camera, new Uint8Array(64))]);
    expect(refusal(() => judgeNote(note, limited({ notAfter: 10 }), NOW)).code).toBe('H4_SIGN_BAD');
  });
});

describe('assertPolicy()', () => {
  const witnesses = [first, second].map(witnessKeyOf);

  test('lets a sensible policy pass', () => {
    expect(() =>
      assertPolicy({
        ...trusting(camera, keyOf(2, 'b', 'p256')),
        threshold: 2,
        witnesses,
        quorum: 2,
        maxAgeSeconds: 0,
        statementKeys: [vkeyOf(keyOf(5, 's'))],
      }),
    ).not.toThrow();
    expect(() => assertPolicy(trusting(camera))).not.toThrow();
  });

  test.each<[string, TrustPolicy, string]>([
    ['no keys', { keys: [] }, 'H4_PARAM'],
    ['a threshold of 0', { ...trusting(camera), threshold: 0 }, 'H4_PARAM'],
    ['a threshold that is no number', { ...trusting(camera), threshold: NaN }, 'H4_PARAM'],
    ['a threshold above the keys', { ...trusting(camera), threshold: 2 }, 'H4_PARAM'],
    ['a threshold above the different keys', { ...trusting(camera, keyOf(1, 'x')), threshold: 2 }, 'H4_PARAM'],
    ['a quorum above the witnesses', { ...trusting(camera), witnesses, quorum: 3 }, 'H4_PARAM'],
    ['a quorum of half a witness', { ...trusting(camera), witnesses, quorum: 0.5 }, 'H4_PARAM'],
    ['a negative age', { ...trusting(camera), witnesses, quorum: 1, maxAgeSeconds: -1 }, 'H4_PARAM'],
    ['an age that is no number', { ...trusting(camera), witnesses, quorum: 1, maxAgeSeconds: NaN }, 'H4_PARAM'],
    ['a witness for statements', { ...trusting(camera), statementKeys: witnesses }, 'H4_VKEY'],
    ['a witness for checkpoints', { keys: [{ key: witnesses[0] as never }] }, 'H4_VKEY'],
    ['a signer for a witness', { ...trusting(camera), witnesses: [vkeyOf(camera) as never] }, 'H4_VKEY'],
  ])('refuses %s', (_what, policy, code) => {
    expect(refusal(() => assertPolicy(policy)).code).toBe(code);
  });
});
