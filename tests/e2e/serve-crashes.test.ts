/** Cores that crash, and blocks that make them crash, through the service as it is deployed: nobody else notices. */
import { afterEach, expect, test } from 'vitest';
import { concatBytes, equalBytes, utf8Encode } from '../../src/utils/bytes.js';
import { type RealAnswer, OCTETS, ask } from '../api/service.js';
import { lcgBytes } from '../compression/lcg.js';
import { compileHostile, describeCompiled } from '../support/cores.js';
import { type ServiceProcess, startService } from './service-process.js';

const running: ServiceProcess[] = [];

/** More of them take minutes: H4_CRASH_CALLS=1000. */
const CRASH_CALLS = Number(process.env['H4_CRASH_CALLS'] ?? '100');

async function service(core: string): Promise<ServiceProcess> {
  const started = await startService({ HARMONY4_CORE_PATH: core, HARMONY4_LOG_LEVEL: 'fatal' });
  running.push(started);
  return started;
}

afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

const post = (url: string, body: Uint8Array): Promise<RealAnswer> =>
  ask(url, { method: 'POST', headers: OCTETS, body });
const codeOf = ({ status, body }: RealAnswer): unknown =>
  status === 200 ? 200 : (JSON.parse(body.toString()) as Record<string, unknown>)['code'];

/** Runs `tasks` in order, so many at a time. */
async function inParallel<T>(tasks: readonly (() => Promise<T>)[], width: number): Promise<readonly T[]> {
  const results: T[] = [];
  let next = 0;
  const runner = async (): Promise<void> => {
    for (let i = next++; i < tasks.length; i = next++) {
      const task = tasks[i];
      if (task !== undefined) results[i] = await task();
    }
  };
  await Promise.all(Array.from({ length: width }, runner));
  return results;
}

const metric = async (origin: string, pattern: RegExp): Promise<number> =>
  Number(pattern.exec((await ask(`${origin}/metrics`)).body.toString())?.[1]);

describeCompiled('a core that crashes', () => {
  test(
    `${CRASH_CALLS} calls crash, ${CRASH_CALLS} others are answered, and not one of them is lost`,
    { timeout: 1800 * Math.max(100, CRASH_CALLS) },
    async () => {
      const { origin, stop } = await service(compileHostile('crasher'));
      const crash = utf8Encode('CRASH, and everything after it');
      const media = (i: number): Uint8Array => lcgBytes(i, 1000 + 37 * i);
      const tasks = Array.from({ length: CRASH_CALLS }, (_, i) => [
        async () => ({
          kind: 'bad',
          code: codeOf(await post(`${origin}/compress${i % 2 === 0 ? '?format=raw' : ''}`, crash)),
        }),
        async () => {
          const packed = await post(`${origin}/compress`, media(i));
          const unpacked = await post(`${origin}/compress/decompress`, packed.body);
          const isSame = unpacked.status === 200 && equalBytes(unpacked.body, media(i));
          return { kind: 'good', code: isSame ? 200 : [codeOf(packed), codeOf(unpacked)] };
        },
      ]).flat();
      const results = await inParallel(tasks, 4);
      expect(results.filter(({ kind, code }) => kind === 'good' && code !== 200)).toEqual([]);
      expect(results.filter(({ kind, code }) => kind === 'bad' && code !== 'H4_ENGINE_CRASHED')).toEqual([]);
      const crashes = await metric(origin, /^harmony4_engine_crashes_total\{lane="compress"\} (\d+)$/m);
      expect(results).toHaveLength(2 * CRASH_CALLS);
      expect(crashes).toBeGreaterThanOrEqual(CRASH_CALLS);
      // Every process is sealed before it is used, those that take the place of others as well.
      expect(await metric(origin, /^harmony4_seal_passes_total (\d+)$/m)).toBeGreaterThanOrEqual(CRASH_CALLS);
      expect(await metric(origin, /^harmony4_seal_failures_total (\d+)$/m)).toBe(0);
      expect((await ask(`${origin}/health/ready`)).status).toBe(200);
      expect((await stop()).code).toBe(0);
    },
  );

  test('a block that crashes it in the middle of a stream breaks off that answer only', async () => {
    const { origin } = await service(compileHostile('crasher'));
    const bytes = lcgBytes(1, 4 * 1024 * 1024);
    bytes.set(utf8Encode('CRASH'), 3 * 1024 * 1024);
    const [broken, whole] = await Promise.all([
      post(`${origin}/compress?block_size=65536`, bytes),
      post(`${origin}/compress?block_size=65536`, lcgBytes(2, 4 * 1024 * 1024)),
    ]);
    expect([broken.status, broken.isWhole]).toEqual([200, false]);
    expect([whole.status, whole.isWhole]).toEqual([200, true]);
    const back = await post(`${origin}/compress/decompress`, whole.body);
    expect(equalBytes(back.body, lcgBytes(2, 4 * 1024 * 1024))).toBe(true);
  });
});

describeCompiled('the stub as it was published', () => {
  test(
    'overflows its heap on hostile blocks, and the service answers everybody else rightly',
    { timeout: 180_000 },
    async () => {
      const { origin, stop } = await service(compileHostile('published-stub'));
      // Noise: its pairs are twice as long as it, which this stub's buffer just holds.
      const media = (i: number): Uint8Array => concatBytes(lcgBytes(i, 500 + i));
      const pairs = (count: number): Uint8Array =>
        Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 65 : 255));
      const hostile = [
        { body: pairs(4000), length: 4000 * 255 },
        { body: pairs(100), length: 100 * 255 },
        { body: pairs(100).subarray(1), length: 5000 },
        { body: pairs(20_000), length: 10 },
        { body: lcgBytes(7, 3333), length: 100_000 },
      ];
      const tasks = Array.from({ length: 50 }, (_, i) => [
        async () => {
          const { body, length } = hostile[i % hostile.length] ?? { body: new Uint8Array(1), length: 1 };
          const answer = await post(`${origin}/compress/decompress?format=raw&raw_length=${length}`, body);
          return {
            kind: 'bad',
            code: answer.status >= 400 ? codeOf(answer) : answer.body.length === length ? 200 : 'short',
          };
        },
        async () => {
          const packed = await post(`${origin}/compress`, media(i));
          const unpacked = await post(`${origin}/compress/decompress`, packed.body);
          const isSame = unpacked.status === 200 && equalBytes(unpacked.body, media(i));
          return { kind: 'good', code: isSame ? 200 : [codeOf(packed), codeOf(unpacked)] };
        },
      ]).flat();
      const results = await inParallel(tasks, 4);
      const known: readonly unknown[] = [
        200,
        'H4_ENGINE_CRASHED',
        'H4_ENGINE_OUTPUT',
        'H4_ENGINE_BAD_OUTPUT',
        'H4_ENGINE_TIMEOUT',
      ];
      expect(results.filter(({ kind, code }) => kind === 'bad' && !known.includes(code))).toEqual([]);
      expect(results.filter(({ kind, code }) => kind === 'good' && code !== 200)).toEqual([]);
      // That it has crashed at all is what makes this a test.
      expect(await metric(origin, /^harmony4_engine_crashes_total\{lane="decompress"\} (\d+)$/m)).toBeGreaterThan(0);
      expect((await ask(`${origin}/health/ready`)).status).toBe(200);
      expect((await stop()).code).toBe(0);
    },
  );
});
