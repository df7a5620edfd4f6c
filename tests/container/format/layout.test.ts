import { expect, test } from 'vitest';
import { canHashSink, canHashSource } from '../../../src/container/io/io.js';
import { MODE, isMediaMode, payloadTagOf } from '../../../src/container/format/layout.js';
import { createDiscardSink, createMemorySource } from '../../../src/storage/memory.js';

test('modes 0 to 2 are media; each mode has its payload tag', () => {
  expect(Object.values(MODE).map((mode) => [mode, isMediaMode(mode), payloadTagOf(mode)])).toEqual([
    [0, true, 'CORE'],
    [1, true, 'SAFE'],
    [2, true, 'SAFE'],
    [3, false, 'META'],
    [4, false, 'SAFE'],
  ]);
});

test('a source that hashes and a sink that hashes are told from plain ones by what they can do', () => {
  const source = createMemorySource(new Uint8Array(0));
  const digest = () => Promise.resolve(new Uint8Array(32));
  expect(canHashSource(source)).toBe(false);
  expect(canHashSource(Object.assign(source, { sha256: digest }))).toBe(true);
  expect(canHashSink(createDiscardSink())).toBe(false);
  expect(canHashSink(Object.assign(createDiscardSink(), { digest }))).toBe(false);
  expect(canHashSink(Object.assign(createDiscardSink(), { digest, hashedFrom: 8 }))).toBe(true);
});
