import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toBase64, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { ed25519PublicKey, ed25519Verify } from '../../src/utils/ed25519.js';
import { hkdf } from '../../src/utils/hkdf.js';
import {
  createSigningKey,
  formatSigningKey,
  parseSigningKey,
  type SigningKey,
  statementKey,
} from '../../src/utils/signing-key.js';
import { parseVerificationKey, verifySignature } from '../../src/utils/verification-key.js';
import { describeShared } from '../support/shared.js';
import { refusal } from './refusal.js';

/** The example of the specification, section 8.1. */
const SEED = fromHex('404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f');
const NAME = 'example.org/recorder';
const VKEY = 'example.org/recorder+6b4b33a3+ASVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd';
const SECRET = toBase64(concatBytes(Uint8Array.of(1), SEED));
const TEXT = `PRIVATE+KEY+${NAME}+6b4b33a3+${SECRET}`;

const key = createSigningKey(NAME, SEED);

/** What everybody may see of a key. */
const shownOf = ({ name, keyId, verificationKey, purpose }: SigningKey): unknown => ({
  name,
  keyId,
  verificationKey,
  purpose,
});

describe('a signing key', () => {
  it('has the public half that the specification shows', () => {
    expect(shownOf(key)).toEqual({ name: NAME, keyId: '6b4b33a3', verificationKey: VKEY, purpose: 'checkpoints' });
  });

  it('signs exactly the bytes given', () => {
    const message = utf8Encode('some bytes');
    expect(verifySignature(parseVerificationKey(VKEY), message, key.sign(message))).toBe(true);
    expect(key.sign(message)).toEqual(key.sign(message));
  });

  it('is written and read as text', () => {
    expect(formatSigningKey(key)).toBe(TEXT);
    expect(shownOf(parseSigningKey(TEXT))).toEqual(shownOf(key));
    expect(formatSigningKey(parseSigningKey(TEXT))).toBe(TEXT);
  });

  it('keeps its own copy of the seed', () => {
    const seed = SEED.slice();
    const own = createSigningKey(NAME, seed);
    seed.fill(0);
    expect(formatSigningKey(own)).toBe(TEXT);
  });

  it('shows its seed to nobody', () => {
    for (const each of [key, statementKey(key), parseSigningKey(TEXT)]) {
      const secret = formatSigningKey(each).split('+').slice(4).join('+');
      const seed = Uint8Array.from(Buffer.from(secret, 'base64').subarray(1));
      const shown = [
        JSON.stringify(each),
        inspect(each, { showHidden: true, depth: Infinity, getters: true, showProxy: true }),
        Reflect.ownKeys(each).join(),
        JSON.stringify(Object.assign({}, each)),
        JSON.stringify(structuredClone(each)),
      ].join('\n');
      for (const form of [secret, toHex(seed), toBase64(seed), seed.join(), Array.from(seed).join(', ')]) {
        expect(shown.includes(form), form.slice(0, 4)).toBe(false);
      }
      expect(shown).toContain(each.name);
    }
  });

  it.each([
    ['nothing', ''],
    ['a verification key', VKEY],
    ['another prefix', TEXT.replace('PRIVATE', 'Private')],
    ['two parts', `PRIVATE+KEY+${NAME}+6b4b33a3`],
    ['a bad name', TEXT.replace(NAME, 'a b')],
    ['no ID', TEXT.replace('6b4b33a3', 'id')],
    ['the ID of another key', TEXT.replace('6b4b33a3', '6b4b33a4')],
    ['broken base64', `${TEXT}*`],
    ['another type', `PRIVATE+KEY+${NAME}+6b4b33a3+${toBase64(concatBytes(Uint8Array.of(2), SEED))}`],
    ['a short seed', `PRIVATE+KEY+${NAME}+6b4b33a3+${toBase64(concatBytes(Uint8Array.of(1), SEED.subarray(1)))}`],
    ['a long seed', `PRIVATE+KEY+${NAME}+6b4b33a3+${toBase64(concatBytes(Uint8Array.of(1), SEED, SEED))}`],
    ['an end of line', `${TEXT}\n`],
    ['too much', TEXT + 'A'.repeat(5000)],
  ])('of %s is refused, and no secret shown', (_, text) => {
    const error = refusal(() => parseSigningKey(text));
    expect([error.code, error.kind]).toEqual(['H4_SIGNING_KEY', 'usage']);
    const shown = inspect(error, { showHidden: true, depth: Infinity }).split('\n    at ')[0] ?? '';
    for (let at = 0; at + 12 <= SECRET.length; at++) expect(shown).not.toContain(SECRET.slice(at, at + 12));
  });

  it.each([
    ['a b', SEED],
    ['', SEED],
    ['a', SEED.subarray(1)],
  ])('is not made with the name %j and a seed that is none', (name, seed) => {
    expect(refusal(() => createSigningKey(name, seed)).code).toBe('H4_PARAM');
  });
});

describe('statementKey()', () => {
  const derived = statementKey(key);

  it('derives a key with a name and a public half of its own', () => {
    const seed = hkdf(SEED, new Uint8Array(0), utf8Encode('h4mk/v1/statement'), 32);
    expect(derived).toMatchObject({ name: `${NAME}/statements`, purpose: 'statements' });
    expect(parseVerificationKey(derived.verificationKey).publicKey).toEqual(ed25519PublicKey(seed));
    expect(derived.verificationKey).toBe(
      'example.org/recorder/statements+14ab9d5b+Ad+uuJTA7RhRkdIlSFIHOxbz8NnZiUitDkZ8nyZDlrfB',
    );
  });

  it('signs what the key for checkpoints does not verify, and the other way round', () => {
    const message = utf8Encode('text');
    const publicOf = ({ verificationKey }: SigningKey): Uint8Array => parseVerificationKey(verificationKey).publicKey;
    expect(ed25519Verify(publicOf(derived), message, derived.sign(message))).toBe(true);
    expect(ed25519Verify(publicOf(key), message, derived.sign(message))).toBe(false);
    expect(ed25519Verify(publicOf(derived), message, key.sign(message))).toBe(false);
  });

  it('of a statement key is that key, also when it has been read from text', () => {
    expect(statementKey(derived)).toBe(derived);
    const read = parseSigningKey(formatSigningKey(derived));
    expect(read.purpose).toBe('statements');
    expect(statementKey(read)).toBe(read);
  });

  it('refuses a name that leaves no room for its own', () => {
    expect(refusal(() => statementKey(createSigningKey('x'.repeat(1020), SEED))).code).toBe('H4_PARAM');
  });
});

describeShared('the signing key of Go', (shared) => {
  const notes = JSON.parse(readFileSync(`${shared}/vectors/signed_notes.json`, 'utf8')) as {
    vkey: string;
    skey?: string;
    note: string;
  }[];
  const withKeys = notes.flatMap(({ skey, ...rest }) => (skey === undefined ? [] : [{ skey, ...rest }]));

  it('is there', () => {
    expect(withKeys).toHaveLength(1);
  });

  it.each(withKeys)('$vkey signs the note as Go does', ({ skey, vkey, note }) => {
    const signer = parseSigningKey(skey);
    expect(signer.verificationKey).toBe(vkey);
    expect(formatSigningKey(signer)).toBe(skey);
    const end = note.lastIndexOf('\n\n') + 1;
    const line = concatBytes(fromHex(signer.keyId), signer.sign(utf8Encode(note.slice(0, end))));
    expect(note).toBe(`${note.slice(0, end)}\n\u2014 ${signer.name} ${toBase64(line)}\n`);
  });
});
