import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GeometricReferenceCompressor } from '../../src/compression/reference.js';
import { fromHex, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { sha256 } from '../../src/utils/sha256.js';
import { refusal } from '../utils/refusal.js';
import { engineContract } from './engine-contract.js';
import { lcgBytes } from './lcg.js';
import { plainCompress } from './plain-pairs.js';

const engine = new GeometricReferenceCompressor();

engineContract('h4ref-geo-v1', () => new GeometricReferenceCompressor());

describe('GeometricReferenceCompressor.info()', () => {
  test('is fingerprinted by its own name', () => {
    const { engine: name, engine_id, fingerprint } = engine.info();
    expect([name, engine_id]).toEqual(['reference', 'h4ref-geo-v1']);
    expect(fingerprint).toBe(toHex(sha256(utf8Encode(engine_id))));
  });
});

describe('GeometricReferenceCompressor.compress()', () => {
  test.each([
    ['no bytes are the single byte 00', '', '00'],
    ['what does not shrink is stored: method 0', '0109030c', '000109030c'],
    ['two equal bytes are as long as their pair, so they are stored', '4141', '004141'],
    ['three equal bytes are one pair: method 1', '414141', '014103'],
    ['zeros are as short under every method, so they are method 1', '000000000000', '010006'],
    ['a ramp is a run in its delta with stride 1: method 2', '0102030405060708', '020108'],
    ['the delta is taken modulo 256', 'fdfeff00010203', '02fd010106'],
    ['two interleaved ramps have stride 2: method 3', '0050035306560959', '03000150010306'],
    ['pixels of three bytes have stride 3: method 4', '0a1464'.repeat(5), '040a0114016401000c'],
    ['pixels of four bytes have stride 4: method 5', '0a1464ff'.repeat(5), '050a0114016401ff010010'],
    ['runs are split after 255 bytes', '41'.repeat(600), '0141ff41ff415a'],
  ])('%s', (_, block, expected) => {
    expect(toHex(engine.compress(fromHex(block)))).toBe(expected);
  });

  test('is byte for byte what the specification says, for any runs and ramps', () => {
    const part = fc.tuple(
      fc.uint8Array({ minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 0, max: 3 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const bytes = Uint8Array.from(
          parts.flatMap(([unit, times, step]) =>
            Array.from({ length: times }, (_, n) => [...unit].map((byte) => byte + n * step)).flat(),
          ),
        );
        expect(engine.compress(bytes)).toEqual(plainCompress(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test('is byte for byte what the specification says for any bytes, and at most one byte longer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const block = engine.compress(bytes);
        expect(block).toEqual(plainCompress(bytes));
        expect(block.length).toBeLessThanOrEqual(1 + bytes.length);
      }),
    );
  });
});

describe('GeometricReferenceCompressor.decompress()', () => {
  test.each([
    ['runs that are not greedy', '0141014102410341044105', '41'.repeat(15)],
    ['pairs of equal values after each other in a delta', '020101010101010101', '01020304'],
    ['a block that would have been shorter otherwise', '000000000000', '0000000000'],
    ['no pairs for no bytes', '03', ''],
    ['a delta shorter than its stride', '0501010201', '0102'],
  ])('accepts %s', (_, block, expected) => {
    expect(toHex(engine.decompress(fromHex(block), expected.length / 2))).toBe(expected);
  });

  test('restores a stored block without a copy', () => {
    const block = engine.compress(lcgBytes(1, 100));
    expect(engine.decompress(block, 100).buffer).toBe(block.buffer);
  });

  test.each([
    ['no method byte', '', 0, 'it has no method byte'],
    ['a method above 5', '0641ff', 255, 'its method is 6, the highest is 5'],
    ['a stored block that is too short', '004141', 3, '2 bytes are stored'],
    ['a stored block that is too long', '004141', 1, '2 bytes are stored'],
    ['half a pair', '0141ff41', 255, 'its 3 bytes of pairs end in half a pair'],
    ['a run of 0', '01410141004101', 2, 'the pair at byte 3 has a run of 0'],
    ['runs that add up to less', '0241ff', 256, 'its runs add up to 255 bytes'],
    ['runs that add up to more', '0541ff41ff', 509, 'its runs add up to more'],
  ])('refuses %s', (_, block, rawLength, why) => {
    const error = refusal(() => engine.decompress(fromHex(block), rawLength));
    expect(error.code).toBe('H4_ENGINE_OUTPUT');
    expect(error.message).toBe(`Cannot restore a block of ${rawLength} bytes with h4ref-geo-v1: ${why}`);
    expect(error.detail).toEqual({ engine_id: 'h4ref-geo-v1', expected: rawLength });
  });

  test.each([2 ** 32 - 1, Number.MAX_SAFE_INTEGER, Infinity, Number.NaN, -1, 1.5])(
    'allocates nothing for a raw length of %d that the runs do not reach',
    (rawLength) => {
      // An allocation of this size would fail, or take noticeable time, before the refusal.
      for (let method = 0; method <= 5; method++) {
        const error = refusal(() => engine.decompress(Uint8Array.of(method, 0, 255), rawLength));
        expect(error.code).toBe('H4_ENGINE_OUTPUT');
      }
    },
  );

  test('stops adding up where the runs exceed the raw length', () => {
    // The run of 0 behind that point is never met.
    const error = refusal(() => engine.decompress(fromHex('0141ff41ff4100'), 300));
    expect(error.message).toContain('add up to more');
  });
});
