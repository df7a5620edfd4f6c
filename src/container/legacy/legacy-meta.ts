/** What META says in a legacy file (spec/h4mk.md section 13, rules 3 to 6). */
import { H4Error } from '../../utils/error.js';
import { type JsonObject, isJsonObject } from '../../utils/json-value.js';
import { parseStrictJson } from '../../utils/strict-json.js';
import type { Limits } from '../format/limits.js';

/** The one engine of legacy files: each CORE is a sequence of run-length pairs. */
export const LEGACY_ENGINE = 'geometric-reference';

export interface LegacyMeta {
  /** `compression.engine`, where it is a string. */
  readonly engine: string | undefined;
  readonly isMasked: boolean;
  /** Whether there is an `encryption`. Nobody can decode such blocks: the state they were written with was never stored. */
  readonly isEncrypted: boolean;
  readonly json: JsonObject;
}

/** What a legacy file without META means. */
export const LEGACY_DEFAULTS: LegacyMeta = Object.freeze({
  engine: LEGACY_ENGINE,
  isMasked: false,
  isEncrypted: false,
  json: Object.freeze({}),
});

/** Numbers may be fractions or exceed 2^53, so the form of RFC 8785 is not asked for. */
export const parseLegacyMeta = (bytes: Uint8Array, limits: Limits): LegacyMeta => {
  const json = parseStrictJson(bytes, { maxBytes: limits.maxMetaBytes, maxDepth: limits.maxJsonDepth });
  if (!isJsonObject(json)) throw new H4Error('H4_META_JSON', 'META is JSON, but not an object');
  const { compression, masked = false, encryption } = json;
  if (typeof masked !== 'boolean') throw new H4Error('H4_META_FIELD', 'META masked must be true or false');
  const engine = compression !== undefined && isJsonObject(compression) ? compression['engine'] : undefined;
  return {
    engine: typeof engine === 'string' ? engine : undefined,
    isMasked: masked,
    isEncrypted: encryption !== undefined,
    json,
  };
};

/** Characters of a name from the file that a message repeats. */
const MAX_SHOWN = 80;

/** The name of an engine as a message shows it. */
export const shownEngine = (engine: string | undefined): string => JSON.stringify(engine ?? null).slice(0, MAX_SHOWN);
