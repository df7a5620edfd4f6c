import { describe, expect, it } from 'vitest';
import type { CoreReport } from '../../../../src/compression/node/check/check-core.js';
import { sealingLines } from '../../../../src/compression/node/check/next-step.js';
import { passed } from '../../../../src/compression/node/check/requirement.js';

const FINGERPRINT = 'ab'.repeat(32);
const REPORT: CoreReport = {
  ...{ passed: true, quick: false, engine_id: 'test-v1', fingerprint: FINGERPRINT, bytes: 1234 },
  ...{ kind: 'shared library', abi: 'v2', platform: 'linux x64', node: 'v20.20.0', other: null, figures: [] },
  requirements: [passed('identity', { declares_id: true })],
};

describe('sealingLines()', () => {
  it('are the settings that seal a core which passed', () => {
    expect(sealingLines(REPORT, '/opt/core.so')).toEqual([
      'export HARMONY4_CORE_PATH=/opt/core.so',
      'export HARMONY4_ENGINE_ID=test-v1',
      `export HARMONY4_ENGINE_FP=${FINGERPRINT}`,
    ]);
  });

  it('pin no id that the core does not declare', () => {
    const requirements = [passed('identity', { declares_id: false })];
    const lines = sealingLines({ ...REPORT, engine_id: 'core:abababababababab', requirements }, 'c.so');
    expect(lines).toEqual(['export HARMONY4_CORE_PATH=c.so', `export HARMONY4_ENGINE_FP=${FINGERPRINT}`]);
  });

  it('quote a path for a shell', () => {
    expect(sealingLines(REPORT, "/it's $HOME/core.so")[0]).toBe("export HARMONY4_CORE_PATH='/it'\\''s $HOME/core.so'");
  });

  it('are none for a core that failed or could not be loaded', () => {
    expect(sealingLines({ ...REPORT, passed: false }, 'c.so')).toEqual([]);
    expect(sealingLines({ ...REPORT, engine_id: null }, 'c.so')).toEqual([]);
  });
});
