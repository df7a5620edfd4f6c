/** What both versions of the native interface need: prototypes, places for what comes back, and input that C may read. */
import koffi from 'koffi';

/** The calls of one loaded core: `bytes` is not empty, and `rawLength` is a length. */
export interface NativeCalls {
  compress(bytes: Uint8Array): Uint8Array;
  decompress(bytes: Uint8Array, rawLength: number): Uint8Array;
}

export type NativeFunction = (...args: readonly unknown[]) => unknown;

/** Every address is `void *`: koffi then passes on the address of an array as it is, without looking at what is in it. */
export const PROTOTYPES = {
  h4_compress: 'size_t h4_compress(void *in, size_t in_len, void *out)',
  h4_decompress: 'size_t h4_decompress(void *in, size_t in_len, void *out)',
  h4_compress_v2: 'int32_t h4_compress_v2(void *in, size_t in_len, void *out, size_t out_capacity, void *out_len)',
  h4_decompress_v2: 'int32_t h4_decompress_v2(void *in, size_t in_len, void *out, size_t out_capacity, void *out_len)',
  h4_bound_v2: 'size_t h4_bound_v2(size_t in_len)',
  h4_free: 'void h4_free(void *p)',
  h4_engine_id: 'void *h4_engine_id()',
  h4_engine_fp: 'void *h4_engine_fp()',
} as const;

export type SymbolName = keyof typeof PROTOTYPES;

/** Room for one `size_t` or one address of this machine, into which a core writes. */
export interface Word {
  readonly room: Uint8Array;
  /** To be called before each use: a core that writes nothing must not be believed the last value again. */
  clear(): void;
  read(): bigint;
}

export function createWord(): Word {
  const cells = koffi.sizeof('size_t') === 8 ? new BigUint64Array(1) : new Uint32Array(1);
  const room = new Uint8Array(cells.buffer);
  return { room, clear: () => room.fill(0), read: () => BigInt(cells[0] ?? 0) };
}

/**
 * `bytes` where nobody else can change or take them away during the call, else a copy: C reads its input more than once, and what
 * another thread changes in between has been checked by nobody.
 */
export function unshared(bytes: Uint8Array): Uint8Array {
  const { buffer } = bytes;
  const isPlain = buffer instanceof ArrayBuffer && !('resizable' in buffer && buffer.resizable === true);
  return isPlain ? bytes : Uint8Array.from(bytes);
}
