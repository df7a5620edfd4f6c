import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { cli, jsonOf } from '../support/harness.js';
import { ownTemporaryFolder, temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
ownTemporaryFolder(folder);

describe('demo', () => {
  test('shows what the commands do, within 80 columns, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await cli(['demo']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('STRUCTURE OK, NOTHING PROVEN: no key given');
    expect(stdout).toMatch(/NOT OK: H4_CRC_MISMATCH at offset \d+/);
    expect(stdout).toContain('keyframe     0:00:03.000');
    expect(stdout).toMatch(/track 0 {2}┃/);
    expect(stdout).toContain('harmony4 export FILE -o FILE.h4mk');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(88);
  });

  test('has the same bytes every time', async () => {
    const runs = [jsonOf((await cli(['demo', '--json'])).stdout), jsonOf((await cli(['demo', '--json'])).stdout)];
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]).toMatchObject({
      file: null,
      records: 303,
      state: 'NOT_SIGNED',
      state_altered: 'NOT_OK',
      seek: { asked_us: 3_500_000, pts: 3_000_000, record: 152 },
    });
  });

  test('keeps the recording where it is told to, and the next commands work on it', async () => {
    const { code, stdout } = await cli(['demo', '--keep', folder.path('kept here')]);
    expect(code).toBe(0);
    const path = folder.path('kept here/demo.h4mk');
    expect(stdout).toContain(`inspect '${path}' --hex`);
    expect((await readFile(path)).length).toBeGreaterThan(100_000);
    expect((await cli(['verify', path])).code).toBe(0);
    expect((await cli(['extract', path, '--track', '1', '-o', folder.path('tone.pcm')])).code).toBe(0);
    expect((await cli(['demo', '--keep', folder.path('kept here')])).code).toBe(2);
    expect((await cli(['demo', '--keep', folder.path('kept here'), '--force', '--json'])).code).toBe(0);
  });

  test('says so where it cannot make the folder', async () => {
    await folder.write('file', 'x');
    const { code, stderr } = await cli(['demo', '--keep', folder.path('file/folder')]);
    expect([code, stderr.includes('H4_WRITE: Cannot make the folder')]).toEqual([4, true]);
  });
});
