/**
 * Writes the content of a legacy file (h4mk.md 13) as a recording with records. Blocks stay blocks: each becomes one record
 * of one token, with the time and the key that SEEK and the frame rate give it. META and SAFE of the old file are kept as they
 * were stored, as text in record 0; the old file itself is named by its hash in the end record.
 */
import type { CompressionEngine, EngineInfo } from '../compression/api/engine.js';
import { H4MKBuilder, type RecordingSummary } from '../container/write/builder.js';
import { createSourceFeed } from '../container/source/feed.js';
import { type ByteSink, type ByteSource, canHashSource } from '../container/io/io.js';
import type { LegacyContent, LegacyReader } from '../container/legacy/legacy-reader.js';
import { legacyFrameMicros, legacyGop } from '../container/legacy/legacy-times.js';
import type { SourceInfo, TrackInfo } from '../container/format/meta.js';
import { toFrameRate } from '../tokenizers/frame-clock.js';
import { equalBytes, toBase64, toHex, utf8Decode } from '../utils/bytes.js';
import { H4Error, isH4Error } from '../utils/error.js';
import type { JsonObject, JsonValue } from '../utils/json-value.js';
import { createSha256 } from '../utils/sha256.js';
import { VERSION } from './version.js';

export const H4MK_MEDIA_TYPE = 'application/x-h4mk';

export interface UpgradePlan {
  readonly engine: CompressionEngine;
  readonly uid: string;
  /** Name of the old file, where it has one. */
  readonly name: string | undefined;
  /** SHA-256 of the old file when it was checked. */
  readonly sha256: Uint8Array;
  readonly signal: AbortSignal;
  /** Called with how much of the old file has been read. */
  readonly onProgress: (bytes: number) => void;
}

export interface Upgraded extends RecordingSummary {
  readonly uid: string;
  readonly engine: EngineInfo;
  readonly source: SourceInfo;
  readonly blocks: number;
  readonly contentBytes: number;
  readonly contentSha256: Uint8Array;
  /** From the first block to the end of the last one; 0 where there is none. */
  readonly startPts: number;
  readonly endPts: number;
}

const TRACK = 0;

/** The end of the longest duration that a token can state. */
const MAX_DURATION = 2 ** 32 - 1;

/**
 * What a content uid is made from besides the old file (h4mk.md 5.3). The content of a masked file depends on the key, too:
 * then its hash belongs there, and never anything made from the key itself.
 */
export function upgradeParameters(
  engine: CompressionEngine,
  name: string | undefined,
  contentSha256: Uint8Array | undefined,
): JsonObject {
  const { engine_id, fingerprint } = engine.info();
  return {
    engine: { engine_id, fingerprint },
    importer: 'legacy',
    name: name ?? null,
    unmasked: contentSha256 === undefined ? null : toHex(contentSha256),
    writer: `harmony4/${VERSION}`,
  };
}

/** Writes the content of `reader`, which reads `source`, as a recording into `sink`, and commits it. */
export async function upgradeLegacy(
  reader: LegacyReader,
  source: ByteSource,
  sink: ByteSink,
  plan: UpgradePlan,
): Promise<Upgraded> {
  const { engine, uid, name, signal, onProgress } = plan;
  const track = trackOf(reader);
  const builder = await H4MKBuilder.create(sink, { engine, tracks: [track], uid, meta: { legacy: keptOf(reader) } });
  const frameMicros = legacyFrameMicros(reader.layout.meta) ?? 0;
  const hash = createSha256();
  let [blocks, contentBytes, startPts, endPts] = [0, 0, 0, 0];
  const add = async ({ pts, key, bytes }: LegacyContent, nextPts: number): Promise<void> => {
    const duration = nextPts - pts > MAX_DURATION ? 0 : nextPts - pts;
    await builder.addBlock({ track: TRACK, tokens: [{ pts, key, duration, size: bytes.length }], bytes });
    endPts = pts + duration;
  };
  // A block lasts until the next one, so that it is written when that has come.
  let last: LegacyContent | undefined;
  for await (const block of reader.blocks({}, signal)) {
    signal.throwIfAborted();
    if (last !== undefined) await add(last, block.pts);
    if (last === undefined) startPts = block.pts;
    last = block;
    hash.update(block.bytes);
    blocks++;
    contentBytes += block.raw;
    onProgress(block.offset + block.size);
  }
  if (last !== undefined) await add(last, Math.min(last.pts + frameMicros, Number.MAX_SAFE_INTEGER));
  if (!equalBytes(await hashOf(source, signal), plan.sha256)) {
    throw new H4Error(
      'H4_IO',
      'Cannot upgrade the file: it changed while it was read; upgrade a copy that nobody writes to',
    );
  }
  const origin: SourceInfo = {
    ...(name === undefined ? {} : { name }),
    bytes: source.size,
    sha256: toHex(plan.sha256),
    media_type: H4MK_MEDIA_TYPE,
  };
  const summary = await builder.close({ source: origin });
  const content = { blocks, contentBytes, contentSha256: hash.digest(), startPts, endPts };
  return { ...summary, uid, engine: engine.info(), source: origin, ...content };
}

/** SHA-256 of everything in `source`. */
export async function hashOf(source: ByteSource, signal: AbortSignal): Promise<Uint8Array> {
  if (canHashSource(source)) return source.sha256(0, source.size, signal);
  const feed = createSourceFeed(source, { signal });
  const hash = createSha256();
  for (let piece = await feed.next(); piece !== undefined; piece = await feed.next()) hash.update(piece);
  return hash.digest();
}

/** SHA-256 of the content, by a pass of its own. */
export async function contentHashOf(reader: LegacyReader, signal: AbortSignal): Promise<Uint8Array> {
  const hash = createSha256();
  for await (const { bytes } of reader.blocks({}, signal)) hash.update(bytes);
  return hash.digest();
}

/**
 * The one track, with what META says of it. It is never opaque: the track of that kind is the source itself, byte for byte,
 * and the source here is a container.
 */
function trackOf({ layout: { meta } }: LegacyReader): TrackInfo {
  const { domain, block_size } = meta.json;
  const gop = legacyGop(meta);
  return {
    id: TRACK,
    kind: domain === 'video-transport' ? 'video' : 'data',
    ...(isPositive(block_size) ? { block_size } : {}),
    ...frameRateOf(meta.json['fps_hint']),
    ...(gop === undefined ? {} : { gop }),
  };
}

const isPositive = (value: JsonValue | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) > 0;

function frameRateOf(fps: JsonValue | undefined): Pick<TrackInfo, 'fps_hint'> {
  if (typeof fps !== 'number') return {};
  try {
    return { fps_hint: toFrameRate(fps) };
  } catch (error) {
    // A rate that has no exact fraction is kept with the old META only.
    if (!isH4Error(error, 'H4_PARAM')) throw error;
    return {};
  }
}

/** META, SAFE and VERI of the old file. As text, because their numbers need not have a canonical form (h4mk.md 4). */
function keptOf({ layout }: LegacyReader): JsonObject {
  const { meta, metaBytes, safeBytes, veri, hasSafe } = layout;
  if (hasSafe && safeBytes === undefined) {
    throw new H4Error('H4_LIMIT_META', 'Cannot upgrade the file: its SAFE is longer than a META record may be');
  }
  return {
    form: 'H4MK v1 legacy',
    ...(metaBytes === undefined ? {} : { meta: utf8Decode(metaBytes) }),
    ...(safeBytes === undefined ? {} : keptSafe(safeBytes)),
    ...(veri === undefined ? {} : { veri: toHex(veri) }),
    ...(meta.isMasked ? { unmasked: true } : {}),
  };
}

/** SAFE may hold anything; where it is no text, base64 keeps it. */
function keptSafe(bytes: Uint8Array): JsonObject {
  try {
    return { safe: utf8Decode(bytes) };
  } catch (error) {
    if (!isH4Error(error)) throw error;
    return { safe_b64: toBase64(bytes) };
  }
}
