/**
 * The one order in which a core is sealed (spec/engine.md): read once, measure, compare with the pinned fingerprint, load
 * exactly those bytes, resolve every function, compare the id. No instruction of a core runs before its fingerprint has passed.
 */
import type { EngineInfo } from '../api/engine.js';
import type { Core } from '../core.js';
import { type Pins, assertEngineId, assertFingerprint, coreInfo } from '../seal.js';
import { readCoreFile } from './core-file.js';
import { openCore } from './open-core.js';

export interface SealedCore {
  readonly core: Core;
  readonly info: EngineInfo;
  /** Of the file that was measured. */
  readonly bytes: number;
  readonly warnings: readonly string[];
  /** Another instance of the same measured bytes, with variables of its own. */
  readonly openAnother: () => Promise<Core>;
}

export interface LoadOptions {
  readonly pins: Pins;
  readonly temporaryFolder?: string;
}

/** Loads the core at `path`, or refuses with the first of the seal's codes that applies. */
export async function loadSealedCore(path: string, { pins, temporaryFolder }: LoadOptions): Promise<SealedCore> {
  const file = await readCoreFile(path);
  assertFingerprint(file.fingerprint, pins);
  const open = (): Promise<Core> =>
    openCore(file.bytes, {
      path,
      fingerprint: file.fingerprint,
      ...(temporaryFolder === undefined ? {} : { temporaryFolder }),
    });
  const core = await open();
  try {
    assertEngineId(core.declared.engineId, pins);
  } catch (error) {
    core.close();
    throw error;
  }
  return {
    core,
    info: coreInfo(file.fingerprint, core.declared.engineId, pins),
    bytes: file.bytes.length,
    warnings: file.warnings,
    openAnother: open,
  };
}
