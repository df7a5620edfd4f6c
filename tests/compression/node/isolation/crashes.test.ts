/** Cores that crash, hang, grow, leak, print and compute wrongly: each costs the call that caused it, and nothing else. */
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { restartPause } from '../../../../src/compression/node/isolation/limits.js';
import { isH4Error } from '../../../../src/utils/error.js';
import { compileHostile, describeCompiled } from '../../../support/cores.js';
import { lcgBytes } from '../../lcg.js';
import { failure, isAlive, startIsolated, startRefused, text, whenLoaded } from './engines.js';

const CRASH = text('CRASH', 2000);

describeCompiled('a core that crashes', () => {
  it('fails the call with the signal, and the next call is served by another process', async () => {
    const engine = await startIsolated(compileHostile('crasher'));
    await engine.settled(4);
    const error = await failure(engine.decompress(CRASH, 5));
    expect(error.code).toBe('H4_ENGINE_CRASHED');
    expect(error.detail).toEqual({ engine_id: 'h4test-crasher', bytes: 2000, signal: 'SIGSEGV' });
    expect(await engine.decompress(text('good'), 4)).toEqual(text('good'));
    expect(engine.texts('process-crash')).toEqual([expect.stringContaining('"reason":"SIGSEGV"')]);
    expect(engine.texts('call-failure')).toEqual([expect.stringContaining('"lane":"decompress"')]);
    // The lane that compresses has noticed nothing.
    expect(engine.pids('compress').every(isAlive)).toBe(true);
    await engine.settled(5);
  });

  it('loses and spoils no good call among 1000 that crash, in both lanes and all at once', async () => {
    const engine = await startIsolated(compileHostile('crasher'), { processes: 2, spares: 2 });
    const descriptors = readdirSync('/proc/self/fd').length;
    const outcomes = { crashed: 0, good: 0 };
    const good = async (lane: 'compress' | 'decompress', i: number): Promise<void> => {
      const block = lcgBytes(i, 1 + ((i * 7919) % 150_000));
      const result = lane === 'compress' ? engine.compress(block) : engine.decompress(block, block.length);
      expect(Buffer.compare(await result, block)).toBe(0);
      outcomes.good++;
    };
    const bad = async (lane: 'compress' | 'decompress', i: number): Promise<void> => {
      const block = text('CRASH', 5 + ((i * 104_729) % 300_000));
      const error = await failure(
        lane === 'compress' ? engine.compress(block) : engine.decompress(block, block.length),
      );
      expect(error.code).toBe('H4_ENGINE_CRASHED');
      expect(error.detail['signal']).toBe('SIGSEGV');
      outcomes.crashed++;
    };
    // Alternating, so that no streak of crashes is long enough for a pause.
    const worker = async (lane: 'compress' | 'decompress', first: number): Promise<void> => {
      for (let i = first; i < first + 125; i++) {
        await bad(lane, i);
        await good(lane, i);
      }
    };
    const lanes = ['compress', 'decompress'] as const;
    await Promise.all([0, 1, 2, 3].flatMap((n) => lanes.map((lane) => worker(lane, n * 1000))));
    expect(outcomes).toEqual({ crashed: 1000, good: 1000 });
    expect(engine.count('process-crash')).toBe(1000);
    expect(engine.count('call-failure')).toBe(1000);
    expect(engine.pids().length).toBeGreaterThanOrEqual(1000 + 4);
    expect(engine.pids().length).toBeLessThanOrEqual(1000 + 8);
    await engine.core.close();
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(descriptors + 20);
  }, 1_200_000);

  it('is started again after a pause once it has crashed five times without a success, and not before', async () => {
    const engine = await startIsolated(compileHostile('crasher'), { spares: 0 });
    for (let i = 0; i < 4; i++) await failure(engine.compress(CRASH));
    expect(await engine.compress(text('good'))).toEqual(text('good'));
    expect(engine.count('process-pause')).toBe(0);
    for (let i = 0; i < 7; i++) await failure(engine.compress(CRASH));
    expect(await engine.compress(text('good'))).toEqual(text('good'));
    expect(engine.texts('process-pause').map((event) => JSON.parse(event) as unknown)).toEqual(
      [5, 6, 7].map((failures) => ({
        type: 'process-pause',
        lane: 'compress',
        failures,
        millis: restartPause(failures),
      })),
    );
    expect(engine.pids('compress')).toHaveLength(1 + 4 + 7);
  });

  it('never waits longer than a second before it is started again', () => {
    expect([0, 4, 5, 6, 7, 8, 9, 10, 11, 1000].map(restartPause)).toEqual([
      0, 0, 50, 100, 200, 400, 800, 1000, 1000, 1000,
    ]);
  });

  it('is asked again if its process was dead before the call began', async () => {
    const engine = await startIsolated(compileHostile('stored'), { spares: 0 });
    for (let i = 1; i <= 5; i++) {
      for (const lane of ['compress', 'decompress'] as const) {
        const pid = engine.pids(lane).at(-1) ?? 0;
        const block = lcgBytes(i, 10 ** i);
        // Nobody has been told of this death when the call is made.
        process.kill(pid, 'SIGKILL');
        const result = lane === 'compress' ? engine.compress(block) : engine.decompress(block, block.length);
        expect(Buffer.compare(await result, block)).toBe(0);
        expect(engine.pids(lane)).toHaveLength(1 + i);
      }
    }
    expect(engine.count('call-failure')).toBe(0);
    expect(engine.count('process-crash')).toBe(10);
  });

  it('loses its idle processes without any call being made, and gets others', async () => {
    const engine = await startIsolated(compileHostile('stored'));
    await engine.settled(4);
    for (const pid of engine.pids()) process.kill(pid, 'SIGKILL');
    await engine.settled(8);
    expect(engine.texts('process-crash')).toEqual(Array(4).fill(expect.stringContaining('"reason":"SIGKILL"')));
    expect(await engine.compress(text('good'))).toEqual(text('good'));
  });
});

describeCompiled('a core that never gets loaded', () => {
  it('because it crashes while it is, is an error of loading', async () => {
    for (const engineId of [whenLoaded('crash()'), '(crash(), "x")']) {
      const { error, engine } = await startRefused(compileHostile('crasher', { defines: { ENGINE_ID: engineId } }));
      expect(error.code).toBe('H4_CORE_LOAD');
      expect(error.message).toContain('its process died (SIGSEGV)');
      expect(engine.pids()).toHaveLength(2);
    }
  });

  it('because it hangs while it is, is an error of loading after the time limit', async () => {
    const path = compileHostile('sleeper', { defines: { ENGINE_ID: whenLoaded('fall_asleep()') } });
    const { error } = await startRefused(path, { startMillis: 1000 });
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toContain('not ready after 1000 ms');
  });

  it('any more fails every call, at a pace that a machine can bear', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'h4-crashes-'));
    const path = join(folder, 'core.so');
    copyFileSync(compileHostile('crasher'), path);
    const engine = await startIsolated(path, { spares: 0 });
    rmSync(folder, { recursive: true });
    await failure(engine.compress(CRASH));
    for (let i = 0; i < 8; i++) {
      expect((await failure(engine.compress(text('good')))).code).toBe('H4_CORE_NOT_FOUND');
    }
    // The first failure may have come before the first call. Each call from the fifth failure on has waited for a pause.
    const pauses = engine.texts('process-pause').map((event) => (JSON.parse(event) as { failures: number }).failures);
    const failures = engine.count('seal-failure');
    expect(pauses).toEqual(Array.from({ length: failures - 5 }, (_, i) => 5 + i));
    // The other lane still has what was loaded before.
    expect(await engine.decompress(text('good'), 4)).toEqual(text('good'));
  });

  // The second is refused before the system is asked.
  it.each([
    ['/nowhere/node', 'ENOENT'],
    ['\0', 'ERR_INVALID_ARG_VALUE'],
  ])('as there is nothing to run (%j), fails at once with the reason of the system', async (program, code) => {
    const { execPath } = process;
    process.execPath = program;
    try {
      const { error, engine } = await startRefused(compileHostile('stored'));
      expect(error.code).toBe('H4_CORE_LOAD');
      expect(error.cause).toMatchObject({ code });
      expect(engine.pids()).toEqual([]);
    } finally {
      process.execPath = execPath;
    }
  });

  it.each(['/nowhere/node', '\0'])(
    'again, as there is no %j, fails the calls that wait, and recovers',
    async (program) => {
      const engine = await startIsolated(compileHostile('crasher'), { spares: 0 });
      const { execPath } = process;
      process.execPath = program;
      try {
        const calls = [engine.compress(CRASH), engine.compress(text('one')), engine.compress(text('two'))].map(failure);
        expect((await Promise.all(calls)).map(({ code }) => code)).toEqual([
          ...['H4_ENGINE_CRASHED', 'H4_CORE_LOAD', 'H4_CORE_LOAD'],
        ]);
        // A machine that cannot start a process is no sign that the core has changed.
        expect(engine.count('start-failure', 'compress')).toBeGreaterThan(0);
        expect([engine.count('start-failure', 'decompress'), engine.count('seal-failure')]).toEqual([0, 0]);
      } finally {
        process.execPath = execPath;
      }
      expect(await engine.compress(text('good'))).toEqual(text('good'));
    },
  );
});

describeCompiled('the published stub', () => {
  it('survives nothing that it is given to restore, and everything else does', async () => {
    const engine = await startIsolated(compileHostile('published-stub'), {}, { verify: 'off' });
    await engine.settled(4);
    const bomb = new Uint8Array(200_000).fill(255);
    const codes = new Set<string>();
    for (let i = 0; i < 20; i++) {
      // 255 bytes of output for 2 of input, in a buffer for 4: the heap is overwritten.
      const error = await failure(engine.decompress(bomb, 25_500_001));
      codes.add(error.code);
      const block = text('aaaabbbb');
      const compressed = await engine.compress(block);
      expect(compressed).toEqual(Uint8Array.of(0x61, 4, 0x62, 4));
      expect(await engine.decompress(compressed, 8)).toEqual(block);
    }
    expect([...codes].sort()).toEqual(expect.arrayContaining(['H4_ENGINE_CRASHED']));
    for (const code of codes) expect(['H4_ENGINE_CRASHED', 'H4_ENGINE_OUTPUT']).toContain(code);
    expect(engine.count('process-crash', 'decompress')).toBeGreaterThan(0);
    expect(engine.count('process-crash', 'compress')).toBe(0);
  });
});

describeCompiled('a core that hangs', () => {
  it('is ended after the time limit, and the call fails', async () => {
    const engine = await startIsolated(compileHostile('sleeper'), { callMillis: 300 });
    const error = await failure(engine.compress(text('SLEEP')));
    expect(error.code).toBe('H4_ENGINE_TIMEOUT');
    expect(error.detail).toEqual({ engine_id: 'h4test-sleeper', bytes: 5, limit_ms: 301 });
    expect(engine.texts('process-crash')).toEqual([expect.stringContaining('"reason":"timeout"')]);
  });

  it('keeps other calls waiting no longer than that', async () => {
    const engine = await startIsolated(compileHostile('sleeper'), { callMillis: 2000 });
    const hanging = failure(engine.decompress(text('SLEEP'), 5));
    const behind = engine.decompress(text('good'), 4);
    const beside = await engine.compress(text('good'));
    expect(beside).toEqual(text('good'));
    expect((await hanging).code).toBe('H4_ENGINE_TIMEOUT');
    expect(await behind).toEqual(text('good'));
  });
});

describeCompiled('memory', () => {
  it('of a core that grows during a call is limited', async () => {
    const path = compileHostile('grower', { defines: { GROW_MIB: '600' } });
    const engine = await startIsolated(path, { callMemoryBytes: 64 * 1024 * 1024, sampleMillis: 1 });
    const error = await failure(engine.decompress(text('GROW'), 4));
    expect(error.code).toBe('H4_ENGINE_CRASHED');
    expect(error.detail).toMatchObject({ reason: 'memory' });
    expect(error.detail['found']).toBeGreaterThan(error.detail['limit'] as number);
    expect(engine.texts('process-crash')).toEqual([expect.stringContaining('"reason":"memory"')]);
    expect(await engine.decompress(text('good'), 4)).toEqual(text('good'));
  });

  it('that was kept after a call has the process replaced, and no call fails', async () => {
    const engine = await startIsolated(compileHostile('leaker', { abi: 2 }), { idleMemoryBytes: 64 * 1024 * 1024 });
    const block = lcgBytes(1, 8 * 1024 * 1024);
    for (let i = 0; i < 24; i++) expect(Buffer.compare(await engine.compress(block), block)).toBe(0);
    expect(engine.count('process-replace')).toBeGreaterThan(0);
    expect(engine.count('process-replace', 'decompress')).toBe(0);
    expect(engine.count('process-crash')).toBe(0);
    expect(engine.count('call-failure')).toBe(0);
  }, 120_000);

  it('of a core that keeps nothing has no process replaced', async () => {
    const engine = await startIsolated(compileHostile('stored'));
    const block = lcgBytes(1, 1024 * 1024);
    for (let i = 0; i < 200; i++) await engine.decompress(await engine.compress(block), block.length);
    expect(engine.count('process-replace')).toBe(0);
    await engine.settled(4);
  }, 120_000);
});

describeCompiled('a core that prints', () => {
  it.each([1, 2])('to descriptor %i spoils no block, and is reported once', async (descriptor) => {
    const engine = await startIsolated(compileHostile('printer', { defines: { DESCRIPTOR: String(descriptor) } }));
    await engine.settled(4);
    const descriptors = readdirSync('/proc/self/fd').length;
    // More than is ever read of it: then nobody listens any more.
    for (let i = 0; i < 4000; i++) await engine.compress(text('good'));
    await vi.waitFor(() => expect(readdirSync('/proc/self/fd').length).toBeLessThan(descriptors), { timeout: 60_000 });
    expect(await engine.decompress(text('good'), 4)).toEqual(text('good'));
    expect(engine.texts('warning')).toEqual([expect.stringContaining('prints')]);
    expect(engine.count('process-crash')).toBe(0);
  });

  it('into the sockets of its process is ended', async () => {
    const engine = await startIsolated(compileHostile('printer', { defines: { DESCRIPTOR: '3' } }));
    const error = await failure(engine.compress(text('good')));
    expect(error.code).toBe('H4_ENGINE_BAD_OUTPUT');
    expect(engine.texts('process-crash')).toEqual([expect.stringContaining('"reason":"bad-output"')]);
  });
});

describeCompiled('a core that computes wrongly', () => {
  it.each(['flips', 'garbage'] as const)('is found out before its block is handed out: %s', async (name) => {
    const engine = await startIsolated(compileHostile(name, { defines: { EVERY: '1000' } }));
    const error = await failure(engine.compress(lcgBytes(1, 5000)));
    expect(error.code).toBe('H4_ENGINE_BAD_OUTPUT');
    expect(error.message).toContain('computes wrongly');
  });

  it('is found out if it writes to what it was given to read', async () => {
    const alters = {
      'BEFORE(direction, in, in_len)': 'if (direction == COMPRESS) *(unsigned char *)(size_t)(in) ^= 1',
    };
    const engine = await startIsolated(compileHostile('stored', { defines: alters }));
    expect((await failure(engine.compress(text('block')))).message).toContain('computes wrongly');
  });

  it('is found out if it only remembers what it was given: another instance restores', async () => {
    const engine = await startIsolated(compileHostile('remembers'));
    expect((await failure(engine.compress(text('block')))).message).toContain('does not decode');
  });

  it('spoils nothing but a copy by writing to a block while it restores it', async () => {
    const engine = await startIsolated(compileHostile('spoils'));
    expect(await engine.compress(text('block'))).toEqual(text('block'));
  });

  it('is not checked if nobody wants it', async () => {
    const engine = await startIsolated(compileHostile('garbage'), {}, { verify: 'off' });
    expect(await engine.compress(lcgBytes(1, 5000))).toHaveLength(8);
  });

  it.each(['returns-null', 'returns-zero', 'huge-size', 'bad-status'] as const)('gives no block: %s', async (name) => {
    const options = name === 'bad-status' ? { abi: 2 as const } : {};
    const engine = await startIsolated(compileHostile(name, options));
    expect((await failure(engine.compress(text('block')))).code).toBe('H4_ENGINE_BAD_OUTPUT');
    expect((await failure(engine.decompress(text('block'), 5))).code).toBe('H4_ENGINE_OUTPUT');
  });

  it('restores far more than was asked for', async () => {
    const engine = await startIsolated(compileHostile('bomb', { defines: { BOMB_MIB: '64' } }), {}, { verify: 'off' });
    for (let i = 0; i < 20; i++) {
      expect((await failure(engine.decompress(text('bomb'), 1000))).code).toBe('H4_ENGINE_OUTPUT');
    }
    expect(engine.count('process-crash')).toBe(0);
  });
});

describeCompiled('the queue', () => {
  const path = (): string => compileHostile('sleeper');

  it('takes so many calls and no more', async () => {
    const engine = await startIsolated(path(), { waitingCalls: 3, callMillis: 1000 });
    const calls = [engine.compress(text('SLEEP')), ...[1, 2, 3, 4, 5].map((n) => engine.compress(text(`call ${n}`)))];
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : codeOf(outcome.reason)))).toEqual([
      'H4_ENGINE_TIMEOUT',
      ...['done', 'done', 'done', 'H4_BUSY', 'H4_BUSY'],
    ]);
  });

  it('takes so many bytes and no more, but always one block', async () => {
    const engine = await startIsolated(path(), { waitingBytes: 1000, callMillis: 1000, callMillisPerMebibyte: 0 });
    const calls = [
      engine.compress(text('SLEEP')),
      ...[5000, 1, 1].map((length) => engine.compress(new Uint8Array(length))),
    ];
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : codeOf(outcome.reason)))).toEqual([
      'H4_ENGINE_TIMEOUT',
      ...['done', 'H4_BUSY', 'H4_BUSY'],
    ]);
    // What has left the queue counts no more.
    const lengths = [400, 400, 400];
    const blocks = await Promise.all(lengths.map((length) => engine.compress(new Uint8Array(length))));
    expect(blocks.map(({ length }) => length)).toEqual(lengths);
  });
});

function codeOf(reason: unknown): string {
  return isH4Error(reason) ? reason.code : String(reason);
}
