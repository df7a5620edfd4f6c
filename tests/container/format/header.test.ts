import { describe, expect, test } from 'vitest';
import { assertHeader, encodeHeader } from '../../../src/container/format/header.js';
import { refusal } from '../../utils/refusal.js';

const headerWith = (at: number, value: number): Uint8Array => {
  const header = encodeHeader();
  header[at] = value;
  return header;
};

describe('the file header', () => {
  test('is "H4MK", version 1 and two zero bytes', () => {
    expect([...encodeHeader()]).toEqual([0x48, 0x34, 0x4d, 0x4b, 0, 1, 0, 0]);
  });

  test('is accepted as it is written, also in front of other bytes and within a larger buffer', () => {
    expect(() => assertHeader(encodeHeader())).not.toThrow();
    expect(() => assertHeader(Uint8Array.of(9, 9, ...encodeHeader(), 9).subarray(2))).not.toThrow();
  });

  test('encodeHeader() gives a fresh array each time', () => {
    expect(encodeHeader()).not.toBe(encodeHeader());
  });

  test.each([0, 1, 7])('a file of %i bytes is too short', (length) => {
    const error = refusal(() => assertHeader(encodeHeader().subarray(0, length)));
    expect(error.code).toBe('H4_TOO_SHORT');
    expect(error.message).toContain(`${length} bytes`);
  });

  test.each([
    [0, 'H4_BAD_MAGIC'],
    [1, 'H4_BAD_MAGIC'],
    [2, 'H4_BAD_MAGIC'],
    [3, 'H4_BAD_MAGIC'],
    [4, 'H4_BAD_VERSION'],
    [5, 'H4_BAD_VERSION'],
    [6, 'H4_HEADER_RESERVED'],
    [7, 'H4_HEADER_RESERVED'],
  ] as const)('any other byte %i is refused with %s', (at, code) => {
    const right = encodeHeader()[at];
    for (let value = 0; value < 256; value++) {
      if (value !== right) expect(refusal(() => assertHeader(headerWith(at, value))).code).toBe(code);
    }
  });

  test('a file that is wrong everywhere is refused for its magic, then for its version', () => {
    expect(refusal(() => assertHeader(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))).code).toBe('H4_BAD_MAGIC');
    expect(refusal(() => assertHeader(Uint8Array.of(0x48, 0x34, 0x4d, 0x4b, 0, 2, 1, 1)))).toMatchObject({
      code: 'H4_BAD_VERSION',
      message: expect.stringContaining('version 2') as string,
    });
  });
});
