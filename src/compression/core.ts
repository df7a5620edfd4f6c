/**
 * A loaded core, as the binary interface has it (spec/engine.md): synchronous calls, one at a time, over one shared library
 * or one WASM module. `CoreCompression` makes an engine of it. The failures of a call are here as well: both kinds of core have the
 * same ones.
 */

import { H4Error } from '../utils/error.js';

/** What a core says of itself. It is reported, and proves nothing. */
export interface Declared {
  readonly engineId?: string;
  /** 64 lowercase hex digits. */
  readonly fingerprint?: string;
}

export interface Core {
  /** `v2` has the caller's buffer with a capacity; `v1` a buffer of the core's own. */
  readonly abi: 'v1' | 'v2';
  readonly declared: Declared;
  /** The functions of the interface that a shared library has; absent for a module, which has all that it needs. */
  readonly exports?: readonly string[];
  /**
   * `bytes` is not empty. `H4_ENGINE_INPUT` for a block that is too long for this core, `H4_ENGINE_BAD_OUTPUT` for anything that is
   * not a block of at most `compressedCap(bytes.length)` bytes; `H4_ENGINE_CRASHED` if a WASM core trapped.
   */
  compress(bytes: Uint8Array): Uint8Array;
  /** Neither `bytes` nor the result is empty. `H4_ENGINE_OUTPUT` for anything but exactly `rawLength` bytes. */
  decompress(bytes: Uint8Array, rawLength: number): Uint8Array;
  /** Gives back what can be given back. `H4_STATE` for every call afterwards. */
  close(): void;
}

const KIB = 1024;

/** The longest block that a core is ever given or asked for: `H4_MAX_BLOCK` of the interface. */
export const MAX_CORE_BLOCK_BYTES = 64 * KIB * KIB;

/** More than any block of this many bytes may become. Twice: what run-length pairs cost at worst. */
export function compressedCap(rawLength: number): number {
  return 2 * rawLength + 64 * KIB;
}

/** The status codes of version 2. */
export const STATUS_OK = 0;
/** `H4_E_PARAM`. After compress: a block that is longer than the core accepts, since a host passes nothing else that is excluded. */
export const STATUS_PARAM = 4;

/** What a status other than `STATUS_OK` says, as the end of a sentence. */
export function reasonOf(status: unknown): string {
  switch (status) {
    case 1:
      return 'what came out would not have fitted (status 1)';
    case 2:
      return 'it says that no core like itself has made this (status 2)';
    case 3:
      return 'it had not enough memory (status 3)';
    case 4:
      return 'it does not accept such a call (status 4)';
    default:
      return `it failed with the unknown status ${String(status)}`;
  }
}

/** `why` ends a sentence. `name` is the id of the core: no message of a call says where the core lies. */
export function badBlock(name: string, length: number, why: string): H4Error {
  return new H4Error('H4_ENGINE_BAD_OUTPUT', `The core ${name} made no block of ${length} bytes: ${why}`, {
    detail: { engine_id: name, length },
  });
}

export function notRestored(name: string, length: number, rawLength: number, why: string, cause?: unknown): H4Error {
  return new H4Error(
    'H4_ENGINE_OUTPUT',
    `Cannot restore a block of ${rawLength} bytes with ${name} from ${length} bytes: ${why}`,
    { detail: { engine_id: name, expected: rawLength }, ...(cause === undefined ? {} : { cause }) },
  );
}

export function blockTooLong(name: string, length: number): H4Error {
  return new H4Error('H4_ENGINE_INPUT', `The core ${name} takes no block of ${length} bytes; use shorter blocks`, {
    detail: { engine_id: name, length },
  });
}

export function coreClosed(name: string): H4Error {
  return new H4Error('H4_STATE', `The core ${name} has been closed`, { detail: { engine_id: name } });
}
