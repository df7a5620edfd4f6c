import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, fromHex, toHex } from '../../src/utils/bytes.js';
import { derToP1363, p1363ToDer } from '../../src/utils/ecdsa-signature.js';
import { refusal } from './refusal.js';

const zeros = (digits: number): string => '0'.repeat(digits);

describe('the two forms of an ECDSA signature', () => {
  it.each([
    ['small numbers', `${zeros(63)}1${zeros(63)}2`, '3006020101020102'],
    ['zero', zeros(128), '3006020100020100'],
    ['a first bit that is set', `${zeros(62)}80${zeros(61)}080`, '30080202008002020080'],
    ['a first bit that is not', `${zeros(62)}7f${zeros(61)}17f`, '300702017f0202017f'],
    ['large numbers', 'f'.repeat(128), `3046022100${'f'.repeat(64)}022100${'f'.repeat(64)}`],
  ])('are those of %s', (_, p1363, der) => {
    expect(toHex(p1363ToDer(fromHex(p1363)))).toBe(der);
    expect(toHex(derToP1363(fromHex(der)) ?? new Uint8Array(0))).toBe(p1363);
  });

  it('lead into each other', () => {
    const half = fc.oneof(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.nat(0xffff).map((small) => fromHex(small.toString(16).padStart(64, '0'))),
    );
    fc.assert(
      fc.property(half, half, (r, s) => {
        const p1363 = concatBytes(r, s);
        expect(derToP1363(p1363ToDer(p1363))).toEqual(p1363);
      }),
    );
  });

  it('have one spelling: whatever is read is what would be written', () => {
    const good = p1363ToDer(fromHex(`80${'12'.repeat(31)}${zeros(4)}${'7f'.repeat(30)}`));
    let read = 0;
    const others: string[] = [];
    for (let at = 0; at < good.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = good.map((own, index) => (index === at ? byte : own));
        const p1363 = derToP1363(changed);
        read += p1363 === undefined ? 0 : 1;
        if (p1363 !== undefined && !equalBytes(p1363ToDer(p1363), changed)) others.push(toHex(changed));
      }
    }
    expect(others).toEqual([]);
    expect(read).toBeGreaterThan(good.length);
    for (let length = 0; length < good.length; length++) expect(derToP1363(good.subarray(0, length))).toBeUndefined();
  });

  it.each([
    ['nothing', ''],
    ['a sequence without a length', '30'],
    ['an empty sequence', '3000'],
    ['another type', '3106020101020102'],
    ['a longer length than there is', '3007020101020102'],
    ['a shorter one', '3005020101020102'],
    ['a length in two bytes', '308106020101020102'],
    ['an indefinite length', '30800201010201020000'],
    ['one integer', '3003020101'],
    ['three integers', '3009020101020102020103'],
    ['bytes behind', '300602010102010200'],
    ['an integer of another type', '3006030101020102'],
    ['a second one of another type', '3006020101030102'],
    ['an empty integer', '30050200020102'],
    ['an empty second one', '30050201010200'],
    ['an integer without a length', '3004020101' + '02'],
    ['an integer that goes on beyond the end', '3006020101020202'],
    ['a negative integer', '3006020181020102'],
    ['a negative second one', '3006020101020181'],
    ['a zero too many', '300702020001020102'],
    ['two zeros for zero', '300702020000020100'],
    ['an integer of 257 bits', `30260221${'01'.padEnd(66, '0')}020101`],
    ['an integer of 264 bits behind a zero', `30270222${'0080'.padEnd(68, '0')}020101`],
  ])('are not read from %s', (_, der) => {
    expect(derToP1363(fromHex(der))).toBeUndefined();
  });

  it.each([0, 63, 65])('are not made of %i bytes', (length) => {
    expect(refusal(() => p1363ToDer(new Uint8Array(length)))).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot use ${length} bytes as a signature of P-256: it has 64`,
    });
  });
});
