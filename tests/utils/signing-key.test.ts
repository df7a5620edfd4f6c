import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toBase64, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { p256Sign } from '../../src/utils/ecdsa-p256.js';
import { derToP1363 } from '../../src/utils/ecdsa-signature.js';
import { ed25519PublicKey, ed25519Verify } from '../../src/utils/ed25519.js';
import { hkdf } from '../../src/utils/hkdf.js';
import { sha256 } from '../../src/utils/sha256.js';
import {
  cosign,
  createSigningKey,
  formatSigningKey,
  parseSigningKey,
  type SigningKey,
  statementKey,
} from '../../src/utils/signing-key.js';
import {
  parseVerificationKey,
  verifyCosignature,
  verifySignature,
  type WitnessVerificationKey,
} from '../../src/utils/verification-key.js';
import { describeShared } from '../support/shared.js';
import { refusal } from './refusal.js';

/** The example of the specification, section 8.1. */
const SEED = fromHex('404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f');
const NAME = 'example.org/recorder';
const VKEY = 'example.org/recorder+6b4b33a3+ASVDuS/xCVURR2rcg2nbbdyTNmWhGXjdoUBO4QZsqVWd';
const SECRET = toBase64(concatBytes(Uint8Array.of(1), SEED));
const TEXT = `PRIVATE+KEY+${NAME}+6b4b33a3+${SECRET}`;

const key = createSigningKey(NAME, SEED);
const p256 = createSigningKey(NAME, SEED, 'p256');
const witness = createSigningKey('example.org/witness', SEED, 'witness');

/** What everybody may see of a key. */
const shownOf = ({ type, name, keyId, verificationKey, purpose }: SigningKey): unknown => ({
  type,
  name,
  keyId,
  verificationKey,
  purpose,
});

describe('a signing key', () => {
  it('has the public half that the specification shows', () => {
    expect(shownOf(key)).toEqual({
      type: 'ed25519',
      name: NAME,
      keyId: '6b4b33a3',
      verificationKey: VKEY,
      purpose: 'checkpoints',
    });
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
    for (const each of [key, statementKey(key), parseSigningKey(TEXT), p256, witness]) {
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
    ['another type', `PRIVATE+KEY+${NAME}+6b4b33a3+${toBase64(concatBytes(Uint8Array.of(3), SEED))}`],
    ['P-256 with the ID of another type', TEXT.replace(SECRET, toBase64(concatBytes(Uint8Array.of(2), SEED)))],
    ['a witness with the ID of another type', TEXT.replace(SECRET, toBase64(concatBytes(Uint8Array.of(4), SEED)))],
    ['P-256 with the secret 0', TEXT.replace(SECRET, toBase64(concatBytes(Uint8Array.of(2), new Uint8Array(32))))],
    ['a short P-256 secret', TEXT.replace(SECRET, toBase64(concatBytes(Uint8Array.of(2), SEED.subarray(1))))],
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

describe('a P-256 key', () => {
  const message = utf8Encode('some bytes');

  it('signs in DER, the same each time', () => {
    const key = parseVerificationKey(p256.verificationKey);
    expect([p256.type, key.type, p256.purpose]).toEqual(['p256', 'p256', 'checkpoints']);
    expect(p256.keyId).toBe(toHex(sha256(key.publicKey).subarray(0, 4)));
    const signature = p256.sign(message);
    expect(p256.sign(message)).toEqual(signature);
    expect(derToP1363(signature)).toEqual(p256Sign(SEED, message));
    expect(verifySignature(key, message, signature)).toBe(true);
  });

  it('is written and read as text', () => {
    const text = formatSigningKey(p256);
    expect(text).toBe(`PRIVATE+KEY+${NAME}+${p256.keyId}+${toBase64(concatBytes(Uint8Array.of(2), SEED))}`);
    expect(shownOf(parseSigningKey(text))).toEqual(shownOf(p256));
    expect(parseSigningKey(text).sign(message)).toEqual(p256.sign(message));
  });

  it('has an Ed25519 key for statements', () => {
    const derived = statementKey(p256);
    expect([derived.type, derived.name, derived.purpose]).toEqual(['ed25519', `${NAME}/statements`, 'statements']);
    const seed = hkdf(SEED, new Uint8Array(0), utf8Encode('h4mk/v1/statement'), 32);
    expect(parseVerificationKey(derived.verificationKey).publicKey).toEqual(ed25519PublicKey(seed));
  });

  it('for statements is its own key for statements', () => {
    const own = createSigningKey('example.org/hardware/statements', SEED, 'p256');
    expect(statementKey(own)).toBe(own);
  });

  it('is not made of what is no secret', () => {
    expect(refusal(() => createSigningKey(NAME, new Uint8Array(32), 'p256')).code).toBe('H4_PARAM');
    expect(refusal(() => createSigningKey('a b', SEED, 'p256')).code).toBe('H4_PARAM');
  });
});

describe('the key of a witness', () => {
  const note = utf8Encode('example.org/recorder/00\n5\nroot\n');
  const verifier = parseVerificationKey(witness.verificationKey) as WitnessVerificationKey;

  it('is written and read as text, with an ID of its own', () => {
    expect([witness.type, verifier.type]).toEqual(['witness', 'witness']);
    expect(witness.keyId).not.toBe(createSigningKey('example.org/witness', SEED).keyId);
    const text = formatSigningKey(witness);
    expect(shownOf(parseSigningKey(text))).toEqual(shownOf(witness));
    expect(text.endsWith(`+${toBase64(concatBytes(Uint8Array.of(4), SEED))}`)).toBe(true);
  });

  it.each([0, 1_700_000_000, Number.MAX_SAFE_INTEGER])('cosigns a checkpoint at %i', (time) => {
    const signature = cosign(witness, time, note);
    expect(signature).toHaveLength(72);
    expect(cosign(witness, time, note)).toEqual(signature);
    expect(verifyCosignature(verifier, note, signature)).toBe(time);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('cosigns nothing at %d', (time) => {
    expect(refusal(() => cosign(witness, time, note))).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot cosign at ${time}: a time is a whole number of seconds since 1970`,
    });
  });

  it('signs nothing else, and nobody else cosigns', () => {
    const nothing = 'the key of a witness cosigns checkpoints, and nothing else';
    for (const [run, what] of [
      [() => witness.sign(note), 'sign'],
      [() => statementKey(witness), 'sign statements'],
    ] as const) {
      expect(refusal(run)).toMatchObject({
        code: 'H4_PARAM',
        message: `Cannot ${what} with ${witness.name}+${witness.keyId}: ${nothing}`,
      });
    }
    for (const other of [key, p256]) {
      const { code, message } = refusal(() => cosign(other, 1, note));
      expect([code, message]).toEqual([
        'H4_PARAM',
        `Cannot cosign with ${NAME}+${other.keyId}: it is no key of a witness`,
      ]);
    }
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

describeShared('the keys of the samples', (shared) => {
  const samples = JSON.parse(readFileSync(`${shared}/samples/samples.json`, 'utf8')) as Record<
    'vkey' | 'witness_vkey' | 'seed_hex' | 'witness_seed_hex',
    string
  >;
  const nameOf = (vkey: string): string => vkey.split('+')[0] ?? '';
  const recorder = createSigningKey(nameOf(samples.vkey), fromHex(samples.seed_hex));
  const seen = createSigningKey(nameOf(samples.witness_vkey), fromHex(samples.witness_seed_hex), 'witness');

  it('have the public halves that stand there', () => {
    expect([recorder.verificationKey, seen.verificationKey]).toEqual([samples.vkey, samples.witness_vkey]);
  });

  it('sign and cosign the checkpoint of a sample as it is signed and cosigned there', () => {
    const file = readFileSync(`${shared}/samples/signed.h4mk`);
    const at = file.lastIndexOf('SIGN');
    const note = file.subarray(at + 12, at + 12 + file.readUInt32BE(at + 4)).toString();
    const noteText = utf8Encode(note.slice(0, note.lastIndexOf('\n\n') + 1));
    const lines = note.trimEnd().split('\n').slice(-2);
    const cosigned = Buffer.from(lines[1]?.split(' ')[2] ?? '', 'base64');
    const time = Number(cosigned.readBigUInt64BE(4));
    const line = (key: SigningKey, signature: Uint8Array): string =>
      `\u2014 ${key.name} ${toBase64(concatBytes(fromHex(key.keyId), signature))}`;
    expect(lines).toEqual([line(recorder, recorder.sign(noteText)), line(seen, cosign(seen, time, noteText))]);
  });
});
