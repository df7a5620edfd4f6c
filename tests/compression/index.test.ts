import { expect, test } from 'vitest';
import * as compression from '../../src/compression/index.js';

test('the door shows the contract, the built-in engines and the coding of legacy files', () => {
  expect(Object.keys(compression).sort()).toEqual([
    'GeometricReferenceCompressor',
    'builtinEngines',
    'compressRleDelta',
    'createEngineSet',
    'decompressRleDelta',
    'legacyEngine',
    'storedEngine',
  ]);
});

test('builtinEngines() are stored-v1 and h4ref-geo-v1, both unsealed', () => {
  const { infos } = compression.builtinEngines();
  expect(infos.map((info) => [info.engine, info.engine_id, info.seal_level])).toEqual([
    ['stored', 'stored-v1', 0],
    ['reference', 'h4ref-geo-v1', 0],
  ]);
});
