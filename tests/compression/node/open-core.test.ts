import { afterEach, describe, expect, test, vi } from 'vitest';
import { openCore } from '../../../src/compression/node/open-core.js';
import { rejection } from '../../storage/rejection.js';
import { wasmCore } from '../../support/wasm-cores.js';

const options = { path: '/cores/core', fingerprint: 'ab'.repeat(32) };

describe('openCore()', () => {
  afterEach(() => {
    vi.doUnmock('koffi');
    vi.resetModules();
  });

  test('opens a module as a module, and anything else as a shared library', async () => {
    expect((await openCore(wasmCore(), options)).declared.engineId).toBe('test-wasm-v1');
    expect((await rejection(openCore(Uint8Array.of(1), options))).message).toContain('needed is a shared library for');
  });

  test('where koffi does not work, shared libraries are refused and modules are not', async () => {
    vi.resetModules();
    vi.doMock('koffi', () => {
      throw new Error('no binary for this system');
    });
    const { openCore: openHere } = await import('../../../src/compression/node/open-core.js');
    expect((await openHere(wasmCore(), options)).abi).toBe('v2');
    const error: unknown = await openHere(Uint8Array.of(1), options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'H4_CORE_LOAD' });
    expect(String(error)).toContain('the package koffi does not work here. Use the WebAssembly build of the core');
  });
});
