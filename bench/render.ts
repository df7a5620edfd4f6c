/** Reports as text for people. */

import type { Line, Report } from './judge.js';

interface Column {
  readonly heading: string;
  readonly cell: (line: Line) => string | undefined;
}

/** A table of the contenders and a line for each target. */
export function renderReport(report: Report): string {
  const headings = new Set(report.lines.flatMap(({ ratios }) => Object.keys(ratios)));
  const columns: Column[] = [
    { heading: '', cell: ({ contender }) => contender },
    { heading: 'MB/s', cell: ({ megabytesPerSecond }) => megabytesPerSecond?.toFixed(0) },
    { heading: 'µs each', cell: ({ microsPerOperation }) => microsPerOperation?.toFixed(1) },
    ...Array.from(headings, (heading) => ({
      heading: `x ${heading}`,
      cell: ({ ratios }: Line) => {
        const ratio = ratios[heading];
        return ratio === undefined
          ? undefined
          : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`;
      },
    })),
    { heading: 'reads, median', cell: ({ counts }) => counts['readsMedian']?.toFixed(0) },
    { heading: 'reads, most', cell: ({ counts }) => counts['readsMax']?.toFixed(0) },
    { heading: 'bytes read', cell: ({ counts }) => counts['bytesRead']?.toFixed(0) },
    { heading: 'cores', cell: ({ cores }) => cores?.toFixed(2) },
    { heading: 'peak MB', cell: ({ peakBytes }) => (peakBytes === undefined ? undefined : megabytes(peakBytes)) },
  ];
  const verdicts = report.verdicts.map(
    ({ target, found, pass }) => `${pass ? 'PASS' : 'MISS'}  ${target}: ${Number(found.toFixed(2))}`,
  );
  return [report.title, report.note, '', ...table(columns, report.lines), '', ...verdicts, ''].join('\n');
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function table(columns: readonly Column[], lines: readonly Line[]): string[] {
  const texts = columns
    .map(({ heading, cell }) => [heading, ...lines.map((line) => cell(line) ?? '')])
    .filter(([, ...cells]) => cells.some((cell) => cell !== ''));
  const padded = texts.map((column, i) => {
    const width = Math.max(...column.map((text) => text.length));
    return column.map((text) => (i === 0 ? text.padEnd(width) : text.padStart(width)));
  });
  return Array.from({ length: lines.length + 1 }, (_, row) => padded.map((column) => column[row]).join('  '));
}
