/** Draws a file map: the file as a bar of cells with a legend, and a timeline per track. Colours repeat what glyphs say. */
import { formatBytes } from '../byte-counts.js';
import { type TimeScale, formatTime, originalMicros } from '../durations.js';
import type { Colour, Paint } from '../paint.js';
import { type Column, formatTable } from '../table.js';
import { counted } from '../text.js';
import { type FileMap, HEADER_SHARE, OTHER_SHARE, type TagShare, type TrackLine } from './file-map.js';

interface Glyph {
  readonly unicode: string;
  readonly ascii: string;
  readonly colour: Colour;
  readonly about: string;
}

/** Shades for what fills a file, letters for what is rare. */
const GLYPHS: Readonly<Record<string, Glyph>> = {
  [HEADER_SHARE]: { unicode: 'H', ascii: 'H', colour: 'dim', about: 'file header' },
  TOKN: { unicode: '░', ascii: '.', colour: 'dim', about: 'record headers' },
  CORE: { unicode: '█', ascii: '#', colour: 'blue', about: 'blocks' },
  SAFE: { unicode: '▓', ascii: '%', colour: 'magenta', about: 'hidden blocks, scopes' },
  META: { unicode: 'M', ascii: 'M', colour: 'yellow', about: 'descriptions' },
  VOID: { unicode: '▒', ascii: 'x', colour: 'red', about: 'redacted' },
  TILE: { unicode: 'T', ascii: 'T', colour: 'cyan', about: 'tree and index' },
  SIGN: { unicode: '$', ascii: '$', colour: 'green', about: 'signatures' },
  SEEK: { unicode: 'S', ascii: 'S', colour: 'cyan', about: 'keyframe index' },
  VERI: { unicode: 'V', ascii: 'V', colour: 'cyan', about: 'hash of the file' },
  TAIL: { unicode: 'E', ascii: 'E', colour: 'cyan', about: 'trailer' },
  TIME: { unicode: '@', ascii: '@', colour: 'green', about: 'time stamps' },
  ATTS: { unicode: 'A', ascii: 'A', colour: 'green', about: 'statements' },
  PROF: { unicode: 'P', ascii: 'P', colour: 'green', about: 'proofs' },
};
const UNKNOWN: Glyph = { unicode: '?', ascii: '?', colour: 'dim', about: 'unknown, skipped' };
const UNREACHED: Glyph = { unicode: '!', ascii: '!', colour: 'red', about: 'not readable' };

const ROWS = 4;
const LABEL_WIDTH = 9;

export interface Drawing {
  readonly columns: number;
  readonly unicode: boolean;
  readonly paint: Paint;
}

/** How many cells a drawing of this width has. */
export function mapSizeFor(columns: number, fileBytes: number): { readonly cells: number; readonly columns: number } {
  const width = Math.max(16, columns - LABEL_WIDTH - 4);
  // Never more cells than bytes, and for tiny files a single row.
  return { cells: fileBytes < ROWS * width * 8 ? width : ROWS * width, columns: width };
}

export function* drawMap(map: FileMap, scale: TimeScale, drawing: Drawing): Generator<string, void> {
  yield* drawBar(map, drawing);
  yield '';
  yield* drawLegend(map, drawing);
  if (map.tracks.length === 0) return;
  yield '';
  yield* drawTimelines(map, scale, drawing);
}

const glyphOf = (tag: string | undefined): Glyph => (tag === undefined ? UNREACHED : (GLYPHS[tag] ?? UNKNOWN));

function drawn({ unicode, ascii, colour }: Glyph, count: number, drawing: Drawing): string {
  return drawing.paint(colour, (drawing.unicode ? unicode : ascii).repeat(count));
}

/** Cells of one tag are painted together: fewer escapes, and a bar that can be read where colours show as text. */
function drawCells<T>(cells: readonly T[], glyph: (cell: T) => Glyph, drawing: Drawing): string {
  let text = '';
  for (let from = 0, to = 0; from < cells.length; from = to) {
    const first = glyph(cells[from] as T);
    while (to < cells.length && glyph(cells[to] as T) === first) to++;
    text += drawn(first, to - from, drawing);
  }
  return text;
}

function* drawBar(map: FileMap, drawing: Drawing): Generator<string, void> {
  const { columns: width } = mapSizeFor(drawing.columns, map.bytes);
  const [left, right] = drawing.unicode ? ['│', '│'] : ['|', '|'];
  for (let from = 0; from < map.cells.length; from += width) {
    const offset = formatBytes(Math.floor((from / map.cells.length) * map.bytes)).replace(/ bytes$/, '');
    const bar = drawCells(map.cells.slice(from, from + width), glyphOf, drawing);
    yield `${offset.padStart(LABEL_WIDTH)} ${left}${bar}${right}`;
  }
}

function* drawLegend(map: FileMap, drawing: Drawing): Generator<string, void> {
  const known = map.shares.reduce((sum, { bytes }) => sum + bytes, 0);
  const shares: (TagShare & { readonly glyph: Glyph })[] = map.shares
    .filter(({ tag }) => tag !== HEADER_SHARE)
    .map((share) => ({ ...share, glyph: share.tag === OTHER_SHARE ? UNKNOWN : glyphOf(share.tag) }));
  if (known < map.bytes) shares.push({ tag: '', chunks: 0, bytes: map.bytes - known, glyph: UNREACHED });
  const right = (title: string): Column => ({ title, align: 'right' });
  const rows = shares.map(({ tag, chunks, bytes, glyph }) => [
    tag,
    tag === '' ? '' : String(chunks),
    formatBytes(bytes),
    `${((bytes / map.bytes) * 100).toFixed(2)} %`,
    glyph.about,
  ]);
  const table = formatTable([{ title: 'tag' }, right('chunks'), right('bytes'), right('share'), { title: '' }], rows);
  for (const [i, line] of table.entries()) {
    const glyph = shares[i - 1]?.glyph;
    const mark = glyph === undefined ? ' ' : drawn(glyph, 1, drawing);
    yield `${' '.repeat(LABEL_WIDTH)} ${mark} ${i === 0 ? drawing.paint('dim', line) : line}`;
  }
}

const TIME_GLYPHS: Readonly<Record<TrackLine['cells'][number], Glyph>> = {
  none: { unicode: ' ', ascii: ' ', colour: 'dim', about: '' },
  block: { unicode: '─', ascii: '-', colour: 'dim', about: '' },
  key: { unicode: '┃', ascii: '|', colour: 'yellow', about: '' },
};

function* drawTimelines(map: FileMap, scale: TimeScale, drawing: Drawing): Generator<string, void> {
  const { columns: width } = mapSizeFor(drawing.columns, map.bytes);
  const [start, end] = [map.startPts, map.endPts].map((pts) => formatTime(originalMicros(pts, scale)));
  const axis = `${start ?? ''}${(end ?? '').padStart(width - (start ?? '').length)}`;
  yield `${drawing.paint('dim', 'time'.padStart(LABEL_WIDTH))}  ${drawing.paint('dim', axis)}`;
  for (const { track, blocks, keys, cells } of map.tracks) {
    const line = drawCells(cells, (cell) => TIME_GLYPHS[cell], drawing);
    yield `${`track ${track}`.padStart(LABEL_WIDTH)}  ${line}`;
    const density = keys > width ? ', more than one per column' : '';
    const about = `${counted(blocks, 'block')}, ${drawn(TIME_GLYPHS.key, 1, drawing)} ${counted(keys, 'keyframe')}`;
    yield `${' '.repeat(LABEL_WIDTH)}  ${about}${density}`;
  }
  if (map.otherTracks > 0) yield `${' '.repeat(LABEL_WIDTH)}  and ${counted(map.otherTracks, 'track')} more`;
}

/** The map as JSON: shares and timelines, the latter as text with `-` for blocks and `|` for keyframes. */
export function mapJson(file: string, map: FileMap, scale: TimeScale): Record<string, unknown> {
  const { bytes, records, shares, startPts, endPts, tracks, error } = map;
  return {
    file,
    bytes,
    records,
    cells: map.cells.map((tag) => tag ?? null),
    shares,
    start_us: tracks.length === 0 ? null : originalMicros(startPts, scale),
    end_us: tracks.length === 0 ? null : originalMicros(endPts, scale),
    tracks: tracks.map(({ track, blocks, keys, cells }) => ({
      track,
      blocks,
      keys,
      timeline: cells.map((cell) => TIME_GLYPHS[cell].ascii).join(''),
    })),
    error: error === undefined ? null : { code: error.code, message: error.message },
  };
}
