import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../src/utils/bytes.js';
import { crc32 } from '../../src/utils/crc32.js';

describe('crc32()', () => {
  it.each([
    ['', 0x00000000],
    ['a', 0xe8b7be43],
    ['abc', 0x352441c2],
    ['123456789', 0xcbf43926],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ])('of %j is the published check value', (text, expected) => {
    expect(crc32(utf8Encode(text))).toBe(expected);
  });

  it.each([
    ['32 zero bytes', new Uint8Array(32), 0x190a55ad],
    ['32 bytes 0xff', new Uint8Array(32).fill(0xff), 0xff6cab0b],
    ['the bytes 0 to 31', Uint8Array.from({ length: 32 }, (_, index) => index), 0x91267e8a],
  ])('of %s is the published check value', (_, bytes, expected) => {
    expect(crc32(bytes)).toBe(expected);
  });

  it('of no bytes is the seed', () => {
    expect(crc32(new Uint8Array(0), 0xcbf43926)).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(8).subarray(8), 0xcbf43926)).toBe(0xcbf43926);
  });

  it('continues from the CRC of what came before, wherever the cut is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
        expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(crc32(bytes));
      }),
    );
  });

  it('notices every single flipped bit', () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, index) => index * 7);
    const seen = new Set([crc32(bytes)]);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes, (byte, index) => (index === bit >>> 3 ? byte ^ (1 << (bit & 7)) : byte));
      seen.add(crc32(flipped));
    }
    expect(seen.size).toBe(bytes.length * 8 + 1);
  });
});
