import { describe, expect, test } from 'vitest';
import type { Core } from '../../src/compression/core.js';
import { CoreCompression } from '../../src/compression/core-compression.js';
import { coreInfo } from '../../src/compression/seal.js';
import { isWasm, openWasmCore } from '../../src/compression/wasm-core.js';
import { utf8Encode } from '../../src/utils/bytes.js';
import type { H4Error } from '../../src/utils/error.js';
import { type WasmCoreOptions, op, transformParameter as p, unsigned, wasmCore } from '../support/wasm-cores.js';
import { rejection } from '../storage/rejection.js';
import { refusal } from '../utils/refusal.js';
import { engineContract } from './engine-contract.js';
import { lcgBytes } from './lcg.js';

const FINGERPRINT = 'ab'.repeat(32);
const options = { path: '/cores/tëst core.wasm', fingerprint: FINGERPRINT };
const open = (core: WasmCoreOptions = {}): Promise<Core> => openWasmCore(wasmCore(core), options);
const block = lcgBytes(1, 100);

const ROOMY = [1, 4, ...unsigned(4096)];

engineContract('a WebAssembly core that stores', async () => {
  // Room for the 64 MiB that the contract asks for once.
  const bytes = wasmCore({ memory: [1, ...unsigned(2200), ...unsigned(4096)] });
  const core = await openWasmCore(bytes, options);
  return new CoreCompression(core, coreInfo(FINGERPRINT, core.declared.engineId, {}));
});

describe('openWasmCore()', () => {
  test('says what the module says of itself', async () => {
    const { abi, declared } = await open();
    expect(abi).toBe('v2');
    expect(declared).toEqual({
      engineId: 'test-wasm-v1',
      fingerprint: Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, '0')).join(''),
    });
  });

  test('takes an id and a fingerprint that are not exported, or NULL, for undeclared', async () => {
    expect((await open({ omit: ['h4_engine_id', 'h4_engine_fp'] })).declared).toEqual({});
    expect((await open({ bodies: { h4_engine_id: [op.const(0)], h4_engine_fp: [op.const(0)] } })).declared).toEqual({});
  });

  test('names a core without an id after its fingerprint', async () => {
    const core = await open({ omit: ['h4_engine_id'], bodies: { h4_compress_v2: [op.const(2)] } });
    expect(refusal(() => core.compress(block)).message).toContain('core:abababababababab');
  });

  test('compiles the bytes that it was given, whatever becomes of the array afterwards', async () => {
    const bytes = wasmCore();
    const opening = openWasmCore(bytes, options);
    bytes.fill(0);
    expect((await opening).compress(block)).toEqual(block);
  });

  test.each<[string, WasmCoreOptions, string]>([
    ['a module that imports', { import: true }, 'it imports the function "env.abort"; a core imports nothing'],
    ['a memory without a maximum', { memory: [0, 4] }, 'its memory has no declared maximum'],
    ['a maximum of 4097 pages', { memory: [1, 4, ...unsigned(4097)] }, 'may grow to 4097 pages; at most 4096'],
    ['a shared memory', { memory: [3, 4, 16] }, 'its memory is shared or has 64-bit addresses'],
    ['a start function', { start: true }, 'it has a start function'],
    ['an id of the wrong form', { id: 'an id\n\0' }, 'it says that its id is "an id\\n"; an id is 1 to 128 of'],
    ['an empty id', { id: '\0' }, 'it says that its id is ""'],
    ['an id without an end', { id: 'x'.repeat(400) }, `it says that its id is "${'x'.repeat(129)}"`],
    ['an id beyond its memory', { bodies: { h4_engine_id: [op.const(-1)] } }, 'it says that its id is ""'],
    ['a fingerprint beyond its memory', { bodies: { h4_engine_fp: [op.const(-16)] } }, 'lies outside its memory'],
    ['a trap in h4_engine_id', { bodies: { h4_engine_id: [op.unreachable] } }, 'it cannot say who it is: it trapped'],
    ['an id that is no address', { wide: ['h4_engine_id'], bodies: { h4_engine_id: [op.i64Const0] } }, 'an i32'],
  ])('refuses %s', async (_, core, why) => {
    const error = await rejection(open(core));
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toMatch(/^Cannot load the compression core \/cores\/tëst core\.wasm: /u);
    expect(error.message).toContain(why);
  });

  test('takes a memory of exactly 4096 pages', async () => {
    expect((await open({ memory: ROOMY })).compress(block)).toEqual(block);
  });

  test('refuses what begins as a module and is none', async () => {
    const error = await rejection(openWasmCore(wasmCore().subarray(0, 60), options));
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toContain('it is no valid WebAssembly module');
  });

  test('refuses a module whose data do not fit its memory', async () => {
    const error = await rejection(open({ memory: [1, 0, 16] }));
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toContain('there can be no instance of it');
  });

  test.each(['memory', 'h4_alloc', 'h4_free', 'h4_compress_v2', 'h4_decompress_v2', 'h4_bound_v2'] as const)(
    'refuses a module that does not export %s',
    async (name) => {
      const error = await rejection(open({ omit: [name] }));
      expect(error.code).toBe('H4_CORE_SYMBOL');
      expect(error.message).toContain(`undefined symbol: ${name} (`);
      expect(error.detail).toEqual({ symbol: name });
    },
  );

  test.each<[string, WasmCoreOptions, string]>([
    [
      'no memory at all',
      { memory: null, bodies: { h4_compress_v2: [op.const(2)], h4_decompress_v2: [op.const(2)] } },
      'memory',
    ],
    ['a memory under the name of a function', { allocIsMemory: true }, 'h4_alloc'],
    ['a function with another number of parameters', { parameters: { h4_compress_v2: 6 } }, 'h4_compress_v2'],
    ['an id with a parameter', { parameters: { h4_engine_id: 1 } }, 'h4_engine_id'],
  ])('refuses %s', async (_, core, symbol) => {
    const error = await rejection(open(core));
    expect(error.code).toBe('H4_CORE_SYMBOL');
    expect(error.detail).toEqual({ symbol });
  });
});

describe('a WebAssembly core that misbehaves', () => {
  const lie = (length: number): NonNullable<WasmCoreOptions['bodies']> => {
    const body = [op.get(p.outLength), op.const(length), op.store, op.const(0)];
    return { h4_compress_v2: body, h4_decompress_v2: body };
  };

  test.each<[string, WasmCoreOptions, string]>([
    ['a status of failure', { bodies: { h4_compress_v2: [op.const(3)] } }, 'not enough memory (status 3)'],
    [
      'a status of refusal',
      { bodies: { h4_compress_v2: [op.const(2)] } },
      'no core like itself has made this (status 2)',
    ],
    ['a status that there is not', { bodies: { h4_compress_v2: [op.const(-7)] } }, 'the unknown status -7'],
    ['an empty result', { bodies: lie(0) }, 'it says that the result is empty'],
    ['nothing, and says that it is done', { bodies: { h4_compress_v2: [op.const(0)] } }, 'the result is empty'],
    ['a longer result than there is room', { bodies: lie(101) }, 'it wrote 101 bytes where there is room for 100'],
    ['a result of 4 GiB', { bodies: lie(-1) }, 'it wrote 4294967295 bytes'],
    ['no memory', { bodies: { h4_alloc: [op.const(0)] } }, 'it has no memory for 100 bytes'],
    ['memory beyond the end', { bodies: { h4_alloc: [op.const(4 * 65536 - 99)] } }, 'lies outside of it'],
    ['memory at a negative address', { bodies: { h4_alloc: [op.const(-8)] } }, 'lies outside of it'],
    ['the same memory twice', { bodies: { h4_alloc: [op.const(4096)] } }, 'it gives out the same memory twice'],
    ['an address that is none', { wide: ['h4_alloc'], bodies: { h4_alloc: [op.i64Const0] } }, 'an i32'],
    ['a status that is none', { wide: ['h4_compress_v2'], bodies: { h4_compress_v2: [op.i64Const0] } }, 'status 0'],
  ])('gives %s: compress() refuses', async (_, options, why) => {
    const error = refusal(compressing(await open(options)));
    expect(error.code).toBe('H4_ENGINE_BAD_OUTPUT');
    expect(error.message).toMatch(/^The core test-wasm-v1 made no block of 100 bytes: /u);
    expect(error.message).toContain(why);
    expect(error.detail).toEqual({ engine_id: 'test-wasm-v1', length: 100 });
  });

  test.each<[string, WasmCoreOptions, string]>([
    ['a status of failure', { bodies: { h4_decompress_v2: [op.const(2)] } }, '(status 2)'],
    ['a status of refusal', { bodies: { h4_decompress_v2: [op.const(4)] } }, '(status 4)'],
    ['a shorter result', { bodies: lie(99) }, 'it restored 99'],
    ['a longer result', { bodies: lie(101) }, 'it wrote 101 bytes where there is room for 100'],
    ['a trap', { bodies: { h4_decompress_v2: [op.unreachable] } }, 'it trapped: unreachable'],
    ['a trap when memory is given back', { bodies: { h4_free: [op.unreachable] } }, 'it trapped: unreachable'],
    [
      'an endless recursion',
      { bodies: { h4_decompress_v2: [0, 1, 2, 3, 4].map(op.get).concat([[0x10, 3]]) } },
      'it trapped: Maximum call stack',
    ],
  ])('gives %s: decompress() refuses', async (_, options, why) => {
    const core = await open(options);
    const error = refusal(() => core.decompress(block, 100));
    expect(error.code).toBe('H4_ENGINE_OUTPUT');
    expect(error.message).toMatch(/^Cannot restore a block of 100 bytes with test-wasm-v1 from 100 bytes: /u);
    expect(error.message).toContain(why);
  });

  test('stops a bomb at the declared length: the core is told how much room there is', async () => {
    const core = await open();
    expect(refusal(() => core.decompress(block, 10)).message).toContain('would not have fitted (status 1)');
  });

  test.each<NonNullable<WasmCoreOptions['bodies']>>([
    { h4_compress_v2: [op.unreachable] },
    { h4_bound_v2: [op.unreachable] },
  ])('traps: compress() says that it crashed', async (bodies) => {
    const error = refusal(compressing(await open({ bodies })));
    expect(error.code).toBe('H4_ENGINE_CRASHED');
    expect(error.message).toBe('The core test-wasm-v1 died on a block of 100 bytes: it trapped: unreachable');
    expect(error.cause).toMatchObject({ name: 'RuntimeError' });
  });

  test.each<NonNullable<WasmCoreOptions['bodies']>>([
    { h4_bound_v2: [op.const(0)] },
    { h4_compress_v2: [op.const(4)] },
  ])('takes no block that is too long for it: %j', async (bodies) => {
    const error = refusal(compressing(await open({ bodies })));
    expect(error.code).toBe('H4_ENGINE_INPUT');
    expect(error.message).toBe('The core test-wasm-v1 takes no block of 100 bytes; use shorter blocks');
  });

  test('gets no more room than a block may become, however much it asks for', async () => {
    const echo = [op.get(p.outLength), op.get(p.capacity), op.store, op.const(0)];
    const core = await open({ bodies: { h4_bound_v2: [op.const(-1)], h4_compress_v2: echo } });
    expect(core.compress(block).length).toBe(2 * 100 + 64 * 1024);
  });

  test('keeps the instance that has refused a block as too long', async () => {
    // The first call moves `top`, and refuses; in a fresh instance the second would do the same.
    const refuse = [op.const(10_000), op.getTop, op.gtU, op.if(op.const(20_000), op.setTop, op.const(4), op.return)];
    const done = [op.get(p.outLength), op.const(7), op.store, op.const(0)];
    const core = await open({ bodies: { h4_compress_v2: [...refuse, ...done], h4_free: [] } });
    expect(refusal(compressing(core)).code).toBe('H4_ENGINE_INPUT');
    expect(core.compress(block)).toHaveLength(7);
  });

  test('has the instance thrown away that trapped, and goes on in a fresh one', async () => {
    // `top` was moved before the trap: in the same instance the next call would see it.
    const body = [op.getTop, op.const(10_000), op.gtU, op.if(op.unreachable)];
    const poison = [
      ...body,
      op.get(p.inLength),
      op.const(99),
      op.gtU,
      op.if(op.const(20_000), op.setTop, op.unreachable),
    ];
    const store = [op.get(p.out), op.get(p.in), op.get(p.inLength), op.copy];
    const done = [op.get(p.outLength), op.get(p.inLength), op.store, op.const(0)];
    const bodies = { h4_compress_v2: [...poison, ...store, ...done], h4_decompress_v2: [...poison, ...store, ...done] };
    const core = await open({ bodies });
    for (let i = 0; i < 2; i++) {
      expect(refusal(compressing(core)).code).toBe('H4_ENGINE_CRASHED');
      expect(core.compress(block.subarray(0, 50))).toEqual(block.subarray(0, 50));
      expect(refusal(() => core.decompress(block, 100)).code).toBe('H4_ENGINE_OUTPUT');
      expect(core.decompress(block.subarray(0, 50), 50)).toEqual(block.subarray(0, 50));
    }
  });

  test('loses memory in every call: when there is none left it begins anew', async () => {
    const core = await open({ bodies: { h4_free: [] } });
    const outcomes = new Set<string>();
    for (let i = 0; i < 40; i++) {
      try {
        outcomes.add(String(core.compress(lcgBytes(2, 20_000)).length));
      } catch (error) {
        outcomes.add((error as H4Error).code);
      }
    }
    expect([...outcomes].sort()).toEqual(['20000', 'H4_ENGINE_BAD_OUTPUT']);
    const last = Array.from({ length: 10 }, () => {
      try {
        return core.compress(lcgBytes(2, 20_000)).length;
      } catch {
        return 0;
      }
    });
    expect(last).toContain(20_000);
  });

  test('cannot let compression feel what decompression did: each has an instance', async () => {
    const echo = [op.get(p.outLength), op.get(p.capacity), op.store, op.const(0)];
    const move = [op.const(30_000), op.setTop, op.const(2)];
    const bodies = { h4_bound_v2: [op.getTop], h4_compress_v2: echo, h4_decompress_v2: move, h4_free: [] };
    const core = await open({ bodies });
    expect(refusal(() => core.decompress(block, 100)).code).toBe('H4_ENGINE_OUTPUT');
    // As long as `top`, which decompression has moved in its own instance only.
    expect(core.compress(block).length).toBe(4096);
  });

  test('grows its memory in the middle of a call: the result is read from where it is now', async () => {
    const grow = [op.const(2), op.grow, op.drop];
    const store = [op.get(p.out), op.get(p.in), op.get(p.inLength), op.copy];
    const done = [op.get(p.outLength), op.get(p.inLength), op.store, op.const(0)];
    const core = await open({ bodies: { h4_compress_v2: [...grow, ...store, ...done] } });
    for (let i = 0; i < 5; i++) expect(core.compress(block)).toEqual(block);
  });

  test('answers nothing after close()', async () => {
    const core = await open();
    core.close();
    core.close();
    expect(refusal(compressing(core)).code).toBe('H4_STATE');
    expect(refusal(() => core.decompress(block, 100)).code).toBe('H4_STATE');
  });
});

describe('isWasm()', () => {
  test.each<[boolean, Uint8Array]>([
    [true, wasmCore()],
    [false, wasmCore().subarray(0, 7)],
    [false, new Uint8Array(0)],
    [false, utf8Encode('(module)')],
    [false, Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0)],
  ])('%s', (expected, bytes) => expect(isWasm(bytes)).toBe(expected));
});

const compressing = (core: Core) => () => core.compress(block);
