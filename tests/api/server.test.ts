/** Starting and stopping: what the process tests in tests/e2e cannot see from outside. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
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
    const told = messages(log).filter((message) => String(message).includes('not sealed: h4test-crasher'));
    expect(told).toHaveLength(1);
    expect(log.filter(({ msg }) => msg === 'A process of the engine has died')).toHaveLength(3);
    expect(log.filter(({ msg }) => msg === 'A call of the engine has failed')).toHaveLength(3);
    expect(await watch.metrics()).toContain('harmony4_engine_crashes_total{lane="compress"} 3');
  });
});
