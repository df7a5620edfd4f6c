/** Starting and stopping: what the process tests in tests/e2e cannot see from outside. */
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createEngineWatch } from '../../src/api/engine-watch.js';
import { createLogger, sealEngine, startServer } from '../../src/api/server.js';
import { readServiceSettings } from '../../src/api/settings.js';
import { utf8Encode } from '../../src/utils/bytes.js';
import { lcgBytes } from '../compression/lcg.js';
import { rejection } from '../support/container.js';
import { checkedInWasm, compileHostile, describeCompiled } from '../support/cores.js';
import { OCTETS, VERSION, ask } from './service.js';

function keptLog(): { readonly log: Record<string, unknown>[]; readonly logger: ReturnType<typeof createLogger> } {
  const log: Record<string, unknown>[] = [];
  const write = (line: string): void => void log.push(JSON.parse(line) as Record<string, unknown>);
  return { log, logger: createLogger('trace', { write }) };
}

const WAIT = { timeout: 120_000 };
const common = { version: VERSION, now: () => 0, randomBytes: (count: number) => new Uint8Array(count) };
const messages = (log: readonly Record<string, unknown>[]): unknown[] => log.map(({ msg }) => msg);

describe('startServer()', () => {
  it('gives requests a while to end, then closes their connections', async () => {
    const { log, logger } = keptLog();
    const settings = readServiceSettings({ PORT: '0' });
    const server = await startServer({ ...common, settings, logger, stopMillis: 100 });
    const request = httpRequest(`${server.url}/compress`, { method: 'POST', headers: OCTETS, agent: false });
    const failed = once(request, 'error').catch(() => undefined);
    request.write(lcgBytes(1, 2_000_000));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    response.resume();
    const closed = once(response, 'close').catch(() => undefined);
    await Promise.all([server.stop(), server.stop()]);
    await Promise.race([closed, failed]);
    expect(response.complete).toBe(false);
    expect(messages(log)).toEqual(expect.arrayContaining([expect.stringContaining('have not ended'), 'Stopped']));
    expect(messages(log).filter((message) => message === 'Stopped')).toHaveLength(1);
  });

  it('closes connections that do nothing without waiting for them', async () => {
    const { log, logger } = keptLog();
    const server = await startServer({ ...common, settings: readServiceSettings({ PORT: '0' }), logger });
    const request = httpRequest(`${server.url}/health`, { headers: { connection: 'keep-alive' } });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    await server.stop();
    expect(messages(log)).not.toContainEqual(expect.stringContaining('have not ended'));
  });

  it('leaves nothing behind when it cannot listen', async () => {
    const { logger } = keptLog();
    const first = await startServer({ ...common, settings: readServiceSettings({ PORT: '0' }), logger });
    const env = {
      PORT: new URL(first.url).port,
      HARMONY4_CORE_PATH: checkedInWasm(),
      HARMONY4_CORE_ISOLATION: 'inline',
    };
    const error = await rejection(startServer({ ...common, settings: readServiceSettings(env), logger }));
    expect([error.code, error.message]).toEqual(['H4_IO', expect.stringContaining('Choose another PORT')]);
    expect((await ask(`${first.url}/health`)).status).toBe(200);
    await first.stop();
  });
});

describe('sealEngine()', () => {
  it('logs a refusal with its code and throws it', async () => {
    const { log, logger } = keptLog();
    const env = { HARMONY4_CORE_PATH: checkedInWasm(), HARMONY4_ENGINE_FP: 'ab'.repeat(32) };
    const watch = createEngineWatch();
    const error = await rejection(sealEngine(readServiceSettings(env).core, logger, watch));
    expect(error.code).toBe('H4_CORE_ALTERED');
    expect(log).toMatchObject([{ level: 60, code: 'H4_CORE_ALTERED', msg: expect.stringContaining('🔐') as unknown }]);
    expect(watch.obstacle).toMatchObject({ code: 'H4_CORE_ALTERED' });
  });

  it('logs where it has looked for a core that is not there', async () => {
    const { log, logger } = keptLog();
    await rejection(sealEngine(readServiceSettings({ HARMONY4_CORE_PATH: '/nowhere/core.so' }).core, logger));
    expect(messages(log)).toEqual([expect.stringContaining('Compression core not found: /nowhere/core.so')]);
  });

  it('throws a refusal without logging it where it is told otherwise', async () => {
    const { log, logger } = keptLog();
    const { core } = readServiceSettings({ HARMONY4_CORE_PATH: '/nowhere/core.so' });
    expect((await rejection(sealEngine(core, logger, createEngineWatch(), false))).code).toBe('H4_CORE_NOT_FOUND');
    expect(log).toEqual([]);
  });

  it('holds no list of equivalents for a core: a bad one is no failure of a seal', async () => {
    const { log, logger } = keptLog();
    const watch = createEngineWatch();
    const { core } = readServiceSettings({ HARMONY4_ENGINE_EQUIVALENTS: '/nowhere/list' });
    expect((await rejection(sealEngine(core, logger, watch))).code).toBe('H4_IO');
    expect(log).toMatchObject([{ level: 60, code: 'H4_IO' }]);
    const metrics = await watch.metrics();
    expect(metrics).toContain('harmony4_seal_failures_total 0');
    expect(metrics).toContain('harmony4_engine_start_failures_total 1');
  });

  it('says nothing is ready before it has been called', () => {
    expect(createEngineWatch().obstacle).toMatchObject({ code: 'H4_BUSY' });
  });
});

describeCompiled('sealEngine() of a core in processes of its own', () => {
  it('tells once that the core is sealed, and each death of a process', async () => {
    const { log, logger } = keptLog();
    const watch = createEngineWatch();
    const core = readServiceSettings({ HARMONY4_CORE_PATH: compileHostile('crasher') }).core;
    const loaded = await sealEngine(core, logger, watch);
    const { engine } = loaded;
    try {
      for (let i = 0; i < 3; i++) {
        expect((await rejection(Promise.resolve(engine.compress(utf8Encode('CRASH'))))).code).toBe('H4_ENGINE_CRASHED');
      }
      expect(await engine.compress(lcgBytes(1, 100))).toHaveLength(100);
    } finally {
      await loaded.close();
    }
    // Nothing has failed to start: one line for all the processes, and none about a start.
    expect(await watch.metrics()).toContain('harmony4_engine_start_failures_total 0');
    const told = messages(log).filter((message) => String(message).includes('not sealed: h4test-crasher'));
    expect(told).toHaveLength(1);
    expect(log.filter(({ msg }) => msg === 'A process of the engine has died')).toHaveLength(3);
    expect(log.filter(({ msg }) => msg === 'A call of the engine has failed')).toHaveLength(3);
    expect(await watch.metrics()).toContain('harmony4_engine_crashes_total{lane="compress"} 3');
  });

  it('tells once why no process can be started any more, and once that one can again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'harmony4-server-'));
    const path = join(folder, 'core.so');
    copyFileSync(compileHostile('crasher'), path);
    const { log, logger } = keptLog();
    const watch = createEngineWatch();
    const loaded = await sealEngine(readServiceSettings({ HARMONY4_CORE_PATH: path }).core, logger, watch);
    const { engine } = loaded;
    const call = async (text: string): Promise<unknown> =>
      Promise.resolve(engine.compress(utf8Encode(text))).then(
        () => 'answered',
        (error: unknown) => (error as { code: unknown }).code,
      );
    try {
      // All four, so that none is still being started from the file that goes.
      await vi.waitFor(async () => expect(await watch.metrics()).toContain('harmony4_seal_passes_total 5'), WAIT);
      rmSync(path);
      expect(await call('CRASH')).toBe('H4_ENGINE_CRASHED');
      await vi.waitFor(() => expect(watch.obstacle).toMatchObject({ code: 'H4_CORE_NOT_FOUND' }), WAIT);
      expect(await call('CRASH')).toBe('H4_ENGINE_CRASHED');
      for (let i = 0; i < 3; i++) expect(await call('good')).toBe('H4_CORE_NOT_FOUND');
      const refusals = log.filter(({ level }) => level === 60);
      expect(refusals).toMatchObject([
        { code: 'H4_CORE_NOT_FOUND', msg: expect.stringContaining('(path)') as unknown },
      ]);
      expect(JSON.stringify(log)).not.toContain(folder);
      expect(log.filter(({ event }) => event === 'seal-failure').length).toBeGreaterThanOrEqual(2);
      copyFileSync(compileHostile('crasher'), `${path}.new`);
      renameSync(`${path}.new`, path);
      await vi.waitFor(async () => expect(await call('good')).toBe('answered'), WAIT);
      expect(watch.obstacle).toBeUndefined();
      expect(messages(log).filter((message) => String(message).includes('not sealed: h4test-crasher'))).toHaveLength(2);
    } finally {
      await loaded.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('tells of a start that failed by no fault of the core as that, and not as a refusal', async () => {
    const { log, logger } = keptLog();
    const watch = createEngineWatch();
    const core = readServiceSettings({ HARMONY4_CORE_PATH: compileHostile('crasher') }).core;
    const loaded = await sealEngine(core, logger, watch);
    const { execPath } = process;
    try {
      await vi.waitFor(async () => expect(await watch.metrics()).toContain('harmony4_seal_passes_total 5'), WAIT);
      process.execPath = '/nowhere/node';
      await rejection(Promise.resolve(loaded.engine.compress(utf8Encode('CRASH'))));
      await vi.waitFor(() => expect(watch.obstacle).toMatchObject({ code: 'H4_CORE_LOAD' }), WAIT);
    } finally {
      process.execPath = execPath;
      await loaded.close();
    }
    expect(log.filter(({ level }) => level === 60)).toEqual([]);
    expect(log.filter(({ level, code }) => level === 50 && code === 'H4_CORE_LOAD')).toMatchObject([
      { lane: 'compress' },
    ]);
    expect(await watch.metrics()).toContain('harmony4_seal_failures_total 0');
  });
});
