/** Measured bytes become a core: a WASM module if they begin as one, else a shared library. */
import { H4Error } from '../../utils/error.js';
import type { Core } from '../core.js';
import { isWasm, openWasmCore } from '../wasm-core.js';

export interface OpenCoreOptions {
  /** Where the bytes came from, for messages to the operator; it is not opened again. */
  readonly path: string;
  /** SHA-256 of the bytes, 64 lowercase hex digits: names a core that has no id. */
  readonly fingerprint: string;
  /** `HARMONY4_CORE_TMP`. */
  readonly temporaryFolder?: string;
}

/** `H4_CORE_LOAD` if the bytes are neither, `H4_CORE_SYMBOL` if a function is missing. */
export async function openCore(bytes: Uint8Array, options: OpenCoreOptions): Promise<Core> {
  if (isWasm(bytes)) return openWasmCore(bytes, options);
  return openNative(bytes, options);
}

/** Koffi is loaded only when it is needed: the rest of the house runs on systems for which there is none, too. */
async function openNative(bytes: Uint8Array, options: OpenCoreOptions): Promise<Core> {
  const { openNativeCore } = await import('./native-core.js').catch((cause: unknown) => {
    throw new H4Error(
      'H4_CORE_LOAD',
      `Cannot load shared libraries on ${process.platform} (${process.arch}): the package koffi does not work here. ` +
        'Use the WebAssembly build of the core',
      { cause },
    );
  });
  return openNativeCore(bytes, options);
}
