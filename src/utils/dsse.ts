/**
 * DSSE envelopes (secure-systems-lab/dsse, version 1): a payload, its type, and signatures over both (specification, section
 * 15). Signed is the PAE, which states every length, so that no two pairs of type and payload give the same bytes.
 *
 * Parsing proves nothing. What a verifier works with are the payload bytes that `verifyEnvelope` returns: exactly those
 * were verified, and those are to be parsed, never a text that was put together again.
 */

import { concatBytes, fromBase64, isWellFormed, toBase64, utf8Encode } from './bytes.js';
import { H4Error, isH4Error } from './error.js';
import { isJsonObject, type JsonValue } from './json-value.js';
import { type SigningKey, statementKey } from './signing-key.js';
import { parseStrictJson } from './strict-json.js';
import { keyReference, type VerificationKey, verifySignature } from './verification-key.js';

/** An envelope as it stands in JSON; a type alias, because an interface is no `JsonValue`. */
export type EnvelopeJson = {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly EnvelopeSignatureJson[];
};

export type EnvelopeSignatureJson = { readonly keyid?: string; readonly sig: string };

/** A parsed envelope. Nothing in it has been verified. */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  /** At least one. */
  readonly signatures: readonly EnvelopeSignature[];
}

export interface EnvelopeSignature {
  /** Selects a key, and says nothing about who signed. Undefined if the envelope has none, or an empty one. */
  readonly keyid: string | undefined;
  readonly signature: Uint8Array;
}

export interface EnvelopeLimits {
  /** Of the JSON. */
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly maxSignatures: number;
}

export const ENVELOPE_LIMITS: EnvelopeLimits = Object.freeze({
  maxBytes: 1024 * 1024,
  maxDepth: 32,
  maxSignatures: 100,
});

/** What configured keys have signed. */
export interface VerifiedEnvelope {
  readonly payloadType: string;
  /** The bytes that were verified. */
  readonly payload: Uint8Array;
  /** Names of the keys, in the order of their signatures; at least one, none twice. */
  readonly names: readonly string[];
}

/** The pre-authentication encoding: what is signed. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8Encode(payloadType);
  return concatBytes(utf8Encode(`DSSEv1 ${type.length} `), type, utf8Encode(` ${payload.length} `), payload);
}

/**
 * An envelope with one signature. A key for checkpoints does not sign it: the statement key that belongs to it does
 * (`statementKey`), and that is the one which `keyid` names.
 */
export function createEnvelope({
  payloadType,
  payload,
  key,
}: {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly key: SigningKey;
}): EnvelopeJson {
  const signer = statementKey(key);
  const signature = signer.sign(preAuthEncoding(payloadType, payload));
  return {
    payloadType,
    payload: toBase64(payload),
    signatures: [{ keyid: keyReference(signer), sig: toBase64(signature) }],
  };
}

/**
 * The envelope that JSON text holds. Refuses with `H4_ATTS_ENVELOPE` what is none, with `H4_LIMIT_META` too long or too deeply
 * nested a text, and with `H4_LIMIT_NOTES` too many signatures.
 */
export function parseEnvelope(json: Uint8Array | string, limits: EnvelopeLimits = ENVELOPE_LIMITS): Envelope {
  // A code unit of text is at least a byte: a text that is too long is not encoded first.
  if (json.length > limits.maxBytes) {
    throw tooLong(json.length, limits);
  }
  return envelopeOf(parseJson(json, limits), limits);
}

/** `parseEnvelope` for JSON that has been parsed already, as part of something larger. */
export function envelopeOf(json: JsonValue, limits: EnvelopeLimits = ENVELOPE_LIMITS): Envelope {
  if (!isJsonObject(json)) {
    throw refused('it is no JSON object');
  }
  const { payloadType, payload, signatures } = json;
  if (typeof payloadType !== 'string' || !isWellFormed(payloadType) || typeof payload !== 'string') {
    throw refused('payloadType or payload is missing, or is no text');
  }
  if (payload.length > limits.maxBytes) {
    throw tooLong(payload.length, limits);
  }
  if (!Array.isArray(signatures) || signatures.length === 0) {
    throw refused('it has no signatures');
  }
  if (signatures.length > limits.maxSignatures) {
    const message = `Cannot read an envelope with ${signatures.length} signatures: the limit is ${limits.maxSignatures}`;
    throw new H4Error('H4_LIMIT_NOTES', message);
  }
  return {
    payloadType,
    payload: fromBase64(payload, { code: 'H4_ATTS_ENVELOPE', what: 'the payload of an envelope' }),
    signatures: (signatures as readonly JsonValue[]).map(signatureOf),
  };
}

/**
 * What configured keys have signed. Fails with `H4_SIGN_BAD` if a signature in the name of one of `keys` does not verify, and
 * with `H4_SIGN_UNTRUSTED` if none is by any of them. Signatures by others are ignored. One without a key ID is tried with
 * all keys. `H4_VKEY` if the envelope calls for the key of a witness, which signs no statements.
 */
export function verifyEnvelope(envelope: Envelope, keys: readonly VerificationKey[]): VerifiedEnvelope {
  const { payloadType, payload, signatures } = envelope;
  const message = preAuthEncoding(payloadType, payload);
  const names = new Set<string>();
  for (const { keyid, signature } of signatures) {
    if (keyid === undefined) {
      const signer = keys.find((key) => key.type !== 'witness' && verifySignature(key, message, signature));
      if (signer !== undefined) {
        names.add(signer.name);
      }
      continue;
    }
    const named = keys.find((key) => keyReference(key) === keyid);
    if (named === undefined) {
      continue;
    }
    if (!verifySignature(named, message, signature)) {
      throw new H4Error('H4_SIGN_BAD', `Cannot trust the envelope: its signature by ${keyid} does not verify`);
    }
    names.add(named.name);
  }
  if (names.size === 0) {
    throw new H4Error('H4_SIGN_UNTRUSTED', `Cannot trust the envelope: ${whose(signatures, keys)}`);
  }
  return { payloadType, payload, names: [...names] };
}

const MAX_SHOWN = 3;
const MAX_SHOWN_LENGTH = 200;

/** Both sides of "no signature is by a configured key". Key IDs are texts of strangers. */
function whose(signatures: readonly EnvelopeSignature[], keys: readonly VerificationKey[]): string {
  const found = signatures.slice(0, MAX_SHOWN).map(({ keyid }) => {
    return keyid === undefined ? 'somebody unnamed' : JSON.stringify(keyid.slice(0, MAX_SHOWN_LENGTH));
  });
  const configured = keys.slice(0, MAX_SHOWN).map(keyReference);
  return `it is signed by ${found.join(', ')}; configured is ${configured.join(', ') || 'nobody'}`;
}

function parseJson(json: Uint8Array | string, { maxBytes, maxDepth }: EnvelopeLimits): JsonValue {
  if (typeof json === 'string' && !isWellFormed(json)) {
    throw refused('it contains a lone surrogate');
  }
  try {
    return parseStrictJson(typeof json === 'string' ? utf8Encode(json) : json, { maxBytes, maxDepth });
  } catch (cause) {
    throw isH4Error(cause, 'H4_META_JSON') ? refused(cause.message, cause) : cause;
  }
}

function signatureOf(json: JsonValue): EnvelopeSignature {
  const { keyid, sig } = isJsonObject(json) ? json : {};
  if (typeof sig !== 'string' || (keyid !== undefined && typeof keyid !== 'string')) {
    throw refused('a signature is no object with the text sig, and perhaps the text keyid');
  }
  return {
    keyid: keyid === '' ? undefined : keyid,
    signature: fromBase64(sig, { code: 'H4_ATTS_ENVELOPE', what: 'a signature of an envelope' }),
  };
}

function tooLong(length: number, { maxBytes }: EnvelopeLimits): H4Error {
  return new H4Error('H4_LIMIT_META', `Cannot read an envelope of ${length} bytes: the limit is ${maxBytes}`);
}

function refused(why: string, cause?: unknown): H4Error {
  return new H4Error('H4_ATTS_ENVELOPE', `Cannot read a DSSE envelope: ${why}`, { cause });
}
