import { describe, expect, it } from 'vitest';
import type { CoreReport } from '../../../../src/compression/node/check/check-core.js';
import { describeEvidence, formatReport } from '../../../../src/compression/node/check/markdown.js';
import { failed, passed, skipped } from '../../../../src/compression/node/check/requirement.js';

const REPORT: CoreReport = {
  ...{ passed: true, quick: false, engine_id: 'test-v1', fingerprint: 'ab'.repeat(32), bytes: 1234 },
  ...{ kind: 'shared library', abi: 'v2', platform: 'linux x64', node: 'v20.20.0', other: null, figures: [] },
  requirements: [passed('loads', { abi: 'v2', exports: null }), skipped('memcheck', 'no | valgrind')],
};
const FACTS = { file: 'core.so', version: '9.9.9' };

describe('formatReport()', () => {
  it('names core, fingerprint and software, and what was not tried', () => {
    const page = formatReport(REPORT, { ...FACTS, utcMicros: 1_700_000_000_000_000 });
    expect(page).toContain('# Check of `core.so`');
    expect(page).toContain('**PASS**: 1 passed, 0 failed, 1 skipped.');
    expect(page).toContain(`| fingerprint (SHA-256 of the file) | \`${'ab'.repeat(32)}\` |`);
    expect(page).toContain('harmony4 9.9.9, Node v20.20.0, linux x64');
    expect(page).toContain('2023-11-14T22:13:20.000Z');
    expect(page).toContain('## What this does not show');
    expect(page).not.toContain('quick check');
    expect(page).not.toContain('## Figures');
  });

  it('says how a core that passed is sealed, without the folder that it lies in', () => {
    const page = formatReport(REPORT, { ...FACTS, file: 'a `b\n```.so' });
    const block = /## Next step\n\n.*\n\n```sh\n([^]*?)\n```\n/.exec(page)?.[1];
    expect(block?.split('\n')).toEqual([
      "export HARMONY4_CORE_PATH='/path/to/a `b ```.so'",
      `export HARMONY4_ENGINE_FP=${'ab'.repeat(32)}`,
    ]);
    expect(formatReport({ ...REPORT, passed: false }, FACTS)).not.toContain('Next step');
  });

  it('has no date without a clock, so that the same check gives the same page', () => {
    expect(formatReport(REPORT, FACTS)).not.toContain('checked at');
    expect(formatReport(REPORT, FACTS)).toBe(formatReport(REPORT, FACTS));
  });

  it('says of a quick check that it certifies nothing', () => {
    expect(formatReport({ ...REPORT, quick: true }, FACTS)).toContain('it is not a certification');
  });

  it('shows a failure with its call, and keeps the words of a core from becoming markup', () => {
    const call = { operation: 'decompress', label: 'x', bytes: 3, sha256: 'cd'.repeat(32), raw_length: 7 } as const;
    const page = formatReport(
      {
        ...REPORT,
        passed: false,
        engine_id: null,
        abi: null,
        other: { engine_id: 'o`ther|', fingerprint: 'ef'.repeat(32) },
        requirements: [failed('silence', 'it printed "| <b>`[x]`\n"', { printed_bytes: 9 }, call)],
      },
      { ...FACTS, file: 'a|b`c.so' },
    );
    expect(page).toContain('**FAIL**: 0 passed, 1 failed, 0 skipped.');
    expect(page).toContain('it printed "\\| \\<b\\>\\`\\[x\\]\\` ". printed bytes 9 Input: 3 bytes, SHA-256');
    expect(page).toContain(', to 7 bytes.');
    expect(page).toContain('# Check of `a b c.so`');
    expect(page).toContain('| engine id | unknown |');
    expect(page).toContain('`o ther `');
    const rows = page.split('\n').filter((line) => line.startsWith('| FAIL'));
    expect(rows.map((row) => row.replaceAll('\\|', '').split('|').length)).toEqual([5]);
  });

  it('has a row of figures for each block', () => {
    const figure = {
      ...{ name: 'ramp', bytes: 1000, compressed_bytes: 125, compress_mb_s: 500, decompress_mb_s: 900 },
      ...{ reference_bytes: 250, compress_speedup: 4, decompress_speedup: 0.5 },
    };
    const page = formatReport({ ...REPORT, figures: [figure] }, FACTS);
    expect(page).toContain('| ramp | 1000 | 12.5 % | 25.0 % | 500 | 4 | 900 | 0.5 |');
  });
});

describe('formatReport() says what was not tried', () => {
  const agreement = { id: 'agreement', title: 'agrees', verdict: 'pass', evidence: { blocks: 403 } } as const;
  const memcheck = {
    id: 'memcheck',
    title: 'valgrind',
    verdict: 'skip',
    evidence: { version_1_was_tried: false },
  } as const;
  const pageOf = (requirements: CoreReport['requirements']): string => formatReport({ ...REPORT, requirements }, FACTS);

  it('on how many blocks two builds agreed, unless they did not', () => {
    const sentence = 'Both builds agreed on 403 blocks; a difference in rarer blocks is not excluded.';
    expect(pageOf([agreement])).toContain(sentence);
    expect(pageOf([{ ...agreement, verdict: 'fail' }])).not.toContain('Both builds agreed');
    expect(pageOf([])).not.toContain('Both builds agreed');
  });

  it('version 1 of a core that exports both, where it was not', () => {
    expect(pageOf([memcheck])).toContain('Version 1 of the interface, which it exports as well, was not tried.');
    const tried = { ...memcheck, verdict: 'pass', evidence: { version_1_was_tried: true } } as const;
    expect(pageOf([tried])).not.toContain('Version 1 of the interface');
  });
});

describe('describeEvidence()', () => {
  it('leaves out what is not known', () => {
    expect(describeEvidence({ blocks: 3, of_them: null, all_well: true })).toBe('blocks 3, all well true');
  });
});
