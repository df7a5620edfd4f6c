/** The frozen contract of compression engines, the engine that every reader has, and the rule that picks one. */

export type { CompressionEngine, EngineInfo } from './engine.js';
export { createEngineSet, type EngineMatch, type EngineSet } from './engine-set.js';
export { type Equivalents, equivalentsOf, type Identity, parseEquivalents } from './equivalents.js';
export { storedEngine } from './stored.js';
