import { describe, expect, test } from 'vitest';
import { type Environment, readCoreSettings } from '../../src/compression/settings.js';
import { refusal } from '../utils/refusal.js';

const FP = 'ab'.repeat(32);
const PATH = { HARMONY4_CORE_PATH: '/cores/my ø core.so' };
const ID = { HARMONY4_ENGINE_ID: 'core-1' };
const PRINT = { HARMONY4_ENGINE_FP: FP.toUpperCase() };

describe('readCoreSettings()', () => {
  test('of an empty environment: no core, and everything on its safe side', () => {
    expect(readCoreSettings({})).toEqual({ pins: {}, fallback: 'refuse', verify: 'always', isolation: 'inline' });
    expect(readCoreSettings({}, { isolation: 'process' }).isolation).toBe('process');
  });

  test('reads every variable', () => {
    const env = {
      ...PATH,
      ...ID,
      ...PRINT,
      HARMONY4_CORE_VERIFY: 'off',
      HARMONY4_CORE_ISOLATION: 'inline',
      HARMONY4_CORE_TMP: '/run/cores',
      HARMONY4_ENGINE_EQUIVALENTS: '/etc/equivalents',
    };
    expect(readCoreSettings(env, { isolation: 'process' })).toEqual({
      corePath: '/cores/my ø core.so',
      pins: { engineId: 'core-1', fingerprint: FP },
      fallback: 'refuse',
      verify: 'off',
      isolation: 'inline',
      temporaryFolder: '/run/cores',
      equivalentsPath: '/etc/equivalents',
    });
    expect(readCoreSettings({ ...PATH, HARMONY4_CORE_FALLBACK: 'reference' }).fallback).toBe('reference');
  });

  test('takes empty variables for unset ones', () => {
    const env = Object.fromEntries(
      [
        'CORE_PATH',
        'CORE_FALLBACK',
        'CORE_VERIFY',
        'CORE_ISOLATION',
        'CORE_TMP',
        'ENGINE_EQUIVALENTS',
        'ENGINE_ID',
        'ENGINE_FP',
      ].map((name) => [`HARMONY4_${name}`, '']),
    );
    expect(readCoreSettings(env)).toEqual(readCoreSettings({}));
  });

  test.each<[string, Environment, string]>([
    ['an empty pin of an id beside a core', { ...PATH, HARMONY4_ENGINE_ID: '' }, 'HARMONY4_ENGINE_ID'],
    ['an empty pin of a fingerprint beside a core', { ...PATH, HARMONY4_ENGINE_FP: '' }, 'HARMONY4_ENGINE_FP'],
    ['a malformed pin', { ...PATH, HARMONY4_ENGINE_FP: FP.slice(1) }, 'HARMONY4_ENGINE_FP'],
    ['an id pinned without a core', ID, 'HARMONY4_CORE_PATH'],
    ['a fingerprint pinned without a core', { ...PRINT, HARMONY4_CORE_PATH: '' }, 'HARMONY4_CORE_PATH'],
    ['a fallback beside an id', { ...PATH, ...ID, HARMONY4_CORE_FALLBACK: 'reference' }, 'HARMONY4_CORE_FALLBACK'],
    [
      'a fallback beside a fingerprint',
      { ...PATH, ...PRINT, HARMONY4_CORE_FALLBACK: 'reference' },
      'HARMONY4_CORE_FALLBACK',
    ],
    ['no check and no pins', { ...PATH, HARMONY4_CORE_VERIFY: 'off' }, 'HARMONY4_CORE_VERIFY'],
    ['no check and an id only', { ...PATH, ...ID, HARMONY4_CORE_VERIFY: 'off' }, 'HARMONY4_CORE_VERIFY'],
    ['no check and a fingerprint only', { ...PATH, ...PRINT, HARMONY4_CORE_VERIFY: 'off' }, 'HARMONY4_CORE_VERIFY'],
  ])('refuses %s with H4_CORE_PIN', (_, env, field) => {
    const error = refusal(() => readCoreSettings(env));
    expect(error.code).toBe('H4_CORE_PIN');
    expect(error.detail).toEqual({ field });
  });

  test.each([
    ['HARMONY4_CORE_FALLBACK', 'yes', 'refuse or reference'],
    ['HARMONY4_CORE_VERIFY', 'OFF', 'always or off'],
    ['HARMONY4_CORE_ISOLATION', 'thread', 'process or inline'],
  ])('refuses %s=%s with H4_PARAM', (name, value, choices) => {
    const error = refusal(() => readCoreSettings({ ...PATH, [name]: value }));
    expect(error.code).toBe('H4_PARAM');
    expect(error.message).toBe(`${name} is "${value}": it has to be ${choices}`);
    expect(error.detail).toEqual({ field: name });
  });
});
