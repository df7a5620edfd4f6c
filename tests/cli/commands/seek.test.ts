import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeHeader } from '../../../src/container/format/header.js';
import { cli, jsonOf } from '../support/harness.js';
import { TEN_BLOCKS, noise, recording, temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
let [plain, shifted, two, live] = ['', '', '', ''];

beforeAll(async () => {
  plain = await folder.write('plain.h4mk', await recording(TEN_BLOCKS, {}, {}));
  shifted = await folder.write('shifted.h4mk', await recording(TEN_BLOCKS, { shift: 100_000 }, {}));
  const tracks = [
    { id: 0, kind: 'video' as const },
    { id: 7, kind: 'audio' as const },
  ];
  const other = TEN_BLOCKS.flatMap((block, i) => [block, { ...block, track: 7, key: i % 3 === 1, bytes: noise(30) }]);
  two = await folder.write('two.h4mk', await recording(other, { tracks }, {}));
  live = await folder.write('live.h4mk', await recording(TEN_BLOCKS));
});

describe('seek FILE PTS', () => {
  test('finds the keyframe at or before a time', async () => {
    const { code, stdout, stderr } = await cli(['seek', plain, '0:00.2']);
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    const fields = new Map(lines.map((line) => line.trim().split(/ +/) as [string, string]));
    expect(Object.fromEntries(fields)).toMatchObject({
      time: '0:00:00.160',
      pts: '160000',
      track: '0',
      record: '6',
      offset: '400',
    });
    const file = await readFile(plain);
    const offset = Number(fields.get('file_offset'));
    expect(file.toString('latin1', offset, offset + 4)).toBe('TOKN');
  });

  test.each([
    ['159999', 0],
    ['160000', 160_000],
    ['160ms', 160_000],
    ['319999us', 160_000],
    ['1:02:03.5', 320_000],
    ['90s', 320_000],
    ['9007199254740991', 320_000],
  ])('takes %s', async (time, pts) => {
    expect(jsonOf((await cli(['seek', plain, time, '--json'])).stdout)).toMatchObject({ found: true, pts });
  });

  test('gives the answer as JSON', async () => {
    const answer = jsonOf((await cli(['seek', shifted, '100ms', '--json'])).stdout);
    expect(answer).toEqual({
      file: shifted,
      track: 0,
      asked: { time_us: 100_000, pts: 200_000 },
      found: true,
      record: 6,
      pts: 160_000,
      time_us: 60_000,
      offset: 400,
      file_offset: expect.any(Number) as unknown,
    });
  });

  test('says where a time lies behind the end', async () => {
    const note = 'note         after the end of the recording (its last moment is 0:00:00.400)\n';
    expect((await cli(['seek', plain, '400ms'])).stdout).toContain(note);
    expect((await cli(['seek', plain, '399999'])).stdout).not.toContain('note');
    expect((await cli(['seek', plain, '0.1s'])).stdout).not.toContain('note');
    const after = jsonOf((await cli(['seek', shifted, '90s', '--json'])).stdout);
    expect(after).toMatchObject({ found: true, pts: 320_000, after_end: true, end_us: 300_000 });
    expect(jsonOf((await cli(['seek', two, '1s', '--track', '7', '--json'])).stdout)).toMatchObject({
      found: true,
      after_end: true,
      end_us: 400_000,
    });
  });

  test('takes and shows original times', async () => {
    expect((await cli(['seek', shifted, '0'])).stdout).toContain('time         -0:00:00.100\n  pts          0\n');
    expect((await cli(['seek', shifted, '0.06s'])).stdout).toContain('time         0:00:00.060');
  });

  test('says none, and exits 0, where no keyframe is that early', async () => {
    expect(await cli(['seek', plain, '--', '-20ms'])).toMatchObject({ code: 0, stdout: 'none\n' });
    expect(await cli(['seek', plain, '-1'])).toMatchObject({ code: 0, stdout: 'none\n' });
    const late = await recording([{ pts: 500, bytes: noise(5) }], {}, {});
    expect((await cli(['seek', await folder.write('late.h4mk', late), '499'])).stdout).toBe('none\n');
    expect(jsonOf((await cli(['seek', shifted, '--json', '--', '-101ms'])).stdout)).toEqual({
      file: shifted,
      track: 0,
      asked: { time_us: -101_000, pts: -1000 },
      found: false,
    });
  });

  test('seeks in another track', async () => {
    const answer = async (time: string) => jsonOf((await cli(['seek', two, time, '--track', '7', '--json'])).stdout);
    expect(await answer('200ms')).toMatchObject({ track: 7, pts: 160_000, offset: 120 });
    expect(await answer('39999')).toMatchObject({ found: false });
  });

  test('refuses a track that is not there, and names those that are', async () => {
    const { code, stderr } = await cli(['seek', two, '0', '--track', '3']);
    expect(code).toBe(2);
    expect(stderr).toContain('H4_PARAM: There is no track 3: the recording has 0, 7');
    expect((await cli(['seek', two, '0', '--track', '65535'])).code).toBe(2);
  });

  test('seeks in a recording without an end, and on standard input', async () => {
    expect(jsonOf((await cli(['seek', live, '1s', '--json'])).stdout)).toMatchObject({ pts: 320_000 });
    const piped = await cli(['seek', '-', '1s', '--json'], { stdin: await readFile(live) });
    expect(jsonOf(piped.stdout)).toMatchObject({ file: '-', pts: 320_000 });
  });

  test('refuses what is no time', async () => {
    const { code, stderr } = await cli(['seek', plain, 'noon']);
    expect(code).toBe(2);
    expect(stderr).toContain("'noon' is not a time");
  });

  test('refuses a file without a chunk', async () => {
    const { code, stderr } = await cli(['seek', await folder.write('empty.h4mk', encodeHeader()), '0']);
    expect([code, stderr.includes('H4_NO_RECORDS')]).toEqual([1, true]);
  });
});
