/** Recovery: what is whole comes back and nothing else, and nothing is cut off that a later chunk says was there. */
import { recoverRecording } from '../../src/container/recover/recover.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';
import { Breach, WatchedSource, expectThat, refusedOr } from './invariants.js';
import { chunkAt, chunksOf, leafOf, recordsOf } from './oracle.js';
import type { Target, Trial } from './targets.js';

const MIB = 2 ** 20;
/** Legacy files and slices are refused as something that recovery is not for: a mistake of the caller. */
const NOT_FOR_RECOVERY = ['H4_PARAM'] as const;

const run = async (trial: Trial): Promise<void> => {
  const whole = await recovered(trial, false);
  const { report } = trial;
  if (whole === undefined) {
    // A recording that breaks no rule and was neither cut off nor closed in a way that no writer does has nothing that could
    // stand in the way.
    const isRecording = report.format === 'H4MK v1 final' || report.format === 'H4MK v1 live';
    const isUnfinished = report.warnings.some(({ code }) => code === 'H4_TRUNCATED' || code === 'H4_TAIL_MISSING');
    if (trial.sound !== undefined && isRecording && !isUnfinished)
      throw new Breach('recover refuses a sound file', report.format);
    await recovered(trial, true);
  }
};

/** The recovered file, after it has been compared with what it came from; undefined where recovery was refused. */
const recovered = async ({ bytes, report, count, limits }: Trial, cut: boolean): Promise<Uint8Array | undefined> => {
  const what = cut ? 'recover with cut' : 'recover';
  const source = new WatchedSource(bytes);
  source.allow(256 + bytes.length, 300 * MIB + 8 * bytes.length);
  const sink = createMemorySink();
  const outcome = await refusedOr(what, () => recoverRecording(source, sink, { cut, limits }), count, NOT_FOR_RECOVERY);
  source.assertUsedWell(what);
  if ('error' in outcome) {
    const { code, detail } = outcome.error;
    // Where not even record 0 is whole there is nothing before the damage.
    expectThat(
      !cut || code !== 'H4_INNER_DAMAGE' || detail['records'] === 0,
      'recover with cut refuses damage',
      () => outcome.error.message,
    );
    return undefined;
  }
  const { value } = outcome;
  const made = sink.bytes();
  expectThat(made.length === value.bytes, `${what}: bytes`, () => `${value.bytes}, not ${made.length}`);
  expectThat(
    value.end <= bytes.length && value.end <= made.length,
    `${what}: end`,
    () => `${value.end} of ${bytes.length}`,
  );
  const kept = Buffer.from(bytes.subarray(0, value.end));
  expectThat(kept.equals(made.subarray(0, value.end)), `${what}: prefix`, () => `the first ${value.end} bytes differ`);

  const check = await verifyContainer(createMemorySource(made));
  const text = (): string => `${JSON.stringify(value.condition)} ${value.end} ${JSON.stringify(check).slice(0, 900)}`;
  expectThat(check.error_count === 0, `${what}: output verifies`, text);
  expectThat(check.records === value.records, `${what}: records`, text);
  expectThat(value.isClosed === (check.format === 'H4MK v1 final'), `${what}: closed`, text);
  const lost = check.warnings.filter(({ code }) =>
    ['H4_TRUNCATED', 'H4_TOKN_NO_PAYLOAD', 'H4_TAIL_MISSING'].includes(code),
  );
  expectThat(lost.length === 0, `${what}: output is whole`, text);
  if (report.error_count === 0) {
    expectThat(
      check.records === report.records,
      `${what}: every record`,
      () => `${check.records} of ${report.records}`,
    );
    expectThat(report.format !== 'H4MK v1 final' || value.isClosed, `${what}: keeps the close`, text);
  }
  expectThat(!cut || value.condition === 'damaged' || value.damage === undefined, `${what}: condition`, text);
  if (value.damage === undefined) expectNothingLater(bytes, value.end, value.records, what);
  return made;
};

/** No TAIL and no SIGN of the recording stands in what was thrown away. */
const expectNothingLater = (bytes: Uint8Array, end: number, records: number, what: string): void => {
  const all = Buffer.from(bytes);
  const [first] = recordsOf(chunksOf(bytes));
  const fileId = first === undefined ? '' : leafOf(first).toString('hex');
  for (const tag of ['TAIL', 'SIGN']) {
    for (let at = all.indexOf(tag, end, 'latin1'); at >= 0; at = all.indexOf(tag, at + 1, 'latin1')) {
      const chunk = chunkAt(bytes, at);
      if (chunk?.crcOk !== true) continue;
      // One that cannot be read shows all the same that the recording went on (section 14: size, CRC, position).
      const isTail =
        tag === 'TAIL' &&
        chunk.payload.length === 160 &&
        chunk.payload.readBigUInt64BE(0) === BigInt(at) &&
        (!isReadable(chunk.payload) || chunk.payload.readBigUInt64BE(16) >= BigInt(records));
      const isSign = tag === 'SIGN' && isCheckpointOf(fileId, chunk.payload.toString('utf8'));
      if (isTail) throw new Breach(`${what}: cuts before a TAIL`, `cut at ${end}, TAIL at ${at}`);
      if (isSign) throw new Breach(`${what}: cuts before a SIGN`, `cut at ${end}, SIGN at ${at}`);
    }
  }
};

/** Every field of a TAIL is one that this reader can hold. */
const isReadable = (tail: Buffer): boolean =>
  [...Array(16).keys()].every((i) => i === 1 || tail.readBigUInt64BE(8 * i) < 2n ** 53n) &&
  tail.subarray(9, 16).every((byte) => byte === 0);

/** A well-formed note with one signature, over a checkpoint of this file. */
const isCheckpointOf = (fileId: string, note: string): boolean =>
  /^[^\n/]+\/([0-9a-f]{64})\n[1-9]\d{0,14}\n[A-Za-z0-9+/]{43}=\n\n\u2014 \S+ [A-Za-z0-9+/]{88}\n$/.exec(note)?.[1] ===
  fileId;

export const recover: Target = { name: 'recover', takes: () => true, run };
