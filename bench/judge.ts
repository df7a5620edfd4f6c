/** Turns what was measured into what is reported: speeds, ratios, and whether targets are met. */

import type { Outcome } from './contest.js';
import type { Section, Target } from './sections.js';
import { median, type Ratio, speedRatio } from './statistics.js';
import type { Counts } from './task.js';

/** Resident, whatever the length of the file. */
const MAX_PEAK_BYTES = 150e6;

export interface Line {
  readonly contender: string;
  readonly medianSeconds: number;
  /** Of each round. */
  readonly seconds: readonly number[];
  readonly megabytesPerSecond?: number;
  readonly microsPerOperation?: number;
  /** By heading of the reference. */
  readonly ratios: Readonly<Record<string, Ratio>>;
  /** How many cores it kept busy. */
  readonly cores?: number;
  readonly peakBytes?: number;
  readonly counts: Counts;
}

export interface Verdict {
  readonly target: string;
  readonly found: number;
  readonly pass: boolean;
}

export interface Report {
  readonly section: string;
  readonly title: string;
  readonly note: string;
  readonly bytes?: number;
  readonly operations?: number;
  readonly lines: readonly Line[];
  readonly verdicts: readonly Verdict[];
}

export function judge(section: Section, outcomes: ReadonlyMap<string, Outcome>): Report {
  const { id, title, note, bytes, operations } = section;
  const references = section.references.map(({ heading, contender }) => ({
    heading,
    seconds: outcomeOf(outcomes, contender).seconds,
  }));
  const lines = section.contenders.map(({ name, kind }): Line => {
    const { seconds, cpuSeconds, peakBytes, counts } = outcomeOf(outcomes, name);
    const medianSeconds = median(seconds);
    return {
      contender: name,
      medianSeconds,
      seconds,
      ...(bytes === undefined ? {} : { megabytesPerSecond: bytes / 1e6 / medianSeconds }),
      ...(operations === undefined ? {} : { microsPerOperation: (medianSeconds * 1e6) / operations }),
      ratios: Object.fromEntries(references.map((at) => [at.heading, speedRatio(seconds, at.seconds)])),
      ...(kind === 'external' ? {} : { cores: cpuSeconds / medianSeconds, peakBytes }),
      counts,
    };
  });
  const verdicts = [...section.targets.map((target) => verdictOf(target, lines)), memoryVerdict(section, lines)];
  return {
    ...{ section: id, title, note, lines, verdicts },
    ...(bytes === undefined ? {} : { bytes }),
    ...(operations === undefined ? {} : { operations }),
  };
}

function verdictOf(target: Target, lines: readonly Line[]): Verdict {
  const line = lines.find(({ contender }) => contender === target.contender);
  switch (target.kind) {
    case 'ratio': {
      const found = line?.ratios[target.to]?.median ?? NaN;
      const text = `${target.contender} at least ${target.atLeast} x ${target.to}`;
      return { target: text, found, pass: found >= target.atLeast };
    }
    case 'count': {
      const found = line?.counts[target.count] ?? NaN;
      return { target: `${target.count} at most ${target.atMost}`, found, pass: found <= target.atMost };
    }
  }
}

function memoryVerdict({ contenders }: Section, lines: readonly Line[]): Verdict {
  const ours = new Set(contenders.filter(({ kind }) => kind === 'ours').map(({ name }) => name));
  const peaks = lines.filter(({ contender }) => ours.has(contender)).map(({ peakBytes = NaN }) => peakBytes);
  const found = Math.max(...peaks);
  const text = `peak memory of ours, MB, at most ${MAX_PEAK_BYTES / 1e6}`;
  return { target: text, found: found / 1e6, pass: found <= MAX_PEAK_BYTES };
}

function outcomeOf(outcomes: ReadonlyMap<string, Outcome>, name: string): Outcome {
  const outcome = outcomes.get(name);
  if (outcome === undefined) {
    throw new Error(`There is no contender ${name}`);
  }
  return outcome;
}
