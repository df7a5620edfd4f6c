import { expect, test } from 'vitest';
import { legacyEngine } from '../../src/compression/legacy.js';
import { decompressRleDelta } from '../../src/compression/rle.js';
import { builtinEngines } from '../../src/compression/index.js';
import { fromHex, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { sha256 } from '../../src/utils/sha256.js';
import { refusal } from '../utils/refusal.js';
import { engineContract } from './engine-contract.js';
import { lcgBytes } from './lcg.js';

engineContract('geometric-reference', () => legacyEngine);

test('it has the name that legacy files state, and the hash of that for a fingerprint', () => {
  const { engine, engine_id, fingerprint } = legacyEngine.info();
  expect([engine, engine_id]).toEqual(['geometric-reference', 'geometric-reference']);
  expect(fingerprint).toBe(toHex(sha256(utf8Encode(engine))));
});

test('no recording is decoded with it', () => {
  expect(builtinEngines().infos.map(({ engine }) => engine)).not.toContain('geometric-reference');
});

test('its blocks are plain pairs, divided greedily', () => {
  expect(toHex(legacyEngine.compress(fromHex('41'.repeat(300) + '42')))).toBe('41ff412d4201');
  expect(decompressRleDelta(legacyEngine.compress(lcgBytes(1, 100)))).toEqual(lcgBytes(1, 100));
});

test.each([
  ['41', 'it ends in half a pair', 3],
  ['410342', 'it ends in half a pair', 5],
  ['41034200', 'the pair at byte 2 has a run of 0', 3],
  ['4104', 'its runs add up to more', 3],
  ['4102', 'its runs add up to 2 bytes', 3],
])('%s is refused: %s', (hex, why, rawLength) => {
  expect(refusal(() => legacyEngine.decompress(fromHex(hex), rawLength))).toMatchObject({
    code: 'H4_ENGINE_OUTPUT',
    message: `Cannot restore a block of ${rawLength} bytes with geometric-reference: ${why}`,
  });
});
