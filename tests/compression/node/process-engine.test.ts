import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compress, decompress, engineInfo, getEngine } from '../../../src/compression/node/index.js';
import { rejection } from '../../storage/rejection.js';
import { wasmCore } from '../../support/wasm-cores.js';
import { lcgBytes } from '../lcg.js';

const folder = mkdtempSync(join(tmpdir(), 'harmony4 process engine '));
const path = join(folder, 'core ø.wasm');
afterAll(async () => {
  delete process.env['HARMONY4_CORE_PATH'];
  await (await getEngine()).close();
  rmSync(folder, { recursive: true, force: true });
});

test('the engine of a process: a refusal is not kept, and what was sealed is the same for everybody', async () => {
  process.env['HARMONY4_CORE_PATH'] = path;
  expect((await rejection(getEngine())).code).toBe('H4_CORE_NOT_FOUND');

  writeFileSync(path, wasmCore());
  const [first, second] = await Promise.all([getEngine(), getEngine()]);
  expect(second).toBe(first);
  expect((await engineInfo()).engine_id).toBe('test-wasm-v1');

  // Sealed once: what the environment says later, and what lies at the path, changes nothing.
  delete process.env['HARMONY4_CORE_PATH'];
  rmSync(path);
  expect(await getEngine()).toBe(first);
  const block = lcgBytes(1, 500);
  expect(await decompress(await compress(block), 500)).toEqual(block);
});
