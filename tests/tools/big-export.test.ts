/** The tool that measures memory: that it exports what it says. What it measures is for a quiet machine to judge. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MIB = 2 ** 20;

const run = (...args: readonly string[]): string =>
  execFileSync(process.execPath, ['--import', './tools/typescript.js', 'tools/big-export.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: 'pipe',
  });

it('exports 64 MiB in blocks of 512 KiB and says what that took', () => {
  const result = JSON.parse(run('--mib', '64', '--json')) as Readonly<Record<string, number>>;
  // META, safety scopes and end record besides.
  expect(result).toMatchObject({ media_bytes: 64 * MIB, records: 128 + 3 });
  expect(result['file_bytes']).toBeGreaterThan(64 * MIB);
  expect(result['file_bytes']).toBeLessThan(65 * MIB);
  expect(result['mib_per_second']).toBeGreaterThan(0);
  // The system counts pages now and then only, so that a peak may trail behind by a few.
  expect(result['peak_rss_mib']).toBeGreaterThan((result['rss_mib_at_end'] ?? Infinity) - 16);
});

it('tells people the same in words', () => {
  const text = run('--mib', '3', '--block-kib', '64');
  expect(text).toMatch(
    /^0\.00 GiB of media, 51 records, \d+ bytes of container\n[\d.]+ s, \d+ MiB\/s\nresident: peak /,
  );
});

it('refuses a length that is none', () => {
  expect(() => run('--mib', 'many')).toThrow(/above 0/);
});
