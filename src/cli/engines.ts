/**
 * How a command gets its engines. The environment configures a core, and only a command that writes or decodes with one loads
 * it: then a core that is refused ends the command with the code of the refusal. What is stored or made by the reference engine
 * needs none.
 */
import type { CompressionEngine, EngineInfo } from '../compression/api/engine.js';
import type { EngineMatch, EngineSet } from '../compression/api/engine-set.js';
import { builtinEngines } from '../compression/index.js';
import { type LoadedEngine, loadEngine } from '../compression/node/load-engine.js';
import { type CoreSettings, readCoreSettings } from '../compression/settings.js';
import { H4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { printWarning } from './exit.js';

/** The settings of the environment. A command runs alone: by default a core is called inside its process. */
export function coreSettings({ io }: Context): CoreSettings {
  return readCoreSettings(io.env, { isolation: 'inline' });
}

/** The engines of one command, loaded when they are first needed, and once. Whoever makes one closes it. */
export class CommandEngines {
  readonly #context: Context;
  #loaded: Promise<LoadedEngine> | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** What the environment configures. Warnings are printed. */
  load(): Promise<LoadedEngine> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  /** The configured core; undefined if none is, or the operator lets a missing one be replaced. */
  async core(): Promise<CompressionEngine | undefined> {
    const { engine, info } = await this.load();
    return isCore(info) ? engine : undefined;
  }

  /** Engines to decode blocks that this engine has made; a core is loaded only if no built-in engine is meant. */
  async setFor(maker: Identity): Promise<EngineSet> {
    const builtIn = builtinEngines();
    return isIn(builtIn, maker) ? builtIn : (await this.load()).engines;
  }

  async close(): Promise<void> {
    const loaded = await this.#loaded?.catch(() => undefined);
    this.#loaded = undefined;
    await loaded?.close();
  }

  async #load(): Promise<LoadedEngine> {
    const loaded = await loadEngine(coreSettings(this.#context));
    for (const message of loaded.warnings) await printWarning(this.#context, 'H4_CORE_SETUP', message);
    return loaded;
  }
}

export type Identity = Pick<EngineInfo, 'engine_id' | 'fingerprint'>;

const isIn = ({ infos }: EngineSet, { engine_id, fingerprint }: Identity): boolean =>
  infos.some((info) => info.engine_id === engine_id && info.fingerprint === fingerprint);

/** Whether it was loaded from a file. */
export function isCore({ seal_level }: EngineInfo): boolean {
  return seal_level > 0;
}

/** Runs `work` with the engines of a command, and closes them whatever comes of it. */
export async function withEngines<T>(context: Context, work: (engines: CommandEngines) => Promise<T>): Promise<T> {
  const engines = new CommandEngines(context);
  try {
    return await work(engines);
  } finally {
    await engines.close();
  }
}

/**
 * The set of a reader that is opened before anybody knows what it has to decode: it has no engines until `prepare` has been
 * told what its recording was made by.
 */
export class ReaderEngines implements EngineSet {
  readonly #engines: CommandEngines;
  #set: EngineSet = builtinEngines();

  constructor(engines: CommandEngines) {
    this.#engines = engines;
  }

  get infos(): readonly EngineInfo[] {
    return this.#set.infos;
  }

  match(engineId: string, fingerprint: string): EngineMatch {
    return this.#set.match(engineId, fingerprint);
  }

  find(engineId: string, fingerprint: string): CompressionEngine {
    return this.#set.find(engineId, fingerprint);
  }

  /**
   * Gets what decodes a recording of `maker`. Resolves to the engine that will, if it is another build by the operator's list,
   * and says so; `H4_ENGINE_UNKNOWN` if there is none, before anything is written.
   */
  async prepare(maker: Identity, context: Context): Promise<EngineInfo | undefined> {
    this.#set = await this.#engines.setFor(maker);
    const { engine, isEquivalent } = this.match(maker.engine_id, maker.fingerprint);
    if (!isEquivalent) return undefined;
    const info = engine.info();
    await printWarning(
      context,
      'H4_ENGINE_EQUIVALENT',
      `made by the core ${nameOf(maker)}, decoded by ${nameOf(info)}, which the operator's list of equivalents holds to be the same`,
    );
    return info;
  }
}

/** The engine to go on with in a recording: exactly the one that began it, because the recording names one engine only. */
export async function engineToGoOn(maker: Identity, engines: CommandEngines): Promise<CompressionEngine> {
  const set = await engines.setFor(maker);
  const { engine, isEquivalent } = set.match(maker.engine_id, maker.fingerprint);
  if (!isEquivalent) return engine;
  throw new H4Error(
    'H4_ENGINE_UNKNOWN',
    `Cannot go on: the recording was begun with the core ${nameOf(maker)}, and an equivalent build can decode it, ` +
      `but what ${nameOf(engine.info())} writes would be said to be of the other`,
    { detail: { engine_id: maker.engine_id, fingerprint: maker.fingerprint } },
  );
}

/** The core for `--engine core`: that or nothing. */
export async function requireCore(engines: CommandEngines): Promise<CompressionEngine> {
  const core = await engines.core();
  if (core !== undefined) return core;
  throw new H4Error(
    'H4_IO',
    'Cannot use --engine core: no core is configured; set HARMONY4_CORE_PATH to one, or use stored, reference or auto',
  );
}

/** On stderr, for people: that the core which writes is the one that was pinned. */
export async function printSeal({ engine_id, fingerprint, seal_level }: EngineInfo, context: Context): Promise<void> {
  if (seal_level !== 3 || context.json) return;
  await context.err.line(`🔐 Compression core sealed: ${engine_id} (fp: ${fingerprint.slice(0, 12)}…)`);
}

/** The id and the whole fingerprint. Ids come from files and cores, in quotes they make no line of their own. */
export function nameOf({ engine_id, fingerprint }: Identity): string {
  return `${JSON.stringify(engine_id)} (fingerprint ${fingerprint})`;
}
