/** Runs the cases in a process of their own, and ends it where it hangs, grows or dies: then that case is a finding. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildMessage, ChildOrders } from './child.js';
import { loadCorpus } from './child.js';
import { type Corpus, makeCase } from './case.js';
import { type StoredFinding, describeFinding, storeFinding } from './findings.js';
import { Tally } from './run.js';

export interface FuzzOptions extends Omit<ChildOrders, 'place' | 'to' | 'from'> {
  readonly from: number;
  readonly cases: number;
  /** The program that the child process runs. */
  readonly program: string;
}

export interface FuzzSummary {
  readonly seed: number;
  readonly cases: number;
  readonly next_case: number;
  readonly seconds: number;
  readonly cases_per_second: number;
  readonly targets: Readonly<Record<string, number>>;
  readonly states: Readonly<Record<string, number>>;
  readonly codes: Tally['codes'];
  readonly codes_not_met: readonly string[];
  readonly largest_allocation: number;
  readonly peak_rss_mib: number;
  readonly findings: readonly (StoredFinding & { readonly path?: string | undefined; readonly times: number })[];
}

/** A case that takes this much of a processor hangs; on a busy machine it may have to wait for one. */
const HANG_CPU_SECONDS = 20;
const HANG_WALL_SECONDS = 180;
const WATCH_MS = 500;
/** A process that holds more than this has leaked, or was led to. */
const MAX_RSS_MIB = 1536;

/** Clock ticks per second in `/proc`, which is 100 on every Linux that Node runs on. */
const TICKS = 100;

/** Seconds of processor time that a process has had, or undefined where nobody tells. */
const processorSeconds = (pid: number): number | undefined => {
  try {
    // The name of the program, in brackets, may hold blanks; what follows it may not.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return undefined;
  }
};

const residentMiB = (pid: number): number => {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096) / 2 ** 20;
  } catch {
    // Not Linux, or the process has just ended.
    return 0;
  }
};

export class Supervisor {
  readonly #options: FuzzOptions;
  readonly #log: (line: string) => void;
  readonly #tally = new Tally();
  readonly #findings = new Map<string, StoredFinding & { path?: string | undefined; times: number }>();
  readonly #started = performance.now();
  #next: number;
  #peak = 0;
  #corpus: Corpus | undefined;

  constructor(options: FuzzOptions, log: (line: string) => void) {
    this.#options = options;
    this.#log = log;
    this.#next = options.from;
  }

  async run(): Promise<FuzzSummary> {
    const { from, cases, seconds, output } = this.#options;
    mkdirSync(output, { recursive: true });
    const to = from + cases;
    while (this.#next < to && this.#elapsed() < seconds) await this.#child(to, seconds - this.#elapsed());
    return this.#summary();
  }

  #elapsed(): number {
    return (performance.now() - this.#started) / 1000;
  }

  async #child(to: number, seconds: number): Promise<void> {
    const place = join(this.#options.output, `.at-${process.pid}`);
    const orders: ChildOrders = { ...this.#options, from: this.#next, to, seconds, place };
    const child = fork(this.#options.program, ['--child', JSON.stringify(orders)], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    let errors = '';
    child.stderr?.on('data', (data: Buffer) => (errors = (errors + data.toString()).slice(-4000)));
    child.on('message', (message: ChildMessage) => this.#message(message));
    const watch = this.#watch(child, place);
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      child.on('exit', (...how) => resolve(how));
    });
    clearInterval(watch.timer);
    if (code === 0) {
      // Whoever ends well has said how far it came, or has come to its end.
      if (this.#next === orders.from) this.#next = to;
      return;
    }
    const at = Number(readPlace(place).split(' ')[0] || orders.from);
    const rule = watch.reason() ?? `dies with ${signal ?? code}`;
    await this.#lost(at, rule, errors);
    this.#next = at + 1;
  }

  #watch(
    child: ChildProcess,
    place: string,
  ): { readonly timer: NodeJS.Timeout; readonly reason: () => string | undefined } {
    let reason: string | undefined;
    let last = '';
    const pid = child.pid ?? 0;
    const clock = (): readonly [wall: number, cpu: number] => {
      const wall = performance.now() / 1000;
      return [wall, processorSeconds(pid) ?? wall];
    };
    let since = clock();
    const timer = setInterval(() => {
      const now = readPlace(place);
      const [wall, cpu] = clock();
      if (now !== last) [last, since] = [now, [wall, cpu]];
      const rss = residentMiB(pid);
      this.#peak = Math.max(this.#peak, rss);
      if (cpu - since[1] > HANG_CPU_SECONDS || wall - since[0] > HANG_WALL_SECONDS) reason = 'hangs';
      else if (rss > MAX_RSS_MIB) reason = 'grows';
      if (reason !== undefined) child.kill('SIGKILL');
    }, WATCH_MS);
    return { timer, reason: () => reason };
  }

  #message(message: ChildMessage): void {
    if (message.kind === 'progress') {
      this.#tally.add(Object.assign(new Tally(), message.tally));
      this.#next = message.next;
      const rate = Math.round(this.#tally.cases / this.#elapsed());
      const found = [...this.#findings.values()].reduce((sum, { times }) => sum + times, 0);
      this.#log(`${Math.round(this.#elapsed())} s, case ${this.#next}, ${rate} per second, ${found} findings`);
    } else {
      this.#note(message.finding, message.path);
    }
  }

  #note(finding: StoredFinding, path: string | undefined): void {
    const key = `${finding.target} ${finding.rule}`;
    const known = this.#findings.get(key);
    if (known !== undefined) {
      known.times++;
      return;
    }
    this.#findings.set(key, { ...finding, path, times: 1 });
    this.#log(
      `FINDING ${key}: ${finding.message.slice(0, 400)} (seed ${finding.seed}, case ${finding.case}, ${finding.base})`,
    );
  }

  async #lost(number: number, rule: string, errors: string): Promise<void> {
    this.#corpus ??= await loadCorpus(this.#options.folders);
    const fuzzed = makeCase(this.#options.seed, number, this.#corpus);
    const finding = describeFinding(fuzzed, { target: 'process', rule, message: errors });
    this.#note(finding, storeFinding(this.#options.output, finding, fuzzed.bytes));
  }

  #summary(): FuzzSummary {
    const seconds = this.#elapsed();
    const { cases, targets, states, codes, largestAllocation } = this.#tally;
    return {
      seed: this.#options.seed,
      cases,
      next_case: this.#next,
      seconds: Math.round(seconds * 10) / 10,
      cases_per_second: Math.round(cases / seconds),
      targets,
      states,
      codes,
      codes_not_met: this.#tally.missing(),
      largest_allocation: largestAllocation,
      peak_rss_mib: Math.round(this.#peak),
      findings: [...this.#findings.values()],
    };
  }
}

const readPlace = (place: string): string => {
  try {
    return readFileSync(place, 'utf8').trim();
  } catch {
    return '';
  }
};
