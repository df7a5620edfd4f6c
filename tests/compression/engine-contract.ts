/**
 * What every compression engine promises (src/compression/api/engine.ts), as tests. The suite is as frozen as the contract: an
 * engine of any kind passes it unchanged, or is none.
 */

import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { CompressionEngine } from '../../src/compression/api/engine.js';
import { isH4Error } from '../../src/utils/error.js';
import { lcgBytes } from './lcg.js';

const MIB = 1024 * 1024;

const BLOCKS: Readonly<Record<string, Uint8Array>> = {
  'no bytes': new Uint8Array(0),
  'a single byte': Uint8Array.of(0x41),
  'every byte once': Uint8Array.from({ length: 256 }, (_, i) => i),
  zeros: new Uint8Array(MIB),
  noise: lcgBytes(1, 70_001),
  text: new TextEncoder().encode('structure before meaning, time is explicit. '.repeat(500)),
  'three interleaved ramps': Uint8Array.from({ length: 9999 }, (_, i) => (i % 3) * 50 + Math.floor(i / 3)),
};

/** Anything from noise to long runs. */
const anyBlock = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 100 })), { maxLength: 8 })
  .map((parts) =>
    Uint8Array.from(
      parts.flatMap(([unit, times]) =>
        Array<number[]>(times)
          .fill([...unit])
          .flat(),
      ),
    ),
  );

/** `makeEngine` is called before each test. */
export function engineContract(name: string, makeEngine: () => CompressionEngine | Promise<CompressionEngine>): void {
  describe(`${name} keeps the contract of compression engines:`, () => {
    let engine: CompressionEngine;
    beforeEach(async () => {
      engine = await makeEngine();
    });

    test('info() has every field of META in its form', () => {
      const info = engine.info();
      expect(Object.keys(info).sort()).toEqual([
        'deterministic',
        'engine',
        'engine_id',
        'fingerprint',
        'identity_safe',
        'opaque',
        'seal_level',
        'sealed',
      ]);
      expect(info.engine).toMatch(/./u);
      expect(info.engine_id).toMatch(/^[A-Za-z0-9._:@/+-]{1,128}$/u);
      expect(info.fingerprint).toMatch(/^[0-9a-f]{64}$/u);
      for (const flag of [info.deterministic, info.identity_safe, info.opaque, info.sealed]) {
        expect(flag).toBeTypeOf('boolean');
      }
      expect([0, 1, 2, 3]).toContain(info.seal_level);
      expect(info.sealed).toBe(info.seal_level === 3);
    });

    test('info() stays the same after work', async () => {
      const before = { ...engine.info() };
      await engine.decompress(await engine.compress(lcgBytes(2, 1000)), 1000);
      expect(engine.info()).toEqual(before);
    });

    test.each(Object.entries(BLOCKS))('comes back as it was: %s', async (_, block) => {
      const restored = await engine.decompress(await engine.compress(block), block.length);
      expect(Buffer.compare(restored, block)).toBe(0);
    });

    test('any block comes back as it was', async () => {
      await fc.assert(
        fc.asyncProperty(anyBlock, async (block) => {
          const restored = await engine.decompress(await engine.compress(block), block.length);
          expect(Buffer.compare(restored, block)).toBe(0);
        }),
      );
    });

    test('a block gives the same bytes again, after others, and wherever it lies in memory', async ({ skip }) => {
      skip(!engine.info().deterministic, 'this engine does not promise it');
      for (const block of Object.values(BLOCKS)) {
        const once = Uint8Array.from(await engine.compress(block));
        await engine.compress(lcgBytes(3, 500));
        for (const offset of [1, 2, 3]) {
          const surrounded = new Uint8Array(block.length + 8).fill(0xaa);
          surrounded.set(block, offset);
          const again = await engine.compress(surrounded.subarray(offset, offset + block.length));
          expect(Buffer.compare(again, once)).toBe(0);
        }
      }
    });

    test('arguments are only read', async () => {
      for (const block of Object.values(BLOCKS)) {
        const given = Uint8Array.from(block);
        const compressed = Uint8Array.from(await engine.compress(given));
        expect(Buffer.compare(given, block)).toBe(0);
        const givenBack = Uint8Array.from(compressed);
        await engine.decompress(givenBack, block.length);
        expect(Buffer.compare(givenBack, compressed)).toBe(0);
      }
    });

    test('a result is not touched by later calls', async () => {
      const first = await engine.compress(lcgBytes(4, 3000));
      const restored = await engine.decompress(first, 3000);
      const firstThen = Uint8Array.from(first);
      await engine.decompress(await engine.compress(new Uint8Array(3000)), 3000);
      expect(first).toEqual(firstThen);
      expect(restored).toEqual(lcgBytes(4, 3000));
    });

    test('calls may overlap', async () => {
      const blocks = Object.values(BLOCKS);
      const compressed = await Promise.all(blocks.map(async (block) => engine.compress(block)));
      const restored = await Promise.all(
        compressed.map(async (bytes, i) => engine.decompress(bytes, blocks[i]?.length ?? Number.NaN)),
      );
      for (const [i, block] of blocks.entries()) {
        expect(Buffer.compare(restored[i] ?? new Uint8Array(), block)).toBe(0);
      }
    });

    test('a length that is not that of the block is refused', async () => {
      for (const block of Object.values(BLOCKS)) {
        const compressed = await engine.compress(block);
        const lies = [0, 1, block.length - 1, block.length + 1, 2 * block.length + 1, 64 * MIB];
        for (const lie of lies.filter((length) => length !== block.length && length >= 0)) {
          expect(await outcome(engine, compressed, lie)).toBe('refused');
        }
      }
    });

    test('damaged output gives exactly the length asked for, or is refused', async () => {
      const block = Uint8Array.from([...new Uint8Array(90), ...lcgBytes(5, 20), ...new Uint8Array(300).fill(7)]);
      const compressed = Uint8Array.from(await engine.compress(block));
      for (let at = 0; at < compressed.length; at++) {
        expect(await outcome(engine, compressed.subarray(0, at), block.length)).toSatisfy(isExactly(block.length));
        for (const bits of [0x01, 0x80, 0xff]) {
          const flipped = Uint8Array.from(compressed, (byte, i) => (i === at ? byte ^ bits : byte));
          expect(await outcome(engine, flipped, block.length)).toSatisfy(isExactly(block.length));
        }
      }
    });

    test('arbitrary bytes give exactly the length asked for, or are refused', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.nat({ max: 5000 }), async (bytes, rawLength) => {
          expect(await outcome(engine, bytes, rawLength)).toSatisfy(isExactly(rawLength));
        }),
        { numRuns: 500 },
      );
    });
  });
}

/** The length that comes out, or `refused`, which is `H4_ENGINE_OUTPUT` and nothing else. */
async function outcome(engine: CompressionEngine, bytes: Uint8Array, rawLength: number): Promise<number | 'refused'> {
  try {
    return (await engine.decompress(bytes, rawLength)).length;
  } catch (error) {
    if (isH4Error(error, 'H4_ENGINE_OUTPUT')) {
      return 'refused';
    }
    throw error;
  }
}

function isExactly(rawLength: number): (result: number | 'refused') => boolean {
  return (result) => result === 'refused' || result === rawLength;
}
