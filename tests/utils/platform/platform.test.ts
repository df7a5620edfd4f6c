/** Both doors of the platform are opened directly and must give the same bytes, whichever one the other tests run behind. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { platform as current } from '#platform';
import { platform as node } from '../../../src/utils/platform/node/platform.js';
import { platform as web } from '../../../src/utils/platform/web/platform.js';

const bytes = fc.uint8Array({ maxLength: 600 });
const parts = fc.array(bytes, { maxLength: 4 });

/** Deterministic bytes: every length and alignment below is the same in every run. */
const sample = Uint8Array.from({ length: 1 << 16 }, (_, index) => (index * 2_654_435_761) >>> 24);

describe('the two platforms', () => {
  it('are the ones that the door leads to', () => {
    expect([node.name, web.name]).toEqual(['node', 'web']);
    expect([node, web]).toContain(current);
  });

  it('give the same CRC-32, from any seed', () => {
    fc.assert(
      fc.property(bytes, fc.nat(0xffff_ffff), (input, seed) => {
        expect(web.crc32(input, seed)).toBe(node.crc32(input, seed));
      }),
    );
  });

  it('give the same CRC-32 for every short length and every alignment', () => {
    for (let start = 0; start < 16; start++) {
      for (let length = 0; length <= 80; length++) {
        const input = sample.subarray(start, start + length);
        expect(web.crc32(input, 1)).toBe(node.crc32(input, 1));
      }
    }
    expect(web.crc32(sample, 0)).toBe(node.crc32(sample, 0));
  });

  it('give the same SHA-256, also around the block and join boundaries', () => {
    fc.assert(
      fc.property(parts, (input) => {
        expect(web.sha256(input)).toEqual(node.sha256(input));
      }),
    );
    for (const length of [0, 1, 55, 56, 63, 64, 65, 127, 128, 255, 256, 257, 65_536]) {
      const input = sample.subarray(0, length);
      const halves = [input.subarray(0, length >>> 1), input.subarray(length >>> 1)];
      expect(web.sha256([input])).toEqual(node.sha256([input]));
      expect(web.sha256(halves)).toEqual(node.sha256([input]));
      expect(node.sha256(halves)).toEqual(node.sha256([input]));
    }
  });

  it('give the same running SHA-256 and the same copies of it', () => {
    fc.assert(
      fc.property(bytes, bytes, (prefix, suffix) => {
        const [left, right] = [node, web].map((platform) => {
          const running = platform.createSha256();
          running.update(prefix);
          const fork = running.copy();
          running.update(suffix);
          return [fork.digest(), running.digest()];
        });
        expect(right).toEqual(left);
      }),
    );
  });

  it('give the same HMAC-SHA-256 for keys shorter and longer than a block', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 140 }), parts, (key, input) => {
        expect(web.hmacSha256(key, input)).toEqual(node.hmacSha256(key, input));
      }),
    );
  });
});
