/**
 * The summary of a closed recording, from its index: a few dozen positioned reads, whatever its length. The numbers of
 * records and bytes are those of the end record.
 */
import { CHUNK_HEADER_BYTES, SEEK_HEAD_BYTES, TILE_LEVELS, isMediaMode } from '../../container/format/layout.js';
import type { MetaLedger } from '../../container/format/meta.js';
import type { H4MKReader } from '../../container/read/reader.js';
import { toHex } from '../../utils/bytes.js';
import type { FileWalker } from '../walk.js';
import { type Summary, type TrackSummary, spanOf } from './summary.js';

/** Undefined where the end record has no totals, so that only a walk can tell what the tracks hold. */
export async function indexedSummary(reader: H4MKReader, walker: FileWalker): Promise<Summary | undefined> {
  const { info, tail } = reader;
  const metas = await reader.metas();
  if (metas.totals === undefined) return undefined;
  return {
    format: 'H4MK v1 final',
    bytes: walker.source.size,
    closed: true,
    records: reader.recordCount,
    tracks: await indexedTracks(reader, metas, walker),
    recording: info,
    source: metas.source,
    keyEpochs: metas.epochs.length,
    fileId: toHex(reader.fileId),
    statedRoot: tail === undefined ? undefined : toHex(tail.root),
    signed: (tail?.sign ?? 0) > 0,
    seekEntries: await seekCount(walker, tail?.seek ?? 0),
    tileLevels: Array.from({ length: TILE_LEVELS }, (_, level) => tail?.tiles[level] ?? 0).filter((at) => at > 0)
      .length,
    legacy: undefined,
    error: undefined,
  };
}

/** The entry count of the SEEK at `offset`, which is a hint and may lead anywhere. */
async function seekCount(walker: FileWalker, offset: number): Promise<number | undefined> {
  const chunk = offset === 0 ? undefined : await walker.chunkAt(offset);
  if (chunk?.tag !== 'SEEK' || chunk.size < SEEK_HEAD_BYTES) return undefined;
  const head = await walker.bytes(chunk.offset + CHUNK_HEADER_BYTES, SEEK_HEAD_BYTES);
  return new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(0);
}

/** How far from either end of a file the first and the last records of its tracks are looked for. */
const LOOK_RECORDS = 2048;

async function indexedTracks(reader: H4MKReader, metas: MetaLedger, walker: FileWalker): Promise<TrackSummary[]> {
  const totals = metas.totals ?? [];
  const wanted = totals.filter(({ records }) => records > 0).map(({ track }) => track);
  const count = reader.recordCount;
  const look = Math.min(count, LOOK_RECORDS);
  const first = await firstOf(reader, new Set(wanted), (i) => i, look);
  const last = await firstOf(reader, new Set(wanted), (i) => count - 1 - i, look);
  const summaries: TrackSummary[] = [];
  for (const info of metas.tracks) {
    const total = totals.find(({ track }) => track === info.id);
    const [start, end] = [first.get(info.id), last.get(info.id)];
    summaries.push({
      id: info.id,
      info,
      records: total?.records ?? 0,
      raw: total?.raw ?? 0,
      startPts: start === undefined ? undefined : spanOf(await walker.tokn(await walker.chunkAt(start))).start,
      endPts: end === undefined ? undefined : await endOfTrack(reader, walker, end),
    });
  }
  return summaries;
}

/** File positions of the first record of each track, going from record to record as `seqAt` says. */
async function firstOf(
  reader: H4MKReader,
  missing: Set<number>,
  seqAt: (index: number) => number,
  look: number,
): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (let i = 0; i < look && missing.size > 0; i++) {
    const head = await reader.head(seqAt(i));
    if (isMediaMode(head.mode) && missing.delete(head.track)) found.set(head.track, head.offset);
  }
  return found;
}

/** The last record of a track in the file need not be the last in time: those back to its last KEY record are looked at. */
const MAX_REORDERED_RECORDS = 64;

async function endOfTrack(reader: H4MKReader, walker: FileWalker, offset: number): Promise<number> {
  const last = await walker.tokn(await walker.chunkAt(offset));
  const from = last.key ? last.seq : Math.max(last.seq - last.back, last.seq - MAX_REORDERED_RECORDS);
  let end = spanOf(last).end;
  for (let seq = from; seq < last.seq; seq++) {
    const head = await reader.head(seq);
    if (head.track === last.track)
      end = Math.max(end, spanOf(await walker.tokn(await walker.chunkAt(head.offset))).end);
  }
  return end;
}
