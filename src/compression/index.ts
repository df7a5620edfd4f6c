/** Compression: the contract, the engines that are built in, and the coding of legacy files. */

import { createEngineSet, type EngineSet } from './api/engine-set.js';
import { storedEngine } from './api/stored.js';
import { GeometricReferenceCompressor } from './reference.js';

export * from './api/index.js';
export {
  assertNonce,
  attest,
  type Attestation,
  attestationHash,
  type AttestOptions,
  type Declaration,
  type Measurement,
} from './attest.js';
export type { Core, Declared } from './core.js';
export { CoreCompression } from './core-compression.js';
export { legacyEngine } from './legacy.js';
export { GeometricReferenceCompressor } from './reference.js';
export { compressRleDelta, decompressRleDelta, type DecompressRleDeltaOptions } from './rle.js';
export { RoundTripEngine } from './round-trip.js';
export { type Pins, assertEngineId, assertFingerprint, coreInfo, parsePins, sealLevelOf } from './seal.js';
export { type CoreSettings, readCoreSettings } from './settings.js';
export {
  type AttestationCheck,
  type AttestationCheckName,
  type AttestationPolicy,
  type AttestationReport,
  verifyAttestation,
} from './verify-attestation.js';
export { isWasm, openWasmCore, type WasmCoreOptions } from './wasm-core.js';

/** The engines that need no core: `stored-v1` and `h4ref-geo-v1`. */
export function builtinEngines(): EngineSet {
  return createEngineSet([storedEngine, new GeometricReferenceCompressor()]);
}
