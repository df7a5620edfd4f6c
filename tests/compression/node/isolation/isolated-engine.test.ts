/** A core in processes of its own: the contract, the seal of every process, and what is left when it is closed. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { IsolatedEngine } from '../../../../src/compression/node/isolation/isolated-engine.js';
import type { StartedCore } from '../../../../src/compression/node/load-engine.js';
import { buildCore, compileHostile, describeCompiled } from '../../../support/cores.js';
import { engineContract } from '../../engine-contract.js';
import { lcgBytes } from '../../lcg.js';
import { failure, isAlive, SETTINGS, startIsolated, startRefused, text, whenLoaded } from './engines.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'h4-isolated-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fingerprintOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describeCompiled('a core in processes of its own', () => {
  describe('keeps the contract', () => {
    const started: StartedCore[] = [];
    afterAll(async () => {
      for (const { core } of started) await core.close();
    }, 120_000);

    for (const verify of ['always', 'off'] as const) {
      let engine: Promise<StartedCore> | undefined;
      engineContract(`stub.so, isolated, verify ${verify},`, async () => {
        engine ??= IsolatedEngine.start(buildCore('stub.so'), { ...SETTINGS, verify }, () => undefined, {
          startMillis: 120_000,
        });
        const result = await engine;
        if (started.at(-1) !== result) started.push(result);
        return result.core;
      });
    }
  });

  it('says what was measured and what was declared', async () => {
    const path = compileHostile('liar-fp');
    const { started, core } = await startIsolated(path);
    const fingerprint = fingerprintOf(path);
    expect(started).toMatchObject({
      measured: { size: readFileSync(path).length, method: 'file' },
      declared: {
        engineId: 'h4test-liar',
        fingerprint: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      },
      warnings: [],
    });
    expect(core.info()).toMatchObject({ engine_id: 'h4test-liar', fingerprint, seal_level: 1, sealed: false });
  });

  it('is sealed at level 3 with both pins, and named after its fingerprint without an id', async () => {
    const path = compileHostile('stored', { engineId: 'mine' });
    const pinned = await startIsolated(path, {}, { pins: { engineId: 'mine', fingerprint: fingerprintOf(path) } });
    expect(pinned.core.info()).toMatchObject({ engine_id: 'mine', seal_level: 3, sealed: true });
    const nameless = compileHostile('stored', { engineId: null });
    const unpinned = await startIsolated(nameless);
    expect(unpinned.core.info().engine_id).toBe(`core:${fingerprintOf(nameless).slice(0, 16)}`);
  });

  it('has a working and a spare process in each lane, each of them sealed by itself', async () => {
    const engine = await startIsolated(compileHostile('stored'));
    await engine.settled(4);
    expect(engine.pids('compress')).toHaveLength(2);
    expect(engine.pids('decompress')).toHaveLength(2);
    expect(new Set(engine.pids()).size).toBe(4);
    expect(engine.pids().every(isAlive)).toBe(true);
  });

  it('gives its processes an environment, arguments and a folder that tell nothing', async () => {
    process.env['HARMONY4_SECRET'] = 'do-not-tell';
    process.env['NODE_OPTIONS'] ??= '--no-warnings';
    const path = compileHostile('stored');
    const engine = await startIsolated(path);
    delete process.env['HARMONY4_SECRET'];
    await engine.settled(4);
    for (const pid of engine.pids()) {
      // The environment is kept from others than root by the process itself: it is not dumpable.
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
      expect(environment).not.toMatch(/HARMONY4|NODE_OPTIONS|do-not-tell/u);
      expect(readFileSync(`/proc/${pid}/cmdline`, 'latin1')).not.toContain(path);
      expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
      expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe('/dev/null');
      expect(readFileSync(`/proc/${pid}/status`, 'latin1')).toMatch(/^NoNewPrivs:\s+1$/mu);
    }
  });

  it('lets no empty block reach a process, and refuses what is no block', async () => {
    const { core } = await startIsolated(compileHostile('crasher'));
    expect(await core.compress(new Uint8Array(0))).toEqual(new Uint8Array(0));
    expect(await core.decompress(new Uint8Array(0), 0)).toEqual(new Uint8Array(0));
    for (const [bytes, rawLength, code] of [
      [new Uint8Array(0), 1, 'H4_ENGINE_OUTPUT'],
      [new Uint8Array(1), 0, 'H4_ENGINE_OUTPUT'],
      [new Uint8Array(1), -1, 'H4_PARAM'],
      [new Uint8Array(1), 64 * 1024 * 1024 + 1, 'H4_ENGINE_OUTPUT'],
      ['text', 4, 'H4_ENGINE_INPUT'],
    ] as const) {
      expect((await failure(core.decompress(bytes as Uint8Array, rawLength))).code).toBe(code);
    }
    expect((await failure(core.compress(new Uint8Array(64 * 1024 * 1024 + 1)))).code).toBe('H4_ENGINE_INPUT');
  });

  it('takes and gives the longest block there is', async () => {
    const { core, events } = await startIsolated(compileHostile('stored', { abi: 2 }));
    const block = new Uint8Array(64 * 1024 * 1024).fill(9, 1000, 50_000_000);
    const compressed = await core.compress(block);
    expect(Buffer.compare(await core.decompress(compressed, block.length), block)).toBe(0);
    expect(events.filter(({ type }) => type === 'process-crash')).toEqual([]);
  }, 120_000);

  it('gives results that share memory with nothing else', async () => {
    const { core } = await startIsolated(compileHostile('stored'));
    for (const length of [10, 70_000, 1_000_000]) {
      const block = lcgBytes(7, length);
      const result = await core.compress(block);
      expect(Buffer.compare(result, block)).toBe(0);
      expect(result.buffer).not.toBe(block.buffer);
      expect(result.buffer.byteLength - result.length).toBeLessThanOrEqual(16);
    }
  });

  it('takes blocks from shared memory', async () => {
    const { core } = await startIsolated(compileHostile('stored'));
    const shared = new Uint8Array(new SharedArrayBuffer(100_000)).fill(3);
    expect(Buffer.compare(await core.compress(shared), shared)).toBe(0);
  });

  describe('the seal', () => {
    it('is tried again without a call once the file is what it was: whoever is not ready is sent none', async () => {
      const path = join(folder, 'restored.so');
      const [original, other] = [compileHostile('stored'), compileHostile('garbage')];
      copyFileSync(original, path);
      const engine = await startIsolated(path, { spares: 0, retryMillis: 100 });
      await engine.settled(2);
      copyFileSync(other, path);
      for (const pid of engine.pids()) process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(engine.count('seal-failure')).toBeGreaterThanOrEqual(4), { timeout: 120_000 });
      copyFileSync(original, path);
      await engine.settled(4);
      expect(await engine.compress(text('good'))).toEqual(text('good'));
    });

    it('refuses a file with another fingerprint before any process is started', async () => {
      const pins = { fingerprint: '00'.repeat(32) };
      const { error, engine } = await startRefused(compileHostile('stored'), {}, { pins });
      expect(error.code).toBe('H4_CORE_ALTERED');
      expect(engine.pids()).toEqual([]);
    });

    it.each([
      ['another id', 'H4_CORE_MISMATCH', () => compileHostile('wrong-id'), { engineId: 'h4zstd' }],
      ['no id', 'H4_CORE_SYMBOL', () => compileHostile('stored', { engineId: null }), { engineId: 'h4zstd' }],
      ['half of the functions', 'H4_CORE_SYMBOL', () => compileHostile('missing-symbol'), {}],
    ] as const)('refuses a core with %s', async (_, code, make, pins) => {
      const { error, engine } = await startRefused(make(), {}, { pins });
      expect(error.code).toBe(code);
      expect(engine.pids()).toHaveLength(2);
      // Whoever asked for the start reports it.
      expect(engine.count('seal-failure')).toBe(0);
    });

    it('refuses what is no library, and a file that is not there', async () => {
      const path = join(folder, 'no-library.so');
      writeFileSync(path, 'this is no library');
      expect((await startRefused(path)).error.code).toBe('H4_CORE_LOAD');
      expect((await startRefused(join(folder, 'nowhere.so'))).error.code).toBe('H4_CORE_NOT_FOUND');
    });

    it('refuses a file that was swapped while the engine ran, falls back to nothing, and recovers with the file', async () => {
      // If a single instruction of the other one ran, its process would not live to say that it is another one.
      const defines = { ENGINE_ID: whenLoaded('crash()') };
      const [original, other] = [compileHostile('crasher'), compileHostile('crasher', { defines })];
      const path = join(folder, 'swapped.so');
      copyFileSync(original, path);
      const engine = await startIsolated(path, { spares: 0 });
      copyFileSync(other, path);
      // What is loaded was measured, and goes on.
      expect(await engine.compress(text('good'))).toEqual(text('good'));
      expect((await failure(engine.compress(text('CRASH')))).code).toBe('H4_ENGINE_CRASHED');
      for (let i = 0; i < 3; i++) {
        const error = await failure(engine.compress(text('good')));
        expect(error.code).toBe('H4_CORE_ALTERED');
        expect(error.message).toContain(fingerprintOf(other));
        expect(error.message).not.toContain(path);
      }
      expect(engine.count('seal-failure')).toBeGreaterThanOrEqual(3);
      expect(engine.texts('seal-failure').join()).not.toContain(path);
      expect(engine.count('fallback')).toBe(0);

      rmSync(path);
      const missing = await failure(engine.compress(text('good')));
      expect(missing.code).toBe('H4_CORE_NOT_FOUND');
      expect(missing.message).not.toContain(path);

      copyFileSync(original, path);
      expect(await engine.compress(text('good'))).toEqual(text('good'));
    });
  });

  describe('close()', () => {
    it('lets running calls finish, fails those that wait, accepts no others, and leaves no process', async () => {
      const engine = await startIsolated(compileHostile('stored'));
      const calls = Array.from({ length: 5 }, (_, i) => engine.compress(lcgBytes(i, 200_000)));
      const outcomes = Promise.allSettled(calls);
      const [first, second] = [engine.core.close(), engine.core.close()];
      expect(first).toBe(second);
      await first;
      const [running, ...waiting] = await outcomes;
      expect(running?.status).toBe('fulfilled');
      for (const outcome of waiting) expect(outcome).toMatchObject({ reason: { code: 'H4_STATE' } });
      expect((await failure(engine.compress(text('late')))).code).toBe('H4_STATE');
      expect((await failure(engine.decompress(text('late'), 4))).code).toBe('H4_STATE');
      expect(engine.pids().filter(isAlive)).toEqual([]);
      expect(engine.count('process-crash')).toBe(0);
    });

    it('does not wait longer than it is told for a call that hangs', async () => {
      const engine = await startIsolated(compileHostile('sleeper'), { closeMillis: 200 });
      const hanging = failure(engine.compress(text('SLEEP')));
      await engine.core.close();
      expect((await hanging).code).toBe('H4_STATE');
    });
  });
});
