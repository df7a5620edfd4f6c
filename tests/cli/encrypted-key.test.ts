import { scryptSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decryptKey, encryptKey, isEncryptedKey } from '../../src/cli/encrypted-key.js';
import { aes256GcmOpen, aes256GcmSeal } from '../../src/utils/aead.js';
import { concatBytes, toBase64, utf8Decode, utf8Encode } from '../../src/utils/bytes.js';
import { rejection } from '../support/container.js';
import { noise } from './support/files.js';

const passphrase = utf8Encode('correct horse battery staple');
const text = 'PRIVATE+KEY+example.org/camera+00000000+some secret';

/** As `encryptKey` writes them, with the lowest cost that is read. */
const cheap = (plain = text, logN = 14): string => {
  const salt = noise(32);
  const header = `HARMONY4+ENCRYPTED+KEY+1\nscrypt ${logN} ${toBase64(salt)}\n`;
  const key = new Uint8Array(scryptSync(passphrase, salt, 32, { N: 2 ** logN, r: 8, p: 1, maxmem: 1 << 29 }));
  const nonce = noise(12, 3);
  const sealed = aes256GcmSeal(key, nonce, utf8Encode(header), utf8Encode(plain));
  return header + toBase64(concatBytes(nonce, sealed));
};
const [magic = '', parameters = '', body = ''] = cheap().split('\n');

describe('a key under a passphrase', () => {
  test('is three lines, from which somebody else can open it', async () => {
    const lines = (await encryptKey(text, { passphrase, randomBytes: (count) => noise(count) })).split('\n');
    const [first, second, third = ''] = lines;
    expect(lines).toHaveLength(3);
    expect([first, second]).toEqual(['HARMONY4+ENCRYPTED+KEY+1', `scrypt 17 ${toBase64(noise(32))}`]);
    const sealed = new Uint8Array(Buffer.from(third, 'base64'));
    expect(sealed.slice(0, 12)).toEqual(noise(12));
    const key = new Uint8Array(scryptSync(passphrase, noise(32), 32, { N: 2 ** 17, r: 8, p: 1, maxmem: 1 << 28 }));
    const header = utf8Encode(`${first ?? ''}\n${second ?? ''}\n`);
    const opened = aes256GcmOpen(key, sealed.subarray(0, 12), header, sealed.subarray(12));
    expect(utf8Decode(opened ?? new Uint8Array(0))).toBe(text);
  });

  test('opens with its passphrase', async () => {
    const made = await encryptKey(text, { passphrase, randomBytes: (count) => noise(count) });
    expect(isEncryptedKey(made)).toBe(true);
    expect(await decryptKey(made, passphrase)).toBe(text);
  });

  test.each([14, 15, 18])('opens at the cost of 2^%i', async (logN) => {
    expect(await decryptKey(cheap(text, logN), passphrase)).toBe(text);
  });

  test('asks for fresh random bytes, once for the salt and once for the nonce', async () => {
    const counts: number[] = [];
    const randomBytes = (count: number): Uint8Array => noise(counts.push(count) * count).slice(-count);
    await encryptKey(text, { passphrase, randomBytes });
    expect(counts).toEqual([32, 12]);
  });

  test.each([
    ['another passphrase', utf8Encode('correct horse battery stapler')],
    ['none', new Uint8Array(0)],
  ])('does not open with %s, and says so', async (_, wrong) => {
    const error = await rejection(decryptKey(cheap(), wrong));
    expect([error.code, error.message]).toEqual([
      'H4_SIGNING_KEY',
      'Cannot open a signing key under a passphrase: the passphrase is not the one of this key, or the file has been changed',
    ]);
  });

  test.each([
    ['salt', [magic, parameters.replace(/scrypt 14 ../, 'scrypt 14 AA'), body]],
    ['cost', [magic, parameters.replace('14', '15'), body]],
    ['ciphertext', [magic, parameters, body.replace(/^(.{30})../, '$1AA')]],
    ['nonce', [magic, parameters, body.replace(/^../, 'AA')]],
  ])('does not open with a changed %s', async (_, lines) => {
    expect(lines.join('\n')).not.toBe(cheap());
    const { message } = await rejection(decryptKey(lines.join('\n'), passphrase));
    expect(message).toContain('the passphrase is not the one of this key, or the file has been changed');
  });

  const form = 'it is not the three lines that version 1 has';
  test.each([
    ['another version', [magic.replace('+1', '+2'), parameters, body], form],
    ['no parameters', [magic], form],
    ['a line more', [magic, parameters, body, ''], form],
    ['another function', [magic, parameters.replace('scrypt', 'argon2'), body], form],
    ['a cost with a leading zero', [magic, parameters.replace('14', '014'), body], form],
    ['a cost of three digits', [magic, parameters.replace('14', '140'), body], form],
    ['a salt of another length', [magic, 'scrypt 14 AAAA', body], form],
    ['a salt with other padding', [magic, parameters.replace(/.=$/, 'AA'), body], form],
    ['a salt with unused bits', [magic, parameters.replace(/.=$/, 'B='), body], 'the unused bits'],
    ['no body', [magic, parameters, ''], 'its last line is too short for a key'],
    ['a body without a key', [magic, parameters, toBase64(new Uint8Array(28))], 'its last line is too short'],
    ['a body that is no base64', [magic, parameters, '*'], 'expected a multiple of 4'],
  ])('is not read with %s', async (_, lines, why) => {
    const error = await rejection(decryptKey(lines.join('\n'), passphrase));
    expect(error.code).toBe('H4_SIGNING_KEY');
    expect(error.message).toContain(why);
  });

  // 2^30 would take 128 GiB, and 2^99 cannot be written as a number of bytes.
  test.each([1, 13, 19, 30, 99])(
    'that asks for a cost of 2^%i is refused before anything is computed',
    async (logN) => {
      const error = await rejection(
        decryptKey([magic, parameters.replace('14', `${logN}`), body].join('\n'), passphrase),
      );
      expect([error.code, error.message]).toEqual([
        'H4_SIGNING_KEY',
        `Cannot open a signing key under a passphrase: its cost is 2^${logN}, and from 2^14 to 2^18 is allowed`,
      ]);
    },
  );

  test('that holds no text is refused', async () => {
    const lone = cheap().split('\n').slice(0, 2).join('\n');
    const key = new Uint8Array(scryptSync(passphrase, noise(32), 32, { N: 2 ** 14, r: 8, p: 1, maxmem: 1 << 29 }));
    const sealed = aes256GcmSeal(key, noise(12), utf8Encode(`${lone}\n`), Uint8Array.of(0xff));
    const file = `${lone}\n${toBase64(concatBytes(noise(12), sealed))}`;
    expect((await rejection(decryptKey(file, passphrase))).code).toBe('H4_SIGNING_KEY');
  });
});
