/**
 * The engine of this process, for programs that want one line: sealed when first asked for, then the same for everybody. It is the
 * one place of the library that reads the environment and keeps state; services and tools that configure engines call
 * `loadEngine` instead.
 */
import type { EngineInfo } from '../api/engine.js';
import { readCoreSettings } from '../settings.js';
import { type LoadedEngine, loadEngine } from './load-engine.js';

let engine: Promise<LoadedEngine> | undefined;

/** One instance per process. A refusal is not kept: whoever has mended the cause may ask again. */
export async function getEngine(): Promise<LoadedEngine> {
  engine ??= loadEngine(readCoreSettings(process.env)).catch((error: unknown) => {
    engine = undefined;
    throw error;
  });
  return engine;
}

/** Compresses one block with the engine of this process. */
export async function compress(bytes: Uint8Array): Promise<Uint8Array> {
  return (await getEngine()).engine.compress(bytes);
}

/** Restores one block of `rawLength` bytes with the engine of this process. */
export async function decompress(bytes: Uint8Array, rawLength: number): Promise<Uint8Array> {
  return (await getEngine()).engine.decompress(bytes, rawLength);
}

/** Who the engine of this process is. */
export async function engineInfo(): Promise<EngineInfo> {
  return (await getEngine()).info;
}
