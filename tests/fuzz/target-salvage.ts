/** Salvage: a slice of whatever is whole around a damage, and nothing that was not in the file. */
import { salvageRecording } from '../../src/container/recover/salvage.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';
import { WatchedSource, expectThat, refusedOr } from './invariants.js';
import { chunksOf, recordsOf } from './oracle.js';
import type { Target, Trial } from './targets.js';

const MIB = 2 ** 20;

const run = async ({ fuzzed, bytes, report, sound, count, limits }: Trial): Promise<void> => {
  const source = new WatchedSource(bytes);
  source.allow(1024 + 6 * report.records + bytes.length / 64, 300 * MIB + 64 * bytes.length);
  const sink = createMemorySink();
  const outcome = await refusedOr('salvage', () => salvageRecording(source, sink, { limits }), count, ['H4_PARAM']);
  source.assertUsedWell('salvage');
  if ('error' in outcome) return;
  const { value } = outcome;
  const made = sink.bytes();
  const kept = recordsOf(chunksOf(made));
  expectThat(kept.length === value.records, 'salvage: records', () => `${value.records}, not ${kept.length}`);
  expectThat(made.length === value.bytes, 'salvage: bytes', () => `${value.bytes}, not ${made.length}`);
  if (sound !== undefined) {
    expectThat(value.records === value.size, 'salvage: every record', () => `${value.records} of ${value.size}`);
  }
  // Whoever repairs what he has changed may break any rule that one record alone keeps.
  if (fuzzed.repaired || fuzzed.foreign) return;
  const check = await verifyContainer(createMemorySource(made));
  const isBaseSound = (await verifyContainer(createMemorySource(fuzzed.base.bytes))).error_count === 0;
  const text = (): string => `${JSON.stringify(value)} ${JSON.stringify(check).slice(0, 900)}`;
  expectThat(!isBaseSound || check.error_count === 0, 'salvage: output verifies', text);
  expectThat(check.format === 'H4MK v1 slice', 'salvage: is a slice', text);
};

export const salvage: Target = {
  name: 'salvage',
  takes: ({ report }) => report.format === 'H4MK v1 final' || report.format === 'H4MK v1 live',
  run,
};
