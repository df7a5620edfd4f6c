/** Compression: the contract, the engines that are built in, and the coding of legacy files. */

import { createEngineSet, type EngineSet } from './api/engine-set.js';
import { storedEngine } from './api/stored.js';
import { GeometricReferenceCompressor } from './reference.js';

export * from './api/index.js';
export { legacyEngine } from './legacy.js';
export { GeometricReferenceCompressor } from './reference.js';
export { compressRleDelta, decompressRleDelta, type DecompressRleDeltaOptions } from './rle.js';

/** The engines that need no core: `stored-v1` and `h4ref-geo-v1`. */
export function builtinEngines(): EngineSet {
  return createEngineSet([storedEngine, new GeometricReferenceCompressor()]);
}
