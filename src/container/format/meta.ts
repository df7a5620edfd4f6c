/**
 * META: what a recording says of itself (spec/h4mk.md section 5). Record 0 fixes engine, timebase and identity; later META
 * records may add tracks and key epochs and mark the end. Hashes are over the bytes as stored, nothing is re-serialised.
 */
import { equalBytes, toHex } from '../../utils/bytes.js';
import { canonicalJsonBytes } from '../../utils/canonical-json.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { type JsonObject, type JsonValue, isJsonObject } from '../../utils/json-value.js';
import { sha256 } from '../../utils/sha256.js';
import { parseStrictJson } from '../../utils/strict-json.js';
import type { EngineInfo } from '../../compression/api/engine.js';
import type { Limits } from './limits.js';
import { assertEndFields, assertKeys, assertRecordZero, assertTracks, jsonEqual } from './meta-rules.js';
import type { TrackTotal } from './track-ledger.js';

export interface TrackInfo {
  readonly id: number;
  readonly kind: 'video' | 'audio' | 'data' | 'opaque';
  readonly codec?: string;
  readonly timescale?: number;
  readonly description?: string;
  readonly width?: number;
  readonly height?: number;
  readonly sample_rate?: number;
  readonly channels?: number;
  readonly language?: string;
  readonly name?: string;
  readonly block_size?: number;
  readonly fps_hint?: readonly [number, number];
  readonly gop?: number;
}

/** The file a recording was made from, named in the end record. */
export interface SourceInfo {
  readonly name?: string;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly media_type?: string;
}

export interface ClockInfo {
  readonly utc_us: number;
  readonly at_pts: number;
  readonly source: string;
}

export interface KeyEpoch {
  readonly epoch: number;
  readonly salt: string;
  readonly commit: string;
}

/** The registered part of record 0; unknown keys are kept in the JSON beside it. */
export interface RecordingInfo {
  readonly compression: EngineInfo;
  readonly uid: string;
  readonly timebase: readonly [number, number];
  readonly seekTrack: number;
  /** Units added to every PTS of the source; 0 if the file names none. */
  readonly shift: number;
}

export const ZERO_UID = '0'.repeat(32);

export interface ParsedMeta {
  readonly json: JsonObject;
  /** Whether the bytes are in RFC 8785 form; if not, a reader warns. */
  readonly canonical: boolean;
}

/** Parses META or SAFE-scopes bytes: strict UTF-8 JSON, an object, within the limits. */
export const parseMeta = (bytes: Uint8Array, limits: Limits): ParsedMeta => {
  const json = parseStrictJson(bytes, { maxBytes: limits.maxMetaBytes, maxDepth: limits.maxJsonDepth });
  if (!isJsonObject(json)) throw new H4Error('H4_META_JSON', 'META is JSON, but not an object');
  return { json, canonical: isCanonical(bytes, json) };
};

const isCanonical = (bytes: Uint8Array, json: JsonValue): boolean => {
  try {
    return equalBytes(bytes, canonicalJsonBytes(json));
  } catch (error) {
    // Fractions and integers beyond 2^53 have no canonical form here.
    if (!isH4Error(error)) throw error;
    return false;
  }
};

/** The value of a key that may be absent. */
const objectAt = (json: JsonObject, key: string): JsonObject => {
  const value = json[key];
  if (value === undefined) return Object.create(null) as JsonObject;
  if (!isJsonObject(value)) throw new H4Error('H4_META_FIELD', `META ${key} must be an object`);
  return value;
};

/** Keys of `h4mk` that must not change after record 0; an absent one counts as a value of its own. */
const FIXED_KEYS = ['v', 'uid', 'timebase', 'seek_track', 'shift'] as const;

interface FirstMeta {
  readonly json: JsonObject;
  readonly h4mk: JsonObject;
  readonly info: RecordingInfo;
}

/**
 * The META records of one file, applied in order. The first one applied must be that of record 0; each must keep the
 * rules of section 5, else H4_META_FIELD or H4_KEYS_EPOCH and nothing of it counts.
 */
export class MetaLedger {
  #first: FirstMeta | undefined;
  readonly #tracks = new Map<number, JsonObject>();
  readonly #epochs = new Map<number, KeyEpoch>();
  #source: SourceInfo | undefined;
  #clock: ClockInfo | undefined;
  #totals: readonly TrackTotal[] | undefined;
  #ended = false;

  get info(): RecordingInfo | undefined {
    return this.#first?.info;
  }

  /** Everything record 0 says, unknown keys included. */
  get recordZero(): JsonObject | undefined {
    return this.#first?.json;
  }

  get tracks(): TrackInfo[] {
    return [...this.#tracks.values()] as unknown as TrackInfo[];
  }

  get epochs(): readonly KeyEpoch[] {
    return [...this.#epochs.values()];
  }

  get source(): SourceInfo | undefined {
    return this.#source;
  }

  /** The latest claim of what time of day a PTS was. */
  get clock(): ClockInfo | undefined {
    return this.#clock;
  }

  /** Totals of the end record, where it has them: exact in a file that passes its check. */
  get totals(): readonly TrackTotal[] | undefined {
    return this.#totals;
  }

  get ended(): boolean {
    return this.#ended;
  }

  hasTrack(id: number): boolean {
    return this.#tracks.has(id);
  }

  hasEpoch(epoch: number): boolean {
    return this.#epochs.has(epoch);
  }

  epoch(epoch: number): KeyEpoch | undefined {
    return this.#epochs.get(epoch);
  }

  /** @param totals what the records so far add up to, to be compared with the end record's claim; unknown to an indexed reader */
  apply(json: JsonObject, totals: readonly TrackTotal[] | undefined): void {
    const h4mk = objectAt(json, 'h4mk');
    const info = this.#first === undefined ? assertRecordZero(json, h4mk) : undefined;
    if (this.#first !== undefined) assertUnchanged(this.#first, json, h4mk);
    const tracks = assertTracks(h4mk['tracks']);
    for (const [id, track] of tracks) {
      const listed = this.#tracks.get(id);
      if (listed !== undefined && !jsonEqual(listed, track)) {
        throw new H4Error('H4_META_FIELD', `META lists track ${id} again with other values`);
      }
    }
    const epochs = assertKeys(json['keys']);
    for (const { epoch } of epochs) {
      if (this.#epochs.has(epoch)) throw new H4Error('H4_KEYS_EPOCH', `META lists key epoch ${epoch} a second time`);
    }
    const end = assertEndFields(h4mk, totals);
    if (end.ended && info !== undefined) throw new H4Error('H4_META_FIELD', 'Record 0 cannot be the end record');

    if (info !== undefined) this.#first = { json, h4mk, info };
    for (const [id, track] of tracks) this.#tracks.set(id, track);
    for (const epoch of epochs) this.#epochs.set(epoch.epoch, epoch);
    this.#source = end.source ?? this.#source;
    this.#clock = end.clock ?? this.#clock;
    this.#totals = end.totals ?? this.#totals;
    this.#ended ||= end.ended;
  }
}

/** Refuses a later META that says something else than record 0. */
const assertUnchanged = (first: FirstMeta, json: JsonObject, h4mk: JsonObject): void => {
  if (json['compression'] !== undefined && !jsonEqual(json['compression'], first.json['compression'])) {
    throw new H4Error('H4_META_FIELD', 'A later META names another compression than record 0');
  }
  for (const key of FIXED_KEYS) {
    if (h4mk[key] !== undefined && !jsonEqual(h4mk[key], first.h4mk[key])) {
      throw new H4Error('H4_META_FIELD', `A later META changes h4mk.${key} of record 0`);
    }
  }
};

/** What a writer puts into record 0. */
export interface RecordZeroInput {
  readonly compression: EngineInfo;
  readonly uid: string;
  readonly timebase?: readonly [number, number];
  readonly seekTrack: number;
  readonly shift?: number;
  readonly clock?: ClockInfo;
  readonly tracks: readonly TrackInfo[];
  readonly keys?: readonly KeyEpoch[];
}

export const recordZeroJson = (input: RecordZeroInput): JsonObject => {
  const { engine, engine_id, fingerprint, deterministic, identity_safe, opaque, sealed, seal_level } =
    input.compression;
  const json: Record<string, unknown> = {
    compression: { engine, engine_id, fingerprint, deterministic, identity_safe, opaque, sealed, seal_level },
    h4mk: {
      v: 1,
      uid: input.uid,
      timebase: [...(input.timebase ?? [1, 1_000_000])],
      seek_track: input.seekTrack,
      ...(input.shift === undefined ? {} : { shift: input.shift }),
      ...(input.clock === undefined ? {} : { clock: input.clock }),
      tracks: input.tracks,
    },
    ...(input.keys === undefined ? {} : { keys: input.keys }),
  };
  return json as JsonObject;
};

/**
 * The uid of a recording made from a file that may be signed (section 5.3): the same input and parameters give the same
 * uid, different inputs different ones. `parameters` must hold everything that can change a byte of a later record.
 */
export const contentUid = (inputSha256: Uint8Array, parameters: JsonObject): string =>
  toHex(sha256(UID_LABEL, inputSha256, canonicalJsonBytes(parameters))).slice(0, 32);

const UID_LABEL = Uint8Array.from('h4mk/v1/uid', (c) => c.charCodeAt(0));
