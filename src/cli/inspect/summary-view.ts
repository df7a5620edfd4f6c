/** The summary of a file as text. Every string that comes out of the file passes through `printable`. */
import { formatBytes, formatExactBytes } from '../byte-counts.js';
import { durationMicros, formatTime, originalMicros } from '../durations.js';
import type { Printer } from '../render.js';
import { formatTable } from '../table.js';
import { counted, printable, shortened } from '../text.js';
import { describeBlocks, printLegacy } from './legacy-summary.js';
import { type Summary, type TrackSummary, extentOf, scaleOf } from './summary.js';

const ENGINES_AT_HAND: ReadonlySet<string> = new Set(['stored-v1', 'h4ref-geo-v1']);
const MAX_TRACKS_SHOWN = 64;

export async function printSummary(out: Printer, name: string, summary: Summary): Promise<void> {
  const { recording, legacy } = summary;
  await out.line(out.paint('bold', name));
  await out.field('format', describeForm(summary));
  await out.field('size', formatExactBytes(summary.bytes));
  if (legacy === undefined) await out.field('records', String(summary.records));
  else await out.field('blocks', describeBlocks(legacy));
  await printTimes(out, summary);
  if (recording !== undefined) await printEngine(out, recording.compression);
  if (recording !== undefined) await out.field('uid', describeUid(recording.uid));
  await out.field('index', describeIndex(summary));
  await out.field('signatures', summary.signed ? 'present, not checked here' : 'none');
  if (summary.keyEpochs > 0) await out.field('key epochs', String(summary.keyEpochs));
  await printSource(out, summary);
  if (summary.fileId !== undefined) await out.field('file_id', summary.fileId);
  if (summary.statedRoot !== undefined) await out.field('root stated', summary.statedRoot);
  if (legacy !== undefined) await printLegacy(out, legacy);
  await printTracks(out, summary);
}

function describeForm({ format, closed, legacy }: Summary): string {
  if (legacy !== undefined) return `${format}: without records, only accidents can be found`;
  if (format === 'H4MK v1 slice') return `${format}: some records of a recording, with proofs`;
  if (format === 'unknown') return format;
  return `${format}: ${closed ? 'closed by its writer' : 'no close; still being written, or cut off'}`;
}

async function printTimes(out: Printer, summary: Summary): Promise<void> {
  const extent = extentOf(summary);
  const scale = scaleOf(summary);
  if (extent === undefined) return;
  const [start, end] = [originalMicros(extent.start, scale), originalMicros(extent.end, scale)];
  const range = `${formatTime(start)} to ${formatTime(end)}`;
  await out.field('duration', `${formatTime(durationMicros(extent.end - extent.start, scale))}, from ${range}`);
  if (scale.shift > 0)
    await out.field('shift', `${formatTime(durationMicros(scale.shift, scale))}, taken off all times shown`);
}

async function printEngine(
  out: Printer,
  { engine, engine_id, fingerprint, seal_level }: NonNullable<Summary['recording']>['compression'],
): Promise<void> {
  const readable = ENGINES_AT_HAND.has(engine_id) ? 'built in' : `external, seal level ${seal_level}`;
  await out.field('engine', `${printable(engine)} (${printable(engine_id)}), ${readable}`);
  await out.field('', `fingerprint ${fingerprint.slice(0, 16)}…`);
}

function describeUid(uid: string): string {
  return /^0+$/.test(uid) ? 'zeros: a deterministic export, never to be signed' : uid;
}

function describeIndex({ tileLevels, seekEntries, legacy }: Summary): string {
  const parts = [
    ...(tileLevels > 0 ? [`tiles of ${counted(tileLevels, 'level')}`] : []),
    ...(seekEntries === undefined ? [] : [`SEEK with ${counted(seekEntries, 'keyframe')}`]),
    ...(legacy?.hasVeri === true ? ['VERI'] : []),
  ];
  return parts.join(', ') || 'none';
}

async function printSource(out: Printer, { source }: Summary): Promise<void> {
  if (source === undefined) return;
  const { name, bytes, media_type, sha256 } = source;
  const parts = [
    ...(name === undefined ? [] : [printable(name)]),
    ...(bytes === undefined ? [] : [formatExactBytes(bytes)]),
    ...(media_type === undefined ? [] : [printable(media_type)]),
  ];
  await out.field('source', parts.join(', '));
  if (sha256 !== undefined) await out.field('sha256', sha256);
}

async function printTracks(out: Printer, summary: Summary): Promise<void> {
  const { tracks } = summary;
  if (tracks.length === 0) return;
  await out.line();
  const rows = tracks.slice(0, MAX_TRACKS_SHOWN).map((track) => trackRow(track, summary));
  for (const line of formatTable(
    [
      { title: 'track', align: 'right' },
      { title: 'kind' },
      { title: 'blocks', align: 'right' },
      { title: 'media', align: 'right' },
      { title: 'from', align: 'right' },
      { title: 'to', align: 'right' },
      { title: 'about' },
    ],
    rows,
  )) {
    // The last column is the longest and the least; JSON has all of it.
    await out.line(out.isTerminal ? shortened(`  ${line}`, out.columns) : `  ${line}`);
  }
  if (tracks.length > MAX_TRACKS_SHOWN)
    await out.line(`  and ${tracks.length - MAX_TRACKS_SHOWN} more; --json lists all`);
}

function trackRow(track: TrackSummary, summary: Summary): string[] {
  const scale = scaleOf(summary);
  const time = (pts: number | undefined): string => (pts === undefined ? '-' : formatTime(originalMicros(pts, scale)));
  const mark = track.id === summary.recording?.seekTrack ? '*' : '';
  const { id, info, records, raw } = track;
  const times = [time(track.startPts), time(track.endPts)];
  return [`${id}${mark}`, info?.kind ?? 'unlisted', String(records), formatBytes(raw), ...times, describeTrack(track)];
}

/** What META adds about a track, as far as it is short. */
function describeTrack({ info }: TrackSummary): string {
  if (info === undefined) return '';
  const { name, codec, width, height, sample_rate, channels, language, fps_hint, gop, block_size } = info;
  const parts = [
    ...(name === undefined ? [] : [name]),
    ...(codec === undefined ? [] : [codec]),
    ...(width === undefined || height === undefined ? [] : [`${width}x${height}`]),
    ...(sample_rate === undefined ? [] : [`${sample_rate} Hz`]),
    ...(channels === undefined ? [] : [`${channels} ch`]),
    ...(language === undefined ? [] : [language]),
    ...(fps_hint === undefined ? [] : [`${fps_hint[0]}${fps_hint[1] === 1 ? '' : `/${fps_hint[1]}`} fps`]),
    ...(gop === undefined ? [] : [`gop ${gop}`]),
    ...(block_size === undefined ? [] : [`blocks of ${formatBytes(block_size)}`]),
  ];
  return printable(parts.join(', '));
}
