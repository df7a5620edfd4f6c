import { describe, expect, test } from 'vitest';
import { type Checked, uncheckedFile } from '../../../src/cli/verify/checker.js';
import { notShown, shown, verdictOf } from '../../../src/cli/verify/plain-words.js';
import type { VerificationReport } from '../../../src/container/verify.js';

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
const titles = (proven: boolean, signatures: number): string[] =>
  notShown({ proven, signatures }).map(({ title }) => title);

describe('plain words', () => {
  test('never say of an unproven file that somebody made it', () => {
    for (const exit_code of [0, 3] as const) {
      expect(verdictOf(checked({ exit_code })).title).toContain('Who made it is not proven.');
      expect(verdictOf(checked({ exit_code, proven: true, state: 'OK' })).title).not.toContain('Who made it');
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
    expect(titles(false, 0)).toEqual([
      'Who made it.',
      'That nobody changed it on purpose.',
      'That what it shows happened.',
      'When it was recorded.',
      'That this is all there is.',
      'What is in it.',
    ]);
    expect(titles(true, 1)).toEqual(titles(false, 0).slice(2));
    const origin = (signatures: number): string => notShown({ proven: false, signatures })[0]?.text ?? '';
    expect(origin(0)).not.toContain('signature');
    expect(origin(1)).toContain('1 signature in it was not checked and counts for nothing here');
    expect(origin(2)).toContain('2 signatures in it were not checked and count for nothing here');
  });

  test('do not promise that a cut copy shows, where nothing in the file tells', () => {
    const texts = (hasUnhashed: boolean): string =>
      shown({ sound: 1, loss: 0, broken: 0, unreadable: 0 }, hasUnhashed)
        .map(({ text }) => text)
        .join(' ');
    expect(texts(false)).toContain('so would an interrupted copy');
    expect(texts(true)).not.toContain('interrupted copy');
    expect(texts(true)).toContain('Whether parts are gone would not');
  });

  test('say of a failed file nothing good', () => {
    const statements = shown({ sound: 0, loss: 0, broken: 1, unreadable: 0 }, false);
    expect(statements.map(({ title }) => title)).toEqual([
      'Where a check failed, the file is not as a correct writer leaves it.',
    ]);
  });
});
