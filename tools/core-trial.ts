/**
 * Runs cores that were built a moment ago: to ask their ids, and to try that two builds of one source give the same bytes.
 * It is no host. A host measures first, loads those very bytes, and believes nothing (spec/engine.md, section 7).
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from './core-recipes.js';
import { outputOf, type Toolchain } from './core-toolchain.js';

const tools = fileURLToPath(new URL('.', import.meta.url));

/** A core under trial. Functions give undefined where the core refuses. */
export interface TrialCore {
  readonly id: string | undefined;
  compress(bytes: Uint8Array): Uint8Array | undefined;
  decompress(bytes: Uint8Array, rawLength: number): Uint8Array | undefined;
}

export type Driver = (library: string) => TrialCore;

function compileDriver(toolchain: Toolchain, program: string): boolean {
  if (toolchain.cc === undefined) return false;
  const include = join(tools, '../cores/include');
  try {
    compile(toolchain.cc, ['-std=c99', '-O1', `-I${include}`, 'core-driver.c', '-o', program, '-ldl'], tools);
    return true;
  } catch {
    return false;
  }
}

/** Compiles the driver of shared libraries, lends it to `use`, and removes it. Lends undefined where there can be none. */
export function withDriver<T>(toolchain: Toolchain, use: (driver: Driver | undefined) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'harmony4-driver-'));
  const program = join(folder, 'core-driver');
  try {
    if (!compileDriver(toolchain, program)) return use(undefined);
    return use((library) => ({
      id: outputOf([program, library, 'id'])?.toString('latin1'),
      compress: (bytes) => outputOf([program, library, 'compress'], bytes),
      decompress: (bytes) => outputOf([program, library, 'decompress'], bytes),
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is used of WebAssembly here. The types of Node leave it to those of the browser. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer };
};

type WasmFunction = (...args: readonly number[]) => number;

/** Loads a WebAssembly core. It has no imports, so that instantiating it can reach nothing outside. */
export function loadWasm(path: string): TrialCore {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)));
  const memory = exports['memory'];
  if (!(memory instanceof WebAssembly.Memory)) throw new Error(`${path} exports no memory`);
  const call = (name: string, ...args: readonly number[]): number => {
    const found = exports[name];
    if (typeof found !== 'function') throw new Error(`${path} exports no ${name}`);
    // wasm32 hands out addresses and lengths as signed integers.
    return (found as WasmFunction)(...args) >>> 0;
  };
  const transform = (name: string, bytes: Uint8Array, capacity: number): Uint8Array | undefined => {
    const [input, output, length] = [call('h4_alloc', bytes.length), call('h4_alloc', capacity), call('h4_alloc', 4)];
    try {
      if (input === 0 || output === 0 || length === 0) return undefined;
      new Uint8Array(memory.buffer).set(bytes, input);
      if (call(name, input, bytes.length, output, capacity, length) !== 0) return undefined;
      const written = new DataView(memory.buffer).getUint32(length, true);
      return written <= capacity ? new Uint8Array(memory.buffer).slice(output, output + written) : undefined;
    } finally {
      for (const address of [input, output, length]) call('h4_free', address);
    }
  };
  const idAt = (address: number): string => {
    const bytes = new Uint8Array(memory.buffer, address, 129);
    return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString('latin1');
  };
  return {
    id: exports['h4_engine_id'] === undefined ? undefined : idAt(call('h4_engine_id')),
    compress: (bytes) => transform('h4_compress_v2', bytes, call('h4_bound_v2', bytes.length)),
    decompress: (bytes, rawLength) => transform('h4_decompress_v2', bytes, rawLength),
  };
}

/** Blocks for which methods, strides, long runs and incompressible bytes all get their turn. */
function trialBlocks(): Uint8Array[] {
  let state = 1;
  const noise = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24;
  return [
    Uint8Array.of(7),
    Uint8Array.from({ length: 70_000 }, () => 42),
    Uint8Array.from({ length: 65_537 }, noise),
    Uint8Array.from({ length: 50_000 }, (_, i) => (noise() < 8 ? noise() : i >> 9)),
    ...[1, 2, 3, 4].map((stride) => Uint8Array.from({ length: 20_001 }, (_, i) => i * (1 + (i % stride)))),
  ];
}

/** Whether two cores give the same bytes for the same blocks, and read each other's output. */
export function agree(one: TrialCore, other: TrialCore): boolean {
  return trialBlocks().every((block) => {
    const [a, b] = [one.compress(block), other.compress(block)];
    if (a === undefined || b === undefined || Buffer.compare(a, b) !== 0) return false;
    return [one.decompress(b, block.length), other.decompress(a, block.length)].every(
      (back) => back !== undefined && Buffer.compare(back, block) === 0,
    );
  });
}
