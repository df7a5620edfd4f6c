import { chmod, mkdir, readFile, readdir, stat, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import { createContext } from '../../src/cli/context.js';
import {
  readPassphrase,
  readSigningKey,
  readSigningKeyFile,
  writeSigningKeyFile,
} from '../../src/cli/signing-key-file.js';
import { utf8Encode } from '../../src/utils/bytes.js';
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

describe('a file with a key under a passphrase', () => {
  const passphrase = utf8Encode('correct horse');
  const encryption = { passphrase, randomBytes: (count: number) => noise(count) };

  test('is opened by it, and shows nothing of the key', async () => {
    await writeSigningKeyFile(path(), key, { force: false, encryption });
    expect(await readFile(path(), 'utf8')).toMatch(/^HARMONY4\+ENCRYPTED\+KEY\+1\nscrypt 17 .*\n.*\n$/);
    expect(await readFile(path(), 'utf8')).not.toContain(key.name);
    expect(await readFile(path('some.key.pub'), 'utf8')).toBe(publicText);
    expect(await modeOf(path())).toBe(0o600);
    const read = await readSigningKeyFile(path(), { passphrase });
    expect([formatSigningKey(read.key), read.warning]).toEqual([text, undefined]);
  });

  test('is not opened by another, nor without one', async () => {
    await writeSigningKeyFile(path(), key, { force: false, encryption });
    const wrong = await rejection(readSigningKeyFile(path(), { passphrase: utf8Encode('battery staple') }));
    expect([wrong.code, wrong.message]).toEqual([
      'H4_SIGNING_KEY',
      `${path()}: Cannot open a signing key under a passphrase: the passphrase is not the one of this key, or the file has been changed`,
    ]);
    const none = await rejection(readSigningKeyFile(path()));
    expect([none.code, none.message]).toEqual([
      'H4_SIGNING_KEY',
      `${path()}: Cannot open a signing key under a passphrase without it: --passphrase-file`,
    ]);
  });

  test('is told from one without, although a passphrase was given', async () => {
    await writeSigningKeyFile(path(), key, { force: false });
    const read = await readSigningKeyFile(path(), { passphrase });
    expect(formatSigningKey(read.key)).toBe(text);
    expect(read.warning).toBe(`The key in ${path()} has no passphrase: the one given was not used`);
    await chmod(path(), 0o644);
    expect((await readSigningKeyFile(path(), { passphrase })).warning).toBe(
      `Others may read the signing key in ${path()} (mode 644): chmod 600 keeps it to its owner; The key in ${path()} has no passphrase: the one given was not used`,
    );
  });

  test('may hold the key of a witness, which has one public line', async () => {
    const witness = createSigningKey('example.net/witness', noise(32), 'witness');
    await writeSigningKeyFile(path(), witness, { force: false });
    expect(await readFile(path('some.key.pub'), 'utf8')).toBe(`${witness.verificationKey}\n`);
    expect((await readSigningKeyFile(path())).key.type).toBe('witness');
  });
});

describe('a passphrase', () => {
  const write = async (content: string, mode = 0o600): Promise<string> => {
    await folder.write(path('pass').slice(folder.path('').length), content);
    await chmod(path('pass'), mode);
    return path('pass');
  };
  const warnings: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      warnings.push(chunk.toString());
      done();
    },
  });
  const context = createContext(
    {
      ...{ stdin: Readable.from([]), stdout: stream, stderr: stream, env: {}, now: () => 0 },
      ...{ randomBytes: noise, signal: new AbortController().signal, command: 'harmony4' },
    },
    { json: false },
  );

  const told = async (): Promise<string> => {
    await context.err.flush();
    return warnings.splice(0).join('');
  };
  beforeEach(told);

  test.each([
    ['a b', 'a b'],
    ['a b\n', 'a b'],
    ['a b\r\n', 'a b'],
    ['a b\r', 'a b\r'],
    ['a b\n\n', 'a b\n'],
    [' ü ', ' ü '],
    ['x'.repeat(1024), 'x'.repeat(1024)],
  ])('in a file of %j is %j', async (content, expected) => {
    expect(await readPassphrase(await write(content), context)).toEqual(utf8Encode(expected));
    expect(await told()).toBe('');
  });

  test.each([
    ['', 'it is empty'],
    ['\n', 'it is empty'],
    ['\r\n', 'it is empty'],
    ['x'.repeat(1025), 'it has more than 1024 bytes'],
    [`${'x'.repeat(1024)}\n`, 'it has more than 1024 bytes'],
  ])('is not in a file of %j', async (content, why) => {
    const error = await rejection(readPassphrase(await write(content), context));
    expect([error.code, error.message]).toEqual(['H4_PARAM', `${path('pass')} holds no passphrase: ${why}`]);
  });

  test('that others may read is warned about, and one that is not there named', async () => {
    await readPassphrase(await write('a b', 0o644), context);
    expect(await told()).toContain(`Others may read the passphrase in ${path('pass')} (mode 644)`);
    const error = await rejection(readPassphrase(path('none'), context));
    expect(error).toMatchObject({
      code: 'H4_IO',
      message: expect.stringContaining('Cannot read the passphrase in ') as string,
    });
  });

  test('opens a key for a command, which tells all warnings', async () => {
    const passphrase = utf8Encode('a b');
    const encryption = { passphrase, randomBytes: (count: number) => noise(count) };
    await writeSigningKeyFile(path(), key, { force: false, encryption });
    const passphraseFile = await write('a b\n', 0o640);
    expect(formatSigningKey(await readSigningKey(path(), context, { passphraseFile }))).toBe(text);
    await writeSigningKeyFile(path('bare'), key, { force: false });
    expect(formatSigningKey(await readSigningKey(path('bare'), context))).toBe(text);
    await chmod(path('bare'), 0o644);
    await readSigningKey(path('bare'), context);
    const lines = (await told()).match(/^harmony4: warning: H4_SIGNING_KEY: Others may read the (?:\w+ )+in/gm);
    expect(lines?.map((line) => line.split(' ').at(-2))).toEqual(['passphrase', 'key']);
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
      `Others may read the signing key in ${path()} (mode ${mode.toString(8)}): chmod 600 keeps it to its owner`,
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
