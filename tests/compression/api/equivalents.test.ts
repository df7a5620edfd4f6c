import { describe, expect, test } from 'vitest';
import { createEngineSet } from '../../../src/compression/api/engine-set.js';
import { equivalentsOf, parseEquivalents } from '../../../src/compression/api/equivalents.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { refusal } from '../../utils/refusal.js';

const [A, B, C, D] = ['aa', 'bb', 'cc', 'dd'].map((byte) => byte.repeat(32)) as [string, string, string, string];
const id = (engineId: string, fingerprint: string) => ({ engineId, fingerprint });

describe('parseEquivalents()', () => {
  test('reads lines, comments, tabs, blanks and either line end; fingerprints in either case', () => {
    const text = `# builds of one core\r\n\n  geo-1\t${A.toUpperCase()}  = geo-1 ${B}   # .so = .wasm\n`;
    expect(parseEquivalents(text)).toEqual([[id('geo-1', A), id('geo-1', B)]]);
    expect(parseEquivalents('')).toEqual([]);
  });

  test.each([
    ['no second side', `geo ${A}`],
    ['a short fingerprint', `geo ${A.slice(1)} = geo ${B}`],
    ['an id that is none', `ge\u00f8 ${A} = geo ${B}`],
    ['three sides', `geo ${A} = geo ${B} = geo ${C}`],
    ['an equals sign without blanks', `geo ${A}=geo ${B}`],
  ])('refuses %s, and says where', (_, line) => {
    const error = refusal(() => parseEquivalents(`# one\n${line}\n`));
    expect(error.code).toBe('H4_PARAM');
    expect(error.message).toBe("Line 2 of the list of equivalent engines is not 'id fingerprint = id fingerprint'");
    expect(error.detail).toEqual({ line: 2 });
  });

  test('refuses a list of more than 10000 lines before it reads one', () => {
    expect(parseEquivalents('\n'.repeat(9_999))).toEqual([]);
    expect(refusal(() => parseEquivalents('x\n'.repeat(10_000))).message).toContain(
      'at most 10000 lines, this one 10001',
    );
  });
});

describe('equivalentsOf()', () => {
  const list = parseEquivalents(`x ${A} = x ${B}\ny ${C} = x ${B}\nz ${D} = z ${D}\n`);

  test('goes in both directions and over several lines', () => {
    expect(equivalentsOf(id('x', A), list)).toEqual([id('x', B), id('y', C)]);
    expect(equivalentsOf(id('y', C), list)).toEqual([id('x', B), id('x', A)]);
    expect(equivalentsOf(id('z', D), list)).toEqual([]);
  });

  test('an id alone or a fingerprint alone makes nothing equivalent', () => {
    expect(equivalentsOf(id('y', A), list)).toEqual([]);
    expect(equivalentsOf(id('x', C), list)).toEqual([]);
  });
});

describe('a set with equivalents', () => {
  const engineOf = (engine_id: string, fingerprint: string) => ({
    ...storedEngine,
    info: () => ({ ...storedEngine.info(), engine: 'core', engine_id, fingerprint }),
  });
  const first = engineOf('x', A);
  const second = engineOf('x', B);
  const list = parseEquivalents(`x ${A} = x ${C}\nx ${B} = x ${C}\nx ${A} = y ${D}`);

  test('finds the engine itself before any equivalent of it, and says which it was', () => {
    const engines = createEngineSet([first, second], list);
    expect(engines.match('x', B)).toEqual({ engine: second, isEquivalent: false });
    expect(engines.match('y', D)).toEqual({ engine: first, isEquivalent: true });
    expect(engines.find('x', C)).toBe(first);
  });

  test('still refuses what nobody has listed, however similar', () => {
    const engines = createEngineSet([first], list);
    expect(refusal(() => engines.match('y', C)).code).toBe('H4_ENGINE_UNKNOWN');
    expect(refusal(() => createEngineSet([first]).match('x', C)).code).toBe('H4_ENGINE_UNKNOWN');
  });
});
