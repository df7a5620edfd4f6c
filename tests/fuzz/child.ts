/**
 * The process that runs the cases. It writes down which case it is at before it begins it: when it hangs or dies, its parent
 * knows why, and goes on with the next one.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { Corpus } from './case.js';
import { SHARED_FOLDERS, filesOf, ownCorpus } from './corpus.js';
import { type StoredFinding, describeFinding, storeFinding } from './findings.js';
import { AllocationMeter } from './meter.js';
import { Runner, TARGETS, Tally, minimise } from './run.js';
import type { Target } from './targets.js';

export interface ChildOrders {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly seconds: number;
  readonly targets: readonly string[];
  readonly folders: readonly string[];
  readonly output: string;
  /** A file for the number of the case at hand. */
  readonly place: string;
  /** Findings of one rule beyond this many are only counted. */
  readonly keepPerRule: number;
}

export type ChildMessage =
  | { readonly kind: 'progress'; readonly tally: Tally; readonly next: number }
  | { readonly kind: 'finding'; readonly finding: StoredFinding; readonly path: string | undefined };

const REPORT_EVERY_MS = 2000;

export const loadCorpus = async (folders: readonly string[]): Promise<Corpus> =>
  new Corpus([...(await ownCorpus()), ...[...SHARED_FOLDERS, ...folders].flatMap(filesOf)]);

/** Cases `[from, to)`, for as long as there is time. */
export const runOrders = async (orders: ChildOrders, send: (message: ChildMessage) => void): Promise<void> => {
  const { seed, from, to, seconds, targets, output } = orders;
  const corpus = await loadCorpus(orders.folders);
  const meter = new AllocationMeter();
  meter.install();
  const chosen = TARGETS.filter(({ name }) => targets.length === 0 || targets.includes(name));
  const runner = new Runner(corpus, chosen, meter);
  const place = openSync(orders.place, 'w');
  /** The parent takes it for a sign of life whenever this changes. */
  const at = (current: number, runs: number): void => {
    writeSync(place, `${current} ${runs}`.padEnd(32), 0);
  };
  const only = (target: string): readonly Target[] => chosen.filter(({ name }) => name === target);
  const seen = new Map<string, number>();
  const started = performance.now();
  let reported = started;
  let sent = new Tally();
  let number = from;
  const report = (): void => {
    send({ kind: 'progress', tally: difference(runner.tally, sent), next: number });
    sent = copy(runner.tally);
  };
  while (number < to && performance.now() - started < seconds * 1000) {
    at(number, 0);
    for (const finding of await runner.run(seed, number)) {
      const key = `${finding.target} ${finding.rule}`;
      const times = (seen.get(key) ?? 0) + 1;
      seen.set(key, times);
      const stored = describeFinding(finding.fuzzed, finding);
      const keep = times <= orders.keepPerRule;
      const smaller = keep
        ? await minimise(finding, new Runner(corpus, only(finding.target), meter), {
            onRun: (runs) => at(number, runs),
          })
        : undefined;
      const path = keep ? storeFinding(output, stored, finding.fuzzed.bytes, smaller) : undefined;
      send({ kind: 'finding', finding: stored, path });
    }
    number++;
    if (performance.now() - reported > REPORT_EVERY_MS) {
      reported = performance.now();
      report();
    }
  }
  report();
  closeSync(place);
};

const copy = (tally: Tally): Tally => {
  const made = new Tally();
  made.add(tally);
  return made;
};

const subtract = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(a).map(([key, value]) => [key, value - (b[key] ?? 0)]));

const difference = (now: Tally, before: Tally): Tally => {
  const made = new Tally();
  made.cases = now.cases - before.cases;
  made.largestAllocation = now.largestAllocation;
  Object.assign(made.targets, subtract(now.targets, before.targets));
  Object.assign(made.states, subtract(now.states, before.states));
  for (const [target, codes] of Object.entries(now.codes)) {
    made.codes[target] = subtract(codes, before.codes[target] ?? {});
  }
  return made;
};
