/** Pages as programs: the commands that a page shows, run in one shell from first to last. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

export const pageText = (path: string): Promise<string> => readFile(`${projectRoot}/${path}`, 'utf8');

/** The fenced blocks of one language, in order. */
export const blocksOf = (page: string, language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, block = '']) => block);

export interface Command {
  readonly line: string;
  /** The exit code that the page promises. */
  readonly exits: number;
}

/** Every line that is typed. */
export const commandsOf = (page: string): Command[] =>
  blocksOf(page, 'console')
    .flatMap((block) => block.split('\n'))
    .filter((line) => line.startsWith('$ '))
    .map((line) => ({ line: line.slice(2), exits: Number(/# exits (\d+)$/.exec(line)?.[1] ?? 0) }));

export interface PageRun {
  /** The commands that did not end as promised: none, or the one that stopped the run. */
  readonly failed: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const FAILED = 'did not end as promised: ';

/** Types `commands` into one bash, which stops at the first that does not end as promised. */
export const runCommands = async (
  commands: readonly Command[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<PageRun> => {
  const script = [
    `harmony4() { '${process.execPath}' '${projectRoot}/dist/cli/main.js' "$@"; }`,
    ...commands.map(({ line, exits }, i) => `${line}\n[ $? -eq ${exits} ] || { echo "${FAILED}${i}" >&2; exit 99; }`),
  ].join('\n');
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    const options = { cwd: folder, env: { PATH: process.env['PATH'] ?? '', ...env }, maxBuffer: 2 ** 26 };
    execFile('bash', ['--norc', '-c', script], options, (_error, out, err) => resolve({ stdout: out, stderr: err }));
  });
  const index = new RegExp(`${FAILED}(\\d+)`).exec(stderr)?.[1];
  return { failed: index === undefined ? undefined : commands[Number(index)]?.line, stdout, stderr };
};
