import { describe, expect, test } from 'vitest';
import { CoreCompression } from '../../src/compression/core-compression.js';
import { GeometricReferenceCompressor } from '../../src/compression/reference.js';
import { RoundTripEngine } from '../../src/compression/round-trip.js';
import { coreInfo } from '../../src/compression/seal.js';
import { openWasmCore } from '../../src/compression/wasm-core.js';
import { rejection } from '../storage/rejection.js';
import { type WasmCoreOptions, op, transformParameter as p, wasmCore } from '../support/wasm-cores.js';
import { refusal } from '../utils/refusal.js';
import { engineContract } from './engine-contract.js';
import { lcgBytes } from './lcg.js';

const FINGERPRINT = 'ab'.repeat(32);

async function checked(options: WasmCoreOptions): Promise<RoundTripEngine> {
  const core = await openWasmCore(wasmCore(options), { path: 'test.wasm', fingerprint: FINGERPRINT });
  return new RoundTripEngine(new CoreCompression(core, coreInfo(FINGERPRINT, core.declared.engineId, {})));
}

engineContract(
  'h4ref-geo-v1 with its round trip checked',
  () => new RoundTripEngine(new GeometricReferenceCompressor()),
);

describe('RoundTripEngine', () => {
  const block = lcgBytes(1, 100);

  test('refuses a block that decodes to other bytes', async () => {
    // Says that it is done, and leaves the room as it was.
    const body = [op.get(p.outLength), op.get(p.inLength), op.store, op.const(0)];
    const error = await rejection((await checked({ bodies: { h4_compress_v2: body } })).compress(block));
    expect(error.code).toBe('H4_ENGINE_BAD_OUTPUT');
    expect(error.message).toBe(
      'The core test-wasm-v1 computes wrongly on a block of 100 bytes: what it has just made decodes to other bytes. ' +
        'Nothing was written; do not record with this core',
    );
    expect(error.detail).toEqual({ engine_id: 'test-wasm-v1', fingerprint: FINGERPRINT, bytes: 100 });
  });

  test('refuses a block that does not decode, and keeps the reason', async () => {
    const engine = await checked({ bodies: { h4_decompress_v2: [op.const(2)] } });
    const error = await rejection(engine.compress(block));
    expect(error.code).toBe('H4_ENGINE_BAD_OUTPUT');
    expect(error.message).toContain('it does not decode what it has just made');
    expect(error.cause).toMatchObject({ code: 'H4_ENGINE_OUTPUT' });
  });

  test('refuses the block of an engine that writes to its argument, which stays as it was', async () => {
    const engine = new RoundTripEngine({
      compress: (bytes) => bytes.fill(0),
      decompress: (bytes) => bytes,
      info: () => coreInfo(FINGERPRINT, 'writes-v1', {}),
    });
    const given = Uint8Array.from(block);
    expect((await rejection(engine.compress(given))).code).toBe('H4_ENGINE_BAD_OUTPUT');
    expect(given).toEqual(block);
  });

  test('passes on what the engine itself refuses', async () => {
    const engine = await checked({ bodies: { h4_compress_v2: [op.const(3)], h4_decompress_v2: [op.const(2)] } });
    expect((await rejection(engine.compress(block))).message).toContain('status 3');
    expect(refusal(() => engine.decompress(block, 100)).code).toBe('H4_ENGINE_OUTPUT');
  });
});
