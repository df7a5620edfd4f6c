import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertContentKey, blindOf, createEpochSecret } from '../../../src/container/secrecy/block-secrets.js';
import { equalBytes, toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { lcgBytes } from '../../compression/lcg.js';
import { refusal } from '../../utils/refusal.js';

const KEY = lcgBytes(1, 32);
const SALT = lcgBytes(2, 32);
const FILE_ID = lcgBytes(3, 32);
const HEADER = lcgBytes(4, 60);

const secret = () => createEpochSecret(KEY, SALT);

describe('createEpochSecret()', () => {
  test('commits to key and salt', () => {
    const prk = createHmac('sha256', SALT).update(KEY).digest();
    const commit = createHmac('sha256', prk).update('h4mk/v1/commit').update(Uint8Array.of(1)).digest('hex');
    expect(toHex(secret().commit)).toBe(commit);
    expect(toHex(createEpochSecret(lcgBytes(9, 32), SALT).commit)).not.toBe(commit);
    expect(toHex(createEpochSecret(KEY, lcgBytes(9, 32)).commit)).not.toBe(commit);
  });

  test('refuses a short key and a salt of another length, and shows neither', () => {
    const short = lcgBytes(1, 31);
    for (const error of [
      refusal(() => createEpochSecret(short, SALT)),
      refusal(() => createEpochSecret(KEY, SALT.subarray(1))),
      refusal(() => assertContentKey(short, 'key')),
    ]) {
      expect(error.code).toBe('H4_PARAM');
      expect(error.message).toContain('31');
      expect(error.message).not.toContain(toHex(short).slice(0, 8));
    }
    expect(createEpochSecret(lcgBytes(1, 100), SALT).commit).toHaveLength(32);
  });

  test('is section 12, for records beyond 2^32, too', () => {
    const seq = 2 ** 33 + 2 ** 21 + 5;
    const [seqBytes, eraBytes] = [Buffer.from('0000000200200005', 'hex'), Buffer.from('0000000000002002', 'hex')];
    const info = (label: string): Buffer => Buffer.concat([Buffer.from(label), FILE_ID, eraBytes]);
    const derive = (label: string, size: number): Buffer =>
      Buffer.from(hkdfSync('sha256', KEY, SALT, info(label), size));
    const counter = Buffer.concat([seqBytes, Buffer.alloc(8)]);
    const masked = createCipheriv('aes-256-ctr', derive('h4mk/v1/mask', 32), counter).update(HEADER);
    expect(toHex(secret().mask(FILE_ID, seq, HEADER))).toBe(masked.toString('hex'));

    const keys = derive('h4mk/v1/encrypt', 64);
    const bound = Buffer.concat([FILE_ID, HEADER]);
    const length = Buffer.from([0, 0, 0, 0, 0, 0, 0, bound.length]);
    const nonce = createHmac('sha256', keys.subarray(32))
      .update(length)
      .update(bound)
      .update(SALT)
      .digest()
      .subarray(0, 12);
    const cipher = createCipheriv('aes-256-gcm', keys.subarray(0, 32), nonce).setAAD(bound);
    const sealed = Buffer.concat([nonce, cipher.update(SALT), cipher.final(), cipher.getAuthTag()]);
    expect(toHex(secret().seal(FILE_ID, seq, HEADER, SALT))).toBe(sealed.toString('hex'));
  });

  test('gives the same bytes for the same input, whatever came before', () => {
    const plain = utf8Encode('the same');
    const warm = secret();
    for (const seq of [0, 1, 2 ** 20, 2 ** 33]) warm.seal(FILE_ID, seq, HEADER, plain);
    warm.seal(lcgBytes(5, 32), 7, HEADER, plain);
    for (const seq of [7, 2 ** 20 + 7, 2 ** 33 + 7, 7]) {
      expect(warm.seal(FILE_ID, seq, HEADER, plain)).toEqual(secret().seal(FILE_ID, seq, HEADER, plain));
      expect(warm.mask(FILE_ID, seq, plain)).toEqual(secret().mask(FILE_ID, seq, plain));
    }
  });

  test('another content, header, place, file or key has another nonce', () => {
    const plain = utf8Encode('content');
    const nonces = [
      secret().seal(FILE_ID, 7, HEADER, plain),
      secret().seal(FILE_ID, 7, HEADER, utf8Encode('Content')),
      secret().seal(FILE_ID, 7, HEADER.subarray(1), plain),
      secret().seal(FILE_ID, 7 + 2 ** 20, HEADER, plain),
      secret().seal(lcgBytes(5, 32), 7, HEADER, plain),
      createEpochSecret(KEY, lcgBytes(6, 32)).seal(FILE_ID, 7, HEADER, plain),
      createEpochSecret(lcgBytes(7, 32), SALT).seal(FILE_ID, 7, HEADER, plain),
    ].map((payload) => toHex(payload.subarray(0, 12)));
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  test('the length of the header stands in the nonce: no byte can move from it to the content', () => {
    const sealed = secret().seal(FILE_ID, 7, HEADER, utf8Encode('xyz'));
    const moved = secret().seal(FILE_ID, 7, Uint8Array.of(...HEADER, 0x78), utf8Encode('yz'));
    expect(moved.subarray(0, 12)).not.toEqual(sealed.subarray(0, 12));
  });

  test('a mask is an involution, of the same length, and another one for every record, file and key', () => {
    const plain = new Uint8Array(48);
    const masked = [
      secret().mask(FILE_ID, 7, plain),
      secret().mask(FILE_ID, 8, plain),
      secret().mask(FILE_ID, 7 + 2 ** 20, plain),
      secret().mask(FILE_ID, 7 + 2 ** 32, plain),
      secret().mask(lcgBytes(5, 32), 7, plain),
      createEpochSecret(KEY, lcgBytes(6, 32)).mask(FILE_ID, 7, plain),
    ];
    // No block of any keystream occurs in another one, or twice.
    const blocks = masked.flatMap((bytes) => [0, 16, 32].map((at) => toHex(bytes.subarray(at, at + 16))));
    expect(new Set(blocks).size).toBe(blocks.length);
    for (const bytes of masked) expect(bytes).toHaveLength(48);
    expect(secret().mask(FILE_ID, 7, secret().mask(FILE_ID, 7, HEADER))).toEqual(HEADER);
  });

  test('what is sealed opens again, of any size, and is 28 bytes longer', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(),
        fc.uint8Array({ maxLength: 99 }),
        (bytes, seq, header) => {
          const sealed = secret().seal(FILE_ID, seq, header, bytes);
          expect(sealed).toHaveLength(bytes.length + 28);
          const opened = secret().open(FILE_ID, seq, header, sealed);
          expect(opened !== undefined && equalBytes(opened, bytes)).toBe(true);
        },
      ),
    );
  });

  test('does not open what has a byte changed, is too short, or is held against another place, header or file', () => {
    const sealed = secret().seal(FILE_ID, 7, HEADER, utf8Encode('content'));
    for (let at = 0; at < sealed.length; at++) {
      const other = sealed.map((byte, i) => (i === at ? byte ^ 1 : byte));
      expect(secret().open(FILE_ID, 7, HEADER, other)).toBeUndefined();
    }
    for (let at = 0; at < HEADER.length; at++) {
      const other = HEADER.map((byte, i) => (i === at ? byte ^ 0x80 : byte));
      expect(secret().open(FILE_ID, 7, other, sealed)).toBeUndefined();
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(secret().open(FILE_ID, 7, HEADER, sealed.subarray(0, length))).toBeUndefined();
    }
    expect(secret().open(FILE_ID, 7 + 2 ** 20, HEADER, sealed)).toBeUndefined();
    expect(secret().open(lcgBytes(5, 32), 7, HEADER, sealed)).toBeUndefined();
    expect(secret().open(FILE_ID, 7, HEADER, sealed)).toEqual(utf8Encode('content'));
  });
});

describe('blindOf()', () => {
  test('is section 10, and needs a seed that cannot be guessed', () => {
    const expected = createHmac('sha256', KEY)
      .update('h4mk/v1/blind')
      .update(FILE_ID)
      .update(Buffer.from('0000000200000005', 'hex'));
    expect(toHex(blindOf(KEY, FILE_ID, 2 ** 33 + 5))).toBe(expected.digest('hex').slice(0, 32));
    expect(refusal(() => blindOf(KEY.subarray(1), FILE_ID, 5)).code).toBe('H4_PARAM');
  });
});
