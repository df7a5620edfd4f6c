/** The readers under test, each with what must hold when it is given a file of any kind. */
import { GeometricReferenceCompressor } from '../../src/compression/reference.js';
import { createEngineSet } from '../../src/compression/api/engine-set.js';
import { storedEngine } from '../../src/compression/api/stored.js';
import { type VerificationReport, verifyContainer } from '../../src/container/check/verify.js';
import type { Limits } from '../../src/container/format/limits.js';
import type { FuzzCase } from './case.js';
import {
  Breach,
  type CodeCounter,
  WatchedSource,
  checkReport,
  checkSoundRecording,
  describe,
  expectThat,
} from './invariants.js';
import type { OracleRecord } from './oracle.js';
import type { Random } from './random.js';

/** A case under way: what one target has found out serves the next. */
export interface Trial {
  readonly fuzzed: FuzzCase;
  readonly bytes: Uint8Array;
  /** The report of the full check. */
  readonly report: VerificationReport;
  /** Its records, found the slow way; only where the check has found no error and the file is a recording. */
  readonly sound: readonly OracleRecord[] | undefined;
  readonly count: CodeCounter;
  /** The same for all readers of a case; mostly the default ones. */
  readonly limits: Partial<Limits>;
}

export interface Target {
  readonly name: string;
  /** Whether it can be given this file. */
  readonly takes: (trial: Trial) => boolean;
  readonly run: (trial: Trial) => Promise<void>;
}

export const engines = createEngineSet([storedEngine, new GeometricReferenceCompressor()]);

const MIB = 2 ** 20;

/** The full check of a file: every other target is compared with it. */
export const check = async (fuzzed: FuzzCase, count: CodeCounter): Promise<Trial> => {
  const { bytes } = fuzzed;
  const limits = drawLimits(fuzzed.random.fork(0));
  const report = await verified(bytes, limits);
  checkReport(report, bytes.length, count);
  expectThat(report.bytes === bytes.length, 'bytes of report', () => `${report.bytes} of ${bytes.length}`);
  const isRecording =
    report.error_count === 0 && report.format.startsWith('H4MK v1') && report.format !== 'H4MK v1 legacy';
  const sound = isRecording ? checkSoundRecording(bytes, report) : undefined;
  await checkUnmended(fuzzed, report);
  return { fuzzed, bytes, report, sound, count, limits };
};

/** Low enough that files of the corpus exceed them. */
const drawLimits = (random: Random): Partial<Limits> => {
  if (!random.chance(0.08)) return {};
  const low: Limits = {
    maxChunkBytes: random.pick([0, 100, 300, 4096]),
    maxMetaBytes: random.pick([0, 100, 400]),
    maxJsonDepth: random.pick([0, 1, 2, 3, 4]),
    maxTokens: random.pick([0, 1, 3]),
    maxBlockBytes: random.pick([0, 8, 100, 300]),
    maxNotes: random.below(3),
    maxNoteLines: random.below(3),
    maxTileLevel: random.below(2),
    maxRecords: random.pick([0, 1, 3, 10, 300]),
    maxReport: random.below(4),
  };
  const names = Object.keys(low) as (keyof Limits)[];
  const chosen = names.filter(() => random.chance(0.15));
  return Object.fromEntries(chosen.map((name) => [name, low[name]]));
};

const verified = async (bytes: Uint8Array, limits: Partial<Limits> = {}): Promise<VerificationReport> => {
  const source = new WatchedSource(bytes);
  source.allow(6 + Math.ceil(bytes.length / MIB), 2 * bytes.length + 1024);
  try {
    return await verifyContainer(source, { limits });
  } catch (error) {
    throw new Breach('verify throws', describe(error), error);
  } finally {
    source.assertUsedWell('verify');
  }
};

/**
 * A file that was changed and not mended is not sound, unless what was changed stands behind VERI or was never reached by it.
 * With exit code 0 everything up to VERI must be what the writer wrote.
 */
const checkUnmended = async (
  { base, bytes, repaired, foreign }: FuzzCase,
  report: VerificationReport,
): Promise<void> => {
  if (report.exit_code !== 0 || repaired || foreign) return;
  const original = await verified(base.bytes);
  if (original.exit_code !== 0) return;
  const same = Math.min(bytes.length, base.bytes.length);
  let at = 0;
  while (at < same && bytes[at] === base.bytes[at]) at++;
  const veri = Buffer.from(base.bytes).lastIndexOf('VERI', undefined, 'latin1');
  const isChanged =
    report.format === 'H4MK v1 legacy' ? at < Math.max(bytes.length, base.bytes.length) : at < veri + 44;
  expectThat(!isChanged, 'sound though changed', () => `byte ${at} of ${base.name}`);
};
