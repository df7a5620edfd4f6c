import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromBase64, fromHex, toBase64, toHex, utf8Decode, utf8Encode } from '../../src/utils/bytes.js';
import { canonicalJson } from '../../src/utils/canonical-json.js';
import {
  createEnvelope,
  type Envelope,
  ENVELOPE_LIMITS,
  envelopeOf,
  parseEnvelope,
  preAuthEncoding,
  verifyEnvelope,
} from '../../src/utils/dsse.js';
import { p1363ToDer } from '../../src/utils/ecdsa-signature.js';
import type { ErrorCode } from '../../src/utils/error-codes.js';
import type { JsonValue } from '../../src/utils/json-value.js';
import { createSigningKey, type SigningKey, statementKey } from '../../src/utils/signing-key.js';
import {
  createVerificationKey,
  keyReference,
  parseVerificationKey,
  type VerificationKey,
  verifySignature,
} from '../../src/utils/verification-key.js';
import { describeShared } from '../support/shared.js';
import { refusal } from './refusal.js';

const keyOf = (name: string, byte: number): SigningKey => createSigningKey(name, new Uint8Array(32).fill(byte));
const publicOf = (key: SigningKey): VerificationKey => parseVerificationKey(key.verificationKey);

const recorder = keyOf('example.org/recorder', 1);
const statements = statementKey(recorder);
const other = keyOf('example.org/other/statements', 2);
const payloadType = 'text/x-claim';
const payload = utf8Encode('{"claim": true}');

const signed = createEnvelope({ payloadType, payload, key: statements });
const signedByOther = createEnvelope({ payloadType, payload, key: other });
const [signature] = signed.signatures;
const [otherSignature] = signedByOther.signatures;
if (signature === undefined || otherSignature === undefined) throw new Error('createEnvelope() made no signature');

/** The envelope with some of its members changed, parsed. */
const parsed = (changes: Readonly<Record<string, JsonValue>> = {}): Envelope =>
  parseEnvelope(canonicalJson({ ...signed, ...changes }));

describe('preAuthEncoding()', () => {
  it('states the lengths in bytes', () => {
    expect(utf8Decode(preAuthEncoding('', new Uint8Array(0)))).toBe('DSSEv1 0  0 ');
    expect(utf8Decode(preAuthEncoding('ü', utf8Encode('€')))).toBe('DSSEv1 2 ü 3 €');
  });

  it('keeps type and payload apart', () => {
    expect(preAuthEncoding('a 1 b', utf8Encode('c'))).not.toEqual(preAuthEncoding('a', utf8Encode('b 1 c')));
  });
});

describe('createEnvelope()', () => {
  it('signs type and payload, and names its key', () => {
    expect(signed).toEqual({
      payloadType,
      payload: toBase64(payload),
      signatures: [{ keyid: `${statements.name}+${statements.keyId}`, sig: expect.any(String) as string }],
    });
    expect(createEnvelope({ payloadType, payload, key: statements })).toEqual(signed);
  });

  it('lets the statement key sign where it is given the key for checkpoints', () => {
    expect(createEnvelope({ payloadType, payload, key: recorder })).toEqual(signed);
  });
});

describe('parseEnvelope()', () => {
  it('reads text and bytes, and what has been parsed', () => {
    const text = JSON.stringify(signed);
    const envelope = {
      payloadType,
      payload,
      signatures: [{ keyid: signature.keyid, signature: fromBase64(signature.sig) }],
    };
    expect(parseEnvelope(text)).toEqual(envelope);
    expect(parseEnvelope(utf8Encode(text))).toEqual(envelope);
    expect(envelopeOf(signed)).toEqual(envelope);
  });

  it('ignores members that it does not know, and takes an empty key ID for none', () => {
    expect(parsed({ more: { of: [1] }, signatures: [{ sig: 'AA==', keyid: '', cert: 'x' }, { sig: '' }] })).toEqual({
      payloadType,
      payload,
      signatures: [
        { keyid: undefined, signature: Uint8Array.of(0) },
        { keyid: undefined, signature: new Uint8Array(0) },
      ],
    });
  });

  const withOut = (member: string): Readonly<Record<string, JsonValue>> =>
    Object.fromEntries(Object.entries<JsonValue>(signed).filter(([name]) => name !== member));
  const { sig } = signature;

  it.each<[string, JsonValue]>([
    ['null', null],
    ['a list', [signed]],
    ['a text', 'envelope'],
    ['no payload type', withOut('payloadType')],
    ['a payload type that is no text', { ...signed, payloadType: 1 }],
    ['no payload', withOut('payload')],
    ['a payload that is an object', { ...signed, payload: {} }],
    ['a payload without padding', { ...signed, payload: 'e3' }],
    ['a payload in base64url', { ...signed, payload: '-_8=' }],
    ['a payload with unused bits', { ...signed, payload: 'e31=' }],
    ['no signatures', withOut('signatures')],
    ['an empty list of signatures', { ...signed, signatures: [] }],
    ['signatures that are no list', { ...signed, signatures: { 0: { sig } } }],
    ['a signature that is text', { ...signed, signatures: [sig] }],
    ['a signature that is a list', { ...signed, signatures: [[sig]] }],
    ['a signature without sig', { ...signed, signatures: [{ sig }, { keyid: 'k' }] }],
    ['a signature that is no base64', { ...signed, signatures: [{ sig: 'sig!' }] }],
    ['a key ID that is no text', { ...signed, signatures: [{ sig, keyid: 1 }] }],
    ['a key ID that is null', { ...signed, signatures: [{ sig, keyid: null }] }],
  ])('refuses %s', (_, json) => {
    expect(refusal(() => parseEnvelope(JSON.stringify(json))).code).toBe('H4_ATTS_ENVELOPE');
  });

  it('refuses what is no strict JSON, and says where', () => {
    const twice = JSON.stringify(signed).replace('{', '{"payload":"AA==",');
    for (const text of ['', '{', twice, `${JSON.stringify(signed)} x`]) {
      const error = refusal(() => parseEnvelope(text));
      expect([error.code, error.message]).toEqual(['H4_ATTS_ENVELOPE', expect.stringContaining('at character')]);
    }
    expect(refusal(() => parseEnvelope(Uint8Array.of(0x22, 0xff, 0x22))).code).toBe('H4_ATTS_ENVELOPE');
    expect(refusal(() => parseEnvelope('"\ud800"')).code).toBe('H4_ATTS_ENVELOPE');
    expect(refusal(() => envelopeOf({ ...signed, payloadType: '\ud800' })).code).toBe('H4_ATTS_ENVELOPE');
  });

  it.each<[string, ErrorCode, () => unknown]>([
    [
      'a text',
      'H4_LIMIT_META',
      () => parseEnvelope(`${JSON.stringify(signed)}${' '.repeat(ENVELOPE_LIMITS.maxBytes)}`),
    ],
    ['bytes', 'H4_LIMIT_META', () => parseEnvelope(new Uint8Array(ENVELOPE_LIMITS.maxBytes + 1))],
    ['text of long characters', 'H4_LIMIT_META', () => parseEnvelope(`"${'€'.repeat(600_000)}"`)],
    ['a payload', 'H4_LIMIT_META', () => envelopeOf({ ...signed, payload: 'A'.repeat(ENVELOPE_LIMITS.maxBytes + 4) })],
    ['nesting', 'H4_LIMIT_META', () => parseEnvelope(`${'['.repeat(33)}${']'.repeat(33)}`)],
    [
      'signatures',
      'H4_LIMIT_NOTES',
      () => parsed({ signatures: Array.from({ length: 101 }, () => ({ sig: 'AA==' })) }),
    ],
  ])('bounds %s', (_, code, run) => {
    expect(refusal(run).code).toBe(code);
  });

  it('does not encode a text that is too long already', () => {
    const { message } = refusal(() => parseEnvelope(' '.repeat(ENVELOPE_LIMITS.maxBytes + 1)));
    expect(message).toBe('Cannot read an envelope of 1048577 bytes: the limit is 1048576');
  });

  it('takes as many signatures as the limit', () => {
    expect(parsed({ signatures: Array.from({ length: 100 }, () => ({ sig: 'AA==' })) }).signatures).toHaveLength(100);
  });
});

describe('verifyEnvelope()', () => {
  const keys = [publicOf(other), publicOf(statements)];

  it('gives the bytes that were verified, and who signed them', () => {
    expect(verifyEnvelope(parsed(), keys)).toEqual({ payloadType, payload, names: [statements.name] });
  });

  it('names every key once, in the order of the signatures', () => {
    const all = parsed({ signatures: [signature, otherSignature, signature, { sig: signature.sig }] });
    expect(verifyEnvelope(all, keys).names).toEqual([statements.name, other.name]);
  });

  it('ignores signatures of strangers, and says whose they are if there are no others', () => {
    const stranger = { keyid: 'stranger\n+00000000', sig: signature.sig };
    expect(verifyEnvelope(parsed({ signatures: [stranger, signature] }), keys).names).toEqual([statements.name]);
    const error = refusal(() => verifyEnvelope(parsed({ signatures: [stranger, { sig: 'AA==' }] }), keys));
    expect(error).toMatchObject({
      code: 'H4_SIGN_UNTRUSTED',
      message:
        'Cannot trust the envelope: it is signed by "stranger\\n+00000000", somebody unnamed; ' +
        `configured is ${signedByOther.signatures[0]?.keyid ?? ''}, ${signature.keyid ?? ''}`,
    });
  });

  it('trusts nobody where nobody is configured', () => {
    const error = refusal(() => verifyEnvelope(parsed(), []));
    expect([error.code, error.message.endsWith('configured is nobody')]).toEqual(['H4_SIGN_UNTRUSTED', true]);
  });

  it('tries a signature without key ID with every key', () => {
    const unnamed = parsed({ signatures: [{ sig: otherSignature.sig }] });
    expect(verifyEnvelope(unnamed, keys).names).toEqual([other.name]);
    expect(refusal(() => verifyEnvelope(unnamed, [publicOf(statements)])).code).toBe('H4_SIGN_UNTRUSTED');
  });

  it('believes no key ID', () => {
    const claimed = parsed({ signatures: [{ keyid: otherSignature.keyid ?? '', sig: signature.sig }] });
    expect(refusal(() => verifyEnvelope(claimed, keys)).code).toBe('H4_SIGN_BAD');
  });

  it.each<[string, Readonly<Record<string, JsonValue>>]>([
    ['payload', { payload: toBase64(utf8Encode('{"claim": 1234}')) }],
    ['payload type', { payloadType: 'text/y-claim' }],
    ['signature', { signatures: [{ ...signature, sig: otherSignature.sig }] }],
    ['length of a signature', { signatures: [{ ...signature, sig: 'AAAA' }] }],
  ])('refuses a changed %s, even beside a good signature', (_, changes) => {
    expect(refusal(() => verifyEnvelope(parsed(changes), keys)).code).toBe('H4_SIGN_BAD');
    const both = parsed({ signatures: [otherSignature, { ...signature, sig: 'AAAA' }] });
    expect(refusal(() => verifyEnvelope(both, keys)).code).toBe('H4_SIGN_BAD');
  });

  it('asks for no key of a witness, unless the envelope names it', () => {
    const witness = publicOf(createSigningKey('witness.example', new Uint8Array(32).fill(3), 'witness'));
    expect(verifyEnvelope(parsed(), [witness, ...keys]).names).toEqual([statements.name]);
    expect(verifyEnvelope(parsed({ signatures: [{ sig: signature.sig }] }), [witness, ...keys]).names).toHaveLength(1);
    const named = parsed({ signatures: [{ keyid: keyReference(witness), sig: signature.sig }] });
    expect(refusal(() => verifyEnvelope(named, [witness])).code).toBe('H4_VKEY');
  });

  it('verifies with P-256 keys, too', () => {
    const p256 = createSigningKey('hardware.example/statements', new Uint8Array(32).fill(4), 'p256');
    const envelope = parseEnvelope(canonicalJson(createEnvelope({ payloadType, payload, key: p256 })));
    expect(verifyEnvelope(envelope, [...keys, publicOf(p256)]).names).toEqual([p256.name]);
    const [{ signature: made } = { signature: new Uint8Array(0) }] = envelope.signatures;
    const unnamed = parsed({ signatures: [{ sig: toBase64(made) }] });
    expect(verifyEnvelope(unnamed, [...keys, publicOf(p256)]).names).toEqual([p256.name]);
    const changed = { ...envelope, payload: utf8Encode('{"claim": false}') };
    expect(refusal(() => verifyEnvelope(changed, [publicOf(p256)])).code).toBe('H4_SIGN_BAD');
  });
});

describeShared('the test vector of the DSSE protocol', (shared) => {
  const vector = JSON.parse(readFileSync(`${shared}/vectors/dsse_protocol_vector.json`, 'utf8')) as {
    readonly serialized_body: string;
    readonly payload_type: string;
    readonly pae: string;
    readonly x: string;
    readonly y: string;
    readonly envelope: { readonly [member: string]: JsonValue };
  };
  const { payloadType: type, payload: body, signatures } = envelopeOf(vector.envelope);

  it('has its payload, its type and its pre-authentication encoding', () => {
    expect([utf8Decode(body), type]).toEqual([vector.serialized_body, vector.payload_type]);
    expect(utf8Decode(preAuthEncoding(type, body))).toBe(vector.pae);
  });

  it('has a signature over that encoding', () => {
    const coordinate = (decimal: string): string =>
      Buffer.from(fromHex(BigInt(decimal).toString(16).padStart(64, '0'))).toString('base64url');
    const key = createPublicKey({
      key: { kty: 'EC', crv: 'P-256', x: coordinate(vector.x), y: coordinate(vector.y) },
      format: 'jwk',
    });
    const [{ signature: made } = { signature: new Uint8Array(0) }] = signatures;
    expect(toHex(made)).toHaveLength(128);
    const spki = new Uint8Array(key.export({ format: 'der', type: 'spki' }));
    const named = createVerificationKey('dsse.example', spki, 'p256');
    expect(verifySignature(named, preAuthEncoding(type, body), p1363ToDer(made))).toBe(true);
    // The protocol leaves the form open, and its vector has r || s; an envelope has what notes have: DER.
    expect(verifySignature(named, preAuthEncoding(type, body), made)).toBe(false);
    expect(verify('sha256', preAuthEncoding(type, body), { key, dsaEncoding: 'ieee-p1363' }, made)).toBe(true);
  });
});
