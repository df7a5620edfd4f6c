import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteBuilder } from '../../src/utils/builder.js';
import { ByteCursor } from '../../src/utils/cursor.js';
import { refusal } from './refusal.js';

type Field = 'u8' | 'u16' | 'u32' | 'i32';
const edges: readonly (readonly [field: Field, length: number, min: number, max: number])[] = [
  ['u8', 1, 0, 255],
  ['u16', 2, 0, 65_535],
  ['u32', 4, 0, 4_294_967_295],
  ['i32', 4, -2_147_483_648, 2_147_483_647],
];

describe('ByteBuilder', () => {
  it('writes big-endian fields one after another', () => {
    const builder = new ByteBuilder(23);
    const result = builder
      .u8(0x01)
      .u16(0x0203)
      .u32(0xf4050607)
      .i32(-2)
      .u64(0x0001020304050607)
      .bytes(Uint8Array.of(0x0a, 0x0b))
      .zeros(2)
      .finish();

    expect(Buffer.from(result).toString('hex')).toBe(
      '01' + '0203' + 'f4050607' + 'fffffffe' + '0001020304050607' + '0a0b' + '0000',
    );
  });

  it('counts what has been written', () => {
    const builder = new ByteBuilder(8);

    expect(builder.length).toBe(0);
    expect(builder.u16(1).zeros(3).length).toBe(5);
  });

  it.each(edges)('%s writes its edges in %i bytes', (field, length, min, max) => {
    for (const value of [min, max]) {
      const cursor = new ByteCursor(new ByteBuilder(length)[field](value).finish(), 'H4_INTERNAL', 'edges');
      expect(cursor[field]()).toBe(value);
    }
  });

  it.each(edges)('%s refuses values beyond its range', (field, length, min, max) => {
    for (const value of [min - 1, max + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(refusal(() => new ByteBuilder(length)[field](value))).toMatchObject({
        code: 'H4_PARAM',
        message: `Cannot write ${value} as ${field}: expected an integer from ${min} to ${max}`,
      });
    }
  });

  it('u64() refuses what cannot be read back', () => {
    expect(refusal(() => new ByteBuilder(8).u64(2 ** 53)).code).toBe('H4_LIMIT_U64');
    expect(refusal(() => new ByteBuilder(8).u64(-1)).code).toBe('H4_PARAM');
  });

  it.each<[string, number, (builder: ByteBuilder) => unknown]>([
    ['u8', 1, (builder) => builder.u8(0)],
    ['u16', 2, (builder) => builder.u16(0)],
    ['u32', 4, (builder) => builder.u32(0)],
    ['i32', 4, (builder) => builder.i32(0)],
    ['u64', 8, (builder) => builder.u64(0)],
    ['bytes', 5, (builder) => builder.bytes(new Uint8Array(5))],
    ['zeros', 3, (builder) => builder.zeros(3)],
  ])('%s refuses to write %i bytes where one fewer is left', (_, length, write) => {
    const builder = new ByteBuilder(length);
    builder.u8(7);

    expect(refusal(() => write(builder))).toMatchObject({
      code: 'H4_INTERNAL',
      message: `Cannot write ${length} bytes at byte 1 of a record of ${length} bytes`,
    });
    expect(builder.length).toBe(1);
  });

  it('finish() refuses a record that is not full', () => {
    expect(refusal(() => new ByteBuilder(3).u16(0).finish())).toMatchObject({
      code: 'H4_INTERNAL',
      message: 'Cannot finish a record of 3 bytes: 2 were written',
    });
    expect(new ByteBuilder(0).finish()).toHaveLength(0);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses the size and the count of zeros %d', (size) => {
    expect(refusal(() => new ByteBuilder(size)).code).toBe('H4_PARAM');
    expect(refusal(() => new ByteBuilder(4).zeros(size)).code).toBe('H4_PARAM');
  });

  it('writes what a cursor reads', () => {
    const record = fc.record({
      u8: fc.nat(255),
      u16: fc.nat(65_535),
      u32: fc.nat(4_294_967_295),
      i32: fc.integer(),
      u64: fc.maxSafeNat(),
      tail: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(record, ({ u8, u16, u32, i32, u64, tail }) => {
        const size = 19 + tail.length;
        const bytes = new ByteBuilder(size).u8(u8).u16(u16).u32(u32).i32(i32).u64(u64).bytes(tail).finish();
        const cursor = new ByteCursor(bytes, 'H4_INTERNAL', 'record');
        expect([cursor.u8(), cursor.u16(), cursor.u32(), cursor.i32(), cursor.u64()]).toEqual([u8, u16, u32, i32, u64]);
        expect(cursor.take(tail.length)).toEqual(tail);
        cursor.end();
      }),
    );
  });
});
