import { readFile, readdir, rm, stat } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
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
    expect((await keygen()).stderr).toContain("required option '--name <NAME>'");
  });

  test.each(['--p256', '--passphrase-file', '--secret'])('says of %s that it is not there yet', async (flag) => {
    for (const argv of [[flag], [`${flag}=x`]]) {
      const { code, stdout, stderr } = await keygen('--name', NAME, ...argv);
      const why = `harmony4: H4_PARAM: Cannot use ${flag}: this version does not have that option yet\n`;
      expect([code, stdout, stderr]).toEqual([2, '', why]);
    }
    expect(await readdir(folder.path('.'))).toEqual([]);
    expect((await cli(['keygen', '--help'])).stdout).not.toContain(flag);
  });
});
