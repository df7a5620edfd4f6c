/**
 * Bytes and their text forms: hex, base64 (RFC 4648 section 4) and UTF-8. The decoders are strict, so that a byte string has
 * exactly one text (two for hex, which is read in either case): a lenient decoder gives one signed value many spellings.
 * No message repeats the text it refuses, because that may be a key.
 *
 * Tables and inputs are read through DataViews: reads out of a DataView are numbers, never undefined, and equally fast.
 */

import type { ErrorCode } from './error-codes.js';
import { H4Error } from './error.js';

export interface DecodeOptions {
  /** The code to refuse with. Default `H4_PARAM`. */
  readonly code?: ErrorCode;
  /** What is being decoded, for the message. Default `hex`, `base64` or `UTF-8`. */
  readonly what?: string;
}

const HEX_DIGITS = '0123456789abcdef';
const BASE64_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = '='.charCodeAt(0);
const NOT_A_DIGIT = 0xff;

/** Byte to its two hex digits, as the u16 of two ASCII codes. */
const HEX_PAIRS = new DataView(new ArrayBuffer(512));
for (let byte = 0; byte < 256; byte++) {
  HEX_PAIRS.setUint16(byte * 2, (HEX_DIGITS.charCodeAt(byte >>> 4) << 8) | HEX_DIGITS.charCodeAt(byte & 15));
}
const HEX_VALUES = digitValues(HEX_DIGITS, HEX_DIGITS.toUpperCase());
const BASE64_CODES = viewOf(new TextEncoder().encode(BASE64_DIGITS));
const BASE64_VALUES = digitValues(BASE64_DIGITS);

const ENCODER = new TextEncoder();
// ignoreBOM means "leave it in": the bytes must come back unchanged from utf8Encode.
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Lowercase hex. */
export function toHex(bytes: Uint8Array): string {
  const text = new DataView(new ArrayBuffer(bytes.length * 2));
  let at = 0;
  for (const byte of bytes) {
    text.setUint16(at, HEX_PAIRS.getUint16(byte * 2));
    at += 2;
  }
  return DECODER.decode(bytesOf(text));
}

/** The bytes of an even number of hex digits of either case, and nothing else. */
export function fromHex(text: string, options: DecodeOptions = {}): Uint8Array {
  if (text.length % 2 !== 0) {
    throw refused(options, 'hex', `${text.length} digits, expected an even number`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    const high = digitAt(HEX_VALUES, text, index * 2);
    const low = digitAt(HEX_VALUES, text, index * 2 + 1);
    if ((high | low) === NOT_A_DIGIT) {
      const position = high === NOT_A_DIGIT ? index * 2 : index * 2 + 1;
      throw refused(options, 'hex', `character ${position} is not a hex digit`);
    }
    bytes[index] = (high << 4) | low;
  }
  return bytes;
}

/** RFC 4648 section 4, with padding. */
export function toBase64(bytes: Uint8Array): string {
  const text = new DataView(new ArrayBuffer(Math.ceil(bytes.length / 3) * 4));
  const view = viewOf(bytes);
  const digit = (bits: number) => BASE64_CODES.getUint8(bits & 63);
  let at = 0;
  let out = 0;
  for (; at + 3 <= bytes.length; at += 3, out += 4) {
    const high = view.getUint16(at);
    const low = view.getUint8(at + 2);
    text.setUint16(out, (digit(high >>> 10) << 8) | digit(high >>> 4));
    text.setUint16(out + 2, (digit((high << 2) | (low >>> 6)) << 8) | digit(low));
  }
  const rest = bytes.length - at;
  if (rest === 1) {
    const bits = view.getUint8(at);
    text.setUint16(out, (digit(bits >>> 2) << 8) | digit(bits << 4));
    text.setUint16(out + 2, (PADDING << 8) | PADDING);
  } else if (rest === 2) {
    const bits = view.getUint16(at);
    text.setUint16(out, (digit(bits >>> 10) << 8) | digit(bits >>> 4));
    text.setUint16(out + 2, (digit(bits << 2) << 8) | PADDING);
  }
  return DECODER.decode(bytesOf(text));
}

/** The bytes of padded base64 without white space, whose unused last bits are zero: the one text that `toBase64` gives. */
export function fromBase64(text: string, options: DecodeOptions = {}): Uint8Array {
  if (text.length % 4 !== 0) {
    throw refused(options, 'base64', `${text.length} characters, expected a multiple of 4 (padding is required)`);
  }
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let at = 0;
  for (let index = 0; index < digits; index++) {
    const value = digitAt(BASE64_VALUES, text, index);
    if (value === NOT_A_DIGIT) {
      throw refused(options, 'base64', `character ${index} is not a base64 digit`);
    }
    bits = ((bits << 6) | value) & 0xffffff;
    // The first digit of four completes no byte, each of the others completes one.
    const unused = 6 - (index % 4) * 2;
    if (unused < 6) {
      bytes[at++] = bits >>> unused;
    }
  }
  const unusedBits = padding === 2 ? bits & 15 : padding === 1 ? bits & 3 : 0;
  if (unusedBits !== 0) {
    throw refused(options, 'base64', 'the unused bits of the last digit are not zero');
  }
  return bytes;
}

/** UTF-8. A lone surrogate has none: `H4_PARAM` instead of the silent U+FFFD of TextEncoder. */
export function utf8Encode(text: string): Uint8Array {
  if (!isWellFormed(text)) {
    throw new H4Error('H4_PARAM', 'Cannot encode text as UTF-8: it contains a lone surrogate');
  }
  return ENCODER.encode(text);
}

/** Strict UTF-8; a byte order mark is kept as a character. */
export function utf8Decode(bytes: Uint8Array, options: DecodeOptions = {}): string {
  try {
    return DECODER.decode(bytes);
  } catch (cause) {
    throw refused(options, 'UTF-8', `the ${bytes.length} bytes are not valid UTF-8`, cause);
  }
}

/** Whether every surrogate in `text` is half of a pair, so that the text can be written as UTF-8. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** One fresh array with all parts, in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) {
    length += part.length;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Same length and same bytes. Every byte is looked at, so that the time does not tell where two equally long inputs differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) {
    return false;
  }
  const left = viewOf(a);
  const right = viewOf(b);
  let difference = 0;
  let at = 0;
  for (; at + 4 <= a.length; at += 4) {
    difference |= left.getInt32(at) ^ right.getInt32(at);
  }
  for (; at < a.length; at++) {
    difference |= left.getUint8(at) ^ right.getUint8(at);
  }
  return difference === 0;
}

/** A view of exactly these bytes; writes go through. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** ASCII code to the value of the digit; `NOT_A_DIGIT` for all others. */
function digitValues(...alphabets: readonly string[]): DataView {
  const values = new Uint8Array(128).fill(NOT_A_DIGIT);
  for (const alphabet of alphabets) {
    for (let value = 0; value < alphabet.length; value++) {
      values[alphabet.charCodeAt(value)] = value;
    }
  }
  return viewOf(values);
}

function digitAt(values: DataView, text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code < 128 ? values.getUint8(code) : NOT_A_DIGIT;
}

function refused(options: DecodeOptions, what: string, reason: string, cause?: unknown): H4Error {
  const message = `Cannot decode ${options.what ?? what}: ${reason}`;
  return new H4Error(options.code ?? 'H4_PARAM', message, cause === undefined ? {} : { cause });
}
