/**
 * `openWasmCore`: a WebAssembly module as a `Core`, in Node and in browsers. A module can reach nothing but its own memory: it imports
 * nothing, and its memory has a declared end. What is left to guard against is that it does not stop, for which there are
 * processes, and what it returns.
 *
 * Compression and untrusted decompression have an instance each, so that no block can alter what is written later. An instance that
 * trapped or lied is never asked again.
 */

import { toHex } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import { type Core, type Declared, badBlock, blockTooLong, coreClosed, notRestored } from './core.js';
import { MAX_ENGINE_ID_LENGTH, assertEngineIdForm, engineIdOf, undefinedSymbol } from './seal.js';
import {
  CallFailure,
  type WasmExports,
  type WasmFunction,
  boundOf,
  invoke,
  readText,
  toU32,
  transform,
} from './wasm-instance.js';
import { readWasmFacts } from './wasm-module.js';

export { isWasm } from './wasm-module.js';

export interface WasmCoreOptions {
  /** Where the bytes came from, for messages. */
  readonly path: string;
  /** SHA-256 of the bytes, 64 lowercase hex digits: names a core that has no id. */
  readonly fingerprint: string;
}

/** 256 MiB. */
const MAX_PAGES = 4096;
const FINGERPRINT_BYTES = 32;

/** `H4_CORE_LOAD` if it is no module that is let in, `H4_CORE_SYMBOL` if an export is missing. */
export async function openWasmCore(bytes: Uint8Array, { path, fingerprint }: WasmCoreOptions): Promise<Core> {
  // Compiled and inspected are the same bytes, whoever else holds the array.
  const own = Uint8Array.from(bytes);
  const module = await compile(own, path);
  assertNoImports(module, path);
  assertFacts(own, path);
  const first = instantiate(module, path);
  const declared = readDeclared(first, path);
  return new WasmCore(module, first, declared, { path, fingerprint });
}

class WasmCore implements Core {
  readonly abi = 'v2';
  readonly declared: Declared;
  readonly #module: WebAssembly.Module;
  readonly #path: string;
  readonly #name: string;
  #compressor: WasmExports | undefined;
  #decompressor: WasmExports | undefined;
  #isOpen = true;

  constructor(module: WebAssembly.Module, first: WasmExports, declared: Declared, options: WasmCoreOptions) {
    this.declared = declared;
    this.#module = module;
    this.#compressor = first;
    this.#path = options.path;
    this.#name = engineIdOf(options.fingerprint, declared.engineId);
  }

  compress(bytes: Uint8Array): Uint8Array {
    this.#assertOpen();
    try {
      this.#compressor ??= instantiate(this.#module, this.#path);
      const bound = boundOf(this.#compressor, bytes.length);
      if (bound === 0) throw blockTooLong(this.#name, bytes.length);
      const block = transform(this.#compressor, 'h4_compress_v2', bytes, bound);
      if (block.length > 0) return block;
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      if (isLost(error)) this.#compressor = undefined;
      if (error.state === 'trapped') throw crashed(this.#name, bytes.length, error);
      if (error.state === 'excluded') throw blockTooLong(this.#name, bytes.length);
      throw badBlock(this.#name, bytes.length, error.message);
    }
    throw badBlock(this.#name, bytes.length, 'it says that the result is empty');
  }

  decompress(bytes: Uint8Array, rawLength: number): Uint8Array {
    this.#assertOpen();
    try {
      this.#decompressor ??= instantiate(this.#module, this.#path);
      const restored = transform(this.#decompressor, 'h4_decompress_v2', bytes, rawLength);
      if (restored.length === rawLength) return restored;
      throw new CallFailure('refused', `it restored ${restored.length}`);
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      if (isLost(error)) this.#decompressor = undefined;
      // Also of a trap: a block that makes the core trap is no block of this core.
      throw notRestored(this.#name, bytes.length, rawLength, error.message, error.cause);
    }
  }

  close(): void {
    this.#isOpen = false;
    this.#compressor = undefined;
    this.#decompressor = undefined;
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw coreClosed(this.#name);
  }
}

/** Whether the instance is not to be called again. */
function isLost({ state }: CallFailure): boolean {
  return state === 'trapped' || state === 'broken';
}

async function compile(bytes: Uint8Array, path: string): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw refused(path, `it is no valid WebAssembly module: ${messageOf(cause)}`, cause);
  }
}

function assertNoImports(module: WebAssembly.Module, path: string): void {
  const [first] = WebAssembly.Module.imports(module);
  if (first !== undefined) {
    const name = JSON.stringify(`${first.module}.${first.name}`);
    throw refused(path, `it imports the ${first.kind} ${name}; a core imports nothing`);
  }
}

function assertFacts(bytes: Uint8Array, path: string): void {
  const facts = readWasmFacts(bytes);
  if (facts === undefined) throw refused(path, 'its sections cannot be read');
  // In a shared library this is a constructor. Here nobody needs one, and without it nothing runs outside of guarded calls.
  if (facts.hasStart) throw refused(path, 'it has a start function, which would run before anything is asked of it');
  const [memory] = facts.memories;
  if (memory === undefined || facts.memories.length > 1)
    throw undefinedSymbol('memory', 'a core has one memory of its own');
  if (!memory.isPlain) throw refused(path, 'its memory is shared or has 64-bit addresses');
  if (memory.maximumPages === undefined) {
    throw refused(
      path,
      `its memory has no declared maximum; link it with --max-memory=N, at most ${MAX_PAGES * 65536}`,
    );
  }
  if (memory.maximumPages > MAX_PAGES) {
    throw refused(
      path,
      `its memory may grow to ${memory.maximumPages} pages; at most ${MAX_PAGES} (256 MiB) are allowed`,
    );
  }
}

/** Nothing of the core runs in here: there is no start function. */
function instantiate(module: WebAssembly.Module, path: string): WasmExports {
  let exports: WebAssembly.Instance['exports'];
  try {
    exports = new WebAssembly.Instance(module).exports;
  } catch (cause) {
    throw refused(path, `there can be no instance of it: ${messageOf(cause)}`, cause);
  }
  const { memory } = exports;
  if (!(memory instanceof WebAssembly.Memory)) throw undefinedSymbol('memory', 'a core has to export its memory');
  return {
    memory,
    h4_alloc: functionOf(exports, 'h4_alloc', 1),
    h4_free: functionOf(exports, 'h4_free', 1),
    h4_compress_v2: functionOf(exports, 'h4_compress_v2', 5),
    h4_decompress_v2: functionOf(exports, 'h4_decompress_v2', 5),
    h4_bound_v2: functionOf(exports, 'h4_bound_v2', 1),
    h4_engine_id: 'h4_engine_id' in exports ? functionOf(exports, 'h4_engine_id', 0) : undefined,
    h4_engine_fp: 'h4_engine_fp' in exports ? functionOf(exports, 'h4_engine_fp', 0) : undefined,
  };
}

function functionOf(exports: WebAssembly.Instance['exports'], name: string, parameters: number): WasmFunction {
  const value = exports[name];
  if (isFunction(value) && value.length === parameters) return value;
  const found = value === undefined ? 'nothing' : isFunction(value) ? `one of ${value.length}` : 'something else';
  throw undefinedSymbol(name, `a core has to export this function of ${parameters} parameters, and exports ${found}`);
}

function isFunction(value: unknown): value is WasmFunction {
  return typeof value === 'function';
}

/** The first functions of the core that are called at all. */
function readDeclared(core: WasmExports, path: string): Declared {
  try {
    const id = addressFrom(core.h4_engine_id);
    const fingerprint = addressFrom(core.h4_engine_fp);
    const bytes = new Uint8Array(core.memory.buffer).subarray(fingerprint, fingerprint + FINGERPRINT_BYTES);
    if (fingerprint !== 0 && bytes.length < FINGERPRINT_BYTES)
      throw refused(path, 'its fingerprint lies outside its memory');
    return {
      ...(id === 0 ? {} : { engineId: assertEngineIdForm(readText(core, id, MAX_ENGINE_ID_LENGTH), path) }),
      ...(fingerprint === 0 ? {} : { fingerprint: toHex(bytes) }),
    };
  } catch (error) {
    if (!(error instanceof CallFailure)) throw error;
    throw refused(path, `it cannot say who it is: ${error.message}`, error);
  }
}

/** 0 where nothing is declared. */
function addressFrom(read: WasmFunction | undefined): number {
  return read === undefined ? 0 : toU32(invoke(read));
}

function crashed(name: string, length: number, cause: CallFailure): H4Error {
  return new H4Error('H4_ENGINE_CRASHED', `The core ${name} died on a block of ${length} bytes: ${cause.message}`, {
    detail: { engine_id: name, length },
    cause: cause.cause,
  });
}

function refused(path: string, why: string, cause?: unknown): H4Error {
  return new H4Error(
    'H4_CORE_LOAD',
    `Cannot load the compression core ${path}: ${why}`,
    cause === undefined ? {} : { cause },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
