import { type ChildProcess, spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The path of a program in `children`. They are plain JavaScript and use what was compiled into `dist`. */
export function childModule(name: string): string {
  return fileURLToPath(new URL(`children/${name}.js`, import.meta.url));
}

/** What to put before a command so that it runs without the privileges of root, to whom the system permits everything. */
export const unprivileged: readonly string[] =
  process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];

export function runUnprivileged(module: string, ...args: readonly string[]): SpawnSyncReturns<string> {
  const [command, ...rest] = [...unprivileged, process.execPath, module, ...args];
  return spawnSync(command ?? process.execPath, rest, { encoding: 'utf8' });
}

/** What a `writer` child reports, one line each. */
export interface WriterEvent {
  readonly event: 'ready' | 'opened' | 'refused' | 'written' | 'committed' | 'aborted' | 'listed';
  readonly code?: string;
  readonly message?: string;
  readonly length?: number;
  readonly files?: readonly string[];
}

/** A process that writes files as it is told, through the compiled file sinks. */
export class WriterProcess {
  readonly #child: ChildProcess;
  readonly #events: AsyncIterator<string>;

  /** `command` may wrap the program: `['unshare', '--mount', ...]`. */
  constructor(command: readonly string[] = []) {
    const [file, ...args] = [...command, process.execPath, childModule('writer')];
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) {
      throw new Error('the child has no output');
    }
    this.#events = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  send(command: Readonly<Record<string, unknown>>): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** The next event. */
  async next(): Promise<WriterEvent> {
    const line = await this.#events.next();
    if (line.done === true) {
      throw new Error('the child has ended');
    }
    return JSON.parse(line.value) as WriterEvent;
  }

  async ask(command: Readonly<Record<string, unknown>>): Promise<WriterEvent> {
    this.send(command);
    return this.next();
  }

  /** `kill -9`; resolves when the process is gone. */
  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  /** Lets the process end by itself. */
  async end(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await gone;
  }
}
