/**
 * What `inspect --map` draws, gathered on one walk in memory that does not depend on the file: how many bytes each tag has
 * in each stretch of the file, and in which stretches of time each track has blocks and keyframes.
 */
import type { ChunkInfo } from '../../container/format/chunk.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES, isMediaMode } from '../../container/format/layout.js';
import type { H4Error } from '../../utils/error.js';
import { type FileWalker, type WalkedRecord, isFileFault } from '../walk.js';
import { spanOf } from './summary.js';
import { TimeBins, type TimeCell } from './time-bins.js';

export interface TagShare {
  readonly tag: string;
  readonly chunks: number;
  /** With the 12 bytes of each chunk header. */
  readonly bytes: number;
}

export interface TrackLine {
  readonly track: number;
  readonly blocks: number;
  readonly keys: number;
  /** For every cell of the timeline: nothing, a block, or a keyframe. */
  readonly cells: readonly TimeCell[];
}

export interface FileMap {
  readonly bytes: number;
  readonly records: number;
  /** The tag with most bytes in each stretch of the file; undefined where the walk did not get to. */
  readonly cells: readonly (string | undefined)[];
  readonly shares: readonly TagShare[];
  readonly startPts: number;
  readonly endPts: number;
  readonly tracks: readonly TrackLine[];
  /** Tracks beyond the first few, which are only counted. */
  readonly otherTracks: number;
  readonly error: H4Error | undefined;
}

export interface MapSize {
  /** Stretches of the file. */
  readonly cells: number;
  /** Stretches of time. */
  readonly columns: number;
}

const MAX_TRACKS = 16;
const MAX_TAGS = 32;
export const OTHER_SHARE = 'other';
/** The header of the file, which is no chunk, counts as a share of its own. */
export const HEADER_SHARE = 'H4MK';

export async function mapFile(walker: FileWalker, size: MapSize): Promise<FileMap> {
  const map = new MapBuilder(walker.source.size, size);
  let error: H4Error | undefined;
  try {
    for await (const { chunk, record } of walker.records()) {
      map.chunk(chunk);
      if (record !== undefined) map.record(record);
    }
  } catch (thrown) {
    if (!isFileFault(thrown)) throw thrown;
    error = thrown;
  }
  return map.finish(error);
}

class MapBuilder {
  readonly #bytes: number;
  readonly #size: MapSize;
  /** Bytes per tag, for every cell. */
  readonly #cells: Map<string, number>[];
  readonly #shares = new Map<string, { chunks: number; bytes: number }>();
  readonly #tracks = new Map<number, { blocks: number; keys: number; times: TimeBins }>();
  #otherTracks = new Set<number>();
  #records = 0;
  #start = Infinity;
  #end = 0;

  constructor(bytes: number, size: MapSize) {
    this.#bytes = bytes;
    this.#size = size;
    this.#cells = Array.from({ length: size.cells }, () => new Map<string, number>());
    this.#add(HEADER_SHARE, 0, HEADER_BYTES);
  }

  chunk({ tag, offset, size }: ChunkInfo): void {
    // A hostile file may hold millions of different tags; beyond the first few they are one.
    const isListed = this.#shares.has(tag) || this.#shares.size < MAX_TAGS;
    this.#add(isListed ? tag : OTHER_SHARE, offset, offset + CHUNK_HEADER_BYTES + size);
  }

  #add(tag: string, start: number, end: number): void {
    const share = this.#shares.get(tag) ?? { chunks: 0, bytes: 0 };
    share.chunks++;
    share.bytes += end - start;
    this.#shares.set(tag, share);
    const perCell = this.#bytes / this.#size.cells;
    for (let cell = Math.floor(start / perCell); cell * perCell < end; cell++) {
      const covered = Math.min(end, (cell + 1) * perCell) - Math.max(start, cell * perCell);
      const counts = this.#cells[cell];
      counts?.set(tag, (counts.get(tag) ?? 0) + covered);
    }
  }

  record({ tokn }: WalkedRecord): void {
    this.#records++;
    if (!isMediaMode(tokn.mode)) return;
    const { start, end } = spanOf(tokn);
    this.#start = Math.min(this.#start, start);
    this.#end = Math.max(this.#end, end);
    let track = this.#tracks.get(tokn.track);
    if (track === undefined) {
      if (this.#tracks.size === MAX_TRACKS) {
        this.#otherTracks.add(tokn.track);
        return;
      }
      track = { blocks: 0, keys: 0, times: new TimeBins() };
      this.#tracks.set(tokn.track, track);
    }
    track.blocks++;
    if (tokn.key) track.keys++;
    track.times.mark(start, end, tokn.key);
  }

  finish(error: H4Error | undefined): FileMap {
    const startPts = Number.isFinite(this.#start) ? this.#start : 0;
    const endPts = Math.max(this.#end, startPts + 1);
    return {
      bytes: this.#bytes,
      records: this.#records,
      cells: this.#cells.map(mostOf),
      shares: [...this.#shares].map(([tag, share]) => ({ tag, ...share })).sort((a, b) => b.bytes - a.bytes),
      startPts,
      endPts,
      tracks: [...this.#tracks]
        .sort(([a], [b]) => a - b)
        .map(([track, { blocks, keys, times }]) => ({
          track,
          blocks,
          keys,
          cells: times.resampled(startPts, endPts, this.#size.columns),
        })),
      otherTracks: this.#otherTracks.size,
      error,
    };
  }
}

const mostOf = (counts: ReadonlyMap<string, number>): string | undefined =>
  [...counts].reduce<readonly [string | undefined, number]>(
    (most, next) => (next[1] > most[1] ? next : most),
    [undefined, 0],
  )[0];
