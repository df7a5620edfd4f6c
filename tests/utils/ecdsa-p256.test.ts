import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { isP256Key, isP256Secret, p256PublicKey, p256Sign, p256Verify } from '../../src/utils/ecdsa-p256.js';
import { derToP1363 } from '../../src/utils/ecdsa-signature.js';
import { platform as node } from '../../src/utils/platform/node/platform.js';
import { platform as web } from '../../src/utils/platform/web/platform.js';
import { describeShared } from '../support/shared.js';
import { refusal } from './refusal.js';

/** RFC 6979, appendix A.2.5. */
const SECRET = fromHex('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721');
const POINT =
  '0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299';
const PREFIX = '3059301306072a8648ce3d020106082a8648ce3d030107034200';
const SPKI = fromHex(PREFIX + POINT);
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const scalar = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0'));
const message = utf8Encode('sample');
const signature = p256Sign(SECRET, message);
const flipped = (bytes: Uint8Array, bit: number): Uint8Array =>
  bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

describe('ECDSA with P-256', () => {
  it.each([
    [
      'sample',
      'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
    ],
    [
      'test',
      'f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083',
    ],
  ])('gives the results of RFC 6979 for %j', (text, expected) => {
    expect(p256PublicKey(SECRET)).toEqual(SPKI);
    expect(toHex(p256Sign(SECRET, utf8Encode(text)))).toBe(expected);
    expect(p256Verify(SPKI, utf8Encode(text), fromHex(expected))).toBe(true);
  });

  it('refuses a signature, a key and a message with one bit changed', () => {
    expect(p256Verify(SPKI, message, signature)).toBe(true);
    for (let bit = 0; bit < 512; bit += 31) {
      expect(p256Verify(SPKI, message, flipped(signature, bit))).toBe(false);
      expect(p256Verify(flipped(SPKI, 27 * 8 + bit), message, signature)).toBe(false);
      expect(p256Verify(SPKI, flipped(message, bit % 48), signature)).toBe(false);
    }
  });

  it('accepts s in either half, as others make it', () => {
    const s = BigInt(`0x${toHex(signature.subarray(32))}`);
    const other = concatBytes(signature.subarray(0, 32), scalar(ORDER - s));
    expect(other).not.toEqual(signature);
    expect(p256Verify(SPKI, message, other)).toBe(true);
  });

  it('refuses r and s that are zero, or not below the order', () => {
    const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
    for (const bad of [0n, ORDER, ORDER + 1n, (1n << 256n) - 1n].map(scalar)) {
      expect(p256Verify(SPKI, message, concatBytes(bad, s))).toBe(false);
      expect(p256Verify(SPKI, message, concatBytes(r, bad))).toBe(false);
    }
  });

  it('takes a key that has been written to for another one', () => {
    const key = SPKI.slice();
    expect(p256Verify(key, message, signature)).toBe(true);
    key.set(p256PublicKey(scalar(5n)));
    expect(p256Verify(key, message, signature)).toBe(false);
    key[40] = (key[40] ?? 0) ^ 1;
    expect(p256Verify(key, message, signature)).toBe(false);
    expect(isP256Key(key)).toBe(false);
  });

  it('gives no Buffer', () => {
    for (const bytes of [p256PublicKey(SECRET), signature]) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
      expect(bytes.buffer.byteLength).toBe(bytes.length);
    }
  });
});

describe('a secret of P-256', () => {
  it.each([
    ['1', scalar(1n)],
    ['the order less 1', scalar(ORDER - 1n)],
  ])('may be %s', (_, secret) => {
    expect(isP256Secret(secret)).toBe(true);
    expect(p256Verify(p256PublicKey(secret), message, p256Sign(secret, message))).toBe(true);
  });

  it.each([
    ['0', new Uint8Array(32)],
    ['the order', scalar(ORDER)],
    ['2^256 - 1', new Uint8Array(32).fill(0xff)],
    ['of 31 bytes', SECRET.subarray(1)],
    ['of 33 bytes', concatBytes(new Uint8Array(1), SECRET)],
    ['nothing', new Uint8Array(0)],
  ])('is not %s', (_, secret) => {
    expect(isP256Secret(secret)).toBe(false);
    for (const run of [() => p256PublicKey(secret), () => p256Sign(secret, message)]) {
      const error = refusal(run);
      expect([error.code, error.message]).toEqual([
        'H4_PARAM',
        `Cannot use ${secret.length} bytes as a secret of P-256: it is 32 bytes between 0 and the order of the group`,
      ]);
    }
  });
});

describe('a public key of P-256', () => {
  it('is one that lies on the curve', () => {
    expect(isP256Key(SPKI)).toBe(true);
    expect(isP256Key(flipped(SPKI, 400))).toBe(false);
    expect(p256Verify(flipped(SPKI, 400), message, signature)).toBe(false);
  });

  it.each([
    ['coordinates of zero', fromHex(`${PREFIX}04${'00'.repeat(64)}`)],
    ['coordinates that are not below p', fromHex(`${PREFIX}04${'ff'.repeat(64)}`)],
  ])('has no %s', (_, key) => {
    expect(isP256Key(key)).toBe(false);
    expect(p256Verify(key, message, signature)).toBe(false);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['a point alone', fromHex(POINT)],
    ['a compressed point', fromHex(`3039301306072a8648ce3d020106082a8648ce3d03010703220003${POINT.slice(2, 66)}`)],
    ['one byte more', concatBytes(SPKI, new Uint8Array(1))],
    ['another curve', SPKI.map((byte, index) => (index === 22 ? 8 : byte))],
    ['a hybrid point', SPKI.map((byte, index) => (index === 26 ? 6 : byte))],
  ])('is not %s', (_, key) => {
    expect(isP256Key(key)).toBe(false);
    const error = refusal(() => p256Verify(key, message, signature));
    expect([error.code, error.message]).toEqual([
      'H4_PARAM',
      `Cannot use ${key.length} bytes as a public key of P-256: its form is another`,
    ]);
  });

  it('verifies no signature of another length', () => {
    for (const length of [0, 63, 65]) {
      expect(refusal(() => p256Verify(SPKI, message, new Uint8Array(length)))).toMatchObject({
        code: 'H4_PARAM',
        message: `Cannot use ${length} bytes as a signature of P-256: it has 64`,
      });
    }
  });
});

describe('P-256 behind the two doors', () => {
  it('has the same keys and signatures, and either verifies them', () => {
    const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter(isP256Secret);
    fc.assert(
      fc.property(secrets, fc.uint8Array({ maxLength: 300 }), (secret, text) => {
        const made = node.p256Sign(secret, text);
        expect(web.p256Sign(secret, text)).toEqual(made);
        expect(web.p256PublicKey(secret)).toEqual(node.p256PublicKey(secret));
        const key = p256PublicKey(secret);
        for (const door of [node, web])
          expect([door.isP256Key(key), door.p256Verify(key, text, made)]).toEqual([true, true]);
      }),
      { numRuns: 15 },
    );
  });

  it('refuses the same points', () => {
    for (let bit = 0; bit < 512; bit += 17) {
      const key = flipped(SPKI, 27 * 8 + bit);
      expect([node.isP256Key(key), web.isP256Key(key)]).toEqual([false, false]);
      expect([node.p256Verify(key, message, signature), web.p256Verify(key, message, signature)]).toEqual([
        false,
        false,
      ]);
    }
  });
});

interface WycheproofEcdsa {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly publicKeyDer: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid';
    }[];
  }[];
}

describeShared('ECDSA with P-256 against Wycheproof', (shared) => {
  const read = (form: string): { readonly announced: number; readonly tests: readonly Test[] } => {
    const file = readFileSync(`${shared}/vectors/wycheproof_ecdsa_p256_sha256_${form}.json`, 'utf8');
    const { numberOfTests, testGroups } = JSON.parse(file) as WycheproofEcdsa;
    const tests = testGroups.flatMap(({ publicKeyDer, tests: group }) =>
      group.map((test) => ({ ...test, key: publicKeyDer })),
    );
    return { announced: numberOfTests, tests };
  };
  type Test = WycheproofEcdsa['testGroups'][number]['tests'][number] & { readonly key: string };
  const der = read('der');
  const p1363 = read('p1363');

  it('has all the vectors that the files announce, and none that is neither valid nor invalid', () => {
    expect([der.tests.length, p1363.tests.length]).toEqual([der.announced, p1363.announced]);
    for (const { tests } of [der, p1363]) {
      expect(new Set(tests.map(({ result }) => result))).toEqual(new Set(['valid', 'invalid']));
    }
  });

  /** Of all cases in one test each: a test of its own for every case would take longer than the cases. */
  it.each([
    ['DER', der.tests, (sig: string) => derToP1363(fromHex(sig))],
    ['P1363', p1363.tests, (sig: string) => (sig.length === 128 ? fromHex(sig) : undefined)],
  ])('agrees with all vectors in %s, behind both doors', (_, tests, formOf) => {
    const wrong = tests.flatMap(({ tcId, comment, key, msg, sig, result }) => {
      const [spki, text, made] = [fromHex(key), fromHex(msg), formOf(sig)];
      const verdicts = [
        made !== undefined && p256Verify(spki, text, made),
        made !== undefined && node.p256Verify(spki, text, made),
        made !== undefined && web.p256Verify(spki, text, made),
      ];
      const isRight = verdicts.every((verdict) => verdict === (result === 'valid'));
      return isRight ? [] : [{ tcId, comment, result, verdicts }];
    });
    expect(wrong).toEqual([]);
  });
});

describeShared('P-256 where the first nonce of RFC 6979 is rejected', (shared) => {
  const vector = JSON.parse(readFileSync(`${shared}/vectors/rfc6979_p256_rejection.json`, 'utf8')) as Record<
    'x' | 'Ux' | 'Uy' | 'message' | 'r' | 's',
    string
  >;

  it('takes the next one', () => {
    const text = utf8Encode(vector.message);
    expect(toHex(p256PublicKey(fromHex(vector.x)))).toBe(`${PREFIX}04${vector.Ux}${vector.Uy}`.toLowerCase());
    for (const door of [node, web]) {
      expect(toHex(door.p256Sign(fromHex(vector.x), text))).toBe(`${vector.r}${vector.s}`.toLowerCase());
    }
  });
});
