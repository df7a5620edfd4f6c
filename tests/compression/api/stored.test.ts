import { describe, expect, test } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { refusal } from '../../utils/refusal.js';
import { engineContract } from '../engine-contract.js';

engineContract('stored-v1', () => storedEngine);

describe('storedEngine', () => {
  test('is fingerprinted by its own name', () => {
    const { engine_id, fingerprint } = storedEngine.info();
    expect(engine_id).toBe('stored-v1');
    expect(fingerprint).toBe(toHex(sha256(utf8Encode(engine_id))));
  });

  test('copies nothing in either direction', () => {
    const block = Uint8Array.of(1, 2, 3);
    expect(storedEngine.compress(block)).toBe(block);
    expect(storedEngine.decompress(block, 3)).toBe(block);
  });

  test('says both lengths when they differ', () => {
    const error = refusal(() => storedEngine.decompress(Uint8Array.of(1, 2, 3), 4));
    expect(error.code).toBe('H4_ENGINE_OUTPUT');
    expect(error.message).toBe('Cannot restore a stored block: it holds 3 bytes, its header says 4');
    expect(error.detail).toEqual({ engine_id: 'stored-v1', expected: 4, found: 3 });
  });
});
