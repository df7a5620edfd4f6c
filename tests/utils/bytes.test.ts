import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  concatBytes,
  equalBytes,
  fromBase64,
  fromHex,
  isWellFormed,
  toBase64,
  toHex,
  utf8Decode,
  utf8Encode,
  viewOf,
} from '../../src/utils/bytes.js';
import { refusal } from './refusal.js';

const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index);
const someBytes = fc.uint8Array({ maxLength: 300 });

describe('toHex()', () => {
  it('writes two lowercase digits for each byte', () => {
    expect(toHex(Uint8Array.of(0x00, 0x0f, 0xa0, 0xff))).toBe('000fa0ff');
    expect(toHex(new Uint8Array(0))).toBe('');
  });

  it('agrees with Buffer, also on a view into a larger buffer', () => {
    fc.assert(
      fc.property(someBytes, fc.nat(20), (bytes, start) => {
        const view = bytes.subarray(start);
        expect(toHex(view)).toBe(Buffer.from(view).toString('hex'));
      }),
    );
  });
});

describe('fromHex()', () => {
  it('reads what toHex() writes, in either case', () => {
    const text = toHex(everyByte);

    expect(fromHex(text)).toEqual(everyByte);
    expect(fromHex(text.toUpperCase())).toEqual(everyByte);
    expect(fromHex('aB')).toEqual(Uint8Array.of(0xab));
    expect(fromHex('')).toEqual(new Uint8Array(0));
  });

  it('refuses an odd number of digits', () => {
    expect(refusal(() => fromHex('abc'))).toMatchObject({
      code: 'H4_PARAM',
      message: 'Cannot decode hex: 3 digits, expected an even number',
    });
  });

  it('refuses every character that is not a hex digit, in either place', () => {
    for (let code = 0; code < 300; code++) {
      const character = String.fromCharCode(code);
      if (!/^[0-9a-fA-F]$/.test(character)) {
        expect(refusal(() => fromHex(`00${character}0`)).message).toBe(
          'Cannot decode hex: character 2 is not a hex digit',
        );
        expect(refusal(() => fromHex(`000${character}`)).message).toBe(
          'Cannot decode hex: character 3 is not a hex digit',
        );
      }
    }
  });

  it('refuses with the code and the name it was given, and never repeats the text', () => {
    const error = refusal(() => fromHex('secret', { code: 'H4_META_FIELD', what: 'the uid' }));

    expect(error.code).toBe('H4_META_FIELD');
    expect(error.message).toBe('Cannot decode the uid: character 0 is not a hex digit');
  });
});

describe('toBase64()', () => {
  it.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ])('writes %j as %j (RFC 4648 section 10)', (text, base64) => {
    expect(toBase64(utf8Encode(text))).toBe(base64);
    expect(utf8Decode(fromBase64(base64))).toBe(text);
  });

  it('agrees with Buffer, also on a view into a larger buffer', () => {
    expect(toBase64(everyByte)).toBe(Buffer.from(everyByte).toString('base64'));
    fc.assert(
      fc.property(someBytes, fc.nat(20), (bytes, start) => {
        const view = bytes.subarray(start);
        expect(toBase64(view)).toBe(Buffer.from(view).toString('base64'));
        expect(fromBase64(toBase64(view))).toEqual(Uint8Array.from(view));
      }),
    );
  });
});

describe('fromBase64()', () => {
  it.each(['Zg', 'Zg=', 'Z', 'Zm9vY', 'Zm9v\n', '='])('refuses %j, which lacks padding or has too much', (text) => {
    expect(refusal(() => fromBase64(text))).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot decode base64: ${text.length} characters, expected a multiple of 4 (padding is required)`,
    });
  });

  it.each([
    ['Z===', 1],
    ['====', 0],
    ['=Zg=', 0],
    ['Zg==Zg==', 2],
    ['Zm9 ', 3],
    ['Zm\n=', 2],
    ['-_-_', 0],
    ['Zmé=', 2],
    ['Zm9\u{100}', 3],
  ])('refuses %j, whose character %i is no digit', (text, position) => {
    expect(refusal(() => fromBase64(text)).message).toBe(
      `Cannot decode base64: character ${position} is not a base64 digit`,
    );
  });

  it('refuses every last digit with unused bits set, so that each value has one text', () => {
    const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    for (let value = 0; value < digits.length; value++) {
      const digit = digits.charAt(value);
      for (const [text, unused] of [
        [`Z${digit}==`, 15],
        [`Zm${digit}=`, 3],
      ] as const) {
        if ((value & unused) === 0) {
          expect(toBase64(fromBase64(text))).toBe(text);
        } else {
          expect(refusal(() => fromBase64(text)).message).toBe(
            'Cannot decode base64: the unused bits of the last digit are not zero',
          );
        }
      }
    }
  });

  it('refuses with the code and the name it was given', () => {
    expect(refusal(() => fromBase64('Z', { code: 'H4_SIGN_NOTE', what: 'the signature' }))).toMatchObject({
      code: 'H4_SIGN_NOTE',
      message: expect.stringContaining('Cannot decode the signature: ') as string,
    });
  });

  it('accepts of all short texts exactly those that toBase64() writes', () => {
    const character = fc.constantFrom('A', 'Q', 'g', 'w', '/', '+', '9', '=', '\n', ' ');
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
        const canonical = Buffer.from(text, 'base64').toString('base64') === text;
        if (canonical) {
          expect(toBase64(fromBase64(text))).toBe(text);
        } else {
          expect(refusal(() => fromBase64(text)).code).toBe('H4_PARAM');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('utf8Encode() and utf8Decode()', () => {
  it('return any text that has a UTF-8 form', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Decode(utf8Encode(text))).toBe(text);
      }),
    );
  });

  it('keep a byte order mark', () => {
    expect(utf8Decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41))).toBe('\ufeffA');
    expect(utf8Encode('\ufeffA')).toEqual(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41));
  });

  it.each(['\ud800', 'a\udc00', '\udc00\ud800', '\ud83d\ude00\ud83d'])(
    'refuse the lone surrogate in text %#, which TextEncoder would replace',
    (text) => {
      expect(isWellFormed(text)).toBe(false);
      expect(refusal(() => utf8Encode(text)).code).toBe('H4_PARAM');
    },
  );

  it('take a surrogate pair for well-formed', () => {
    expect(isWellFormed('a\ud83d\ude00b')).toBe(true);
  });

  it.each([
    ['a lone continuation byte', [0x80]],
    ['a cut-off sequence', [0xe2, 0x82]],
    ['an overlong form', [0xc0, 0xaf]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
    ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ])('refuse %s', (_, bytes) => {
    const error = refusal(() => utf8Decode(Uint8Array.from([0x41, ...bytes])));

    expect(error.code).toBe('H4_PARAM');
    expect(error.message).toBe(`Cannot decode UTF-8: the ${bytes.length + 1} bytes are not valid UTF-8`);
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it('refuse with the code and the name they were given, and work again afterwards', () => {
    const error = refusal(() => utf8Decode(Uint8Array.of(0xff), { code: 'H4_META_JSON', what: 'META' }));

    expect(error).toMatchObject({
      code: 'H4_META_JSON',
      message: 'Cannot decode META: the 1 bytes are not valid UTF-8',
    });
    expect(utf8Decode(Uint8Array.of(0x41))).toBe('A');
  });
});

describe('concatBytes()', () => {
  it('joins any number of parts into fresh bytes', () => {
    fc.assert(
      fc.property(fc.array(someBytes, { maxLength: 6 }), (parts) => {
        expect(concatBytes(...parts)).toEqual(Uint8Array.from(Buffer.concat(parts)));
      }),
    );
  });

  it('copies even a single part', () => {
    const part = Uint8Array.of(1);
    const joined = concatBytes(part);
    part[0] = 2;

    expect(joined).toEqual(Uint8Array.of(1));
  });
});

describe('equalBytes()', () => {
  it('holds for equal bytes at different alignments', () => {
    fc.assert(
      fc.property(someBytes, fc.nat(7), (bytes, shift) => {
        const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
        shifted.set(bytes);
        expect(equalBytes(bytes, shifted)).toBe(true);
      }),
    );
  });

  it('fails for one flipped bit anywhere, and for another length', () => {
    for (let length = 1; length <= 13; length++) {
      const bytes = new Uint8Array(length).fill(0x5a);
      for (let bit = 0; bit < length * 8; bit++) {
        const flipped = bytes.slice();
        viewOf(flipped).setUint8(bit >>> 3, 0x5a ^ (1 << (bit & 7)));
        expect(equalBytes(bytes, flipped)).toBe(false);
      }
      expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
    }
  });
});

describe('viewOf()', () => {
  it('covers exactly the bytes, and writes through', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4).subarray(1, 3);
    const view = viewOf(bytes);
    view.setUint8(0, 9);

    expect(view.byteLength).toBe(2);
    expect(bytes).toEqual(Uint8Array.of(9, 3));
  });
});
