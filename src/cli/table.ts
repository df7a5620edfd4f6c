/** Tables in plain text. Short ones are laid out as a whole; long ones, which are streamed, with widths known beforehand. */

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Characters; where it is absent, the widest cell decides. */
  readonly width?: number;
}

/** One row; cells that are too wide push the rest to the right instead of losing a digit. */
export function formatRow(columns: readonly Column[], cells: readonly string[], gap = '  '): string {
  const padded = columns.map(({ align, width = 0 }, i) => {
    const cell = cells[i] ?? '';
    return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
  });
  return padded.join(gap).trimEnd();
}

/** Title line and rows, every column as wide as its widest cell. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const sized = columns.map((column, i) => ({
    ...column,
    width: rows.reduce((width, row) => Math.max(width, row[i]?.length ?? 0), column.title.length),
  }));
  return [formatRow(sized, titlesOf(sized)), ...rows.map((row) => formatRow(sized, row))];
}

export function titlesOf(columns: readonly Column[]): string[] {
  return columns.map(({ title }) => title);
}
