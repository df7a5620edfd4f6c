import { describe, expect, test } from 'vitest';
import { type Core, compressedCap } from '../../src/compression/core.js';
import { CoreCompression } from '../../src/compression/core-compression.js';
import { coreInfo } from '../../src/compression/seal.js';
import { openWasmCore } from '../../src/compression/wasm-core.js';
import { wasmCore } from '../support/wasm-cores.js';
import { refusal } from '../utils/refusal.js';

const FINGERPRINT = 'ab'.repeat(32);
const MIB = 1024 * 1024;
const info = coreInfo(FINGERPRINT, 'test-wasm-v1', {});

/** A real core behind a counter of what reaches it. */
async function counted(): Promise<{ engine: CoreCompression; calls: () => number }> {
  const core = await openWasmCore(wasmCore(), { path: 'test.wasm', fingerprint: FINGERPRINT });
  let calls = 0;
  const counting: Core = {
    ...{ abi: core.abi, declared: core.declared, close: () => core.close() },
    compress: (bytes) => (calls++, core.compress(bytes)),
    decompress: (bytes, rawLength) => (calls++, core.decompress(bytes, rawLength)),
  };
  return { engine: new CoreCompression(counting, info), calls: () => calls };
}

describe('CoreCompression', () => {
  test('keeps empty blocks from the core', async () => {
    const { engine, calls } = await counted();
    expect(engine.compress(new Uint8Array(0))).toEqual(new Uint8Array(0));
    expect(engine.decompress(new Uint8Array(0), 0)).toEqual(new Uint8Array(0));
    expect(calls()).toBe(0);
    expect(engine.compress(Uint8Array.of(1))).toEqual(Uint8Array.of(1));
    expect(calls()).toBe(1);
  });

  test.each([
    ['nothing for a block that is not empty', new Uint8Array(0), 1],
    ['something for an empty block', Uint8Array.of(1), 0],
    ['more than 64 MiB', Uint8Array.of(1), 64 * MIB + 1],
    ['a coded block longer than any that was ever made', new Uint8Array(compressedCap(5) + 1), 5],
  ])('does not restore %s', async (_, bytes, rawLength) => {
    const { engine, calls } = await counted();
    const error = refusal(() => engine.decompress(bytes, rawLength));
    expect(error.code).toBe('H4_ENGINE_OUTPUT');
    expect(error.detail).toEqual({ engine_id: 'test-wasm-v1', expected: rawLength });
    expect(calls()).toBe(0);
  });

  test.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53, '5'])('refuses the length %s', async (rawLength) => {
    const { engine, calls } = await counted();
    const error = refusal(() => engine.decompress(Uint8Array.of(1), rawLength as number));
    expect(error.code).toBe('H4_PARAM');
    expect(error.detail).toEqual({ field: 'rawLength' });
    expect(calls()).toBe(0);
  });

  test('takes no block of more than 64 MiB', async () => {
    const { engine, calls } = await counted();
    const error = refusal(() => engine.compress(new Uint8Array(64 * MIB + 1)));
    expect(error.code).toBe('H4_ENGINE_INPUT');
    expect(calls()).toBe(0);
  });

  test.each([
    ['null', null],
    ['string', 'bytes'],
    ['number', 4096],
    ['object', [1, 2]],
    ['object', new ArrayBuffer(4)],
    ['object', new Uint16Array(4)],
    ['undefined', undefined],
  ])('takes bytes only, not %s', async (what, value) => {
    const { engine, calls } = await counted();
    for (const call of [() => engine.compress(value as never), () => engine.decompress(value as never, 1)]) {
      const error = refusal(call);
      expect(error.code).toBe('H4_ENGINE_INPUT');
      expect(error.message).toBe(`The core test-wasm-v1 takes a Uint8Array, not ${what}`);
    }
    expect(calls()).toBe(0);
  });

  test('does not take an array whose bytes were transferred away for an empty block', async () => {
    const { engine } = await counted();
    const bytes = Uint8Array.of(1, 2, 3);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    const error = refusal(() => engine.compress(bytes));
    expect(error.code).toBe('H4_ENGINE_INPUT');
    expect(error.message).toContain('one whose bytes were taken away');
  });

  test('has the info that it was given', async () => {
    expect((await counted()).engine.info()).toBe(info);
  });
});
