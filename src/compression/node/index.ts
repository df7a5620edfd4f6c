/** Compression in Node: cores are measured, sealed and loaded here, in processes of their own where that is wanted. */

export * from './check/index.js';
export type { EngineEvent, EngineLane, OnEngineEvent } from './events.js';
export { type LoadedEngine, loadEngine } from './load-engine.js';
export { compress, decompress, engineInfo, getEngine } from './process-engine.js';
export { type LoadOptions, loadSealedCore, type SealedCore } from './sealed-core.js';
