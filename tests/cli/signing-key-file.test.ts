import { chmod, mkdir, readFile, readdir, stat, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { readSigningKeyFile, writeSigningKeyFile } from '../../src/cli/signing-key-file.js';
import { createSigningKey, formatSigningKey, statementKey } from '../../src/utils/signing-key.js';
import { rejection } from '../support/container.js';
import { noise, temporaryFolder } from './support/files.js';
import { runShell } from './support/process.js';

const folder = temporaryFolder();
const key = createSigningKey('example.org/camera', noise(32));
const other = createSigningKey('example.org/other', noise(32, 8));
const text = formatSigningKey(key);
const secret = text.split('+').slice(4).join('+');
const publicText = `${key.verificationKey}\n${statementKey(key).verificationKey}\n`;

let at = '';
let count = 0;
/** A path in a folder of its own for each test. */
const path = (name = 'some.key'): string => join(at, name);
const files = async (): Promise<string[]> => (await readdir(at)).sort();

beforeEach(async () => {
  at = folder.path(`keys-${count++}`);
  await mkdir(at);
});

const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

describe('a file with a signing key', () => {
  test('is readable by its owner only, and has the public halves beside it', async () => {
    await writeSigningKeyFile(path(), key, { force: false });
    expect(await files()).toEqual(['some.key', 'some.key.pub']);
    expect(await readFile(path(), 'utf8')).toBe(`${text}\n`);
    expect(await readFile(path('some.key.pub'), 'utf8')).toBe(publicText);
    expect(await modeOf(path())).toBe(0o600);
    expect((await modeOf(path('some.key.pub'))) & 0o400).toBe(0o400);
    const read = await readSigningKeyFile(path());
    expect([formatSigningKey(read.key), read.warning]).toEqual([text, undefined]);
  });

  test.each(['some.key', 'some.key.pub', 'some.key.part', 'some.key.pub.part'])(
    'does not replace %s, and leaves nothing behind',
    async (taken) => {
      await folder.write(path(taken).slice(folder.path('').length), 'kept');
      const error = await rejection(writeSigningKeyFile(path(), key, { force: false }));
      expect([error.code, error.message.includes(taken)]).toEqual(['H4_EXISTS', true]);
      expect(await files()).toEqual([taken]);
      expect(await readFile(path(taken), 'utf8')).toBe('kept');
    },
  );

  test('replaces files, also open ones and leftovers, where it is told to, with the right permissions', async () => {
    await writeSigningKeyFile(path(), other, { force: false });
    await chmod(path(), 0o644);
    for (const left of ['some.key.part', 'some.key.pub.part']) await symlink('/dev/null', path(left));
    await writeSigningKeyFile(path(), key, { force: true });
    expect(await files()).toEqual(['some.key', 'some.key.pub']);
    expect(await readFile(path(), 'utf8')).toBe(`${text}\n`);
    expect(await readFile(path('some.key.pub'), 'utf8')).toBe(publicText);
    expect(await modeOf(path())).toBe(0o600);
  });

  test('does not write through a link that somebody has put in its place', async () => {
    await symlink(path('elsewhere'), path());
    expect((await rejection(writeSigningKeyFile(path(), key, { force: false }))).code).toBe('H4_EXISTS');
    await writeSigningKeyFile(path(), key, { force: true });
    expect(await files()).toEqual(['some.key', 'some.key.pub']);
    await unlink(path());
    await unlink(path('some.key.pub'));
    await symlink(path('elsewhere'), path('some.key.part'));
    expect((await rejection(writeSigningKeyFile(path(), key, { force: false }))).code).toBe('H4_EXISTS');
    expect(await files()).toEqual(['some.key.part']);
  });

  test('in a folder that is not there is refused', async () => {
    const error = await rejection(writeSigningKeyFile(path('no/some.key'), key, { force: false }));
    expect([error.code, error.message.includes('there is no folder')]).toEqual(['H4_WRITE', true]);
  });

  test('takes the place of no folder', async () => {
    await mkdir(path('some.key.pub'));
    expect((await rejection(writeSigningKeyFile(path(), key, { force: true }))).code).toBe('H4_WRITE');
    await mkdir(path('part.key.part'));
    expect((await rejection(writeSigningKeyFile(path('part.key'), key, { force: true }))).code).toBe('H4_WRITE');
    expect(await files()).toEqual(['part.key.part', 'some.key.pub']);
  });
});

describe('readSigningKeyFile()', () => {
  const write = async (content: Uint8Array | string, mode = 0o600): Promise<string> => {
    await folder.write(path().slice(folder.path('').length), content);
    await chmod(path(), mode);
    return path();
  };

  test.each(['', '\n', '\r\n'])('takes the text with the end of line %j', async (end) => {
    const read = await readSigningKeyFile(await write(`${text}${end}`));
    expect(read.key.verificationKey).toBe(key.verificationKey);
  });

  test.each([0o640, 0o604, 0o620, 0o666])('warns where others may use the file (mode %o)', async (mode) => {
    const { key: read, warning } = await readSigningKeyFile(await write(text, mode));
    expect(formatSigningKey(read)).toBe(text);
    expect(warning).toBe(
      `Others may read the key in ${path()} (mode ${mode.toString(8)}): chmod 600 keeps it to its owner`,
    );
  });

  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['a public key', publicText],
    ['two ends of line', `${text}\n\n`],
    ['two keys', `${text}\n${text}\n`],
    ['a damaged key', `${text.slice(0, -6)}AAAAA=`],
    ['bytes that are no text', noise(100)],
    ['a large file', `${text}${' '.repeat(64 * 1024)}`],
  ])('refuses %s, and shows nothing of it', async (_, content) => {
    const error = await rejection(readSigningKeyFile(await write(content)));
    expect(error.code).toBe('H4_SIGNING_KEY');
    expect(error.message).toContain(path());
    for (let i = 0; i + 10 <= secret.length; i++) expect(error.message).not.toContain(secret.slice(i, i + 10));
  });

  test('says why a file cannot be read', async () => {
    const error = await rejection(readSigningKeyFile(path('no\nsuch.key')));
    expect([error.code, error.message]).toEqual([
      'H4_IO',
      expect.stringContaining('no\\nsuch.key: there is no such file'),
    ]);
    expect((await rejection(readSigningKeyFile(at))).code).toBe('H4_IO');
  });

  test('reads a pipe, about whose permissions nothing is said', async () => {
    await write(text);
    const module = new URL('../../dist/cli/signing-key-file.js', import.meta.url).href;
    const script = `import('${module}').then((m) => m.readSigningKeyFile(process.argv[1])).then((read) => console.log(read.key.name, read.warning))`;
    const ended = await runShell(`node -e "${script}" <(cat some.key)`, at);
    expect([ended.code, ended.stdout.toString()]).toEqual([0, 'example.org/camera undefined\n']);
  });
});
