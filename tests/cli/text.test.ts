import { describe, expect, test } from 'vitest';
import { counted, jsonLine, printable, shortened, wrapped } from '../../src/cli/text.js';

describe('printable()', () => {
  test('leaves readable text of any script alone', () => {
    for (const text of ['clip.mp4', 'Bjørn ÆØÅ.h4mk', '日本語', 'emoji 👩‍🔬', 'a  b', '', 'می‌خواهم']) {
      expect(printable(text)).toBe(text);
    }
  });

  test('spells out whatever could act on a terminal', () => {
    expect(printable('a\nb\r\tc')).toBe('a\\nb\\r\\tc');
    expect(printable('\x1b[31mred\x1b]0;title\x07')).toBe('\\x1b[31mred\\x1b]0;title\\x07');
    expect(printable('\x00\x7f\x9b')).toBe('\\x00\\x7f\\x9b');
  });

  test('spells out what hides or turns text', () => {
    expect(printable('exe\u202egpj')).toBe('exe\\u{202e}gpj');
    expect(printable('\u2066\u2069\u2028\u2029\ufeff\u00ad')).toBe(
      '\\u{2066}\\u{2069}\\u{2028}\\u{2029}\\u{feff}\\xad',
    );
    expect(printable('\ud800')).toBe('\\u{d800}');
    expect(printable('\u{e0041}')).toBe('\\u{e0041}');
  });
});

describe('jsonLine()', () => {
  test('is one line of JSON that reads back as it was', () => {
    const value = { name: 'a\nb\x7f\x9b\u202e\u{e0041}ø👩‍🔬', n: [1, null, true] };
    const line = jsonLine(value);
    expect(line).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(line).toContain('\\u202e');
    expect(line).toContain('\\udb40\\udc41');
    expect(line).toContain('ø');
    expect(JSON.parse(line)).toEqual(value);
  });
});

describe('words and lines', () => {
  test('shortened() keeps what fits', () => {
    expect(shortened('abcd', 4)).toBe('abcd');
    expect(shortened('abcde', 4)).toBe('abc…');
  });

  test('counted() knows one from many', () => {
    expect([counted(0, 'record'), counted(1, 'record'), counted(2, 'entry', 'entries')]).toEqual([
      '0 records',
      '1 record',
      '2 entries',
    ]);
  });

  test('wrapped() breaks between words and never within one', () => {
    expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapped('incomprehensibilities are long', 5)).toEqual(['incomprehensibilities', 'are', 'long']);
    expect(wrapped('', 5)).toEqual(['']);
  });
});
