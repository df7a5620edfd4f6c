import { readFileSync } from 'node:fs';
import { ed25519 as noble } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { ed25519PublicKey, ed25519Sign, ed25519Verify } from '../../src/utils/ed25519.js';
import { platform as node } from '../../src/utils/platform/node/platform.js';
import { platform as web } from '../../src/utils/platform/web/platform.js';
import { describeShared } from '../support/shared.js';
import { refusal } from './refusal.js';

const seed = Uint8Array.from({ length: 32 }, (_, index) => index);
const message = utf8Encode('five records');

describe('Ed25519', () => {
  it.each([
    [
      1,
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      2,
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
  ])('gives the results of RFC 8032 test %i', (_, secret, publicKey, text, signature) => {
    expect(toHex(ed25519PublicKey(fromHex(secret)))).toBe(publicKey);
    expect(toHex(ed25519Sign(fromHex(secret), fromHex(text)))).toBe(signature);
    expect(ed25519Verify(fromHex(publicKey), fromHex(text), fromHex(signature))).toBe(true);
  });

  it('refuses a signature, a key and a message with one bit changed', () => {
    const publicKey = ed25519PublicKey(seed);
    const signature = ed25519Sign(seed, message);
    const flipped = (bytes: Uint8Array, bit: number): Uint8Array =>
      bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    expect(ed25519Verify(publicKey, message, signature)).toBe(true);
    for (let bit = 0; bit < 512; bit += 7) {
      expect(ed25519Verify(publicKey, message, flipped(signature, bit))).toBe(false);
      expect(ed25519Verify(flipped(publicKey, bit % 256), message, signature)).toBe(false);
      expect(ed25519Verify(publicKey, flipped(message, bit % 96), signature)).toBe(false);
    }
  });

  it('takes a key that has been written to for another one', () => {
    const changing = seed.slice();
    const publicKey = ed25519PublicKey(changing);
    const before = ed25519Sign(changing, message);
    expect(ed25519Sign(changing, message)).toEqual(before);
    changing[5] = 0xff;
    expect(ed25519PublicKey(changing)).not.toEqual(publicKey);
    expect(ed25519Sign(changing, message)).not.toEqual(before);
    expect(ed25519Verify(publicKey, message, before)).toBe(true);
    publicKey[0] = (publicKey[0] ?? 0) ^ 1;
    expect(ed25519Verify(publicKey, message, before)).toBe(false);
  });

  it('gives no Buffer', () => {
    for (const bytes of [ed25519PublicKey(seed), ed25519Sign(seed, message)]) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
      expect(bytes.buffer.byteLength).toBe(bytes.length);
    }
  });

  it.each([
    ['a seed', () => ed25519PublicKey(new Uint8Array(31)), 31, 32],
    ['a seed', () => ed25519Sign(new Uint8Array(64), message), 64, 32],
    ['a public key', () => ed25519Verify(new Uint8Array(33), message, new Uint8Array(64)), 33, 32],
    ['a signature', () => ed25519Verify(new Uint8Array(32), message, new Uint8Array(63)), 63, 64],
  ])('refuses as %s another number of bytes', (what, run, found, wanted) => {
    expect(refusal(run)).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot use ${found} bytes as ${what} of Ed25519: it has ${wanted}`,
    });
  });

  it('finds garbage false, and throws nothing', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(32), bytes(64), (key, signature) => {
        expect(ed25519Verify(key, message, signature)).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});

/** The order of the group, p, and the points of small order, little-endian. */
const P = (1n << 255n) - 19n;
const ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;
const ORDER_8 = '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05';
const ORDER_8_TOO = 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a';

const littleEndian = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
const negated = (point: Uint8Array): Uint8Array => point.map((byte, index) => (index === 31 ? byte ^ 0x80 : byte));

const small = [...[0n, 1n, P - 1n].map(littleEndian), ...[ORDER_8, ORDER_8_TOO].map((hex) => fromHex(hex))].flatMap(
  (point) => [point, negated(point)],
);
const beyond = [0n, 1n, 3n, 18n].map((y) => littleEndian(P + y)).flatMap((point) => [point, negated(point)]);

describe('a key that is no strict one', () => {
  const forged = concatBytes(littleEndian(1n), new Uint8Array(32));
  const texts = Array.from({ length: 64 }, (_, index) => Uint8Array.of(index));
  const secondEncodings = beyond.slice(0, 4);

  it.each([...small, ...secondEncodings].map((key) => [toHex(key), key] as const))(
    'has a signature that fits many messages, and is refused all the same (%s)',
    (_, key) => {
      // R = 0 and S = 0 fit wherever the challenge is a multiple of the order of the key.
      const fits = texts.filter((text) => node.ed25519Verify(key, text, forged));
      expect(fits.length).toBeGreaterThan(0);
      for (const text of fits) expect(ed25519Verify(key, text, forged)).toBe(false);
    },
  );
});

/** Made with a key and a commitment that have a part of order 8: key, message, signature. */
const MIXED = [
  [
    'R',
    '50584106c66171dbe6901bd187252a0d704a02a1080f80c486575d07e5e4b4fe',
    '00',
    '37da69e09442b7d55cc3b5795bfab9763f2d49979cf569920d433aac74ed56b923897e9d60a96eb048f6f4694f2de18d339783ac713ffd6d904269b74a793207',
  ],
  [
    'the key',
    '8399b28fee8b3b2c7d668990fc6884ec3ff12488a18560adf1bbc56b7bbfe942',
    '00',
    '6b12d4d055bd943206034b402ebe601bf715a3bbe772cdac6ab65b94d9a07bf6ba9d8b3626a375b19c0a1f56f53620fb64d659753f43c4078e3e3db78f789904',
  ],
  [
    'both',
    '8399b28fee8b3b2c7d668990fc6884ec3ff12488a18560adf1bbc56b7bbfe942',
    '00',
    '37da69e09442b7d55cc3b5795bfab9763f2d49979cf569920d433aac74ed56b919edb4349bdab8e7104dc214028456bbe509e014d3a23fde762e49a0ddc62d0e',
  ],
] as const;

describe('the two platforms', { timeout: 120_000 }, () => {
  it('agree on keys of small order and on points in a second encoding', () => {
    let accepted = 0;
    for (const key of [...small, ...beyond]) {
      for (const commitment of [...small, ...beyond]) {
        for (const scalar of [0n, ORDER]) {
          const signature = concatBytes(commitment, littleEndian(scalar));
          const verdict = node.ed25519Verify(key, message, signature);
          expect(web.ed25519Verify(key, message, signature), `${toHex(key)} ${toHex(signature)}`).toBe(verdict);
          accepted += Number(verdict);
        }
      }
    }
    expect(accepted).toBeGreaterThan(0);
  });

  it.each(MIXED)('refuse what only the equation with cofactor accepts (order 8 in %s)', (_, key, text, signature) => {
    const [bytes, signed, made] = [fromHex(key), fromHex(text), fromHex(signature)];
    expect(noble.verify(made, signed, bytes, { zip215: false })).toBe(true);
    expect(node.ed25519Verify(bytes, signed, made)).toBe(false);
    expect(web.ed25519Verify(bytes, signed, made)).toBe(false);
  });

  it('give the same keys and signatures', () => {
    const thirtyTwo = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(thirtyTwo, fc.uint8Array({ maxLength: 300 }), (secret, text) => {
        const signature = node.ed25519Sign(secret, text);
        expect(web.ed25519Sign(secret, text)).toEqual(signature);
        expect(web.ed25519PublicKey(secret)).toEqual(node.ed25519PublicKey(secret));
        expect(web.ed25519Verify(node.ed25519PublicKey(secret), text, signature)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

interface WycheproofEd25519 {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid';
    }[];
  }[];
}

describeShared('Ed25519 against Wycheproof', (shared) => {
  const file = readFileSync(`${shared}/vectors/wycheproof_ed25519.json`, 'utf8');
  const vectors = JSON.parse(file) as WycheproofEd25519;
  const tests = vectors.testGroups.flatMap(({ publicKey, tests: group }) =>
    group.map(({ tcId, msg, sig, result }) => ({ tcId, key: publicKey.pk, msg, sig, result })),
  );

  it('has all the vectors that the file announces, valid and invalid', () => {
    expect(tests).toHaveLength(vectors.numberOfTests);
    expect(new Set(tests.map(({ result }) => result))).toEqual(new Set(['valid', 'invalid']));
  });

  it.each(tests)('agrees with vector $tcId, behind both doors', ({ key, msg, sig, result }) => {
    const [publicKey, text, signature] = [fromHex(key), fromHex(msg), fromHex(sig)];
    if (signature.length === 64) {
      const isValid = result === 'valid';
      expect(ed25519Verify(publicKey, text, signature)).toBe(isValid);
      expect(node.ed25519Verify(publicKey, text, signature)).toBe(isValid);
      expect(web.ed25519Verify(publicKey, text, signature)).toBe(isValid);
    } else {
      expect(result).toBe('invalid');
      expect(refusal(() => ed25519Verify(publicKey, text, signature)).code).toBe('H4_PARAM');
    }
  });
});
