import { describe, expect, test } from 'vitest';
import { type Checked, uncheckedFile } from '../../../src/cli/verify/checker.js';
import { type Facts, notShown, shown } from '../../../src/cli/verify/plain-meaning.js';
import { shortVerdict, verdictOf } from '../../../src/cli/verify/plain-words.js';
import type { VerificationReport } from '../../../src/container/check/verify.js';

const { report: unread } = uncheckedFile({ code: 'H4_IO', message: 'gone', exit_code: 4 });
const SOUND: VerificationReport = {
  ...unread,
  format: 'H4MK v1 final',
  state: 'NOT_SIGNED',
  exit_code: 0,
  errors: [],
  error_count: 0,
};
const checked = (changes: Partial<VerificationReport>): Checked => {
  const report = { ...SOUND, ...changes };
  return { exitCode: report.exit_code, report };
};
const FACTS: Facts = {
  proven: false,
  signatures: 0,
  hasKeys: false,
  isWitnessed: false,
  isComplete: false,
  hasContentKeys: false,
};
const titles = (facts: Partial<Facts>): string[] => notShown({ ...FACTS, ...facts }).map(({ title }) => title);
const COUNTS = { sound: 0, loss: 0, untrusted: 0, broken: 0, unreadable: 0 };
const ORIGIN = `example.com/gate/${'ab'.repeat(32)}`;
const PROVEN: Partial<VerificationReport> = {
  proven: true,
  state: 'OK',
  records: 9,
  tree_size: 9,
  signed_size: 9,
  checkpoint: { origin: ORIGIN, size: 9, root: 'cd'.repeat(32) },
  signatures: [{ size: 9, origin: ORIGIN, verified: ['example.com/gate'], cosigned: [], ignored: [] }],
  signature_count: 1,
};

describe('plain words', () => {
  test('never say of an unproven file that somebody made it', () => {
    for (const exit_code of [0, 3] as const) {
      expect(verdictOf(checked({ exit_code })).title).toContain('Who made it is not proven.');
      expect(verdictOf(checked({ exit_code, ...PROVEN })).title).toMatch(/^Proven.* signed by example\.com\/gate/);
    }
  });

  test('name every sort of loss', () => {
    const text = (changes: Partial<VerificationReport>): string =>
      verdictOf(checked({ exit_code: 3, ...changes })).text;
    expect(text({ format: 'H4MK v1 slice' })).toContain('It is a slice');
    expect(text({ format: 'H4MK v1 live' })).toContain('It has no end');
    expect(text({ state: 'OK_PENDING' })).toContain('not covered by a signature yet');
    expect(text({ redacted: 1 })).toContain('The content of 1 record was removed.');
    expect(text({ warnings: [{ code: 'H4_VERI_MISSING', offset: 8, message: 'x' }] })).toContain('There are warnings');
  });

  test('say what is not shown, whatever was found; who made it only as long as that is open', () => {
    expect(titles({})).toEqual([
      'Who made it.',
      'That nobody changed it on purpose.',
      'That what it shows happened.',
      'When it was recorded.',
      'That this is all there is.',
      'What is in it.',
    ]);
    expect(titles({ proven: true, signatures: 1 })).toEqual([
      'Who held the key.',
      'When it was signed.',
      ...titles({}).slice(2),
    ]);
    const origin = (signatures: number): string => notShown({ ...FACTS, signatures })[0]?.text ?? '';
    expect(origin(0)).not.toContain('signature');
    expect(origin(1)).toContain('1 signed checkpoint in it was not checked and counts for nothing here');
    expect(origin(2)).toContain('2 signed checkpoints in it were not checked and count for nothing here');
  });

  test('do not promise that a cut copy shows, where nothing in the file tells', () => {
    const texts = (hasUnhashed: boolean): string =>
      shown({ ...COUNTS, sound: 1 }, hasUnhashed, 0)
        .map(({ text }) => text)
        .join(' ');
    expect(texts(false)).toContain('so would an interrupted copy');
    expect(texts(true)).not.toContain('interrupted copy');
    expect(texts(true)).toContain('Whether parts are gone would not');
  });

  test('say of a failed file nothing good', () => {
    const statements = shown({ ...COUNTS, broken: 1 }, false, 0);
    expect(statements.map(({ title }) => title)).toEqual([
      'Where a check failed, the file is not as a correct writer leaves it.',
    ]);
  });
});

describe('plain words about evidence', () => {
  const text = (changes: Partial<VerificationReport>): string => verdictOf(checked({ ...PROVEN, ...changes })).text;

  test('say who signed, and from whom witnesses have it', () => {
    expect(verdictOf(checked(PROVEN))).toEqual({
      title: 'Proven: complete, unchanged and signed by example.com/gate.',
      text:
        'Each record that is there is the one that the holder of the key of example.com/gate signed: since then nobody ' +
        'has changed it, moved it to another place or put another one in between. Complete means without a missing record up ' +
        'to the signed end.',
    });
    const cosigned = [{ name: 'witness.example/a', time: 1_700_000_000 }];
    const signatures = [{ size: 9, origin: ORIGIN, verified: ['example.com/gate'], cosigned, ignored: [] }];
    expect(text({ signatures })).toContain(
      'According to witnesses, witness.example/a had seen it by 2023-11-14 22:13:20 UTC.',
    );
  });

  test('do not call complete what was only accepted', () => {
    const prefix = checked({ ...PROVEN, state: 'OK_PREFIX', format: 'H4MK v1 live', exit_code: 0 });
    expect(verdictOf(prefix).title).toBe('Proven as far as it goes: unchanged and signed by example.com/gate.');
    expect(verdictOf(prefix).text).toContain('It has no end');
    expect(verdictOf(prefix).text).toContain('Whoever ran this check chose to accept that.');
    expect(shortVerdict(prefix)).toBe('proven');
    const loss = checked({ ...PROVEN, state: 'OK_PREFIX', format: 'H4MK v1 live', exit_code: 3 });
    expect([verdictOf(loss).title, shortVerdict(loss)]).toEqual([
      'Proven as far as it goes: signed by example.com/gate, but not all of a recording.',
      'proven, but not all',
    ]);
  });

  test('call complete what was removed from, and say so', () => {
    const redacted = { ...PROVEN, state: 'OK_WITH_REDACTIONS', redacted: 2 } as const;
    for (const exit_code of [0, 3] as const) {
      expect(verdictOf(checked({ ...redacted, exit_code })).title).toBe(
        'Proven: complete and signed by example.com/gate, with the content of 2 records removed.',
      );
    }
  });

  test('promise no more than the signed size', () => {
    expect(text({ state: 'OK_PENDING', signed_size: 5, exit_code: 3 })).toMatch(
      /^Each of the first 5 records is the one/,
    );
  });

  test('say of what was removed who states why, if somebody does whom the check believes', () => {
    const statement = { type: 't', predicate_type: 'p', of_this_file: true, reason: 'privacy', records: [3] };
    const redacted = { state: 'OK_WITH_REDACTIONS', redacted: 1, exit_code: 3 } as const;
    expect(text({ ...redacted, statements: [{ ...statement, verified: ['example.com/gate/statements'] }] })).toContain(
      'example.com/gate/statements states that it was removed, and why.',
    );
    expect(text({ ...redacted, statements: [{ ...statement, verified: [] }] })).toContain(
      'Nobody whom this check believes states why.',
    );
    expect(verdictOf(checked({ exit_code: 3, redacted: 1 })).text).not.toContain('states');
  });

  test('name what was removed and nobody states, beside what somebody does', () => {
    const statement = { type: 't', predicate_type: 'p', of_this_file: true, reason: 'privacy', records: [8] };
    const redacted = {
      state: 'OK_WITH_REDACTIONS',
      redacted: 2,
      unexplained: [30],
      unexplained_count: 1,
      exit_code: 3,
      timebase: [1, 1000],
      redacted_records: [{ seq: 30, track: 0, from_pts: 930, to_pts: 970 }],
      statements: [{ ...statement, verified: ['a/statements'] }],
    } as const;
    expect(text(redacted)).toContain(
      'a/statements states that of 1, and why. Of 1 record (30, 0:00:00.930-0:00:00.970) nobody whom this check believes states why.',
    );
    expect(text({ ...redacted, redacted: 1 })).toContain('Nobody whom this check believes states why.');
    expect(text({ ...redacted, redacted: 1 })).not.toContain('a/statements');
    expect(text({ ...redacted, still_there: [5], still_there_count: 1 })).toContain(
      'Of 1 record a/statements states the same, though the content is there.',
    );
  });

  test('say of what is complete when nothing was recorded', () => {
    const gap = { track: 0, from_pts: 2850, to_pts: 7880 };
    const of = (count: number): string =>
      text({ timebase: [1, 1000], gaps: Array.from({ length: count }, () => gap), gap_count: count });
    expect(of(1)).toMatch(
      /There is no content of track 0 from 0:00:02\.850 to 0:00:07\.880: none was recorded, or .*so\.$/,
    );
    expect(of(2)).toContain('There is 1 more such stretch.');
    expect(of(3)).toContain('There are 2 more such stretches.');
    expect(text({ state: 'OK_PREFIX', exit_code: 3 })).not.toContain('Complete');
  });

  test('accuse a content key that does not fit, and not the file', () => {
    const errors = [{ code: 'H4_KEY_WRONG', offset: 8, message: 'x' }] as const;
    const wrong = { ...PROVEN, proven: false, state: 'NOT_OK', exit_code: 1, errors, error_count: 1 } as const;
    expect(verdictOf(checked(wrong)).title).toBe(
      'Undamaged, but the content key that was given does not fit. It is signed by example.com/gate.',
    );
    expect(verdictOf(checked({ ...wrong, checkpoint: null })).title).toContain('Who made it is not proven.');
  });

  test('say why the signature of somebody who is believed is not enough', () => {
    const signature = { size: 9, origin: ORIGIN, verified: ['a'], cosigned: [], ignored: [] };
    const of = (code: 'H4_SIGN_UNTRUSTED' | 'H4_SIGN_QUORUM' | 'H4_ENGINE_UNTRUSTED', what: 'keys' | 'witnesses') =>
      verdictOf(
        checked({
          state: 'SIGNED_UNTRUSTED_KEY',
          exit_code: 1,
          errors: [{ code, offset: 0, message: 'x' }],
          signatures: [{ ...signature, lacking: { what, have: 1, need: 2 } }],
        }),
      );
    expect(of('H4_SIGN_UNTRUSTED', 'keys')).toEqual({
      title: 'Not proven. The file is undamaged and signed, but not as this check asks for.',
      text: 'Of the signature: 1 of 2 required keys signed: a. Under what this check was told to believe, that is not enough.',
    });
    expect(of('H4_SIGN_QUORUM', 'witnesses').text).toMatch(
      /^Of the signature: it is signed by a, but 1 of 2 witnesses/,
    );
    expect(of('H4_ENGINE_UNTRUSTED', 'keys').title).toContain('not what the policy of this check asks for');
  });

  test.each([
    ['H4_SIGN_MISSING', 'Not proven. The file is undamaged, and nobody has signed it.'],
    ['H4_SIGN_UNTRUSTED', 'not signed by anybody whom this check believes.'],
    ['H4_SIGN_QUORUM', 'too few witnesses have seen it.'],
    ['H4_ROLLBACK', 'Not accepted. The file is signed, but it is older than what has been seen before.'],
    ['H4_EQUIVOCATION', 'it contradicts what has been seen before.'],
    ['H4_ENGINE_UNTRUSTED', 'it is not what the policy of this check asks for.'],
  ] as const)('say what %s means', (code, title) => {
    const outcome = checked({ exit_code: 1, state: 'NOT_SIGNED', errors: [{ code, offset: 0, message: 'x' }] });
    expect(verdictOf(outcome).title).toContain(title);
    expect(shortVerdict(outcome)).toBe('undamaged, but not proven');
    expect(shortVerdict(checked({ ...outcome.report, proven: true }))).toBe('signed, but not accepted');
  });

  test('say what a signature shows, and leave out what is not so', () => {
    const of = (counts: Partial<typeof COUNTS>, proven: number): string[] =>
      shown({ ...COUNTS, ...counts }, false, proven).map(({ title }) => title);
    expect(of({ sound: 1 }, 1)[0]).toBe('It comes from the holder of the key.');
    expect(of({ sound: 2 }, 1)[0]).toBe('Of a file that is called proven, it comes from the holder of the key.');
    expect(of({ sound: 1, broken: 1 }, 1)[0]).toContain('Of a file that is called proven');
    expect(of({ sound: 1 }, 0)[0]).toBe('No accident has changed what is there.');
    expect(of({ untrusted: 1 }, 0)).toContain(
      'Where a file is not accepted, something that was asked for is not there.',
    );
  });

  test('say what even a signature leaves open', () => {
    expect(titles({ hasKeys: true })[0]).toBe('Who made a file that is not called proven.');
    expect(titles({ proven: true, hasKeys: true, isWitnessed: true }).slice(0, 2)).toEqual([
      'Who held the key.',
      'That the witnesses knew what they saw.',
    ]);
    const inside = (hasContentKeys: boolean): string => notShown({ ...FACTS, hasContentKeys }).at(-1)?.text ?? '';
    expect(inside(false)).toContain('was not opened');
    expect(inside(true)).toContain('was opened only where a key that was given opens it.');
    const all = (facts: Partial<Facts>): string =>
      notShown({ ...FACTS, ...facts }).find(({ title }) => title === 'That this is all there is.')?.text ?? '';
    expect(all({})).toContain('A shorter version that was closed in the same way passes, too.');
    expect(all({ proven: true })).toContain('An older copy, or another part of the same recording, passes, too.');
    expect(all({ proven: true, isComplete: true })).toMatch(
      /^The recording is there up to its signed end\. There may be newer or other/,
    );
  });
});
