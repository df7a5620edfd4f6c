/** Contenders take turns, each in a process of its own: A B C, then C B A, so that what drifts meets them alike. */

import { type ChildProcess, fork } from 'node:child_process';
import type { Repetition, Reply, Request } from './child.js';
import { isQuiet, waitForQuiet, watchCores } from './quiet.js';
import { median } from './statistics.js';
import type { Counts, TaskSpec } from './task.js';

export interface Outcome {
  /** Of each round, in order. */
  readonly seconds: readonly number[];
  /** Median, of all threads of the contender's process; other processes that it starts are not in it. */
  readonly cpuSeconds: number;
  readonly counts: Counts;
  /** Of the first repetition, warm-ups included: later ones begin with what the ones before have left to collect. */
  readonly peakBytes: number;
}

export interface ContestOptions {
  readonly rounds: number;
  /** Rounds before those that count. */
  readonly warmUps: number;
  /** Wait for quiet before each repetition, and repeat one that was disturbed. */
  readonly isPatient: boolean;
}

/** Patience has an end: three attempts, a minute before each. */
const MAX_ATTEMPTS = 3;
const MAX_WAIT_SECONDS = 60;

/** Runs the tasks and checks what they did; an outcome for each, by its name. */
export async function contest(
  tasks: ReadonlyMap<string, TaskSpec>,
  { rounds, warmUps, isPatient }: ContestOptions,
): Promise<ReadonlyMap<string, Outcome>> {
  const contenders = Array.from(tasks, ([name, spec]) => new Contender(name, spec));
  try {
    for (let round = 0; round < warmUps; round++) {
      for (const contender of contenders) {
        await contender.repeat();
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
        contender.keep(await (isPatient ? undisturbed(contender) : contender.repeat()));
      }
    }
    const outcomes = new Map<string, Outcome>();
    for (const contender of contenders) {
      outcomes.set(contender.name, await contender.finish());
    }
    return outcomes;
  } finally {
    for (const contender of contenders) {
      contender.stop();
    }
  }
}

/** A repetition during which nobody else had the cores for long; after the last attempt, the last one. */
async function undisturbed(contender: Contender): Promise<Repetition> {
  for (let attempt = 1; ; attempt++) {
    await waitForQuiet(MAX_WAIT_SECONDS);
    const busyCores = watchCores();
    const repetition = await contender.repeat();
    // What a contender starts besides, openssl, has one thread and waits for nothing.
    const own = Math.max(repetition.cpuSeconds / repetition.seconds, contender.startsOther ? 1 : 0);
    if (attempt === MAX_ATTEMPTS || isQuiet(busyCores() - own)) {
      return repetition;
    }
  }
}

class Contender {
  readonly name: string;
  /** Whether it leaves the work to another process. */
  readonly startsOther: boolean;
  readonly #process: ChildProcess;
  readonly #rounds: Repetition[] = [];
  #first: Repetition | undefined;

  constructor(name: string, spec: TaskSpec) {
    this.name = name;
    this.startsOther = spec.kind === 'verify' && spec.verifier === 'openssl';
    this.#process = fork(new URL('./child.js', import.meta.url), [JSON.stringify(spec)]);
  }

  async repeat(): Promise<Repetition> {
    const reply = await this.#ask('run');
    if (reply.kind !== 'done') {
      throw new Error(`${this.name} answers out of turn`);
    }
    this.#first ??= reply;
    return reply;
  }

  keep(repetition: Repetition): void {
    this.#rounds.push(repetition);
  }

  async finish(): Promise<Outcome> {
    await this.#ask('finish');
    const last = this.#rounds.at(-1);
    if (this.#first === undefined || last === undefined) {
      throw new Error(`${this.name} has no result`);
    }
    return {
      seconds: this.#rounds.map(({ seconds }) => seconds),
      cpuSeconds: median(this.#rounds.map(({ cpuSeconds }) => cpuSeconds)),
      counts: last.counts,
      peakBytes: this.#first.peakBytes,
    };
  }

  stop(): void {
    this.#process.kill();
  }

  #ask(request: Request): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        reject(new Error(`${this.name} ended with ${signal ?? `exit code ${code}`}`));
      };
      this.#process.once('exit', onExit);
      this.#process.once('message', (reply: Reply) => {
        this.#process.off('exit', onExit);
        if (reply.kind === 'failed') {
          reject(new Error(`${this.name}: ${reply.message}`));
        } else {
          resolve(reply);
        }
      });
      this.#process.send(request);
    });
  }
}
