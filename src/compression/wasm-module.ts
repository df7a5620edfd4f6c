/**
 * What a WebAssembly module says of itself before any of it runs (spec/engine.md): how far its memory may grow, and that nothing runs
 * when it is instantiated. Engines show imports and exports, but neither of these, so that the sections are walked here.
 * Every length is the module's, and compared with what is left.
 */

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const HEADER_BYTES = MAGIC_AND_VERSION.length;
const MEMORY_SECTION = 5;
const START_SECTION = 8;
/** Limits of a memory: bit 0 says that there is a maximum. Bit 1 would be shared memory, bit 2 64-bit addresses. */
const WITH_MAXIMUM = 1;
const WITHOUT_MAXIMUM = 0;

export interface WasmFacts {
  /** Of the memories that the module defines itself. `maximumPages` is absent if it declares none. */
  readonly memories: readonly { readonly maximumPages?: number; readonly isPlain: boolean }[];
  /** Whether a function of the module runs as soon as there is an instance. */
  readonly hasStart: boolean;
}

/** Whether these bytes begin as a module in the binary format, version 1. */
export function isWasm(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && MAGIC_AND_VERSION.every((byte, i) => bytes[i] === byte);
}

/** Undefined if the sections cannot be walked. */
export function readWasmFacts(bytes: Uint8Array): WasmFacts | undefined {
  if (!isWasm(bytes)) return undefined;
  const cursor = { bytes, at: HEADER_BYTES };
  let memories: WasmFacts['memories'] = [];
  let hasStart = false;
  while (cursor.at < bytes.length) {
    const id = readU32(cursor, 1);
    const length = readU32(cursor);
    if (id === undefined || length === undefined || length > bytes.length - cursor.at) return undefined;
    const section = { bytes: bytes.subarray(cursor.at, cursor.at + length), at: 0 };
    cursor.at += length;
    if (id === START_SECTION) hasStart = true;
    if (id === MEMORY_SECTION) {
      const read = readMemories(section);
      if (read === undefined) return undefined;
      memories = read;
    }
  }
  return { memories, hasStart };
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function readMemories(section: Cursor): WasmFacts['memories'] | undefined {
  const count = readU32(section);
  const memories: WasmFacts['memories'][number][] = [];
  for (let i = 0; count !== undefined && i < count; i++) {
    const flags = readU32(section, 1);
    if (flags === undefined) return undefined;
    if (flags !== WITH_MAXIMUM && flags !== WITHOUT_MAXIMUM) return [...memories, { isPlain: false }];
    const minimum = readU32(section);
    const maximum = flags === WITH_MAXIMUM ? readU32(section) : undefined;
    if (minimum === undefined || (flags === WITH_MAXIMUM && maximum === undefined)) return undefined;
    memories.push({ isPlain: true, ...(maximum === undefined ? {} : { maximumPages: maximum }) });
  }
  return count === undefined ? undefined : memories;
}

/** An unsigned LEB128 number of at most 32 bits. Undefined at the end of the bytes and beyond 32 bits. */
function readU32(cursor: Cursor, maxBytes = 5): number | undefined {
  let value = 0;
  for (let i = 0; i < maxBytes; i++) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value < 2 ** 32 ? value : undefined;
  }
  return undefined;
}
