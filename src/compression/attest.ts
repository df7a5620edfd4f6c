/**
 * Which engine runs here: a claim about measured bytes, signed on demand (specification, section 15). What it is worth is
 * what the key holder is worth: no hardware vouches for the host, and the loader and the libraries that the engine pulls
 * in are not measured.
 *
 * `attestation_hash` is a checksum, which anybody can compute; evidence is the envelope. The clock and the nonce are
 * injected, and the statement is canonical JSON: the same inputs give the same bytes.
 */

import { fromBase64, toHex, utf8Encode } from '../utils/bytes.js';
import { createEnvelope, type EnvelopeJson } from '../utils/dsse.js';
import { H4Error } from '../utils/error.js';
import { sha256 } from '../utils/sha256.js';
import type { SigningKey } from '../utils/signing-key.js';
import { STATEMENT_PAYLOAD_TYPE, statementBytes } from '../utils/statement.js';
import { isSafeU64 } from '../utils/u64.js';
import type { EngineInfo } from './api/engine.js';

export const ENGINE_PREDICATE_TYPE = 'urn:h4mk:predicate:engine:v1';

const MIN_NONCE_BYTES = 16;
const MAX_NONCE_BYTES = 64;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const FINGERPRINT = /^[0-9a-f]{64}$/;

/** What was hashed to get the fingerprint. */
export interface Measurement {
  /** Bytes of the file that was hashed and loaded. */
  readonly size: number;
  readonly method: 'file';
}

/** What a core says of itself. Repeated, and never relied upon. */
export interface Declaration {
  readonly engine_id?: string;
  readonly engine_fp?: string;
}

export interface AttestOptions {
  readonly info: EngineInfo;
  /** Absent for built-in engines: their fingerprint is a name, and there is nothing to measure. */
  readonly measured?: Measurement;
  readonly declared?: Declaration;
  /** Whole seconds since 1970, UTC. */
  readonly timestampUnix: number;
  /** Chosen by whoever asks, base64url without padding of 16 to 64 bytes: it shows that the answer is new. */
  readonly nonce?: string;
  /** The key of which `statementKey` signs; without one the attestation proves nothing. */
  readonly key?: SigningKey;
}

/** The answer to "which engine is this?", as JSON. */
export type Attestation = {
  readonly engine_id: string;
  readonly fingerprint: string;
  readonly timestamp_unix: number;
  readonly attestation_hash: string;
  readonly sealed: boolean;
  /** A name for people. No statement covers it. */
  readonly engine: string;
  readonly nonce?: string;
  readonly envelope?: EnvelopeJson;
};

/** Attests `info` at this time. `H4_PARAM` for a time, a nonce or a measurement that is none, and for what cannot be signed. */
export function attest({ info, measured, declared, timestampUnix, nonce, key }: AttestOptions): Attestation {
  if (nonce !== undefined) {
    assertNonce(nonce);
  }
  const { engine_id, fingerprint, sealed, engine } = info;
  const attestation = {
    engine_id,
    fingerprint,
    timestamp_unix: timestampUnix,
    attestation_hash: attestationHash(engine_id, fingerprint, timestampUnix),
    sealed,
    engine,
    ...(nonce === undefined ? {} : { nonce }),
  };
  if (key === undefined) {
    return attestation;
  }
  const payload = engineStatement(info, attestation, measured, declared);
  return { ...attestation, envelope: createEnvelope({ payloadType: STATEMENT_PAYLOAD_TYPE, payload, key }) };
}

/** Hex of the SHA-256 of `engine_id|fingerprint|timestamp`. */
export function attestationHash(engineId: string, fingerprint: string, timestampUnix: number): string {
  if (!isSafeU64(timestampUnix)) {
    throw new H4Error('H4_PARAM', `Cannot attest at the time ${timestampUnix}: expected whole seconds since 1970`);
  }
  return toHex(sha256(utf8Encode(`${engineId}|${fingerprint}|${timestampUnix}`)));
}

/** Refuses with `H4_PARAM` what is not base64url, without padding, of 16 to 64 bytes. */
export function assertNonce(nonce: string): void {
  const bytes = Math.floor((nonce.length * 3) / 4);
  if (bytes < MIN_NONCE_BYTES || bytes > MAX_NONCE_BYTES || !BASE64URL.test(nonce)) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot use a nonce of ${nonce.length} characters: expected base64url, without padding, ` +
        `of ${MIN_NONCE_BYTES} to ${MAX_NONCE_BYTES} bytes`,
      { detail: { field: 'nonce' } },
    );
  }
  // One nonce, one text: the unused bits of the last digit are zero.
  const padding = '='.repeat((4 - (nonce.length % 4)) % 4);
  fromBase64(nonce.replaceAll('-', '+').replaceAll('_', '/') + padding, { what: 'a nonce' });
}

/** An in-toto Statement v1 about the engine, as canonical JSON. */
function engineStatement(
  { engine_id, fingerprint, sealed, seal_level, deterministic }: EngineInfo,
  { timestamp_unix, attestation_hash, nonce }: Attestation,
  measured: Measurement | undefined,
  declared: Declaration | undefined,
): Uint8Array {
  if (!FINGERPRINT.test(fingerprint)) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot sign that ${engine_id} runs: its fingerprint ${JSON.stringify(fingerprint)} is not 64 lowercase hex digits`,
    );
  }
  if (measured !== undefined && !isSafeU64(measured.size)) {
    throw new H4Error('H4_PARAM', `Cannot attest a measurement of ${measured.size} bytes: not a size`);
  }
  return statementBytes({
    subject: { name: engine_id, sha256: fingerprint },
    predicateType: ENGINE_PREDICATE_TYPE,
    predicate: {
      timestamp_unix,
      attestation_hash,
      sealed,
      seal_level,
      deterministic,
      ...(nonce === undefined ? {} : { nonce }),
      ...(measured === undefined ? {} : { measured: { size: measured.size, method: measured.method } }),
      ...(declared === undefined ? {} : { declared: { ...declared } }),
    },
  });
}
