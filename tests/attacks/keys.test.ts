/** Attacks that take one key, signature or text for another (spec/h4mk.md sections 8 and 15; C2SP signed-note). */
import { generateKeyPairSync, sign as signWithNode } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, toBase64, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { preAuthEncoding } from '../../src/utils/dsse.js';
import { sha256 } from '../../src/utils/sha256.js';
import { type SigningKey, createSigningKey, statementKey } from '../../src/utils/signing-key.js';
import { cosignedText, parseVerificationKey } from '../../src/utils/verification-key.js';
import { cli } from '../cli/support/harness.js';
import { temporaryFolder } from '../cli/support/files.js';
import {
  NAME,
  RECORDS,
  kitOf,
  lineOf,
  namesake,
  noteOf,
  original,
  resigned,
  signed,
  signer,
  textOf,
} from './surgery.js';
import { NOW, expectVerdict } from './verdict.js';

const folder = temporaryFolder();

/** The recording with other signature lines, made for each checkpoint's text. */
const linesOf = async (lines: (text: string) => readonly string[]): Promise<Uint8Array> =>
  resigned(await kitOf(), (checkpoint) => {
    const text = textOf(checkpoint);
    return noteOf(text, ...lines(text));
  }).bytes();

const UNTRUSTED = { state: 'SIGNED_UNTRUSTED_KEY', exit: 1, codes: ['H4_SIGN_UNTRUSTED'] } as const;
const BAD = { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_BAD'] } as const;

/** A verification key of any type, as C2SP writes it. */
const vkeyOf = (name: string, type: number, publicKey: Uint8Array): string => {
  const id = sha256(utf8Encode(`${name}\n`), Uint8Array.of(type), publicKey).subarray(0, 4);
  return `${name}+${toHex(id)}+${toBase64(concatBytes(Uint8Array.of(type), publicKey))}`;
};

const publicKeyOf = (key: SigningKey): Uint8Array => parseVerificationKey(key.verificationKey).publicKey;

describe('another key', () => {
  it('with the same name is another key', async () => {
    await expectVerdict(folder, await linesOf((text) => [signed(namesake, text)]), UNTRUSTED);
  });

  it('with the same name, which claims the ID of the configured one', async () => {
    const file = await linesOf((text) => [lineOf(NAME, signer.keyId, namesake.sign(utf8Encode(text)))]);
    await expectVerdict(folder, file, BAD);
  });

  it('that claims the ID of the configured one under a name of its own', async () => {
    const file = await linesOf((text) => [
      lineOf('example.net/mallory', signer.keyId, namesake.sign(utf8Encode(text))),
    ]);
    await expectVerdict(folder, file, UNTRUSTED);
  });

  it('that comes with a text whose ID was made of the configured one', async () => {
    const [, , base64 = ''] = namesake.verificationKey.split('+');
    const forged = `${NAME}+${signer.keyId}+${base64}`;
    expect(() => parseVerificationKey(forged)).toThrow(expect.objectContaining({ code: 'H4_VKEY' }));
    const path = await folder.write('good.h4mk', await original());
    const ended = await cli(['verify', '--key', forged, path]);
    expect([ended.code, ended.stdout]).toEqual([expect.any(Number), '']);
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toContain('H4_VKEY');
  });
});

describe('the key for statements', () => {
  const statements = statementKey(signer);
  const believed = { keys: [{ vkey: signer.verificationKey }], statement_keys: [statements.verificationKey] };

  it('signs a checkpoint: it does not count, although it is configured for statements', async () => {
    const file = await linesOf((text) => [signed(statements, text)]);
    await expectVerdict(folder, file, UNTRUSTED, { policy: believed });
  });

  it('signs a checkpoint with an origin in its own name', async () => {
    const file = resigned(await kitOf(), (checkpoint) => {
      const text = textOf(checkpoint, statements.name);
      return noteOf(text, signed(statements, text));
    }).bytes();
    await expectVerdict(folder, file, UNTRUSTED, { policy: believed });
  });

  it('signs a checkpoint in the name and with the ID of the key for checkpoints', async () => {
    const file = await linesOf((text) => [lineOf(NAME, signer.keyId, statements.sign(utf8Encode(text)))]);
    await expectVerdict(folder, file, BAD, { policy: believed });
  });
});

describe('a witness', () => {
  const seed = new Uint8Array(32).fill(9);
  const own = createSigningKey('witness.example/w', seed);
  const vkey = vkeyOf(own.name, 4, publicKeyOf(own));
  const keyId = vkey.split('+')[1] ?? '';
  const time = NOW - 3600;
  const cosign = (key: SigningKey, text: string): Uint8Array =>
    concatBytes(
      new Uint8Array(new BigUint64Array([BigInt(time)]).buffer).reverse(),
      key.sign(cosignedText(time, utf8Encode(text))),
    );
  const policy = { keys: [{ vkey: signer.verificationKey }], witnesses: [vkey], quorum: 1 };

  it('has seen a checkpoint that the signer signed', async () => {
    const file = await linesOf((text) => [signed(signer, text), lineOf(own.name, keyId, cosign(own, text))]);
    await expectVerdict(folder, file, { state: 'OK', exit: 0, signed: RECORDS }, { policy });
  });

  it('does not stand for a signer: a line of its alone proves nothing', async () => {
    const file = await linesOf((text) => [lineOf(own.name, keyId, cosign(own, text))]);
    await expectVerdict(folder, file, UNTRUSTED, { policy });
  });

  it('is demanded, and its line is missing', async () => {
    await expectVerdict(
      folder,
      await original(),
      { state: 'SIGNED_UNTRUSTED_KEY', exit: 1, codes: ['H4_SIGN_QUORUM'], signed: 0 },
      { policy },
    );
  });

  it('is demanded, and the signer writes its line himself', async () => {
    const file = await linesOf((text) => [signed(signer, text), lineOf(own.name, keyId, cosign(signer, text))]);
    await expectVerdict(folder, file, BAD, { policy });
  });

  it('is demanded, and the line is one over another time', async () => {
    const file = await linesOf((text) => {
      const signature = cosign(own, text);
      signature[7] = (signature[7] ?? 0) ^ 1;
      return [signed(signer, text), lineOf(own.name, keyId, signature)];
    });
    await expectVerdict(folder, file, BAD, { policy });
  });

  it('is demanded twice, and one is shown two times', async () => {
    const file = await linesOf((text) => {
      const line = lineOf(own.name, keyId, cosign(own, text));
      return [signed(signer, text), line, line];
    });
    const other = createSigningKey('witness.example/v', new Uint8Array(32).fill(10));
    const two = { ...policy, witnesses: [vkey, vkeyOf(other.name, 4, publicKeyOf(other))], quorum: 2 };
    await expectVerdict(
      folder,
      file,
      { state: 'SIGNED_UNTRUSTED_KEY', exit: 1, codes: ['H4_SIGN_QUORUM'] },
      { policy: two },
    );
  });

  it('writes its line in the name of the signer', async () => {
    const file = await linesOf((text) => [lineOf(NAME, signer.keyId, cosign(own, text))]);
    await expectVerdict(folder, file, BAD, { policy });
  });

  it('is the key pair of the signer under the type of a witness: its cosignature is no signature', async () => {
    const same = vkeyOf(NAME, 4, publicKeyOf(signer));
    const file = await linesOf((text) => [lineOf(NAME, same.split('+')[1] ?? '', cosign(signer, text))]);
    await expectVerdict(folder, file, UNTRUSTED);
  });

  it('is the key pair of the signer: no policy takes one secret for two people', async () => {
    const same = { v: 1, ...policy, witnesses: [vkeyOf(NAME, 4, publicKeyOf(signer))] };
    const path = await folder.write('same.h4mk', await original());
    const ended = await cli(['verify', '--policy', await folder.write('same.policy', JSON.stringify(same)), path]);
    expect([ended.code, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toContain('H4_POLICY');
  });
});

describe('the other algorithm', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const p256 = {
    id: toHex(sha256(spki).subarray(0, 4)),
    vkey: `${NAME}+${toHex(sha256(spki).subarray(0, 4))}+${toBase64(concatBytes(Uint8Array.of(2), spki))}`,
    sign: (text: string, dsaEncoding: 'der' | 'ieee-p1363' = 'der'): Uint8Array =>
      new Uint8Array(signWithNode('sha256', utf8Encode(text), { key: privateKey, dsaEncoding })),
  };
  const policy = { keys: [{ vkey: p256.vkey }] };

  it('is as good where it is configured', async () => {
    const file = await linesOf((text) => [lineOf(NAME, p256.id, p256.sign(text))]);
    await expectVerdict(folder, file, { state: 'OK', exit: 0, signed: RECORDS }, { policy });
  });

  it('signs where Ed25519 is configured', async () => {
    await expectVerdict(folder, await linesOf((text) => [lineOf(NAME, p256.id, p256.sign(text))]), UNTRUSTED);
  });

  it('signs with the ID of the Ed25519 key', async () => {
    await expectVerdict(folder, await linesOf((text) => [lineOf(NAME, signer.keyId, p256.sign(text))]), BAD);
    const raw = await linesOf((text) => [lineOf(NAME, signer.keyId, p256.sign(text, 'ieee-p1363'))]);
    await expectVerdict(folder, raw, BAD);
  });

  it('is configured, and Ed25519 signs with its ID', async () => {
    const file = await linesOf((text) => [lineOf(NAME, p256.id, signer.sign(utf8Encode(text)))]);
    await expectVerdict(folder, file, BAD, { policy });
  });

  it('is configured, and its two numbers come without DER', async () => {
    const file = await linesOf((text) => [lineOf(NAME, p256.id, p256.sign(text, 'ieee-p1363'))]);
    await expectVerdict(folder, file, BAD, { policy });
  });
});

describe('a signature over something else', () => {
  it('over a statement about this checkpoint (DSSE)', async () => {
    const file = await linesOf((text) => [
      lineOf(NAME, signer.keyId, signer.sign(preAuthEncoding('application/vnd.in-toto+json', utf8Encode(text)))),
    ]);
    await expectVerdict(folder, file, BAD);
  });

  it('over the note with its blank line', async () => {
    const file = await linesOf((text) => [lineOf(NAME, signer.keyId, signer.sign(utf8Encode(`${text}\n`)))]);
    await expectVerdict(folder, file, BAD);
  });

  it('over the root alone', async () => {
    const file = resigned(await kitOf(), (checkpoint) =>
      noteOf(textOf(checkpoint), lineOf(NAME, signer.keyId, signer.sign(checkpoint.root))),
    ).bytes();
    await expectVerdict(folder, file, BAD);
  });

  it('over what a witness signs', async () => {
    const file = await linesOf((text) => [
      lineOf(NAME, signer.keyId, signer.sign(cosignedText(NOW, utf8Encode(text)))),
    ]);
    await expectVerdict(folder, file, BAD);
  });
});

describe('a key that is no longer, or not yet, in force', () => {
  const of = (more: Record<string, unknown>) => ({ policy: { keys: [{ vkey: signer.verificationKey, ...more }] } });
  const at = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`;

  it('was revoked, and nobody witnessed what it signed before', async () => {
    await expectVerdict(folder, await original(), UNTRUSTED, of({ revoked_at: at(NOW - 100) }));
    await expectVerdict(folder, await original(), UNTRUSTED, of({ revoked_at: at(NOW + 100) }));
  });

  it('has run out, or has not begun', async () => {
    await expectVerdict(folder, await original(), UNTRUSTED, of({ not_after: at(NOW - 1) }));
    await expectVerdict(folder, await original(), UNTRUSTED, of({ not_before: at(NOW + 1) }));
    await expectVerdict(
      folder,
      await original(),
      { state: 'OK', exit: 0 },
      of({ not_before: at(NOW - 1), not_after: at(NOW + 1) }),
    );
  });
});
