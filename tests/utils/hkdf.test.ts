import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { hkdf, hkdfExpand, hkdfExtract, hmacSha256 } from '../../src/utils/hkdf.js';
import { describeShared } from '../support/shared.js';
import { refusal } from './refusal.js';

const counting = (first: number, length: number) => Uint8Array.from({ length }, (_, index) => first + index);
const repeated = (byte: number, length: number) => new Uint8Array(length).fill(byte);
const nothing = new Uint8Array(0);

describe('hmacSha256()', () => {
  it.each([
    [1, repeated(0x0b, 20), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      2,
      utf8Encode('Jefe'),
      'what do ya want for nothing?',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      6,
      repeated(0xaa, 131),
      'Test Using Larger Than Block-Size Key - Hash Key First',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ])('gives the result of RFC 4231 test case %i', (_, key, text, mac) => {
    expect(toHex(hmacSha256(key, utf8Encode(text)))).toBe(mac);
  });

  it('of several parts is that of their concatenation', () => {
    const key = repeated(1, 32);
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 4 }), (parts) => {
        expect(hmacSha256(key, ...parts)).toEqual(hmacSha256(key, concatBytes(...parts)));
      }),
    );
  });

  it('gives no Buffer', () => {
    expect(Object.getPrototypeOf(hmacSha256(nothing, nothing))).toBe(Uint8Array.prototype);
  });
});

describe('hkdf()', () => {
  it.each([
    {
      name: 'A.1',
      ikm: repeated(0x0b, 22),
      salt: counting(0x00, 13),
      info: counting(0xf0, 10),
      prk: '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
      okm: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    },
    {
      name: 'A.2',
      ikm: counting(0x00, 80),
      salt: counting(0x60, 80),
      info: counting(0xb0, 80),
      prk: '06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244',
      okm:
        'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09' +
        'da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
    },
    {
      name: 'A.3',
      ikm: repeated(0x0b, 22),
      salt: nothing,
      info: nothing,
      prk: '19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04',
      okm: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    },
  ])('gives the result of RFC 5869 $name', ({ ikm, salt, info, prk, okm }) => {
    const length = okm.length / 2;

    expect(toHex(hkdfExtract(salt, ikm))).toBe(prk);
    expect(toHex(hkdfExpand(fromHex(prk), info, length))).toBe(okm);
    expect(toHex(hkdf(ikm, salt, info, length))).toBe(okm);
  });

  it('gives a prefix of the longest output for every length', () => {
    const prk = repeated(7, 32);
    const longest = hkdfExpand(prk, nothing, 8160);
    for (const length of [0, 1, 31, 32, 33, 64, 8159]) {
      expect(hkdfExpand(prk, nothing, length)).toEqual(longest.slice(0, length));
    }
  });

  it.each([8161, -1, 0.5, Number.NaN])('refuses to derive %d bytes', (length) => {
    expect(refusal(() => hkdfExpand(repeated(7, 32), nothing, length))).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot derive ${length} bytes: HKDF-SHA-256 yields from 0 to 8160`,
    });
  });
});

interface WycheproofHkdf {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly tests: readonly {
      readonly tcId: number;
      readonly ikm: string;
      readonly salt: string;
      readonly info: string;
      readonly size: number;
      readonly okm: string;
      readonly result: 'valid' | 'invalid';
    }[];
  }[];
}

describeShared('hkdf() against Wycheproof', (shared) => {
  const file = readFileSync(`${shared}/vectors/wycheproof_hkdf_sha256.json`, 'utf8');
  const vectors = JSON.parse(file) as WycheproofHkdf;
  const tests = vectors.testGroups.flatMap((group) => group.tests);

  it('has all the vectors that the file announces, valid and invalid', () => {
    expect(tests).toHaveLength(vectors.numberOfTests);
    expect(new Set(tests.map(({ result }) => result))).toEqual(new Set(['valid', 'invalid']));
  });

  it.each(tests)('agrees with vector $tcId', ({ ikm, salt, info, size, okm, result }) => {
    const derive = () => hkdf(fromHex(ikm), fromHex(salt), fromHex(info), size);
    if (result === 'valid') {
      expect(toHex(derive())).toBe(okm);
    } else {
      expect(refusal(derive).code).toBe('H4_PARAM');
    }
  });
});
