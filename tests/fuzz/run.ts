/** Runs cases one after the other, and says which of them broke an invariant. */
import { ERROR_CODES, type ErrorCode } from '../../src/utils/error-codes.js';
import type { Corpus } from './case.js';
import { type FuzzCase, applySteps, caseOf, makeCase } from './case.js';
import { Breach, type CodeCounter, describe } from './invariants.js';
import type { AllocationMeter } from './meter.js';
import { indexed } from './target-indexed.js';
import { legacy } from './target-legacy.js';
import { recover } from './target-recover.js';
import { salvage } from './target-salvage.js';
import { resume } from './target-resume.js';
import { stream } from './target-stream.js';
import { walk } from './target-walk.js';
import { type Target, check } from './targets.js';

/** `verify` always runs: the others are compared with it. */
export const TARGETS: readonly Target[] = [
  { name: 'verify', takes: () => true, run: () => Promise.resolve() },
  indexed,
  stream,
  legacy,
  recover,
  salvage,
  resume,
  walk,
];

export interface Finding {
  readonly target: string;
  readonly rule: string;
  readonly message: string;
  readonly fuzzed: FuzzCase;
}

/** What was done, in figures. */
export class Tally {
  cases = 0;
  /** Cases by target. */
  readonly targets: Record<string, number> = {};
  /** Codes by target. */
  readonly codes: Record<string, Partial<Record<ErrorCode, number>>> = {};
  /** Full checks by state and exit code. */
  readonly states: Record<string, number> = {};
  largestAllocation = 0;

  count(target: string, code: ErrorCode): void {
    const codes = (this.codes[target] ??= {});
    codes[code] = (codes[code] ?? 0) + 1;
  }

  add(other: Tally): void {
    this.cases += other.cases;
    this.largestAllocation = Math.max(this.largestAllocation, other.largestAllocation);
    addAll(this.targets, other.targets);
    addAll(this.states, other.states);
    for (const [target, codes] of Object.entries(other.codes)) {
      addAll((this.codes[target] ??= {}), codes);
    }
  }

  /** Codes that a file can cause and no case has met. */
  missing(): ErrorCode[] {
    const met = new Set(Object.values(this.codes).flatMap((codes) => Object.keys(codes)));
    const all = Object.keys(ERROR_CODES) as ErrorCode[];
    return all.filter((code) => !met.has(code));
  }
}

const addAll = (sum: Record<string, number>, added: Readonly<Record<string, number>>): void => {
  for (const [key, value] of Object.entries(added)) sum[key] = (sum[key] ?? 0) + value;
};

const MIB = 2 ** 20;
/** A pair of two bytes makes a run of 255. */
const MAX_EXPANSION = 128;

export class Runner {
  readonly tally = new Tally();
  readonly corpus: Corpus;
  readonly #targets: readonly Target[];
  readonly #meter: AllocationMeter | undefined;

  constructor(corpus: Corpus, targets: readonly Target[], meter?: AllocationMeter) {
    this.corpus = corpus;
    this.#targets = targets;
    this.#meter = meter;
  }

  /** Runs case `number` of `seed` against every target that takes it: a breach of one does not hide that of another. */
  async run(seed: number, number: number): Promise<readonly Finding[]> {
    let fuzzed: FuzzCase;
    try {
      fuzzed = makeCase(seed, number, this.corpus);
    } catch (error) {
      throw new Error(`Case ${number} of seed ${seed} cannot be made`, { cause: error });
    }
    return this.runCase(fuzzed);
  }

  async runCase(fuzzed: FuzzCase): Promise<readonly Finding[]> {
    this.tally.cases++;
    this.#meter?.take();
    const findings: Finding[] = [];
    const attempt = async <T>(target: string, work: (count: CodeCounter) => Promise<T>): Promise<T | undefined> => {
      try {
        const value = await work((code) => this.tally.count(target, code));
        this.#assertModest(fuzzed, target);
        return value;
      } catch (error) {
        const rule = error instanceof Breach ? error.rule : 'harness';
        findings.push({ target, rule, message: describe(error), fuzzed });
        return undefined;
      }
    };
    const trial = await attempt('verify', (count) => check(fuzzed, count));
    if (trial === undefined) return findings;
    const state = `${trial.report.format} ${trial.report.state} ${trial.report.exit_code}`;
    this.tally.states[state] = (this.tally.states[state] ?? 0) + 1;
    for (const { name, takes, run } of this.#targets) {
      if (!takes(trial)) continue;
      this.tally.targets[name] = (this.tally.targets[name] ?? 0) + 1;
      await attempt(name, (count) => run({ ...trial, count }));
    }
    return findings;
  }

  /** What a file declares is no reason to allocate: memory follows what is there. */
  #assertModest({ bytes }: FuzzCase, target: string): void {
    if (this.#meter === undefined) return;
    const { largest, total } = this.#meter.take();
    this.tally.largestAllocation = Math.max(this.tally.largestAllocation, largest);
    if (largest > MIB + MAX_EXPANSION * bytes.length || total > 64 * MIB + 16 * MAX_EXPANSION * bytes.length) {
      throw new Breach(`${target} allocates`, `${largest} at once, ${total} together, for ${bytes.length} bytes`);
    }
  }
}

/** The same finding with as few steps as it takes, and then in as few bytes. */
export const minimise = async (
  finding: Finding,
  runner: Runner,
  options: { readonly maxRuns?: number; readonly onRun?: (runs: number) => void } = {},
): Promise<{ readonly fuzzed: FuzzCase; readonly bytes: Uint8Array }> => {
  const { maxRuns = 1500, onRun } = options;
  const { corpus } = runner;
  let runs = 0;
  const breaks = async (fuzzed: FuzzCase): Promise<boolean> => {
    runs++;
    onRun?.(runs);
    const found = await runner.runCase(fuzzed);
    return found.some(({ target, rule }) => target === finding.target && rule === finding.rule);
  };
  let { fuzzed } = finding;
  for (let i = 0; i < fuzzed.steps.length && runs < maxRuns;) {
    const shorter = caseOf({ ...fuzzed, steps: fuzzed.steps.filter((_, k) => k !== i) }, corpus);
    if (await breaks(shorter)) fuzzed = shorter;
    else i++;
  }
  // A case of plain bytes: what was mended stays mended, and the base is what it was.
  const withBytes = (bytes: Uint8Array): FuzzCase => ({ ...fuzzed, bytes });
  const chunks = applySteps(fuzzed.base, fuzzed.steps, corpus);
  let parts = chunks.parts;
  const { header, trailing } = chunks.pieces;
  const joined = (list: typeof parts): Uint8Array => {
    chunks.pieces.parts = list;
    chunks.pieces.header = header;
    chunks.pieces.trailing = trailing;
    return chunks.bytes.slice();
  };
  for (let size = Math.max(1, parts.length >> 1); size >= 1 && runs < maxRuns; size >>= 1) {
    for (let i = 0; i < parts.length && runs < maxRuns;) {
      const fewer = [...parts.slice(0, i), ...parts.slice(i + size)];
      if (await breaks(withBytes(joined(fewer)))) parts = fewer;
      else i += size;
    }
  }
  return { fuzzed, bytes: joined(parts) };
};
