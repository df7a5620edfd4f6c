/**
 * What of C this machine can compile: a compiler for shared libraries, clang and wasm-ld for WebAssembly, the static
 * libzstd. Nothing is required; what is absent is said, with the Debian package that has it.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** A program and what it calls itself: bytes repeat only with the same version. */
export interface Program {
  readonly command: readonly [path: string, ...args: string[]];
  readonly version: string;
}

export interface Toolchain {
  readonly cc: Program | undefined;
  readonly clang: Program | undefined;
  readonly wasmLd: Program | undefined;
  /** Path of libzstd.a. */
  readonly libzstd: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const PACKAGES = {
  cc: 'no C compiler: apt-get install gcc (or set CC)',
  clang: 'no clang: apt-get install clang-14',
  wasmLd: 'no wasm-ld: apt-get install lld-14',
  libzstd: 'no libzstd.a: apt-get install libzstd-dev',
} as const;

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const pathOf = (name: string, environment: Environment): string | undefined => {
  if (isAbsolute(name)) return isProgram(name) ? name : undefined;
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isProgram);
};

/** What a program prints, or undefined where it cannot be run. */
export function outputOf(command: readonly [string, ...string[]], input?: Uint8Array): Buffer | undefined {
  const [path, ...args] = command;
  try {
    return execFileSync(path, args, { input, stdio: ['pipe', 'pipe', 'ignore'], maxBuffer: 256 * 2 ** 20 });
  } catch {
    return undefined;
  }
}

/** The first of these commands that can be run. A command may have arguments, as in `CC="ccache gcc"`. */
function findProgram(commands: readonly string[], environment: Environment): Program | undefined {
  for (const text of commands) {
    const [name = '', ...args] = text.split(/\s+/).filter((word) => word !== '');
    const path = pathOf(name, environment);
    if (path === undefined) continue;
    const version = outputOf([path, ...args, '--version'])
      ?.toString()
      .split('\n')[0];
    if (version !== undefined) return { command: [path, ...args], version };
  }
  return undefined;
}

/** Compilers print the bare name of a library that they do not have. */
function findLibzstd(cc: Program | undefined): string | undefined {
  if (cc === undefined) return undefined;
  const path = outputOf([...cc.command, '-print-file-name=libzstd.a'])
    ?.toString()
    .trim();
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

export function findToolchain(environment: Environment = process.env): Toolchain {
  // A CC that is set is meant: no other compiler is taken in its place.
  const chosen = environment['CC'] ?? '';
  const cc = findProgram(chosen === '' ? ['gcc', 'clang', 'clang-14', 'cc'] : [chosen], environment);
  return {
    cc,
    clang: findProgram(['clang-14', 'clang'], environment),
    wasmLd: findProgram(['wasm-ld-14', 'wasm-ld'], environment),
    libzstd: findLibzstd(cc),
  };
}
