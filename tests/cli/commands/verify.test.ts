import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { Interruption } from '../../../src/cli/exit.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { TEN_BLOCKS, flipped, noise, offsetsOf, recording, temporaryFolder } from '../support/files.js';

const SOUND = 'STRUCTURE OK, NOTHING PROVEN: no key given';
const folder = temporaryFolder();
let [sound, live, cut, broken, voided] = ['', '', '', '', ''];

beforeAll(async () => {
  const whole = await recording(TEN_BLOCKS, {}, {});
  sound = await folder.write('sound.h4mk', whole);
  const open = await recording(TEN_BLOCKS);
  live = await folder.write('live.h4mk', open);
  cut = await folder.write('cut.h4mk', open.slice(0, -10));
  broken = await folder.write('broken.h4mk', flipped(whole, (offsetsOf(whole, 'CORE')[3] ?? 0) + 50));
  voided = await folder.write('voided.h4mk', redacted(open));
});

/** `file` with its last record redacted, compacted. */
function redacted(file: Uint8Array): Uint8Array {
  const head = file.slice(0, -100);
  head.set(Buffer.from('VOID'), head.length - 12);
  head.fill(0, head.length - 8);
  return head;
}

describe('verify FILE', () => {
  test('says first that nothing is proven without a key', async () => {
    const { code, stdout, stderr } = await cli(['verify', sound]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')[0]).toBe(SOUND);
    expect(stdout).toContain('state        NOT_SIGNED: sound, and without a signature');
    expect(stdout).toContain('records      13');
    expect(stdout).toContain('checkpoints  none');
    expect(stdout).toContain('only a signature, checked with a key you trust, proves where it comes from');
  });

  test('gives the report as JSON', async () => {
    const report = jsonOf((await cli(['verify', sound, '--json'])).stdout);
    expect(Object.keys(report).slice(0, 9)).toEqual([
      'file',
      'format',
      'state',
      'proven',
      'exit_code',
      'root',
      'file_id',
      'records',
      'tree_size',
    ]);
    expect(report).toMatchObject({
      file: sound,
      format: 'H4MK v1 final',
      state: 'NOT_SIGNED',
      proven: false,
      exit_code: 0,
      records: 13,
      tree_size: 13,
      signatures: [],
      errors: [],
      warnings: [],
    });
  });

  test('explains every error, and says what to do', async () => {
    const { code, stdout } = await cli(['verify', broken]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^NOT OK: H4_CRC_MISMATCH at offset \d+ and \d more errors?\n/);
    expect(stdout).toMatch(/error H4_CRC_MISMATCH at offset \d+\n {4}The payload of .* has CRC/);
    expect(stdout).toContain('    The payload of a chunk does not have the CRC that the chunk states.');
    expect(stdout.match(/Compare it with another copy/g)).toHaveLength(1);
    expect(stdout).not.toContain('Every hash');
    const report = jsonOf((await cli(['verify', broken, '--json'])).stdout);
    expect(report).toMatchObject({ state: 'NOT_OK', exit_code: 1 });
    expect(report['errors']).toContainEqual({
      code: 'H4_CRC_MISMATCH',
      offset: expect.any(Number) as unknown,
      message: expect.any(String) as unknown,
    });
  });

  test('counts the findings that it does not list', async () => {
    const whole = await recording(
      Array.from({ length: 60 }, (_, i) => ({ pts: i, bytes: noise(50, i + 1) })),
      {},
      {},
    );
    const many = flipped(whole, ...offsetsOf(whole, 'CORE').map((offset) => offset + 20));
    const { stdout } = await cli(['verify', await folder.write('many.h4mk', many)]);
    expect(stdout).toMatch(/and \d+ more errors?; --json lists them/);
  });

  test.each([
    ['live', () => live, 'STRUCTURE OK BUT NO END, NOTHING PROVEN: no key given'],
    ['cut', () => cut, 'STRUCTURE OK BUT NO END, NOTHING PROVEN: no key given'],
    ['voided', () => voided, 'STRUCTURE OK BUT NO END, 1 RECORD REDACTED, NOTHING PROVEN: no key given'],
  ])('exits 3 for a recording that is %s', async (_name, file, line) => {
    const { code, stdout } = await cli(['verify', file()]);
    expect(code).toBe(3);
    expect(stdout.split('\n')[0]).toBe(line);
    expect(jsonOf((await cli(['verify', file(), '--json'])).stdout)).toMatchObject({ exit_code: 3 });
  });

  test('exits 0 for what --allow names, and only then', async () => {
    const codes = async (allow: string): Promise<number[]> =>
      Promise.all(
        [live, cut, voided, broken, sound].map(async (file) => (await cli(['verify', '--allow', allow, file])).code),
      );
    expect(await codes('prefix')).toEqual([0, 0, 3, 1, 0]);
    expect(await codes('redacted')).toEqual([3, 3, 3, 1, 0]);
    expect(await codes('slice,pending')).toEqual([3, 3, 3, 1, 0]);
    expect(await codes('prefix, redacted')).toEqual([0, 0, 0, 1, 0]);
    const allowed = await cli(['verify', '--allow', 'prefix', live, '--json']);
    expect(jsonOf(allowed.stdout)).toMatchObject({ exit_code: 0, format: 'H4MK v1 live' });
    expect((await cli(['verify', '--allow', 'prefix,all', live])).stderr).toContain("'all' is none of slice, prefix");
  });

  test('checks all of several files, each on its line, and exits with the worst code', async () => {
    const { code, stdout, stderr } = await cli(['verify', sound, live, folder.path('missing'), broken, sound]);
    expect(code).toBe(1);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(`${sound}: ${SOUND}`);
    expect(lines[1]).toBe(`${live}: STRUCTURE OK BUT NO END, NOTHING PROVEN: no key given`);
    expect(lines[2]).toMatch(/broken\.h4mk: NOT OK: /);
    expect(stdout).toContain(`${sound}: ${SOUND}\n  Every hash`);
    expect(stdout.match(/Every hash/g)).toHaveLength(1);
    expect(stderr).toMatch(/^harmony4: H4_IO: Cannot open .*missing/);
    expect((await cli(['verify', sound, folder.path('missing'), live])).code).toBe(4);
    expect((await cli(['verify', sound, live])).code).toBe(3);
  });

  test('gives one JSON object per file, whatever happens', async () => {
    const { code, stdout, stderr } = await cli(['verify', '--json', sound, folder.path('missing'), broken]);
    expect(code).toBe(1);
    expect(jsonLines(stdout).map((report) => [report['exit_code'], report['state']])).toEqual([
      [0, 'NOT_SIGNED'],
      [4, 'NOT_OK'],
      [1, 'NOT_OK'],
    ]);
    expect(stderr).toBe('');
    expect(jsonLines(stdout)[1]).toMatchObject({ errors: [{ code: 'H4_IO', offset: 0 }] });
  });

  test('goes on when nobody listens any more, for the sake of the exit code', async () => {
    const closed = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    closed.on('error', () => undefined);
    const { code, stderr } = await cli(['verify', sound, broken, sound], { stdout: closed });
    expect([code, stderr]).toEqual([1, '']);
  });

  test('refuses addresses of a sort that it cannot read', async () => {
    const { code, stdout, stderr } = await cli(['verify', sound, 's3://bucket/x.h4mk']);
    expect([code, stdout.startsWith(`${sound}: ${SOUND}`)]).toEqual([2, true]);
    expect(stderr).toContain('H4_PARAM: Cannot read s3://bucket/x.h4mk');
  });

  test('says of bytes after the end that the recording is complete without them', async () => {
    const whole = await readFile(sound);
    for (const [stray, what] of [
      ['x', '1 byte that does not belong to it follows'],
      ['hello', '5 bytes that do not belong to it follow'],
      ['hello hello hello', '17 bytes that do not belong to it follow'],
    ] as const) {
      const file = await folder.write('stray.h4mk', Buffer.concat([whole, Buffer.from(stray)]));
      const { code, stdout } = await cli(['verify', file]);
      expect([code, stdout.includes(`warning H4_TRUNCATED at offset ${whole.length}`)]).toEqual([3, true]);
      expect(stdout).toContain(
        `The recording itself is complete: it ends at offset ${whole.length}. From there on, ${what}; ` +
          `a copy that ends at offset ${whole.length} has all of it.`,
      );
      expect(stdout).not.toContain('was cut off');
    }
    expect((await cli(['verify', cut])).stdout).toContain('The recording was cut off');
  });

  test('refuses to read standard input twice', async () => {
    for (const again of ['-', '/dev/stdin']) {
      const { code, stdout, stderr } = await cli(['verify', '-', sound, again], { stdin: await readFile(sound) });
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain('H4_PARAM: Cannot read standard input twice');
    }
  });

  test('reads standard input', async () => {
    const { code, stdout } = await cli(['verify', '-'], { stdin: await readFile(sound) });
    expect([code, stdout.split('\n')[0]]).toEqual([0, SOUND]);
    expect(stdout).toContain('file         standard input');
  });

  test('stops when it is interrupted, as several files or one', async () => {
    const controller = new AbortController();
    controller.abort(new Interruption('SIGINT'));
    const { code, stderr } = await cli(['verify', sound, sound], { signal: controller.signal });
    expect(code).toBe(130);
    expect(stderr).toContain('H4_CANCELLED: stopped by SIGINT');
  });

  test('shows on a terminal how far it is, and leaves no trace of that', async () => {
    const { stdout, stderr } = await cli(['verify', sound], { tty: ['stdout', 'stderr'], tick: 400 });
    expect(stderr).toContain('verifying');
    expect(stderr.endsWith('\r\x1b[K')).toBe(true);
    expect(stdout).toContain(`\x1b[32m${SOUND}\x1b[0m`);
    expect((await cli(['verify', '--no-progress', sound], { tty: ['stderr'], tick: 400 })).stderr).toBe('');
  });
});

describe('verify --records', () => {
  test('tells the state of every record', async () => {
    const { code, stdout } = await cli(['verify', '--records', broken]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {7}0 {6}- +8 {2}verified$/m);
    expect(stdout).toMatch(/tampered {2}H4_CRC_MISMATCH H4_COMMIT_MISMATCH$/m);
    expect(stdout).toContain('12 verified, 1 tampered');
    expect((await cli(['verify', '--records', voided])).stdout).toContain('11 verified, 1 redacted');
  });

  test('gives states and counts as JSON', async () => {
    const report = jsonOf((await cli(['verify', '--records', '--json', broken])).stdout);
    expect(report).toMatchObject({ record_counts: { verified: 12, redacted: 0, tampered: 1, pending: 0 } });
    const states = report['record_states'] as { seq: number; status: string; codes: string[] }[];
    expect(states).toHaveLength(13);
    expect(states.filter(({ status }) => status === 'tampered')).toEqual([
      expect.objectContaining({ codes: ['H4_CRC_MISMATCH', 'H4_COMMIT_MISMATCH'], track: 0 }),
    ]);
  });

  test('lists the records before a break, and none where there is none', async () => {
    const bytes = await readFile(sound);
    bytes[8] = 0;
    const path = await folder.write('tagless.h4mk', bytes);
    const { code, stdout } = await cli(['verify', '--records', path]);
    expect([code, stdout.includes('no records')]).toEqual([1, true]);
    expect((await cli(['verify', '--records', cut])).stdout).toContain('11 verified');
  });

  test('stands below each of several files', async () => {
    const { stdout } = await cli(['verify', '--records', live, sound]);
    expect(stdout.match(/\d+ verified/g)).toEqual(['12 verified', '13 verified']);
  });
});
