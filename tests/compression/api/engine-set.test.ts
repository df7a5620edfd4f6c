import { describe, expect, test } from 'vitest';
import type { CompressionEngine, EngineInfo } from '../../../src/compression/api/engine.js';
import { createEngineSet } from '../../../src/compression/api/engine-set.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { refusal } from '../../utils/refusal.js';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);

function engineNamed(engine_id: string, fingerprint: string): CompressionEngine {
  const info: EngineInfo = { ...storedEngine.info(), engine: 'core', engine_id, fingerprint };
  return { ...storedEngine, info: () => info };
}

describe('an engine set', () => {
  const core = engineNamed('core-1', A);
  const otherBuild = engineNamed('core-1', B);
  const engines = createEngineSet([storedEngine, core, otherBuild]);

  test('finds an engine by id and fingerprint together', () => {
    expect(engines.find('core-1', A)).toBe(core);
    expect(engines.find('core-1', B)).toBe(otherBuild);
    expect(engines.find('stored-v1', storedEngine.info().fingerprint)).toBe(storedEngine);
  });

  test.each([
    ['a known id with another fingerprint', 'stored-v1', A],
    ['a known fingerprint under another id', 'core-2', A],
    ['the same fingerprint in upper case', 'core-1', A.toUpperCase()],
    ['the beginning of an id', 'core', A],
    ['nothing', '', ''],
  ])('does not guess: %s is unknown', (_, engineId, fingerprint) => {
    expect(refusal(() => engines.find(engineId, fingerprint)).code).toBe('H4_ENGINE_UNKNOWN');
  });

  test('says which core is needed and which are available', () => {
    const error = refusal(() => createEngineSet([core]).find('core-9', B));
    expect(error.message).toBe(
      `Cannot decode: the blocks were made by the core "core-9" (fingerprint "${B}"), ` +
        `available are "core-1" (fingerprint "${A}"). Load exactly that core, or list an equivalent build of it`,
    );
    expect(error.detail).toEqual({
      engine_id: 'core-9',
      fingerprint: B,
      available: [`"core-1" (fingerprint "${A}")`],
    });
    expect(refusal(() => createEngineSet([]).find('core-9', B)).message).toContain('available are none.');
  });

  test('keeps a line break in an id from making a line of its own in a log', () => {
    expect(refusal(() => engines.find('x\nINFO verified', A)).message).not.toContain('\n');
  });

  test('lists what is at hand in the order given', () => {
    expect(engines.infos.map((info) => info.fingerprint)).toEqual([storedEngine.info().fingerprint, A, B]);
  });

  test('is not made of two engines with one identity', () => {
    const error = refusal(() => createEngineSet([core, storedEngine, engineNamed('core-1', A)]));
    expect(error.code).toBe('H4_PARAM');
    expect(error.detail).toEqual({ field: 'engines', engine_id: 'core-1', fingerprint: A });
  });
});
