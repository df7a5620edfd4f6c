/**
 * Fixed sizes, tags and enumerations of format version 1 (spec/h4mk.md sections 2 to 4). Everything in a file is
 * big-endian. Field offsets stand beside the code that reads and writes them.
 */

export const HEADER_BYTES = 8;
export const CHUNK_HEADER_BYTES = 12;
export const HASH_BYTES = 32;

/** Size of the fixed part of a TOKN payload; the token table follows it. */
export const TOKN_HEAD_BYTES = 80;
export const TOKEN_BYTES = 12;
export const BLIND_BYTES = 16;

export const TAIL_BYTES = 160;
export const TAIL_CHUNK_BYTES = CHUNK_HEADER_BYTES + TAIL_BYTES;
export const VERI_BYTES = HASH_BYTES;

/** Records per TILE, and tiles per tile of the next level. */
export const TILE_WIDTH = 256;
export const TILE_HEAD_BYTES = 48;
export const LOCATOR_BYTES = 16;
export const TILE_LEVELS = 8;

export const SEEK_HEAD_BYTES = 4;
export const SEEK_ENTRY_BYTES = 16;

/** Track number of META and SAFE-scopes records. */
export const NO_TRACK = 0xffff;
export const MAX_MEDIA_TRACK = NO_TRACK - 1;

/** What kind of payload a record has (TOKN byte 1). */
export const MODE = { core: 0, masked: 1, encrypted: 2, meta: 3, scopes: 4 } as const;
export type Mode = (typeof MODE)[keyof typeof MODE];

export const isMediaMode = (mode: Mode): boolean => mode <= MODE.encrypted;

/** Masked or encrypted: readable with a key only. */
export const isHiddenMode = (mode: Mode): boolean => mode === MODE.masked || mode === MODE.encrypted;

/** The payload tag that belongs to a mode; a VOID may stand in its place after redaction. */
export const payloadTagOf = (mode: Mode): 'CORE' | 'SAFE' | 'META' => {
  switch (mode) {
    case MODE.core:
      return 'CORE';
    case MODE.masked:
    case MODE.encrypted:
    case MODE.scopes:
      return 'SAFE';
    case MODE.meta:
      return 'META';
  }
};

/** State byte of a TAIL. */
export const TAIL_STATE = { live: 0, final: 1, slice: 2 } as const;
export type TailState = (typeof TAIL_STATE)[keyof typeof TAIL_STATE];
