/** `inspect --chunks`: one line per chunk as it stands in the file (h4mk.md 3), streamed. */
import { HEADER_BYTES } from '../../container/format/layout.js';
import type { Context } from '../context.js';
import { type Column, formatRow, titlesOf } from '../table.js';
import type { FileWalker } from '../walk.js';

export interface ListOptions {
  /** File offset of the first chunk to show. */
  readonly at: number;
  /** How many to show; 0 for all. */
  readonly limit: number;
}

export const FIRST_CHUNK = HEADER_BYTES;

export async function listChunks(walker: FileWalker, options: ListOptions, context: Context): Promise<void> {
  const { out, json } = context;
  const digits = String(walker.source.size).length;
  const columns: readonly Column[] = [
    { title: 'offset', align: 'right', width: Math.max(digits, 6) },
    { title: 'tag', width: 4 },
    { title: 'size', align: 'right', width: Math.max(digits, 4) },
    { title: 'crc', width: 8 },
  ];
  if (!json) await out.line(out.paint('dim', formatRow(columns, titlesOf(columns))));
  let shown = 0;
  for await (const { offset, tag, size, crc } of walker.chunks(options.at)) {
    if (shown === options.limit && shown > 0) return sayMore(context, shown, offset);
    const crcHex = crc.toString(16).padStart(8, '0');
    if (json) await out.json({ offset, tag, size, crc: crcHex });
    else await out.line(formatRow(columns, [String(offset), tag, String(size), crcHex]));
    shown++;
  }
}

/** Says that a list was cut short by its limit, and how to go on. */
export async function sayMore({ out, err, json }: Context, shown: number, offset: number): Promise<void> {
  if (json) return;
  await out.flush();
  await err.line(`${shown} shown, more follow: --at ${offset} goes on from here, --limit 0 shows all`);
}
