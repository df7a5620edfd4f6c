import { expect, test } from 'vitest';
import * as compression from '../../src/compression/index.js';

test('the door shows the contract, the built-in engines, what seals cores, and the coding of legacy files', () => {
  expect(Object.keys(compression).sort()).toEqual([
    'CoreCompression',
    'GeometricReferenceCompressor',
    'RoundTripEngine',
    'assertEngineId',
    'assertFingerprint',
    'assertNonce',
    'attest',
    'attestationHash',
    'builtinEngines',
    'compressRleDelta',
    'coreInfo',
    'createEngineSet',
    'decompressRleDelta',
    'equivalentsOf',
    'isWasm',
    'legacyEngine',
    'openWasmCore',
    'parseEquivalents',
    'parsePins',
    'readCoreSettings',
    'sealLevelOf',
    'storedEngine',
    'verifyAttestation',
  ]);
});

test('builtinEngines() are stored-v1 and h4ref-geo-v1, both unsealed', () => {
  const { infos } = compression.builtinEngines();
  expect(infos.map((info) => [info.engine, info.engine_id, info.seal_level])).toEqual([
    ['stored', 'stored-v1', 0],
    ['reference', 'h4ref-geo-v1', 0],
  ]);
});
