import { chmod } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createContext } from '../../src/cli/context.js';
import { readSigner } from '../../src/cli/signer-option.js';
import { writeSigningKeyFile } from '../../src/cli/signing-key-file.js';
import { utf8Encode } from '../../src/utils/bytes.js';
import { createSigningKey, formatSigningKey } from '../../src/utils/signing-key.js';
import { rejection } from '../support/container.js';
import { noise, temporaryFolder } from './support/files.js';

const folder = temporaryFolder();
const key = createSigningKey('example.org/camera', noise(32));
const stream = new Writable({ write: (_, __, done) => done() });
const context = createContext(
  {
    ...{ stdin: Readable.from([]), stdout: stream, stderr: stream, env: {}, now: () => 0 },
    ...{ randomBytes: noise, signal: new AbortController().signal, command: 'harmony4' },
  },
  { json: false },
);

describe('--signer KEY', () => {
  test('names the file of a key', async () => {
    await writeSigningKeyFile(folder.path('a.key'), key, { force: false });
    expect((await readSigner({ signer: folder.path('a.key') }, context))?.verificationKey).toBe(key.verificationKey);
  });

  test('is never the key itself, which no message repeats', async () => {
    const secret = formatSigningKey(key);
    for (const choice of [{ signer: secret }, { signer: folder.path('a.key'), passphraseFile: secret }]) {
      const { code, message } = await rejection(readSigner(choice, context));
      expect(code).toBe('H4_PARAM');
      expect(message).not.toContain(secret.split('+').at(-1));
      expect(message).toContain('belongs into no command line');
    }
  });

  test('has its passphrase in the file of --passphrase-file', async () => {
    const passphraseFile = await folder.write('passphrase.txt', 'a b\n');
    await chmod(passphraseFile, 0o600);
    const encryption = { passphrase: utf8Encode('a b'), randomBytes: noise };
    await writeSigningKeyFile(folder.path('b.key'), key, { force: false, encryption });
    const read = await readSigner({ signer: folder.path('b.key'), passphraseFile }, context);
    expect(read?.verificationKey).toBe(key.verificationKey);
    expect((await rejection(readSigner({ signer: folder.path('b.key') }, context))).code).toBe('H4_SIGNING_KEY');
  });

  test('may be absent, but then there is no passphrase either', async () => {
    expect(await readSigner({}, context)).toBeUndefined();
    const error = await rejection(readSigner({ passphraseFile: folder.path('passphrase.txt') }, context));
    expect([error.code, error.message]).toEqual([
      'H4_PARAM',
      'Cannot use --passphrase-file without --signer: it is the passphrase of that key',
    ]);
  });
});
