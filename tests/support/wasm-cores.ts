/**
 * WebAssembly cores written out byte by byte, so that they need no compiler and can be wrong in any way. Without options it is a
 * whole core that stores blocks as they are.
 */

/** Instructions, as much as these cores need. */
export const op = {
  unreachable: 0x00,
  end: 0x0b,
  return: 0x0f,
  get: (local: number): number[] => [0x20, local],
  set: (local: number): number[] => [0x21, local],
  getTop: [0x23, 0],
  setTop: [0x24, 0],
  const: (value: number): number[] => [0x41, ...signed(value)],
  store: [0x36, 2, 0],
  add: 0x6a,
  and: 0x71,
  copy: [0xfc, 0x0a, 0, 0],
  grow: [0x40, 0],
  drop: 0x1a,
  i64Const0: [0x42, 0],
  /** `if` top of the stack: `then`, without a value. */
  if: (...then: Code): Code => [0x04, 0x40, ...then, 0x0b],
  gtU: 0x4b,
} as const;

export type Code = readonly (number | Code)[];

const HEAP_START = 4096;
const ID_AT = 64;
const FP_AT = 512;
const I32 = 0x7f;
const I64 = 0x7e;

/** Of the parameters `in, in_len, out, out_capacity, out_len`. */
export const transformParameter = { in: 0, inLength: 1, out: 2, capacity: 3, outLength: 4 } as const;
const p = transformParameter;

const STORE: Code = [
  [op.get(p.inLength), op.get(p.capacity), op.gtU, op.if(op.const(1), op.return)],
  [op.get(p.out), op.get(p.in), op.get(p.inLength), op.copy],
  [op.get(p.outLength), op.get(p.inLength), op.store],
  op.const(0),
];

const FUNCTIONS = {
  // Takes from the top, in multiples of 8; giving back starts again from the beginning.
  h4_alloc: {
    parameters: 1,
    body: [op.getTop, op.getTop, op.get(0), op.add, op.const(15), op.add, op.const(-8), op.and, op.setTop],
  },
  h4_free: { parameters: 1, body: [op.const(HEAP_START), op.setTop] },
  h4_compress_v2: { parameters: 5, body: STORE },
  h4_decompress_v2: { parameters: 5, body: STORE },
  h4_bound_v2: { parameters: 1, body: [op.get(0)] },
  h4_engine_id: { parameters: 0, body: [op.const(ID_AT)] },
  h4_engine_fp: { parameters: 0, body: [op.const(FP_AT)] },
} as const satisfies Record<string, { parameters: number; body: Code }>;

export type WasmFunctionName = keyof typeof FUNCTIONS;

export interface WasmCoreOptions {
  /** Other code for a function, which leaves one i32 (`h4_free`: nothing). */
  readonly bodies?: Partial<Record<WasmFunctionName, Code>>;
  readonly omit?: readonly (WasmFunctionName | 'memory')[];
  /** What stands at the address of the id, NUL included. */
  readonly id?: string;
  /** The entry of the memory section; default: a minimum of 4 pages and a maximum of 16. Null: no memory at all. */
  readonly memory?: readonly number[] | null;
  /** Further entries of the memory section. */
  readonly moreMemories?: readonly (readonly number[])[];
  readonly import?: boolean;
  readonly start?: boolean;
  /** This function has another number of parameters. */
  readonly parameters?: Partial<Record<WasmFunctionName, number>>;
  /** These functions return an i64. */
  readonly wide?: readonly WasmFunctionName[];
  /** The name `h4_alloc` is that of the memory. */
  readonly allocIsMemory?: boolean;
}

export function wasmCore(options: WasmCoreOptions = {}): Uint8Array<ArrayBuffer> {
  const names = (Object.keys(FUNCTIONS) as WasmFunctionName[]).filter((name) => options.omit?.includes(name) !== true);
  const types = names.map((name) => {
    const parameters = options.parameters?.[name] ?? FUNCTIONS[name].parameters;
    const results = name === 'h4_free' ? [] : [options.wide?.includes(name) === true ? I64 : I32];
    return [0x60, ...vector(Array<number[]>(parameters).fill([I32])), ...vector(results.map((type) => [type]))];
  });
  const imported = options.import === true ? 1 : 0;
  const startType = types.length;
  const memory = options.memory === undefined ? [1, 4, 16] : options.memory;
  const memories = [...(memory === null ? [] : [memory]), ...(options.moreMemories ?? [])];
  const exports = names
    .filter((name) => !(options.allocIsMemory === true && name === 'h4_alloc'))
    .map((name, i) => [...text(name), 0, ...unsigned((options.allocIsMemory === true ? i + 1 : i) + imported)]);
  if (options.omit?.includes('memory') !== true && memory !== null) exports.push([...text('memory'), 2, 0]);
  if (options.allocIsMemory === true) exports.push([...text('h4_alloc'), 2, 0]);
  const bodies = [
    ...names.map((name) => [...(options.bodies?.[name] ?? FUNCTIONS[name].body), op.end]),
    ...(options.start === true ? [[op.end]] : []),
  ];
  const id = [...Buffer.from(options.id ?? 'test-wasm-v1\0')];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([...types, [0x60, 0, 0]])),
    ...(imported === 1 ? section(2, vector([[...text('env'), ...text('abort'), 0, startType]])) : []),
    ...section(3, vector([...names.map((_, i) => [i]), ...(options.start === true ? [[startType]] : [])])),
    ...section(5, vector(memories)),
    // `top`: where the next allocation begins.
    ...section(6, vector([[I32, 1, ...op.const(HEAP_START), op.end]])),
    ...section(7, vector(exports)),
    ...(options.start === true ? section(8, [names.length + imported]) : []),
    ...section(10, vector(bodies.map((code) => sized([0, ...flat(code)])))),
    ...(memory === null
      ? []
      : section(
          11,
          vector([
            [0, ...op.const(ID_AT), op.end, ...sized(id)],
            [0, ...op.const(FP_AT), op.end, ...sized(Array.from({ length: 32 }, (_, i) => i))],
          ]),
        )),
  ]);
}

/** A section, as it stands in a module. */
export const section = (id: number, content: readonly number[]): number[] => [id, ...sized(content)];

const flat = (code: Code): number[] => (code as readonly unknown[]).flat(Infinity) as number[];
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => sized([...Buffer.from(value)]);

export function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...unsigned(Math.floor(value / 128))];
}

function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}
