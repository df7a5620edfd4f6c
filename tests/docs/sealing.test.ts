import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = await readFile(join(root, 'docs/guide/sealing.md'), 'utf8');

/** Every line that is typed, with the exit code that it promises. */
const commands = [...page.matchAll(/^```console\n([\s\S]*?)^```/gm)]
  .flatMap(([, block = '']) => block.split('\n'))
  .filter((line) => line.startsWith('$ '))
  .map((line) => ({ line: line.slice(2), exits: Number(/# exits (\d+)$/.exec(line)?.[1] ?? 0) }));

describe('the guide to sealing', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harmony4-sealing-'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('shows commands that do what it says, in one shell from first to last', async () => {
    expect(commands.length).toBeGreaterThan(15);
    const harmony4 = `harmony4() { '${process.execPath}' '${join(root, 'dist/cli/main.js')}' "$@"; }`;
    // `env` runs programs, not functions of the shell.
    const script = [
      harmony4,
      ...commands.flatMap(({ line, exits }, i) => {
        const typed = line.replaceAll(/env ((?:-u \w+ |\w+=\S+ )+)harmony4/g, (_, changes: string) => {
          return `env ${changes}'${process.execPath}' '${join(root, 'dist/cli/main.js')}'`;
        });
        return [
          `${typed}\n[ $? -eq ${exits} ] || { echo "command ${i + 1} ended otherwise than with ${exits}: ${i}" >&2; exit 99; }`,
        ];
      }),
    ].join('\n');
    const env = { PATH: process.env['PATH'] ?? '', HARMONY4_PACKAGE: root };
    const ended = await new Promise<{ code: number; stderr: string }>((resolve) => {
      execFile('bash', ['-c', script], { cwd: folder, env, maxBuffer: 2 ** 26 }, (error, _, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stderr });
      });
    });
    expect(ended).toMatchObject({ code: 0 });
  }, 300_000);

  it('names the codes of the four errors and their exit codes as they are', async () => {
    const { exitCodeOf } = await import('../../src/utils/error-codes.js');
    for (const code of ['H4_CORE_NOT_FOUND', 'H4_CORE_MISMATCH', 'H4_CORE_ALTERED', 'H4_CORE_SYMBOL'] as const) {
      expect(page).toContain(`(\`${code}\`, exit code ${exitCodeOf(code)})`);
    }
  });
});
