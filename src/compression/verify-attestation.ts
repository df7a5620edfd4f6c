/**
 * What an attestation is worth to whoever asked for it (specification, section 15; RFC 9334). Everything that was asked for is a
 * check with its reason, and what is absent fails like what is wrong: an attestation without its envelope, or without the
 * nonce, is how an attacker would replay an old one.
 *
 * All of the attestation is attacker-controlled until the signature has been verified. From there on the values come out
 * of the signed bytes, and the fields around the envelope only have to agree with them.
 */

import { isWellFormed } from '../utils/bytes.js';
import { envelopeOf, verifyEnvelope } from '../utils/dsse.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../utils/json-value.js';
import { parseStrictJson } from '../utils/strict-json.js';
import { STATEMENT_PAYLOAD_TYPE, STATEMENT_TYPE } from '../utils/statement.js';
import { isSafeU64 } from '../utils/u64.js';
import type { VerificationKey } from '../utils/verification-key.js';
import type { EngineInfo } from './api/engine.js';
import { attestationHash, ENGINE_PREDICATE_TYPE } from './attest.js';

const DEFAULT_MAX_AGE_SECONDS = 300;
const STATEMENT_LIMITS = { maxBytes: 64 * 1024, maxDepth: 16 };
const MAX_SHOWN_LENGTH = 200;

export interface AttestationPolicy {
  /** Configured statement keys. Empty: only the hash is checked, and what is asked for below, and nothing is proven. */
  readonly keys: readonly VerificationKey[];
  /** The nonce that was sent. */
  readonly nonce?: string;
  /** Seconds since 1970, UTC, on the verifier's clock. */
  readonly now: number;
  /** How far the signed time may be from `now`, in either direction. Default 300. */
  readonly maxAgeSeconds?: number;
  /** The engine that it has to be. */
  readonly expected?: { readonly engine_id: string; readonly fingerprint: string };
  /** The engine that this side runs, to compare with; it decides nothing. */
  readonly current?: Pick<EngineInfo, 'engine_id' | 'fingerprint'>;
}

/** In this order: the form of the JSON; its hash; who signed; what was signed; the outer fields; time; nonce; engine. */
export type AttestationCheckName =
  'form' | 'hash' | 'signature' | 'statement' | 'agreement' | 'time' | 'nonce' | 'engine';

export interface AttestationCheck {
  readonly name: AttestationCheckName;
  readonly ok: boolean;
  /** A sentence, also where it is ok. Parts that come from the attestation stand in quotes, escaped as in JSON. */
  readonly why: string;
}

export interface AttestationReport {
  /** All checks are ok. Without keys that says little: see `proven`. */
  readonly valid: boolean;
  /** Valid, and a configured key has signed it. */
  readonly proven: boolean;
  /** Names of the configured keys that signed. */
  readonly names: readonly string[];
  readonly checks: readonly AttestationCheck[];
  /** Whether it is the engine `current` that is named; null where there is none to compare with. */
  readonly namesCurrentEngine: boolean | null;
}

/** What is claimed, by whoever. */
interface Claim {
  readonly engine_id: string;
  readonly fingerprint: string;
  readonly timestamp_unix: number;
  readonly attestation_hash: string;
  readonly sealed: boolean;
  readonly nonce: string | undefined;
}

/** Checks an attestation as it was received: parsed JSON, of any shape. Never throws because of what is in it. */
export function verifyAttestation(attestation: JsonValue, policy: AttestationPolicy): AttestationReport {
  const checks: AttestationCheck[] = [];
  const check: Check = (name, ok, why) => {
    checks.push({ name, ok, why });
  };
  const { keys, current } = policy;
  const outer = isJsonObject(attestation) ? claimOf(attestation) : undefined;
  if (outer === undefined || !isJsonObject(attestation)) {
    check('form', false, 'a field of the attestation is missing or of the wrong type');
    return { valid: false, proven: false, names: [], checks, namesCurrentEngine: current === undefined ? null : false };
  }
  check('form', true, 'all fields are there');
  checkHash(outer, check);
  const signed = keys.length === 0 ? undefined : checkSignature(attestation['envelope'], outer, keys, check);
  if (signed !== undefined) {
    checkTime(signed.claim, policy, check);
  }
  const claim = signed?.claim ?? outer;
  checkNonce(claim, policy, check);
  checkEngine(claim, policy, check);
  const valid = checks.every(({ ok }) => ok);
  return {
    valid,
    proven: valid && signed !== undefined,
    names: signed?.names ?? [],
    checks,
    namesCurrentEngine: current === undefined ? null : isSameEngine(claim, current),
  };
}

type Check = (name: AttestationCheckName, ok: boolean, why: string) => void;

function checkHash(outer: Claim, check: Check): void {
  const { engine_id, fingerprint, timestamp_unix, attestation_hash } = outer;
  const ok = attestation_hash === attestationHash(engine_id, fingerprint, timestamp_unix);
  check('hash', ok, ok ? 'the hash is that of the fields' : 'the hash is not that of engine_id|fingerprint|timestamp');
}

/** The claim that configured keys have signed, if they have. */
function checkSignature(
  json: JsonValue | undefined,
  outer: Claim,
  keys: readonly VerificationKey[],
  check: Check,
): { readonly claim: Claim; readonly names: readonly string[] } | undefined {
  if (json === undefined) {
    check('signature', false, 'there is no envelope: nobody has signed it');
    return undefined;
  }
  const envelope = attempt('signature', check, () => verifyEnvelope(envelopeOf(json), keys));
  if (envelope === undefined) {
    return undefined;
  }
  const { payload, payloadType, names } = envelope;
  check('signature', true, `signed by ${names.join(', ')}`);
  // The bytes that were verified are parsed, and no others.
  const claim = attempt('statement', check, () => claimInStatement(payloadType, payload));
  if (claim === undefined) {
    return undefined;
  }
  check('statement', true, 'it is an in-toto statement about an engine');
  checkAgreement(outer, claim, check);
  return { claim, names };
}

/** What `run` gives; a refusal becomes the reason of a failed check. */
function attempt<Result>(name: AttestationCheckName, check: Check, run: () => Result): Result | undefined {
  try {
    return run();
  } catch (thrown) {
    if (isH4Error(thrown)) {
      check(name, false, thrown.message);
      return undefined;
    }
    throw thrown;
  }
}

function claimInStatement(payloadType: string, payload: Uint8Array): Claim {
  assertType('the payload', payloadType, STATEMENT_PAYLOAD_TYPE);
  const statement = parseStrictJson(payload, STATEMENT_LIMITS);
  const { _type, predicateType, subject, predicate } = isJsonObject(statement) ? statement : {};
  assertType('the statement', _type, STATEMENT_TYPE);
  assertType('the predicate', predicateType, ENGINE_PREDICATE_TYPE);
  const [first, ...more] = Array.isArray(subject) ? (subject as readonly JsonValue[]) : [];
  const { name, digest } = asObject(first);
  const { sha256: fingerprint } = asObject(digest);
  const claim = claimOf({ ...asObject(predicate), engine_id: name ?? null, fingerprint: fingerprint ?? null });
  if (claim === undefined || more.length > 0) {
    throw new H4Error(
      'H4_PARAM',
      'The statement does not have one engine as its subject and all fields of its predicate',
    );
  }
  return claim;
}

function assertType(what: string, found: JsonValue | undefined, expected: string): void {
  if (found !== expected) {
    throw new H4Error('H4_PARAM', `The type of ${what} is ${shown(found)}, not ${shown(expected)}`);
  }
}

function checkAgreement(outer: Claim, signed: Claim, check: Check): void {
  const fields = ['engine_id', 'fingerprint', 'timestamp_unix', 'attestation_hash', 'sealed', 'nonce'] as const;
  const wrong = fields.find((field) => outer[field] !== signed[field]);
  check(
    'agreement',
    wrong === undefined,
    wrong === undefined
      ? 'the fields are those of the statement'
      : `${wrong} is ${shown(outer[wrong])}, and ${shown(signed[wrong])} in the statement`,
  );
}

function checkTime({ timestamp_unix }: Claim, { now, maxAgeSeconds }: AttestationPolicy, check: Check): void {
  const window = maxAgeSeconds ?? DEFAULT_MAX_AGE_SECONDS;
  const age = now - timestamp_unix;
  const ok = Math.abs(age) <= window;
  const when = age < 0 ? `${-age} s in the future` : `${age} s ago`;
  check('time', ok, `signed ${when}, ${ok ? 'within' : 'outside'} the window of ${window} s`);
}

function checkNonce({ nonce }: Claim, { nonce: expected }: AttestationPolicy, check: Check): void {
  if (expected === undefined) {
    return;
  }
  const ok = nonce === expected;
  check('nonce', ok, ok ? 'the nonce is the one sent' : `the nonce is ${shown(nonce)}, ${shown(expected)} was sent`);
}

function checkEngine(claim: Claim, { expected }: AttestationPolicy, check: Check): void {
  if (expected === undefined) {
    return;
  }
  const ok = isSameEngine(claim, expected);
  check('engine', ok, ok ? 'the engine is the expected one' : `the engine is ${named(claim)}, not ${named(expected)}`);
}

type EngineIdentity = Pick<EngineInfo, 'engine_id' | 'fingerprint'>;

function isSameEngine(a: EngineIdentity, b: EngineIdentity): boolean {
  return a.engine_id === b.engine_id && a.fingerprint === b.fingerprint;
}

function named({ engine_id, fingerprint }: EngineIdentity): string {
  return `${shown(engine_id)} (fingerprint ${shown(fingerprint)})`;
}

/** The fields of an attestation, or of subject and predicate together; undefined if one is missing or of another type. */
function claimOf({
  engine_id,
  fingerprint,
  timestamp_unix,
  attestation_hash,
  sealed,
  nonce,
}: JsonObject): Claim | undefined {
  if (
    typeof engine_id !== 'string' ||
    !isWellFormed(engine_id) ||
    typeof fingerprint !== 'string' ||
    !isWellFormed(fingerprint) ||
    typeof attestation_hash !== 'string' ||
    typeof sealed !== 'boolean' ||
    typeof timestamp_unix !== 'number' ||
    !isSafeU64(timestamp_unix) ||
    (nonce !== undefined && typeof nonce !== 'string')
  ) {
    return undefined;
  }
  return { engine_id, fingerprint, timestamp_unix, attestation_hash, sealed, nonce };
}

function asObject(json: JsonValue | undefined): JsonObject {
  return json !== undefined && isJsonObject(json) ? json : {};
}

/** A value of a stranger, for a sentence. */
function shown(value: JsonValue | undefined): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, MAX_SHOWN_LENGTH);
}
