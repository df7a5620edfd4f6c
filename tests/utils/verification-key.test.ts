import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  concatBytes,
  fromBase64,
  fromHex,
  toBase64,
  toHex,
  utf8Decode,
  utf8Encode,
  viewOf,
} from '../../src/utils/bytes.js';
import { p256PublicKey, p256Sign } from '../../src/utils/ecdsa-p256.js';
import { p1363ToDer } from '../../src/utils/ecdsa-signature.js';
import { ed25519PublicKey, ed25519Sign } from '../../src/utils/ed25519.js';
import { sha256 } from '../../src/utils/sha256.js';
import {
  cosignedText,
  createVerificationKey,
  formatVerificationKey,
  isKeyName,
  keyReference,
  parseVerificationKey,
  verifyCosignature,
  verifySignature,
  type WitnessVerificationKey,
} from '../../src/utils/verification-key.js';
import { describeShared } from '../support/shared.js';
import { refusal } from './refusal.js';

/** The example of the specification, section 8.1. */
const SEED = fromHex('404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f');
const VKEY = 'example.org/recorder+6b4b33a3+ASVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd';
const message = utf8Encode('text');

const SPKI = p256PublicKey(SEED);

const BESIDE = SPKI.map((byte, index) => (index === 90 ? byte ^ 1 : byte));

const idOf = (...parts: Uint8Array[]): string => toHex(sha256(...parts).subarray(0, 4));
const textOf = (name: string, id: string, type: number, key: Uint8Array): string =>
  `${name}+${id}+${toBase64(concatBytes(Uint8Array.of(type), key))}`;
const namedId = (name: string, type: number, key: Uint8Array): string =>
  idOf(utf8Encode(name), Uint8Array.of(0x0a, type), key);

const publicKey = ed25519PublicKey(SEED);
const P256 = textOf('example.org/p256', idOf(SPKI), 2, SPKI);
const WITNESS = textOf('example.org/witness', namedId('example.org/witness', 4, publicKey), 4, publicKey);

describe('a verification key', () => {
  it('is that of the specification', () => {
    const key = parseVerificationKey(VKEY);
    expect(key).toEqual({ type: 'ed25519', name: 'example.org/recorder', keyId: '6b4b33a3', publicKey });
    expect(keyReference(key)).toBe('example.org/recorder+6b4b33a3');
    expect(createVerificationKey('example.org/recorder', publicKey)).toEqual(key);
  });

  it('is made of a name and the bytes of a key of its type', () => {
    expect(formatVerificationKey(createVerificationKey('example.org/p256', SPKI, 'p256'))).toBe(P256);
    expect(formatVerificationKey(createVerificationKey('example.org/witness', publicKey, 'witness'))).toBe(WITNESS);
    expect(createVerificationKey('another/name', SPKI, 'p256').keyId).toBe(idOf(SPKI));
  });

  it.each([
    ['ed25519', VKEY],
    ['p256', P256],
    ['witness', WITNESS],
  ])('of type %s is read, and written as it was', (type, text) => {
    const key = parseVerificationKey(text);
    expect(key.type).toBe(type);
    expect(formatVerificationKey(key)).toBe(text);
  });

  it('has a name of any script', () => {
    const name = 'beispiel.example/kamera-süd/\u{1f3a5}';
    const text = formatVerificationKey(createVerificationKey(name, publicKey));
    expect(parseVerificationKey(text).name).toBe(name);
  });

  it('may have a "+" in its base64, and loses none', () => {
    const key = Uint8Array.from({ length: 32 }, () => 0xfb);
    const text = formatVerificationKey(createVerificationKey('a', key));
    expect(text.split('+').length).toBeGreaterThan(3);
    expect(parseVerificationKey(text).publicKey).toEqual(key);
  });

  const good = formatVerificationKey(createVerificationKey('a', publicKey));
  const base64 = good.slice('a+00000000+'.length);

  it.each([
    ['nothing', '', 'expected NAME+ID+BASE64'],
    ['two parts', 'a+00000000', 'expected NAME+ID+BASE64'],
    ['no name', `+6b4b33a3+${base64}`, 'a name has no spaces'],
    ['a name with a space', `a b+6b4b33a3+${base64}`, 'a name has no spaces'],
    ['an ID in upper case', `a+6B4B33A3+${base64}`, 'its ID is not 8 lowercase hex digits'],
    ['a short ID', `a+6b4b33a+${base64}`, 'its ID is not 8 lowercase hex digits'],
    ['the ID of another key', `a+6b4b33a3+${base64}`, 'its ID is 6b4b33a3, and that of its name and key'],
    ['base64 without padding', `a+6b4b33a3+${'A'.repeat(46)}`, 'multiple of 4'],
    ['no key', 'a+6b4b33a3+', 'its type is missing'],
    ['an unknown type', textOf('a', '6b4b33a3', 3, publicKey), 'its type is 3'],
    ['a short Ed25519 key', textOf('a', '6b4b33a3', 1, publicKey.subarray(1)), '31 bytes are no key of Ed25519'],
    [
      'a long witness key',
      textOf('a', '6b4b33a3', 4, concatBytes(publicKey, publicKey)),
      '64 bytes are no key of a witness',
    ],
    [
      'another curve',
      textOf(
        'a',
        idOf(SPKI),
        2,
        SPKI.map((b, i) => (i === 20 ? 8 : b)),
      ),
      '91 bytes are no key of P-256',
    ],
    ['a short P-256 key', textOf('a', idOf(SPKI), 2, SPKI.subarray(1)), '90 bytes are no key of P-256'],
    ['a point beside the curve', textOf('a', idOf(BESIDE), 2, BESIDE), '91 bytes are no key of P-256'],
    ['a signing key', `PRIVATE+KEY+${good}`, 'this is a signing key; give its public half'],
    ['a long text', `a+6b4b33a3+${'A'.repeat(4096)}`, 'it has 4107 characters, at most 4096 are allowed'],
  ])('with %s is refused', (_, text, why) => {
    const error = refusal(() => parseVerificationKey(text));
    expect(error.code).toBe('H4_VKEY');
    expect(error.message).toContain(why);
  });

  it('is not made of a bad name or another number of bytes', () => {
    expect(refusal(() => createVerificationKey('a b', publicKey))).toMatchObject({
      code: 'H4_PARAM',
      message: expect.stringContaining('Cannot name a key "a b": a name has no spaces') as string,
    });
    expect(refusal(() => createVerificationKey('a', new Uint8Array(31))).message).toContain('31 bytes');
    expect(refusal(() => createVerificationKey('a', BESIDE, 'p256')).message).toContain('91 bytes as a key of P-256');
    expect(refusal(() => createVerificationKey('a', SPKI, 'witness'))).toMatchObject({
      code: 'H4_PARAM',
      message: 'Cannot use 91 bytes as a key of a witness: they are none',
    });
  });

  it('keeps its own copy of the bytes it was made of', () => {
    const bytes = publicKey.slice();
    const key = createVerificationKey('a', bytes);
    bytes.fill(0);
    expect(key.publicKey).toEqual(publicKey);
  });
});

describe('the name of a key', () => {
  it.each(['a', 'example.com/camera7', 'Zoë', 'a\u200db', 'x'.repeat(1024)])('may be %j', (name) => {
    expect(isKeyName(name)).toBe(true);
  });

  it.each(
    [
      [
        '',
        'a b',
        'a+b',
        'a\tb',
        'a\nb',
        '\u0000',
        'a\u007f',
        'a\u0085',
        'a\u00a0b',
        'a\u2003b',
        'a\u2028b',
        'a\u3000',
        '\ufeffa',
      ],
      ['\ud800', 'x'.repeat(1025)],
    ].flat(),
  )('is not %j', (name) => {
    expect(isKeyName(name)).toBe(false);
  });
});

describe('verifySignature()', () => {
  it('says whether a signature is by an Ed25519 key', () => {
    const key = parseVerificationKey(VKEY);
    const signature = ed25519Sign(SEED, message);
    expect(verifySignature(key, message, signature)).toBe(true);
    expect(verifySignature(key, utf8Encode('texts'), signature)).toBe(false);
    expect(verifySignature(key, message, signature.subarray(1))).toBe(false);
    expect(verifySignature(key, message, new Uint8Array(0))).toBe(false);
  });

  it('says whether a signature in DER is by a P-256 key', () => {
    const key = parseVerificationKey(P256);
    const p1363 = p256Sign(SEED, message);
    const signature = p1363ToDer(p1363);
    expect(verifySignature(key, message, signature)).toBe(true);
    expect(verifySignature(key, utf8Encode('texts'), signature)).toBe(false);
    expect(verifySignature(key, message, p1363)).toBe(false);
    expect(verifySignature(key, message, concatBytes(signature, new Uint8Array(1)))).toBe(false);
    expect(verifySignature(key, message, new Uint8Array(0))).toBe(false);
  });

  it('refuses the key of a witness', () => {
    const error = refusal(() => verifySignature(parseVerificationKey(WITNESS), message, new Uint8Array(64)));
    expect(error.code).toBe('H4_VKEY');
    expect(error.message).toContain('a witness signs checkpoints with a time');
  });
});

describe('verifyCosignature()', () => {
  const witness = createVerificationKey('example.org/witness', publicKey, 'witness') as WitnessVerificationKey;
  const text = utf8Encode('example.org/recorder/00\n5\nroot\n');
  const cosigned = (time: bigint): Uint8Array => {
    const stamp = new Uint8Array(8);
    viewOf(stamp).setBigUint64(0, time);
    return concatBytes(stamp, ed25519Sign(SEED, cosignedText(time, text)));
  };

  it.each([0, 1, 1_700_000_000, Number.MAX_SAFE_INTEGER])('gives the time %i that was signed', (time) => {
    expect(verifyCosignature(witness, text, cosigned(BigInt(time)))).toBe(time);
  });

  it('verifies what C2SP has signed over: time and text in that order', () => {
    expect(utf8Decode(cosignedText(5, utf8Encode('note\n')))).toBe('cosignature/v1\ntime 5\nnote\n');
  });

  it('believes no other time, text, or signature', () => {
    const made = cosigned(5n);
    for (let at = 0; at < made.length; at++) {
      const changed = made.map((byte, index) => (index === at ? byte ^ 1 : byte));
      expect(verifyCosignature(witness, text, changed)).toBeUndefined();
    }
    expect(verifyCosignature(witness, utf8Encode('other'), made)).toBeUndefined();
    expect(verifyCosignature(witness, text, ed25519Sign(SEED, text))).toBeUndefined();
    expect(verifyCosignature(witness, text, concatBytes(made, new Uint8Array(1)))).toBeUndefined();
    expect(verifyCosignature(witness, text, new Uint8Array(0))).toBeUndefined();
  });

  it('knows no time beyond 2^53', () => {
    expect(verifyCosignature(witness, text, cosigned(2n ** 53n))).toBeUndefined();
    expect(verifyCosignature(witness, text, cosigned(2n ** 64n - 1n))).toBeUndefined();
  });
});

describeShared('verification keys of others', (shared) => {
  const read = (name: string): unknown => JSON.parse(readFileSync(`${shared}/vectors/${name}`, 'utf8'));
  const bad = read('signed_note_bad_vkeys.json') as { vkey: string; source: string }[];
  const notes = read('signed_notes.json') as { id: string; vkey: string; note: string; valid: boolean }[];

  it('are there', () => {
    expect([bad.length, notes.length]).toEqual([2, 20]);
  });

  it.each(bad)('$vkey is refused', ({ vkey }) => {
    expect(refusal(() => parseVerificationKey(vkey)).code).toBe('H4_VKEY');
  });

  it.each(notes)('that of $id is read, and verifies what it signed', ({ vkey, note, valid }) => {
    const key = parseVerificationKey(vkey);
    expect(formatVerificationKey(key)).toBe(vkey);
    const end = note.lastIndexOf('\n\n') + 1;
    const [, name, base64 = ''] = note
      .slice(end + 1)
      .trimEnd()
      .split(' ');
    const signature = fromBase64(base64);
    expect(toHex(signature.subarray(0, 4))).toBe(key.keyId);
    const isSigned = verifySignature(key, utf8Encode(note.slice(0, end)), signature.subarray(4));
    expect(isSigned && name === key.name).toBe(valid);
  });
});
