import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { Interruption } from '../../../src/cli/exit.js';
import { VERSION } from '../../../src/cli/version.js';
import { toHex } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { describeShared } from '../../support/shared.js';
import { TEN_BLOCKS, flipped, offsetsOf, recording, temporaryFolder } from '../support/files.js';
import { cli, jsonLines } from '../support/harness.js';

const folder = temporaryFolder();
const manifest = (): string => folder.path('manifest.json');
const verify = (...argv: readonly string[]) => cli(['verify', '--manifest', manifest(), '--force', ...argv]);

interface Manifest {
  readonly manifest: string;
  readonly software: string;
  readonly allow: readonly string[];
  readonly files: readonly Readonly<Record<string, unknown>>[];
  readonly summary: Readonly<Record<string, unknown>>;
}
const read = async (): Promise<Manifest> => JSON.parse(await readFile(manifest(), 'utf8')) as Manifest;

const FIELDS = [
  'path',
  'bytes',
  'sha256',
  'format',
  'state',
  'proven',
  'exit_code',
  'root',
  'file_id',
  'records',
  'tree_size',
  'signed_size',
  'redacted',
  'redacted_records',
  'unexplained',
  'unexplained_count',
  'still_there',
  'still_there_count',
  'timebase',
  'shift',
  'gaps',
  'gap_count',
  'checkpoint',
  'signatures',
  'signature_count',
  'statements',
  'statement_count',
  'errors',
  'warnings',
  'error_count',
  'warning_count',
];

beforeAll(async () => {
  const whole = await recording(TEN_BLOCKS, {}, {});
  await mkdir(folder.path('archive/2024'), { recursive: true });
  await folder.write('archive/a.h4mk', whole);
  await folder.write('archive/2024/b.h4mk', await recording(TEN_BLOCKS));
  await folder.write('archive/2024/c.h4mk', flipped(whole, (offsetsOf(whole, 'CORE')[3] ?? 0) + 50));
  await folder.write('archive/2024/cut.h4mk', whole.slice(0, 5));
});

describe('verify --manifest', () => {
  test('has every file with its hash, and the sum', async () => {
    const { code } = await verify('--recursive', folder.path('archive'));
    expect(code).toBe(1);
    const { manifest: name, software, allow, files, summary, ...others } = await read();
    expect([name, software, allow, others]).toEqual(['harmony4-verify/1', `harmony4 ${VERSION}`, [], {}]);
    expect(files.map(({ path, exit_code }) => [path, exit_code])).toEqual([
      ['2024/b.h4mk', 3],
      ['2024/c.h4mk', 1],
      ['2024/cut.h4mk', 1],
      ['a.h4mk', 0],
    ]);
    for (const file of files) {
      expect(Object.keys(file)).toEqual(FIELDS);
      const bytes = await readFile(folder.path(`archive/${String(file['path'])}`));
      expect([file['sha256'], file['bytes']]).toEqual([toHex(sha256(bytes)), bytes.length]);
    }
    const bytes = files.reduce((sum, file) => sum + Number(file['bytes']), 0);
    expect(summary).toEqual({
      files: 4,
      bytes,
      sound: 1,
      loss: 1,
      untrusted: 0,
      broken: 2,
      unreadable: 0,
      proven: 0,
      exit_code: 1,
      by_state: { NOT_OK: 2, NOT_SIGNED: 2 },
    });
  });

  test('is the same whatever the number of threads, the clock and the way to the folder', async () => {
    const texts: string[] = [];
    for (const [jobs, path] of [
      ['1', folder.path('archive')],
      ['4', folder.path('archive')],
      ['2', `${folder.path('archive')}/../archive/`],
    ] as const) {
      await verify('--recursive', '--jobs', jobs, path);
      texts.push(await readFile(manifest(), 'utf8'));
    }
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]?.split('\n')).toHaveLength(7);
  });

  test('holds what one of several arguments is called there, and what could not be read', async () => {
    const [a, missing] = [folder.path('archive/a.h4mk'), folder.path('missing')];
    const { code } = await verify('--recursive', '--allow', 'prefix', a, missing, folder.path('archive/2024'));
    expect(code).toBe(1);
    const { allow, files } = await read();
    expect(allow).toEqual(['prefix']);
    expect(files.map(({ path }) => path)).toEqual([
      a,
      missing,
      folder.path('archive/2024/b.h4mk'),
      folder.path('archive/2024/c.h4mk'),
      folder.path('archive/2024/cut.h4mk'),
    ]);
    expect(files[1]).toMatchObject({ sha256: null, exit_code: 4, errors: [{ code: 'H4_IO' }] });
    expect(Object.keys(files[1] ?? {})).toEqual(FIELDS);
    expect(files[2]).toMatchObject({ exit_code: 0 });
  });

  test('may be about a single file, standard input included, with the state of its records', async () => {
    const bytes = await readFile(folder.path('archive/a.h4mk'));
    const { code } = await cli(['verify', '--manifest', manifest(), '--force', '--records', '-'], { stdin: bytes });
    expect(code).toBe(0);
    const [file] = (await read()).files;
    expect(file).toMatchObject({ path: '-', sha256: toHex(sha256(bytes)), record_counts: { verified: 13 } });
  });

  test('is never half a file, and never replaces another one unasked', async () => {
    const argv = ['verify', '--recursive', folder.path('archive'), '--manifest'];
    await folder.write('kept.json', 'precious');
    const { code, stdout, stderr } = await cli([...argv, folder.path('kept.json')]);
    expect([code, stdout, stderr.includes('H4_EXISTS'), stderr.includes('--force')]).toEqual([2, '', true, true]);
    expect(await readFile(folder.path('kept.json'), 'utf8')).toBe('precious');
    const controller = new AbortController();
    controller.abort(new Interruption('SIGINT'));
    const stopped = await cli([...argv, folder.path('stopped.json')], { signal: controller.signal });
    expect(stopped.code).toBe(130);
    expect((await readdir(folder.path('.'))).filter((name) => name.startsWith('stopped'))).toEqual([]);
  });

  test('is no recording, no input, no stream and no report', async () => {
    const input = folder.path('archive/a.h4mk');
    await copyFile(input, folder.path('a.renamed'));
    for (const [out, why] of [
      ['-', 'the results are there already'],
      [folder.path('archive/2024/b.h4mk'), 'this is the name of a recording'],
      [folder.path('a.renamed'), 'it is the file that is checked'],
    ] as const) {
      for (const option of ['--manifest', '--report']) {
        const { code, stdout, stderr } = await cli(['verify', option, out, '--force', folder.path('a.renamed')]);
        expect([code, stdout]).toEqual([2, '']);
        expect(stderr).toContain(why);
      }
    }
    const both = await cli(['verify', '--manifest', 'x.json', '--report', 'x.json', input]);
    expect([both.code, both.stderr.includes('name two')]).toEqual([2, true]);
  });

  test('is not written about nothing', async () => {
    await mkdir(folder.path('empty'), { recursive: true });
    const { code, stderr } = await cli([
      'verify',
      '--recursive',
      '--manifest',
      folder.path('nothing.json'),
      folder.path('empty'),
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('there are no H4MK files below it');
    await expect(readFile(folder.path('nothing.json'))).rejects.toThrow('ENOENT');
  });

  test('spells out what a name should not do to whoever reads it', async () => {
    await mkdir(folder.path('odd'), { recursive: true });
    await writeFile(folder.path('odd/e\u202eh.h4mk'), 'x');
    await verify('--recursive', folder.path('odd'));
    expect(await readFile(manifest(), 'utf8')).toContain('"path":"e\\u202eh.h4mk"');
    expect((await read()).files[0]?.['path']).toBe('e\u202eh.h4mk');
  });
});

describeShared('a manifest of the samples', (shared) => {
  test('agrees with what verify says of each file alone', async () => {
    await verify('--recursive', '--json', `${shared}/samples`);
    const { files, summary } = await read();
    expect(files.length).toBeGreaterThan(70);
    expect(summary['files']).toBe(files.length);
    for (const { path, sha256: hash, bytes, ...report } of files) {
      const file = `${shared}/samples/${String(path)}`;
      const [alone] = jsonLines((await cli(['verify', '--json', file])).stdout);
      expect({ file, ...report, bytes }).toEqual(alone);
      expect(hash).toBe(toHex(sha256(await readFile(file))));
    }
  });
});
