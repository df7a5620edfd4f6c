/**
 * `stored-v1`: blocks as they are. The one engine that every reader implements and the only one that a verifier runs
 * (h4mk.md 5.2). Its fingerprint is a name, `H("stored-v1")`: there is nothing to measure.
 *
 * Nothing is copied in either direction: the result is the argument itself.
 */

import { H4Error } from '../../utils/error.js';
import type { CompressionEngine, EngineInfo } from './engine.js';

const INFO: EngineInfo = Object.freeze({
  engine: 'stored',
  engine_id: 'stored-v1',
  fingerprint: '41e2d2e2603f9144ec94d4ced4fb4bd68b96f6d0c30852eec941ddacf9958ea4',
  deterministic: true,
  identity_safe: true,
  opaque: false,
  sealed: false,
  seal_level: 0,
});

export const storedEngine = Object.freeze({
  compress: (bytes: Uint8Array): Uint8Array => bytes,

  decompress(bytes: Uint8Array, rawLength: number): Uint8Array {
    if (bytes.length !== rawLength) {
      throw new H4Error(
        'H4_ENGINE_OUTPUT',
        `Cannot restore a stored block: it holds ${bytes.length} bytes, its header says ${rawLength}`,
        { detail: { engine_id: INFO.engine_id, expected: rawLength, found: bytes.length } },
      );
    }
    return bytes;
  },

  info: (): EngineInfo => INFO,
}) satisfies CompressionEngine;
