/**
 * Every error code there is, with its kind, and the two tables that turn a code into an HTTP status and an exit code.
 * The codes that a file can cause are those of section 17 of the specification. A code is stable: it is never renamed and
 * never reused for another meaning. `docs/reference/errors.md` shows this table to readers; a test compares the two.
 */

export type ErrorKind =
  'malformed' | 'tampered' | 'untrusted' | 'unsupported' | 'limit' | 'missing' | 'unavailable' | 'usage' | 'internal';

interface ErrorCodeEntry {
  readonly kind: ErrorKind;
  readonly meaning: string;
}

export const ERROR_CODES = {
  // File header and chunks: sections 2 and 3.
  H4_TOO_SHORT: { kind: 'malformed', meaning: 'The file is shorter than its 8-byte header.' },
  H4_BAD_MAGIC: { kind: 'malformed', meaning: 'The file does not begin with "H4MK".' },
  H4_BAD_VERSION: { kind: 'unsupported', meaning: 'The header names a version other than 1.' },
  H4_HEADER_RESERVED: { kind: 'malformed', meaning: 'The reserved bytes 6 and 7 of the header are not zero.' },
  H4_NO_RECORDS: { kind: 'missing', meaning: 'The file holds no whole chunk, or no whole record 0.' },
  H4_BAD_TAG: { kind: 'malformed', meaning: 'A byte of a chunk tag is not printable ASCII.' },
  H4_TRUNCATED: { kind: 'missing', meaning: 'The file ends inside a chunk.' },
  H4_INNER_DAMAGE: { kind: 'tampered', meaning: 'A chunk overruns a file that does end in a valid TAIL.' },
  H4_TRAILING_BYTES: { kind: 'malformed', meaning: 'A legacy file has fewer than 12 bytes after its VERI.' },
  H4_CRC_MISMATCH: { kind: 'tampered', meaning: 'The payload of a chunk does not have the CRC that the chunk states.' },
  H4_U64_RANGE: { kind: 'malformed', meaning: 'A 64-bit field, or the end of a block in its track, is above 2^63-1.' },
  H4_CHUNK_AFTER_VERI: { kind: 'malformed', meaning: 'VERI is followed by a chunk that must stand before it.' },
  H4_CHUNK_ORDER: { kind: 'malformed', meaning: 'A chunk stands where the grammar has no place for it.' },
  H4_CHUNK_DUPLICATE: { kind: 'malformed', meaning: 'A chunk that may occur once occurs again.' },
  H4_ORPHAN_PAYLOAD: { kind: 'malformed', meaning: 'A payload chunk has no TOKN directly before it.' },

  // Records: sections 4 to 6, 10 and 12.
  H4_TOKN_SIZE: { kind: 'malformed', meaning: 'The length of a TOKN does not follow from its token count and flags.' },
  H4_TOKN_SUITE: { kind: 'unsupported', meaning: 'A TOKN asks for a cryptographic suite other than 1.' },
  H4_TOKN_MODE: { kind: 'unsupported', meaning: 'A TOKN has a mode above 4.' },
  H4_TOKN_FLAGS: { kind: 'malformed', meaning: 'A TOKN sets a reserved flag or its reserved byte.' },
  H4_TOKN_FIELD: { kind: 'malformed', meaning: 'A field of a TOKN has a value that its mode does not allow.' },
  H4_TOKN_SUM: { kind: 'malformed', meaning: 'The token sizes of a block do not add up to its raw length.' },
  H4_TOKN_DELTA: { kind: 'malformed', meaning: 'The first token is wrong, or the time of a token is out of range.' },
  H4_TOKN_NO_PAYLOAD: { kind: 'missing', meaning: 'The file ends after a TOKN, before its payload.' },
  H4_TOKN_SEQ_GAP: { kind: 'tampered', meaning: 'A record does not carry the next record number.' },
  H4_TOKN_BACK: { kind: 'tampered', meaning: 'The back pointer of a record misses the last KEY record of its track.' },
  H4_TOKN_PTS_ORDER: { kind: 'malformed', meaning: 'The presentation times of a track are out of order.' },
  H4_TOKN_POS: { kind: 'tampered', meaning: 'A record does not begin where the one before it in the track ended.' },
  H4_PAYLOAD_TAG: {
    kind: 'malformed',
    meaning: 'The payload chunk is not of the sort that the mode of its TOKN wants.',
  },
  H4_PAYLOAD_SIZE: { kind: 'tampered', meaning: 'The payload is not as long as its TOKN says.' },
  H4_COMMIT_MISMATCH: { kind: 'tampered', meaning: 'The payload does not hash to the commitment in its TOKN.' },
  H4_RECORD0: {
    kind: 'malformed',
    meaning: 'Record 0 is not a plain META record at time 0, directly after the header.',
  },
  H4_VOID_PAYLOAD: {
    kind: 'malformed',
    meaning: 'A VOID holds a byte that is not zero, or has neither allowed length.',
  },
  H4_VOID_BLIND: { kind: 'malformed', meaning: 'A redacted record still carries its blind.' },
  H4_VOID_RECORD0: { kind: 'malformed', meaning: 'Record 0 has been redacted.' },
  H4_AFTER_END: { kind: 'malformed', meaning: 'A record follows the end record.' },
  H4_TRACK_UNDECLARED: { kind: 'malformed', meaning: 'A record belongs to a track that no META has declared so far.' },

  // JSON and keys: sections 5 and 12.
  H4_META_JSON: { kind: 'malformed', meaning: 'A JSON payload is not one strict UTF-8 JSON object.' },
  H4_META_FIELD: { kind: 'malformed', meaning: 'A registered JSON field is absent, invalid, or changed later on.' },
  H4_META_NOT_JCS: { kind: 'malformed', meaning: 'Warning: a JSON payload is not in the canonical form of RFC 8785.' },
  H4_META_MISSING: { kind: 'missing', meaning: 'Warning: a legacy file has no META; the reference engine is assumed.' },
  H4_UID_ZERO_SIGNED: { kind: 'malformed', meaning: 'A file whose uid is all zero carries a signature.' },
  H4_KEYS_EPOCH: { kind: 'malformed', meaning: 'A key epoch is used before it is listed, or listed twice.' },
  H4_KEY_MISSING: { kind: 'missing', meaning: 'The block is masked or encrypted and no key was given.' },
  H4_KEY_WRONG: { kind: 'missing', meaning: 'The key given is not the one to which the epoch is committed.' },
  H4_AEAD_TAG: { kind: 'tampered', meaning: 'The authentication tag of an encrypted block does not verify.' },
  H4_ENGINE_UNKNOWN: { kind: 'unsupported', meaning: 'No engine with the named identity and fingerprint is at hand.' },
  H4_ENGINE_OUTPUT: { kind: 'tampered', meaning: 'The engine did not restore exactly the raw length of the block.' },

  // Tiles, indexes and trailers: sections 7 and 9.
  H4_TILE_LAYOUT: { kind: 'malformed', meaning: 'The header, width, padding or length of a TILE is wrong.' },
  H4_TILE_PLACE: { kind: 'malformed', meaning: 'A TILE is absent where one is due, or stands elsewhere.' },
  H4_TILE_HASH: { kind: 'tampered', meaning: 'A hash in a TILE is not that of the tree.' },
  H4_TILE_INDEX: { kind: 'tampered', meaning: 'A locator or key bit in a TILE does not describe its records.' },
  H4_SEEK_SIZE: { kind: 'malformed', meaning: 'The length of SEEK does not follow from its entry count.' },
  H4_SEEK_ORDER: { kind: 'malformed', meaning: 'The entries of SEEK do not increase.' },
  H4_SEEK_ENTRY: { kind: 'tampered', meaning: 'SEEK does not list exactly the key records of the seek track.' },
  H4_VERI_SIZE: { kind: 'malformed', meaning: 'VERI is not 32 bytes long.' },
  H4_VERI_MISMATCH: { kind: 'tampered', meaning: 'The bytes before VERI do not hash to it.' },
  H4_VERI_MISSING: { kind: 'missing', meaning: 'Warning: a legacy file has no VERI.' },
  H4_TAIL_LAYOUT: { kind: 'malformed', meaning: 'The size, state or padding of a TAIL is wrong.' },
  H4_TAIL_FIELD: { kind: 'tampered', meaning: 'An offset or a count in a TAIL is wrong.' },
  H4_TAIL_ROOT: { kind: 'tampered', meaning: 'The root in a TAIL is not that of the tree.' },
  H4_TAIL_STATE: { kind: 'malformed', meaning: 'A TAIL claims a state whose chunks are not there.' },
  H4_TAIL_MISSING: { kind: 'missing', meaning: 'Warning: a closed file or slice does not end in its TAIL.' },

  // Proofs and signatures: sections 8, 9.4, 11 and 15.
  H4_PROF_LAYOUT: { kind: 'malformed', meaning: 'The length or the range of a PROF is wrong.' },
  H4_PROF_ROOT: { kind: 'tampered', meaning: 'The PROF chunks of a slice lead to different roots.' },
  H4_PROF_COVER: { kind: 'missing', meaning: 'A record of a slice lies in the range of no PROF.' },
  H4_SIGN_NOTE: { kind: 'malformed', meaning: 'SIGN does not hold a signed note with a checkpoint.' },
  H4_SIGN_BAD: { kind: 'tampered', meaning: 'A signature in the name of a configured key does not verify.' },
  H4_SIGN_ORIGIN: { kind: 'tampered', meaning: 'The checkpoint was signed for another file.' },
  H4_SIGN_SIZE: { kind: 'malformed', meaning: 'The checkpoint covers nothing, or more records than precede it.' },
  H4_SIGN_ROOT: { kind: 'tampered', meaning: 'The checkpoint was signed over another tree.' },
  H4_SIGN_MISSING: { kind: 'untrusted', meaning: 'The policy wants a signature and the file has none.' },
  H4_SIGN_UNTRUSTED: { kind: 'untrusted', meaning: 'No signature is by a key that the policy trusts.' },
  H4_SIGN_QUORUM: { kind: 'untrusted', meaning: 'Fewer witnesses have signed than the policy wants.' },
  H4_TIME_LAYOUT: { kind: 'malformed', meaning: 'The header of TIME is wrong, or its token is absent.' },
  H4_TIME_IMPRINT: { kind: 'tampered', meaning: 'A time stamp belongs to no SIGN before it.' },
  H4_ATTS_ENVELOPE: { kind: 'malformed', meaning: 'ATTS does not hold a DSSE envelope.' },
  H4_PROOF_INVALID: { kind: 'tampered', meaning: 'An inclusion, range or consistency proof does not verify.' },
  H4_INDEX_MISMATCH: { kind: 'tampered', meaning: 'An index points at something other than the record it promises.' },
  H4_SEEK_NOT_ADJACENT: { kind: 'tampered', meaning: 'The two records of a seek answer are not neighbours.' },
  H4_SEEK_NOT_FOUND: { kind: 'missing', meaning: 'There is no keyframe at or before the time asked for.' },
  H4_RANGE_NOT_FOUND: { kind: 'missing', meaning: 'The track provably has no byte at the position asked for.' },
  H4_RANGE_REDACTED: { kind: 'missing', meaning: 'The bytes asked for have been redacted.' },
  H4_ROLLBACK: { kind: 'untrusted', meaning: 'The checkpoint is older than one already seen of this origin.' },
  H4_EQUIVOCATION: { kind: 'untrusted', meaning: 'Two signed checkpoints of one origin contradict each other.' },
  H4_ENGINE_UNTRUSTED: { kind: 'untrusted', meaning: 'The recording names an engine that the policy does not list.' },
  H4_VKEY: { kind: 'malformed', meaning: 'A configured verification key cannot be read.' },

  // Legacy files: section 13.
  H4_LEGACY_MIXED: {
    kind: 'malformed',
    meaning: 'A file that begins like a legacy file holds chunks of the record format.',
  },
  H4_LEGACY_ENCRYPTED: {
    kind: 'unsupported',
    meaning: 'The legacy file is encrypted in a way that was never specified.',
  },
  H4_RLE_ODD: { kind: 'malformed', meaning: 'Legacy run-length data ends in half a pair.' },
  H4_RLE_ZERO_RUN: { kind: 'malformed', meaning: 'Legacy run-length data holds a run of length 0.' },

  // Limits: sections 3 and 18.
  H4_LIMIT_CHUNK: { kind: 'limit', meaning: 'A chunk is larger than the limit.' },
  H4_LIMIT_META: { kind: 'limit', meaning: 'A JSON payload is larger or nested deeper than the limit.' },
  H4_LIMIT_TOKENS: { kind: 'limit', meaning: 'A block has more tokens than the limit.' },
  H4_LIMIT_BLOCK: { kind: 'limit', meaning: 'A block decompresses to more bytes than the limit.' },
  H4_LIMIT_NOTES: { kind: 'limit', meaning: 'The file has more signatures than the limit.' },
  H4_LIMIT_TILE: { kind: 'limit', meaning: 'A TILE has a level above the limit.' },
  H4_LIMIT_RECORDS: { kind: 'limit', meaning: 'The file has more records than the limit.' },
  H4_LIMIT_U64: { kind: 'limit', meaning: 'A 64-bit value above 2^53-1 cannot be represented here without rounding.' },

  // The world outside the file.
  H4_IO: { kind: 'missing', meaning: 'The file cannot be opened or read.' },
  H4_WRITE: { kind: 'missing', meaning: 'The destination cannot be written.' },
  H4_LOCKED: { kind: 'missing', meaning: 'Another writer holds the file.' },
  H4_HTTP_RANGE: { kind: 'unsupported', meaning: 'The server ignored a range request, or answered another one.' },
  H4_CANCELLED: { kind: 'missing', meaning: 'The caller cancelled the operation.' },

  // Compression cores: spec/engine.md.
  H4_CORE_NOT_FOUND: { kind: 'unavailable', meaning: 'There is no file at the path of the compression core.' },
  H4_CORE_LOAD: { kind: 'unavailable', meaning: 'The core is no library or module that can be loaded here.' },
  H4_CORE_SYMBOL: { kind: 'unavailable', meaning: 'The core does not export a function that is needed.' },
  H4_CORE_MISMATCH: { kind: 'tampered', meaning: 'The core has another engine id than the one pinned.' },
  H4_CORE_ALTERED: {
    kind: 'tampered',
    meaning: 'The core has another fingerprint than the one pinned or measured before.',
  },
  H4_CORE_PIN: { kind: 'usage', meaning: 'A pin is malformed, or pins are set and no core is.' },
  H4_ENGINE_CRASHED: { kind: 'unavailable', meaning: 'The engine died during the call.' },
  H4_ENGINE_TIMEOUT: { kind: 'unavailable', meaning: 'The engine did not answer in time.' },
  H4_ENGINE_BAD_OUTPUT: { kind: 'tampered', meaning: 'The engine made a block that is not what was given to it.' },
  H4_CORE_SETUP: { kind: 'unavailable', meaning: 'Warning: how the core is installed should be mended.' },
  H4_ENGINE_EQUIVALENT: {
    kind: 'unavailable',
    meaning: 'Warning: another build of the core decodes, by the list of the operator.',
  },
  H4_BUSY: { kind: 'unavailable', meaning: 'Too much work is waiting already.' },

  // The service.
  H4_NOT_FOUND: { kind: 'missing', meaning: 'There is nothing at this address.' },
  H4_METHOD: { kind: 'usage', meaning: 'The address does not take this method.' },
  H4_UPLOAD_LIMIT: { kind: 'limit', meaning: 'The body of the request is larger than the service takes.' },
  H4_UPLOAD_STALLED: { kind: 'usage', meaning: 'The body of the request stopped coming.' },
  H4_MEDIA_TYPE: { kind: 'unsupported', meaning: 'The request has a body of a type that the address does not take.' },
  H4_HOST: { kind: 'untrusted', meaning: 'The request was addressed to a name that is not that of the service.' },
  H4_ORIGIN: { kind: 'untrusted', meaning: 'The request was sent by the page of another site.' },

  // The caller.
  H4_PARAM: { kind: 'usage', meaning: 'A parameter is invalid.' },
  H4_EXISTS: { kind: 'usage', meaning: 'The destination exists and overwriting it was not asked for.' },
  H4_STATE: { kind: 'usage', meaning: 'An object was used out of order, for instance written to after it was closed.' },
  H4_ENGINE_INPUT: { kind: 'usage', meaning: 'The engine was given input that it does not accept.' },
  H4_SIGNING_KEY: { kind: 'usage', meaning: 'A signing key cannot be read.' },
  H4_GUESSABLE: { kind: 'usage', meaning: 'Warning: what was redacted can be guessed, because it had no blind.' },
  H4_POLICY: { kind: 'usage', meaning: 'A policy cannot be read, or contradicts itself.' },

  // Ourselves.
  H4_INTERNAL: { kind: 'internal', meaning: 'A defect in this software.' },
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

const HTTP_STATUS_BY_KIND: Readonly<Record<ErrorKind, number>> = {
  malformed: 422,
  tampered: 422,
  untrusted: 403,
  unsupported: 415,
  limit: 413,
  missing: 404,
  unavailable: 503,
  usage: 400,
  internal: 500,
};

const HTTP_STATUS_BY_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  H4_KEY_MISSING: 403,
  H4_KEY_WRONG: 403,
  H4_RANGE_REDACTED: 410,
  H4_RANGE_NOT_FOUND: 416,
  H4_IO: 503,
  H4_WRITE: 503,
  H4_LOCKED: 503,
  H4_CANCELLED: 503,
  H4_CORE_MISMATCH: 503,
  H4_CORE_ALTERED: 503,
  H4_ENGINE_CRASHED: 502,
  H4_ENGINE_BAD_OUTPUT: 502,
  H4_ENGINE_TIMEOUT: 504,
  H4_METHOD: 405,
  H4_UPLOAD_STALLED: 408,
  H4_HOST: 421,
};

const EXIT_CODE_BY_KIND: Readonly<Record<ErrorKind, number>> = {
  malformed: 1,
  tampered: 1,
  untrusted: 1,
  unsupported: 1,
  limit: 1,
  missing: 1,
  unavailable: 1,
  usage: 2,
  internal: 70,
};

const EXIT_CODE_BY_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  H4_IO: 4,
  H4_WRITE: 4,
  H4_LOCKED: 4,
  H4_HTTP_RANGE: 4,
  H4_CORE_NOT_FOUND: 4,
  // Nothing is wrong with the file: it was asked without its key, or for what it does not have.
  H4_KEY_MISSING: 2,
  H4_KEY_WRONG: 2,
  H4_RANGE_NOT_FOUND: 2,
};

/** The status with which the HTTP service answers an error of this code. */
export function httpStatusOf(code: ErrorCode): number {
  return HTTP_STATUS_BY_CODE[code] ?? HTTP_STATUS_BY_KIND[ERROR_CODES[code].kind];
}

/** The exit code with which the command line ends on an error of this code. */
export function exitCodeOf(code: ErrorCode): number {
  return EXIT_CODE_BY_CODE[code] ?? EXIT_CODE_BY_KIND[ERROR_CODES[code].kind];
}
