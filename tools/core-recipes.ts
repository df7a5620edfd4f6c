/**
 * How each core is compiled. The same source and compiler give the same bytes in whatever folder they lie: paths are
 * relative to `cores/`, and neither a build id nor symbols nor debug information are kept.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGES, type Program, type Toolchain } from './core-toolchain.js';

export const CORE_NAMES = ['geo.so', 'geo.wasm', 'zstd.so', 'stub.so'] as const;
export type CoreName = (typeof CORE_NAMES)[number];

const WARNINGS = ['-Wall', '-Wextra', '-Wpedantic'];
const COMPILE = ['-fvisibility=hidden', '-Iinclude', ...WARNINGS];
const SIMPLE = ['-std=c99', '-O2'];
/** gcc 12 vectorises at -O3 only; without it sensor data and pictures take two to four times as long. */
const GEO = ['-std=c11', '-O3'];
const SHARED = ['-fPIC', '-shared', '-s', '-Wl,--build-id=none', '-Wl,-z,defs', '-Wl,-z,relro', '-Wl,-z,now'];
/** Hides what an archive brings along: libzstd's functions are neither seen nor replaced from outside. */
const STATIC_ZSTD = ['-Wl,-Bstatic', '-lzstd', '-Wl,-Bdynamic', '-Wl,--exclude-libs,ALL'];
const WASM = ['--target=wasm32', '-msimd128', '-mbulk-memory', '-ffreestanding', '-fno-builtin', '-nostdlib'];
/** 4096 pages, the most that a host accepts. The stack lies first, so that an overflow traps instead of writing over data. */
const WASM_LINK = ['--no-entry', '--max-memory=268435456', '--stack-first', '--gc-sections', '--strip-all'];

const SOURCES: Readonly<Record<CoreName, string>> = {
  'geo.so': 'geo/geo.c',
  'geo.wasm': 'geo/geo.c',
  'zstd.so': 'zstd/zstd.c',
  'stub.so': 'stub/stub.c',
};

/** Why this core cannot be built here, or undefined where it can. */
export function obstacle(name: CoreName, root: string, toolchain: Toolchain): string | undefined {
  const source = SOURCES[name];
  if (!existsSync(join(root, source))) return `no ${source} in ${root}`;
  if (name === 'geo.wasm') {
    if (toolchain.clang === undefined) return PACKAGES.clang;
    return toolchain.wasmLd === undefined ? PACKAGES.wasmLd : undefined;
  }
  if (process.platform !== 'linux') return `shared libraries are built on Linux only, this is ${process.platform}`;
  if (toolchain.cc === undefined) return PACKAGES.cc;
  return name === 'zstd.so' && toolchain.libzstd === undefined ? PACKAGES.libzstd : undefined;
}

/** Runs a compiler in `cwd`. Its own words are the message of the error. */
export function compile(program: Program, args: readonly string[], cwd: string): void {
  const [path, ...first] = program.command;
  try {
    execFileSync(path, [...first, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new Error(said === '' ? `Cannot run ${path}` : said, { cause: error });
  }
}

function existing(program: Program | undefined, otherwise: string): Program {
  if (program === undefined) throw new Error(otherwise);
  return program;
}

/** Compiles a shared library. Also for cores that are not in `cores/`: `source` is a path relative to `root`, or absolute. */
export function compileShared(
  toolchain: Toolchain,
  root: string,
  source: string,
  output: string,
  flags: readonly string[] = SIMPLE,
): void {
  const prefixes = [`-ffile-prefix-map=${root}=.`];
  const cc = existing(toolchain.cc, PACKAGES.cc);
  compile(cc, [...COMPILE, ...prefixes, ...SHARED, source, '-o', output, ...flags], root);
}

function compileWasm(toolchain: Toolchain, root: string, source: string, output: string): void {
  const object = `${output}.o`;
  try {
    const clang = existing(toolchain.clang, PACKAGES.clang);
    compile(clang, [...WASM, ...COMPILE, ...GEO, `-ffile-prefix-map=${root}=.`, '-c', source, '-o', object], root);
    compile(existing(toolchain.wasmLd, PACKAGES.wasmLd), [...WASM_LINK, object, '-o', output], root);
  } finally {
    rmSync(object, { force: true });
  }
}

/** After the source, since an archive is searched for what is missing so far. */
const FLAGS: Readonly<Record<Exclude<CoreName, 'geo.wasm'>, readonly string[]>> = {
  'geo.so': GEO,
  'zstd.so': [...SIMPLE, ...STATIC_ZSTD],
  'stub.so': SIMPLE,
};

/** Builds one core from the sources in `root` to the file `path`, under another name until it is whole. */
export function buildCore(name: CoreName, root: string, toolchain: Toolchain, path: string): void {
  // Compilers and linkers remove what they could not finish.
  const part = `${path}.${process.pid}.part`;
  if (name === 'geo.wasm') compileWasm(toolchain, root, SOURCES[name], part);
  else compileShared(toolchain, root, SOURCES[name], part, FLAGS[name]);
  renameSync(part, path);
}
