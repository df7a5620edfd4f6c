import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSafeU64, MAX_U53, readU64, writeU64 } from '../../src/utils/u64.js';
import { refusal } from './refusal.js';

const TWO_POW_53 = 2n ** 53n;
const TWO_POW_63 = 2n ** 63n;

function viewWith(value: bigint): DataView {
  const view = new DataView(new ArrayBuffer(12));
  view.setBigUint64(3, value);
  return view;
}

describe('readU64()', () => {
  it.each([0n, 1n, 255n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 32n + 1n, 2n ** 52n, TWO_POW_53 - 2n, TWO_POW_53 - 1n])(
    'reads %d exactly',
    (value) => {
      expect(BigInt(readU64(viewWith(value), 3, 'pts'))).toBe(value);
    },
  );

  it.each([TWO_POW_53, TWO_POW_53 + 1n, 2n ** 54n, TWO_POW_63 - 1n])(
    'refuses %d, which the format allows and a double cannot hold',
    (value) => {
      expect(refusal(() => readU64(viewWith(value), 3, 'pts'))).toMatchObject({
        code: 'H4_LIMIT_U64',
        message: `Cannot read pts: ${value.toString()} is above the reader's limit 2^53-1`,
        detail: { value: value.toString() },
      });
    },
  );

  it.each([TWO_POW_63, TWO_POW_63 + 1n, 2n ** 64n - 1n])('refuses %d, which the format forbids', (value) => {
    expect(refusal(() => readU64(viewWith(value), 3, 'pts'))).toMatchObject({
      code: 'H4_U64_RANGE',
      message: `Cannot read pts: ${value.toString()} is above the format's limit 2^63-1`,
      detail: { value: value.toString() },
    });
  });

  it('never rounds: each value comes back exactly or is refused', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        if (value < TWO_POW_53) {
          expect(BigInt(readU64(viewWith(value), 3, 'pts'))).toBe(value);
        } else {
          const code = value < TWO_POW_63 ? 'H4_LIMIT_U64' : 'H4_U64_RANGE';
          expect(refusal(() => readU64(viewWith(value), 3, 'pts')).code).toBe(code);
        }
      }),
    );
  });
});

describe('writeU64()', () => {
  it('writes any safe integer as DataView writes a BigInt', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const view = new DataView(new ArrayBuffer(12));
        writeU64(view, 3, value);
        expect(view).toEqual(viewWith(BigInt(value)));
        expect(readU64(view, 3, 'pts')).toBe(value);
      }),
    );
  });

  it.each([0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, MAX_U53])('writes the edge %d', (value) => {
    const view = new DataView(new ArrayBuffer(8));
    writeU64(view, 0, value);
    expect(view.getBigUint64(0)).toBe(BigInt(value));
  });

  it.each([2 ** 53, 2 ** 63, 2 ** 64])('refuses %d as too large', (value) => {
    expect(refusal(() => writeU64(new DataView(new ArrayBuffer(8)), 0, value)).code).toBe('H4_LIMIT_U64');
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d as no unsigned integer', (value) => {
    const view = new DataView(new ArrayBuffer(8));

    expect(refusal(() => writeU64(view, 0, value)).code).toBe('H4_PARAM');
    expect(view.getBigUint64(0)).toBe(0n);
  });
});

describe('isSafeU64()', () => {
  it.each([0, 1, MAX_U53])('holds for %d', (value) => {
    expect(isSafeU64(value)).toBe(true);
  });

  it.each([-1, 0.5, MAX_U53 + 1, Number.NaN, Number.POSITIVE_INFINITY])('fails for %d', (value) => {
    expect(isSafeU64(value)).toBe(false);
  });
});
