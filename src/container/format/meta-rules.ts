/** Types and ranges of the registered META keys (spec/h4mk.md section 5.2). Unknown keys pass untouched everywhere. */
import type { EngineInfo } from '../../compression/api/engine.js';
import { fromBase64 } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { type JsonObject, type JsonValue, isJsonObject } from '../../utils/json-value.js';
import { MAX_MEDIA_TRACK } from './layout.js';
import type { ClockInfo, KeyEpoch, RecordingInfo, SourceInfo } from './meta.js';
import type { TrackTotal } from './track-ledger.js';

type Rule = (value: JsonValue) => boolean;

const isInteger =
  (low: number, high: number = Number.MAX_SAFE_INTEGER): Rule =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high;
const isText: Rule = (value) => typeof value === 'string';
const isBool: Rule = (value) => typeof value === 'boolean';
const matches =
  (pattern: RegExp): Rule =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const isHex = (digits: number): Rule => matches(new RegExp(`^[0-9a-f]{${digits}}$`));
const isRatio: Rule = (value) => isArray(value) && value.length === 2 && value.every(isInteger(1));
const isPositive = isInteger(1);
const isBase64: Rule = (value) => {
  try {
    return typeof value === 'string' && fromBase64(value).length >= 0;
  } catch {
    return false;
  }
};

const TRACK_KINDS: readonly JsonValue[] = ['video', 'audio', 'data', 'opaque'];

const COMPRESSION_RULES: Readonly<Record<string, Rule>> = {
  engine: isText,
  engine_id: matches(/^[A-Za-z0-9._:@/+-]{1,128}$/),
  fingerprint: isHex(64),
  deterministic: isBool,
  identity_safe: isBool,
  opaque: isBool,
  sealed: isBool,
  seal_level: isInteger(0, 3),
};

const RECORD_ZERO_RULES: Readonly<Record<string, Rule>> = {
  v: (value) => value === 1,
  uid: isHex(32),
  timebase: isRatio,
  seek_track: isInteger(0, MAX_MEDIA_TRACK),
};

const TRACK_RULES: Readonly<Record<string, Rule>> = {
  id: isInteger(0, MAX_MEDIA_TRACK),
  kind: (value) => TRACK_KINDS.includes(value),
};

const OPTIONAL_TRACK_RULES: Readonly<Record<string, Rule>> = {
  codec: isText,
  timescale: isPositive,
  description: isBase64,
  width: isPositive,
  height: isPositive,
  sample_rate: isPositive,
  channels: isPositive,
  language: isText,
  name: isText,
  block_size: isPositive,
  fps_hint: isRatio,
  gop: isPositive,
};

const SOURCE_RULES: Readonly<Record<string, Rule>> = {
  name: isText,
  bytes: isInteger(0),
  sha256: isHex(64),
  media_type: isText,
};

const CLOCK_RULES: Readonly<Record<string, Rule>> = { utc_us: isInteger(0), at_pts: isInteger(0), source: isText };

const KEY_RULES: Readonly<Record<string, Rule>> = { epoch: isInteger(0, 0xffff), salt: isHex(64), commit: isHex(64) };

const TOTAL_RULES: Readonly<Record<string, Rule>> = {
  track: isInteger(0, MAX_MEDIA_TRACK),
  records: isInteger(0),
  raw: isInteger(0),
};

/** The beginning of a value, as a string of its own: a slice would keep the whole text alive as long as the message. */
const shown = (value: JsonValue): string => Array.from(JSON.stringify(value).slice(0, 80)).join('');

const refuse = (message: string): never => {
  throw new H4Error('H4_META_FIELD', message);
};

/** Compares the keys that have a rule; a missing one is refused unless `optional`. */
const assertRules = (
  object: JsonObject,
  rules: Readonly<Record<string, Rule>>,
  where: string,
  optional = false,
): void => {
  for (const [key, rule] of Object.entries(rules)) {
    const value = object[key];
    if (value === undefined) {
      if (!optional) refuse(`META lacks ${where}.${key}`);
    } else if (!rule(value)) {
      refuse(`META has a wrong value for ${where}.${key}: ${shown(value)}`);
    }
  }
};

const asObject = (value: JsonValue | undefined, where: string): JsonObject =>
  value !== undefined && isJsonObject(value) ? value : refuse(`META lacks ${where}, or it is not an object`);

/** `Array.isArray` forgets the element type of a readonly array. */
const isArray = (value: JsonValue | undefined): value is readonly JsonValue[] => Array.isArray(value);

const asArray = (value: JsonValue, where: string): readonly JsonValue[] =>
  isArray(value) ? value : refuse(`META ${where} must be an array`);

export const assertRecordZero = (json: JsonObject, h4mk: JsonObject): RecordingInfo => {
  const compression = asObject(json['compression'], 'compression');
  assertRules(compression, COMPRESSION_RULES, 'compression');
  if (compression['sealed'] !== (compression['seal_level'] === 3)) {
    refuse('META compression.sealed must be true exactly at seal_level 3');
  }
  assertRules(h4mk, RECORD_ZERO_RULES, 'h4mk');
  assertRules(h4mk, { shift: isInteger(0) }, 'h4mk', true);
  return {
    compression: compression as unknown as EngineInfo,
    uid: h4mk['uid'] as string,
    timebase: h4mk['timebase'] as unknown as readonly [number, number],
    seekTrack: h4mk['seek_track'] as number,
    shift: (h4mk['shift'] as number | undefined) ?? 0,
  };
};

/** Tracks listed in one META, by id; listed twice with different values is refused. */
export const assertTracks = (value: JsonValue | undefined): ReadonlyMap<number, JsonObject> => {
  const tracks = new Map<number, JsonObject>();
  if (value === undefined) return tracks;
  for (const item of asArray(value, 'h4mk.tracks')) {
    const track = asObject(item, 'h4mk.tracks[]');
    assertRules(track, TRACK_RULES, 'h4mk.tracks[]');
    assertRules(track, OPTIONAL_TRACK_RULES, 'h4mk.tracks[]', true);
    const id = track['id'] as number;
    const listed = tracks.get(id);
    if (listed !== undefined && !jsonEqual(listed, track)) refuse(`META lists track ${id} twice with different values`);
    tracks.set(id, track);
  }
  return tracks;
};

export const assertKeys = (value: JsonValue | undefined): readonly KeyEpoch[] => {
  if (value === undefined) return [];
  const epochs = new Map<number, KeyEpoch>();
  for (const item of asArray(value, 'keys')) {
    const key = asObject(item, 'keys[]');
    assertRules(key, KEY_RULES, 'keys[]');
    const listed = key as unknown as KeyEpoch;
    if (epochs.has(listed.epoch)) throw new H4Error('H4_KEYS_EPOCH', `META lists key epoch ${listed.epoch} twice`);
    epochs.set(listed.epoch, listed);
  }
  return [...epochs.values()];
};

/** What a META says about the end of the recording, its origin and its sums. */
export const assertEndFields = (
  h4mk: JsonObject,
  counted: readonly TrackTotal[] | undefined,
): {
  readonly ended: boolean;
  readonly source?: SourceInfo;
  readonly clock?: ClockInfo;
  readonly totals?: readonly TrackTotal[];
} => {
  const { end, source, clock, totals } = h4mk;
  if (end !== undefined && end !== true) refuse('META h4mk.end must be true where it is present');
  if (source !== undefined) assertRules(asObject(source, 'h4mk.source'), SOURCE_RULES, 'h4mk.source', true);
  if (clock !== undefined) assertRules(asObject(clock, 'h4mk.clock'), CLOCK_RULES, 'h4mk.clock', true);
  if (totals !== undefined) assertTotals(totals, counted);
  return {
    ended: end === true,
    ...(source === undefined ? {} : { source: source as SourceInfo }),
    ...(clock === undefined ? {} : { clock: clock as unknown as ClockInfo }),
    ...(totals === undefined ? {} : { totals: totals as unknown as readonly TrackTotal[] }),
  };
};

const assertTotals = (value: JsonValue, counted: readonly TrackTotal[] | undefined): void => {
  const totals = asArray(value, 'h4mk.totals');
  for (const item of totals) assertRules(asObject(item, 'h4mk.totals[]'), TOTAL_RULES, 'h4mk.totals[]');
  if (counted === undefined) return;
  if (totals.length !== counted.length) {
    refuse(`META h4mk.totals lists ${totals.length} tracks, but ${counted.length} have records`);
  }
  for (const [i, item] of totals.entries()) {
    const total = item as unknown as TrackTotal;
    const real = counted[i];
    if (real?.track !== total.track || real.records !== total.records || real.raw !== total.raw) {
      refuse(`META h4mk.totals[${i}] is ${JSON.stringify(total)}, but the records add up to ${JSON.stringify(real)}`);
    }
  }
};

/** Whether two JSON values are the same as written; the order of object keys does not count. */
export const jsonEqual = (a: JsonValue | undefined, b: JsonValue | undefined): boolean => {
  if (isArray(a) && isArray(b)) return a.length === b.length && a.every((item, i) => jsonEqual(item, b[i]));
  if (a !== undefined && b !== undefined && isJsonObject(a) && isJsonObject(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => key in b && jsonEqual(a[key], b[key]));
  }
  return a === b;
};
