import { chmod } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createContext } from '../../src/cli/context.js';
import { readKeyFile } from '../../src/cli/key-file.js';
import { publicLinesOf } from '../../src/cli/signing-key-file.js';
import { toHex } from '../../src/utils/bytes.js';
import { formatSigningKey } from '../../src/utils/signing-key.js';
import { rejection } from '../support/container.js';
import { noise, temporaryFolder } from './support/files.js';
import { CAMERA, WITNESS } from './support/signed.js';
import { runShell } from './support/process.js';

const folder = temporaryFolder();

/** The key in a file with these permissions, and what is said about it. */
async function read(
  content: Uint8Array | string,
  minBytes = 16,
  { mode = 0o600, hides = false } = {},
): Promise<{ key: string; said: string }> {
  const path = await folder.write('some.key', content);
  await chmod(path, mode);
  const said: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      said.push(chunk.toString());
      done();
    },
  });
  const context = createContext(
    {
      stdin: process.stdin,
      stdout: stream,
      stderr: stream,
      env: {},
      now: () => 0,
      randomBytes: (count) => new Uint8Array(count),
      signal: new AbortController().signal,
      command: 'harmony4',
    },
    { json: false },
  );
  const key = toHex(await readKeyFile(path, { minBytes, hides }, context));
  await context.err.flush();
  return { key, said: said.join('') };
}

describe('a key file', () => {
  test('holds the bytes of the key, or hex digits with an end of line or without', async () => {
    const key = noise(32);
    for (const content of [key, toHex(key), `${toHex(key)}\n`, `${toHex(key).toUpperCase()}\r\n`]) {
      expect(await read(content)).toEqual({ key: toHex(key), said: '' });
    }
    expect((await read(noise(4096))).key).toBe(toHex(noise(4096)));
  });

  test('that is no longer than a key of bytes is not taken for hex digits', async () => {
    const text = '0123456789abcdef';
    expect((await read(text, 16)).key).toBe(toHex(new TextEncoder().encode(text)));
    expect((await read(`${text}${text}`, 16)).key).toBe(`${text}${text}`);
    expect((await read(`${text}${text}`, 32)).key).toBe(toHex(new TextEncoder().encode(text + text)));
    expect((await read(`${text}${text}g`, 16)).key).toBe(toHex(new TextEncoder().encode(`${text}${text}g`)));
  });

  test.each([
    ['nothing', ''],
    ['too little', 'secret-secret15'],

    ['too little after the end of line is gone', '00'.repeat(7) + '\n'],
  ])('with %s is refused, and not a byte of it shown', async (_, content) => {
    const error = await rejection(read(content, 16));
    expect(error.code).toBe('H4_PARAM');
    expect(error.message).toContain(`it has ${content.length} bytes, and at least 16 are needed (or 32 hex digits)`);
    if (content !== '') expect(error.message).not.toContain(content.trim());
  });

  test('with a hex digit too few is refused, and not taken for bytes', async () => {
    const error = await rejection(read('ab'.repeat(31) + 'c', 16));
    expect([error.code, error.message.endsWith('63 hex digits are no whole number of bytes')]).toEqual([
      'H4_PARAM',
      true,
    ]);
  });

  test('that is something else is not read to its end', async () => {
    const error = await rejection(read(noise(4097)));
    expect([error.code, error.message.endsWith('is no key: it has more than 4096 bytes')]).toEqual(['H4_PARAM', true]);
  });

  test.each([
    ['the public half of a signing key', publicLinesOf(CAMERA).join('\n')],
    ['the one of a witness, after a comment', `# ours\r\n  ${WITNESS.verificationKey}\r\n`],
    ['a signing key', `${formatSigningKey(CAMERA)}\n`],
    ['a signing key under a passphrase', 'HARMONY4+ENCRYPTED+KEY+1\nscrypt 15 8 1\nAAAA\n'],
  ])('that holds %s is refused, for reading too, and not a byte of it shown', async (_, content) => {
    for (const hides of [true, false]) {
      const error = await rejection(read(content, 32, { hides }));
      expect([error.code, error.message]).toEqual([
        'H4_PARAM',
        `${folder.path('some.key')} is no key of content: it holds a public key or a signing key, and nothing is hidden or ` +
          "opened with one; 'harmony4 keygen --secret -o KEY' makes a key for that",
      ]);
    }
  });

  test.each([
    ['a password', 'correct horse battery staple, again and again'],
    ['a password with an end of line', `${'pass word '.repeat(5)}\n`],
    ['a password in other letters', 'Grün ist die Heide im Märzen, пароль'],
    ['as many hex digits as a key has bytes', '0123456789abcdef'.repeat(2)],
    ['a key in base64', `${Buffer.from(noise(32)).toString('base64')}\n`],
  ])('that holds %s hides nothing new, but opens what it has hidden', async (_, content) => {
    const error = await rejection(read(content, 32, { hides: true }));
    expect([error.code, error.message]).toEqual([
      'H4_PARAM',
      `${folder.path('some.key')} is no key: this looks like a password or a text, which can be guessed; ` +
        "'harmony4 keygen --secret -o KEY' makes a key",
    ]);
    expect((await read(content, 32)).key).toBe(toHex(new TextEncoder().encode(content)));
  });

  test('that hides something new holds random bytes, or hex digits', async () => {
    for (const content of [noise(32), toHex(noise(32)), `${toHex(noise(32)).toUpperCase()}\r\n`]) {
      expect((await read(content, 32, { hides: true })).key).toBe(toHex(noise(32)));
    }
    // Text to its last byte, which is none.
    const nearly = Uint8Array.from([...Buffer.from('a'.repeat(31)), 7]);
    expect((await read(nearly, 32, { hides: true })).key).toBe(toHex(nearly));
  });

  test('that others may read is used with a warning', async () => {
    for (const mode of [0o640, 0o604, 0o644, 0o620]) {
      const { key, said } = await read(noise(32), 16, { mode });
      expect(key).toBe(toHex(noise(32)));
      expect(said).toContain(`(mode ${mode.toString(8)}): chmod 600 keeps it to its owner`);
      expect(said).not.toContain(key);
    }
  });

  test('that cannot be read says why', async () => {
    const { err } = { err: folder.path('no-such.key') };
    const ended = await runShell(`harmony4 extract nothing.h4mk -o out --key-file '${err}'`, folder.path('.'));
    expect([ended.code, ended.stderr]).toEqual([4, expect.stringContaining('Cannot read the key in') as unknown]);
    expect(ended.stderr).toContain('ENOENT');
    const directory = await runShell('harmony4 extract nothing.h4mk -o out --key-file .', folder.path('.'));
    expect(directory.code).toBe(4);
  });

  test('may be a pipe, about whose permissions nothing is said', async () => {
    const line = `harmony4 extract nothing.h4mk -o out --key-file <(echo ${'ab'.repeat(16)})`;
    const ended = await runShell(line, folder.path('.'));
    expect(ended.stderr).toContain('nothing.h4mk');
    expect(ended.stderr).not.toContain('chmod');
  });
});
