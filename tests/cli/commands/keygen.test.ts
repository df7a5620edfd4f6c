import { chmod, readFile, readdir, rm, stat } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { readSigningKeyFile } from '../../../src/cli/signing-key-file.js';
import { utf8Encode } from '../../../src/utils/bytes.js';
import { createSigningKey, parseSigningKey, statementKey } from '../../../src/utils/signing-key.js';
import { parseVerificationKey } from '../../../src/utils/verification-key.js';
import { noise, temporaryFolder } from '../support/files.js';
import { cli, jsonOf } from '../support/harness.js';

const folder = temporaryFolder();
const NAME = 'example.com/camera7';

afterEach(async () => {
  for (const name of await readdir(folder.path('.'))) await rm(folder.path(name));
});

const keygen = (...argv: string[]) =>
  cli(['keygen', '-o', folder.path('some.key'), ...argv], { randomBytes: (count) => noise(count) });
const expected = createSigningKey(NAME, noise(32));

describe('keygen -o KEY --name NAME', () => {
  test('prints the public key, and keeps the secret in a file of its own', async () => {
    const { code, stdout, stderr } = await keygen('--name', NAME);
    expect([code, stdout, stderr]).toEqual([0, `${expected.verificationKey}\n`, '']);
    const text = await readFile(folder.path('some.key'), 'utf8');
    expect(parseSigningKey(text.trimEnd()).verificationKey).toBe(expected.verificationKey);
    expect((await stat(folder.path('some.key'))).mode & 0o777).toBe(0o600);
    const lines = (await readFile(folder.path('some.key.pub'), 'utf8')).split('\n');
    expect(lines).toEqual([expected.verificationKey, statementKey(expected).verificationKey, '']);
    expect(lines.slice(0, 2).map((line) => parseVerificationKey(line).name)).toEqual([NAME, `${NAME}/statements`]);
  });

  test('tells it as JSON, and never the secret', async () => {
    const { code, stdout, stderr } = await keygen('--name', NAME, '--json');
    expect(code).toBe(0);
    expect(jsonOf(stdout)).toEqual({
      file: folder.path('some.key'),
      public_file: folder.path('some.key.pub'),
      name: NAME,
      key_id: expected.keyId,
      type: 'ed25519',
      encrypted: false,
      verification_key: expected.verificationKey,
      statement_verification_key: statementKey(expected).verificationKey,
    });
    const secret = (await readFile(folder.path('some.key'), 'utf8')).trim().split('+').slice(4).join('+');
    expect(secret).toHaveLength(44);
    expect(stdout + stderr + (await readFile(folder.path('some.key.pub'), 'utf8'))).not.toContain(secret);
  });

  test('makes another key each time, because the random bytes differ', async () => {
    const first = await cli(['keygen', '-o', folder.path('a.key'), '--name', NAME], {
      randomBytes: (n) => noise(n, 1),
    });
    const second = await cli(['keygen', '-o', folder.path('b.key'), '--name', NAME], {
      randomBytes: (n) => noise(n, 2),
    });
    expect(first.stdout).not.toBe(second.stdout);
  });

  test.each(['some.key', 'some.key.pub'])('does not overwrite %s, and says how', async (taken) => {
    await folder.write(taken, 'kept');
    const { code, stdout, stderr } = await keygen('--name', NAME);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`H4_EXISTS: Cannot write ${folder.path(taken)}: it exists\n`);
    expect(stderr).toContain('overwrite with --force');
    expect(await readFile(folder.path(taken), 'utf8')).toBe('kept');
    expect(await readdir(folder.path('.'))).toEqual([taken]);
    expect((await keygen('--name', NAME, '--force')).code).toBe(0);
    expect(await readFile(folder.path(taken), 'utf8')).not.toBe('kept');
  });

  test.each([
    ['', 'Cannot name a key ""'],
    ['two words', 'a name has no spaces'],
    ['a+b', 'no "+"'],
    ['a\nb', 'no control characters'],
    ['x'.repeat(1020), 'Cannot name a key'],
    ['example.com/statements', 'name it without'],
  ])('refuses the name %j', async (name, why) => {
    const { code, stderr } = await keygen(`--name=${name}`);
    expect([code, stderr.includes(why)]).toEqual([2, true]);
    expect(await readdir(folder.path('.'))).toEqual([]);
  });

  test('writes no secret to standard output', async () => {
    const { code, stdout, stderr } = await cli(['keygen', '-o', '-', '--name', NAME]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('A secret key is not written to standard output: name a file with -o');
  });

  test('says where nothing can be written', async () => {
    const { code, stderr } = await cli(['keygen', '-o', folder.path('no/some.key'), '--name', NAME]);
    expect([code, stderr.includes('there is no folder')]).toEqual([4, true]);
  });

  test('wants a file and a name', async () => {
    expect((await cli(['keygen', '--name', NAME])).stderr).toContain("required option '-o, --output <KEY>'");
    const { code, stderr } = await keygen();
    expect([code, stderr]).toEqual([
      2,
      'harmony4: H4_PARAM: Cannot make a signing key without a name: --name says who signs\n',
    ]);
    expect(await readdir(folder.path('.'))).toEqual([]);
  });
});

describe('keygen --p256', () => {
  const p256 = createSigningKey(NAME, noise(32), 'p256');

  test('makes a P-256 key, whose key for statements is an Ed25519 key', async () => {
    const { code, stdout, stderr } = await keygen('--name', NAME, '--p256');
    expect([code, stdout, stderr]).toEqual([0, `${p256.verificationKey}\n`, '']);
    const text = await readFile(folder.path('some.key'), 'utf8');
    expect(parseSigningKey(text.trimEnd())).toMatchObject({ type: 'p256', verificationKey: p256.verificationKey });
    const lines = (await readFile(folder.path('some.key.pub'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => parseVerificationKey(line).type)).toEqual(['p256', 'ed25519']);
    expect(lines[1]).toBe(statementKey(p256).verificationKey);
  });

  test('draws again what is no secret of P-256', async () => {
    const draws = [new Uint8Array(32), new Uint8Array(32).fill(0xff), noise(32)];
    let count = 0;
    const { code, stdout } = await cli(['keygen', '-o', folder.path('some.key'), '--name', NAME, '--p256'], {
      randomBytes: () => draws[count++] ?? new Uint8Array(32),
    });
    expect([code, count, stdout]).toEqual([0, 3, `${p256.verificationKey}\n`]);
  });

  test('does not go on drawing for ever', async () => {
    const { code, stderr } = await cli(['keygen', '-o', folder.path('some.key'), '--name', NAME, '--p256'], {
      randomBytes: (length) => new Uint8Array(length),
    });
    expect([code, stderr.includes('H4_INTERNAL: Cannot make a P-256 key: 8 times')]).toEqual([70, true]);
    expect(await readdir(folder.path('.'))).toEqual([]);
  });
});

describe('keygen --witness', () => {
  const witness = createSigningKey('example.net/witness', noise(32), 'witness');

  test('makes the key of a witness, with one public line', async () => {
    const { code, stdout, stderr } = await keygen('--name', 'example.net/witness', '--witness');
    expect([code, stdout, stderr]).toEqual([0, `${witness.verificationKey}\n`, '']);
    expect(await readFile(folder.path('some.key.pub'), 'utf8')).toBe(`${witness.verificationKey}\n`);
    expect(parseVerificationKey(witness.verificationKey).type).toBe('witness');
    expect(witness.verificationKey.split('+').slice(2).join('+')).toMatch(/^B/);
  });

  test('says in JSON that it has no key for statements', async () => {
    const { stdout } = await keygen('--name', 'example.net/witness', '--witness', '--json');
    expect(jsonOf(stdout)).toMatchObject({ type: 'witness', statement_verification_key: null });
  });

  test('is no P-256 key, and is not named like a key for statements', async () => {
    const both = await keygen('--name', NAME, '--witness', '--p256');
    expect([both.code, both.stderr.includes('Cannot use --p256 with --witness')]).toEqual([2, true]);
    expect((await keygen('--name', 'a/statements', '--witness')).stderr).toContain('name it without');
    expect(await readdir(folder.path('.'))).toEqual([]);
  });
});

describe('keygen --passphrase-file FILE', () => {
  const passphrase = async (content: string, mode = 0o600): Promise<string> => {
    await folder.write('passphrase', content);
    await chmod(folder.path('passphrase'), mode);
    return folder.path('passphrase');
  };

  test('encrypts the secret with the passphrase in FILE', async () => {
    const { code, stdout, stderr } = await keygen(
      '--name',
      NAME,
      '--passphrase-file',
      await passphrase('correct horse\n'),
    );
    expect([code, stdout, stderr]).toEqual([0, `${expected.verificationKey}\n`, '']);
    expect(await readFile(folder.path('some.key'), 'utf8')).toMatch(/^HARMONY4\+ENCRYPTED\+KEY\+1\n/);
    expect((await stat(folder.path('some.key'))).mode & 0o777).toBe(0o600);
    const { key } = await readSigningKeyFile(folder.path('some.key'), { passphrase: utf8Encode('correct horse') });
    expect(key.verificationKey).toBe(expected.verificationKey);
  });

  test('says so in JSON, and shows the passphrase nowhere', async () => {
    const file = await passphrase('correct horse', 0o644);
    const { stdout, stderr } = await keygen('--name', NAME, '--json', '--p256', '--passphrase-file', file);
    expect(jsonOf(stdout)).toMatchObject({ type: 'p256', encrypted: true });
    expect(jsonOf(stderr)).toMatchObject({
      code: 'H4_SIGNING_KEY',
      warning: expect.stringContaining('mode 644') as string,
    });
    expect(stdout + stderr).not.toContain('correct horse');
  });

  test.each([
    ['', 2, 'holds no passphrase: it is empty'],
    [undefined, 4, 'there is no such file'],
  ])('makes no key with a FILE of %j', async (content, code, why) => {
    const file = content === undefined ? folder.path('none') : await passphrase(content);
    const ended = await keygen('--name', NAME, '--passphrase-file', file);
    expect([ended.code, ended.stdout, ended.stderr.includes(why)]).toEqual([code, '', true]);
    expect((await readdir(folder.path('.'))).filter((name) => name.startsWith('some'))).toEqual([]);
  });
});

describe('keygen --secret', () => {
  const hex = Buffer.from(noise(32)).toString('hex');

  test('makes 32 random bytes as hex digits, in a file of their own and nowhere else', async () => {
    const { code, stdout, stderr } = await keygen('--secret');
    expect([code, stdout, stderr]).toEqual([0, '', '']);
    expect(await readFile(folder.path('some.key'), 'utf8')).toBe(`${hex}\n`);
    expect((await stat(folder.path('some.key'))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder.path('.'))).toEqual(['some.key']);
  });

  test('tells as JSON where they are, and not what', async () => {
    const { stdout } = await keygen('--secret', '--json');
    expect(jsonOf(stdout)).toEqual({ file: folder.path('some.key'), bytes: 32 });
  });

  test('replaces no file, unless it is told to', async () => {
    await folder.write('some.key', 'kept');
    await chmod(folder.path('some.key'), 0o644);
    const { code, stderr } = await keygen('--secret');
    expect([code, stderr.includes('H4_EXISTS')]).toEqual([2, true]);
    expect(await readFile(folder.path('some.key'), 'utf8')).toBe('kept');
    expect((await keygen('--secret', '--force')).code).toBe(0);
    expect(await readFile(folder.path('some.key'), 'utf8')).toBe(`${hex}\n`);
    expect((await stat(folder.path('some.key'))).mode & 0o777).toBe(0o600);
  });

  test.each([['--name', NAME], ['--p256'], ['--witness'], ['--passphrase-file', 'x']])(
    'has no use for %s',
    async (flag = '', ...value) => {
      const { code, stderr } = await keygen('--secret', flag, ...value);
      const why = `Cannot use ${flag} with --secret: that is 32 random bytes and nothing else`;
      expect([code, stderr]).toEqual([2, `harmony4: H4_PARAM: ${why}\n`]);
      expect(await readdir(folder.path('.'))).toEqual([]);
    },
  );

  test('is not written to standard output either', async () => {
    const { code, stdout } = await cli(['keygen', '-o', '-', '--secret']);
    expect([code, stdout]).toEqual([2, '']);
  });
});
