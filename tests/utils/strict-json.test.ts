import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../src/utils/bytes.js';
import { isJsonObject, type JsonValue, parseStrictJson } from '../../src/utils/strict-json.js';
import { refusal } from './refusal.js';

const limits = { maxBytes: 1 << 20, maxDepth: 32 };
const parse = (text: string): JsonValue => parseStrictJson(utf8Encode(text), limits);

describe('parseStrictJson()', () => {
  it.each(['null', 'true', 'false', '0', '-0', '17', '-1.5', '2e3', '1E-7', '0.1e+2', '""', '"a"', '[]', '{}'])(
    'reads %s as JSON.parse does',
    (text) => {
      expect(parse(text)).toEqual(JSON.parse(text));
      expect(parse(` \t\n\r${text} \t\n\r`)).toEqual(JSON.parse(text));
    },
  );

  it('reads nested values and white space in every place', () => {
    const text = ' { "a" : [ 1 , { "b" : null } , [ ] ] , "c" : { } , "d" : "x" } ';

    expect(parse(text)).toEqual({ a: [1, { b: null }, []], c: {}, d: 'x' });
  });

  it('reads every escape', () => {
    expect(parse('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\uD83D\\uDE00\\uD7FF\\uE000\\u0000"')).toBe(
      '"\\/\b\f\n\r\tAé😀\ud7ff\ue000\0',
    );
  });

  it('reads numbers of legacy files: fractions, and integers beyond 2^53 as the nearest double', () => {
    expect(parse('[29.97,9007199254740993]')).toEqual([29.97, 9007199254740992]);
  });

  it('agrees with JSON.parse on whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parse(text)).toEqual(JSON.parse(text));
        expect(JSON.stringify(parse(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 500 },
    );
  });

  it('accepts nothing that JSON.parse refuses, and refuses of the rest only what is said to be refused', () => {
    const piece = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        '"',
        ':',
        ',',
        '\\',
        '/',
        'u',
        'd83d',
        'de00',
        '"a"',
        '"\\u0061"',
        '1',
        '0',
        '-',
        '.',
        'e',
      ],
      ...['+', '1e999', 'true', 'null', 'nul', ' ', '\n', '\u00a0', '\u0001', 'é', '\ufeff'],
    );
    const stricter = /duplicate key|lone surrogate|beyond the range of a double/;
    fc.assert(
      fc.property(fc.string({ unit: piece, maxLength: 10 }), (text) => {
        let expected: unknown;
        let valid = true;
        try {
          expected = JSON.parse(text);
        } catch {
          valid = false;
        }
        let actual: unknown;
        try {
          actual = parse(text);
        } catch {
          const error = refusal(() => parse(text));
          expect(error.code).toBe('H4_META_JSON');
          expect(error.message).toMatch(valid ? stricter : /^Cannot parse JSON at character \d+: /);
          return;
        }
        expect(valid).toBe(true);
        expect(actual).toEqual(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['', 0, 'expected a value, found the end'],
    [' ', 1, 'expected a value, found the end'],
    ['\ufeff{}', 0, 'expected a value, found "\ufeff"'],
    ['{} x', 3, 'expected the end, found "x"'],
    ['[1]]', 3, 'expected the end, found "]"'],
    ['[1', 2, 'expected "," or "]", found the end'],
    ['[1 2]', 3, 'expected "," or "]", found "2"'],
    ['[1,]', 3, 'expected a value, found "]"'],
    ['[,1]', 1, 'expected a value, found ","'],
    ['{"a":1', 6, 'expected "," or "}", found the end'],
    ['{"a":1,}', 7, 'expected a string, found "}"'],
    ['{"a" 1}', 5, 'expected ":", found "1"'],
    ['{"a":}', 5, 'expected a value, found "}"'],
    ['{a:1}', 1, 'expected a string, found "a"'],
    ["{'a':1}", 1, 'expected a string, found "\'"'],
    ['"a', 2, 'expected the end of a string, found the end'],
    ['"a\nb"', 2, 'expected the end of a string, found "\\n"'],
    ['"a\tb"', 2, 'expected the end of a string, found "\\t"'],
    ['"a\u001f"', 2, 'expected the end of a string, found "\\u001f"'],
    ['"a\u0000"', 2, 'expected the end of a string, found "\\u0000"'],
    ['"\\x41"', 1, 'unknown escape'],
    ['"\\', 1, 'unknown escape'],
    ['"\\u00g0"', 3, 'expected four hex digits, found "0"'],
    ['"\\u00', 3, 'expected four hex digits, found "0"'],
    ['NaN', 0, 'expected a value, found "N"'],
    ['Infinity', 0, 'expected a value, found "I"'],
    ['-Infinity', 0, 'expected a value, found "-"'],
    ['1e999', 0, 'number beyond the range of a double'],
    ['[-1e999]', 1, 'number beyond the range of a double'],
    ['01', 1, 'expected the end, found "1"'],
    ['1.', 1, 'expected the end, found "."'],
    ['.5', 0, 'expected a value, found "."'],
    ['+1', 0, 'expected a value, found "+"'],
    ['1e', 1, 'expected the end, found "e"'],
    ['nul', 0, 'expected a value, found "n"'],
    ['truE', 0, 'expected a value, found "t"'],
    ['fals', 0, 'expected a value, found "f"'],
    ['nullx', 4, 'expected the end, found "x"'],
    ['[1]//', 3, 'expected the end, found "/"'],
    ['[\u00a01]', 1, 'expected a value, found "\u00a0"'],
  ])('refuses %j at character %i: %s', (text, position, reason) => {
    expect(refusal(() => parse(text))).toMatchObject({
      code: 'H4_META_JSON',
      message: `Cannot parse JSON at character ${position}: ${reason}`,
      detail: { position },
    });
  });

  it.each([
    ['{"a":1,"a":1}', 7],
    ['{"a":1,"\\u0061":2}', 7],
    ['{"\\u0061":1, "a":2}', 13],
    ['{"/":1,"\\/":2}', 7],
    ['{"\\ud83d\\ude00":1,"😀":2}', 18],
    ['{"__proto__":1,"__proto__":2}', 15],
    ['{"1":1,"1":2}', 7],
    ['{"":1,"":2}', 6],
    ['[{"x":{"a":1,"b":2,"a":3}}]', 19],
  ])('refuses the duplicate key in %s, compared after unescaping', (text, position) => {
    expect(refusal(() => parse(text))).toMatchObject({
      code: 'H4_META_JSON',
      message: `Cannot parse JSON at character ${position}: duplicate key`,
    });
  });

  it('allows the same key in different objects', () => {
    expect(parse('{"a":{"a":1},"b":{"a":2}}')).toEqual({ a: { a: 1 }, b: { a: 2 } });
  });

  it.each([
    '"\\ud83d"',
    '"\\ude00"',
    '"\\ud83d\\ud83d\\ude00"',
    '"\\ud83dx\\ude00"',
    '"\\ud83d\\n"',
    '"\\ude00\\ud83d"',
    '"\\ude00\\ude00"',
    '"\\ud83d\\ue000"',
    '"\\ud83d\\u0041"',
    '"\\ud83d😀"',
    '{"\\udfff":1}',
  ])('refuses the lone surrogate in %s', (text) => {
    expect(refusal(() => parse(text))).toMatchObject({
      code: 'H4_META_JSON',
      message: expect.stringContaining('lone surrogate') as string,
    });
  });

  it.each([
    ['an invalid byte', [0x22, 0xff, 0x22]],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['an overlong quote', [0xc0, 0xa2]],
    ['UTF-16', [0x7b, 0x00, 0x7d, 0x00]],
  ])('refuses %s', (_, bytes) => {
    expect(refusal(() => parseStrictJson(Uint8Array.from(bytes), limits)).code).toBe('H4_META_JSON');
  });

  it('gives objects without a prototype, in which __proto__ is a key like any other', () => {
    const value = parse('{"__proto__":{"polluted":true},"constructor":1}');

    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
    expect('toString' in (value as object)).toBe(false);
    expect('polluted' in {}).toBe(false);
  });

  it('takes 32 levels and refuses the 33rd, of either sort', () => {
    expect(parse('['.repeat(32) + ']'.repeat(32))).toHaveLength(1);
    expect(refusal(() => parse('['.repeat(33) + ']'.repeat(33)))).toMatchObject({
      code: 'H4_LIMIT_META',
      message: 'Cannot parse JSON at character 32: nested deeper than the limit of 32',
      detail: { position: 32, limit: 32 },
    });
    expect(parse('{"a":'.repeat(32) + '1' + '}'.repeat(32))).toHaveProperty('a');
    expect(refusal(() => parse('{"a":'.repeat(33))).code).toBe('H4_LIMIT_META');
  });

  it('counts depth, not the number of objects', () => {
    expect(parseStrictJson(utf8Encode('[[],[],{}]'), { ...limits, maxDepth: 2 })).toHaveLength(3);
    expect(parseStrictJson(utf8Encode('17'), { ...limits, maxDepth: 0 })).toBe(17);
  });

  it('refuses a depth that would exhaust the stack', () => {
    expect(refusal(() => parse('['.repeat(1 << 20))).code).toBe('H4_LIMIT_META');
  });

  it('refuses more bytes than the limit before it looks at one of them', () => {
    expect(parseStrictJson(utf8Encode('"é"'), { ...limits, maxBytes: 4 })).toBe('é');
    expect(refusal(() => parseStrictJson(Uint8Array.of(0xff, 0xff), { ...limits, maxBytes: 1 }))).toMatchObject({
      code: 'H4_LIMIT_META',
      message: 'Cannot parse JSON of 2 bytes: the limit is 1',
      detail: { bytes: 2, limit: 1 },
    });
  });

  // A quadratic parser would need about 10^12 steps for a mebibyte: minutes, not the second that is granted here.
  it.each<[string, (bytes: number) => string]>([
    ['a long plain string', (bytes) => `"${'a'.repeat(bytes - 2)}"`],
    ['a string of escapes', (bytes) => `"${'\\n'.repeat(bytes / 2 - 1)}"`],
    ['a string of escaped surrogate pairs', (bytes) => `"${'\\ud83d\\ude00'.repeat(Math.floor((bytes - 2) / 12))}"`],
    ['white space', (bytes) => `${' '.repeat(bytes - 1)}1`],
    ['the digits of one number', (bytes) => `0.${'1'.repeat(bytes - 2)}`],
    ['many empty objects', (bytes) => `[${'{},'.repeat(bytes / 3 - 2)}{}]`],
    [
      'many different keys',
      (bytes) => `{${Array.from({ length: bytes / 16 }, (_, i) => `"k${String(i).padStart(8, '0')}":1`).join(',')}}`,
    ],
    [
      'many numeric keys',
      (bytes) => `{${Array.from({ length: bytes / 16 }, (_, i) => `"${String(i * 16_777)}":1`).join(',')}}`,
    ],
    ['an unfinished string of backslashes', (bytes) => `"${'\\\\'.repeat(bytes / 2 - 1)}`],
  ])('is linear in %s', (_, make) => {
    const bytes = utf8Encode(make(1 << 20));
    expect(bytes.length).toBeGreaterThan((1 << 20) * 0.75);

    const start = performance.now();
    try {
      parseStrictJson(bytes, limits);
    } catch {
      expect(refusal(() => parseStrictJson(bytes, limits)).code).toBe('H4_META_JSON');
    }
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

describe('isJsonObject()', () => {
  it('holds for objects only', () => {
    expect(isJsonObject(parse('{}'))).toBe(true);
    expect(['[]', 'null', '1', '"a"', 'true'].map((text) => isJsonObject(parse(text)))).toEqual(Array(5).fill(false));
  });
});
