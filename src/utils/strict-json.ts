/**
 * JSON from untrusted bytes (RFC 8259, specification sections 5 and 18). Stricter than JSON.parse: no invalid UTF-8, no
 * byte order mark, no duplicate keys, no lone surrogates, no number beyond the range of a double, bounded size and depth.
 * Two readers that disagree about a duplicate key would see two different files behind one signature.
 *
 * Objects have no prototype: `__proto__` is a key like any other, and `toString` is absent unless the text says so.
 * Numbers are doubles, because legacy files hold fractions: whoever wants an integer asks Number.isSafeInteger.
 * Time and memory are linear in the size of the input; recursion goes no deeper than `maxDepth`.
 */

import { utf8Decode } from './bytes.js';
import { H4Error } from './error.js';
import type { JsonObject, JsonValue } from './json-value.js';

export { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';

export interface JsonLimits {
  readonly maxBytes: number;
  /** How many arrays and objects may lie within each other; 1 allows `[]` and `{}`. */
  readonly maxDepth: number;
}

/** `H4_LIMIT_META` beyond the limits, `H4_META_JSON` with the position for all else that is wrong. */
export function parseStrictJson(bytes: Uint8Array, limits: JsonLimits): JsonValue {
  if (bytes.length > limits.maxBytes) {
    throw new H4Error('H4_LIMIT_META', `Cannot parse JSON of ${bytes.length} bytes: the limit is ${limits.maxBytes}`, {
      detail: { bytes: bytes.length, limit: limits.maxBytes },
    });
  }
  return new Parser(utf8Decode(bytes, { code: 'H4_META_JSON', what: 'JSON' }), limits.maxDepth).parse();
}

// Sticky expressions: each consumes at the current position or fails there, without looking any further.
const WHITESPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// All but the quote, the backslash and the control characters below U+0020.
const PLAIN_TEXT = /[ !#-[\]-\uffff]*/y;
const FOUR_HEX_DIGITS = /[0-9a-fA-F]{4}/y;

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

class Parser {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  parse(): JsonValue {
    this.#match(WHITESPACE);
    const value = this.#value(0);
    this.#match(WHITESPACE);
    if (this.#at < this.#text.length) {
      throw this.#expected('the end');
    }
    return value;
  }

  /** `depth` counts the arrays and objects around the value. */
  #value(depth: number): JsonValue {
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(this.#deeper(depth));
      case '[':
        return this.#array(this.#deeper(depth));
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true', true);
      case 'f':
        return this.#literal('false', false);
      case 'n':
        return this.#literal('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    const object = Object.create(null) as Record<string, JsonValue>;
    this.#at++;
    this.#match(WHITESPACE);
    if (this.#skip('}')) {
      return object;
    }
    do {
      this.#match(WHITESPACE);
      const start = this.#at;
      const key = this.#string();
      if (key in object) {
        throw this.#error('duplicate key', start);
      }
      this.#match(WHITESPACE);
      if (!this.#skip(':')) {
        throw this.#expected('":"');
      }
      this.#match(WHITESPACE);
      object[key] = this.#value(depth);
      this.#match(WHITESPACE);
    } while (this.#skip(','));
    if (!this.#skip('}')) {
      throw this.#expected('"," or "}"');
    }
    return object;
  }

  #array(depth: number): readonly JsonValue[] {
    const array: JsonValue[] = [];
    this.#at++;
    this.#match(WHITESPACE);
    if (this.#skip(']')) {
      return array;
    }
    do {
      this.#match(WHITESPACE);
      array.push(this.#value(depth));
      this.#match(WHITESPACE);
    } while (this.#skip(','));
    if (!this.#skip(']')) {
      throw this.#expected('"," or "]"');
    }
    return array;
  }

  #string(): string {
    if (!this.#skip('"')) {
      throw this.#expected('a string');
    }
    let text = this.#match(PLAIN_TEXT);
    while (!this.#skip('"')) {
      if (!this.#skip('\\')) {
        throw this.#expected('the end of a string');
      }
      text += this.#escape() + this.#match(PLAIN_TEXT);
    }
    return text;
  }

  /** What follows a backslash. */
  #escape(): string {
    const start = this.#at - 1;
    if (this.#skip('u')) {
      return this.#unicodeEscape(start);
    }
    const character = SHORT_ESCAPES.get(this.#text[this.#at] ?? '');
    if (character === undefined) {
      throw this.#error('unknown escape', start);
    }
    this.#at++;
    return character;
  }

  /** UTF-8 holds no surrogates, so that an escaped one can only be paired with another escaped one. */
  #unicodeEscape(start: number): string {
    const unit = this.#fourHexDigits();
    if (unit < 0xd800 || unit > 0xdfff) {
      return String.fromCharCode(unit);
    }
    if (unit < 0xdc00 && this.#text.startsWith('\\u', this.#at)) {
      this.#at += 2;
      const low = this.#fourHexDigits();
      if (low >= 0xdc00 && low <= 0xdfff) {
        return String.fromCharCode(unit, low);
      }
    }
    throw this.#error('lone surrogate', start);
  }

  #fourHexDigits(): number {
    const digits = this.#match(FOUR_HEX_DIGITS);
    if (digits === '') {
      throw this.#expected('four hex digits');
    }
    return Number.parseInt(digits, 16);
  }

  #number(): number {
    const start = this.#at;
    const digits = this.#match(NUMBER);
    if (digits === '') {
      throw this.#expected('a value');
    }
    const value = Number(digits);
    if (!Number.isFinite(value)) {
      throw this.#error('number beyond the range of a double', start);
    }
    return value;
  }

  #literal<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) {
      throw this.#expected('a value');
    }
    this.#at += word.length;
    return value;
  }

  /** Consumes what a sticky expression matches here; empty when it does not match. */
  #match(expression: RegExp): string {
    expression.lastIndex = this.#at;
    if (!expression.test(this.#text)) {
      return '';
    }
    const start = this.#at;
    this.#at = expression.lastIndex;
    return this.#text.slice(start, this.#at);
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) {
      return false;
    }
    this.#at++;
    return true;
  }

  #deeper(depth: number): number {
    if (depth >= this.#maxDepth) {
      throw new H4Error(
        'H4_LIMIT_META',
        `Cannot parse JSON at character ${this.#at}: nested deeper than the limit of ${this.#maxDepth}`,
        { detail: { position: this.#at, limit: this.#maxDepth } },
      );
    }
    return depth + 1;
  }

  #expected(what: string): H4Error {
    const found = this.#at < this.#text.length ? JSON.stringify(this.#text[this.#at]) : 'the end';
    return this.#error(`expected ${what}, found ${found}`, this.#at);
  }

  #error(reason: string, position: number): H4Error {
    return new H4Error('H4_META_JSON', `Cannot parse JSON at character ${position}: ${reason}`, {
      detail: { position },
    });
  }
}
