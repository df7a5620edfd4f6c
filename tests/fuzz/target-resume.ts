/** Going on behind what is whole: the result is a recording like one that was never interrupted, or going on is refused. */
import { H4MKBuilder } from '../../src/container/write/builder.js';
import { assertResumable, readResumption } from '../../src/container/recover/recover.js';
import { scanRecording } from '../../src/container/recover/recovery-scan.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';
import { WatchedSource, expectThat, refusedOr } from './invariants.js';
import { chunksOf, recordsOf } from './oracle.js';
import { type Target, type Trial, engines } from './targets.js';

const MIB = 2 ** 20;
/** A legacy file or a slice is no recording at all, and nothing follows an end record. */
const NOT_FOR_RESUMING = ['H4_PARAM', 'H4_AFTER_END'] as const;

const run = async ({ bytes, count, fuzzed }: Trial): Promise<void> => {
  const random = fuzzed.random.fork(5);
  const source = new WatchedSource(bytes);
  source.allow(256 + bytes.length, 300 * MIB + 8 * bytes.length);
  const sink = createMemorySink();
  const added = random.below(3);
  const outcome = await refusedOr(
    'resume',
    async () => {
      const scan = await scanRecording(source);
      assertResumable(scan, undefined);
      const resumption = await readResumption(source, scan, { copyTo: sink });
      const { info } = resumption.metas;
      const { engine_id = '', fingerprint = '' } = info?.compression ?? {};
      const builder = H4MKBuilder.resume(sink, resumption, engines.find(engine_id, fingerprint));
      const [track] = resumption.metas.tracks;
      let blocks = 0;
      let pts = lastPts(bytes) + 1;
      for (; track !== undefined && blocks < added; blocks++) {
        const block = random.bytes(random.below(40));
        const tokens = [{ pts: pts++, key: random.chance(0.7), size: block.length }];
        await builder.addBlock({ track: track.id, tokens, bytes: block });
        if (random.chance(0.4)) await builder.indexPoint();
      }
      await builder.close();
      return { scan, blocks };
    },
    count,
    NOT_FOR_RESUMING,
  );
  source.assertUsedWell('resume');
  if ('error' in outcome) return;
  const { scan, blocks } = outcome.value;
  const made = sink.bytes();
  const report = await verifyContainer(createMemorySource(made));
  const text = (): string => `${scan.condition} ${scan.end} ${JSON.stringify(report).slice(0, 900)}`;
  expectThat(report.error_count === 0 && report.format === 'H4MK v1 final', 'resumed file verifies', text);
  expectThat(report.records === scan.records + blocks + 1, 'resumed records', text);
  const kept = Buffer.from(bytes.subarray(0, scan.end));
  expectThat(kept.equals(made.subarray(0, scan.end)), 'resumed prefix', text);
};

/** Later than this nothing is; whatever does not fit into a double is refused anyway. */
const lastPts = (bytes: Uint8Array): number =>
  recordsOf(chunksOf(bytes)).reduce((latest, { pts }) => Math.max(latest, Number.isSafeInteger(pts) ? pts : 0), 0);

export const resume: Target = {
  name: 'resume',
  takes: ({ bytes }) => Buffer.from(bytes.subarray(8, 12)).toString('latin1') === 'TOKN',
  run,
};
