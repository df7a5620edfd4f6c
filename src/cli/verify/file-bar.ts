/**
 * A drawing of a file as a bar from its first byte to its last: what fills which part, and where the findings are. Parts
 * differ by pattern and not by colour alone; the table below the bar says the same in words.
 */
import { HEADER_SHARE } from '../inspect/file-map.js';
import type { VerificationReport } from '../../container/check/verify.js';
import { formatBytes } from '../byte-counts.js';
import { type Markup, markup } from './markup.js';
import type { Portrait } from './portrait.js';

const PARTS = {
  content: 'Records: content and what is said of it',
  meta: 'Descriptions',
  void: 'Redacted content',
  index: 'Indexes, hash tree, closing marks',
  sign: 'Signatures and statements',
  other: 'Parts unknown to this software, skipped',
  unread: 'Not to be made sense of',
} as const;
type Part = keyof typeof PARTS;

const PART_OF: Readonly<Record<string, Part>> = {
  [HEADER_SHARE]: 'index',
  TOKN: 'content',
  CORE: 'content',
  SAFE: 'content',
  META: 'meta',
  VOID: 'void',
  TILE: 'index',
  SEEK: 'index',
  VERI: 'index',
  TAIL: 'index',
  PROF: 'index',
  SIGN: 'sign',
  TIME: 'sign',
  ATTS: 'sign',
};
const partOf = (tag: string | undefined): Part => (tag === undefined ? 'unread' : (PART_OF[tag] ?? 'other'));

const WIDTH = 720;
const [BAR_TOP, BAR_HEIGHT, HEIGHT] = [20, 36, 60];
/** Markers closer than this are drawn as one. */
const MARKER_WIDTH = 8;

/** `id` is unique in the document. */
export function fileBar(id: string, report: VerificationReport, portrait: Portrait): Markup {
  const amounts = amountsOf(report, portrait);
  const said = amounts.map(({ part, bytes }) => `${share(bytes, report.bytes)} ${PARTS[part]}`).join('; ');
  const places = [...report.errors, ...report.warnings].map(({ offset }) => offset);
  const findings = places.length === 0 ? 'no findings' : `findings at offset ${places.slice(0, 20).join(', ')}`;
  return markup`<figure>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-title ${id}-desc">
        <title id="${id}-title">The parts of the file, from its first byte to its last</title>
        <desc id="${id}-desc">${said}; ${findings}</desc>
        ${patterns(id)}
        ${runsOf(portrait.cells).map(({ part, from, to }) => bar(id, part, (from * WIDTH) / portrait.cells.length, ((to - from) * WIDTH) / portrait.cells.length))}
        <rect class="frame" x="0.5" y="${BAR_TOP + 0.5}" width="${WIDTH - 1}" height="${BAR_HEIGHT - 1}" />
        ${markersOf(places, report.bytes).map(marker)}
      </svg>
      <figcaption>
        From the first byte on the left to the last on the
        right.${places.length === 0 ? '' : ' ▼ marks where something was found.'}
      </figcaption>
    </figure>
    <table class="parts">
      <caption>
        What fills the file
      </caption>
      <thead>
        <tr>
          <th scope="col">part</th>
          <th scope="col" class="number">pieces</th>
          <th scope="col" class="number">size</th>
          <th scope="col" class="number">share</th>
        </tr>
      </thead>
      <tbody>
        ${amounts.map(
          ({ part, chunks, bytes }) =>
            markup`<tr>
              <th scope="row">${swatch(id, part)} ${PARTS[part]}</th>
              <td class="number">${chunks === 0 ? '–' : chunks}</td>
              <td class="number">${formatBytes(bytes)}</td>
              <td class="number">${share(bytes, report.bytes)}</td>
            </tr> `,
        )}
      </tbody>
    </table>`;
}

const share = (bytes: number, all: number): string => `${((bytes / all) * 100).toFixed(2)} %`;

function amountsOf(
  { bytes: all }: VerificationReport,
  { shares }: Portrait,
): { readonly part: Part; readonly chunks: number; readonly bytes: number }[] {
  const sums = new Map<Part, { chunks: number; bytes: number }>();
  const add = (part: Part, chunks: number, bytes: number): void => {
    const sum = sums.get(part) ?? { chunks: 0, bytes: 0 };
    sums.set(part, { chunks: sum.chunks + chunks, bytes: sum.bytes + bytes });
  };
  for (const { tag, chunks, bytes } of shares) add(partOf(tag), tag === HEADER_SHARE ? 0 : chunks, bytes);
  const known = shares.reduce((sum, { bytes }) => sum + bytes, 0);
  if (known < all) add('unread', 0, all - known);
  return (Object.keys(PARTS) as Part[]).flatMap((part) => {
    const sum = sums.get(part);
    return sum === undefined ? [] : { part, ...sum };
  });
}

/** Neighbouring cells of one part are drawn as one. */
function runsOf(cells: Portrait['cells']): { readonly part: Part; readonly from: number; readonly to: number }[] {
  const runs: { part: Part; from: number; to: number }[] = [];
  for (const [i, tag] of cells.entries()) {
    const part = partOf(tag);
    const last = runs.at(-1);
    if (last?.part === part) last.to = i + 1;
    else runs.push({ part, from: i, to: i + 1 });
  }
  return runs;
}

function bar(id: string, part: Part, x: number, width: number): Markup {
  return markup`<rect
    x="${x.toFixed(2)}"
    y="${BAR_TOP}"
    width="${width.toFixed(2)}"
    height="${BAR_HEIGHT}"
    fill="url(#${id}-${part})"
  /> `;
}

function swatch(id: string, part: Part): Markup {
  return markup`<svg class="swatch" viewBox="0 0 16 16" aria-hidden="true">
    <rect class="frame" x="0.5" y="0.5" width="15" height="15" fill="url(#${id}-${part})" />
  </svg>`;
}

function patterns(id: string): Markup {
  const pattern = (part: Part, drawing: Markup): Markup =>
    markup`<pattern id="${id}-${part}" width="8" height="8" patternUnits="userSpaceOnUse"
      ><rect class="${part}" width="8" height="8" />${drawing}</pattern
    > `;
  return markup`<defs>
    ${pattern('content', markup``)}${pattern('meta', markup`<path class="ink" d="M4 0V8" />`)}${pattern('void', markup`<path class="ink" d="M0 8L8 0M0 0L8 8" />`)}${pattern('index', markup`<path class="ink" d="M0 4H8" />`)}${pattern('sign', markup`<circle class="dot" cx="4" cy="4" r="2" />`)}${pattern('other', markup`<circle class="dot" cx="4" cy="4" r="1" />`)}${pattern('unread', markup`<path class="ink" d="M-2 2L2 -2M0 8L8 0M6 10L10 6" />`)}</defs
  >`;
}

function markersOf(offsets: readonly number[], bytes: number): number[] {
  const positions = offsets.map((offset) => Math.min(offset / bytes, 1) * (WIDTH - MARKER_WIDTH));
  const markers: number[] = [];
  for (const x of positions.sort((a, b) => a - b))
    if (x - (markers.at(-1) ?? -Infinity) >= MARKER_WIDTH) markers.push(x);
  return markers;
}

function marker(x: number): Markup {
  const [left, middle, right] = [x, x + MARKER_WIDTH / 2, x + MARKER_WIDTH].map((at) => at.toFixed(2));
  return markup`<path class="marker" d="M${left ?? ''} 4H${right ?? ''}L${middle ?? ''} 17Z" /> `;
}
