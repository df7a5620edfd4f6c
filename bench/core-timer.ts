/** The same library called from C: a small program, compiled when the bench runs, which answers on request. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

/** Compiles the program into `folder`; undefined where there is no compiler. */
export function compileTimer(source: string, folder: string): string | undefined {
  const program = join(folder, 'core-timer');
  try {
    execFileSync('cc', ['-O2', '-o', program, source, '-ldl'], { stdio: ['ignore', 'ignore', 'ignore'] });
    return existsSync(program) ? program : undefined;
  } catch {
    return undefined;
  }
}

export class CoreTimer {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor(program: string, library: string, block: Uint8Array, folder: string) {
    const file = join(folder, 'block');
    writeFileSync(file, block);
    this.#process = spawn(program, [library, file], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#process.stdout === null) {
      throw new Error('The timer has no output');
    }
    this.#lines = createInterface(this.#process.stdout);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Seconds of CPU time that so many calls took. */
  async measure(direction: 'compress' | 'decompress', calls: number): Promise<number> {
    this.#process.stdin?.write(`${direction} ${calls}\n`);
    const answer: IteratorResult<string, unknown> = await this.#answers.next();
    if (answer.done === true) {
      throw new Error('The timer ended; does the library export version 2?');
    }
    return Number(answer.value);
  }

  stop(): void {
    this.#lines.close();
    this.#process.kill();
  }
}
