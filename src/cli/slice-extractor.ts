/**
 * Extracts what a clip carries of a track: the same bytes as in the recording, with gaps where the clip has them. Which bytes
 * and which times they are is told beside them, because nothing in the bytes themselves does.
 */
import type { ByteSink } from '../container/io/io.js';
import { isHiddenMode } from '../container/format/layout.js';
import type { SlicePart, SliceRange, SliceReader } from '../container/slice/slice-reader.js';
import { H4Error } from '../utils/error.js';
import { createSha256 } from '../utils/sha256.js';
import { firstPtsAt, formatTime, originalMicros, ptsAt } from './durations.js';
import type { ExtractRun, Extracted, ExtractionRequest } from './extractor.js';

export interface SliceExtraction {
  readonly range: SliceRange;
  readonly parts: readonly SlicePart[];
  /** Whether the clip has all of the track, and all of it is asked for. */
  readonly isWhole: boolean;
  readonly bytes: number;
}

/** Finds what the clip has of the request; refuses with H4_RANGE_NOT_FOUND where that is nothing. */
export function planSliceExtraction(reader: SliceReader, { track, from, to }: ExtractionRequest): SliceExtraction {
  if (from !== undefined && to !== undefined && to <= from) {
    throw new H4Error('H4_PARAM', '--to must be later than --from');
  }
  const range = {
    track,
    ...(from === undefined ? {} : { from: ptsAt(from, reader.info) }),
    ...(to === undefined ? {} : { to: firstPtsAt(to, reader.info) }),
  };
  const parts = reader.parts(range).filter(({ pts }) => range.from === undefined || pts.to > range.from);
  const [first] = parts;
  if (first === undefined) throw nothingOf(reader, track);
  const isWhole = parts.length === 1 && first.bytes.start === 0 && first.bytes.end === lengthOf(reader, track);
  const bytes = parts.reduce((sum, part) => sum + part.bytes.end - part.bytes.start, 0);
  return { range, parts, isWhole, bytes };
}

/** The length of a track as far as the clip shows it: by the totals of the end record, or because it has every record. */
function lengthOf(reader: SliceReader, track: number): number | undefined {
  const { ended, totals } = reader.metas;
  if (totals !== undefined) return totals.find((each) => each.track === track)?.raw;
  return ended && reader.recordCount === reader.treeSize ? reader.parts({ track }).at(-1)?.bytes.end : undefined;
}

function nothingOf(reader: SliceReader, track: number): H4Error {
  const spans = reader.parts({ track }).map(({ pts }) => `${timeAt(reader, pts.from)} to ${timeAt(reader, pts.to)}`);
  const message =
    spans.length === 0
      ? `The clip holds nothing of track ${track}`
      : `The clip holds nothing of track ${track} at that time: it has ${spans.slice(0, 8).join(', ')}`;
  return new H4Error('H4_RANGE_NOT_FOUND', message, { detail: { not_in: 'clip' } });
}

const timeAt = ({ info }: SliceReader, pts: number): string => formatTime(originalMicros(pts, info));

/** Writes what was planned and commits it. Aborting a sink after a failure is up to its owner. */
export async function extractSlice(
  reader: SliceReader,
  { range, parts }: SliceExtraction,
  sink: ByteSink,
  { signal, onProgress }: ExtractRun,
): Promise<Extracted> {
  const hash = createSha256();
  const [first, last] = [parts[0], parts.at(-1)];
  let [bytes, blocks, hiddenBlocks] = [0, 0, 0];
  for await (const block of reader.blocks(range, signal)) {
    signal.throwIfAborted();
    const { seq, mode } = block.tokn;
    if (!parts.some(({ seqs }) => seqs.first <= seq && seq < seqs.end)) continue;
    hash.update(block.bytes);
    await sink.write(block.bytes);
    bytes += block.bytes.length;
    blocks++;
    if (isHiddenMode(mode)) hiddenBlocks++;
    onProgress(bytes);
  }
  await sink.commit();
  const [startPts, endPts] = [first?.pts.from, last?.pts.to];
  return { bytes, blocks, hiddenBlocks, sha256: hash.digest(), startPts, endPts, matchesSource: null };
}
