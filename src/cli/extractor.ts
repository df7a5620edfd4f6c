/**
 * Extracts the raw stream of a track, or the part of it between two times, into a sink. The reader compares every payload
 * with its record's commitment before it is decoded; here it is compared that no block is missing in between, and a whole
 * track with what the recording says about it. What does not agree is never committed.
 */
import type { ByteSink } from '../container/io/io.js';
import { isHiddenMode } from '../container/format/layout.js';
import type { H4MKReader } from '../container/read/reader.js';
import type { Block } from '../container/read/block.js';
import type { MetaLedger } from '../container/format/meta.js';
import type { ToknHead } from '../container/format/tokn.js';
import { fromHex, equalBytes } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import { createSha256 } from '../utils/sha256.js';
import { type TimeScale, firstPtsAt, ptsAt } from './durations.js';
import { spanOf } from './inspect/summary.js';
import { type TimedTrack, type TrackPart, findPart, indexedTrack, nothingShown } from './track-times.js';

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

/** Finds the records that belong to the request. H4_RANGE_NOT_FOUND where the track shows nothing at that time. */
export async function planExtraction(
  reader: H4MKReader,
  request: ExtractionRequest,
  signal: AbortSignal,
): Promise<Extraction> {
  const { track } = request;
  const part = await partOf(indexedTrack(reader, track, signal), request, reader.info);
  const startByte = part.first?.pos ?? 0;
  const endByte = part.last === undefined ? await reader.trackLength(track, signal) : endOf(part.last);
  return {
    track,
    first: part.first?.seq ?? 0,
    end: part.last === undefined ? reader.recordCount : part.last.seq + 1,
    isWhole: isWhole(request) && reader.isClosed,
    startByte,
    bytes: Math.max(0, endByte - startByte),
  };
}

/** What a request means of a track. */
export async function partOf(records: TimedTrack, request: ExtractionRequest, scale: TimeScale): Promise<TrackPart> {
  const { from, to } = request;
  if (from !== undefined && to !== undefined && to <= from) {
    throw new H4Error('H4_PARAM', '--to must be later than --from');
  }
  if (isWhole(request)) return { first: undefined, last: undefined, isBounded: false };
  const part = await findPart(records, {
    ...(from === undefined ? {} : { from: ptsAt(from, scale) }),
    ...(to === undefined ? {} : { to: firstPtsAt(to, scale) }),
  });
  if (part === undefined) throw await nothingShown(records, scale);
  return part;
}

export const isWhole = ({ from, to }: ExtractionRequest): boolean => from === undefined && to === undefined;

/** Where a block ends in the raw stream of its track. */
export const endOf = ({ pos, raw }: ToknHead): number => pos + raw;

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
  const { track, first, end } = plan;
  const extracted = await copyBlocks(reader.blocks({ track, from: first, to: end }, run.signal), plan, sink, run);
  const matchesSource = plan.isWhole ? compareWhole(await reader.metas(run.signal), track, extracted) : null;
  await sink.commit();
  return { ...extracted, matchesSource };
}

type Copied = Omit<Extracted, 'matchesSource'>;

/** Writes blocks, of which each must begin where the one before ended. */
export async function copyBlocks(
  blocksOfPart: AsyncIterable<Block>,
  { track, startByte }: Pick<Extraction, 'track' | 'startByte'>,
  sink: ByteSink,
  run: ExtractRun,
): Promise<Copied> {
  const hash = createSha256();
  let [bytes, blocks, hiddenBlocks] = [0, 0, 0];
  let next = startByte;
  let [startPts, endPts] = [Infinity, 0];
  for await (const block of blocksOfPart) {
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
export function compareWhole(
  { totals, source, tracks }: Pick<MetaLedger, 'totals' | 'source' | 'tracks'>,
  track: number,
  { bytes, sha256 }: Copied,
): true | null {
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
