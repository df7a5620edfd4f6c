import { spawn } from 'node:child_process';
import { chmod, mkdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { createContext } from '../../../src/cli/context.js';
import { verify } from '../../../src/cli/commands/verify.js';
import { describeShared } from '../../support/shared.js';
import { unprivileged } from '../../storage/node/children.js';
import { TEN_BLOCKS, flipped, noise, offsetsOf, recording, temporaryFolder } from '../support/files.js';
import { cli, jsonLines } from '../support/harness.js';
import { MAIN, ended, runShell, start } from '../support/process.js';

const SOUND = 'STRUCTURE OK, NOTHING PROVEN: no key given';
const folder = temporaryFolder();
const archive = (): string => folder.path('archive');
const verifyAll = (...argv: readonly string[]) => cli(['verify', '--recursive', ...argv]);

beforeAll(async () => {
  const whole = await recording(TEN_BLOCKS, {}, {});
  const broken = flipped(whole, (offsetsOf(whole, 'CORE')[3] ?? 0) + 50);
  await mkdir(folder.path('archive/cam/.old'), { recursive: true });
  await mkdir(folder.path('empty/er'), { recursive: true });
  await folder.write('archive/a.h4mk', whole);
  await folder.write('archive/broken.h4mk', broken);
  await folder.write('archive/cam/.old/hidden.h4mk', whole);
  await folder.write('archive/cam/live.h4mk', await recording(TEN_BLOCKS));
  await folder.write('archive/cam/live.h4mk.tail', 'whatever a writer keeps there');
  await folder.write('archive/cam/live.h4mk.lock', 'whoever writes');
  await folder.write('archive/cam/next.h4mk.part', 'not yet a file');
  await folder.write('archive/z.h4mk', await recording([{ pts: 0, bytes: noise(3_000_000) }], {}, {}));
});

describe('verify --recursive DIR', () => {
  test('checks every file, goes on after a broken one, and ends with the sum', async () => {
    const { code, stdout, stderr } = await verifyAll(archive());
    expect([code, stderr]).toEqual([1, '']);
    const verdicts = stdout.split('\n').filter((line) => /^\/.*: (STRUCTURE|NOT)/.test(line));
    expect(verdicts).toEqual([
      `${archive()}/a.h4mk: ${SOUND}`,
      expect.stringMatching(/archive\/broken\.h4mk: NOT OK: H4_CRC_MISMATCH at offset \d+ and 2 more errors$/),
      `${archive()}/cam/.old/hidden.h4mk: ${SOUND}`,
      `${archive()}/cam/live.h4mk: STRUCTURE OK BUT NO END, NOTHING PROVEN: no key given`,
      `${archive()}/z.h4mk: ${SOUND}`,
    ]);
    const [sum, first, second, ...rest] = stdout.split('\n').slice(-4);
    expect(sum).toMatch(/^5 files, [\d.]+ MiB: 3 sound, 1 with loss, 1 broken, 0 unreadable$/);
    expect(first).toMatch(/^ {2}broken {6}\/.*broken\.h4mk: NOT OK: H4_CRC_MISMATCH/);
    expect(second).toMatch(/^ {2}with loss {3}\/.*live\.h4mk: STRUCTURE OK BUT NO END/);
    expect(rest).toEqual(['']);
    expect(stdout.match(/Every hash/g)).toHaveLength(1);
  });

  test('says the same with one thread and with four', async () => {
    for (const options of [[], ['--records'], ['--json'], ['--json', '--records'], ['--allow', 'prefix']]) {
      const [one, four] = [
        await verifyAll(archive(), ...options, '--jobs', '1'),
        await verifyAll(archive(), ...options, '--jobs', '4'),
      ];
      expect(four).toEqual(one);
      expect(one.stdout).toContain('live.h4mk');
    }
  });

  test('gives an object per file and one with the sum', async () => {
    const { code, stdout } = await verifyAll(archive(), '--json', '--allow', 'prefix');
    expect(code).toBe(1);
    const objects = jsonLines(stdout);
    expect(objects.map(({ file, exit_code }) => [file, exit_code])).toEqual([
      [`${archive()}/a.h4mk`, 0],
      [`${archive()}/broken.h4mk`, 1],
      [`${archive()}/cam/.old/hidden.h4mk`, 0],
      [`${archive()}/cam/live.h4mk`, 0],
      [`${archive()}/z.h4mk`, 0],
      [undefined, undefined],
    ]);
    expect(objects.at(-1)).toMatchObject({
      summary: { files: 5, sound: 4, loss: 0, broken: 1, unreadable: 0, exit_code: 1, by_state: { NOT_OK: 1 } },
    });
  });

  test('needs to be asked for', async () => {
    const { code, stdout, stderr } = await cli(['verify', `${archive()}/a.h4mk`, archive()]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`H4_PARAM: Cannot check ${archive()}: it is a folder`);
    expect(stderr).toContain(`harmony4 verify --recursive ${archive()}`);
  });

  test('a folder without a single file is no success', async () => {
    for (const json of [[], ['--json']]) {
      const { code, stdout, stderr } = await verifyAll(folder.path('empty'), ...json);
      expect(code).toBe(2);
      expect(stderr).toContain(`Cannot check ${folder.path('empty')}: there are no H4MK files below it`);
      expect(stdout.includes('sound') && json.length === 0).toBe(false);
    }
    const mixed = await verifyAll(folder.path('empty'), `${archive()}/a.h4mk`);
    expect([mixed.code, mixed.stdout.includes('1 file, '), mixed.stderr.includes('no H4MK files')]).toEqual([
      2,
      true,
      true,
    ]);
  });

  test('takes files and folders together', async () => {
    const { code, stdout, stderr } = await verifyAll(`${archive()}/z.h4mk`, folder.path('missing'), `${archive()}/cam`);
    expect(code).toBe(4);
    expect(stdout).toMatch(
      /z\.h4mk: [^]*hidden\.h4mk: [^]*live\.h4mk: [^]*\n4 files, .*: 2 sound, 1 with loss, 0 broken, 1 unreadable\n/,
    );
    expect(stdout).toMatch(/\n {2}unreadable {2}\/.*missing: H4_IO\n/);
    expect(stderr).toContain('H4_IO: Cannot open');
  });

  test('reads standard input and pipes beside threads', async () => {
    const line = `cat archive/a.h4mk | harmony4 verify --jobs 3 - archive/z.h4mk <(cat archive/a.h4mk) archive/a.h4mk`;
    const { code, stdout } = await runShell(line, folder.path('.'));
    expect(code).toBe(0);
    expect(stdout.toString().match(/: STRUCTURE OK/g)).toHaveLength(4);
    expect(stdout.toString()).toMatch(/^standard input: STRUCTURE OK/);
  });

  test('does not wait for a pipe that it has found', async () => {
    await mkdir(folder.path('odd'), { recursive: true });
    expect((await runShell('mkfifo odd/p.h4mk', folder.path('.'))).code).toBe(0);
    await symlink('nowhere', folder.path('odd/q.h4mk'));
    const { code, stderr } = await verifyAll(folder.path('odd'));
    expect(code).toBe(4);
    expect(stderr).toMatch(/p\.h4mk: it is a pipe[^]*q\.h4mk: there is no such file/);
  });

  test('reports what it may not read, and goes on', async () => {
    const whole = await readFile(`${archive()}/a.h4mk`);
    await mkdir(folder.path('guarded/b-closed'), { recursive: true });
    for (const name of ['a-secret.h4mk', 'b-closed/x.h4mk', 'c.h4mk'])
      await writeFile(folder.path(`guarded/${name}`), whole);
    await chmod(folder.path('.'), 0o755);
    await chmod(folder.path('guarded/a-secret.h4mk'), 0);
    await chmod(folder.path('guarded/b-closed'), 0);
    const [command = process.execPath, ...args]: readonly string[] = [...unprivileged, process.execPath, MAIN];
    const child = spawn(command, [...args, 'verify', '--recursive', folder.path('guarded')], { stdio: 'pipe' });
    const { code, stdout, stderr } = await ended(child);
    await chmod(folder.path('guarded/b-closed'), 0o700);
    expect(code).toBe(4);
    expect(stderr).toMatch(
      /H4_IO: Cannot open .*a-secret\.h4mk: permission is denied[^]*H4_IO: Cannot list the files in .*b-closed: permission/,
    );
    expect(stdout.toString()).toMatch(
      /c\.h4mk: STRUCTURE OK[^]*\n3 files, .*: 1 sound, 0 with loss, 0 broken, 2 unreadable\n/,
    );
  });

  test('a thread that dies costs one file, and the others go on', async () => {
    await mkdir(folder.path('deadly'), { recursive: true });
    const whole = await readFile(`${archive()}/a.h4mk`);
    for (const name of ['a', 'exits', 'm', 'throws', 'z']) await writeFile(folder.path(`deadly/${name}.h4mk`), whole);
    const worker = new URL('../verify/children/dying-check-worker.js', import.meta.url);
    const { code, stdout, stderr } = await withWorker(worker, [folder.path('deadly')]);
    expect(code).toBe(70);
    expect(stdout.match(/: STRUCTURE OK/g)).toHaveLength(3);
    expect(stdout).toContain('5 files, 11.7 KiB: 3 sound, 0 with loss, 0 broken, 2 unreadable');
    expect(stdout).toMatch(/unreadable {2}\/.*exits\.h4mk: H4_INTERNAL/);
    expect(stderr).toMatch(/H4_INTERNAL: Cannot check .*exits\.h4mk: the thread that checked it ended: exit code 3/);
  });

  test('goes on on this thread where no other can be started', async () => {
    const missing = new URL('../verify/children/no-such-worker.js', import.meta.url);
    const { code, stdout } = await withWorker(missing, [archive()]);
    expect([code, stdout]).toEqual([1, (await verifyAll(archive())).stdout]);
  });

  test('stops all threads when it is interrupted', async () => {
    await mkdir(folder.path('large'), { recursive: true });
    const large = await recording([{ pts: 0, bytes: noise(40_000_000) }], {}, {});
    await writeFile(folder.path('large/a.h4mk'), large);
    for (let i = 0; i < 600; i++) await symlink('a.h4mk', folder.path(`large/b${i}.h4mk`));
    const child = start(['verify', '--recursive', '--json', '--jobs', '3', folder.path('large')]);
    child.stdout?.once('data', () => child.kill('SIGINT'));
    const { code, stderr, stdout } = await ended(child);
    expect(code).toBe(130);
    expect(stderr).toContain('H4_CANCELLED');
    expect(stdout.toString().split('\n').length).toBeLessThan(600);
  });

  test('shows on a terminal how far it is, and leaves no trace of that', async () => {
    const { stderr } = await cli(['verify', '--recursive', archive(), '--jobs', '2'], { tty: ['stderr'], tick: 400 });
    expect(stderr).toMatch(/[\d.]+ (?:[KM]iB|bytes) {2}.*\/s {2}verifying/);
    expect(stderr.endsWith('\r\x1b[K')).toBe(true);
  });

  test('refuses a number of threads that is none', async () => {
    for (const jobs of ['0', '65', 'many']) {
      const { code, stderr } = await verifyAll('--jobs', jobs, archive());
      expect([code, stderr.includes('It must be a whole number from 1 to 64')]).toEqual([2, true]);
    }
  });

  test('a recording that is being written is what it is: without an end', async () => {
    const path = folder.path('growing/now.h4mk');
    await mkdir(folder.path('growing'), { recursive: true });
    await writeFile(path, (await recording(TEN_BLOCKS)).slice(0, -40));
    await writeFile(`${path}.lock`, `${process.pid}`);
    const { code, stdout } = await verifyAll(folder.path('growing'));
    expect(code).toBe(3);
    expect(stdout).toMatch(/now\.h4mk: STRUCTURE OK BUT NO END, NOTHING PROVEN/);
    expect((await stat(`${path}.lock`)).isFile()).toBe(true);
    await rename(path, folder.path('growing/was.h4mk'));
  });
});

/** `verify --recursive --jobs 2` with other threads. */
async function withWorker(
  worker: URL,
  files: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const kept = { stdout: '', stderr: '' };
  const keep = (name: keyof typeof kept): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        kept[name] += chunk.toString();
        done();
      },
    });
  const io = {
    stdin: process.stdin,
    stdout: keep('stdout'),
    stderr: keep('stderr'),
    env: {},
    now: () => 0,
    randomBytes: (count: number) => new Uint8Array(count),
    signal: new AbortController().signal,
    command: 'harmony4',
  };
  const context = createContext(io, { json: false });
  const code = await verify(files, { recursive: true, jobs: 2, progress: false }, context, worker);
  await context.out.flush();
  await context.err.flush();
  return { code, ...kept };
}

describeShared('verify --recursive of the samples', (shared) => {
  test('finds what each is, with one thread and with four', async () => {
    const outcomes = [];
    for (const jobs of ['1', '4']) outcomes.push(await verifyAll('--json', '--jobs', jobs, `${shared}/samples`));
    expect(outcomes[1]).toEqual(outcomes[0]);
    const objects = jsonLines(outcomes[0]?.stdout ?? '');
    expect(objects.at(-1)).toMatchObject({ summary: { files: objects.length - 1, unreadable: 0, exit_code: 1 } });
    const codes = new Map(objects.map(({ file, exit_code }) => [String(file).split('/samples/')[1], exit_code]));
    expect(codes.get('tiles.h4mk')).toBe(0);
    expect(codes.get('live.h4mk')).toBe(3);
    expect(codes.get('broken/H4_CRC_MISMATCH.h4mk')).toBe(1);
  });
});
