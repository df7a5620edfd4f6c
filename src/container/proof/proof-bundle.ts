/**
 * Proofs that travel without their file: what an untrusted server hands over so that a client can check the answer to a seek or
 * a byte range (spec/h4mk.md sections 9.4 and 9.5; docs/reference/proofs.md; spec/proof.schema.json). A bundle holds a signed
 * checkpoint, record 0, and runs of neighbouring records with the range proof of each. It claims nothing: whoever checks it
 * brings the question.
 */
import { fromBase64, toBase64 } from '../../utils/bytes.js';
import { canonicalJsonBytes } from '../../utils/canonical-json.js';
import { H4Error } from '../../utils/error.js';
import { type JsonObject, type JsonValue, isJsonObject } from '../../utils/json-value.js';
import { parseStrictJson } from '../../utils/strict-json.js';
import { BLIND_BYTES, HASH_BYTES, TOKEN_BYTES, TOKN_HEAD_BYTES } from '../format/layout.js';
import { DEFAULT_LIMITS, type Limits } from '../format/limits.js';
import { MAX_NOTE_BYTES } from '../format/note.js';
import { assertRange, rangeProofNodes } from '../tree/range-proof.js';

export const PROOF_FORMAT = 'h4mk-proof-v1';

export type ProofKind = 'seek' | 'range';

export interface BundledRecord {
  /** The leaf of the tree: TOKN without its blind. */
  readonly entry: Uint8Array;
  readonly blind?: Uint8Array;
  /** As it stands in the file; absent where it is not shown, or was redacted. */
  readonly payload?: Uint8Array;
}

/** Neighbouring records, and the hashes that prove them under the checkpoint. */
export interface BundledRun {
  readonly first: number;
  readonly hashes: readonly Uint8Array[];
  readonly records: readonly BundledRecord[];
}

export interface ProofBundle {
  readonly kind: ProofKind;
  /** The payload of a SIGN. */
  readonly checkpoint: Uint8Array;
  readonly recordZero: { readonly entry: Uint8Array; readonly payload: Uint8Array };
  /** In ascending order, none touching another. */
  readonly runs: readonly BundledRun[];
}

/** The most records that a bundle may hold. */
export const MAX_BUNDLED_RECORDS = 65_536;
const MAX_DEPTH = 6;

/** The bundle as JSON in its canonical form: the same proof has the same bytes. */
export const encodeProof = ({ kind, checkpoint, recordZero, runs }: ProofBundle): Uint8Array =>
  canonicalJsonBytes({
    format: PROOF_FORMAT,
    kind,
    checkpoint: toBase64(checkpoint),
    record_zero: { entry: toBase64(recordZero.entry), payload: toBase64(recordZero.payload) },
    runs: runs.map(({ first, hashes, records }) => ({
      first,
      hashes: hashes.map(toBase64),
      records: records.map(({ entry, blind, payload }) => ({
        entry: toBase64(entry),
        ...(blind === undefined ? {} : { blind: toBase64(blind) }),
        ...(payload === undefined ? {} : { payload: toBase64(payload) }),
      })),
    })),
  });

/**
 * Parses what anybody may have sent. H4_META_JSON for what is no strict JSON, H4_LIMIT_META if it has more than `maxBytes`,
 * H4_PROOF_INVALID for any other form, and the limit of its own for a record that is too large. It says nothing about truth.
 */
export const parseProof = (bytes: Uint8Array, limits: Limits = DEFAULT_LIMITS): ProofBundle => {
  // Base64 is 4/3 as long, and so is what stands around the payload of one block at the limit.
  const json = parseStrictJson(bytes, { maxBytes: 2 * limits.maxChunkBytes, maxDepth: MAX_DEPTH });
  const bundle = objectOf(json, 'the proof', ['format', 'kind', 'checkpoint', 'record_zero', 'runs']);
  if (bundle['format'] !== PROOF_FORMAT) refuse(`is not of the format ${PROOF_FORMAT}`);
  const kind = bundle['kind'];
  if (kind !== 'seek' && kind !== 'range') return refuse('is neither of a seek nor of a range');
  const zero = objectOf(bundle['record_zero'], 'record_zero', ['entry', 'payload']);
  const parser = new RunParser(limits);
  return {
    kind,
    checkpoint: bytesOf(bundle['checkpoint'], 'checkpoint', MAX_NOTE_BYTES),
    recordZero: {
      entry: bytesOf(zero['entry'], 'record_zero.entry', TOKN_HEAD_BYTES),
      payload: bytesOf(zero['payload'], 'record_zero.payload', limits.maxMetaBytes),
    },
    runs: arrayOf(bundle['runs'], 'runs').map((run) => parser.parse(run)),
  };
};

class RunParser {
  readonly #limits: Limits;
  /** The first record that the next run may begin with. */
  #next = 0;
  #records = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  parse(json: JsonValue): BundledRun {
    const run = objectOf(json, 'a run', ['first', 'hashes', 'records']);
    const first = run['first'];
    if (typeof first !== 'number' || !Number.isSafeInteger(first) || first < this.#next) {
      return refuse('has a run that does not begin behind the one before it');
    }
    const records = arrayOf(run['records'], 'records');
    this.#records += records.length;
    if (this.#records > MAX_BUNDLED_RECORDS) {
      const message = `The proof holds more than ${MAX_BUNDLED_RECORDS} records`;
      throw new H4Error('H4_LIMIT_RECORDS', message);
    }
    this.#next = first + records.length + 1;
    const hashes = arrayOf(run['hashes'], 'hashes').map((hash) => bytesOf(hash, 'a hash', HASH_BYTES));
    return { first, hashes, records: records.map((record) => this.#record(record)) };
  }

  #record(json: JsonValue): BundledRecord {
    const { maxTokens, maxChunkBytes } = this.#limits;
    const record = objectOf(json, 'a record', ['entry'], ['blind', 'payload']);
    const { blind, payload } = record;
    return {
      entry: bytesOf(record['entry'], 'an entry', TOKN_HEAD_BYTES + TOKEN_BYTES * maxTokens),
      ...(blind === undefined ? {} : { blind: bytesOf(blind, 'a blind', BLIND_BYTES) }),
      ...(payload === undefined ? {} : { payload: bytesOf(payload, 'a payload', maxChunkBytes) }),
    };
  }
}

/** Refuses a run that no tree of `size` records has, before a hash is computed for it. */
export const assertRun = ({ first, hashes, records }: BundledRun, size: number): void => {
  assertRange({ size, first, count: records.length });
  const needed = rangeProofNodes(first, first + records.length, size).length;
  if (hashes.length !== needed) refuse(`has a run with ${hashes.length} hashes; exactly ${needed} are needed`);
};

const refuse = (why: string): never => {
  throw new H4Error('H4_PROOF_INVALID', `The proof ${why}`);
};

/** An object with exactly these keys; those of `optional` may be absent. */
const objectOf = (
  json: JsonValue | undefined,
  what: string,
  required: readonly string[],
  optional: readonly string[] = [],
): JsonObject => {
  if (json === undefined || !isJsonObject(json)) return refuse(`has no object for ${what}`);
  const missing = required.find((key) => json[key] === undefined);
  if (missing !== undefined) refuse(`lacks ${missing} in ${what}`);
  if (Object.keys(json).length > required.length + optional.filter((key) => json[key] !== undefined).length) {
    refuse(`has a key in ${what} that its format does not know`);
  }
  return json;
};

/** `Array.isArray` forgets the element type of a readonly array. */
const isArray = (json: JsonValue | undefined): json is readonly JsonValue[] => Array.isArray(json);

const arrayOf = (json: JsonValue | undefined, what: string): readonly JsonValue[] =>
  isArray(json) ? json : refuse(`has no array of ${what}`);

/** Strict base64 of at most so many bytes. */
const bytesOf = (json: JsonValue | undefined, what: string, most: number): Uint8Array => {
  if (typeof json !== 'string') return refuse(`has no base64 for ${what}`);
  if (json.length > 4 * Math.ceil(most / 3)) refuse(`has more than ${most} bytes for ${what}`);
  return fromBase64(json, { code: 'H4_PROOF_INVALID', what });
};
