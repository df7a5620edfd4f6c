/**
 * Extracts the content of a legacy file, or the part of it between two times, into a sink. Each block must have its CRC,
 * which finds accidents and nothing else; what a file without records once contained, nobody can prove.
 */
import type { ByteSink } from '../container/io/io.js';
import { legacyFrameMicros } from '../container/legacy/legacy-times.js';
import type { LegacyReader } from '../container/legacy/legacy-reader.js';
import { H4Error } from '../utils/error.js';
import { createSha256 } from '../utils/sha256.js';
import { MICROSECONDS } from './durations.js';
import type { Extracted } from './extractor.js';
import { LEGACY_TRACK } from './recording.js';
import { nothingAt } from './track-times.js';

export interface LegacyExtraction {
  /** Times in microseconds. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

export interface LegacyExtractRun {
  readonly signal: AbortSignal;
  /** Called with how much of the file has been read. */
  readonly onProgress: (bytes: number) => void;
}

/** When a block ends. Where META does not say how long blocks last, nothing tells that the last one is over. */
export function endOfBlock({ layout }: LegacyReader, pts: number): number {
  const frameMicros = legacyFrameMicros(layout.meta);
  return frameMicros === undefined ? Infinity : pts + frameMicros;
}

/** Refuses times at which there is nothing, before anything is written. Times never decrease, and a block lasts until the next one. */
async function assertShown(
  reader: LegacyReader,
  { from = -Infinity, to = Infinity }: LegacyExtraction,
  start: number,
  signal: AbortSignal,
): Promise<void> {
  for await (const { pts } of reader.places({ from: start }, signal)) {
    if (pts >= to) break;
    if (pts >= from || endOfBlock(reader, pts) > from) return;
  }
  let extent: { from: number; to: number } | undefined;
  for await (const { pts } of reader.places({}, signal)) {
    const end = endOfBlock(reader, pts);
    extent = { from: extent?.from ?? pts, to: Number.isFinite(end) ? end : pts };
  }
  throw nothingAt(LEGACY_TRACK, extent, MICROSECONDS);
}

/** Writes from the keyframe at or before `from` to the last block that starts before `to`, and commits it. */
export async function extractBlocks(
  reader: LegacyReader,
  { from, to = Infinity }: LegacyExtraction,
  sink: ByteSink,
  { signal, onProgress }: LegacyExtractRun,
): Promise<Extracted> {
  if (from !== undefined && to <= from) throw new H4Error('H4_PARAM', '--to must be later than --from');
  reader.assertDecodable();
  const start = from === undefined ? undefined : await reader.seek(from, signal);
  const frameMicros = legacyFrameMicros(reader.layout.meta) ?? 0;
  if (from !== undefined || to !== Infinity) await assertShown(reader, { from, to }, start?.index ?? 0, signal);
  const hash = createSha256();
  let [bytes, blocks] = [0, 0];
  let [startPts, endPts] = [0, 0];
  for await (const block of reader.blocks({ from: start?.index ?? 0 }, signal)) {
    signal.throwIfAborted();
    // Times never decrease.
    if (block.pts >= to) break;
    if (blocks++ === 0) startPts = block.pts;
    endPts = block.pts + frameMicros;
    hash.update(block.bytes);
    await sink.write(block.bytes);
    bytes += block.raw;
    onProgress(block.offset + block.size);
  }
  await sink.commit();
  const times = blocks === 0 ? { startPts: undefined, endPts: undefined } : { startPts, endPts };
  return { bytes, blocks, sha256: hash.digest(), ...times, matchesSource: null };
}
