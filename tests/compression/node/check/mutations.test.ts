import { describe, expect, it } from 'vitest';
import { damaged } from '../../../../src/compression/node/check/mutations.js';
import { createRandom } from '../../../../src/compression/node/check/random.js';

const SOUND = [1, 2, 40, 5000].map((length) => ({
  name: `block of ${length}`,
  rawLength: 2 * length,
  compressed: Uint8Array.from({ length }, (_, i) => i * 7),
}));

describe('damaged()', () => {
  it('gives the same damages for the same seed, others for another', () => {
    const all = (seed: number): string => {
      const random = createRandom(seed);
      return JSON.stringify(Array.from({ length: 200 }, (_, i) => damaged(i, SOUND, random)));
    };
    expect(all(5)).toBe(all(5));
    expect(all(5)).not.toBe(all(6));
  });

  it('never gives an empty block or a length of nothing, and leaves the sound block alone', () => {
    const before = SOUND.map(({ compressed }) => compressed.slice());
    const random = createRandom(9);
    const kinds = new Set<string>();
    let [changed, others] = [0, 0];
    for (let i = 0; i < 3000; i++) {
      const { label, bytes, rawLength } = damaged(i, SOUND, random);
      kinds.add(label.split(',')[0] ?? '');
      expect(bytes.length).toBeGreaterThan(0);
      expect(rawLength).toBeGreaterThan(0);
      expect(rawLength).toBeLessThanOrEqual(1024 * 1024);
      if (!SOUND.some(({ compressed }) => Buffer.compare(compressed, bytes) === 0)) changed++;
      if (!SOUND.some((block) => label.endsWith(block.name) && block.rawLength === rawLength)) others++;
    }
    expect(kinds.size).toBe(9);
    expect(changed).toBeGreaterThan(2500);
    expect(others).toBeGreaterThan(300);
    expect(SOUND.map(({ compressed }) => compressed)).toEqual(before);
  });

  it('needs something to damage', () => {
    expect(() => damaged(0, [], createRandom(1))).toThrow(RangeError);
  });
});

describe('createRandom()', () => {
  it('does not stand still at zero, and stays below its end', () => {
    const random = createRandom(0);
    const values = Array.from({ length: 100 }, () => random.below(10));
    expect(new Set(values).size).toBe(10);
    expect(values.every((value) => value >= 0 && value < 10)).toBe(true);
  });
});
