/** Processes of a core do not survive their parent, and do not keep it alive. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import { compileHostile, describeCompiled } from '../../../support/cores.js';
import { isAlive } from './engines.js';

const PROGRAM = fileURLToPath(new URL('children/parent.js', import.meta.url));
const PATIENCE = { timeout: 120_000, interval: 20 };

class Parent {
  readonly child: ChildProcess;
  readonly said: Record<string, unknown>[] = [];
  readonly exited: Promise<unknown>;

  constructor(core: string, act: string) {
    this.child = spawn(process.execPath, [PROGRAM, core, act], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.exited = once(this.child, 'exit');
    if (this.child.stdout === null) throw new Error('the child has no output');
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.said.push(JSON.parse(line) as Record<string, unknown>);
    });
  }

  pids(): number[] {
    return this.said.flatMap(({ pid }) => (typeof pid === 'number' ? [pid] : []));
  }

  async says(key: string): Promise<void> {
    await vi.waitFor(() => expect(this.said.map((each) => Object.keys(each)).flat()).toContain(key), PATIENCE);
  }

  async isAlone(): Promise<void> {
    expect(this.pids().length).toBeGreaterThanOrEqual(2);
    await vi.waitFor(() => expect(this.pids().filter(isAlive)).toEqual([]), PATIENCE);
  }
}

const parents: Parent[] = [];
function start(core: string, act: string): Parent {
  const parent = new Parent(core, act);
  parents.push(parent);
  return parent;
}

afterEach(() => {
  for (const { child } of parents.splice(0)) child.kill('SIGKILL');
});

describeCompiled('the processes of a core', () => {
  it('end when their parent is killed', async () => {
    const parent = start(compileHostile('stored'), 'waits');
    await parent.says('sealed');
    expect(parent.pids()).toHaveLength(4);
    expect(parent.pids().every(isAlive)).toBe(true);
    parent.child.kill('SIGKILL');
    await parent.exited;
    await parent.isAlone();
  });

  it.runIf(process.platform === 'linux')('end when their parent is killed while the core hangs', async () => {
    const parent = start(compileHostile('sleeper'), 'hangs');
    await parent.says('sealed');
    await parent.says('hanging');
    parent.child.kill('SIGKILL');
    await parent.exited;
    await parent.isAlone();
  });

  it('leave it to their parent when all are asked to end', async () => {
    const parent = start(compileHostile('stored'), 'waits');
    await parent.says('sealed');
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      for (const pid of parent.pids()) process.kill(pid, signal);
    }
    // Caught, all three of them: whoever catches a signal does not die of it.
    const caught = (1n << 0n) | (1n << 1n) | (1n << 14n);
    for (const pid of parent.pids()) {
      const mask = /^SigCgt:\s+([0-9a-f]+)$/mu.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0';
      expect(BigInt(`0x${mask}`) & caught).toBe(caught);
    }
    expect(parent.pids().every(isAlive)).toBe(true);
  });

  it('do not keep a parent alive that has forgotten to close them, and end with it', async () => {
    const parent = start(compileHostile('stored'), 'ends');
    expect(await parent.exited).toEqual([0, null]);
    expect(parent.said).toContainEqual({ done: true });
    await parent.isAlone();
  });

  it('end with a parent that exits', async () => {
    const parent = start(compileHostile('stored'), 'exits');
    expect(await parent.exited).toEqual([0, null]);
    await parent.isAlone();
  });
});
