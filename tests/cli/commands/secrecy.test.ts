/** export --encrypt and --mask, extract with keys, and going on with hidden live recordings. */
import { appendFile, chmod, copyFile, readFile, readdir, truncate } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportParameters } from '../../../src/cli/importer.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { H4MKBuilder } from '../../../src/container/write/builder.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import { createMemorySink } from '../../../src/storage/memory.js';
import { concatBytes, toHex } from '../../../src/utils/bytes.js';
import { formatSigningKey } from '../../../src/utils/signing-key.js';
import { publicLinesOf } from '../../../src/cli/signing-key-file.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { chunksOf } from '../../support/container.js';
import { noise, temporaryFolder } from '../support/files.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { CAMERA } from '../support/signed.js';

const folder = temporaryFolder();
const KiB = 1024;
const content = noise(150 * KiB);
const [KEY, OTHER] = [noise(32, 3), noise(32, 4)];
let [input, key, other, salt] = ['', '', '', ''];

beforeAll(async () => {
  input = await folder.write('clip.bin', content);
  key = await folder.write('some.key', KEY);
  other = await folder.write('other.key', `${toHex(OTHER)}\n`);
  salt = await folder.write('some.salt', noise(32, 5));
  for (const file of [key, other]) await chmod(file, 0o600);
});

const exported = async (name: string, ...flags: string[]) => {
  const path = folder.path(name);
  const argv = [
    'export',
    input,
    '-o',
    path,
    '--block-size',
    '64KiB',
    '--engine',
    'stored',
    '--json',
    '--force',
    ...flags,
  ];
  return { path, ...(await cli(argv)) };
};

const extracted = (file: string, ...flags: string[]) => cli(['extract', file, '-o', '-', ...flags]);

const modesOf = async (file: string): Promise<number[][]> =>
  chunksOf(await readFile(file))
    .filter(({ tag }) => tag === 'TOKN')
    .map(({ payload }) => parseTokn(payload))
    .map(({ mode, epoch }) => [mode, epoch]);

const exists = async (name: string): Promise<boolean> => (await readdir(folder.path('.'))).includes(name);

describe('export --encrypt and --mask', () => {
  test.each([
    [['--encrypt'], 'encrypt', 2],
    [['--mask'], 'mask', 1],
    [['--mask', 'xor'], 'mask', 1],
    [['--encrypt', '--mask', 'none'], 'encrypt', 2],
  ] as const)('%j hides every block, and extract with the key gives the input back', async (flags, hidden, mode) => {
    const { path, code, stdout, stderr } = await exported('hidden.h4mk', ...flags, '--key-file', key);
    expect([code, stderr]).toEqual([0, '']);
    expect(jsonOf(stdout)).toMatchObject({ hidden });
    expect(await modesOf(path)).toEqual([
      [3, 0],
      [4, 0],
      [mode, 0],
      [mode, 0],
      [mode, 0],
      [3, 0],
    ]);
    expect((await readFile(path)).includes(Buffer.from(content.subarray(0, 32)))).toBe(false);
    const back = await extracted(path, '--key-file', key);
    expect(back.bytes.equals(content)).toBe(true);
    expect((await cli(['verify', path])).code).toBe(0);
    const told = await cli(['extract', path, '-o', folder.path('told.bin'), '--force', '--key-file', key]);
    expect(told.stdout).toContain('  hidden       3 of 3 blocks, opened with the key\n');
    expect(jsonOf((await extracted(path, '--key-file', key, '--json')).stderr)).toMatchObject({ hidden_blocks: 3 });
  });

  test('says so in its text, and nothing where nothing is hidden', async () => {
    const out = folder.path('text.h4mk');
    const flags = ['--encrypt', '--key-file', key];
    expect((await cli(['export', input, '-o', out, ...flags])).stdout).toContain('every block is encrypted');
    expect((await cli(['export', input, '-o', out, '--force', '--mask', '--key-file', key])).stdout).toContain(
      'every block is masked',
    );
    const plain = await exported('plain.h4mk', '--mask', 'none');
    expect(jsonOf(plain.stdout)).not.toHaveProperty('hidden');
    // A key that is not needed does no harm.
    expect((await extracted(plain.path, '--key-file', key)).bytes.equals(content)).toBe(true);
  });

  test('does not put the hash of the input into META, with which guesses could be tested', async () => {
    const { path, stdout } = await exported('quiet.h4mk', '--encrypt', '--key-file', key);
    expect(jsonOf(stdout)['source']).toEqual({
      name: 'clip.bin',
      bytes: content.length,
      media_type: 'application/octet-stream',
    });
    expect((await readFile(path)).includes(toHex(sha256(content)))).toBe(false);
  });

  test('takes a random salt, or that of a file: then the same input gives the same bytes', async () => {
    const flags = ['--encrypt', '--key-file', key];
    const argv = ['export', input, '-o', '-', ...flags];
    const random = (fill: number) => ({ randomBytes: (count: number) => new Uint8Array(count).fill(fill) });
    expect((await cli(argv, random(1))).bytes.equals((await cli(argv, random(2))).bytes)).toBe(false);
    const fixed = [...argv, '--salt-file', salt];
    const [first, second] = [await cli(fixed, random(1)), await cli(fixed, random(2))];
    expect(first.bytes.equals(second.bytes)).toBe(true);
    expect(first.bytes.includes(toHex(noise(32, 5)))).toBe(true);
  });

  test('has a uid that everything takes part in that changes bytes, and nobody without the key can compute', async () => {
    const uidOf = async (...flags: string[]): Promise<unknown> => {
      const made = await exported('uid.h4mk', '--signable', ...flags);
      expect(made.code).toBe(0);
      return jsonOf(made.stdout)['uid'];
    };
    const withSalt = ['--salt-file', salt];
    const second = await folder.write('second.salt', noise(32, 6));
    const uids = [
      await uidOf(),
      await uidOf('--encrypt', '--key-file', key, ...withSalt),
      await uidOf('--mask', '--key-file', key, ...withSalt),
      await uidOf('--encrypt', '--key-file', other, ...withSalt),
      await uidOf('--encrypt', '--key-file', key, '--salt-file', second),
    ];
    expect(new Set(uids).size).toBe(uids.length);
    expect(await uidOf('--encrypt', '--key-file', key, ...withSalt)).toBe(uids[1]);
    const plan = { engine: storedEngine, blockSize: 1, gop: 1, fpsHint: [1, 1] as const, mediaType: 'x' };
    const parameters = exportParameters({ ...plan, secrecy: { mode: 'mask', key: KEY, salt: noise(32) } }, 'name');
    expect(Object.keys(parameters['secrecy'] ?? {})).toEqual(['mode', 'salt_sha256', 'commit', 'secret']);
    expect(JSON.stringify(parameters)).not.toContain(toHex(KEY));
    expect(exportParameters(plan, 'name')).not.toHaveProperty('secrecy');
  });

  test.each([
    ['--encrypt without a key', ['--encrypt'], '--encrypt needs a key: name it with --key-file'],
    ['--mask without a key', ['--mask'], '--mask needs a key'],
    ['both', ['--encrypt', '--mask', '--key-file', 'KEY'], 'choose --mask or --encrypt'],
    ['a key alone', ['--key-file', 'KEY'], 'alone hides nothing'],
    ['a salt alone', ['--salt-file', 'SALT'], 'alone hides nothing'],
    ['two keys', ['--encrypt', '--key-file', 'KEY', '--key-env', 'X'], 'Only one key'],
    ['a short key', ['--encrypt', '--key-file', 'SHORT'], "'harmony4 keygen --secret -o KEY' makes one"],
    ['a key that is none as salt', ['--encrypt', '--key-file', 'KEY', '--salt-file', 'SHORT'], 'is no salt'],
    ['a mask that would repeat', ['--mask', '--key-file', 'KEY', '--salt-file', 'SALT'], 'use --signable'],
  ])('refuses %s', async (_, argv, message) => {
    const short = await folder.write('short.key', noise(31));
    await chmod(short, 0o600);
    const names: Readonly<Record<string, string>> = { KEY: key, SALT: salt, SHORT: short };
    const out = folder.path('refused.h4mk');
    const { code, stderr } = await cli(['export', input, '-o', out, ...argv.map((word) => names[word] ?? word)]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message) as unknown]);
    expect(await exists('refused.h4mk')).toBe(false);
  });

  test('masks with a salt of its user where the uid is of the content', async () => {
    const { path, code } = await exported('own.h4mk', '--mask', '--key-file', key, '--salt-file', salt, '--signable');
    expect(code).toBe(0);
    expect((await extracted(path, '--key-file', key)).bytes.equals(content)).toBe(true);
  });

  test('never shows a key, wherever one was typed by mistake', async () => {
    const typed = toHex(KEY);
    for (const argv of [
      ['export', input, '-o', folder.path('typed.h4mk'), '--encrypt', '--key-file', typed],
      ['export', input, '-o', folder.path('typed.h4mk'), '--encrypt', '--key-env', typed],
      ['extract', input, '-o', folder.path('typed.bin'), '--key-file', typed],
    ]) {
      const { code, stdout, stderr } = await cli(argv);
      expect(code).toBe(2);
      expect(stderr).toContain('belongs into no command line');
      expect(stdout + stderr).not.toContain(typed.slice(0, 16));
    }
  });
});

describe('extract with keys', () => {
  let path = '';
  beforeAll(async () => {
    path = (await exported('locked.h4mk', '--encrypt', '--key-file', key)).path;
  });

  test('finds the right one among several, out of files, the environment or standard input', async () => {
    const env = { SECRET: `${toHex(KEY).toUpperCase()}\n`, WRONG: toHex(OTHER) };
    for (const [flags, options] of [
      [['--key-file', other, '--key-file', key], {}],
      [['--key-env', 'SECRET', '--key-env', 'WRONG'], { env }],
      [['--key-file', '-'], { stdin: KEY }],
    ] as const) {
      const { code, bytes } = await cli(['extract', path, '-o', '-', ...flags], options);
      expect([code, bytes.equals(content)]).toEqual([0, true]);
    }
  });

  test('refuses a missing and a wrong key before there is any output', async () => {
    const out = folder.path('none.bin');
    for (const [flags, code] of [
      [[], 'H4_KEY_MISSING'],
      [['--key-file', other], 'H4_KEY_WRONG'],
    ] as const) {
      const refused = await cli(['extract', path, '-o', out, '--json', ...flags]);
      expect([refused.code, jsonOf(refused.stderr)['code'], await exists('none.bin')]).toEqual([2, code, false]);
      expect((await extracted(path, ...flags)).bytes).toHaveLength(0);
    }
  });

  test.each([
    ['no such variable', ['--key-env', 'NOT_THERE'], 'no key in the environment variable NOT_THERE'],
    ['a variable with something else', ['--key-env', 'LANG'], 'What the environment variable LANG holds is no key'],
    ['standard input twice', ['--key-file', '-', '--key-file', '-'], 'standard input twice'],
  ])('refuses %s', async (_, flags, message) => {
    const { code, stderr } = await cli(['extract', path, '-o', '-', ...flags], { stdin: KEY });
    expect([code, stderr]).toEqual([2, expect.stringContaining(message) as unknown]);
  });

  test('does not read what is no key to its end', async () => {
    const { code, stderr } = await cli(['extract', path, '-o', '-', '--key-file', '-'], { stdin: noise(100_000) });
    expect([code, stderr]).toEqual([2, expect.stringContaining('standard input is no key: it has more') as unknown]);
  });

  test('refuses it, too, where the key fits the beginning only: not even that is written', async () => {
    const sink = createMemorySink();
    const secrecy = { mode: 'encrypt', key: KEY, salt: noise(32) } as const;
    const builder = await H4MKBuilder.create(sink, {
      engine: storedEngine,
      tracks: [{ id: 0, kind: 'opaque' }],
      secrecy,
    });
    const add = (pts: number) =>
      builder.addBlock({ track: 0, tokens: [{ pts, key: true, size: 100 }], bytes: noise(100, pts + 1) });
    await add(0);
    await builder.changeKey({ mode: 'encrypt', key: OTHER, salt: noise(32, 2) });
    await add(1000);
    await builder.close();
    const file = await folder.write('two-keys.h4mk', sink.bytes());
    const { code, stderr, bytes } = await extracted(file, '--key-file', key);
    expect([code, bytes.length]).toEqual([2, 0]);
    expect(stderr).toContain('H4_KEY_WRONG: No key given is that of key epoch 1');
    expect((await extracted(file, '--key-file', key, '--to', '1ms')).bytes).toHaveLength(100);
    expect((await extracted(file, '--key-file', key, '--key-file', other)).bytes).toHaveLength(200);
  });
});

describe('what is no key of content', () => {
  const keyFile = async (name: string, text: string): Promise<string> => {
    const path = await folder.write(name, text);
    await chmod(path, 0o600);
    return path;
  };

  test.each([
    ['a password', 'correct horse battery staple, more or less\n', 'this looks like a password or a text'],
    ['a public key', `${publicLinesOf(CAMERA).join('\n')}\n`, 'it holds a public key or a signing key'],
    ['a signing key', `${formatSigningKey(CAMERA)}\n`, 'it holds a public key or a signing key'],
  ])('%s hides no recording, no file, and makes no blinds', async (_, text, message) => {
    const file = await keyFile('no.key', text);
    const out = folder.path('no-key.out');
    for (const argv of [
      ['export', input, '-o', out, '--encrypt', '--key-file', file],
      ['export', input, '-o', out, '--mask', '--signable', '--key-file', file],
      ['export', input, '-o', out, '--signable', '--redactable', '--blind-seed-file', file],
      ['mask', input, '-o', out, '--key-file', file],
    ]) {
      const { code, stderr } = await cli(argv);
      expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
      expect(stderr).not.toContain(text.slice(0, 20));
      expect(await exists('no-key.out')).toBe(false);
    }
  });

  test('a password still opens what it has hidden', async () => {
    const password = 'correct horse battery staple, more or less';
    const sink = createMemorySink();
    const secrecy = { mode: 'encrypt', key: Buffer.from(password), salt: noise(32) } as const;
    const tracks = [{ id: 0, kind: 'opaque' as const }];
    const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks, secrecy });
    await builder.addBlock({ track: 0, tokens: [{ pts: 0, key: true, size: 100 }], bytes: noise(100) });
    await builder.close();
    const file = await folder.write('by-password.h4mk', sink.bytes());
    const opened = await extracted(file, '--key-file', await keyFile('password.txt', password));
    expect([opened.code, opened.bytes.equals(noise(100))]).toEqual([0, true]);
  });
});

describe('export --live --encrypt', () => {
  const after = noise(70 * KiB, 8);
  const live = (path: string, flags: readonly string[], options: Parameters<typeof cli>[1] = {}) =>
    cli(['export', '-', '-o', path, '--live', '--json', '--block-size', '64KiB', ...flags], options);

  /** A recording that was cut off at the index point after its second block. */
  const cutOff = async (name: string, flags: readonly string[]): Promise<string> => {
    const path = folder.path(name);
    const { code, stdout } = await live(path, ['--index-records', '2', ...flags], { stdin: content });
    expect(code).toBe(0);
    const [point] = jsonLines(stdout);
    await truncate(path, Number(point?.['bytes']));
    return path;
  };
  const encrypt = (file: string): string[] => ['--encrypt', '--key-file', file];
  const again = { stdin: after, randomBytes: (count: number) => new Uint8Array(count).fill(0xcd) };

  test('records what only the key opens, and goes on under a fresh epoch', async () => {
    const path = await cutOff('live.h4mk', encrypt(key));
    const kept = concatBytes(content.subarray(0, 128 * KiB));
    expect((await extracted(path, '--key-file', key)).bytes.equals(kept)).toBe(true);
    const resumed = await live(path, ['--resume', ...encrypt(key)], again);
    expect([resumed.code, resumed.stderr]).toEqual([0, '']);
    expect(jsonLines(resumed.stdout).map(({ event }) => event)).toEqual(['resumed', 'closed']);
    expect(jsonLines(resumed.stdout)[1]).toMatchObject({ hidden: 'encrypt' });
    expect(await modesOf(path)).toEqual([
      [3, 0],
      [4, 0],
      [2, 0],
      [2, 0],
      [3, 0],
      [2, 1],
      [2, 1],
      [3, 0],
    ]);
    expect((await extracted(path, '--key-file', key)).bytes.equals(concatBytes(kept, after))).toBe(true);
    expect((await cli(['verify', path])).code).toBe(0);
  });

  test('does not put the hash of what it has recorded into META', async () => {
    const path = folder.path('live-quiet.h4mk');
    const { stdout } = await live(path, ['--mask', '--key-file', key], { stdin: content });
    const [closed] = jsonLines(stdout).filter(({ event }) => event === 'closed');
    expect(closed).toMatchObject({ hidden: 'mask', source: { bytes: content.length } });
    expect(closed?.['source']).not.toHaveProperty('sha256');
  });

  test('ends without a new epoch where nothing more comes', async () => {
    const path = await cutOff('live-empty.h4mk', encrypt(key));
    expect((await live(path, ['--resume', ...encrypt(key)], { ...again, stdin: new Uint8Array(0) })).code).toBe(0);
    expect(await modesOf(path)).toEqual([
      [3, 0],
      [4, 0],
      [2, 0],
      [2, 0],
      [3, 0],
    ]);
  });

  test('refuses to go on without the key, with another one, or with the salt of before, and changes nothing', async () => {
    const path = await cutOff('live-refused.h4mk', [...encrypt(key), '--salt-file', salt]);
    // Something to be cut off, when it does go on.
    await appendFile(path, 'TOKN');
    const copy = folder.path('live-refused.copy');
    await copyFile(path, copy);
    for (const [flags, code] of [
      [[], 'H4_KEY_MISSING'],
      [encrypt(other), 'H4_KEY_WRONG'],
      [[...encrypt(key), '--salt-file', salt], 'H4_KEYS_EPOCH'],
    ] as const) {
      const refused = await live(path, ['--resume', ...flags], again);
      expect(jsonOf(refused.stderr)['code']).toBe(code);
      expect((await readFile(path)).equals(await readFile(copy))).toBe(true);
    }
    expect((await live(path, ['--resume', ...encrypt(key)], again)).code).toBe(0);
  });

  test('hides from now on what goes on in a recording that began in the clear', async () => {
    const path = await cutOff('live-later.h4mk', []);
    expect((await live(path, ['--resume', ...encrypt(key)], again)).code).toBe(0);
    expect(await modesOf(path)).toEqual([
      [3, 0],
      [4, 0],
      [0, 0],
      [0, 0],
      [3, 0],
      [2, 0],
      [2, 0],
      [3, 0],
    ]);
    expect((await extracted(path)).code).toBe(2);
  });
});
