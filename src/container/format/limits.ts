/**
 * What a reader is willing to hold or walk through (spec/h4mk.md section 18). Sizes come from the file, which means from
 * an attacker: each is compared with a limit before anything is allocated for it.
 */
import { H4Error } from '../../utils/error.js';

export interface Limits {
  /** Payload of a chunk that is read whole. */
  readonly maxChunkBytes: number;
  /** JSON in META, SAFE scopes and ATTS. */
  readonly maxMetaBytes: number;
  readonly maxJsonDepth: number;
  readonly maxTokens: number;
  /** Decompressed size of one block. */
  readonly maxBlockBytes: number;
  readonly maxNotes: number;
  readonly maxNoteLines: number;
  readonly maxTileLevel: number;
  readonly maxRecords: number;
  /** Findings and records that a report lists one by one; beyond, it only counts. */
  readonly maxReport: number;
}

const MiB = 1024 * 1024;

export const DEFAULT_LIMITS: Limits = Object.freeze({
  maxChunkBytes: 64 * MiB,
  maxMetaBytes: MiB,
  maxJsonDepth: 32,
  maxTokens: 65_536,
  maxBlockBytes: 64 * MiB,
  maxNotes: 1_048_576,
  maxNoteLines: 100,
  maxTileLevel: 4,
  maxRecords: 16_777_216,
  maxReport: 10_000,
});

/** The default limits with some of them changed; a value that is no whole number is refused. */
export const createLimits = (overrides: Partial<Limits> = {}): Limits => {
  for (const [name, value] of Object.entries(overrides)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw new H4Error('H4_PARAM', `There is no limit ${name}`);
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new H4Error('H4_PARAM', `Limit ${name} must be a whole number of 0 or more, not ${value}`);
    }
  }
  return Object.freeze({ ...DEFAULT_LIMITS, ...overrides });
};
