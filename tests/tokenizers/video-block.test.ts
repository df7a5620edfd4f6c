import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VideoBlockToken } from '../../src/tokenizers/video-block.js';
import { fromHex, toHex } from '../../src/utils/bytes.js';
import { refusal } from '../utils/refusal.js';

const MAX_U32 = 2 ** 32 - 1;

describe('VideoBlockToken', () => {
  test.each([
    [{ ptsMicros: 0, blockIndex: 0, isKey: true }, '00000000000000000000000001'],
    [{ ptsMicros: 33366, blockIndex: 1, isKey: false }, '00000000000082560000000100'],
    [{ ptsMicros: 2 ** 53 - 1, blockIndex: MAX_U32, isKey: true }, '001fffffffffffffffffffff01'],
  ])('%j is thirteen known bytes', (fields, hex) => {
    const token = new VideoBlockToken(fields);
    expect(toHex(token.serialize())).toBe(hex);
    expect(VideoBlockToken.parse(fromHex(hex))).toEqual(token);
    expect(token).toMatchObject({ kind: 'video-block', ...fields });
  });

  test('comes back from its bytes, whatever it says', () => {
    const anyFields = fc.record({
      ptsMicros: fc.maxSafeNat(),
      blockIndex: fc.integer({ min: 0, max: MAX_U32 }),
      isKey: fc.boolean(),
    });
    fc.assert(
      fc.property(anyFields, (fields) => {
        const token = new VideoBlockToken(fields);
        expect(VideoBlockToken.parse(token.serialize())).toEqual(token);
      }),
    );
  });

  test('parse() gives back exactly the bytes it accepted', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 13, maxLength: 13 }), fc.nat({ max: 1 }), (bytes, key) => {
        // Small enough to be represented, and 0 or 1 at the end: everything else is free.
        bytes.fill(0, 0, 2)[12] = key;
        expect(VideoBlockToken.parse(bytes).serialize()).toEqual(bytes);
      }),
    );
  });

  test('parse() refuses every other length', () => {
    for (let length = 0; length < 40; length++) {
      if (length !== VideoBlockToken.BYTES) {
        expect(refusal(() => VideoBlockToken.parse(new Uint8Array(length))).code).toBe('H4_PARAM');
      }
    }
  });

  test('parse() refuses every key byte but 0 and 1', () => {
    for (let key = 2; key < 256; key++) {
      const error = refusal(() =>
        VideoBlockToken.parse(Uint8Array.from({ length: 13 }, (_, i) => (i === 12 ? key : 0))),
      );
      expect(error.code).toBe('H4_PARAM');
      expect(error.message).toBe(`Cannot read video token: its key byte is ${key}, expected 0 or 1`);
    }
  });

  test('parse() never rounds a PTS', () => {
    expect(refusal(() => VideoBlockToken.parse(fromHex('00200000000000000000000001'))).code).toBe('H4_LIMIT_U64');
    expect(refusal(() => VideoBlockToken.parse(fromHex('ffffffffffffffff0000000001'))).code).toBe('H4_U64_RANGE');
  });

  test.each([
    ['ptsMicros', -1],
    ['ptsMicros', 0.5],
    ['ptsMicros', 2 ** 53],
    ['ptsMicros', Number.NaN],
    ['blockIndex', -1],
    ['blockIndex', 0.5],
    ['blockIndex', 2 ** 32],
    ['blockIndex', Number.NaN],
  ])('cannot be made with %s %d', (field, value) => {
    const error = refusal(() => new VideoBlockToken({ ptsMicros: 0, blockIndex: 0, isKey: true, [field]: value }));
    expect(error.code).toBe('H4_PARAM');
    expect(error.detail).toEqual({ field });
    expect(error.message).toContain(`${field} of a video token is ${value}, it must be an integer from 0 to`);
  });
});
