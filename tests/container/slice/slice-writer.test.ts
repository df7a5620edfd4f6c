import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { RawRecord } from '../../../src/container/read/record-reader.js';
import { type SlicePlan, SliceWriter } from '../../../src/container/slice/slice-writer.js';
import { LeafHashes, proveRange } from '../../../src/container/tree/tree-hashes.js';
import { parseProf } from '../../../src/container/tree/range-proof.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import {
  AUDIO,
  SIGNABLE_UID,
  VIDEO,
  chunksOf,
  closedRecording,
  interleaved,
  rejection,
} from '../../support/container.js';
import { describeShared } from '../../support/shared.js';
import { type Records, recordsOf, sign, slice } from '../../support/slices.js';

type Run = readonly [first: number, end: number];

const rawOf = ({ pieces }: Records, seq: number): RawRecord => {
  const piece = pieces[seq];
  if (piece === undefined) throw new Error(`There is no record ${seq}`);
  const [tokn, { tag, payload }] = piece;
  return { tokn: parseTokn(tokn.payload), tag, payload };
};

const planOf = async (records: Records, runs: readonly Run[], note?: Uint8Array): Promise<SlicePlan> => {
  const tree = new LeafHashes(concatBytes(...records.leaves));
  const size = records.leaves.length;
  return {
    root: records.root,
    proofs: await Promise.all(runs.map(([first, end]) => proveRange(tree, { first, end, size }))),
    ...(note === undefined ? {} : { notes: [note] }),
  };
};

const seqsOf = (runs: readonly Run[]): number[] => [
  ...new Set([0, ...runs.flatMap(([first, end]) => Array.from({ length: end - first }, (_, i) => first + i))]),
];

const sliced = async (records: Records, runs: readonly Run[], note?: Uint8Array): Promise<Uint8Array> => {
  const sink = createMemorySink();
  const writer = new SliceWriter(sink, await planOf(records, runs, note));
  for (const seq of seqsOf(runs)) await writer.add(rawOf(records, seq));
  const { bytes } = await writer.finish();
  await sink.commit();
  expect(bytes).toBe(sink.bytes().length);
  return sink.bytes();
};

const OPTIONS = { tracks: [VIDEO, AUDIO], uid: SIGNABLE_UID };

const recording = async (): Promise<Records> => recordsOf(await closedRecording(interleaved(40), OPTIONS));

describe('a slice', () => {
  test.each<{ runs: readonly Run[] }>([
    { runs: [[3, 7]] },
    { runs: [[0, 5]] },
    { runs: [[0, 42]] },
    { runs: [[41, 42]] },
    {
      runs: [
        [2, 3],
        [5, 9],
        [40, 42],
      ],
    },
  ])('of the runs $runs is the one that the specification defines, and verifies alone', async ({ runs }) => {
    const records = await recording();
    const file = await sliced(records, runs, sign(records).payload);
    expect(Buffer.compare(file, slice(records, runs))).toBe(0);
    const report = await verifyContainer(createMemorySource(file));
    expect(report.errors).toEqual([]);
    expect([report.format, report.records, report.tree_size]).toEqual(['H4MK v1 slice', seqsOf(runs).length, 42]);
  });

  test('without a signature has none, and is sound', async () => {
    const file = await sliced(await recording(), [[3, 7]]);
    expect(chunksOf(file).map(({ tag }) => tag)).not.toContain('SIGN');
    expect((await verifyContainer(createMemorySource(file))).errors).toEqual([]);
  });
});

describe('the writer of a slice refuses', () => {
  test('a plan without runs', async () => {
    const records = await recording();
    const plan = await planOf(records, []);
    expect(() => new SliceWriter(createMemorySink(), plan)).toThrow('at least one run');
  });

  test.each([
    ['to begin with another record than 0', [3]],
    ['a record that is not the next one', [0, 4]],
    ['a record twice', [0, 3, 3]],
    ['a record beyond its runs', [0, 3, 4, 5, 6, 7]],
  ])('%s', async (_, seqs) => {
    const records = await recording();
    const writer = new SliceWriter(createMemorySink(), await planOf(records, [[3, 7]]));
    const add = async (): Promise<void> => {
      for (const seq of seqs) await writer.add(rawOf(records, seq));
    };
    expect((await rejection(add())).code).toBe('H4_PARAM');
  });

  test('to end before its runs are whole', async () => {
    const records = await recording();
    const writer = new SliceWriter(createMemorySink(), await planOf(records, [[3, 7]]));
    expect((await rejection(writer.finish())).code).toBe('H4_STATE');
    await writer.add(rawOf(records, 0));
    expect((await rejection(writer.finish())).code).toBe('H4_STATE');
  });

  test('records that do not lead to the root', async () => {
    const [records, other] = [await recording(), recordsOf(await closedRecording(interleaved(40, 4), OPTIONS))];
    const writer = new SliceWriter(createMemorySink(), await planOf(records, [[8, 12]]));
    await writer.add(rawOf(records, 0));
    for (const seq of [8, 9, 10]) await writer.add(rawOf(other, seq));
    expect((await rejection(writer.add(rawOf(other, 11)))).code).toBe('H4_PROOF_INVALID');
  });
});

describeShared('the slice among the samples', (shared) => {
  const read = (name: string): Uint8Array => Uint8Array.from(readFileSync(`${shared}/samples/${name}.h4mk`));

  test('is cut from its recording byte for byte', async () => {
    const sample = read('slice');
    const runs = chunksOf(sample).flatMap(({ tag, payload }): Run[] => {
      if (tag !== 'PROF') return [];
      const { first, count } = parseProf(payload);
      return [[first, first + count]];
    });
    const note = chunksOf(sample).find(({ tag }) => tag === 'SIGN')?.payload;
    const size = parseProf(chunksOf(sample).find(({ tag }) => tag === 'PROF')?.payload ?? new Uint8Array()).size;
    const all = recordsOf(read('tiles'));
    const signedPart = { ...all, leaves: all.leaves.slice(0, size), root: all.rootAt(size) };
    expect(Buffer.compare(await sliced(signedPart, runs, note), sample)).toBe(0);
  });
});
