/** What `inspect` tells about a legacy file beside its chunks (h4mk.md 13). */
import type { ByteSource } from '../../container/io/io.js';
import { LEGACY_ENGINE, type LegacyMeta } from '../../container/legacy/legacy-meta.js';
import { LegacyReader } from '../../container/legacy/legacy-reader.js';
import type { JsonObject } from '../../utils/json-value.js';
import { formatBytes } from '../byte-counts.js';
import type { Printer } from '../render.js';
import { printable } from '../text.js';
import { isFileFault } from '../walk.js';

export interface LegacySummary {
  readonly blocks: number;
  readonly blockBytes: number;
  /** Length of the decompressed blocks; undefined where it was not measured, because that means reading all of them. */
  readonly contentBytes: number | undefined;
  /** What META says, or its absence means; undefined where it cannot be read. */
  readonly says: Omit<LegacyMeta, 'json'> | undefined;
  readonly meta: JsonObject | undefined;
  /** SAFE as text: shown, and nothing more. */
  readonly safe: string | undefined;
  readonly hasVeri: boolean;
}

/** Blocks of up to this size together are read to say how long their content is. */
const MAX_MEASURED_BYTES = 1024 * 1024;

/** The summary with the length of the content, where that is cheap and the file is sound enough to tell. */
export async function withContentBytes(
  summary: LegacySummary,
  source: ByteSource,
  signal: AbortSignal,
): Promise<LegacySummary> {
  if (summary.blockBytes > MAX_MEASURED_BYTES) return summary;
  try {
    const reader = await LegacyReader.open(source, { signal });
    return { ...summary, contentBytes: await reader.contentLength(signal) };
  } catch (error) {
    if (!isFileFault(error)) throw error;
    return summary;
  }
}

export function legacyJson(legacy: LegacySummary): Record<string, unknown> {
  const { blocks, blockBytes, contentBytes, says, meta, safe, hasVeri } = legacy;
  return {
    blocks,
    block_bytes: blockBytes,
    content_bytes: contentBytes ?? null,
    engine: says?.engine ?? null,
    masked: says?.isMasked ?? null,
    encrypted: says?.isEncrypted ?? null,
    meta: meta ?? null,
    safe: safe ?? null,
    veri: hasVeri,
  };
}

export function describeBlocks({ blocks, blockBytes, contentBytes }: LegacySummary): string {
  const content = contentBytes === undefined ? '' : `, ${formatBytes(contentBytes)} of content`;
  return `${blocks}, ${formatBytes(blockBytes)} as stored${content}`;
}

/** Engine and mask, then META key by key, then SAFE. */
export async function printLegacy(out: Printer, { says, meta, safe }: LegacySummary): Promise<void> {
  if (says !== undefined) {
    await out.field('engine', describeEngine(says));
    await out.field('content', describeContent(says));
  }
  for (const [key, value] of Object.entries(meta ?? {})) {
    await out.field(printable(key), printable(typeof value === 'string' ? value : JSON.stringify(value)));
  }
  if (safe !== undefined) await out.field('SAFE', printable(safe));
}

function describeEngine({ engine }: Omit<LegacyMeta, 'json'>): string {
  if (engine === LEGACY_ENGINE) return `${engine}, run-length pairs, built in`;
  return engine === undefined
    ? 'META names none: blocks cannot be decoded'
    : `${printable(engine)}, which is not at hand`;
}

function describeContent({ isEncrypted, isMasked }: Omit<LegacyMeta, 'json'>): string {
  if (isEncrypted) return 'encrypted with a state that was never stored: nobody can decode it';
  return isMasked ? 'masked: extract needs --key-file' : 'not masked';
}
