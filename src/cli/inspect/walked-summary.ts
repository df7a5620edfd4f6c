/** The summary of a file without a usable index: everything is counted on one walk, which ends where the file breaks. */
import type { ChunkInfo } from '../../container/format/chunk.js';
import { HEADER_BYTES, SEEK_HEAD_BYTES, TAIL_STATE, isMediaMode } from '../../container/format/layout.js';
import { DEFAULT_LIMITS } from '../../container/format/limits.js';
import { LEGACY_DEFAULTS, parseLegacyMeta } from '../../container/legacy/legacy-meta.js';
import { leafHash } from '../../container/tree/merkle.js';
import { MetaLedger, parseMeta } from '../../container/format/meta.js';
import { type Tail, parseTail } from '../../container/format/tail.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import type { JsonObject } from '../../utils/json-value.js';
import { type FileWalker, type WalkedRecord, isFileFault } from '../walk.js';
import type { LegacySummary } from './legacy-summary.js';
import { type Summary, type TrackSummary, spanOf } from './summary.js';

/** Of SAFE in a legacy file, which may hold anything, so much is shown. */
const MAX_SAFE_SHOWN = 4096;

const utf8Lossy = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** Walks the whole file. Its first fault becomes part of the summary. */
export async function walkedSummary(walker: FileWalker): Promise<Summary> {
  const tally = new Tally(walker);
  let error: H4Error | undefined;
  /** Notes the first fault of the file. What a chunk holds may be wrong without the next one being out of reach. */
  const tolerate = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (thrown) {
      if (!isFileFault(thrown)) throw thrown;
      error ??= thrown;
    }
  };
  await tolerate(async () => {
    for await (const { chunk, record } of walker.records()) {
      await tolerate(() => tally.chunk(chunk));
      if (record !== undefined) await tolerate(() => tally.record(record));
    }
    if (tally.isEmpty)
      throw new H4Error('H4_NO_RECORDS', 'The file ends after its header: there is not one chunk in it');
  });
  return tally.summary(error);
}

interface TrackTally {
  records: number;
  raw: number;
  start: number;
  end: number;
}

class Tally {
  readonly #walker: FileWalker;
  readonly #metas = new MetaLedger();
  readonly #tracks = new Map<number, TrackTally>();
  readonly #levels = new Set<number>();
  #first: string | undefined;
  #records = 0;
  #fileId: string | undefined;
  #tail: Tail | undefined;
  #isLastTail = false;
  #hasProof = false;
  #signed = false;
  #seekEntries: number | undefined;
  #legacy: LegacySummary = {
    blocks: 0,
    blockBytes: 0,
    contentBytes: undefined,
    says: LEGACY_DEFAULTS,
    meta: undefined,
    safe: undefined,
    hasVeri: false,
  };

  constructor(walker: FileWalker) {
    this.#walker = walker;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  async chunk(chunk: ChunkInfo): Promise<void> {
    this.#first ??= chunk.tag;
    this.#isLastTail = chunk.tag === 'TAIL';
    switch (chunk.tag) {
      case 'TAIL':
        this.#tail = parseTail(await this.#walker.payload(chunk, chunk.size));
        break;
      case 'TILE':
        this.#levels.add((await this.#walker.payload(chunk, 1))[0] ?? 0);
        break;
      case 'SEEK':
        this.#seekEntries = await this.#countSeek(chunk);
        break;
      case 'SIGN':
        this.#signed = true;
        break;
      case 'PROF':
        this.#hasProof = true;
        break;
      default:
        if (this.#first !== 'TOKN') await this.#legacyChunk(chunk);
    }
  }

  async #countSeek(chunk: ChunkInfo): Promise<number | undefined> {
    if (chunk.size < SEEK_HEAD_BYTES) return undefined;
    const head = await this.#walker.payload(chunk, SEEK_HEAD_BYTES);
    return new DataView(head.buffer).getUint32(0);
  }

  async #legacyChunk(chunk: ChunkInfo): Promise<void> {
    const { blocks, blockBytes } = this.#legacy;
    if (chunk.tag === 'CORE')
      this.#legacy = { ...this.#legacy, blocks: blocks + 1, blockBytes: blockBytes + chunk.size };
    if (chunk.tag === 'META') await this.#legacyMeta(chunk);
    if (chunk.tag === 'SAFE') {
      const safe = utf8Lossy(await this.#walker.payload(chunk, MAX_SAFE_SHOWN));
      this.#legacy = { ...this.#legacy, safe };
    }
    if (chunk.tag === 'VERI') this.#legacy = { ...this.#legacy, hasVeri: true };
  }

  async #legacyMeta(chunk: ChunkInfo): Promise<void> {
    // Where it is refused, nothing is known.
    this.#legacy = { ...this.#legacy, says: undefined };
    // Refused by its size before a byte of it is read.
    const bytes = await this.#walker.payload(chunk, DEFAULT_LIMITS.maxMetaBytes + 1);
    const says = parseLegacyMeta(bytes, DEFAULT_LIMITS);
    this.#legacy = { ...this.#legacy, says, meta: says.json };
  }

  async #json(chunk: ChunkInfo): Promise<JsonObject> {
    // Refused by its size before a byte of it is read.
    const bytes = await this.#walker.payload(chunk, DEFAULT_LIMITS.maxMetaBytes + 1);
    return parseMeta(bytes, DEFAULT_LIMITS).json;
  }

  async record({ tokn, offset, payload }: WalkedRecord): Promise<void> {
    this.#records++;
    if (offset === HEADER_BYTES) this.#fileId = toHex(leafHash(tokn.entry));
    if (payload.tag === 'META') this.#metas.apply(await this.#json(payload), undefined);
    if (!isMediaMode(tokn.mode)) return;
    const { start, end } = spanOf(tokn);
    const track = this.#tracks.get(tokn.track) ?? { records: 0, raw: 0, start, end };
    track.records++;
    track.raw += tokn.raw;
    track.start = Math.min(track.start, start);
    track.end = Math.max(track.end, end);
    this.#tracks.set(tokn.track, track);
  }

  summary(error: H4Error | undefined): Summary {
    const format = this.#format();
    return {
      format,
      bytes: this.#walker.source.size,
      closed: format === 'H4MK v1 final',
      records: this.#records,
      tracks: this.#trackSummaries(),
      recording: this.#metas.info,
      source: this.#metas.source,
      keyEpochs: this.#metas.epochs.length,
      fileId: this.#fileId,
      statedRoot: this.#tail === undefined ? undefined : toHex(this.#tail.root),
      signed: this.#signed,
      seekEntries: this.#seekEntries,
      tileLevels: this.#levels.size,
      legacy: format === 'H4MK v1 legacy' ? this.#legacy : undefined,
      error,
    };
  }

  #format(): Summary['format'] {
    if (this.#first === undefined) return 'unknown';
    if (this.#first !== 'TOKN') return 'H4MK v1 legacy';
    if (this.#hasProof || this.#tail?.state === TAIL_STATE.slice) return 'H4MK v1 slice';
    return this.#isLastTail && this.#tail?.state === TAIL_STATE.final ? 'H4MK v1 final' : 'H4MK v1 live';
  }

  #trackSummaries(): TrackSummary[] {
    const infos = new Map(this.#metas.tracks.map((info) => [info.id, info]));
    const ids = [...new Set([...infos.keys(), ...this.#tracks.keys()])].sort((a, b) => a - b);
    return ids.map((id) => {
      const track = this.#tracks.get(id);
      const { records = 0, raw = 0 } = track ?? {};
      return { id, info: infos.get(id), records, raw, startPts: track?.start, endPts: track?.end };
    });
  }
}
