/** `inspect --records`: one line per record, from its TOKN (h4mk.md 4), streamed. Times are original times. */
import { MODE, type Mode, isMediaMode } from '../../container/format/layout.js';
import { type Tokn, tokensOf } from '../../container/format/tokn.js';
import { toHex } from '../../utils/bytes.js';
import type { Context } from '../context.js';
import { type TimeScale, durationMicros, formatFixedTime, formatSeconds, originalMicros } from '../durations.js';
import { type Column, formatRow, titlesOf } from '../table.js';
import type { FileWalker, WalkedRecord } from '../walk.js';
import { type ListOptions, sayMore } from './chunk-list.js';

export function modeName(mode: Mode): 'core' | 'masked' | 'encrypted' | 'meta' | 'scopes' {
  switch (mode) {
    case MODE.core:
      return 'core';
    case MODE.masked:
      return 'masked';
    case MODE.encrypted:
      return 'encrypted';
    case MODE.meta:
      return 'meta';
    case MODE.scopes:
      return 'scopes';
  }
}

/** Sum of the durations of a record's tokens, in units of the timebase. */
export function durationOf(tokn: Tokn): number {
  let sum = 0;
  for (const { duration } of tokensOf(tokn)) sum += duration;
  return sum;
}

export async function listRecords(
  walker: FileWalker,
  scale: TimeScale,
  options: ListOptions,
  context: Context,
): Promise<void> {
  const { out, json } = context;
  const columns = columnsFor(walker.source.size);
  if (!json) await out.line(out.paint('dim', formatRow(columns, titlesOf(columns), ' ')));
  let shown = 0;
  for await (const { record } of walker.records(options.at)) {
    if (record === undefined) continue;
    if (shown === options.limit && shown > 0) return sayMore(context, shown, record.offset);
    if (json) await out.json(recordJson(record, scale));
    else await out.line(formatRow(columns, rowOf(record, scale), ' '));
    shown++;
  }
}

/** Widths that hold whatever a file of this size can hold, so that a list can be streamed. */
function columnsFor(fileBytes: number): Column[] {
  const digits = Math.max(String(fileBytes).length, 6);
  const right = (title: string, width: number): Column => ({ title, align: 'right', width });
  return [
    right('seq', Math.max(digits - 3, 4)),
    { title: 'mode', width: 6 },
    right('trk', 3),
    { title: 'key', width: 3 },
    right('time', 14),
    right('dur', 8),
    right('pos', digits),
    right('raw', Math.min(digits, 8)),
    right('size', Math.min(digits, 8)),
    right('offset', digits),
  ];
}

function rowOf({ tokn, offset, payload }: WalkedRecord, scale: TimeScale): string[] {
  const media = isMediaMode(tokn.mode);
  return [
    String(tokn.seq),
    payload.tag === 'VOID' ? 'void' : modeName(tokn.mode).slice(0, 6),
    media ? String(tokn.track) : '',
    media && tokn.key ? 'key' : '',
    formatFixedTime(originalMicros(tokn.pts, scale)),
    media ? formatSeconds(durationMicros(durationOf(tokn), scale)) : '',
    media ? String(tokn.pos) : '',
    String(tokn.raw),
    String(tokn.size),
    String(offset),
  ];
}

function recordJson({ tokn, offset, payload }: WalkedRecord, scale: TimeScale): Record<string, unknown> {
  const { seq, track, key, epoch, pts, pos, back, count, raw, size, commit } = tokn;
  const duration = durationOf(tokn);
  return {
    seq,
    mode: modeName(tokn.mode),
    track,
    key,
    pts,
    time_us: originalMicros(pts, scale),
    duration,
    duration_us: durationMicros(duration, scale),
    pos,
    raw,
    size,
    offset,
    tokens: count,
    back,
    epoch,
    commit: toHex(commit),
    redacted: payload.tag === 'VOID',
  };
}
