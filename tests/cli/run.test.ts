import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../src/cli/version.js';
import { cli, jsonOf } from './support/harness.js';
import { TEN_BLOCKS, noise, recording, temporaryFolder } from './support/files.js';

const folder = temporaryFolder();
const VERBS = [
  'inspect',
  'verify',
  'seek',
  'export',
  'extract',
  'clip',
  'redact',
  'recover',
  'upgrade',
  'mask',
  'unmask',
  'keygen',
  'sign',
  'serve',
  'engine',
  'demo',
];

function broken(code: string): Writable {
  const stream = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })),
  });
  stream.on('error', () => undefined);
  return stream;
}

describe('help', () => {
  test('without arguments is a usage error that lists the commands', async () => {
    const { code, stdout, stderr } = await cli([]);
    expect([code, stdout]).toEqual([2, '']);
    for (const verb of VERBS) expect(stderr).toMatch(new RegExp(`^ {2}${verb} `, 'm'));
    expect(stderr).toContain("Start with 'harmony4 demo'");
  });

  test.each([[['--help']], [['-h']], [['help']]])('asked for with %j is a result', async (argv) => {
    const { code, stdout, stderr } = await cli(argv);
    expect([code, stderr]).toEqual([0, '']);
    for (const verb of VERBS) expect(stdout).toContain(`  ${verb} `);
  });

  test.each(VERBS)('%s explains itself with examples, within 80 columns', async (verb) => {
    const { code, stdout, stderr } = await cli([verb, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Usage: harmony4 ${verb}`);
    expect(stdout).toMatch(new RegExp(`Examples:\\n {2}\\$ harmony4 ${verb}`));
    expect(stdout).toContain('--json');
    const [before = ''] = stdout.split('Examples:');
    expect(Math.max(...before.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect((await cli(['help', verb])).stdout).toBe(stdout);
  });

  test('names the program as it was started', async () => {
    const { stdout } = await cli(['verify', '--help'], { command: 'node dist/cli/main.js' });
    expect(stdout).toContain('$ node dist/cli/main.js verify recording.h4mk');
  });

  test.each(['--version', '-V'])('%s tells the version', async (flag) => {
    expect(await cli([flag])).toMatchObject({ code: 0, stdout: `harmony4 ${VERSION}\n` });
    expect(VERSION).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe('usage errors', () => {
  test.each([
    [['inspcet', 'x'], "unknown command 'inspcet'; did you mean inspect?"],
    [['inspect', 'x', '--recrods'], "unknown option '--recrods'; did you mean --records?"],
    [['verify'], "missing required argument 'FILE'"],
    [['seek', 'x'], "missing required argument 'PTS'"],
    [['demo', 'x'], 'too many arguments'],
    [['inspect', 'x', '--limit'], "option '--limit <N>' argument missing"],
    [['inspect', 'x', '--limit', '-1'], 'It must be a whole number of 0 or more'],
  ])('%j exits 2 and says why', async (argv, why) => {
    const { code, stdout, stderr } = await cli(argv);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^harmony4: H4_PARAM: /);
    expect(stderr).toContain(why);
    const verb = VERBS.find((name) => name === argv[0]) ?? '[COMMAND]';
    expect(stderr).toContain(`'harmony4 help ${verb}' tells what there is.`);
  });

  test.each(['doctor', 'token', 'tokens'])('say of %s that this version does not have it yet', async (verb) => {
    for (const argv of [[verb], [verb, 'x', '--out', 'y'], [verb, '--help'], ['help', verb]]) {
      expect(await cli(argv)).toEqual({
        code: 2,
        stdout: '',
        stderr: `harmony4: H4_PARAM: This version does not have the command '${verb}' yet\n`,
        bytes: Buffer.alloc(0),
      });
    }
    expect((await cli(['--help'])).stdout).not.toMatch(new RegExp(`^ {2}${verb} `, 'm'));
  });

  test('help for an unknown command lists the known ones', async () => {
    const { code, stdout, stderr } = await cli(['help', 'nothing']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`There is no command 'nothing': the commands are ${VERBS.join(', ')}, help`);
  });

  test('are JSON where JSON is asked for', async () => {
    const { code, stdout, stderr } = await cli(['verfy', '--json']);
    expect([code, stdout]).toEqual([2, '']);
    expect(jsonOf(stderr)).toMatchObject({
      code: 'H4_PARAM',
      exit_code: 2,
      message: expect.stringContaining('verify') as unknown,
    });
    expect((await cli(['inspect', '--', '--json'])).stderr).toMatch(/^harmony4: H4_IO/);
  });

  test('cannot forge lines', async () => {
    const { stderr } = await cli(['x\nharmony4: all is well\x1b[2J']);
    expect(stderr.split('\n')).toHaveLength(3);
    expect(stderr).toContain('x\\nharmony4: all is well\\x1b[2J');
  });

  test('are broken into lines on a terminal only', async () => {
    const address = 's3://example.com/a/very/long/path/to/a/recording.h4mk';
    const wide = await cli(['inspect', address]);
    expect(wide.stderr.trimEnd().split('\n')).toHaveLength(1);
    const narrow = await cli(['inspect', address], { tty: ['stderr'], columns: 60, env: { NO_COLOR: '1' } });
    const lines = narrow.stderr.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.slice(1).every((line) => line.startsWith('  '))).toBe(true);
    const tiny = await cli(['inspect', 'x'], { tty: ['stderr'], columns: 5, env: { NO_COLOR: '1' } });
    expect(tiny.stderr).toMatch(/^harmony4: H4_IO:\n {2}Cannot\n {2}open\n/);
    expect((await cli(['inspect', address], { tty: ['stderr'] })).stderr).toContain(
      '\x1b[31mharmony4: H4_PARAM:\x1b[0m',
    );
  });
});

describe('addresses', () => {
  test.each([
    ['inspect', [], ['s3://bucket/key']],
    ['verify', [], ['s3://bucket/key']],
    ['seek', ['0'], ['s3://bucket/key']],
    ['extract', ['-o', '-'], ['s3://bucket/key']],
    ['export', ['-o', '-'], ['http://x/y.h4mk', 'HTTPS://x/y', 's3://bucket/key']],
  ])('%s refuses clearly those that it cannot read', async (verb, rest, addresses) => {
    for (const address of addresses) {
      const { code, stderr } = await cli([verb, `${address}?token=secret`, ...rest]);
      expect([code, stderr.includes('address; download it and give its path')]).toEqual([2, true]);
      expect(stderr).not.toContain('secret');
    }
  });
});

describe('the end of a command', () => {
  test('is quiet when the reader of text has gone', async () => {
    const file = await folder.write('ten.h4mk', await recording(TEN_BLOCKS, {}, {}));
    expect(await cli(['inspect', file], { stdout: broken('EPIPE') })).toMatchObject({ code: 0, stderr: '' });
    expect(await cli(['--help'], { stdout: broken('EPIPE') })).toMatchObject({ code: 0, stderr: '' });
    const terminal = await cli(['inspect', file, '--chunks'], { stdout: broken('EPIPE'), tty: ['stdout'] });
    expect(terminal).toMatchObject({ code: 0, stderr: '' });
  });

  test('is quiet, but no success, when the reader of a file has gone', async () => {
    const file = await folder.write('quiet.h4mk', await recording(TEN_BLOCKS, {}, {}));
    expect(await cli(['extract', file, '-o', '-'], { stdout: broken('EPIPE') })).toMatchObject({ code: 4, stderr: '' });
    const exported = await cli(['export', '-', '-o', '-'], { stdin: noise(10), stdout: broken('EPIPE') });
    expect(exported).toMatchObject({ code: 4, stderr: '' });
  });

  test('is an error when standard output cannot be written', async () => {
    const file = await folder.write('full.h4mk', await recording(TEN_BLOCKS, {}, {}));
    for (const argv of [['inspect', file], ['verify', file], ['--help'], ['extract', file, '-o', '-']]) {
      const { code, stderr } = await cli(argv, { stdout: broken('ENOSPC') });
      expect([code, stderr.includes('H4_WRITE: Cannot write to standard output: the disk is full')]).toEqual([4, true]);
    }
  });

  test('keeps its exit code when even the error cannot be told', async () => {
    expect((await cli(['inspect', 'x\0'], { stderr: broken('EPIPE') })).code).toBe(4);
    expect((await cli(['nothing'], { stderr: broken('EPIPE') })).code).toBe(2);
    expect((await cli(['nothing'], { stderr: broken('EIO') })).code).toBe(2);
    expect((await cli([], { stderr: broken('EPIPE') })).code).toBe(2);
  });

  test('is 70, with advice, for a defect', async () => {
    const randomBytes = (): never => {
      throw new TypeError('no\x1bentropy');
    };
    const text = await cli(['export', '-', '-o', '-', '--signable'], { randomBytes });
    expect([text.code, text.stdout]).toEqual([70, '']);
    expect(text.stderr).toMatch(/^harmony4: H4_INTERNAL: no\\x1bentropy\n {2}This is a defect of harmony4/);
    expect(text.stderr).toMatch(/\n {4}at .*randomBytes/);
    const json = await cli(['export', '-', '-o', '-', '--signable', '--json'], { randomBytes });
    expect(jsonOf(json.stderr)).toMatchObject({ code: 'H4_INTERNAL', exit_code: 70 });
  });
});
