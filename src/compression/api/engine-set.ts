/**
 * The engines that the operator has loaded, and the rule by which content picks one of them (h4mk.md 5.2, "Engine rule"):
 * by id *and* fingerprint, or not at all. A file may name an engine; it can neither load one nor be served by a similar one.
 */

import { H4Error } from '../../utils/error.js';
import type { CompressionEngine, EngineInfo } from './engine.js';

export interface EngineSet {
  /**
   * The engine with this id and this fingerprint, both compared byte for byte.
   * Fails with `H4_ENGINE_UNKNOWN`, naming the engine that is needed and those at hand.
   */
  find(engineId: string, fingerprint: string): CompressionEngine;
  /** What is at hand, in the order in which it was given. */
  readonly infos: readonly EngineInfo[];
}

/** Makes a set of these engines. Two engines of the same identity are refused (`H4_PARAM`): one of them would be dead. */
export function createEngineSet(engines: Iterable<CompressionEngine>): EngineSet {
  const byIdentity = new Map<string, CompressionEngine>();
  const infos: EngineInfo[] = [];
  for (const engine of engines) {
    const info = engine.info();
    const identity = identityOf(info.engine_id, info.fingerprint);
    if (byIdentity.has(identity)) {
      throw new H4Error('H4_PARAM', `Cannot make a set of engines: ${identity} is in it twice`, {
        detail: { field: 'engines', engine_id: info.engine_id, fingerprint: info.fingerprint },
      });
    }
    byIdentity.set(identity, engine);
    infos.push(info);
  }

  return Object.freeze({
    infos: Object.freeze(infos),
    find(engineId: string, fingerprint: string): CompressionEngine {
      const needed = identityOf(engineId, fingerprint);
      const engine = byIdentity.get(needed);
      if (engine === undefined) {
        const available = [...byIdentity.keys()];
        throw new H4Error(
          'H4_ENGINE_UNKNOWN',
          `Cannot decode: the blocks were made by the core ${needed}, available are ${available.join(', ') || 'none'}. ` +
            'Load exactly that core, or list an equivalent build of it',
          { detail: { engine_id: engineId, fingerprint, available } },
        );
      }
      return engine;
    },
  });
}

/** Also the text in messages. The id comes from the content of a file, hence the quotes: no line of its own in a log. */
function identityOf(engineId: string, fingerprint: string): string {
  return `${JSON.stringify(engineId)} (fingerprint ${JSON.stringify(fingerprint)})`;
}
