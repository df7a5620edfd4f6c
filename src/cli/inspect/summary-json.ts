/** The summary of a file as JSON: times both as PTS of the file and as original microseconds. */
import { originalMicros } from '../durations.js';
import { legacyJson } from './legacy-summary.js';
import { type Summary, extentOf, scaleOf } from './summary.js';

export function summaryJson(file: string, summary: Summary): Record<string, unknown> {
  const { recording, error } = summary;
  const scale = scaleOf(summary);
  const times = (start: number | undefined, end: number | undefined): Record<string, number | null> => ({
    start_pts: start ?? null,
    end_pts: end ?? null,
    start_us: start === undefined ? null : originalMicros(start, scale),
    end_us: end === undefined ? null : originalMicros(end, scale),
  });
  const extent = extentOf(summary);
  return {
    file,
    format: summary.format,
    closed: summary.closed,
    bytes: summary.bytes,
    records: summary.records,
    file_id: summary.fileId ?? null,
    root: summary.statedRoot ?? null,
    signed: summary.signed,
    uid: recording?.uid ?? null,
    compression: recording?.compression ?? null,
    timebase: recording?.timebase ?? null,
    shift: recording?.shift ?? null,
    seek_track: recording?.seekTrack ?? null,
    key_epochs: summary.keyEpochs,
    ...times(extent?.start, extent?.end),
    index: { tile_levels: summary.tileLevels, seek_entries: summary.seekEntries ?? null },
    tracks: summary.tracks.map(({ id, info, records, raw, startPts, endPts }) => ({
      ...(info ?? { id }),
      records,
      raw,
      ...times(startPts, endPts),
    })),
    source: summary.source ?? null,
    ...(summary.legacy === undefined ? {} : { legacy: legacyJson(summary.legacy) }),
    error: error === undefined ? null : { code: error.code, message: error.message },
  };
}
