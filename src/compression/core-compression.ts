/** `CoreCompression`: a loaded core as an engine. It keeps from the core what the binary interface does not allow. */

import { H4Error } from '../utils/error.js';
import type { CompressionEngine, EngineInfo } from './api/engine.js';
import { type Core, MAX_CORE_BLOCK_BYTES, blockTooLong, compressedCap, notRestored } from './core.js';

const EMPTY = new Uint8Array(0);

export class CoreCompression implements CompressionEngine {
  readonly #core: Core;
  readonly #info: EngineInfo;

  constructor(core: Core, info: EngineInfo) {
    this.#core = core;
    this.#info = info;
  }

  /** An empty block stays empty and never reaches the core. */
  compress(bytes: Uint8Array): Uint8Array {
    return compressedWithoutCore(bytes, this.#info) ?? this.#core.compress(bytes);
  }

  decompress(bytes: Uint8Array, rawLength: number): Uint8Array {
    return restoredWithoutCore(bytes, rawLength, this.#info) ?? this.#core.decompress(bytes, rawLength);
  }

  info(): EngineInfo {
    return this.#info;
  }
}

/** Refuses what no core may be given to compress. Undefined if it is for the core. */
export function compressedWithoutCore(bytes: Uint8Array, info: EngineInfo): Uint8Array | undefined {
  assertBytes(bytes, info);
  if (bytes.length > MAX_CORE_BLOCK_BYTES) throw blockTooLong(info.engine_id, bytes.length);
  return bytes.length === 0 ? EMPTY : undefined;
}

/** Refuses what no core may be given to restore. Undefined if it is for the core. */
export function restoredWithoutCore(bytes: Uint8Array, rawLength: number, info: EngineInfo): Uint8Array | undefined {
  assertBytes(bytes, info);
  if (!Number.isSafeInteger(rawLength) || rawLength < 0) {
    throw new H4Error('H4_PARAM', `Cannot restore a block of ${String(rawLength)} bytes: no such length`, {
      detail: { field: 'rawLength' },
    });
  }
  const why =
    (bytes.length === 0) !== (rawLength === 0)
      ? 'only an empty block is coded as nothing'
      : rawLength > MAX_CORE_BLOCK_BYTES
        ? `no core restores more than ${MAX_CORE_BLOCK_BYTES}`
        : bytes.length > compressedCap(rawLength)
          ? 'no block of that length becomes so long'
          : undefined;
  if (why !== undefined) throw notRestored(info.engine_id, bytes.length, rawLength, why);
  return rawLength === 0 ? EMPTY : undefined;
}

/** What lies behind this line is C: it takes any value for the address of bytes. */
function assertBytes(bytes: unknown, { engine_id }: EngineInfo): void {
  const found = !(bytes instanceof Uint8Array)
    ? describe(bytes)
    : isDetached(bytes)
      ? 'one whose bytes were taken away'
      : undefined;
  if (found !== undefined) {
    throw new H4Error('H4_ENGINE_INPUT', `The core ${engine_id} takes a Uint8Array, not ${found}`, {
      detail: { engine_id },
    });
  }
}

/** An array that was transferred to another thread has length 0, and would pass for an empty block. */
function isDetached({ length, buffer }: Uint8Array): boolean {
  if (length > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
