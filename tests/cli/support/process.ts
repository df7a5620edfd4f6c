/** Runs the built program as a shell does: a process of its own, with real pipes and signals. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export function start(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(process.execPath, [MAIN, ...argv], { stdio: 'pipe', ...options });
}

/** Everything about a process until it has ended and its pipes are closed. */
export function ended(child: ChildProcess): Promise<Ended> {
  const [stdout, stderr]: Buffer[][] = [[], []];
  child.stdout?.on('data', (chunk: Buffer) => stdout?.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr?.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const [out, err] = [Buffer.concat(stdout ?? []), Buffer.concat(stderr ?? []).toString()];
      resolve({ code, signal, stdout: out, stderr: err });
    });
  });
}

export function runProcess(argv: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  const child = start(argv, options);
  child.stdin?.end();
  return ended(child);
}

/** A line for bash, in which `harmony4` is the built program. */
export function runShell(line: string, cwd: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const prelude = `harmony4() { '${process.execPath}' '${MAIN}' "$@"; }; `;
  return ended(spawn('bash', ['-c', prelude + line], { cwd, env: { ...process.env, ...env }, stdio: 'pipe' }));
}
