/**
 * The round-trip check: every block is decompressed again and compared before anybody gets to see it. A recording that
 * cannot be decoded is found out when the evidence is already gone, so whoever computes wrongly has to fail at once.
 *
 * What is compared is never what the engine had in its hands: it gets copies of the block and of the result. And another instance
 * should restore than the one that compressed, because a recording is read by another one: what an engine only remembers
 * does not come back then.
 */

import { equalBytes } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import type { CompressionEngine, EngineInfo } from './api/engine.js';

export class RoundTripEngine implements CompressionEngine {
  readonly #engine: CompressionEngine;
  readonly #checker: CompressionEngine;

  /** `checker` is another instance of the same engine. */
  constructor(engine: CompressionEngine, checker: CompressionEngine = engine) {
    this.#engine = engine;
    this.#checker = checker;
  }

  /** `H4_ENGINE_BAD_OUTPUT` if the block does not come back as it was. */
  async compress(bytes: Uint8Array): Promise<Uint8Array> {
    const compressed = await this.#engine.compress(bytes.slice());
    let restored: Uint8Array;
    try {
      restored = await this.#checker.decompress(compressed.slice(), bytes.length);
    } catch (cause) {
      throw wrongBlock(this.info(), bytes.length, 'it does not decode what it has just made', cause);
    }
    if (!equalBytes(restored, bytes)) {
      throw wrongBlock(this.info(), bytes.length, 'what it has just made decodes to other bytes');
    }
    return compressed;
  }

  decompress(bytes: Uint8Array, rawLength: number): Uint8Array | Promise<Uint8Array> {
    return this.#engine.decompress(bytes, rawLength);
  }

  info(): EngineInfo {
    return this.#engine.info();
  }
}

/** `why` ends a sentence about the core. */
export function wrongBlock(
  { engine_id, fingerprint }: EngineInfo,
  bytes: number,
  why: string,
  cause?: unknown,
): H4Error {
  return new H4Error(
    'H4_ENGINE_BAD_OUTPUT',
    `The core ${engine_id} computes wrongly on a block of ${bytes} bytes: ${why}. Nothing was written; ` +
      'do not record with this core',
    { detail: { engine_id, fingerprint, bytes }, ...(cause === undefined ? {} : { cause }) },
  );
}
