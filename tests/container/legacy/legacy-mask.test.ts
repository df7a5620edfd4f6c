import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LegacyMask } from '../../../src/container/legacy/legacy-mask.js';
import { concatBytes, fromHex, toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { hkdf } from '../../../src/utils/hkdf.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { lcgBytes } from '../../compression/lcg.js';
import { describeShared } from '../../support/shared.js';
import { refusal } from '../../utils/refusal.js';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);

/** Rule 6 word for word. */
const plainMask = (master: Uint8Array, index: number, block: Uint8Array): Uint8Array => {
  const key = hkdf(master, new Uint8Array(32), utf8Encode(`HarmonyØ4|Mask|v1|${index}`), 32);
  return block.map((byte, at) => {
    const j = Math.floor(at / 32);
    const pad = sha256(concatBytes(key, Uint8Array.of(j >>> 24, j >>> 16, j >>> 8, j)));
    return byte ^ (pad[at % 32] ?? 0);
  });
};

describe('LegacyMask', () => {
  test('is rule 6 of section 13, for any key, block number and bytes, wherever they lie in memory', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 100 }),
        fc.nat(),
        fc.uint8Array({ maxLength: 200 }),
        fc.nat({ max: 7 }),
        (key, index, block, before) => {
          const memory = new Uint8Array(before + block.length + 5).fill(0xaa);
          const bytes = memory.subarray(before, before + block.length);
          bytes.set(block);
          const mask = new LegacyMask(key);
          mask.apply(index, bytes);
          expect(bytes).toEqual(plainMask(key, index, block));
          expect(memory.subarray(before + block.length)).toEqual(new Uint8Array(5).fill(0xaa));
          mask.apply(index, bytes);
          expect(bytes).toEqual(block);
        },
      ),
    );
  });

  test('gives each block a keystream of its own', () => {
    const streams = [0, 1, 2, 10, 255, 256].map((index) => {
      const bytes = new Uint8Array(32);
      new LegacyMask(KEY).apply(index, bytes);
      return toHex(bytes);
    });
    expect(new Set(streams).size).toBe(6);
  });

  test('counts on in a block of many hashes', () => {
    const block = lcgBytes(3, 70_001);
    const masked = block.slice();
    new LegacyMask(KEY).apply(7, masked);
    expect(toHex(sha256(masked))).toBe(toHex(sha256(plainMask(KEY, 7, block))));
  });

  test('keeps its key when the memory of the caller changes', () => {
    const key = KEY.slice();
    const mask = new LegacyMask(key);
    key.fill(0);
    expect(mask.blockKey(3)).toEqual(new LegacyMask(KEY).blockKey(3));
  });

  test.each([0, 1, 15])('refuses a master key of %d bytes', (length) => {
    expect(refusal(() => new LegacyMask(new Uint8Array(length)))).toMatchObject({
      code: 'H4_PARAM',
      message: `The master key of a masked legacy file has at least 16 bytes, not ${length}`,
      detail: { field: 'masterKey' },
    });
    expect(new LegacyMask(new Uint8Array(16)).blockKey(0)).toHaveLength(32);
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses the block number %d', (index) => {
    expect(refusal(() => new LegacyMask(KEY).apply(index, new Uint8Array(1)))).toMatchObject({ code: 'H4_PARAM' });
  });
});

interface Vectors {
  readonly vectors: readonly {
    readonly master_key_hex: string;
    readonly block_index: number;
    readonly block_key_hex: string;
    readonly keystream_first_80_hex: string;
  }[];
  readonly http: readonly {
    readonly block_size: number;
    readonly master_key_hex: string;
    readonly in_sha256: string;
    readonly out_sha256: string;
  }[];
}

describeShared('the masks of the original software', (shared) => {
  const { vectors, http } = JSON.parse(readFileSync(`${shared}/fixtures/mask/vectors.json`, 'utf8')) as Vectors;

  test('have vectors', () => {
    expect([vectors.length, http.length]).toEqual([24, 2]);
  });

  test.each(vectors)('$master_key_hex, block $block_index', (vector) => {
    const mask = new LegacyMask(fromHex(vector.master_key_hex));
    expect(toHex(mask.blockKey(vector.block_index))).toBe(vector.block_key_hex);
    const bytes = new Uint8Array(80);
    mask.apply(vector.block_index, bytes);
    expect(toHex(bytes)).toBe(vector.keystream_first_80_hex);
  });

  test.each(http)('of a plain file in blocks of $block_size bytes', (vector) => {
    const file = lcgBytes(99, 40_000);
    expect(toHex(sha256(file))).toBe(vector.in_sha256);
    const mask = new LegacyMask(fromHex(vector.master_key_hex));
    for (let at = 0; at < file.length; at += vector.block_size) {
      mask.apply(at / vector.block_size, file.subarray(at, at + vector.block_size));
    }
    expect(toHex(sha256(file))).toBe(vector.out_sha256);
  });
});
