/**
 * The coding of legacy files as an engine: plain run-length pairs, "geometric-reference" (h4mk.md 13, rule 5). The original
 * wrote `unknown` for id and fingerprint; those here are names, as for `stored-v1`: the hash of the engine's name. It is none of
 * the engines at hand for recordings, because no recording may name it.
 */

import { H4Error } from '../utils/error.js';
import type { CompressionEngine, EngineInfo } from './api/engine.js';
import { compressRleDelta } from './rle.js';
import { type PairsMeasure, expandPairs, measurePairs } from './run-length.js';

const INFO: EngineInfo = Object.freeze({
  engine: 'geometric-reference',
  engine_id: 'geometric-reference',
  fingerprint: '8c267ed1beb36320f59f0db13f44284444c26219a552a7000d049bcc5720e107',
  deterministic: true,
  identity_safe: true,
  opaque: false,
  sealed: false,
  seal_level: 0,
});

export const legacyEngine = Object.freeze({
  compress: compressRleDelta,

  decompress(bytes: Uint8Array, rawLength: number): Uint8Array {
    // Measured before anything is allocated: the runs are attacker-controlled.
    const measure = measurePairs(bytes, rawLength);
    if (measure.kind !== 'whole' || measure.bytes !== rawLength) {
      throw new H4Error(
        'H4_ENGINE_OUTPUT',
        `Cannot restore a block of ${rawLength} bytes with ${INFO.engine_id}: ${describe(measure)}`,
        { detail: { engine_id: INFO.engine_id, expected: rawLength } },
      );
    }
    const raw = new Uint8Array(rawLength);
    expandPairs(bytes, raw);
    return raw;
  },

  info: (): EngineInfo => INFO,
}) satisfies CompressionEngine;

function describe(measure: PairsMeasure): string {
  switch (measure.kind) {
    case 'half-pair':
      return 'it ends in half a pair';
    case 'zero-run':
      return `the pair at byte ${measure.at} has a run of 0`;
    case 'too-long':
      return 'its runs add up to more';
    case 'whole':
      return `its runs add up to ${measure.bytes} bytes`;
  }
}
