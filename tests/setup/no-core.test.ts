import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { setup } from './no-core.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const REFUSAL = 'The tests do not run with a compression core configured: unset ';

/** Runs the smallest of the test files in a vitest of its own. */
function vitest(variables: Readonly<Record<string, string>>): { status: number | null; output: string } {
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'node', 'tests/compression/index.test.ts'];
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:HARMONY4|VITEST)/u.test(name));
  const env = { ...Object.fromEntries(inherited), NO_COLOR: '1', ...variables };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

describe('the test suite', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('does not run with a core configured', { timeout: 300_000 }, () => {
    const { status, output } = vitest({ HARMONY4_CORE_PATH: '/x.so', HARMONY4_ENGINE_FP: '' });
    expect(status).not.toBe(0);
    expect(output).toContain(`${REFUSAL}HARMONY4_CORE_PATH, HARMONY4_ENGINE_FP. To try a core of your own`);
    expect(output).not.toMatch(/Tests .*passed/u);
  });

  test('runs without one, also with a core of your own to try', { timeout: 300_000 }, () => {
    const { status, output } = vitest({ HARMONY4_TEST_CORE: '/cores/mine.so' });
    expect(output).toMatch(/Tests .*passed/u);
    expect(status).toBe(0);
  });

  test.each([
    ...['HARMONY4_CORE_PATH', 'HARMONY4_ENGINE_ID', 'HARMONY4_ENGINE_FP', 'HARMONY4_CORE_FALLBACK'],
    ...['HARMONY4_CORE_VERIFY', 'HARMONY4_CORE_ISOLATION', 'HARMONY4_CORE_TMP', 'HARMONY4_ENGINE_EQUIVALENTS'],
  ])('does not run with %s set', (name) => {
    expect(setup).not.toThrow();
    vi.stubEnv(name, 'x');
    expect(setup).toThrow(`${REFUSAL}${name}. `);
  });
});
