/** The built program as a process: signals, pipes, terminals and sudden death. */

import { readFile, readdir, stat, symlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { noise, temporaryFolder } from './support/files.js';
import { MAIN, ended, runProcess, runShell, start } from './support/process.js';

const folder = temporaryFolder();
const MiB = 1024 * 1024;
const shell = (line: string, env: Record<string, string> = {}) =>
  runShell(`set -o pipefail; ${line}`, folder.path('.'), env);
const filesLike = async (prefix: string): Promise<string[]> =>
  (await readdir(folder.path('.'))).filter((name) => name.startsWith(prefix)).sort();

beforeAll(async () => {
  await folder.write('media.bin', noise(3 * MiB));
  const { code, stderr } = await runProcess([
    'export',
    folder.path('media.bin'),
    '-o',
    folder.path('media.h4mk'),
    '--gop',
    '2',
  ]);
  if (code !== 0) throw new Error(stderr);
});

describe('a process', () => {
  test('ends with the exit code of its command', async () => {
    for (const [argv, code] of [
      [['verify', folder.path('media.h4mk')], 0],
      [['verify', MAIN], 1],
      [['verfy'], 2],
      [['verify', folder.path('nothing')], 4],
      [[], 2],
      [['--version'], 0],
    ] as const) {
      expect((await runProcess(argv)).code).toBe(code);
    }
  });

  test('names itself as it was started', async () => {
    expect((await runProcess(['verify', '--help'])).stdout.toString()).toMatch(/\$ node \S*dist\/cli\/main\.js verify/);
    await symlink(MAIN, folder.path('harmonyø4'));
    const linked = await shell(`'${process.execPath}' ./harmonyø4 verify --help`);
    expect(linked.stdout.toString()).toContain('$ harmonyø4 verify recording.h4mk');
  });

  test('takes names with blanks, ø and line ends', async () => {
    const name = 'Blåbær på\n "tur" $HOME.bin';
    await folder.write(name, noise(1000));
    const out = folder.path(`${name}.h4mk`);
    expect((await runProcess(['export', folder.path(name), '-o', out])).code).toBe(0);
    const { code, stdout } = await runProcess(['inspect', out]);
    expect([code, stdout.toString().split('\n')[0]?.endsWith('Blåbær på\\n "tur" $HOME.bin.h4mk')]).toEqual([0, true]);
    expect((await runProcess(['extract', out, '-o', folder.path('back.bin')])).code).toBe(0);
    expect((await readFile(folder.path('back.bin'))).equals(Buffer.from(noise(1000)))).toBe(true);
  });
});

describe('pipes', () => {
  test('that close early end a command quietly', async () => {
    for (const line of [
      'harmony4 inspect media.h4mk | true',
      'harmony4 inspect media.h4mk --chunks | head -1',
      'harmony4 inspect media.h4mk --hex --limit 0 --json | head -n 1',
      'harmony4 verify media.h4mk media.h4mk | head -1',
      'harmony4 --help | true',
    ]) {
      expect(await shell(line)).toMatchObject({ code: 0, stderr: '' });
    }
    expect(await shell('harmony4 extract media.h4mk -o - | head -c 10')).toMatchObject({ code: 4, stderr: '' });
    expect(await shell('harmony4 verify media.bin media.h4mk | true')).toMatchObject({ code: 1, stderr: '' });
  });

  test('carry containers and media', async () => {
    const { code, stdout, stderr } = await shell(
      'cat media.bin | harmony4 export - -o - --block-size 64K | harmony4 extract - -o - | cmp - media.bin && echo same',
    );
    expect([code, stdout.toString(), stderr]).toEqual([0, 'same\n', '']);
  });

  test('are read where a container is named, by whatever path', async () => {
    for (const [line, code] of [
      ['harmony4 verify <(cat media.h4mk)', 0],
      ['harmony4 verify <(cat media.h4mk) <(cat media.h4mk)', 0],
      ['cat media.h4mk | harmony4 verify /dev/stdin', 0],
      ['harmony4 verify /dev/stdin < media.h4mk', 0],
      ['harmony4 inspect <(cat media.h4mk)', 0],
      ['harmony4 seek <(cat media.h4mk) 0', 0],
      ['harmony4 extract <(cat media.h4mk) -o - | cmp - media.bin', 0],
      ['mkfifo fifo && (cat media.h4mk > fifo & harmony4 verify fifo)', 0],
      ['harmony4 verify /dev/null', 1],
    ] as const) {
      const ended = await shell(`mkdir -p spool && export TMPDIR=$PWD/spool && ${line}`);
      expect([line, ended.code, ended.stderr]).toEqual([line, code, '']);
      expect(await readdir(folder.path('spool'))).toEqual([]);
    }
    const socket = start(['verify', '/dev/stdin']);
    const outcome = ended(socket);
    socket.stdin?.end(await readFile(folder.path('media.h4mk')));
    expect(await outcome).toMatchObject({ code: 0, stderr: '' });
  });

  test('that nobody writes into do not keep an interrupted command', async () => {
    await shell('mkdir -p spool && mkfifo idle');
    const child = start(['verify', folder.path('idle')], { env: { ...process.env, TMPDIR: folder.path('spool') } });
    const outcome = ended(child);
    while ((await readdir(folder.path('spool'))).length === 0) await sleep(20);
    await sleep(100);
    child.kill('SIGINT');
    const { code, stderr } = await outcome;
    expect([code, stderr.includes('stopped by SIGINT')]).toEqual([130, true]);
    expect(await readdir(folder.path('spool'))).toEqual([]);
  });

  test('may be slow to be read', async () => {
    const { stdout } = await shell('harmony4 export media.bin -o - | (sleep 0.5; sha256sum); sha256sum < media.h4mk');
    const [piped, file] = stdout.toString().split('\n');
    expect(piped).toHaveLength(67);
    expect(file).toHaveLength(67);
  });

  test('and files that are full are an error', async () => {
    const { code, stderr } = await shell('harmony4 inspect media.h4mk > /dev/full');
    expect([code, stderr.includes('H4_WRITE')]).toEqual([4, true]);
  });
});

describe('a terminal', () => {
  const onTerminal = (line: string, env: Record<string, string> = {}) =>
    shell(`script -qec "'${process.execPath}' '${MAIN}' ${line}" /dev/null < /dev/null`, { TERM: 'xterm', ...env });

  test('never gets binary data', async () => {
    for (const line of ['export media.bin -o -', 'extract media.h4mk -o -']) {
      const { code, stdout } = await onTerminal(line);
      expect(code).toBe(2);
      expect(stdout.toString()).toContain('Binary data is not written to a terminal');
    }
  });

  test('gets colours, but not against NO_COLOR', async () => {
    expect((await onTerminal('verify media.h4mk', { NO_COLOR: '' })).stdout.toString()).toContain(
      '\x1b[32mSTRUCTURE OK',
    );
    expect((await onTerminal('verify media.h4mk', { NO_COLOR: '1' })).stdout.toString()).not.toContain('\x1b[32m');
    expect((await shell('harmony4 verify media.h4mk')).stdout.toString()).not.toContain('\x1b');
  });
});

describe('an export that does not come to its end', () => {
  /** An export of an endless input that has begun to write. */
  async function begun(name: string) {
    const child = start(['export', '-', '-o', folder.path(name), '--engine', 'stored', '--block-size', '64K']);
    const outcome = ended(child);
    child.stdin?.on('error', () => undefined);
    child.stdin?.write(noise(MiB));
    while ((await filesLike(name)).length === 0) await sleep(20);
    await sleep(100);
    return { child, outcome };
  }

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('is ended by %s and leaves nothing', async (signal, code) => {
    const { child, outcome } = await begun(`by-${signal}.h4mk`);
    child.kill(signal);
    const { code: exitCode, stderr } = await outcome;
    expect([exitCode, stderr]).toEqual([
      code,
      `harmony4: H4_CANCELLED: stopped by ${signal}; no unfinished file was left behind\n`,
    ]);
    expect(await filesLike(`by-${signal}`)).toEqual([]);
  });

  test('leaves no destination when it is killed, and is no obstacle to the next one', async () => {
    const { child, outcome } = await begun('killed.h4mk');
    child.kill('SIGKILL');
    expect((await outcome).signal).toBe('SIGKILL');
    expect(await filesLike('killed.h4mk')).not.toContain('killed.h4mk');
    const again = await runProcess(['export', folder.path('media.bin'), '-o', folder.path('killed.h4mk')]);
    expect([again.code, again.stderr]).toEqual([0, '']);
    expect(await filesLike('killed.h4mk')).toEqual(['killed.h4mk']);
    expect((await runProcess(['verify', folder.path('killed.h4mk')])).code).toBe(0);
  });

  test('keeps the file that it should have replaced', async () => {
    const before = await folder.write('precious.h4mk', 'precious');
    const child = start(['export', '-', '-o', before, '--force']);
    const outcome = ended(child);
    child.stdin?.on('error', () => undefined);
    child.stdin?.write(noise(MiB));
    while ((await filesLike('precious')).length === 1) await sleep(20);
    child.kill('SIGINT');
    expect((await outcome).code).toBe(130);
    expect(await readFile(before, 'utf8')).toBe('precious');
  });
});

test('two exports are the same, byte by byte, in any process and from any folder', async () => {
  const line =
    'harmony4 export media.bin -o one.h4mk --signable && cd / && harmony4 export "$OLDPWD/media.bin" -o "$OLDPWD/two.h4mk" --signable';
  expect((await shell(line)).code).toBe(0);
  const [one, two] = await Promise.all([readFile(folder.path('one.h4mk')), readFile(folder.path('two.h4mk'))]);
  expect(one.equals(two)).toBe(true);
});

test('standard input is laid into a folder that is gone afterwards', async () => {
  const line = 'mkdir -p tmp && TMPDIR=$PWD/tmp harmony4 verify - < media.h4mk > /dev/null && ls tmp | wc -l';
  expect((await shell(line)).stdout.toString().trim()).toBe('0');
  expect((await stat(folder.path('tmp'))).isDirectory()).toBe(true);
});
