import { describe, expect, test } from 'vitest';
import { readWasmFacts } from '../../src/compression/wasm-module.js';
import { section, unsigned, wasmCore } from '../support/wasm-cores.js';

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const moduleOf = (...sections: readonly number[][]): Uint8Array => Uint8Array.from([...HEADER, ...sections.flat()]);

describe('readWasmFacts()', () => {
  test('finds the memory and whether anything starts', () => {
    const plain = [{ isPlain: true, maximumPages: 16 }];
    expect(readWasmFacts(wasmCore())).toEqual({ memories: plain, hasStart: false });
    expect(readWasmFacts(wasmCore({ start: true }))).toEqual({ memories: plain, hasStart: true });
    expect(readWasmFacts(moduleOf())).toEqual({ memories: [], hasStart: false });
  });

  test.each<[string, number[], readonly object[]]>([
    ['no maximum', [1, 0, 4], [{ isPlain: true }]],
    ['a maximum of 32 bits', [1, 1, 4, 0xff, 0xff, 0xff, 0xff, 0x0f], [{ isPlain: true, maximumPages: 0xffffffff }]],
    ['a number with needless digits', [1, 1, 4, 0x90, 0x00], [{ isPlain: true, maximumPages: 16 }]],
    ['shared memory', [1, 3, 4, 16], [{ isPlain: false }]],
    ['64-bit memory', [1, 4, 4], [{ isPlain: false }]],
    ['two memories', [2, 1, 4, 16, 0, 1], [{ isPlain: true, maximumPages: 16 }, { isPlain: true }]],
  ])('reads %s', (_, content, memories) => {
    expect(readWasmFacts(moduleOf(section(5, content)))?.memories).toEqual(memories);
  });

  test.each<[string, Uint8Array]>([
    ['no module', Uint8Array.from([...HEADER.slice(0, 4), 2, 0, 0, 0])],
    ['a section without a length', moduleOf([5])],
    ['a section longer than the rest', moduleOf([5, 4, 1, 1, 4])],
    ['a length of more than 32 bits', moduleOf([5, 0xff, 0xff, 0xff, 0xff, 0x1f])],
    ['a length of more than five bytes', moduleOf([5, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00])],
    ['a section number of two bytes', moduleOf([0x80, 0x00, 0])],
    ['a memory section without a count', moduleOf(section(5, []))],
    ['fewer memories than counted', moduleOf(section(5, [2, 1, 4, 16]))],
    ['a billion memories', moduleOf(section(5, unsigned(1_000_000_000)))],
    ['a memory without a minimum', moduleOf(section(5, [1, 0]))],
    ['a memory without its maximum', moduleOf(section(5, [1, 1, 4]))],
  ])('cannot walk %s', (_, bytes) => expect(readWasmFacts(bytes)).toBeUndefined());

  test('walks every beginning of a module without leaving it', () => {
    const bytes = wasmCore();
    for (let length = 0; length <= bytes.length; length++) {
      expect(() => readWasmFacts(bytes.subarray(0, length))).not.toThrow();
    }
  });
});
