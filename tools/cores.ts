/**
 * Builds the cores that this machine's compilers allow, measures them, and compares the WebAssembly build with the one that
 * is checked in. `build-cores.ts` is its command line.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CORE_NAMES, type CoreName, buildCore, obstacle } from './core-recipes.js';
import { agree, loadWasm, withDriver, type Driver, type TrialCore } from './core-trial.js';
import { findToolchain, type Environment, type Toolchain } from './core-toolchain.js';

const repository = fileURLToPath(new URL('..', import.meta.url));

export interface BuildOptions {
  /** Folder of the sources; default `cores/`. */
  readonly root?: string;
  /** Where to; default `build/cores/`. */
  readonly output?: string;
  /** Names as in `CORE_NAMES`; default all. */
  readonly only?: readonly CoreName[];
  /** Replaces the checked-in geo.wasm with the one built now. */
  readonly updateWasm?: boolean;
  readonly environment?: Environment;
}

export type CoreResult =
  | {
      readonly name: CoreName;
      readonly state: 'built';
      readonly path: string;
      readonly size: number;
      readonly sha256: string;
      /** null: the core has none, or does not run here. */
      readonly engine_id: string | null;
    }
  | { readonly name: CoreName; readonly state: 'skipped' | 'failed'; readonly reason: string };

type BuiltCore = Extract<CoreResult, { state: 'built' }>;

export interface WasmResult {
  readonly state: 'same' | 'differs' | 'updated' | 'not compared';
  readonly reason: string;
}

export interface BuildResult {
  readonly cores: readonly CoreResult[];
  /** Only where geo.wasm was asked for. */
  readonly checked_in_wasm?: WasmResult;
  /** The file of equivalents, where both builds of geo are at hand and agree. */
  readonly equivalents?: string;
}

export const sha256Of = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** The path of the core, or why there is none. */
function build(name: CoreName, root: string, output: string, toolchain: Toolchain): CoreResult | string {
  const path = join(output, name);
  // What lies there from an earlier run must not pass for this one's.
  rmSync(path, { force: true });
  const reason = obstacle(name, root, toolchain);
  if (reason !== undefined) return { name, state: 'skipped', reason };
  try {
    buildCore(name, root, toolchain, path);
    return path;
  } catch (error) {
    return { name, state: 'failed', reason: messageOf(error) };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function measured(name: CoreName, path: string, driver: Driver | undefined): CoreResult {
  try {
    const core = name === 'geo.wasm' ? loadWasm(path) : driver?.(path);
    const engine_id = core?.id ?? null;
    return { name, state: 'built', path, size: readFileSync(path).length, sha256: sha256Of(path), engine_id };
  } catch (error) {
    return { name, state: 'failed', reason: `it was built and does not load: ${messageOf(error)}` };
  }
}

/** The text beside the checked-in module: what made it, in comments, and a line for `sha256sum -c`. */
function noteOf(sha256: string, { clang, wasmLd }: Toolchain): string {
  return `# ${clang?.version ?? 'none'}\n# ${wasmLd?.version ?? 'none'}\n${sha256}  geo.wasm\n`;
}

function compareWasm(root: string, built: BuiltCore | undefined, toolchain: Toolchain): WasmResult {
  const path = join(root, 'geo/geo.wasm');
  const notePath = `${path}.sha256`;
  if (!existsSync(path) || !existsSync(notePath)) {
    return { state: 'not compared', reason: 'none is checked in: --update-wasm does it' };
  }
  const found = sha256Of(path);
  const note = readFileSync(notePath, 'utf8');
  if (!note.includes(`${found}  geo.wasm\n`)) {
    return { state: 'differs', reason: `geo.wasm has SHA-256 ${found}, and geo.wasm.sha256 says something else` };
  }
  if (built === undefined) return { state: 'not compared', reason: 'it was not built here' };
  if (built.sha256 === found) return { state: 'same', reason: `SHA-256 ${found}` };
  if (note !== noteOf(found, toolchain)) {
    const makers = note.split('\n').filter((line) => line.startsWith('# '));
    return {
      state: 'not compared',
      reason: `it was made by ${makers.map((line) => line.slice(2)).join(', ')}, and here is another`,
    };
  }
  return { state: 'differs', reason: `checked in ${found}, built ${built.sha256}: --update-wasm replaces it` };
}

function updateWasm(root: string, built: BuiltCore | undefined, toolchain: Toolchain): WasmResult {
  if (built === undefined) throw new Error('Cannot update geo.wasm: it was not built here');
  copyFileSync(built.path, join(root, 'geo/geo.wasm'));
  writeFileSync(join(root, 'geo/geo.wasm.sha256'), noteOf(built.sha256, toolchain));
  return { state: 'updated', reason: `SHA-256 ${built.sha256}` };
}

function loadedOrNone(path: string): TrialCore | undefined {
  try {
    return loadWasm(path);
  } catch {
    return undefined;
  }
}

/**
 * Lines `id fingerprint = id fingerprint`, as HARMONY4_ENGINE_EQUIVALENTS takes them. An operator who lists a pair trusts
 * one build with what the other wrote, so every pair is tried before it gets a line.
 */
function equivalentLines(root: string, built: readonly BuiltCore[], driver: Driver | undefined): string[] {
  const library = built.find(({ name }) => name === 'geo.so');
  const libraryCore = library && driver?.(library.path);
  if (library === undefined || libraryCore?.id === undefined) return [];
  const modules = built.filter(({ name }) => name === 'geo.wasm').map(({ path }) => path);
  const lines = [...modules, join(root, 'geo/geo.wasm')].flatMap((path) => {
    const core = loadedOrNone(path);
    if (core?.id === undefined || core.id !== libraryCore.id || !agree(core, libraryCore)) return [];
    return [`${libraryCore.id} ${library.sha256} = ${core.id} ${sha256Of(path)}\n`];
  });
  return [...new Set(lines)];
}

function writeEquivalents(output: string, lines: readonly string[]): string | undefined {
  const path = join(output, 'equivalents.txt');
  rmSync(path, { force: true });
  if (lines.length === 0) return undefined;
  writeFileSync(path, lines.join(''));
  return path;
}

/** Builds what can be built. Fails only where `updateWasm` is asked for and impossible; all else is in the result. */
export function buildCores(options: BuildOptions = {}): BuildResult {
  const root = options.root ?? join(repository, 'cores');
  const output = options.output ?? join(repository, 'build/cores');
  const names = CORE_NAMES.filter((name) => options.only?.includes(name) ?? true);
  const toolchain = findToolchain(options.environment);
  mkdirSync(output, { recursive: true });

  const made = names.map((name) => build(name, root, output, toolchain));
  const finish = (driver: Driver | undefined): BuildResult => {
    const cores = made.map((each) =>
      typeof each === 'string' ? measured(basename(each) as CoreName, each, driver) : each,
    );
    const built = cores.filter((core) => core.state === 'built');
    if (!names.includes('geo.wasm')) return { cores };
    const wasm = built.find(({ name }) => name === 'geo.wasm');
    const checked_in_wasm = (options.updateWasm ? updateWasm : compareWasm)(root, wasm, toolchain);
    const equivalents = writeEquivalents(output, equivalentLines(root, built, driver));
    return { cores, checked_in_wasm, ...(equivalents === undefined ? {} : { equivalents }) };
  };
  return withDriver(toolchain, finish);
}
