import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { corpusBlocks, largeBlock, shortBlocks } from '../../../../src/compression/node/check/corpus.js';

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('corpusBlocks()', () => {
  it('gives a block of each kind, all different and of the length asked for', () => {
    for (const length of [1, 7, 5000]) {
      const blocks = Array.from(corpusBlocks(length));
      expect(blocks.map(({ bytes }) => bytes.length)).toEqual(blocks.map(() => length));
      expect(new Set(blocks.map(({ name }) => name)).size).toBe(blocks.length);
    }
    const blocks = Array.from(corpusBlocks(5000), ({ bytes }) => sha256Of(bytes));
    expect(blocks.length).toBeGreaterThanOrEqual(18);
    expect(new Set(blocks).size).toBe(blocks.length);
  });

  it('gives the same bytes every time, so that figures can be compared', () => {
    const all = (): string => sha256Of(Buffer.concat(Array.from(corpusBlocks(3000), ({ bytes }) => bytes)));
    expect(all()).toBe(all());
  });

  it('holds what it is named after', () => {
    const blocks = new Map(Array.from(corpusBlocks(48_000), ({ name, bytes }) => [name, bytes]));
    const text = (name: string): string => Buffer.from(blocks.get(name) ?? []).toString();
    const [line = ''] = text('json').split('\n');
    expect(JSON.parse(line)).toMatchObject({ camera: 0, level: 'warn' });
    expect(text('csv').split('\n')[1]).toMatch(/^1;37;\w+;\w+;0\.25$/);
    expect(blocks.get('blank')?.every((byte) => byte === 0)).toBe(true);
    expect(blocks.get('ramp')?.[259]).toBe(3);
    expect(new Set(blocks.get('noise')).size).toBe(256);
    const pcm = new Int16Array(blocks.get('pcm mono')?.slice().buffer ?? new ArrayBuffer(0));
    const steps = pcm.slice(1).map((sample, i) => Math.abs(sample - (pcm[i] ?? 0)));
    expect(Math.max(...steps)).toBeLessThan(3000);
    expect(Math.max(...pcm)).toBeGreaterThan(8000);
  });
});

describe('shortBlocks()', () => {
  it('gives every length of every kind', () => {
    const blocks = Array.from(shortBlocks(30));
    expect(blocks).toHaveLength(8 * 30);
    for (let length = 1; length <= 30; length++) {
      expect(blocks.filter(({ bytes }) => bytes.length === length)).toHaveLength(8);
    }
  });
});

describe('largeBlock()', () => {
  it('has all kinds in it, over and over, and exactly its length', () => {
    const { bytes } = largeBlock(2_000_001);
    expect(bytes.length).toBe(2_000_001);
    const [first] = corpusBlocks(64 * 1024);
    const kinds = Array.from(corpusBlocks(8)).length;
    expect(sha256Of(bytes.subarray(0, 65_536))).toBe(sha256Of(first?.bytes ?? new Uint8Array(0)));
    expect(sha256Of(bytes.subarray(kinds * 65_536, (kinds + 1) * 65_536))).toBe(sha256Of(bytes.subarray(0, 65_536)));
  });
});
