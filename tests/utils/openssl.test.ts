/**
 * What is signed here is verified by the `openssl` program, and the other way round: by somebody who shares neither code nor
 * formats with this project. Keys travel in the DER of X.509 and PKCS #8, put together here from our text forms.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, utf8Encode } from '../../src/utils/bytes.js';
import { createSigningKey, formatSigningKey, parseSigningKey, type SigningKey } from '../../src/utils/signing-key.js';
import { createVerificationKey, parseVerificationKey, verifySignature } from '../../src/utils/verification-key.js';

const program = spawnSync('openssl', ['version'], { encoding: 'utf8' });
const hasOpenssl = program.error === undefined && /^OpenSSL [3-9]\./.test(program.stdout);
const title = hasOpenssl ? 'with openssl' : 'with openssl (skipped: there is no openssl 3 or later here)';

const NAME = 'example.org/recorder';
const SECRET = fromHex('404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f');
const text = utf8Encode('example.org/recorder/00\n5\nroot\n');

const ED25519_SPKI = '302a300506032b6570032100';
const ED25519_PKCS8 = '302e020100300506032b657004220420';
const P256_PKCS8 = '3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420';

describe.skipIf(!hasOpenssl)(title, () => {
  let folder = '';
  const file = (name: string): string => join(folder, name);
  const write = (name: string, bytes: Uint8Array): string => {
    writeFileSync(file(name), bytes);
    return file(name);
  };
  const openssl = (...argv: readonly string[]): void => {
    execFileSync('openssl', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  };
  const isAccepted = (...argv: readonly string[]): boolean => {
    const { status, stdout } = spawnSync('openssl', argv, { encoding: 'utf8' });
    const isSaid = /Verified OK|Signature Verified Successfully/u.test(stdout);
    expect([isSaid, status === 0]).toEqual([isSaid, isSaid]);
    return isSaid;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'openssl-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The key as the program reads it, from nothing but the text forms. */
  const spkiOf = (key: SigningKey): Buffer => {
    const { type, publicKey } = parseVerificationKey(key.verificationKey);
    return Buffer.concat([fromHex(type === 'p256' ? '' : ED25519_SPKI), publicKey]);
  };
  const secretOf = (key: SigningKey): Buffer => {
    const base64 = formatSigningKey(key).split('+').slice(4).join('+');
    return Buffer.from(base64, 'base64').subarray(1);
  };

  const verifyArguments = {
    ed25519: (key: string, signature: string, message: string) => [
      ...['pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', key, '-rawin'],
      ...['-in', message, '-sigfile', signature],
    ],
    p256: (key: string, signature: string, message: string) => [
      ...['dgst', '-sha256', '-keyform', 'DER', '-verify', key, '-signature', signature, message],
    ],
  };

  it.each(['ed25519', 'p256'] as const)('a signature of %s that was made here verifies there', (type) => {
    const key = createSigningKey(NAME, SECRET, type);
    const publicFile = write('public.der', spkiOf(key));
    const message = write('message', text);
    const other = write('other', utf8Encode('example.org/recorder/00\n6\nroot\n'));
    const signature = write('signature', key.sign(text));
    expect(isAccepted(...verifyArguments[type](publicFile, signature, message))).toBe(true);
    expect(isAccepted(...verifyArguments[type](publicFile, signature, other))).toBe(false);
  });

  it('a signature of ed25519 that was made there, with our key, verifies here and is the same', () => {
    const key = createSigningKey(NAME, SECRET);
    const secret = write('secret.der', Buffer.concat([fromHex(ED25519_PKCS8), secretOf(key)]));
    const argv = ['pkeyutl', '-sign', '-keyform', 'DER', '-inkey', secret, '-rawin', '-in', write('message', text)];
    openssl(...argv, '-out', file('made'));
    const made = new Uint8Array(readFileSync(file('made')));
    expect(made).toEqual(key.sign(text));
    expect(verifySignature(parseVerificationKey(key.verificationKey), text, made)).toBe(true);
  });

  it('signatures of p256 that were made there, with our key, verify here', () => {
    const key = createSigningKey(NAME, SECRET, 'p256');
    const secret = write('secret.der', Buffer.concat([fromHex(P256_PKCS8), secretOf(key)]));
    const verifier = parseVerificationKey(key.verificationKey);
    // Its nonces are random: now and then an integer has a leading zero, or is a byte shorter.
    for (let round = 0; round < 8; round++) {
      openssl('dgst', '-sha256', '-keyform', 'DER', '-sign', secret, '-out', file('made'), write('message', text));
      const made = new Uint8Array(readFileSync(file('made')));
      expect(verifySignature(verifier, text, made)).toBe(true);
      expect(verifySignature(verifier, utf8Encode('other'), made)).toBe(false);
    }
  });

  it.each([
    ['ed25519', ['-algorithm', 'ed25519']],
    ['p256', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']],
  ] as const)('a key of %s that was made there signs here', (type, how) => {
    openssl('genpkey', ...how, '-outform', 'DER', '-out', file('theirs.der'));
    openssl(
      'pkey',
      '-inform',
      'DER',
      '-in',
      file('theirs.der'),
      '-pubout',
      '-outform',
      'DER',
      '-out',
      file('theirs.pub'),
    );
    const pkcs8 = readFileSync(file('theirs.der'));
    const spki = new Uint8Array(readFileSync(file('theirs.pub')));
    // Behind the length of the secret; of P-256 the public key follows it.
    const before = Buffer.from(type === 'p256' ? [0x02, 0x01, 0x01, 0x04, 0x20] : [0x04, 0x20]);
    const start = pkcs8.indexOf(before) + before.length;
    const key = createSigningKey(NAME, pkcs8.subarray(start, start + 32), type);
    const publicKey = type === 'p256' ? spki : spki.slice(12);
    expect(parseVerificationKey(key.verificationKey)).toEqual(createVerificationKey(NAME, publicKey, type));
    const read = parseSigningKey(formatSigningKey(key));
    const signature = write('signature', read.sign(text));
    expect(isAccepted(...verifyArguments[type](file('theirs.pub'), signature, write('message', text)))).toBe(true);
  });
});
