import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { EngineInfo } from '../../src/compression/api/engine.js';
import { storedEngine } from '../../src/compression/api/stored.js';
import { assertNonce, attest, attestationHash } from '../../src/compression/attest.js';
import { utf8Decode } from '../../src/utils/bytes.js';
import { canonicalJson } from '../../src/utils/canonical-json.js';
import { parseEnvelope, verifyEnvelope } from '../../src/utils/dsse.js';
import { createSigningKey, statementKey } from '../../src/utils/signing-key.js';
import { parseVerificationKey } from '../../src/utils/verification-key.js';
import { describeShared } from '../support/shared.js';
import { refusal } from '../utils/refusal.js';

const info = storedEngine.info();
const timestampUnix = 1_700_000_000;
const key = createSigningKey('example.org/service', new Uint8Array(32).fill(9));
const nonce = 'AAECAwQFBgcICQoLDA0ODw';

/** What the key has signed, as text. */
const statementIn = (envelope: unknown): string => {
  const keys = [parseVerificationKey(statementKey(key).verificationKey)];
  return utf8Decode(verifyEnvelope(parseEnvelope(JSON.stringify(envelope)), keys).payload);
};

describe('attest()', () => {
  it('gives the known answer of the specification, appendix B', () => {
    expect(attest({ info, timestampUnix })).toEqual({
      engine_id: 'stored-v1',
      fingerprint: info.fingerprint,
      timestamp_unix: timestampUnix,
      attestation_hash: '983c128d313c4fb614e6fc58616733f553cac841caa141a67b314bfe31b7faa5',
      sealed: false,
      engine: 'stored',
    });
  });

  it('signs a statement with all that is known, as canonical JSON', () => {
    const measured = { size: 4711, method: 'file' } as const;
    const declared = { engine_id: 'core-v1', engine_fp: 'ab'.repeat(32) };
    const { envelope, ...outer } = attest({ info, measured, declared, timestampUnix, nonce, key });
    expect(outer).toEqual(attest({ info, timestampUnix, nonce }));
    expect(outer.nonce).toBe(nonce);
    expect(envelope?.payloadType).toBe('application/vnd.in-toto+json');
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'stored-v1', digest: { sha256: info.fingerprint } }],
      predicateType: 'urn:h4mk:predicate:engine:v1',
      predicate: {
        nonce,
        timestamp_unix: timestampUnix,
        attestation_hash: outer.attestation_hash,
        measured,
        declared,
        sealed: false,
        seal_level: 0,
        deterministic: true,
      },
    };
    expect(statementIn(envelope)).toBe(canonicalJson(statement));
  });

  it('leaves out what is not known', () => {
    const statement = JSON.parse(statementIn(attest({ info, timestampUnix, key }).envelope)) as Record<string, object>;
    expect(Object.keys(statement['predicate'] ?? {}).sort()).toEqual([
      ...['attestation_hash', 'deterministic', 'seal_level', 'sealed', 'timestamp_unix'],
    ]);
  });

  it('gives the same bytes for the same clock and nonce', () => {
    const answer = (at: number): string => JSON.stringify(attest({ info, timestampUnix: at, nonce, key }));
    expect(answer(timestampUnix)).toBe(answer(timestampUnix));
    expect(answer(timestampUnix + 1)).not.toBe(answer(timestampUnix));
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses the time %d', (at) => {
    expect(refusal(() => attest({ info, timestampUnix: at })).code).toBe('H4_PARAM');
  });

  it.each([-1, 0.5, Number.NaN])('refuses a measurement of %d bytes', (size) => {
    const measured = { size, method: 'file' } as const;
    expect(refusal(() => attest({ info, measured, timestampUnix, key })).code).toBe('H4_PARAM');
  });

  it.each(['unknown', 'ab'.repeat(31), 'AB'.repeat(32)])('signs nothing about the fingerprint %j', (fingerprint) => {
    const other: EngineInfo = { ...info, fingerprint };
    expect(refusal(() => attest({ info: other, timestampUnix, key })).code).toBe('H4_PARAM');
    expect(attest({ info: other, timestampUnix }).fingerprint).toBe(fingerprint);
  });
});

describe('a nonce', () => {
  it.each([16, 17, 18, 63, 64])('may have %i bytes', (length) => {
    const text = Buffer.alloc(length, 0xfb).toString('base64url');
    expect(text).toMatch(/[-_]/);
    expect(() => assertNonce(text)).not.toThrow();
    expect(attest({ info, timestampUnix, nonce: text }).nonce).toBe(text);
  });

  it.each([
    ['too short', Buffer.alloc(15).toString('base64url')],
    ['too long', Buffer.alloc(65).toString('base64url')],
    ['far too long', 'A'.repeat(1_000_000)],
    ['nothing', ''],
    ['padded', Buffer.alloc(16).toString('base64url') + '=='],
    ['base64 of the other alphabet', Buffer.alloc(18, 0xfb).toString('base64')],
    ['of an impossible length', 'A'.repeat(25)],
    ['with unused bits', `${'A'.repeat(21)}B`],
    ['with a space', `${'A'.repeat(21)} `],
  ])('is refused: %s', (_, text) => {
    const error = refusal(() => attest({ info, timestampUnix, nonce: text, key }));
    expect(error.code).toBe('H4_PARAM');
    expect(error.message).toContain('a nonce');
    expect(error.message.length).toBeLessThan(200);
  });
});

describeShared('attestations of the original software', (shared) => {
  const { cases } = JSON.parse(readFileSync(`${shared}/fixtures/attest/vectors.json`, 'utf8')) as {
    cases: { engine_id: string; fingerprint: string; timestamp_unix: number; attestation_hash: string }[];
  };
  const answer = JSON.parse(readFileSync(`${shared}/fixtures/http/compress_attest.json`, 'utf8')) as (typeof cases)[0];

  it('are there', () => {
    expect(cases).toHaveLength(2);
  });

  it.each([...cases, answer])(
    'have the hash $attestation_hash',
    ({ engine_id, fingerprint, timestamp_unix, attestation_hash }) => {
      expect(attestationHash(engine_id, fingerprint, timestamp_unix)).toBe(attestation_hash);
      const engine: EngineInfo = { ...info, engine_id, fingerprint };
      expect(attest({ info: engine, timestampUnix: timestamp_unix })).toMatchObject({ attestation_hash });
    },
  );

  it('have the fields that ours have', () => {
    expect(Object.keys(attest({ info, timestampUnix })).sort()).toEqual(Object.keys(answer).sort());
  });
});
