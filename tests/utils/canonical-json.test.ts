import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8Decode, utf8Encode } from '../../src/utils/bytes.js';
import { canonicalJson, canonicalJsonBytes, type JsonValue } from '../../src/utils/canonical-json.js';
import { parseStrictJson } from '../../src/utils/strict-json.js';
import { describeShared } from '../support/shared.js';
import { refusal } from './refusal.js';

const limits = { maxBytes: 1 << 20, maxDepth: 64 };

/** Any JSON value whose numbers are safe integers, with the keys that tempt a careless implementation. */
const integerJson = fc.letrec<{ value: JsonValue }>((tie) => {
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  const key = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', '', '10', '9', '\u{1f600}', '\ufb33'));
  return {
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(null, true, false),
      fc.maxSafeInteger(),
      text,
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(key, tie('value'), { maxKeys: 6, noNullPrototype: false }),
    ),
  };
}).value;

describe('canonicalJson()', () => {
  it.each<[JsonValue, string]>([
    [null, 'null'],
    [true, 'true'],
    [false, 'false'],
    [0, '0'],
    [-0, '0'],
    [-17, '-17'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [Number.MIN_SAFE_INTEGER, '-9007199254740991'],
    ['', '""'],
    [[], '[]'],
    [{}, '{}'],
    [[1, [2, {}], 'three'], '[1,[2,{}],"three"]'],
    [{ b: 1, a: { d: 2, c: [] } }, '{"a":{"c":[],"d":2},"b":1}'],
  ])('writes %j as %s', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it('escapes only what RFC 8785 section 3.2.2.2 wants escaped, in lowercase hex', () => {
    const controls = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('');

    expect(canonicalJson(`${controls}"\\/\u007f\u0080\u2028é€😀`)).toBe(
      '"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f' +
        '\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\u001e\\u001f' +
        '\\"\\\\/\u007f\u0080\u2028é€😀"',
    );
  });

  it('sorts keys by UTF-16 code units, not by code points or numerically', () => {
    // U+1F600 is D83D DE00 in UTF-16 and so comes before U+FB33, although its code point is larger.
    const value = { '\ufb33': 1, '\u{1f600}': 2, '9': 3, '10': 4, a: 5, A: 6, '': 7 };

    expect(canonicalJson(value)).toBe('{"":7,"10":4,"9":3,"A":6,"a":5,"\u{1f600}":2,"\ufb33":1}');
  });

  it('writes an own key "__proto__" and objects without a prototype', () => {
    const value = JSON.parse('{"b":1,"__proto__":{"a":2}}') as JsonValue;

    expect(canonicalJson(value)).toBe('{"__proto__":{"a":2},"b":1}');
    expect(canonicalJson(Object.assign(Object.create(null) as Record<string, JsonValue>, { a: 1 }))).toBe('{"a":1}');
  });

  it.each([0.5, 2 ** 53, -(2 ** 53), 1e30, Number.NaN, Number.POSITIVE_INFINITY])('refuses the number %d', (value) => {
    expect(refusal(() => canonicalJson({ a: [value] }))).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot write canonical JSON: ${value} is not an integer between -(2^53-1) and 2^53-1`,
    });
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a BigInt', 1n],
    ['a Date', new Date(0)],
    ['bytes', new Uint8Array(2)],
    ['a Map', new Map()],
  ])('refuses %s wherever it stands', (_, value) => {
    for (const wrapped of [value, [value], { a: value }]) {
      expect(refusal(() => canonicalJson(wrapped as JsonValue)).code).toBe('H4_PARAM');
    }
  });

  it('refuses a hole in an array', () => {
    const holed: JsonValue[] = [];
    holed[1] = 1;

    expect(refusal(() => canonicalJson(holed)).message).toBe(
      'Cannot write canonical JSON: a value of type undefined has no JSON form',
    );
  });

  it.each(['\ud800', '\udc00', 'a\udc00\ud800b'])(
    'refuses the lone surrogate in text %#, as value and as key',
    (text) => {
      expect(refusal(() => canonicalJson(text)).code).toBe('H4_PARAM');
      expect(refusal(() => canonicalJson({ [text]: 1 })).code).toBe('H4_PARAM');
    },
  );

  it('refuses a value that contains itself', () => {
    const value: Record<string, JsonValue> = {};
    value['self'] = [value];

    expect(refusal(() => canonicalJson(value))).toMatchObject({
      code: 'H4_PARAM',
      message: 'Cannot write canonical JSON: it is nested deeper than 256 levels, or contains itself',
    });
  });

  it('writes 256 levels', () => {
    let value: JsonValue = [];
    for (let level = 1; level < 256; level++) {
      value = [value];
    }

    expect(canonicalJson(value)).toBe('['.repeat(256) + ']'.repeat(256));
    expect(refusal(() => canonicalJson([value])).code).toBe('H4_PARAM');
  });

  it('reaches a fixpoint: what is parsed back has the same canonical form', () => {
    fc.assert(
      fc.property(integerJson, (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(parseStrictJson(utf8Encode(text), limits))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('canonicalJsonBytes()', () => {
  it('is the canonical text in UTF-8', () => {
    expect(canonicalJsonBytes({ é: '€' })).toEqual(utf8Encode('{"é":"€"}'));
  });
});

interface JcsVector {
  readonly name: string;
  readonly input: string;
  readonly output_hex: string;
}

describeShared('canonicalJson() against the vectors of RFC 8785', (shared) => {
  const vectors = JSON.parse(readFileSync(`${shared}/vectors/jcs.json`, 'utf8')) as JcsVector[];
  const withFractions = ['values.json'];
  const parse = (input: string) => parseStrictJson(utf8Encode(input), limits);

  it('has all six vectors', () => {
    expect(vectors.map(({ name }) => name).sort()).toEqual([
      'arrays.json',
      'french.json',
      'structures.json',
      'unicode.json',
      'values.json',
      'weird.json',
    ]);
  });

  it.each(vectors.filter(({ name }) => !withFractions.includes(name)))('gives the bytes of $name', (vector) => {
    const bytes = canonicalJsonBytes(parse(vector.input));

    expect(toHex(bytes)).toBe(vector.output_hex);
    expect(canonicalJsonBytes(parseStrictJson(bytes, limits))).toEqual(bytes);
  });

  it.each(vectors.filter(({ name }) => withFractions.includes(name)))(
    'refuses $name for its fractions, and gives the bytes of all the rest of it',
    (vector) => {
      expect(refusal(() => canonicalJson(parse(vector.input))).message).toBe(
        'Cannot write canonical JSON: 333333333.3333333 is not an integer between -(2^53-1) and 2^53-1',
      );

      const withoutNumbers = (text: string) => text.replace(/("numbers":\s*)\[[^\]]*\]/, '$1[]');
      expect(canonicalJson(parse(withoutNumbers(vector.input)))).toBe(
        withoutNumbers(utf8Decode(fromHex(vector.output_hex))),
      );
    },
  );
});
