/** The tool that measures what every command takes: that it runs them. What it measures is for a quiet machine to judge. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const run = (...args: readonly string[]): string =>
  execFileSync(process.execPath, ['--import', './tools/typescript.js', 'tools/peak-memory.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: 'pipe',
  });

it('runs a command on a whole recording, a cut one and an old file, and says what each took', () => {
  const peaks = run('--records', '1000', '--only', 'seek', '--json')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  expect(peaks.map(({ command, exit_code }) => [command, exit_code])).toEqual([
    ['seek million.h4mk 1000000', 0],
    ['seek cut.h4mk 1000000', 0],
    ['seek legacy.h4mk 1000000', 0],
  ]);
  for (const { peak_mb } of peaks) expect(peak_mb).toBeGreaterThan(30);
}, 60_000);

it('tells people the worst of them', () => {
  expect(run('--records', '1000', '--only', 'demo')).toMatch(/ MB {2}exit 0 {2}[\d.]+ s {2}demo\n\d+ MB at the most; /);
}, 60_000);

it('refuses a number of records that is none', () => {
  expect(() => run('--records', 'many')).toThrow(/1000 or more/);
});
