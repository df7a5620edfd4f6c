/**
 * The engines that the operator has loaded, and the rule by which content picks one of them (h4mk.md 5.2, "Engine rule"):
 * by id *and* fingerprint, or not at all. A file may name an engine; it can neither load one nor be served by a similar one.
 * Another build of the same core is a match if the operator has listed it, and whoever reports names it.
 */

import { H4Error } from '../../utils/error.js';
import type { CompressionEngine, EngineInfo } from './engine.js';
import { type Equivalents, equivalentsOf } from './equivalents.js';

export interface EngineMatch {
  readonly engine: CompressionEngine;
  /** Whether the engine is another build than the one named, by the operator's list. */
  readonly isEquivalent: boolean;
}

export interface EngineSet {
  /**
   * The engine with this id and this fingerprint, both compared byte for byte, or else an equivalent from the operator's list.
   * Fails with `H4_ENGINE_UNKNOWN`, naming the engine that is needed and those at hand.
   */
  match(engineId: string, fingerprint: string): EngineMatch;
  /** The engine of `match`. */
  find(engineId: string, fingerprint: string): CompressionEngine;
  /** What is at hand, in the order in which it was given. */
  readonly infos: readonly EngineInfo[];
}

/** Makes a set of these engines. Two engines of the same identity are refused (`H4_PARAM`): one of them would be dead. */
export function createEngineSet(engines: Iterable<CompressionEngine>, equivalents: Equivalents = []): EngineSet {
  const byIdentity = new Map<string, CompressionEngine>();
  const infos: EngineInfo[] = [];
  for (const engine of engines) {
    const info = engine.info();
    const name = nameOf(info.engine_id, info.fingerprint);
    if (byIdentity.has(name)) {
      throw new H4Error('H4_PARAM', `Cannot make a set of engines: ${name} is in it twice`, {
        detail: { field: 'engines', engine_id: info.engine_id, fingerprint: info.fingerprint },
      });
    }
    byIdentity.set(name, engine);
    infos.push(info);
  }

  // An engine that is at hand itself always goes before an equivalent of it; among equivalents the first one does.
  const byEquivalent = new Map<string, CompressionEngine>();
  for (const engine of byIdentity.values()) {
    const { engine_id: engineId, fingerprint } = engine.info();
    for (const other of equivalentsOf({ engineId, fingerprint }, equivalents)) {
      const name = nameOf(other.engineId, other.fingerprint);
      if (!byEquivalent.has(name)) byEquivalent.set(name, engine);
    }
  }

  const match = (engineId: string, fingerprint: string): EngineMatch => {
    const name = nameOf(engineId, fingerprint);
    const named = byIdentity.get(name);
    if (named !== undefined) return { engine: named, isEquivalent: false };
    const engine = byEquivalent.get(name);
    if (engine !== undefined) return { engine, isEquivalent: true };
    const available = [...byIdentity.keys()];
    throw new H4Error(
      'H4_ENGINE_UNKNOWN',
      `Cannot decode: the blocks were made by the core ${name}, available are ${available.join(', ') || 'none'}. ` +
        'Load exactly that core, or list an equivalent build of it',
      { detail: { engine_id: engineId, fingerprint, available } },
    );
  };

  return Object.freeze({
    infos: Object.freeze(infos),
    match,
    find: (engineId: string, fingerprint: string) => match(engineId, fingerprint).engine,
  });
}

/** Also the text in messages. The id comes from the content of a file, hence the quotes: no line of its own in a log. */
function nameOf(engineId: string, fingerprint: string): string {
  return `${JSON.stringify(engineId)} (fingerprint ${JSON.stringify(fingerprint)})`;
}
