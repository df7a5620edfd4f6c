/**
 * One instance of a WebAssembly core, and the two calls that it can be asked for. Every number that comes out of it is hostile: an
 * address may point anywhere, a length may be any, and the memory may have grown, which makes every view of it void.
 */

import { STATUS_OK, STATUS_PARAM, compressedCap, reasonOf } from './core.js';

export type WasmFunction = (...args: readonly number[]) => unknown;

/** What a module exports: the functions with their numbers of parameters are looked at before any of them is called. */
export interface WasmExports {
  readonly memory: WebAssembly.Memory;
  readonly h4_alloc: WasmFunction;
  readonly h4_free: WasmFunction;
  readonly h4_compress_v2: WasmFunction;
  readonly h4_decompress_v2: WasmFunction;
  readonly h4_bound_v2: WasmFunction;
  readonly h4_engine_id: WasmFunction | undefined;
  readonly h4_engine_fp: WasmFunction | undefined;
}

/**
 * How a call went wrong. After `trapped` and `broken` the instance is to be thrown away: it trapped, or said something that
 * cannot be, or has no memory left, which may be because it loses some in every call. `excluded` is `H4_E_PARAM`.
 */
export class CallFailure extends Error {
  readonly state: 'refused' | 'excluded' | 'trapped' | 'broken';

  constructor(state: CallFailure['state'], message: string, cause?: unknown) {
    super(message, { cause });
    this.state = state;
  }
}

const LENGTH_BYTES = 4;
/** `H4_E_MEMORY`. */
const NO_MEMORY = 3;

/** The room that a block of so many bytes can need, by the core's word and our cap; 0 if it is too long for this core. */
export function boundOf(core: WasmExports, length: number): number {
  return Math.min(toU32(invoke(core.h4_bound_v2, length)), compressedCap(length));
}

/** The result of at most `capacity` bytes, as fresh bytes. Throws `CallFailure` and nothing else. */
export function transform(
  core: WasmExports,
  direction: 'h4_compress_v2' | 'h4_decompress_v2',
  bytes: Uint8Array,
  capacity: number,
): Uint8Array {
  const input = allocate(core, bytes.length);
  const output = allocate(core, capacity);
  const lengthOut = allocate(core, LENGTH_BYTES);
  assertApart([input, output, lengthOut]);
  new Uint8Array(core.memory.buffer).set(bytes, input.at);
  new DataView(core.memory.buffer).setUint32(lengthOut.at, 0, true);
  const status = invoke(core[direction], input.at, bytes.length, output.at, capacity, lengthOut.at);
  const result = status === STATUS_OK ? readResult(core, output, lengthOut) : undefined;
  for (const { at } of [lengthOut, output, input]) invoke(core.h4_free, at);
  if (result === undefined) throw new CallFailure(stateAfter(status), reasonOf(status));
  return result;
}

function stateAfter(status: unknown): CallFailure['state'] {
  if (status === NO_MEMORY) return 'broken';
  return status === STATUS_PARAM ? 'excluded' : 'refused';
}

function readResult({ memory }: WasmExports, output: Region, lengthOut: Region): Uint8Array {
  const length = new DataView(memory.buffer).getUint32(lengthOut.at, true);
  if (length > output.length) {
    throw new CallFailure('broken', `it says that it wrote ${length} bytes where there is room for ${output.length}`);
  }
  return new Uint8Array(memory.buffer, output.at, length).slice();
}

/** Text from `address` to its NUL, at most `maxLength + 1` characters; what lies outside the memory is not there. */
export function readText(core: WasmExports, address: number, maxLength: number): string {
  const bytes = new Uint8Array(core.memory.buffer).subarray(address, address + maxLength + 1);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end === -1 ? bytes : bytes.subarray(0, end)));
}

/** Calls a function of the core. Whatever stops it, a trap or an exhausted stack, is a `CallFailure`. */
export function invoke(callee: WasmFunction, ...args: readonly number[]): unknown {
  try {
    return callee(...args);
  } catch (cause) {
    throw new CallFailure('trapped', `it trapped: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

/** An `i32` as the unsigned number that it stands for. */
export function toU32(value: unknown): number {
  if (typeof value !== 'number') throw new CallFailure('broken', 'a function of it does not return an i32');
  return value >>> 0;
}

interface Region {
  readonly at: number;
  readonly length: number;
}

function allocate(core: WasmExports, length: number): Region {
  const at = toU32(invoke(core.h4_alloc, length));
  if (at === 0) throw new CallFailure('broken', `it has no memory for ${length} bytes`);
  if (at + length > core.memory.buffer.byteLength) {
    throw new CallFailure('broken', `its memory for ${length} bytes lies outside of it`);
  }
  return { at, length };
}

/** Overlapping regions can hurt nobody but the core, and would make of its defect a damaged block. */
function assertApart(regions: readonly Region[]): void {
  const sorted = regions.toSorted((a, b) => a.at - b.at);
  for (const [i, { at, length }] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next !== undefined && at + length > next.at)
      throw new CallFailure('broken', 'it gives out the same memory twice');
  }
}
