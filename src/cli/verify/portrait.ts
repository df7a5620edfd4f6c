/** What a report shows of a file beside the findings: when its tracks play, and what fills which part of it. Plain data. */
import type { ByteSource } from '../../container/io/io.js';
import { originalMicros } from '../durations.js';
import { type TagShare, mapFile } from '../inspect/file-map.js';
import { summarize } from '../inspect/summarize.js';
import { extentOf, scaleOf } from '../inspect/summary.js';
import { FileWalker, isFileFault } from '../walk.js';

export interface Portrait {
  readonly tracks: number;
  /** Original times in microseconds; undefined where the file has none, or does not get so far. */
  readonly span: { readonly startMicros: number; readonly endMicros: number } | undefined;
  /** The tag that fills most of each stretch of the file; undefined where its chunks cannot be followed any more. */
  readonly cells: readonly (string | undefined)[];
  readonly shares: readonly TagShare[];
}

/** Narrower than this, a stretch is no longer seen. */
const CELLS = 240;

/** Undefined for a file whose header is not that of an H4MK file. */
export async function portraitOf(source: ByteSource, signal: AbortSignal): Promise<Portrait | undefined> {
  try {
    const summary = await summarize(source, signal);
    const extent = extentOf(summary);
    const scale = scaleOf(summary);
    const cells = Math.min(CELLS, source.size);
    const map = await mapFile(new FileWalker(source, { signal }), { cells, columns: 1 });
    return {
      tracks: summary.tracks.length,
      span: extent && {
        startMicros: originalMicros(extent.start, scale),
        endMicros: originalMicros(extent.end, scale),
      },
      cells: map.cells,
      shares: map.shares,
    };
  } catch (error) {
    if (!isFileFault(error)) throw error;
    return undefined;
  }
}
