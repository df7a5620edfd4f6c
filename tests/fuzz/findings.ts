/** Keeps what the fuzzer has found: the file as it was, a smaller one, and how to make it again. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FuzzCase } from './case.js';

export interface StoredFinding {
  readonly target: string;
  readonly rule: string;
  readonly message: string;
  readonly seed: number;
  readonly case: number;
  readonly base: string;
  readonly steps: readonly string[];
}

export const describeFinding = (
  fuzzed: FuzzCase,
  { target, rule, message }: { readonly target: string; readonly rule: string; readonly message: string },
): StoredFinding => ({
  ...{ target, rule, message, seed: fuzzed.seed, case: fuzzed.number, base: fuzzed.base.name },
  steps: fuzzed.steps.map(({ name }) => name),
});

/** Writes the finding into `folder` and gives the path of its description. */
export const storeFinding = (
  folder: string,
  finding: StoredFinding,
  bytes: Uint8Array,
  smaller?: { readonly fuzzed: FuzzCase; readonly bytes: Uint8Array },
): string => {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${finding.target}-${finding.seed}-${finding.case}`);
  writeFileSync(`${path}.h4mk`, bytes);
  if (smaller !== undefined) writeFileSync(`${path}.min.h4mk`, smaller.bytes);
  const minimal = smaller === undefined ? {} : { minimal_steps: smaller.fuzzed.steps.map(({ name }) => name) };
  writeFileSync(`${path}.json`, `${JSON.stringify({ ...finding, ...minimal, bytes: bytes.length }, undefined, 2)}\n`);
  return `${path}.json`;
};
