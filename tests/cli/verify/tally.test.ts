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
