/** Files from before the record format: what is handed out is what the blocks say, or an error is. */
import { legacyEngine } from '../../src/compression/legacy.js';
import { LegacyReader } from '../../src/container/legacy/legacy-reader.js';
import { Breach, WatchedSource, expectThat, refusedOr } from './invariants.js';
import { type OracleChunk, chunkAt, chunksOf, expandPairs, legacyUnmasked } from './oracle.js';
import type { Target, Trial } from './targets.js';

/** Any key fits a masked file: nothing in it tells which is the right one. */
const MASTER = new Uint8Array(32).map((_, i) => i);
const WINDOW = 64 * 1024;

const run = async ({ bytes, report, count, fuzzed, limits }: Trial): Promise<void> => {
  const random = fuzzed.random.fork(3);
  const source = new WatchedSource(bytes);
  const isSound = report.error_count === 0;
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    source.allow(64 + Math.ceil(bytes.length / 12), 64 * WINDOW + 64 * bytes.length);
    const outcome = await refusedOr(`legacy ${what}`, work, count);
    source.assertUsedWell(`legacy ${what}`);
    if ('value' in outcome) return outcome.value;
    const { code, message } = outcome.error;
    // What cannot be decoded is a warning of the check, everything else an error. Where a block is broken, or a chunk stands
    // twice, the two may name different faults of the file.
    const known = [...report.errors, ...report.warnings].some((finding) => finding.code === code);
    if (!known && report.error_count === 0)
      throw new Breach(`legacy ${what} refuses`, `${code}, which the check does not find: ${message}`);
    if (isSound && what === 'open') throw new Breach('legacy open refuses a sound file', `${code}: ${message}`);
    return undefined;
  };
  const masterKey = random.chance(0.9) ? { masterKey: MASTER } : {};
  const reader = await attempt('open', () => LegacyReader.open(source, { decode: legacyEngine, limits, ...masterKey }));
  if (reader === undefined) return;
  const { isMasked } = reader.layout.meta;
  const cores = chunksOf(bytes).filter(({ tag }) => tag === 'CORE');
  expectThat(reader.blockCount === cores.length, 'legacy blocks', () => `${reader.blockCount}, not ${cores.length}`);

  // Unmasking the slow way is the most expensive thing here, and each block is asked for more than once.
  const contents = new Map<number, Buffer | undefined>();
  const contentOf = (core: OracleChunk | undefined, index: number): Buffer | undefined => {
    if (contents.has(index)) return contents.get(index);
    const block = core?.crcOk === true ? expandPairs(core.payload) : undefined;
    const content = block !== undefined && isMasked ? legacyUnmasked(block, index, MASTER) : block;
    contents.set(index, content);
    return content;
  };
  for (let i = 0; i < 6 && reader.blockCount > 0; i++) {
    const index = random.below(reader.blockCount);
    const block = await attempt('block', () => reader.block(index));
    if (block === undefined) continue;
    expectThat(contentOf(cores[index], index)?.equals(block) === true, 'legacy block content', () => `block ${index}`);
  }
  let pos = 0;
  let blocks = 0;
  await attempt('blocks', async () => {
    for await (const block of reader.blocks()) {
      const core = chunkAt(bytes, block.offset);
      expectThat(
        core?.offset === cores[blocks]?.offset && block.index === blocks,
        'legacy order',
        () => `${block.index}`,
      );
      expectThat(contentOf(core, blocks)?.equals(block.bytes) === true, 'legacy content', () => `block ${blocks}`);
      expectThat(
        block.pos === pos && block.raw === block.bytes.length,
        'legacy place',
        () => `${block.pos}, not ${pos}`,
      );
      expectThat(Number.isSafeInteger(block.pts), 'legacy time', () => `block ${blocks} at ${block.pts}`);
      pos += block.raw;
      blocks++;
    }
  });
  const length = await attempt('length', () => reader.contentLength());
  if (length !== undefined && blocks === cores.length)
    expectThat(length === pos, 'legacy length', () => `${length}, not ${pos}`);
  for (let i = 0; i < 4; i++) {
    const pts = random.pick([0, 1, 39_999, 40_000, 80_000, 2 ** 40, Infinity, -1]);
    const key = await attempt('seek', () => reader.seek(pts));
    if (key !== undefined) expectThat(key.pts <= pts, 'legacy seek', () => `${key.pts} for ${pts}`);
  }
};

export const legacy: Target = {
  name: 'legacy',
  takes: ({ bytes }) => bytes.length >= 20 && Buffer.from(bytes.subarray(8, 12)).toString('latin1') !== 'TOKN',
  run,
};
