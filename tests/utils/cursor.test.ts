import { describe, expect, it } from 'vitest';
import { ByteCursor } from '../../src/utils/cursor.js';
import { refusal } from './refusal.js';

const bytesUpTo = (length: number) => Uint8Array.from({ length }, (_, index) => index + 1);
const cursorOver = (bytes: Uint8Array) => new ByteCursor(bytes, 'H4_TAIL_LAYOUT', 'TAIL');

type Read = (cursor: ByteCursor) => unknown;
const reads: readonly (readonly [name: string, length: number, field: string, read: Read])[] = [
  ['u8', 1, 'a u8', (cursor) => cursor.u8()],
  ['u16', 2, 'a u16', (cursor) => cursor.u16()],
  ['u32', 4, 'a u32', (cursor) => cursor.u32()],
  ['i32', 4, 'an i32', (cursor) => cursor.i32()],
  ['u64', 8, 'a u64', (cursor) => cursor.u64()],
  ['take', 5, 'bytes', (cursor) => cursor.take(5)],
  ['zeros', 3, 'zeros', (cursor) => cursor.zeros(3)],
];

describe('ByteCursor', () => {
  it('reads big-endian fields one after another', () => {
    const bytes = Uint8Array.of(
      ...[0x01],
      ...[0x02, 0x03],
      ...[0xf4, 0x05, 0x06, 0x07],
      ...[0xff, 0xff, 0xff, 0xfe],
      ...[0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07],
      ...[0x0a, 0x0b],
      ...[0x00, 0x00],
    );
    const cursor = cursorOver(bytes);

    expect(cursor.u8()).toBe(0x01);
    expect(cursor.u16()).toBe(0x0203);
    expect(cursor.u32()).toBe(0xf4050607);
    expect(cursor.i32()).toBe(-2);
    expect(cursor.u64()).toBe(0x0001020304050607);
    expect(cursor.take(2)).toEqual(Uint8Array.of(0x0a, 0x0b));
    expect([cursor.position, cursor.remaining]).toEqual([21, 2]);
    cursor.zeros(2);
    cursor.end();
    expect([cursor.position, cursor.remaining]).toEqual([23, 0]);
  });

  it.each(reads)('%s reads exactly %i bytes and refuses one fewer', (_, length, field, read) => {
    const cursor = cursorOver(new Uint8Array(length));
    read(cursor);
    expect(cursor.position).toBe(length);

    const short = cursorOver(new Uint8Array(length + 1));
    short.take(2);
    expect(refusal(() => read(short))).toMatchObject({
      code: 'H4_TAIL_LAYOUT',
      message: `Cannot read TAIL: ${field} at byte 2 needs ${length} bytes, ${length - 1} remain`,
      detail: { position: 2, needed: length, remaining: length - 1 },
    });
    expect(short.position).toBe(2);
  });

  it('stays within a view of a larger buffer', () => {
    const cursor = cursorOver(bytesUpTo(10).subarray(4, 6));

    expect(cursor.u16()).toBe(0x0506);
    expect(refusal(() => cursor.u8()).code).toBe('H4_TAIL_LAYOUT');
  });

  it('take() gives a view, not a copy', () => {
    const bytes = bytesUpTo(4);
    const taken = cursorOver(bytes).take(4);
    bytes[2] = 99;

    expect(taken[2]).toBe(99);
    expect(taken.buffer).toBe(bytes.buffer);
  });

  it('take() and zeros() of nothing are allowed, also at the end', () => {
    const cursor = cursorOver(new Uint8Array(0));
    cursor.zeros(0);

    expect(cursor.take(0)).toHaveLength(0);
    cursor.end();
  });

  it.each([-1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY])('take(%d) is refused as no length', (length) => {
    const cursor = cursorOver(bytesUpTo(4));
    cursor.u8();

    expect(refusal(() => cursor.take(length)).code).toBe('H4_PARAM');
    expect(refusal(() => cursor.zeros(length)).code).toBe('H4_PARAM');
    expect(cursor.position).toBe(1);
  });

  it('take() of far more than there is allocates nothing and is refused with the code', () => {
    expect(refusal(() => cursorOver(bytesUpTo(4)).take(Number.MAX_SAFE_INTEGER)).code).toBe('H4_TAIL_LAYOUT');
  });

  it('zeros() refuses any byte that is not zero and names it', () => {
    for (let position = 1; position < 6; position++) {
      const bytes = new Uint8Array(7);
      bytes[0] = 1;
      bytes[6] = 1;
      bytes[position] = 0x80;
      const cursor = cursorOver(bytes);
      cursor.u8();
      expect(refusal(() => cursor.zeros(5))).toMatchObject({
        code: 'H4_TAIL_LAYOUT',
        message: `Cannot read TAIL: byte ${position} is 128, expected 0`,
        detail: { position },
      });
    }
  });

  it('end() refuses bytes that nobody has read', () => {
    const cursor = cursorOver(bytesUpTo(3));
    cursor.u8();

    expect(refusal(() => cursor.end())).toMatchObject({
      code: 'H4_TAIL_LAYOUT',
      message: 'Cannot read TAIL: 2 bytes follow its end at byte 1',
      detail: { position: 1, remaining: 2 },
    });
  });

  it('u64() passes the gate of 64-bit integers', () => {
    expect(refusal(() => cursorOver(Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0)).u64())).toMatchObject({
      code: 'H4_U64_RANGE',
      message: expect.stringContaining('Cannot read TAIL: ') as string,
    });
    expect(refusal(() => cursorOver(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0)).u64()).code).toBe('H4_LIMIT_U64');
  });
});
