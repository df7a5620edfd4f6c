/**
 * `inspect --records` of a legacy file: one line per block (h4mk.md 13), streamed. Its lengths are in the blocks, so that they
 * are read, although nothing is decompressed; where they cannot be told, a line says only where the block is.
 */
import type { ByteSource } from '../../container/io/io.js';
import { type LegacyBlock, LegacyReader } from '../../container/legacy/legacy-reader.js';
import { LEGACY_ENGINE } from '../../container/legacy/legacy-meta.js';
import type { Context } from '../context.js';
import { formatFixedTime } from '../durations.js';
import { type Column, formatRow, titlesOf } from '../table.js';
import { type ListOptions, sayMore } from './chunk-list.js';

type Listed = Pick<LegacyBlock, 'index' | 'offset' | 'size'> & Partial<LegacyBlock>;

export async function listBlocks(source: ByteSource, options: ListOptions, context: Context): Promise<void> {
  const { out, json, io } = context;
  const reader = await LegacyReader.open(source, { signal: io.signal });
  const columns = columnsFor(source.size);
  if (!json) await out.line(out.paint('dim', formatRow(columns, titlesOf(columns), ' ')));
  let shown = 0;
  for await (const block of blocksOf(reader, io.signal)) {
    if (block.offset < options.at) continue;
    if (shown === options.limit && shown > 0) return sayMore(context, shown, block.offset);
    if (json) await out.json(blockJson(block));
    else await out.line(formatRow(columns, rowOf(block), ' '));
    shown++;
  }
}

async function* blocksOf(reader: LegacyReader, signal: AbortSignal): AsyncGenerator<Listed, void> {
  const { isEncrypted, engine } = reader.layout.meta;
  if (!isEncrypted && engine === LEGACY_ENGINE) {
    yield* reader.places({}, signal);
    return;
  }
  for (let index = 0; index < reader.blockCount; index++) yield { index, ...reader.stored(index) };
}

function columnsFor(fileBytes: number): Column[] {
  const digits = Math.max(String(fileBytes).length, 6);
  const right = (title: string, width: number): Column => ({ title, align: 'right', width });
  return [
    right('block', Math.max(digits - 3, 5)),
    { title: 'key', width: 3 },
    right('time', 14),
    right('pos', digits),
    right('raw', Math.min(digits, 8)),
    right('size', Math.min(digits, 8)),
    right('offset', digits),
  ];
}

function rowOf({ index, key, pts, pos, raw, size, offset }: Listed): string[] {
  const time = pts === undefined ? '-' : formatFixedTime(pts);
  return [
    String(index),
    key === true ? 'key' : '',
    time,
    String(pos ?? '-'),
    String(raw ?? '-'),
    `${size}`,
    `${offset}`,
  ];
}

function blockJson({ index, key, pts, pos, raw, size, offset }: Listed): Record<string, unknown> {
  return {
    block: index,
    key: key ?? null,
    pts: pts ?? null,
    time_us: pts ?? null,
    pos: pos ?? null,
    raw: raw ?? null,
    size,
    offset,
  };
}
