import { createDecipheriv, hkdfSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { chmod, readFile, readdir, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { legacyUnmask } from '../../../src/cli/mask-file.js';
import { toHex } from '../../../src/utils/bytes.js';
import { describeShared } from '../../support/shared.js';
import { noise, temporaryFolder } from '../support/files.js';
import { cli, jsonOf } from '../support/harness.js';
import { runShell } from '../support/process.js';

const folder = temporaryFolder();
const KEY = noise(32, 3);
const SALT = 'ab'.repeat(32);
const plain = noise(700_001);
let [input, key] = ['', ''];

beforeAll(async () => {
  input = await folder.write('in.bin', plain);
  key = await folder.write('some.key', KEY);
  await chmod(key, 0o600);
});

/** The mask as DESIGN has it, by node:crypto alone; it is taken away as it is added. */
const byHand = (bytes: Uint8Array, salt: string): Buffer => {
  const maskKey = Buffer.from(hkdfSync('sha256', KEY, Buffer.from(salt, 'hex'), 'h4mk/v1/mask-file', 32));
  return createDecipheriv('aes-256-ctr', maskKey, Buffer.alloc(16)).update(bytes);
};

const names = async (): Promise<string[]> => (await readdir(folder.path('.'))).sort();

describe('mask', () => {
  test('writes what AES-256-CTR makes of the file, and the salt beside it', async () => {
    const out = folder.path('masked');
    const { code, stdout, stderr } = await cli(['mask', input, '-o', out, '--key-file', key]);
    expect([code, stderr]).toEqual([0, '']);
    expect(await readFile(`${out}.salt`, 'utf8')).toBe(`${SALT}\n`);
    const masked = await readFile(out);
    expect(masked.equals(byHand(plain, SALT))).toBe(true);
    expect(stdout).toContain(`  salt         ${SALT}\n`);
    expect(stdout).toContain('keep it with the file');
    expect(stdout + stderr).not.toContain(toHex(KEY).slice(0, 8));
  });

  test('changes no byte with the size of its blocks, and is taken away by itself or by unmask', async () => {
    for (const size of ['16KiB', '100000', '4MiB']) {
      const [out, back, twice] = [`m-${size}`, `u-${size}`, `t-${size}`].map((name) => folder.path(name));
      if (out === undefined || back === undefined || twice === undefined) throw new Error('no names');
      const made = await cli(['mask', input, '-o', out, '--key-file', key, '--block-size', size, '--json']);
      expect(jsonOf(made.stdout)).toMatchObject({
        file: out,
        bytes: plain.length,
        salt: SALT,
        salt_file: `${out}.salt`,
      });
      expect((await readFile(out)).equals(byHand(plain, SALT))).toBe(true);
      const unmasked = await cli(['unmask', out, '-o', back, '--key-file', key, '--json']);
      expect(unmasked.code).toBe(0);
      expect(Object.keys(jsonOf(unmasked.stdout))).toEqual(['file', 'bytes', 'sha256']);
      await cli(['mask', out, '-o', twice, '--key-file', key, '--salt', SALT.toUpperCase()]);
      for (const path of [back, twice]) expect((await readFile(path)).equals(plain)).toBe(true);
    }
  });

  test('takes a salt of its user, as text or out of a file of bytes or digits', async () => {
    const salt = toHex(noise(32, 9));
    const bytes = await folder.write('bytes.salt', noise(32, 9));
    const digits = await folder.write('digits.salt', `${salt}\r\n`);
    for (const [i, option] of [
      ['--salt', salt],
      ['--salt-file', bytes],
      ['--salt-file', digits],
    ].entries()) {
      const out = folder.path(`own-${i}`);
      await cli(['mask', input, '-o', out, '--key-file', key, ...option]);
      expect((await readFile(out)).equals(byHand(plain, salt))).toBe(true);
      expect(await readFile(`${out}.salt`, 'utf8')).toBe(`${salt}\n`);
    }
  });

  test('takes the key out of the environment or standard input, and the file, too', async () => {
    const env = { SECRET: toHex(KEY) };
    const first = await cli(['mask', '-', '-o', folder.path('env'), '--key-env', 'SECRET'], { env, stdin: plain });
    expect(first.code).toBe(0);
    expect((await readFile(folder.path('env'))).equals(byHand(plain, SALT))).toBe(true);
    const second = await cli(['unmask', folder.path('env'), '-o', '-', '--key-file', '-'], { stdin: KEY });
    expect(second.bytes.equals(plain)).toBe(true);
    const both = await cli(['mask', '-', '-o', folder.path('none'), '--key-file', '-'], { stdin: KEY });
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('standard input twice') as unknown]);
  });

  test('says the salt on stderr where OUT is standard output, or writes it where it is told to', async () => {
    const piped = await cli(['mask', input, '-o', '-', '--key-file', key]);
    expect(piped.bytes.equals(byHand(plain, SALT))).toBe(true);
    expect(piped.stderr).toBe(`  salt         ${SALT}\n`);
    const json = await cli(['mask', input, '-o', '-', '--key-file', key, '--json']);
    expect(jsonOf(json.stderr)).toMatchObject({ file: '-', salt: SALT, salt_file: null });
    const out = folder.path('piped.salt');
    const told = await cli(['mask', input, '-o', '-', '--key-file', key, '--salt-out', out]);
    expect([told.code, await readFile(out, 'utf8')]).toEqual([0, `${SALT}\n`]);
  });

  test('works on a file of no bytes', async () => {
    const [empty, out, back] = [
      await folder.write('empty', ''),
      folder.path('empty.masked'),
      folder.path('empty.back'),
    ];
    expect((await cli(['mask', empty, '-o', out, '--key-file', key])).code).toBe(0);
    expect((await cli(['unmask', out, '-o', back, '--key-file', key])).code).toBe(0);
    expect(await readFile(back)).toHaveLength(0);
  });

  test('overwrites neither OUT nor its salt without --force, and leaves nothing behind', async () => {
    const [there, saltThere] = [await folder.write('there', 'old'), folder.path('salt-there')];
    await writeFile(`${saltThere}.salt`, 'old');
    const before = await names();
    for (const out of [there, saltThere]) {
      const { code, stderr } = await cli(['mask', input, '-o', out, '--key-file', key]);
      expect([code, stderr]).toEqual([2, expect.stringContaining('H4_EXISTS') as unknown]);
    }
    expect(await names()).toEqual(before);
    expect(await readFile(there, 'utf8')).toBe('old');
    expect((await cli(['mask', input, '-o', saltThere, '--key-file', key, '--force'])).code).toBe(0);
    expect(await readFile(`${saltThere}.salt`, 'utf8')).toBe(`${SALT}\n`);
  });

  test.each([
    ['without a key', [], 'A mask needs a key: name it with --key-file or --key-env'],
    ['with two keys', ['--key-file', 'KEY', '--key-file', 'KEY'], 'Only one key hides'],
    ['with two salts', ['--key-file', 'KEY', '--salt', SALT, '--salt-file', 'x'], 'There is one salt'],
    ['with half a salt', ['--key-file', 'KEY', '--salt', 'abcd'], 'It must be 64 hex digits.'],
    ['with the salt on standard output', ['--key-file', 'KEY', '--salt-out', '-'], 'The salt goes into a file'],
    ['with the salt in OUT', ['--key-file', 'KEY', '--salt-out', 'OUT'], 'The salt cannot go into OUT itself'],
    ['with an empty variable', ['--key-env', 'NO_SUCH'], 'There is no key in the environment variable NO_SUCH'],
  ])('refuses to work %s', async (_, argv, message) => {
    const out = folder.path('refused');
    const real = argv.map((word) => (word === 'KEY' ? key : word === 'OUT' ? out : word));
    const { code, stderr } = await cli(['mask', input, '-o', out, ...real]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message) as unknown]);
    expect((await names()).filter((name) => name.startsWith('refused'))).toEqual([]);
  });

  test('refuses a file as salt that is none, and a password as key', async () => {
    const out = folder.path('refused');
    for (const content of ['ab'.repeat(31), 'xy'.repeat(32), noise(33), noise(4000)]) {
      const file = await folder.write('no.salt', content);
      const { code, stderr } = await cli(['mask', input, '-o', out, '--key-file', key, '--salt-file', file]);
      expect([code, stderr]).toEqual([2, expect.stringContaining('is no salt') as unknown]);
    }
    const password = await folder.write('password', 'correct horse battery staple\n');
    const { code, stderr } = await cli(['mask', input, '-o', out, '--key-file', password]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("'harmony4 keygen --secret -o KEY' makes one") as unknown,
    ]);
    expect(stderr).not.toContain('battery');
  });

  test('refuses a file that changes while it is read', async () => {
    const changing = await folder.write('changing', noise(3_000_000));
    let reads = 0;
    const now = (): number => {
      // The progress line asks for the time after every block.
      if (++reads === 4) writeFileSync(changing, noise(3_000_000, 2));
      return reads * 200;
    };
    const { code, stderr } = await cli(['mask', changing, '-o', folder.path('refused'), '--key-file', key], {
      now,
      tty: ['stderr'],
    });
    expect([code, stderr]).toEqual([4, expect.stringContaining('changed while it was read') as unknown]);
    expect((await names()).filter((name) => name.startsWith('refused'))).toEqual([]);
  });

  test('streams through a pipe of two processes', async () => {
    const line =
      `harmony4 mask - -o - --key-file some.key --salt ${SALT} < in.bin 2> /dev/null | ` +
      `harmony4 unmask - -o - --key-file some.key --salt ${SALT} | cmp - in.bin`;
    const ended = await runShell(`set -o pipefail; ${line}`, folder.path('.'));
    expect([ended.code, ended.stderr]).toEqual([0, '']);
  });
});

describe('unmask', () => {
  test('needs the salt: beside the file, or in the options', async () => {
    const masked = await folder.write('lonely', byHand(plain, SALT));
    const back = folder.path('lonely.back');
    const missing = await cli(['unmask', masked, '-o', back, '--key-file', key]);
    expect([missing.code, missing.stderr]).toEqual([
      4,
      expect.stringContaining('give the salt with --salt') as unknown,
    ]);
    const piped = await cli(['unmask', '-', '-o', back, '--key-file', key], { stdin: plain });
    expect([piped.code, piped.stderr]).toEqual([2, expect.stringContaining('Beside standard input') as unknown]);
    await folder.write('lonely.salt', 'no salt');
    const wrong = await cli(['unmask', masked, '-o', back, '--key-file', key]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('is no salt') as unknown]);
    const given = await cli(['unmask', masked, '-o', back, '--key-file', key, '--salt', SALT]);
    expect(given.code).toBe(0);
    expect(given.stdout).toContain('nothing: a mask does not tell whether key and salt are the right ones');
    expect((await readFile(back)).equals(plain)).toBe(true);
  });

  test('takes the mask of the original service away, with the block size of that time', async () => {
    const change = legacyUnmask(KEY);
    const blocks = [0, 1, 2].map((i) => change(plain.slice(i * 16_384, (i + 1) * 16_384)));
    const masked = await folder.write('old.masked', Buffer.concat(blocks));
    const back = folder.path('old.back');
    const flags = ['--legacy', '--block-size', '16KiB', '--key-file', key];
    const { code, stdout } = await cli(['unmask', masked, '-o', back, ...flags, '--json']);
    expect(code).toBe(0);
    expect(jsonOf(stdout)).toMatchObject({ bytes: 3 * 16_384, legacy: true, block_size: 16_384 });
    expect((await readFile(back)).equals(plain.subarray(0, 3 * 16_384))).toBe(true);
    const salted = await cli(['unmask', masked, '-o', back, '--force', ...flags, '--salt', SALT]);
    expect([salted.code, salted.stderr]).toEqual([2, expect.stringContaining('masked without a salt') as unknown]);
    const two = await cli(['unmask', masked, '-o', back, '--force', ...flags, '--key-file', key]);
    expect([two.code, two.stderr]).toEqual([2, expect.stringContaining('masked with one key') as unknown]);
    const none = await cli(['unmask', masked, '-o', back, '--force', '--legacy']);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('A mask needs a key') as unknown]);
  });
});

describeShared('the transcripts of the original service', (shared) => {
  test('are unmasked by unmask --legacy, and not by another block size', async () => {
    const { http } = JSON.parse(await readFile(`${shared}/fixtures/mask/vectors.json`, 'utf8')) as {
      readonly http: readonly {
        readonly block_size: number;
        readonly master_key_hex: string;
        readonly in_sha256: string;
        readonly out_sha256: string;
      }[];
    };
    const bytes = noise(40_000, 99);
    expect(http).toHaveLength(2);
    for (const { block_size, master_key_hex, in_sha256, out_sha256 } of http) {
      const secret = await folder.write('http.key', master_key_hex);
      const unmask = async (from: string, size: number) => {
        const flags = ['--legacy', '--key-file', secret, '--block-size', String(size), '--force', '--json'];
        return jsonOf((await cli(['unmask', from, '-o', folder.path('http.out'), ...flags])).stdout)['sha256'];
      };
      const original = await folder.write('http.in', bytes);
      // Added as it is taken away.
      expect(await unmask(original, block_size)).toBe(out_sha256);
      const masked = await folder.write('http.masked', await readFile(folder.path('http.out')));
      expect(await unmask(masked, block_size)).toBe(in_sha256);
      expect(await unmask(masked, 2 * block_size === 32_768 ? 65_536 : 16_384)).not.toBe(in_sha256);
    }
  });
});
