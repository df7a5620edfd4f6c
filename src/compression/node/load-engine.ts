/**
 * `loadEngine`: from settings to an engine that may be used, or to a refusal. It fails closed: a core that is configured and
 * cannot be sealed is an error, and the reference engine takes its place only where the operator has said so, nothing
 * is pinned, and the core is not there at all.
 */
import { readFile, stat } from 'node:fs/promises';
import { H4Error, isH4Error } from '../../utils/error.js';
import { type EngineSet, createEngineSet } from '../api/engine-set.js';
import type { CompressionEngine, EngineInfo } from '../api/engine.js';
import { type Equivalents, parseEquivalents } from '../api/equivalents.js';
import { storedEngine } from '../api/stored.js';
import type { Declared } from '../core.js';
import { CoreCompression } from '../core-compression.js';
import { GeometricReferenceCompressor } from '../reference.js';
import { RoundTripEngine } from '../round-trip.js';
import type { CoreSettings } from '../settings.js';
import { type OnEngineEvent, SEAL_CODES } from './events.js';
import { IsolatedEngine } from './isolation/isolated-engine.js';
import { loadSealedCore } from './sealed-core.js';
import { withoutPaths } from './without-paths.js';

export interface LoadedEngine {
  /** What to write with: the core, or the reference engine where there is none. */
  readonly engine: CompressionEngine;
  readonly info: EngineInfo;
  /** What may decode: the built-in engines, the core, and what the operator holds equivalent to it. */
  readonly engines: EngineSet;
  /** The operator's list, empty where there is none. */
  readonly equivalents: Equivalents;
  /** Absent for built-in engines: there is no file to measure. */
  readonly measured?: { readonly size: number; readonly method: 'file' };
  readonly declared?: Declared;
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

const MAX_EQUIVALENTS_BYTES = 1024 * 1024;

/** Every failure is an `H4Error`, and with `onEvent` also an event. */
export async function loadEngine(settings: CoreSettings, onEvent: OnEngineEvent = ignore): Promise<LoadedEngine> {
  try {
    const equivalents = await readEquivalents(settings.equivalentsPath);
    return await loadCoreOrReference(settings, equivalents, onEvent);
  } catch (error) {
    if (isH4Error(error)) {
      const { code } = error;
      // What cannot be loaded at all has never been loaded before: here that is a judgement.
      const type = SEAL_CODES.has(code) || code === 'H4_CORE_LOAD' ? 'seal-failure' : 'start-failure';
      onEvent({ type, code, message: withoutPaths(error.message, settings) });
    }
    throw error;
  }
}

async function loadCoreOrReference(
  settings: CoreSettings,
  equivalents: Equivalents,
  onEvent: OnEngineEvent,
): Promise<LoadedEngine> {
  if (settings.corePath === undefined) return builtIn(equivalents, []);
  try {
    return await loadCore(settings.corePath, settings, equivalents, onEvent);
  } catch (error) {
    if (settings.fallback !== 'reference' || !isH4Error(error, 'H4_CORE_NOT_FOUND')) throw error;
    const message =
      'The compression core is missing; the reference engine takes its place (HARMONY4_CORE_FALLBACK=reference)';
    onEvent({ type: 'fallback', message });
    return builtIn(equivalents, [message]);
  }
}

function builtIn(equivalents: Equivalents, warnings: readonly string[]): LoadedEngine {
  const engine = new GeometricReferenceCompressor();
  return {
    engine,
    info: engine.info(),
    engines: createEngineSet([storedEngine, engine], equivalents),
    equivalents,
    warnings,
    close: () => Promise.resolve(),
  };
}

async function loadCore(
  path: string,
  settings: CoreSettings,
  equivalents: Equivalents,
  onEvent: OnEngineEvent,
): Promise<LoadedEngine> {
  const { core, measured, declared, warnings } =
    settings.isolation === 'process'
      ? await IsolatedEngine.start(path, settings, onEvent)
      : await loadInline(path, settings);
  const info = core.info();
  onEvent({ type: 'seal-pass', info });
  for (const message of warnings) onEvent({ type: 'warning', message });
  return {
    engine: core,
    info,
    engines: createEngineSet([storedEngine, new GeometricReferenceCompressor(), core], equivalents),
    equivalents,
    measured,
    declared,
    warnings,
    close: () => core.close(),
  };
}

/** An engine that has to be closed, and what was measured when it was sealed. */
export interface StartedCore {
  readonly core: CompressionEngine & { close(): Promise<void> };
  readonly measured: { readonly size: number; readonly method: 'file' };
  readonly declared: Declared;
  readonly warnings: readonly string[];
}

async function loadInline(path: string, settings: CoreSettings): Promise<StartedCore> {
  const { core, info, bytes, warnings, openAnother } = await loadSealedCore(path, settings);
  const bare = new CoreCompression(core, info);
  const checker = settings.verify === 'always' ? await openAnother() : undefined;
  const engine = checker === undefined ? bare : new RoundTripEngine(bare, new CoreCompression(checker, info));
  return {
    core: {
      compress: (block) => engine.compress(block),
      decompress: (block, rawLength) => engine.decompress(block, rawLength),
      info: () => info,
      close: () => {
        core.close();
        checker?.close();
        return Promise.resolve();
      },
    },
    measured: { size: bytes, method: 'file' },
    declared: core.declared,
    warnings,
  };
}

async function readEquivalents(path: string | undefined): Promise<Equivalents> {
  if (path === undefined) return [];
  try {
    const stats = await stat(path);
    // A pipe would be waited for until somebody writes to it.
    if (!stats.isFile() || stats.size > MAX_EQUIVALENTS_BYTES) {
      const why = stats.isFile() ? `has ${stats.size} bytes; a list has at most 1 MiB` : 'is no regular file';
      throw new H4Error('H4_PARAM', `HARMONY4_ENGINE_EQUIVALENTS: ${path} ${why}`);
    }
    return parseEquivalents(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof H4Error) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new H4Error('H4_IO', `Cannot read the list of equivalent engines (HARMONY4_ENGINE_EQUIVALENTS): ${reason}`, {
      cause: error,
    });
  }
}

function ignore(): void {
  // Nobody wants to know.
}
