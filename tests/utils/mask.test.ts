import { createCipheriv, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/utils/bytes.js';
import { aes256Ctr, MaskStream } from '../../src/utils/mask.js';
import { platform as node } from '../../src/utils/platform/node/platform.js';
import { platform as web } from '../../src/utils/platform/web/platform.js';
import { refusal } from './refusal.js';

const key = Uint8Array.from({ length: 32 }, (_, index) => index);
const salt = Uint8Array.from({ length: 32 }, (_, index) => 0xff - index);
const sample = Uint8Array.from({ length: (1 << 20) + 3 }, (_, index) => (index * 2_654_435_761) >>> 24);
const nothing = new Uint8Array(0);
const SIZES = [0, 1, 15, 16, 17, 1 << 20];

describe('AES-256-CTR', () => {
  it('gives the result of SP 800-38A, F.5.5', () => {
    const masked = aes256Ctr(
      fromHex('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4'),
      fromHex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'),
      fromHex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51'),
    );
    expect(toHex(masked)).toBe('601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5');
  });

  const counters = [
    ['zero', '00000000000000000000000000000000'],
    ['one that carries into the second byte', '000000000000000000000000000000ff'],
    ['one that carries into the 33rd bit', '000000000000000000000000ffffffff'],
    ['one that carries into the 65th bit', '0000000000000000ffffffffffffffff'],
    ['one that carries through all but one of the 128 bits', '7fffffffffffffffffffffffffffffff'],
    ['one that begins again at zero', 'ffffffffffffffffffffffffffffffff'],
  ] as const;

  describe.each(counters)('from %s', (_, hex) => {
    const counter = fromHex(hex);

    it.each(SIZES)('gives the same for %i bytes behind both doors, and takes it back', (length) => {
      const bytes = sample.subarray(0, length);
      const masked = aes256Ctr(key, counter, bytes);
      expect(masked).toHaveLength(length);
      for (const door of [node, web]) {
        expect(Buffer.compare(door.aes256Ctr(key, counter, bytes), masked)).toBe(0);
        expect(Buffer.compare(door.aes256Ctr(key, counter, masked), bytes)).toBe(0);
      }
    });

    // Each block alone, with a counter that is counted here: both doors could carry wrongly in the same way.
    it('counts in all 128 bits', () => {
      const whole = aes256Ctr(key, counter, new Uint8Array(48));
      const blocks = [0n, 1n, 2n].map((index) => {
        const value = BigInt.asUintN(128, BigInt(`0x${hex}`) + index);
        const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
        return new Uint8Array(cipher.update(fromHex(value.toString(16).padStart(32, '0'))));
      });
      expect(whole).toEqual(concatBytes(...blocks));
    });
  });

  it('leaves its input as it was, gives no Buffer, and an array of its own', () => {
    const bytes = sample.slice(0, 33);
    const [ownKey, counter] = [key.slice(), new Uint8Array(16).fill(0xff)];
    const masked = aes256Ctr(ownKey, counter, bytes);
    expect([bytes, ownKey, counter]).toEqual([sample.slice(0, 33), key, new Uint8Array(16).fill(0xff)]);
    expect(Object.getPrototypeOf(masked)).toBe(Uint8Array.prototype);
    const kept = masked.slice();
    bytes.fill(0);
    expect(masked).toEqual(kept);
  });

  it.each([
    [31, 16],
    [33, 16],
    [16, 16],
    [32, 15],
    [32, 12],
    [32, 17],
  ])('takes no key of %i bytes with a counter of %i', (keyBytes, counterBytes) => {
    expect(refusal(() => aes256Ctr(new Uint8Array(keyBytes), new Uint8Array(counterBytes), nothing))).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot use AES-256-CTR with a key of ${keyBytes} bytes and a counter of ${counterBytes}: it has 32 and 16`,
    });
  });
});

describe('the mask of a plain file', () => {
  const masked = new MaskStream(key, salt).update(sample);

  it('is one stream of AES-256-CTR from counter zero, under a key derived from key and salt', () => {
    const derived = Buffer.from(hkdfSync('sha256', key, salt, 'h4mk/v1/mask-file', 32));
    const expected = createCipheriv('aes-256-ctr', derived, Buffer.alloc(16)).update(sample);
    expect(Buffer.compare(masked, expected)).toBe(0);
  });

  it.each(SIZES)('has the same first %i bytes, however long the file is', (length) => {
    expect(
      Buffer.compare(new MaskStream(key, salt).update(sample.subarray(0, length)), masked.subarray(0, length)),
    ).toBe(0);
  });

  it('is the same in pieces of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(70), { maxLength: 30 }), (sizes) => {
        const stream = new MaskStream(key, salt);
        let at = 0;
        for (const size of sizes) {
          expect(stream.update(sample.subarray(at, at + size))).toEqual(masked.slice(at, at + size));
          at += size;
        }
      }),
    );
  });

  it('is the same in pieces of one byte, and in large ones that end within a block', () => {
    for (const [size, length] of [
      [1, 100],
      [65_537, sample.length],
    ] as const) {
      const stream = new MaskStream(key, salt);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < length; at += size)
        pieces.push(stream.update(sample.subarray(at, Math.min(at + size, length))));
      expect(Buffer.compare(concatBytes(...pieces), masked.subarray(0, length))).toBe(0);
    }
  });

  it('takes itself away', () => {
    expect(Buffer.compare(new MaskStream(key, salt).update(masked), sample)).toBe(0);
  });

  it('gives arrays of their own, and leaves its input as it was', () => {
    const stream = new MaskStream(key, salt);
    for (const size of [5, 20]) {
      const piece = sample.slice(0, size);
      const made = stream.update(piece);
      expect(Object.getPrototypeOf(made)).toBe(Uint8Array.prototype);
      expect(made.buffer.byteLength).toBe(size);
      expect(piece).toEqual(sample.slice(0, size));
    }
  });

  it('is another under another key or salt, also of a longer key', () => {
    const first = (ownKey: Uint8Array, ownSalt: Uint8Array): string =>
      toHex(new MaskStream(ownKey, ownSalt).update(new Uint8Array(32)));
    const longer = concatBytes(key, Uint8Array.of(0));
    const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === 31 ? byte ^ 1 : byte));
    const all = [first(key, salt), first(flipped(key), salt), first(key, flipped(salt)), first(longer, salt)];
    expect(new Set(all).size).toBe(4);
  });

  it('keeps to the key that it was made with', () => {
    const [ownKey, ownSalt] = [key.slice(), salt.slice()];
    const stream = new MaskStream(ownKey, ownSalt);
    ownKey.fill(0);
    ownSalt.fill(0);
    expect(stream.update(sample.subarray(0, 64))).toEqual(masked.slice(0, 64));
  });

  it.each([
    [31, 32],
    [0, 32],
    [32, 31],
    [32, 33],
    [32, 0],
  ])('takes no key of %i bytes with a salt of %i', (keyBytes, saltBytes) => {
    expect(refusal(() => new MaskStream(new Uint8Array(keyBytes), new Uint8Array(saltBytes)))).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot mask with a key of ${keyBytes} bytes and a salt of ${saltBytes}: it has at least 32, and 32`,
    });
  });
});
