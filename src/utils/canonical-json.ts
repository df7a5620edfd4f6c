/**
 * Canonical JSON (RFC 8785, JCS), restricted to integers in [-(2^53-1), 2^53-1]: the one number format on which all JSON
 * implementations agree. The same value gives the same bytes everywhere, so that JSON can be hashed and signed.
 */

import { isWellFormed, utf8Encode } from './bytes.js';
import { H4Error } from './error.js';
import type { JsonValue } from './json-value.js';

export type { JsonValue } from './json-value.js';

/** Far beyond what any reader accepts; it turns a cycle into an error instead of an exhausted stack. */
const MAX_DEPTH = 256;

/** `H4_PARAM` for whatever has no canonical form here: fractions, undefined, lone surrogates, class instances. */
export function canonicalJson(value: JsonValue): string {
  return serialize(value, 0);
}

/** `canonicalJson` as UTF-8. */
export function canonicalJsonBytes(value: JsonValue): Uint8Array {
  return utf8Encode(canonicalJson(value));
}

// The types above are a promise of the caller; values also come from JavaScript, hence `unknown`.
function serialize(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'boolean':
      return String(value);
    case 'number':
      return serializeNumber(value);
    case 'string':
      return serializeString(value);
    case 'object':
      return value === null ? 'null' : serializeContainer(value, depth + 1);
    default:
      throw refused(`a value of type ${typeof value} has no JSON form`);
  }
}

function serializeNumber(value: number): string {
  if (!Number.isSafeInteger(value)) {
    throw refused(`${value} is not an integer between -(2^53-1) and 2^53-1`);
  }
  return String(value); // -0 becomes "0", as RFC 8785 wants.
}

function serializeString(value: string): string {
  if (!isWellFormed(value)) {
    throw refused('a string contains a lone surrogate');
  }
  return JSON.stringify(value); // For well-formed text this is the escaping that RFC 8785 prescribes.
}

function serializeContainer(value: object, depth: number): string {
  if (depth > MAX_DEPTH) {
    throw refused(`it is nested deeper than ${MAX_DEPTH} levels, or contains itself`);
  }
  if (Array.isArray(value)) {
    // Array.from visits holes too, which are then refused as undefined.
    return `[${Array.from(value, (item: unknown) => serialize(item, depth)).join(',')}]`;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    throw refused('it contains an object that is neither plain nor an array');
  }
  // The default order of sort() is by UTF-16 code units, as RFC 8785 section 3.2.3 demands.
  const members = new Map<string, unknown>(Object.entries(value));
  const texts = [...members.keys()]
    .sort()
    .map((key) => `${serializeString(key)}:${serialize(members.get(key), depth)}`);
  return `{${texts.join(',')}}`;
}

function refused(reason: string): H4Error {
  return new H4Error('H4_PARAM', `Cannot write canonical JSON: ${reason}`);
}
