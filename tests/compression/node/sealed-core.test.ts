/** The seal: what is measured is what is loaded, and nothing of a core runs that has not passed. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readCoreFile } from '../../../src/compression/node/core-file.js';
import { openCore } from '../../../src/compression/node/open-core.js';
import { loadSealedCore } from '../../../src/compression/node/sealed-core.js';
import type { Pins } from '../../../src/compression/seal.js';
import type { H4Error } from '../../../src/utils/error.js';
import { rejection } from '../../storage/rejection.js';
import { buildCore, compileHostile, describeCompiled } from '../../support/cores.js';
import { wasmCore } from '../../support/wasm-cores.js';

const folder = mkdtempSync(join(tmpdir(), 'harmony4 sëal ø '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const put = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(folder, name), bytes, { mode: 0o644 });
  return join(folder, name);
};
const refused = (path: string, pins: Pins): Promise<H4Error> => rejection(loadSealedCore(path, { pins }));

describe('loadSealedCore() of a WebAssembly module', () => {
  const bytes = wasmCore();
  const path = put('a core ø.wasm', bytes);
  const pinned = { engineId: 'test-wasm-v1', fingerprint: sha256(bytes) };

  test('reaches level 3 with both pins, and says what was measured', async () => {
    const { core, info, bytes: size, warnings } = await loadSealedCore(path, { pins: pinned });
    expect(info).toMatchObject({
      engine: 'core',
      engine_id: 'test-wasm-v1',
      fingerprint: sha256(bytes),
      sealed: true,
      seal_level: 3,
    });
    expect([core.abi, size, warnings]).toEqual(['v2', bytes.length, []]);
  });

  test.each<[1 | 2, Pins]>([
    [1, {}],
    [2, { engineId: pinned.engineId }],
    [2, { fingerprint: pinned.fingerprint }],
  ])('reaches level %d with the pins %j', async (level, pins) => {
    expect((await loadSealedCore(path, { pins })).info).toMatchObject({ sealed: false, seal_level: level });
  });

  test('a core without an id is named after its fingerprint, unless an id is pinned', async () => {
    const anonymous = wasmCore({ omit: ['h4_engine_id'] });
    const nameless = put('nameless.wasm', anonymous);
    const { info } = await loadSealedCore(nameless, { pins: {} });
    expect(info.engine_id).toBe(`core:${sha256(anonymous).slice(0, 16)}`);
    const error = await refused(nameless, { engineId: 'test-wasm-v1' });
    expect([error.code, error.detail]).toEqual(['H4_CORE_SYMBOL', { symbol: 'h4_engine_id' }]);
  });

  test('every single byte that is flipped is found, whether or not the module would still load', async () => {
    for (let at = 0; at < bytes.length; at++) {
      const tampered = put(
        'tampered.wasm',
        Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte)),
      );
      expect((await refused(tampered, pinned)).code).toBe('H4_CORE_ALTERED');
    }
  });

  test('a file that is swapped after it was measured changes nothing', async () => {
    const swapped = put('swapped.wasm', bytes);
    const file = await readCoreFile(swapped);
    put('swapped.wasm', wasmCore({ id: 'swapped-in\0' }));
    const core = await openCore(file.bytes, { path: swapped, fingerprint: file.fingerprint });
    expect(core.declared.engineId).toBe('test-wasm-v1');
    expect((await refused(swapped, pinned)).code).toBe('H4_CORE_ALTERED');
  });

  test('what begins neither as a library nor as a module is refused by what it seems to be', async () => {
    const error = await refused(put('core.txt', Buffer.from('HARMONY4_CORE_PATH=/cores\n')), {});
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toContain('it seems to be a text file');
    expect((await refused(folder, {})).message).toContain('it is a folder');
  });
});

describeCompiled('loadSealedCore() of a shared library', () => {
  const bytesOf = (path: string): Uint8Array => readFileSync(path);
  const original = (engineId = 'core-2.0'): Uint8Array => bytesOf(compileHostile('stored', { engineId }));
  const pinsOf = (bytes: Uint8Array, engineId = 'core-2.0'): Pins => ({ engineId, fingerprint: sha256(bytes) });

  test('a core that declares the expected fingerprint is not believed', async () => {
    const expected = 'ef'.repeat(32);
    const liar = compileHostile('liar-fp', { engineId: 'core-2.0', fingerprint: expected });
    const error = await refused(liar, { engineId: 'core-2.0', fingerprint: expected });
    expect(error.code).toBe('H4_CORE_ALTERED');
    expect(error.detail).toEqual({ expected, found: sha256(bytesOf(liar)) });
    const { core, info } = await loadSealedCore(liar, { pins: {} });
    expect([core.declared.fingerprint, info.fingerprint]).toEqual([expected, sha256(bytesOf(liar))]);
  });

  test('no constructor runs before the fingerprint has passed', async () => {
    const path = compileHostile('constructor');
    const marker = join(folder, 'loaded');
    process.env['H4_TEST_MARKER'] = marker;
    try {
      expect((await refused(path, { fingerprint: 'ab'.repeat(32) })).code).toBe('H4_CORE_ALTERED');
      expect(existsSync(marker)).toBe(false);
      await loadSealedCore(path, { pins: { fingerprint: sha256(bytesOf(path)) } });
      expect(existsSync(marker)).toBe(true);
    } finally {
      delete process.env['H4_TEST_MARKER'];
    }
  });

  test('a core is closed that is refused for its id', async () => {
    const open = (): number =>
      existsSync('/proc/self/maps') ? readFileSync('/proc/self/maps', 'utf8').split('harmony4-core').length : 0;
    const before = open();
    for (let i = 0; i < 3; i++) {
      const error = await refused(compileHostile('wrong-id'), { engineId: 'core-2.0' });
      expect([error.code, error.detail]).toEqual([
        'H4_CORE_MISMATCH',
        { expected: 'core-2.0', found: 'h4test-somebody-else' },
      ]);
    }
    expect(open()).toBe(before);
  });

  test.each([0, 1, 16, 700, -1])('a byte that is flipped at %d is found before anything is loaded', async (at) => {
    const bytes = original();
    const pins = pinsOf(bytes);
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = (bytes[index] ?? 0) ^ 0x10;
    expect((await refused(put('flipped ø.so', bytes), pins)).code).toBe('H4_CORE_ALTERED');
  });

  describe('attacks:', () => {
    test('a silent swap for a core that says it is the same', async () => {
      const path = put('swap.so', original());
      const pins = pinsOf(original());
      expect((await loadSealedCore(path, { pins })).info.sealed).toBe(true);
      put('swap.so', bytesOf(compileHostile('flips', { engineId: 'core-2.0' })));
      const error = await refused(path, pins);
      expect(error.code).toBe('H4_CORE_ALTERED');
      expect(error.message).toMatch(
        /^🔐 COMPRESSION CORE ALTERED: expected fingerprint [0-9a-f]{64}, found [0-9a-f]{64}\. /u,
      );
      // An id alone is only what a core says of itself: it passes, and is not called sealed.
      expect((await loadSealedCore(path, { pins: { engineId: 'core-2.0' } })).info).toMatchObject({
        sealed: false,
        seal_level: 2,
      });
    });

    test('a downgrade to an earlier version of the core that was pinned', async () => {
      const path = put('downgrade.so', original('core-1.9'));
      expect((await refused(path, { engineId: 'core-2.0' })).message).toMatch(
        /^🔐 COMPRESSION CORE MISMATCH: expected engine id core-2\.0, found core-1\.9\. /u,
      );
      expect((await refused(path, pinsOf(original()))).code).toBe('H4_CORE_ALTERED');
    });

    test('a core that was tampered with while it lay on the disk', async () => {
      const bytes = original();
      const path = put('tampered.so', bytes);
      const pins = pinsOf(bytes);
      expect((await loadSealedCore(path, { pins })).info.sealed).toBe(true);
      // In the text of the id, so that the library still loads and works.
      const at = Buffer.from(bytes).indexOf('core-2.0');
      expect(at).toBeGreaterThan(0);
      bytes[at] = 'k'.charCodeAt(0);
      put('tampered.so', bytes);
      expect((await refused(path, pins)).code).toBe('H4_CORE_ALTERED');
      expect((await loadSealedCore(path, { pins: {} })).info.engine_id).toBe('kore-2.0');
    });

    test('an audit needs no secret: anybody can measure the file, and nothing else is told', async () => {
      const path = put('audited.so', original());
      const { info } = await loadSealedCore(path, { pins: pinsOf(original()) });
      expect(info.fingerprint).toBe(sha256(bytesOf(path)));
      expect(Object.keys(info).sort()).toEqual([
        'deterministic',
        'engine',
        'engine_id',
        'fingerprint',
        'identity_safe',
        'opaque',
        'seal_level',
        'sealed',
      ]);
      expect(JSON.stringify(info)).not.toContain(folder);
    });
  });

  test('a library that was swapped after it was measured changes nothing', async () => {
    const path = put('swapped.so', original());
    const file = await readCoreFile(path);
    put('swapped.so', original('swapped-in'));
    const core = await openCore(file.bytes, { path, fingerprint: file.fingerprint });
    expect(core.declared.engineId).toBe('core-2.0');
    core.close();
  });

  test('a library without a symbol is refused by its name, pins or not', async () => {
    const path = compileHostile('missing-symbol');
    for (const pins of [{}, pinsOf(bytesOf(path), 'h4test-missing-symbol')]) {
      const error = await refused(path, pins);
      expect(error.code).toBe('H4_CORE_SYMBOL');
      expect(error.message).toMatch(/^undefined symbol: h4_decompress \(/u);
    }
  });

  test('the cores of this repository say who they are', async () => {
    const { info } = await loadSealedCore(buildCore('stub.so'), { pins: {} });
    expect(info).toMatchObject({ engine: 'core', engine_id: 'h4stub-rle-v1', opaque: true, seal_level: 1 });
  });
});
