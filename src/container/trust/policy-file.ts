/**
 * A policy as a file: JSON in which somebody has written down whom to believe, before looking at any recording (spec/h4mk.md
 * section 16). It is read strictly. A key that is misspelt is refused and not skipped: a policy that silently demands less
 * than its author meant would be worse than none.
 *
 *     {"v": 1,
 *      "keys": [{"vkey": "cam7+271101dd+ASFS...", "not_before": "2026-01-01T00:00:00Z", "not_after": ..., "revoked_at": ...}],
 *      "threshold": 1, "witnesses": ["w1+918b6299+BMhA..."], "quorum": 1, "max_age_seconds": 3600,
 *      "accept": ["slice", "prefix", "pending", "redacted"],
 *      "engines": [{"engine_id": "stored-v1", "fingerprint": "41e2..."}], "statement_keys": ["cam7/statements+..."]}
 *
 * All but `v` and `keys` may be absent.
 */
import { toHex } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { type JsonObject, type JsonValue, isJsonObject } from '../../utils/json-value.js';
import { parseStrictJson } from '../../utils/strict-json.js';
import {
  type VerificationKey,
  type WitnessVerificationKey,
  keyReference,
  parseVerificationKey,
} from '../../utils/verification-key.js';
import { type TrustPolicy, type TrustedKey, assertPolicy } from './trust.js';

/** Losses that a policy can accept: why a sound file is not all that was recorded. */
export const ACCEPTABLE = ['slice', 'prefix', 'pending', 'redacted'] as const;
export type Acceptable = (typeof ACCEPTABLE)[number];

export interface PolicyFile extends TrustPolicy {
  /** What does not count as a loss. */
  readonly accept: readonly Acceptable[];
}

const LIMITS = { maxBytes: 1024 * 1024, maxDepth: 4 };
/** Of every list: each of the keys may cost a verification per signature. */
const MAX_ITEMS = 100;
const MAX_SECONDS = 100 * 366 * 24 * 3600;

/** The policy in a file. H4_POLICY names the field that is wrong, and what it should be. */
export const parsePolicy = (bytes: Uint8Array): PolicyFile => {
  const fields = fieldsOf(jsonOf(bytes), 'the policy', ROOT_FIELDS);
  if (fields['v'] !== 1) refuse('v', 'must be 1, the version of this form of a policy');
  const keys = listOf(fields, 'keys', trustedKeyOf);
  const witnesses = listOf(fields, 'witnesses', witnessOf);
  const statementKeys = listOf(fields, 'statement_keys', statementKeyOf);
  assertNoneTwice([
    ...keys.map(({ key }, i) => [`keys[${i}]`, key] as const),
    ...witnesses.map((key, i) => [`witnesses[${i}]`, key] as const),
    ...statementKeys.map((key, i) => [`statement_keys[${i}]`, key] as const),
  ]);
  if (keys.length === 0) refuse('keys', 'must list at least one key');
  const threshold = countOf(fields, 'threshold', 1, keys.length, 'the number of keys');
  const quorum = countOf(fields, 'quorum', 1, witnesses.length, 'the number of witnesses');
  const maxAgeSeconds = countOf(fields, 'max_age_seconds', 0, MAX_SECONDS, 'a hundred years');
  if (maxAgeSeconds !== undefined && quorum === undefined) {
    refuse('max_age_seconds', 'needs a quorum: it is the age of what witnesses have signed');
  }
  const accept = listOf(fields, 'accept', acceptableOf);
  const policy: PolicyFile = {
    keys,
    accept: [...new Set(accept)],
    ...(threshold === undefined ? {} : { threshold }),
    ...(witnesses.length === 0 ? {} : { witnesses }),
    ...(quorum === undefined ? {} : { quorum }),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    ...(fields['engines'] === undefined ? {} : { engines: listOf(fields, 'engines', engineOf) }),
    ...(statementKeys.length === 0 ? {} : { statementKeys }),
  };
  assertPolicy(policy);
  return policy;
};

const ROOT_FIELDS = [
  'v',
  'keys',
  'threshold',
  'witnesses',
  'quorum',
  'max_age_seconds',
  'accept',
  'engines',
  'statement_keys',
] as const;
const KEY_FIELDS = ['vkey', 'not_before', 'not_after', 'revoked_at'] as const;
const ENGINE_FIELDS = ['engine_id', 'fingerprint'] as const;

const refuse = (field: string, why: string, cause?: unknown): never => {
  throw new H4Error('H4_POLICY', `Cannot use the policy: ${field} ${why}`, cause === undefined ? {} : { cause });
};

const jsonOf = (bytes: Uint8Array): JsonValue => {
  try {
    return parseStrictJson(bytes, LIMITS);
  } catch (cause) {
    if (!isH4Error(cause)) throw cause;
    throw new H4Error('H4_POLICY', `Cannot read the policy: ${cause.message}`, { cause });
  }
};

/** The fields of an object that has no others. */
const fieldsOf = (value: JsonValue, where: string, known: readonly string[]): JsonObject => {
  if (!isJsonObject(value)) return refuse(where, 'must be an object');
  for (const field of Object.keys(value)) {
    if (!known.includes(field)) refuse(where, `has an unknown field ${shown(field)}; known are ${known.join(', ')}`);
  }
  return value;
};

const listOf = <Item>(
  fields: JsonObject,
  field: (typeof ROOT_FIELDS)[number],
  itemOf: (value: JsonValue, where: string) => Item,
): Item[] => {
  const value = fields[field];
  if (value === undefined) return [];
  if (!isArray(value)) return refuse(field, 'must be a list');
  if (value.length > MAX_ITEMS) refuse(field, `lists ${value.length}; at most ${MAX_ITEMS} are allowed`);
  return value.map((item, i) => itemOf(item, `${field}[${i}]`));
};

/** `Array.isArray` forgets the element type of a readonly array. */
const isArray = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);

const countOf = (
  fields: JsonObject,
  field: (typeof ROOT_FIELDS)[number],
  least: number,
  most: number,
  what: string,
): number | undefined => {
  const value = fields[field];
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || Number(value) < least) {
    refuse(field, `must be a whole number of ${least} or more, not ${shown(value)}`);
  }
  if (Number(value) > most) refuse(field, `is ${Number(value)}, and must not exceed ${what}, ${most}`);
  return Number(value);
};

const trustedKeyOf = (value: JsonValue, where: string): TrustedKey => {
  const fields = fieldsOf(value, where, KEY_FIELDS);
  const key = keyOf(fields['vkey'], `${where}.vkey`);
  if (key.type === 'witness') {
    return refuse(`${where}.vkey`, 'is the key of a witness: list it under witnesses');
  }
  const notBefore = timeOf(fields['not_before'], `${where}.not_before`);
  const notAfter = timeOf(fields['not_after'], `${where}.not_after`);
  const revokedAt = timeOf(fields['revoked_at'], `${where}.revoked_at`);
  if (notBefore !== undefined && notAfter !== undefined && notBefore > notAfter) {
    refuse(`${where}.not_after`, 'lies before not_before');
  }
  return {
    key,
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
  };
};

const witnessOf = (value: JsonValue, where: string): WitnessVerificationKey => {
  const key = keyOf(value, where);
  return key.type === 'witness' ? key : refuse(where, 'is no key of a witness (type 4)');
};

const statementKeyOf = (value: JsonValue, where: string): VerificationKey => {
  const key = keyOf(value, where);
  return key.type === 'witness' ? refuse(where, 'is the key of a witness, who signs no statements') : key;
};

const keyOf = (value: JsonValue | undefined, where: string): VerificationKey => {
  if (typeof value !== 'string') return refuse(where, 'must be a verification key as text, NAME+ID+BASE64');
  try {
    return parseVerificationKey(value);
  } catch (cause) {
    if (!isH4Error(cause)) throw cause;
    return refuse(where, `is no verification key: ${cause.message}`, cause);
  }
};

/**
 * One secret counts once, whatever names it goes by; and it does one thing: a signer is not its own witness, and a key for
 * checkpoints signs no statements (section 8.2).
 */
const assertNoneTwice = (listed: readonly (readonly [where: string, key: VerificationKey])[]): void => {
  const known = new Map<string, string>();
  for (const [where, key] of listed) {
    const bytes = toHex(key.publicKey);
    const first = known.get(bytes);
    if (first !== undefined) refuse(where, `is the same key as ${first}: ${keyReference(key)}`);
    known.set(bytes, where);
  }
};

const TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/;

/** Seconds since 1970 of RFC 3339 in UTC, whole seconds: what the clocks of signers and witnesses count. */
const timeOf = (value: JsonValue | undefined, where: string): number | undefined => {
  if (value === undefined) return undefined;
  const text = typeof value === 'string' && TIME.test(value) ? value : '';
  const millis = Date.parse(text);
  // A day that a month does not have would be one of the next month.
  const isExact = Number.isFinite(millis) && new Date(millis).toISOString() === text.replace('Z', '.000Z');
  if (!isExact) refuse(where, `must be a time in UTC such as 2026-01-31T12:00:00Z, not ${shown(value)}`);
  if (millis < 0) refuse(where, 'lies before 1970');
  return millis / 1000;
};

const acceptableOf = (value: JsonValue, where: string): Acceptable =>
  ACCEPTABLE.find((known) => known === value) ??
  refuse(where, `must be one of ${ACCEPTABLE.join(', ')}, not ${shown(value)}`);

const ENGINE_ID = /^[A-Za-z0-9._:@/+-]{1,128}$/;
const FINGERPRINT = /^[0-9a-f]{64}$/;

const engineOf = (value: JsonValue, where: string): { readonly engineId: string; readonly fingerprint: string } => {
  const { engine_id: engineId, fingerprint } = fieldsOf(value, where, ENGINE_FIELDS);
  if (typeof engineId !== 'string' || !ENGINE_ID.test(engineId)) {
    return refuse(`${where}.engine_id`, 'must be the id of an engine: letters, digits and ._:@/+-, at most 128');
  }
  if (typeof fingerprint !== 'string' || !FINGERPRINT.test(fingerprint)) {
    return refuse(`${where}.fingerprint`, 'must be the SHA-256 of an engine: 64 lowercase hex digits');
  }
  return { engineId, fingerprint };
};

/** The beginning of a value, for a message. */
const shown = (value: JsonValue): string => {
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 80)}...`;
};
