import { copyFile, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/utils/bytes.js';
import { noise, temporaryFolder } from '../support/files.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { HandFed, Lines, opened } from '../support/live.js';

const folder = temporaryFolder();
const KiB = 1024;
const before = noise(150 * KiB);
const after = noise(70 * KiB);
const SECOND = 1_000_000;
const began = 1_700_000_000 * SECOND;

const live = (path: string, flags: readonly string[] = [], options: Parameters<typeof cli>[1] = {}) =>
  cli(['export', '-', '-o', path, '--live', '--json', ...flags], { utcMicros: () => began, ...options });

const resumed = (path: string, options: Parameters<typeof cli>[1] = {}) =>
  live(path, ['--resume'], { stdin: after, utcMicros: () => began + 60 * SECOND, ...options });

const blocksOf = async (path: string) => {
  const { stdout } = await cli(['inspect', path, '--records', '--json']);
  return jsonLines(stdout).filter(({ mode }) => mode === 'core');
};

/** What a recorder leaves behind that is killed after its first index point, and that of three whole blocks. */
const [crashed, closed] = ['crashed.h4mk', 'closed.h4mk'];

beforeAll(async () => {
  const [input, out, path] = [new HandFed(), new Lines(), folder.path('running.h4mk')];
  const flags = ['--block-size', '64KiB', '--index-seconds', '0.02', '--gop', '2'];
  const outcome = live(path, flags, { stdin: input, stdout: out });
  input.feed(before);
  await out.has(1);
  await copyFile(path, folder.path(crashed));
  await copyFile(`${path}.tail`, folder.path(`${crashed}.tail`));
  input.end();
  await outcome;
  await copyFile(path, folder.path(closed));
});

/** A copy of what was left behind, with something behind its end. */
const copyOf = async (name: string, more: Uint8Array = new Uint8Array(0)): Promise<string> => {
  const path = folder.path(name);
  await copyFile(folder.path(crashed), path);
  await copyFile(folder.path(`${crashed}.tail`), `${path}.tail`);
  await writeFile(path, more, { flag: 'a' });
  return path;
};

describe('export --live --resume', () => {
  test('goes on where the recording was cut off: one recording, with the gap in its time', async () => {
    for (const [i, more] of [new Uint8Array(0), Buffer.from('TOKN'), new Uint8Array(5000)].entries()) {
      const path = await copyOf(`cut-${i}.h4mk`, more);
      const { code, stdout } = await resumed(path);
      expect(code).toBe(0);
      expect(jsonLines(stdout)[0]).toEqual({
        event: 'resumed',
        records: 5,
        bytes: (await readFile(folder.path(crashed))).length,
        lost_bytes: more.length,
        gap_us: expect.any(Number) as unknown,
      });
      expect(jsonLines(stdout).at(-1)).toMatchObject({ event: 'closed', uid: 'ab'.repeat(16), source: {} });
      expect((await cli(['verify', path])).code).toBe(0);
      expect((await opened(await readFile(path))).media).toEqual(concatBytes(before, after));
      // The same block size as before, whatever the default is now, and keyframes from here on.
      const blocks = await blocksOf(path);
      expect(blocks.map(({ raw }) => raw)).toEqual([65_536, 65_536, 22_528, 65_536, 6144]);
      expect(blocks.map(({ key }) => key)).toEqual([true, false, true, true, false]);
      expect(blocks[3]?.['pts']).toBe(60 * SECOND);
      expect((await readdir(folder.path('.'))).filter((name) => name.startsWith(`cut-${i}`))).toEqual([
        `cut-${i}.h4mk`,
      ]);
    }
  });

  test('says on stderr what it goes on with, where nobody reads JSON', async () => {
    const path = await copyOf('told.h4mk', new Uint8Array(7));
    const { stderr, code } = await cli(['export', '-', '-o', path, '--live', '--resume'], { stdin: after });
    expect(code).toBe(0);
    expect(stderr).toContain('going on with');
    expect(stderr).toContain('7 bytes of what was unfinished are cut off');
    const none = await copyOf('told-none.h4mk');
    expect((await cli(['export', '-', '-o', none, '--live', '--resume'], { stdin: after })).stderr).toContain(
      'nothing was cut off',
    );
  });

  test('never goes back in time, whatever the clock of the machine says', async () => {
    for (const [i, utc] of [undefined, () => 5, () => Number.MAX_SAFE_INTEGER].entries()) {
      const path = await copyOf(`clock-${i}.h4mk`);
      const options = { stdin: after, ...(utc === undefined ? {} : { utcMicros: utc }) };
      const { code } = await cli(['export', '-', '-o', path, '--live', '--resume', '--json'], options);
      expect(code).toBe(0);
      const blocks = await blocksOf(path);
      expect(blocks[3]?.['pts']).toBe(Number(blocks[2]?.['pts']) + Number(blocks[2]?.['duration']) + 1);
      expect((await cli(['verify', path])).code).toBe(0);
    }
  });

  test('goes on counting frames, where a frame rate gives the time', async () => {
    const path = folder.path('frames.h4mk');
    const flags = ['--block-size', '64KiB', '--fps-hint', '25', '--index-records', '2'];
    await live(path, flags, { stdin: before });
    const points = jsonLines((await cli(['inspect', path, '--chunks', '--json'])).stdout);
    const tail = points.find(({ tag }) => tag === 'TAIL');
    await truncate(path, Number(tail?.['offset']) + 172);
    expect((await resumed(path)).code).toBe(0);
    expect((await blocksOf(path)).map(({ pts }) => pts)).toEqual([0, 40_000, 80_000, 120_000]);
  });

  test('begins a recording where there is none yet, or nothing of it is whole', async () => {
    const [fresh, empty, torn] = ['fresh', 'empty', 'torn'].map((name) => folder.path(`${name}.h4mk`));
    if (fresh === undefined || empty === undefined || torn === undefined) throw new Error('no names');
    await writeFile(empty, '');
    await writeFile(torn, (await readFile(folder.path(crashed))).subarray(0, 100));
    for (const path of [fresh, empty, torn]) {
      const { code, stdout } = await resumed(path);
      expect([code, jsonLines(stdout)[0]?.['event']]).toEqual([0, 'closed']);
      expect((await opened(await readFile(path))).media).toEqual(after);
    }
  });
});

describe('export --live --resume refuses, and changes nothing,', () => {
  const refusal = async (path: string, options: Parameters<typeof cli>[1] = {}) => {
    const bytes = await readFile(path);
    const { code, stderr } = await resumed(path, options);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect((await readdir(folder.path('.'))).filter((name) => name.endsWith('.lock'))).toEqual([]);
    return { code, error: jsonOf(stderr) };
  };

  test('a recording that is complete', async () => {
    const { code, error } = await refusal(folder.path(closed));
    expect([code, error['code']]).toEqual([1, 'H4_AFTER_END']);
  });

  test('one that has lost what was promised to be safe', async () => {
    const path = await copyOf('rollback.h4mk');
    await truncate(path, 70_000);
    const { code, error } = await refusal(path);
    expect([code, error['code']]).toEqual([1, 'H4_ROLLBACK']);
    await truncate(path, 50);
    expect((await refusal(path)).error['code']).toBe('H4_NO_RECORDS');
  });

  test('one whose record 0 is damaged, with or without what its sidecar says', async () => {
    for (const [i, at] of [12, 13, 104, 105].entries()) {
      const path = await copyOf(`headless-${i}.h4mk`);
      const bytes = await readFile(path);
      bytes[at] = 0x7f;
      await writeFile(path, bytes);
      expect((await refusal(path)).error['code']).toBe('H4_INNER_DAMAGE');
      await rm(`${path}.tail`);
      expect((await refusal(path)).error['code']).toBe('H4_INNER_DAMAGE');
    }
  });

  test('files of which it does not know what they are, however short', async () => {
    const path = folder.path('short.txt');
    for (const text of ['hello', 'H4MX', 'H4MK\0\x01\0']) {
      await writeFile(path, text);
      if (text.startsWith('H4MK')) expect((await resumed(path)).code).toBe(0);
      else expect((await refusal(path)).error['code']).toBe('H4_TOO_SHORT');
    }
  });

  test('one without a sidecar that can be read: what was promised is not known', async () => {
    const path = await copyOf('garbled.h4mk');
    await writeFile(`${path}.tail`, 'garbage');
    const { code, error } = await refusal(path);
    expect([code, error['code'], error['message']]).toEqual([4, 'H4_IO', expect.stringContaining('remove it')]);
  });

  test('an export that was not live: its uid can never be signed', async () => {
    const [path, input] = [folder.path('export.h4mk'), folder.path('input')];
    await writeFile(input, before);
    await cli(['export', input, '-o', path]);
    await truncate(path, 100_000);
    const { code, error } = await refusal(path);
    expect([code, error['code']]).toEqual([2, 'H4_PARAM']);
  });

  test('one that is damaged inside', async () => {
    const path = await copyOf('damaged.h4mk');
    const bytes = await readFile(path);
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const { code, error } = await refusal(path);
    expect([code, error['code']]).toEqual([1, 'H4_INNER_DAMAGE']);
  });

  test('what is no live recording', async () => {
    const path = folder.path('demo.h4mk');
    await cli(['demo', '--keep', folder.path('demo')]);
    const bytes = await readFile(folder.path('demo/demo.h4mk'));
    await writeFile(path, bytes.subarray(0, Math.floor(bytes.length / 2)));
    const { code, error } = await refusal(path);
    expect([code, error['code']]).toEqual([2, 'H4_PARAM']);
    const text = folder.path('text.txt');
    await writeFile(text, 'this is something else');
    expect((await refusal(text)).error['code']).toBe('H4_BAD_MAGIC');
  });

  test('another way to say what to do with OUT', async () => {
    const path = await copyOf('usage.h4mk');
    for (const flags of [['--live', '--force'], ['--live', '--uid', '0'.repeat(31) + '1'], []]) {
      const { code, stderr } = await cli(['export', '-', '-o', path, '--resume', ...flags], { stdin: after });
      expect([flags, code]).toEqual([flags, 2]);
      expect(stderr).toContain('--resume');
    }
  });
});
