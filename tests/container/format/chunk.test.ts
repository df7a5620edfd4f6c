import { describe, expect, test } from 'vitest';
import {
  type Chunk,
  encodeChunk,
  endOf,
  isCoreChunk,
  parseChunkHeader,
  writeChunkHeader,
} from '../../../src/container/format/chunk.js';
import { toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { refusal } from '../../utils/refusal.js';

describe('a chunk', () => {
  // The CRC-32 of "123456789" is the check value that every catalogue of CRCs lists.
  const chunk = encodeChunk('xABC', utf8Encode('123456789'));

  test('is tag, size, CRC-32 and payload, big-endian', () => {
    expect(toHex(chunk)).toBe('78414243' + '00000009' + 'cbf43926' + '313233343536373839');
  });

  test('may be empty: then its CRC is 0', () => {
    expect(toHex(encodeChunk('SEEK', new Uint8Array(0)))).toBe('5345454b' + '00000000' + '00000000');
  });

  test('keeps its own copy of the payload', () => {
    const payload = Uint8Array.of(1);
    const encoded = encodeChunk('CORE', payload);
    payload[0] = 2;
    expect(encoded[12]).toBe(1);
  });

  test('parseChunkHeader() reads it at any position, also of a view, and names its place in the file', () => {
    const within = Uint8Array.of(1, 2, 3, 4, 5, ...chunk).subarray(2);
    const info = parseChunkHeader(within, 3, 1000);
    expect(info).toEqual({ tag: 'xABC', offset: 1000, size: 9, crc: 0xcbf43926 });
    expect(endOf(info)).toBe(1000 + 12 + 9);
  });

  test('size and CRC are unsigned', () => {
    const header = new Uint8Array(12);
    writeChunkHeader(header, 0, 'CORE', 0xffffffff, 0x80000000);
    expect(parseChunkHeader(header, 0, 8)).toEqual({ tag: 'CORE', offset: 8, size: 2 ** 32 - 1, crc: 2 ** 31 });
    expect(endOf(parseChunkHeader(header, 0, 2 ** 40))).toBe(2 ** 40 + 12 + 2 ** 32 - 1);
  });

  test('writeChunkHeader() writes 12 bytes at its position of a view and no others', () => {
    const buffer = new Uint8Array(20).fill(0xee);
    writeChunkHeader(buffer.subarray(2), 3, 'TILE', 1, 2);
    expect(toHex(buffer)).toBe('eeeeeeeeee' + '54494c45' + '00000001' + '00000002' + 'eeeeee');
  });

  test.each([0, 1, 2, 3])('a tag whose byte %i is not printable ASCII is refused, any other is not', (at) => {
    for (let byte = 0; byte < 256; byte++) {
      const header = Uint8Array.from(chunk);
      header[at] = byte;
      if (byte >= 0x20 && byte <= 0x7e) {
        expect(parseChunkHeader(header, 0, 8).tag.charCodeAt(at)).toBe(byte);
      } else {
        expect(refusal(() => parseChunkHeader(header, 0, 4711))).toMatchObject({
          code: 'H4_BAD_TAG',
          message: expect.stringMatching(
            new RegExp(`offset 4711 .*${byte.toString(16).padStart(2, '0')}`, 'u'),
          ) as string,
        });
      }
    }
  });

  test('isCoreChunk() knows blocks by their tag', () => {
    const core: Chunk = { ...parseChunkHeader(chunk, 0, 8), tag: 'CORE', payload: new Uint8Array(0) };
    expect(isCoreChunk(core)).toBe(true);
    expect(isCoreChunk({ ...core, tag: 'SAFE' })).toBe(false);
  });
});
