/** From settings to an engine that may be used, or to a refusal. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { EngineEvent } from '../../../src/compression/node/events.js';
import { type LoadedEngine, loadEngine } from '../../../src/compression/node/load-engine.js';
import { type Environment, readCoreSettings } from '../../../src/compression/settings.js';
import { H4MKBuilder, verifyContainer } from '../../../src/container/index.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { rejection } from '../../storage/rejection.js';
import { buildCore, compileHostile, describeCompiled } from '../../support/cores.js';
import { op, transformParameter as p, wasmCore } from '../../support/wasm-cores.js';
import { lcgBytes } from '../lcg.js';

const folder = mkdtempSync(join(tmpdir(), 'harmony4 løad '));
const loaded: LoadedEngine[] = [];
afterAll(async () => {
  await Promise.all(loaded.map((engine) => engine.close()));
  rmSync(folder, { recursive: true, force: true });
});

const put = (name: string, content: Uint8Array | string, mode = 0o644): string => {
  writeFileSync(join(folder, name), content);
  chmodSync(join(folder, name), mode);
  return join(folder, name);
};
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

async function load(env: Environment, events: EngineEvent[] = []): Promise<LoadedEngine> {
  const engine = await loadEngine(readCoreSettings(env), (event) => events.push(event));
  loaded.push(engine);
  return engine;
}
const pinned = (path: string, engineId: string): Environment => ({
  HARMONY4_CORE_PATH: path,
  HARMONY4_ENGINE_ID: engineId,
  HARMONY4_ENGINE_FP: sha256(path),
});

describe('loadEngine() without a core', () => {
  test('load reference: it marks itself, and says that nothing is sealed', async () => {
    const events: EngineEvent[] = [];
    const { engine, info, engines, measured, declared, warnings } = await load({}, events);
    expect(info).toMatchObject({
      engine: 'reference',
      engine_id: 'h4ref-geo-v1',
      sealed: false,
      seal_level: 0,
      opaque: false,
    });
    expect(engine.info()).toEqual(info);
    expect(engines.infos.map((each) => each.engine_id)).toEqual(['stored-v1', 'h4ref-geo-v1']);
    expect([measured, declared, warnings, events]).toEqual([undefined, undefined, [], []]);
  });

  test('works without anybody who listens', async () => {
    const loaded = await loadEngine(readCoreSettings({}));
    expect(loaded.engine.info().engine).toBe('reference');
    await loaded.close();
  });
});

describe('loadEngine() of a WebAssembly core', () => {
  const path = put('a ø core.wasm', wasmCore());

  test('engine info: who it is, what was measured, what it declares', async () => {
    const events: EngineEvent[] = [];
    const { engine, info, engines, measured, declared, warnings } = await load(pinned(path, 'test-wasm-v1'), events);
    expect(info).toMatchObject({ engine: 'core', engine_id: 'test-wasm-v1', fingerprint: sha256(path), sealed: true });
    expect(engine.info()).toEqual(info);
    expect(engines.find('test-wasm-v1', sha256(path))).toBe(engine);
    expect(engines.infos.map((each) => each.engine_id)).toEqual(['stored-v1', 'h4ref-geo-v1', 'test-wasm-v1']);
    expect(measured).toEqual({ size: readFileSync(path).length, method: 'file' });
    expect(declared?.engineId).toBe('test-wasm-v1');
    expect(warnings).toEqual([]);
    expect(events).toEqual([{ type: 'seal-pass', info }]);
  });

  test('a core in processes of its own gives the same bytes', async () => {
    const { engine } = await load({ HARMONY4_CORE_PATH: path, HARMONY4_CORE_ISOLATION: 'process' });
    const block = lcgBytes(1, 1000);
    expect(Buffer.compare(await engine.compress(block), block)).toBe(0);
    expect(Buffer.compare(await engine.decompress(block, 1000), block)).toBe(0);
  });

  test('nothing is answered after close()', async () => {
    const loaded = await load({ HARMONY4_CORE_PATH: path });
    await loaded.close();
    const call = Promise.resolve().then(() => loaded.engine.decompress(Uint8Array.of(1), 1));
    expect((await rejection(call)).code).toBe('H4_STATE');
  });

  test('a file that others may write to is a warning', async () => {
    const events: EngineEvent[] = [];
    const { warnings } = await load({ HARMONY4_CORE_PATH: put('open.wasm', wasmCore(), 0o666) }, events);
    expect(warnings).toEqual([expect.stringContaining('can be written by others than its owner')]);
    expect(events.map((event) => event.type)).toEqual(['seal-pass', 'warning']);
  });

  const LEAVES_THE_ROOM_AS_IT_WAS = [op.get(p.outLength), op.get(p.inLength), op.store, op.const(0)];

  test('a core that computes wrongly writes nothing', async () => {
    const wrong = put('wrong.wasm', wasmCore({ bodies: { h4_compress_v2: LEAVES_THE_ROOM_AS_IT_WAS } }));
    const block = lcgBytes(1, 100);
    const { engine } = await load({ HARMONY4_CORE_PATH: wrong });
    expect((await rejection(Promise.resolve(engine.compress(block)))).code).toBe('H4_ENGINE_BAD_OUTPUT');
    const trusted = await load({ ...pinned(wrong, 'test-wasm-v1'), HARMONY4_CORE_VERIFY: 'off' });
    expect(await trusted.engine.compress(block)).toEqual(new Uint8Array(100));
  });

  describe('a core that cannot be used', () => {
    const missing = join(folder, 'no such ø core.so');

    test('is a refusal and an event without a path', async () => {
      const events: EngineEvent[] = [];
      const error = await rejection(load({ HARMONY4_CORE_PATH: missing }, events));
      expect(error.code).toBe('H4_CORE_NOT_FOUND');
      expect(error.message).toContain(`Compression core not found: ${missing}`);
      expect(events).toEqual([
        {
          type: 'seal-failure',
          code: 'H4_CORE_NOT_FOUND',
          message: error.message.replace(missing, '(path)'),
        },
      ]);
    });

    test('is replaced by the reference where that was asked for, loudly', async () => {
      const events: EngineEvent[] = [];
      const { info, warnings } = await load(
        { HARMONY4_CORE_PATH: missing, HARMONY4_CORE_FALLBACK: 'reference' },
        events,
      );
      expect(info.engine).toBe('reference');
      expect(warnings).toEqual([expect.stringContaining('the reference engine takes its place')]);
      expect(events).toEqual([{ type: 'fallback', message: warnings[0] }]);
    });

    test('is not replaced by the reference if it is there and something is wrong with it', async () => {
      const broken = put('broken.wasm', wasmCore({ import: true }));
      const env = { HARMONY4_CORE_PATH: broken, HARMONY4_CORE_FALLBACK: 'reference' };
      const events: EngineEvent[] = [];
      expect((await rejection(load(env, events))).code).toBe('H4_CORE_LOAD');
      expect(events).toMatchObject([{ type: 'seal-failure', code: 'H4_CORE_LOAD' }]);
    });

    test('is refused without its path, however that was typed', async () => {
      for (const path of ['core', './no such/core.so', '../nø.so']) {
        for (const isolation of ['inline', 'process']) {
          const events: EngineEvent[] = [];
          const env = { HARMONY4_CORE_PATH: path, HARMONY4_CORE_ISOLATION: isolation };
          const error = await rejection(load(env, events));
          const message = error.message.replace(`: ${path}.`, ': (path).');
          expect(events).toEqual([{ type: 'seal-failure', code: 'H4_CORE_NOT_FOUND', message }]);
        }
      }
    });

    test('is no reason to load another one: the pins hold', async () => {
      const events: EngineEvent[] = [];
      const env = { ...pinned(path, 'test-wasm-v1'), HARMONY4_ENGINE_FP: 'ab'.repeat(32) };
      expect((await rejection(load(env, events))).code).toBe('H4_CORE_ALTERED');
      expect(events).toMatchObject([{ type: 'seal-failure', code: 'H4_CORE_ALTERED' }]);
    });
  });

  test('metadata has no secrets: no path in info, events, refusals of calls, and META', async () => {
    const events: EngineEvent[] = [];
    const env = { ...pinned(path, 'test-wasm-v1'), HARMONY4_CORE_TMP: folder };
    const { engine, info, declared, measured, warnings } = await load(env, events);
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, { engine, tracks: [{ id: 0, kind: 'opaque' }] });
    const bytes = lcgBytes(1, 5000);
    await builder.addBlock({ track: 0, tokens: [{ pts: 0, key: true, size: bytes.length }], bytes });
    await builder.close();
    expect((await verifyContainer(createMemorySource(sink.bytes()))).exit_code).toBe(0);
    const file = Buffer.from(sink.bytes());
    expect(file.includes('"engine_id":"test-wasm-v1"')).toBe(true);
    const refusal = await rejection(Promise.resolve().then(() => engine.decompress(bytes, 4999)));
    const told = JSON.stringify([info, events, declared, measured, warnings, refusal.message, refusal.detail]);
    for (const secret of [folder, 'a ø core', tmpdir()]) {
      expect(told).not.toContain(secret);
      expect(file.includes(secret)).toBe(false);
    }
  });
});

describe('HARMONY4_ENGINE_EQUIVALENTS', () => {
  const path = put('equivalent.wasm', wasmCore());
  const other = 'cd'.repeat(32);

  test('lets a core decode what another build of it wrote', async () => {
    const list = put('equivalents ø', `test-wasm-v1 ${sha256(path)} = test-wasm-v1 ${other}\n`);
    const { engine, engines } = await load({ HARMONY4_CORE_PATH: path, HARMONY4_ENGINE_EQUIVALENTS: list });
    expect(engines.match('test-wasm-v1', other)).toEqual({ engine, isEquivalent: true });
  });

  let pipes = 0;
  const pipe = (): string => {
    const path = join(folder, `pipe-${++pipes}`);
    execFileSync('mkfifo', [path]);
    return path;
  };

  test.each<[string, () => string, string, string]>([
    ['that is not there', () => join(folder, 'nowhere'), 'H4_IO', 'ENOENT'],
    ['that is a folder', () => folder, 'H4_PARAM', 'is no regular file'],
    ['that is a pipe, which would be waited for', () => pipe(), 'H4_PARAM', 'is no regular file'],
    ['that is malformed', () => put('malformed', 'geo = geo\n'), 'H4_PARAM', 'Line 1'],
    [
      'that is too large',
      () => (put('large', ''), truncateSync(join(folder, 'large'), 2 ** 20 + 1), join(folder, 'large')),
      'H4_PARAM',
      'at most 1 MiB',
    ],
  ])('refuses a list %s, with or without a core', async (_, make, code, why) => {
    for (const env of [{}, { HARMONY4_CORE_PATH: path }]) {
      const events: EngineEvent[] = [];
      const error = await rejection(load({ ...env, HARMONY4_ENGINE_EQUIVALENTS: make() }, events));
      expect(error.code).toBe(code);
      expect(error.message).toContain(why);
      expect(events).toMatchObject([{ type: 'start-failure', code }]);
      expect(JSON.stringify(events)).not.toContain(folder);
    }
  });
});

describeCompiled('loadEngine() of shared libraries', () => {
  const stub = (): Promise<LoadedEngine> => load({ HARMONY4_CORE_PATH: buildCore('stub.so') });

  test('run-length: compress and decompress', async () => {
    const { engine } = await stub();
    const block = Uint8Array.from([1, 1, 1, 2, 3, 3]);
    const compressed = await engine.compress(block);
    expect([...compressed]).toEqual([1, 3, 2, 1, 3, 2]);
    expect([...(await engine.decompress(compressed, 6))]).toEqual([...block]);
  });

  test('run-length: is deterministic, also over two loadings', async () => {
    const block = lcgBytes(7, 20_000);
    const [a, b] = [await stub(), await stub()];
    const results = [await a.engine.compress(block), await a.engine.compress(block), await b.engine.compress(block)];
    expect(new Set(results.map((each) => Buffer.from(each).toString('hex'))).size).toBe(1);
  });

  test('run-length: reduces the size of what repeats', async () => {
    const { engine } = await stub();
    expect((await engine.compress(new Uint8Array(100_000))).length).toBeLessThan(1000);
  });

  test('large data and many blocks come back as they were', async () => {
    for (const name of ['stub.so', 'geo.so'] as const) {
      const { engine } = await load({ HARMONY4_CORE_PATH: buildCore(name) });
      const large = lcgBytes(8, 8 * 1024 * 1024);
      const compressed = await engine.compress(large);
      expect(Buffer.compare(await engine.decompress(compressed, large.length), large)).toBe(0);
      for (let i = 1; i <= 200; i++) {
        const block = lcgBytes(i, i * 37);
        expect(Buffer.compare(await engine.decompress(await engine.compress(block), block.length), block)).toBe(0);
      }
    }
  });

  test('corrupted data are detected', async () => {
    const { engine } = await stub();
    const compressed = await engine.compress(Uint8Array.from([1, 1, 1, 2]));
    compressed[1] = 200;
    const call = Promise.resolve().then(() => engine.decompress(compressed, 4));
    expect((await rejection(call)).code).toBe('H4_ENGINE_OUTPUT');
  });

  test('a core that flips one byte in 100000 is found out by the round trip, and by nothing else', async () => {
    const path = compileHostile('flips');
    const block = lcgBytes(9, 60_000);
    const unchecked = await load({ ...pinned(path, 'h4test-flips'), HARMONY4_CORE_VERIFY: 'off' });
    const wrong = [await unchecked.engine.compress(block), await unchecked.engine.compress(block)];
    expect(wrong.map((each) => Buffer.compare(each, block) === 0)).toEqual([true, false]);
    const { engine } = await load({ HARMONY4_CORE_PATH: path });
    expect(Buffer.compare(await engine.compress(block), block)).toBe(0);
    expect((await rejection(Promise.resolve(engine.compress(block)))).code).toBe('H4_ENGINE_BAD_OUTPUT');
  });

  test('a core that only remembers is found out: another instance restores than the one that compressed', async () => {
    const { engine } = await load({ HARMONY4_CORE_PATH: compileHostile('remembers') });
    expect((await rejection(Promise.resolve(engine.compress(lcgBytes(1, 100))))).code).toBe('H4_ENGINE_BAD_OUTPUT');
  });

  test('a core that writes to a block while it restores it spoils nothing but a copy', async () => {
    const { engine } = await load({ HARMONY4_CORE_PATH: compileHostile('spoils') });
    expect(await engine.compress(lcgBytes(1, 100))).toEqual(lcgBytes(1, 100));
  });

  test.each([1, 2] as const)('a core that answers with garbage writes nothing (version %d)', async (abi) => {
    const { engine } = await load({ HARMONY4_CORE_PATH: compileHostile('garbage', { abi }) });
    const error = await rejection(Promise.resolve(engine.compress(lcgBytes(1, 100))));
    expect(error.code).toBe('H4_ENGINE_BAD_OUTPUT');
    expect(error.message).toContain('h4test-garbage');
  });
});
