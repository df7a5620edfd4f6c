/**
 * Cores for tests: those of `cores/`, and hostile ones from `hostile-cores/`, compiled here. A compiled file is kept below
 * the system's temporary folder under a hash of all that went into it, so that it is made once for all test files and all
 * workers. It is shared: copy it before you alter it.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import {
  buildCore as buildFromSource,
  compile,
  compileShared,
  obstacle,
  type CoreName,
} from '../../tools/core-recipes.js';
import { findToolchain } from '../../tools/core-toolchain.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** Folder of the cores' sources. */
export const coresRoot = here('../../cores');
const hostileRoot = here('hostile-cores');
const toolchain = findToolchain();

/** A core in `hostile-cores/`: its file name without `.c`. What each does stands in its first lines. */
export type HostileCore =
  | 'bad-status'
  | 'bomb'
  | 'constructor'
  | 'crasher'
  | 'filler'
  | 'flips'
  | 'forges'
  | 'remembers'
  | 'spoils'
  | 'garbage'
  | 'grower'
  | 'huge-size'
  | 'ignores-signals'
  | 'leaker'
  | 'learns'
  | 'leaves-open'
  | 'leaves-process'
  | 'leaves-thread'
  | 'liar-fp'
  | 'limited'
  | 'missing-symbol'
  | 'no-free'
  | 'overrun'
  | 'printer'
  | 'published-stub'
  | 'returns-null'
  | 'returns-zero'
  | 'sleeper'
  | 'stateful'
  | 'stored'
  | 'wrong-id';

export interface HostileOptions {
  /** Versions of the interface that are exported; default 1. `bomb`, `learns` and `published-stub` have 1 only, `filler`, `limited` and `overrun` 2 only. */
  readonly abi?: 1 | 2 | 12;
  /** What `h4_engine_id` returns, any text; null: the core has no such function. Default: an id of its own. */
  readonly engineId?: string | null;
  /** What `h4_engine_fp` returns, 64 hex digits. Default: no such function, except in `liar-fp`. */
  readonly fingerprint?: string;
  /** Misbehave in this direction only. */
  readonly only?: 'compress' | 'decompress';
  /** Further macros, as `-D` takes them: `{ EVERY: '1', SECONDS: '5', GROW_MIB: '64' }`. */
  readonly defines?: Readonly<Record<string, string>>;
}

/** Why the core of this name cannot be built here, or undefined where it can. */
export const coreObstacle = (name: CoreName): string | undefined => obstacle(name, coresRoot, toolchain);

/** Whether shared libraries can be compiled here: what every function of this module but `checkedInWasm` needs. */
export const hasCompiler = (): boolean => coreObstacle('stub.so') === undefined;

/** `describe` for tests that need compiled shared libraries, or the core of this name. Where it cannot be, the title says why. */
export function describeCompiled(title: string, fn: () => void, name: CoreName = 'stub.so'): void {
  const reason = coreObstacle(name);
  describe.skipIf(reason !== undefined)(reason === undefined ? title : `${title} (skipped: ${reason})`, () => {
    if (reason === undefined) fn();
    else it.skip(`needs ${name}`, () => undefined);
  });
}

/** A folder that nobody else can write to: what lies in it will be loaded. */
function cacheFolder(): string {
  const user = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `harmony4-test-cores-${user}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(folder);
  if (uid !== user || (mode & 0o022) !== 0)
    throw new Error(`${folder} belongs to somebody else, or others may write to it`);
  return folder;
}

/** The file `name`, made by `make` unless it was made from the same ingredients before. */
function cached(name: string, ingredients: readonly (string | Uint8Array)[], make: (path: string) => void): string {
  const hash = createHash('sha256');
  for (const each of ingredients) hash.update(`${each.length}:`).update(each);
  const root = cacheFolder();
  const path = join(root, hash.digest('hex').slice(0, 32), name);
  if (existsSync(path)) return path;
  // Workers may come here at the same time. Each makes a file of its own, and whichever is renamed last is like the first.
  const work = mkdtempSync(join(root, 'work-'));
  try {
    make(join(work, name));
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    renameSync(join(work, name), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}

const contentsOf = (folder: string): (string | Uint8Array)[] =>
  readdirSync(folder)
    .filter((name) => /\.[ch]$/.test(name))
    .sort()
    .flatMap((name) => [name, readFileSync(join(folder, name))]);

const commonIngredients = (): (string | Uint8Array)[] => [
  JSON.stringify([toolchain.cc, toolchain.clang, toolchain.wasmLd]),
  readFileSync(here('../../tools/core-recipes.ts')),
  ...contentsOf(join(coresRoot, 'include')),
];

/** The path of this core, built from the sources in `cores/`. Fails where `coreObstacle` gives a reason. */
export function buildCore(name: CoreName): string {
  const reason = coreObstacle(name);
  if (reason !== undefined) throw new Error(`Cannot build ${name}: ${reason}`);
  const archive = name === 'zstd.so' && toolchain.libzstd !== undefined ? [readFileSync(toolchain.libzstd)] : [];
  const sources = contentsOf(join(coresRoot, name.replace(/\..*$/, '')));
  return cached(name, [name, ...commonIngredients(), ...sources, ...archive], (path) => {
    buildFromSource(name, coresRoot, toolchain, path);
  });
}

/** The WebAssembly module that is part of the repository; needs no compiler. */
export const checkedInWasm = (): string => join(coresRoot, 'geo/geo.wasm');

/** A C string of these bytes and no others: every one is written as an octal escape. */
const cString = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}"`;

const fingerprintBytes = (hex: string): string => {
  if (!/^[0-9a-f]{64}$/i.test(hex)) throw new Error(`A fingerprint has 64 hex digits, not ${hex}`);
  return [...Buffer.from(hex, 'hex')].join(',');
};

function definesOf({ abi, engineId, fingerprint, only, defines }: HostileOptions): string[] {
  return Object.entries({
    ...(abi === undefined ? {} : { ABI: String(abi) }),
    ...(engineId === undefined ? {} : engineId === null ? { NO_ENGINE_ID: '1' } : { ENGINE_ID: cString(engineId) }),
    ...(fingerprint === undefined ? {} : { ENGINE_FP: fingerprintBytes(fingerprint) }),
    ...(only === undefined ? {} : { [`ONLY_${only.toUpperCase()}`]: '1' }),
    ...defines,
  }).map(([name, value]) => `-D${name}=${value}`);
}

/** The path of a hostile core as a shared library. `constructor` wants H4_TEST_MARKER in the environment that loads it. */
export function compileHostile(name: HostileCore, options: HostileOptions = {}): string {
  const flags = ['-std=c99', '-O2', ...definesOf(options)];
  const ingredients = [name, JSON.stringify(flags), ...commonIngredients(), ...contentsOf(hostileRoot)];
  return cached(`${name}.so`, ingredients, (path) => {
    compileShared(toolchain, coresRoot, join(hostileRoot, `${name}.c`), path, flags);
  });
}

/** What became of one call in a process of its own. */
export interface CoreCall {
  /** 0; 10 + status where version 2 refused, 20 where version 1 did, 3 where a symbol is missing; null after a signal. */
  readonly exit: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: Buffer;
  readonly diagnostics: string;
}

export interface CallOptions {
  readonly input?: Uint8Array;
  /** Capacity for the functions of version 2, length for `bound_v2`, how many times for version 1. */
  readonly number?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Kill it with SIGKILL after so many milliseconds. */
  readonly timeout?: number;
  /** For the compiler of the driver, such as `-fsanitize=address`; the core needs the same. */
  readonly driverFlags?: readonly string[];
}

/** Calls one function of a core from a C program, `tools/core-driver.c`: a host that believes everything. */
export function callCore(library: string, name: string, options: CallOptions = {}): CoreCall {
  const { cc } = toolchain;
  if (cc === undefined) throw new Error('Cannot call a core: no C compiler');
  const source = here('../../tools/core-driver.c');
  const flags = ['-std=c99', '-O1', `-I${join(coresRoot, 'include')}`, ...(options.driverFlags ?? [])];
  const ingredients = [...commonIngredients(), readFileSync(source), JSON.stringify(flags)];
  const driver = cached('core-driver', ingredients, (path) => {
    compile(cc, [...flags, source, '-o', path, '-ldl'], coresRoot);
  });
  const number = options.number === undefined ? [] : [String(options.number)];
  const { status, signal, stdout, stderr } = spawnSync(driver, [library, name, ...number], {
    input: options.input ?? new Uint8Array(),
    env: { ...process.env, ...options.environment },
    maxBuffer: 2 ** 30,
    killSignal: 'SIGKILL',
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  });
  return { exit: status, signal, output: stdout, diagnostics: stderr.toString() };
}
