/**
 * The short run of the fuzzer: a fixed number of cases of fixed seeds, over the files that every checkout has. The long one is
 * `npm run fuzz`. What broke once stands here for ever, as a seed and a case or as the bytes of the file.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { Corpus, makeCase } from './case.js';
import { ownCorpus } from './corpus.js';
import { Draft } from './draft.js';
import { AllocationMeter } from './meter.js';
import { Random } from './random.js';
import { Runner, TARGETS } from './run.js';

let corpus: Corpus;
beforeAll(async () => {
  corpus = new Corpus(await ownCorpus());
});

describe('the fuzzer', () => {
  it('makes the same case of a seed and a number, whatever was made before', () => {
    const bytesOf = (seed: number, number: number): string =>
      Buffer.from(makeCase(seed, number, corpus).bytes).toString('hex');
    const forward = [0, 1, 2, 3, 4].map((number) => bytesOf(5, number));
    const backward = [4, 3, 2, 1, 0].map((number) => bytesOf(5, number)).reverse();
    expect(backward).toEqual(forward);
    expect(new Set([...forward, bytesOf(6, 0)]).size).toBeGreaterThan(4);
  });

  it('takes files apart and puts them together again, byte for byte', () => {
    const random = new Random(9);
    for (const { bytes, name } of corpus.files) {
      for (const cut of [bytes, bytes.subarray(0, random.below(bytes.length))]) {
        const draft = new Draft(cut);
        expect(draft.parts.length, name).toBeGreaterThanOrEqual(0);
        expect(Buffer.compare(draft.bytes, cut), name).toBe(0);
      }
    }
  });

  it('draws numbers evenly, and others for the next seed', () => {
    const random = new Random(1, 2);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const value = random.below(10);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(900);
    expect(new Random(1, 3).u32()).not.toBe(new Random(1, 2).u32());
  });
});

describe('cases of a fixed seed break nothing', () => {
  it.each(TARGETS.map(({ name }) => name))('%s', async (name) => {
    const meter = new AllocationMeter();
    const runner = new Runner(
      corpus,
      TARGETS.filter((target) => target.name === name),
      meter,
    );
    meter.install();
    try {
      for (let number = 0; number < 120; number++) {
        const findings = await runner.run(1, number);
        expect(findings.map(({ target, rule, message }) => ({ number, target, rule, message }))).toEqual([]);
      }
    } finally {
      meter.uninstall();
    }
    // Cases that all end at the first check would prove little.
    expect(Object.keys(runner.tally.codes['verify'] ?? {}).length).toBeGreaterThan(40);
  });
});
