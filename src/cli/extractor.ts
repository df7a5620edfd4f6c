/**
 * Extracts the raw stream of a track, or the part of it between two times, into a sink. The reader compares every payload
 * with its record's commitment before it is decoded; here it is compared that no block is missing in between, and a whole
 * track with what the recording says about it. What does not agree is never committed.
 */
import type { ByteSink } from '../container/io/io.js';
import { isHiddenMode } from '../container/format/layout.js';
import type { H4MKReader } from '../container/read/reader.js';
import type { LocatedHead } from '../container/read/record-reader.js';
import { fromHex, equalBytes } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import { createSha256 } from '../utils/sha256.js';
import { firstPtsAt, ptsAt } from './durations.js';
import { spanOf } from './inspect/summary.js';

export interface ExtractionRequest {
  readonly track: number;
  /** Original times in microseconds. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

export interface Extraction {
  readonly track: number;
  /** Records `[first, end)`; those of other tracks are passed over. */
  readonly first: number;
  readonly end: number;
  /** Whether it is the whole track of a closed recording. */
  readonly isWhole: boolean;
  /** Where it begins in the raw stream of the track, and how many bytes it will be as far as the index tells. */
  readonly startByte: number;
  readonly bytes: number;
}

export interface Extracted {
  readonly bytes: number;
  readonly blocks: number;
  /** How many of them were masked or encrypted. */
  readonly hiddenBlocks?: number;
  readonly sha256: Uint8Array;
  readonly startPts: number | undefined;
  readonly endPts: number | undefined;
  /** Whether the bytes are those of the source that the end record names; null where that cannot be said. */
  readonly matchesSource: true | null;
}

/** Finds the records that belong to the request. */
export async function planExtraction(
  reader: H4MKReader,
  { track, from, to }: ExtractionRequest,
  signal: AbortSignal,
): Promise<Extraction> {
  if (from !== undefined && to !== undefined && to <= from) {
    throw new H4Error('H4_PARAM', '--to must be later than --from');
  }
  const start = from === undefined ? undefined : await seekAt(reader, track, ptsAt(from, reader.info), signal);
  const last = to === undefined ? undefined : await lastBefore(reader, track, firstPtsAt(to, reader.info), signal);
  const startByte = start?.pos ?? 0;
  const endByte = to === undefined ? await reader.trackLength(track, signal) : (last?.pos ?? 0) + (last?.raw ?? 0);
  return {
    track,
    first: start?.seq ?? 0,
    end: to === undefined ? reader.recordCount : (last?.seq ?? -1) + 1,
    isWhole: from === undefined && to === undefined && reader.isClosed,
    startByte,
    bytes: Math.max(0, endByte - startByte),
  };
}

async function seekAt(
  reader: H4MKReader,
  track: number,
  pts: number,
  signal: AbortSignal,
): Promise<LocatedHead | undefined> {
  return pts < 0 ? undefined : reader.seek(Math.min(pts, Number.MAX_SAFE_INTEGER), { track, signal });
}

/**
 * The last record of `track` that starts before `pts`. Blocks stand in decode order, so that later ones may start earlier;
 * but none after the next keyframe starts before it.
 */
async function lastBefore(
  reader: H4MKReader,
  track: number,
  pts: number,
  signal: AbortSignal,
): Promise<LocatedHead | undefined> {
  let last = await seekAt(reader, track, pts - 1, signal);
  if (last === undefined) return undefined;
  for await (const head of reader.heads({ from: last.seq + 1, track }, signal)) {
    if (head.key && head.pts >= pts) break;
    if (head.pts < pts) last = head;
  }
  return last;
}

export interface ExtractRun {
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
}

/** Writes what was planned and commits it. Aborting a sink after a failure is up to its owner. */
export async function extractTrack(
  reader: H4MKReader,
  plan: Extraction,
  sink: ByteSink,
  run: ExtractRun,
): Promise<Extracted> {
  const extracted = await copyBlocks(reader, plan, sink, run);
  const matchesSource = plan.isWhole ? await compareWhole(reader, plan.track, extracted, run.signal) : null;
  await sink.commit();
  return { ...extracted, matchesSource };
}

type Copied = Omit<Extracted, 'matchesSource'>;

async function copyBlocks(reader: H4MKReader, plan: Extraction, sink: ByteSink, run: ExtractRun): Promise<Copied> {
  const { track, first, end } = plan;
  const hash = createSha256();
  let [bytes, blocks, hiddenBlocks] = [0, 0, 0];
  let next = plan.startByte;
  let [startPts, endPts] = [Infinity, 0];
  for await (const block of reader.blocks({ track, from: first, to: end }, run.signal)) {
    run.signal.throwIfAborted();
    const { tokn } = block;
    if (tokn.pos !== next) {
      const message = `Record ${tokn.seq} begins at byte ${tokn.pos} of track ${track}, but the one before it ended at ${next}`;
      throw new H4Error('H4_TOKN_POS', message);
    }
    next += tokn.raw;
    const span = spanOf(tokn);
    [startPts, endPts] = [Math.min(startPts, span.start), Math.max(endPts, span.end)];
    hash.update(block.bytes);
    await sink.write(block.bytes);
    bytes += block.bytes.length;
    blocks++;
    if (isHiddenMode(tokn.mode)) hiddenBlocks++;
    run.onProgress(bytes);
  }
  const isEmpty = blocks === 0;
  return {
    bytes,
    blocks,
    hiddenBlocks,
    sha256: hash.digest(),
    startPts: isEmpty ? undefined : startPts,
    endPts: isEmpty ? undefined : endPts,
  };
}

/**
 * Compares a whole track with the totals of the end record, and with the source named there if the track is that source:
 * the one opaque track of a recording. Media that were taken apart are not the bytes of their file any more.
 */
async function compareWhole(
  reader: H4MKReader,
  track: number,
  { bytes, sha256 }: Copied,
  signal: AbortSignal,
): Promise<true | null> {
  const { totals, source, tracks } = await reader.metas(signal);
  const total = totals?.find((each) => each.track === track)?.raw ?? 0;
  if (totals !== undefined && total !== bytes) {
    throw new H4Error('H4_META_FIELD', `Track ${track} has ${bytes} bytes, but the end record says ${total}`);
  }
  if (tracks.length !== 1 || tracks[0]?.kind !== 'opaque' || source === undefined) return null;
  if (source.bytes !== undefined && source.bytes !== bytes) {
    throw new H4Error(
      'H4_META_FIELD',
      `The track has ${bytes} bytes, but its source is said to have had ${source.bytes}`,
    );
  }
  if (source.sha256 === undefined) return null;
  if (!equalBytes(fromHex(source.sha256), sha256)) {
    throw new H4Error(
      'H4_COMMIT_MISMATCH',
      'What was extracted does not have the SHA-256 of the source that the end record names',
    );
  }
  return true;
}
