import { describe, expect, test } from 'vitest';
import {
  assertEngineId,
  assertEngineIdForm,
  assertFingerprint,
  coreInfo,
  parsePins,
  sealLevelOf,
} from '../../src/compression/seal.js';
import { refusal } from '../utils/refusal.js';

const A = 'ab'.repeat(32);
const B = 'cd'.repeat(32);

describe('parsePins()', () => {
  test('takes a fingerprint in either case, and an id as it is', () => {
    expect(parsePins({ engineId: 'Core/1.0:x@y+z-_', fingerprint: A.toUpperCase() })).toEqual({
      engineId: 'Core/1.0:x@y+z-_',
      fingerprint: A,
    });
    expect(parsePins({})).toEqual({});
    expect(parsePins({ engineId: 'x'.repeat(128) }).engineId).toHaveLength(128);
  });

  test.each(['', ' ', 'an id', 'x'.repeat(129), 'kärn', 'id\n', '\0'])('refuses the id %j', (engineId) => {
    const error = refusal(() => parsePins({ engineId }));
    expect(error.code).toBe('H4_CORE_PIN');
    expect(error.detail).toEqual({ field: 'HARMONY4_ENGINE_ID' });
    expect(error.message).toContain(`HARMONY4_ENGINE_ID=${JSON.stringify(engineId)}`);
  });

  test.each(['', A.slice(2), `${A}00`, `${A} `, `0x${A.slice(2)}`, 'g'.repeat(64)])(
    'refuses the fingerprint %j',
    (fingerprint) => {
      const error = refusal(() => parsePins({ fingerprint }));
      expect(error.code).toBe('H4_CORE_PIN');
      expect(error.detail).toEqual({ field: 'HARMONY4_ENGINE_FP' });
      expect(error.message).toContain(`these are ${fingerprint.length} characters`);
    },
  );
});

describe('the two comparisons', () => {
  test('a fingerprint that is not the pinned one is an altered core', () => {
    expect(() => assertFingerprint(A, {})).not.toThrow();
    expect(() => assertFingerprint(A, { fingerprint: A })).not.toThrow();
    const error = refusal(() => assertFingerprint(A, { fingerprint: B }));
    expect(error.code).toBe('H4_CORE_ALTERED');
    expect(error.message).toContain(`🔐 COMPRESSION CORE ALTERED: expected fingerprint ${B}, found ${A}`);
    expect(error.detail).toEqual({ expected: B, found: A });
  });

  test('an id that is not the pinned one is a mismatch', () => {
    expect(() => assertEngineId(undefined, {})).not.toThrow();
    expect(() => assertEngineId('core-1', {})).not.toThrow();
    expect(() => assertEngineId('core-1', { engineId: 'core-1' })).not.toThrow();
    const error = refusal(() => assertEngineId('core-1', { engineId: 'Core-1' }));
    expect(error.code).toBe('H4_CORE_MISMATCH');
    expect(error.message).toContain('🔐 COMPRESSION CORE MISMATCH: expected engine id Core-1, found core-1');
    expect(error.detail).toEqual({ expected: 'Core-1', found: 'core-1' });
  });

  test('a pinned id and a core without one is a missing symbol', () => {
    const error = refusal(() => assertEngineId(undefined, { engineId: 'core-1' }));
    expect(error.code).toBe('H4_CORE_SYMBOL');
    expect(error.message).toMatch(/^undefined symbol: h4_engine_id \(HARMONY4_ENGINE_ID is set/u);
  });
});

test('assertEngineIdForm() shows an id that is none as one line', () => {
  expect(assertEngineIdForm('core-1', '/x.so')).toBe('core-1');
  const error = refusal(() => assertEngineIdForm('core\n1', '/x.so'));
  expect(error.code).toBe('H4_CORE_LOAD');
  expect(error.message).toContain('"core\\n1"');
});

test.each([
  [1, {}],
  [2, { engineId: 'x' }],
  [2, { fingerprint: A }],
  [3, { engineId: 'x', fingerprint: A }],
] as const)('level %d for the pins %j; sealed at level 3 only', (level, pins) => {
  expect(sealLevelOf(pins)).toBe(level);
  const { sealed, seal_level } = coreInfo(A, 'x', pins);
  expect([sealed, seal_level]).toEqual([level === 3, level]);
});

test('coreInfo() says who a core is, and names one without an id after its fingerprint', () => {
  expect(coreInfo(A, 'core-1', {})).toEqual({
    engine: 'core',
    engine_id: 'core-1',
    fingerprint: A,
    deterministic: true,
    identity_safe: true,
    opaque: true,
    sealed: false,
    seal_level: 1,
  });
  expect(coreInfo(A, undefined, {}).engine_id).toBe('core:abababababababab');
});
