import { expect, test } from 'vitest';
import { uncheckedFile, type Checked } from '../../../src/cli/verify/checker.js';
import { Tally } from '../../../src/cli/verify/tally.js';
import { printTally, tallyLine } from '../../../src/cli/verify/tally-view.js';
import { plainPaint } from '../../../src/cli/paint.js';
import { Printer } from '../../../src/cli/render.js';
import { PassThrough } from 'node:stream';

const sound = uncheckedFile({ code: 'H4_IO', message: 'gone', exit_code: 4 });
const BROKEN: Checked = {
  exitCode: 1,
  report: {
    ...sound.report,
    exit_code: 1,
    bytes: 2048,
    errors: [{ code: 'H4_CRC_MISMATCH', offset: 8, message: 'x' }],
  },
};

test('names the first bad files of each sort, counts all, and remembers the worst exit code', async () => {
  const tally = new Tally();
  for (let i = 0; i < 250; i++) tally.add(`b${i}`, BROKEN);
  tally.add('gone', sound);
  tally.fail(3);
  expect(tallyLine(tally)).toBe('251 files, 500 KiB: 0 sound, 0 with loss, 250 broken, 1 unreadable');
  expect([tally.exitCode, tally.named('broken').length, tally.hasUnproven]).toEqual([1, 100, false]);
  const stream = new PassThrough();
  const out = new Printer(stream, plainPaint);
  await printTally(out, tally);
  await out.flush();
  const lines = String(stream.read()).split('\n');
  expect(lines.slice(0, 3)).toEqual([
    '',
    '251 files, 500 KiB: 0 sound, 0 with loss, 250 broken, 1 unreadable',
    '  broken      b0: NOT OK: H4_CRC_MISMATCH at offset 8',
  ]);
  expect(lines.slice(102)).toEqual([
    '  broken      and 150 more; a manifest lists them',
    '  unreadable  gone: H4_IO',
    '',
  ]);
});

test('of nothing there is nothing to say', async () => {
  const stream = new PassThrough();
  const out = new Printer(stream, plainPaint);
  await printTally(out, new Tally());
  await out.flush();
  expect(stream.read()).toBeNull();
});

test('counts apart what is undamaged and not trusted, and what is proven', async () => {
  const tally = new Tally();
  const proven: Checked = {
    exitCode: 0,
    report: { ...sound.report, exit_code: 0, proven: true, state: 'OK', errors: [], error_count: 0 },
  };
  const errors = [{ code: 'H4_ROLLBACK' as const, offset: 0, message: 'x' }];
  const old: Checked = { exitCode: 1, report: { ...proven.report, exit_code: 1, errors, error_count: 1 } };
  tally.add('good', proven);
  tally.add('old', old);
  tally.add('bad', { ...BROKEN, report: { ...BROKEN.report, proven: true } });
  expect(tallyLine(tally)).toBe(
    '3 files, 2 KiB: 1 sound, 0 with loss, 1 untrusted, 1 broken, 0 unreadable; 1 proven by signatures',
  );
  expect(tally.toJson()).toMatchObject({ sound: 1, untrusted: 1, broken: 1, proven: 1, exit_code: 1 });
  const stream = new PassThrough();
  const out = new Printer(stream, plainPaint);
  await printTally(out, tally);
  await out.flush();
  expect(String(stream.read())).toMatch(/ {2}untrusted {3}old: OLDER THAN WHAT WAS SEEN BEFORE/);
});
