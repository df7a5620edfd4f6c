import { describe, expect, it } from 'vitest';
import { storedEngine } from '../../src/compression/api/stored.js';
import { attest, type Attestation } from '../../src/compression/attest.js';
import { type AttestationPolicy, verifyAttestation } from '../../src/compression/verify-attestation.js';
import { fromBase64, utf8Decode, utf8Encode } from '../../src/utils/bytes.js';
import { createEnvelope } from '../../src/utils/dsse.js';
import type { JsonValue } from '../../src/utils/json-value.js';
import { createSigningKey, statementKey } from '../../src/utils/signing-key.js';
import { parseVerificationKey } from '../../src/utils/verification-key.js';

const info = storedEngine.info();
const { engine_id, fingerprint } = info;
const now = 1_700_000_000;
const key = createSigningKey('example.org/service', new Uint8Array(32).fill(9));
const keys = [parseVerificationKey(statementKey(key).verificationKey)];
const nonce = 'AAECAwQFBgcICQoLDA0ODw';
const otherNonce = 'BBECAwQFBgcICQoLDA0ODw';

const genuine = attest({ info, timestampUnix: now, nonce, key });
const unsigned = attest({ info, timestampUnix: now, nonce });

/** The checks that failed, and whether it was valid and proven all the same. */
function outcome(attestation: JsonValue, policy: Partial<AttestationPolicy> = {}): unknown {
  const { valid, proven, checks } = verifyAttestation(attestation, { keys, now, ...policy });
  return { valid, proven, failed: checks.filter(({ ok }) => !ok).map(({ name }) => name) };
}

const sound = { valid: true, proven: true, failed: [] };
const failing = (...failed: string[]) => ({ valid: false, proven: false, failed });

/** The attestation with another statement, signed by the right key. */
function resigned(change: (statement: Record<string, JsonValue>) => JsonValue, payloadType?: string): Attestation {
  const { envelope } = genuine;
  if (envelope === undefined) throw new Error('no envelope');
  const statement = JSON.parse(utf8Decode(fromBase64(envelope.payload))) as Record<string, JsonValue>;
  const payload = utf8Encode(JSON.stringify(change(statement)));
  return { ...genuine, envelope: createEnvelope({ payloadType: payloadType ?? envelope.payloadType, payload, key }) };
}

const predicateWith =
  (changes: Record<string, JsonValue | undefined>) =>
  (statement: Record<string, JsonValue>): JsonValue => ({
    ...statement,
    predicate: JSON.parse(JSON.stringify({ ...(statement['predicate'] as object), ...changes })) as JsonValue,
  });

const without =
  (member: string) =>
  (statement: Record<string, JsonValue>): JsonValue =>
    Object.fromEntries(Object.entries(statement).filter(([name]) => name !== member));

describe('verifyAttestation()', () => {
  it('finds a genuine attestation valid, says why, and who signed', () => {
    const expected = { engine_id, fingerprint };
    const report = verifyAttestation(genuine, { keys, nonce, now: now + 12, expected, current: info });
    expect(report).toEqual({
      valid: true,
      proven: true,
      names: ['example.org/service/statements'],
      namesCurrentEngine: true,
      checks: [
        { name: 'form', ok: true, why: 'all fields are there' },
        { name: 'hash', ok: true, why: 'the hash is that of the fields' },
        { name: 'signature', ok: true, why: 'signed by example.org/service/statements' },
        { name: 'statement', ok: true, why: 'it is an in-toto statement about an engine' },
        { name: 'agreement', ok: true, why: 'the fields are those of the statement' },
        { name: 'time', ok: true, why: 'signed 12 s ago, within the window of 300 s' },
        { name: 'nonce', ok: true, why: 'the nonce is the one sent' },
        { name: 'engine', ok: true, why: 'the engine is the expected one' },
      ],
    });
  });

  it('survives the way over the wire', () => {
    expect(outcome(JSON.parse(JSON.stringify(genuine)) as JsonValue, { nonce })).toEqual(sound);
  });

  it.each([
    [0, true],
    [300, true],
    [301, false],
    [-300, true],
    [-301, false],
    [Number.NaN, false],
  ])('%d seconds later: within the window is %s', (seconds, ok) => {
    expect(outcome(genuine, { now: now + seconds })).toEqual(ok ? sound : failing('time'));
  });

  it('takes another window', () => {
    expect(outcome(genuine, { now: now + 11, maxAgeSeconds: 10 })).toEqual(failing('time'));
    expect(outcome(genuine, { now: now + 10, maxAgeSeconds: 10 })).toEqual(sound);
    const { checks } = verifyAttestation(genuine, { keys, now: now - 1000 });
    expect(checks.find(({ name }) => name === 'time')?.why).toBe(
      'signed 1000 s in the future, outside the window of 300 s',
    );
  });

  it('wants the nonce that was sent, and misses an absent one', () => {
    expect(outcome(genuine, { nonce: otherNonce })).toEqual(failing('nonce'));
    const without = attest({ info, timestampUnix: now, key });
    expect(outcome(without)).toEqual(sound);
    expect(outcome(without, { nonce })).toEqual(failing('nonce'));
    expect(outcome({ ...without, nonce }, { nonce })).toEqual(failing('agreement', 'nonce'));
  });

  it('wants the engine that was expected', () => {
    for (const expected of [
      { engine_id: 'stored-v2', fingerprint },
      { engine_id, fingerprint: 'ab'.repeat(32) },
    ]) {
      expect(outcome(genuine, { expected })).toEqual(failing('engine'));
    }
  });

  it('says whether it is the engine of this side, and decides nothing by it', () => {
    const named = (current?: AttestationPolicy['current']): boolean | null =>
      verifyAttestation(genuine, { keys, now, ...(current === undefined ? {} : { current }) }).namesCurrentEngine;
    expect(named()).toBeNull();
    expect(named(info)).toBe(true);
    expect(named({ engine_id, fingerprint: 'ab'.repeat(32) })).toBe(false);
    expect(outcome(genuine, { current: { engine_id: 'x', fingerprint } })).toEqual(sound);
    expect(verifyAttestation(null, { keys, now, current: info }).namesCurrentEngine).toBe(false);
    expect(verifyAttestation(null, { keys, now }).namesCurrentEngine).toBeNull();
  });
});

describe('an attestation that nobody has signed', () => {
  it('is valid by its hash where no keys are configured, and proves nothing', () => {
    for (const attestation of [unsigned, genuine]) {
      const report = verifyAttestation(attestation, { keys: [], now: now + 1_000_000 });
      expect(report).toMatchObject({ valid: true, proven: false, names: [] });
      expect(report.checks.map(({ name }) => name)).toEqual(['form', 'hash']);
    }
  });

  it('is not what was asked for where keys are configured', () => {
    expect(outcome(unsigned)).toEqual(failing('signature'));
  });

  it('still has to meet what is asked for', () => {
    expect(outcome(unsigned, { keys: [], nonce })).toEqual({ valid: true, proven: false, failed: [] });
    expect(outcome(unsigned, { keys: [], nonce: otherNonce })).toEqual(failing('nonce'));
    expect(outcome(unsigned, { keys: [], expected: { engine_id: 'x', fingerprint } })).toEqual(failing('engine'));
  });

  it.each<[string, Record<string, JsonValue>]>([
    ['hash', { attestation_hash: 'ab'.repeat(32) }],
    ['engine', { engine_id: 'stored-v2' }],
    ['fingerprint', { fingerprint: 'ab'.repeat(32) }],
    ['time', { timestamp_unix: now + 1 }],
  ])('is refused with another %s', (_, changes) => {
    expect(outcome({ ...unsigned, ...changes }, { keys: [] })).toEqual(failing('hash'));
  });
});

describe('an attestation that was tampered with', () => {
  it.each<[string, JsonValue]>([
    ['is no object', 'yes'],
    ['is a list', [genuine]],
    ...Object.keys(unsigned)
      .filter((name) => name !== 'engine')
      .map((name): [string, JsonValue] => [`has a ${name} that is none`, { ...genuine, [name]: [] }]),
    ['has a fraction for a time', { ...genuine, timestamp_unix: 0.5 }],
    ['has an engine that cannot be written', { ...genuine, engine_id: '\ud800' }],
    ['has a fingerprint that cannot be written', { ...genuine, fingerprint: '\udfff' }],
  ])('%s', (_, attestation) => {
    expect(outcome(attestation)).toEqual(failing('form'));
  });

  it.each<[string, Record<string, JsonValue>, string[]]>([
    ['engine_id', { engine_id: 'stored-v2' }, ['hash', 'agreement']],
    ['fingerprint', { fingerprint: 'ab'.repeat(32) }, ['hash', 'agreement']],
    ['timestamp_unix', { timestamp_unix: now + 1 }, ['hash', 'agreement']],
    ['attestation_hash', { attestation_hash: 'ab'.repeat(32) }, ['hash', 'agreement']],
    ['sealed', { sealed: true }, ['agreement']],
    ['nonce', { nonce: otherNonce }, ['agreement']],
  ])('around the envelope, in %s', (field, changes, failed) => {
    expect(outcome({ ...genuine, ...changes })).toEqual(failing(...failed));
    const { checks } = verifyAttestation({ ...genuine, ...changes }, { keys, now });
    expect(checks.find(({ name }) => name === 'agreement')?.why).toMatch(
      new RegExp(`^${field} is .*in the statement$`),
    );
  });

  it('cannot take an old time out of the window by its outer fields', () => {
    const old = attest({ info, timestampUnix: now - 1000, nonce, key });
    expect(outcome({ ...unsigned, envelope: old.envelope ?? null }, { nonce })).toEqual(failing('agreement', 'time'));
  });

  it.each<[string, JsonValue]>([
    ['is no envelope', 'envelope'],
    ['is null', null],
    ['has no signatures', { ...genuine.envelope, signatures: [] }],
    ['has a changed payload', { ...genuine.envelope, payload: 'AAAA' }],
  ])('in its envelope, which %s', (_, envelope) => {
    expect(outcome({ ...genuine, envelope })).toEqual(failing('signature'));
  });

  it('is not by a key that is configured', () => {
    const stranger = createSigningKey('example.org/stranger', new Uint8Array(32).fill(1));
    const forged = attest({ info, timestampUnix: now, nonce, key: stranger });
    expect(outcome(forged)).toEqual(failing('signature'));
    const checkpointKey = parseVerificationKey(key.verificationKey);
    expect(outcome(genuine, { keys: [checkpointKey] })).toEqual(failing('signature'));
  });
});

describe('a statement by the right key', () => {
  it.each<[string, Attestation]>([
    ['has another payload type', resigned((statement) => statement, 'application/json')],
    ['has another type', resigned((statement) => ({ ...statement, _type: 'https://in-toto.io/Statement/v0.1' }))],
    [
      'has another predicate type',
      resigned((statement) => ({ ...statement, predicateType: 'https://slsa.dev/provenance/v1' })),
    ],
    ['has no type', resigned(without('_type'))],
    ['is a list', resigned((statement) => [statement])],
    ['has no subject', resigned((statement) => ({ ...statement, subject: [] }))],
    ['has a subject that is no list', resigned((statement) => ({ ...statement, subject: {} }))],
    ['has a subject without digest', resigned((statement) => ({ ...statement, subject: [{ name: engine_id }] }))],
    [
      'has a subject without name',
      resigned((statement) => ({ ...statement, subject: [{ digest: { sha256: fingerprint } }] })),
    ],
    [
      'has two subjects',
      resigned((statement) => ({
        ...statement,
        subject: [...(statement['subject'] as JsonValue[]), { name: 'x', digest: { sha256: fingerprint } }],
      })),
    ],
    ['has no predicate', resigned(without('predicate'))],
    ['lacks a field', resigned(predicateWith({ sealed: undefined }))],
    ['has a field of another type', resigned(predicateWith({ timestamp_unix: String(now) }))],
  ])('proves nothing if it %s', (_, attestation) => {
    expect(outcome(attestation, { nonce })).toEqual(failing('statement'));
  });

  it('may have fields that this version does not know', () => {
    expect(outcome(resigned(predicateWith({ more: 1 })), { nonce })).toEqual(sound);
  });

  it('is what counts, not the fields around it', () => {
    const signedOther = resigned((statement) => ({
      ...statement,
      subject: [{ name: 'evil-v1', digest: { sha256: 'ab'.repeat(32) } }],
    }));
    const report = verifyAttestation(signedOther, { keys, now, expected: { engine_id, fingerprint }, current: info });
    expect(report.namesCurrentEngine).toBe(false);
    expect(report.checks.filter(({ ok }) => !ok).map(({ name, why }) => [name, why])).toEqual([
      ['agreement', 'engine_id is "stored-v1", and "evil-v1" in the statement'],
      ['engine', expect.stringMatching(/^the engine is "evil-v1" \(fingerprint "abab.*, not "stored-v1"/)],
    ]);
  });
});
