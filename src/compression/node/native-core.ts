/**
 * `openNativeCore`: a shared library as a `Core`, called through koffi. Koffi believes whatever it is given: it takes null, strings
 * and numbers for addresses and checks no length. Every argument is therefore made or checked here, and every address and length
 * that comes back is a lie until it has been compared with what was agreed (spec/engine.md).
 */
import koffi, { type LibraryHandle } from 'koffi';
import { toHex } from '../../utils/bytes.js';
import { type Core, type Declared, coreClosed } from '../core.js';
import { MAX_ENGINE_ID_LENGTH, assertEngineIdForm, engineIdOf, undefinedSymbol } from '../seal.js';
import { type NativeCalls, type NativeFunction, PROTOTYPES, type SymbolName } from './native-calls.js';
import { type LoadLibraryOptions, loadNativeLibrary } from './native-library.js';
import { createV1Calls } from './native-v1.js';
import { createV2Calls } from './native-v2.js';

export interface NativeCoreOptions extends LoadLibraryOptions {
  /** SHA-256 of the bytes: names a core that has no id. */
  readonly fingerprint: string;
}

const FINGERPRINT_BYTES = 32;
const SYMBOLS = Object.keys(PROTOTYPES) as readonly SymbolName[];
const V1_SYMBOLS = ['h4_compress', 'h4_decompress', 'h4_free'] as const;
const V2_SYMBOLS = ['h4_compress_v2', 'h4_decompress_v2', 'h4_bound_v2', 'h4_free'] as const;

/** `H4_CORE_LOAD` if it cannot be loaded or its id is none, `H4_CORE_SYMBOL` if a function is missing: before any is called. */
export function openNativeCore(bytes: Uint8Array, options: NativeCoreOptions): Core {
  const loaded = loadNativeLibrary(bytes, options);
  try {
    const { abi, createCalls } = resolveCalls(loaded.library);
    const declared = readDeclared(loaded.library, options.path);
    const name = engineIdOf(options.fingerprint, declared.engineId);
    const calls = createCalls(name);
    let isOpen = true;
    const whileOpen = (): NativeCalls => {
      if (!isOpen) throw coreClosed(name);
      return calls;
    };
    return {
      abi,
      declared,
      exports: SYMBOLS.filter((symbol) => hasSymbol(loaded.library, symbol)),
      compress: (block) => whileOpen().compress(block),
      decompress: (block, rawLength) => whileOpen().decompress(block, rawLength),
      close() {
        if (isOpen) loaded.unload();
        isOpen = false;
      },
    };
  } catch (error) {
    loaded.unload();
    throw error;
  }
}

interface ResolvedCalls {
  readonly abi: Core['abi'];
  readonly createCalls: (name: string) => NativeCalls;
}

/** Version 2 where all of it is there, because a core then knows how much is wanted; else version 1. */
function resolveCalls(library: LibraryHandle): ResolvedCalls {
  const missing = missingOf(library, V2_SYMBOLS);
  if (missing === undefined) {
    const functions = {
      compress: functionOf(library, 'h4_compress_v2'),
      decompress: functionOf(library, 'h4_decompress_v2'),
      bound: functionOf(library, 'h4_bound_v2'),
    };
    return { abi: 'v2', createCalls: (name) => createV2Calls(functions, name) };
  }
  const missingToo = missingOf(library, V1_SYMBOLS);
  if (missingToo === undefined) {
    const functions = {
      compress: functionOf(library, 'h4_compress'),
      decompress: functionOf(library, 'h4_decompress'),
      free: functionOf(library, 'h4_free'),
    };
    return { abi: 'v1', createCalls: (name) => createV1Calls(functions, name) };
  }
  const isMeantForV2 = hasSymbol(library, 'h4_compress_v2') && !hasSymbol(library, 'h4_compress');
  throw undefinedSymbol(
    isMeantForV2 ? missing : missingToo,
    `a shared library has to export ${V1_SYMBOLS.join(', ')}, or else ${V2_SYMBOLS.join(', ')}; 'nm -D CORE' lists what it does`,
  );
}

function missingOf(library: LibraryHandle, names: readonly SymbolName[]): SymbolName | undefined {
  return names.find((name) => !hasSymbol(library, name));
}

function hasSymbol(library: LibraryHandle, name: SymbolName): boolean {
  try {
    library.symbol(name);
    return true;
  } catch {
    return false;
  }
}

function functionOf(library: LibraryHandle, name: SymbolName): NativeFunction {
  return library.func(PROTOTYPES[name]);
}

/** The first functions of the core that are called at all. */
function readDeclared(library: LibraryHandle, path: string): Declared {
  const id = hasSymbol(library, 'h4_engine_id') ? addressFrom(functionOf(library, 'h4_engine_id')) : undefined;
  const fingerprint = hasSymbol(library, 'h4_engine_fp') ? addressFrom(functionOf(library, 'h4_engine_fp')) : undefined;
  return {
    ...(id === undefined ? {} : { engineId: assertEngineIdForm(readText(id), path) }),
    ...(fingerprint === undefined
      ? {}
      : { fingerprint: toHex(new Uint8Array(koffi.view(fingerprint, FINGERPRINT_BYTES)).slice()) }),
  };
}

/** Undefined for NULL. */
function addressFrom(read: NativeFunction): bigint | undefined {
  const address: unknown = read();
  return typeof address === 'bigint' && address !== 0n ? address : undefined;
}

/** Byte by byte up to the NUL, and never more than one byte beyond the longest id: what lies behind may not be mapped. */
function readText(address: bigint): string {
  let text = '';
  for (let at = 0n; at <= MAX_ENGINE_ID_LENGTH; at++) {
    const byte = koffi.decode.uint8(address + at);
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}
