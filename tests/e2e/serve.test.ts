/** The service as a process: it listens only behind a sealed core, and ends when it is told to. */
import { once } from 'node:events';
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { relative } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createSigningKey, formatSigningKey } from '../../src/utils/signing-key.js';
import { toHex, utf8Encode } from '../../src/utils/bytes.js';
import { sha256 } from '../../src/utils/sha256.js';
import { OCTETS, ask } from '../api/service.js';
import { temporaryFolder } from '../cli/support/files.js';
import { lcgBytes } from '../compression/lcg.js';
import { buildCore, checkedInWasm, compileHostile, describeCompiled } from '../support/cores.js';
import { type ServiceProcess, refusedService, startService } from './service-process.js';

const folder = temporaryFolder();
const running: ServiceProcess[] = [];

async function service(env: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
  const started = await startService(env);
  running.push(started);
  return started;
}

afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

const jsonFrom = async (url: string): Promise<Record<string, unknown>> =>
  JSON.parse((await ask(url)).body.toString()) as Record<string, unknown>;
const fingerprintOf = async (path: string): Promise<string> => toHex(sha256(await readFile(path)));
const other = 'ab'.repeat(32);

/** Starts with these variables; it must end with this code before it listens, and say this. */
async function expectRefusal(
  env: Readonly<Record<string, string>>,
  code: number,
  ...says: readonly string[]
): Promise<void> {
  const { code: ended, stdout, stderr, opened } = await refusedService(env);
  expect({ ended, stderr }).toMatchObject({ ended: code });
  for (const text of says) expect(stderr).toContain(text);
  // Where a test takes the port itself, somebody is there.
  if (env['PORT'] === undefined) expect(opened).toBe(0);
  expect(stdout.toString()).toBe('');
  expect(stderr).not.toContain('Listening on');
}

function sealSuite(core: () => string, id: string): void {
  test('is sealed at level 3 with both pins, and answers only then', async () => {
    const path = core();
    const fingerprint = await fingerprintOf(path);
    const env = { HARMONY4_CORE_PATH: path, HARMONY4_ENGINE_ID: id, HARMONY4_ENGINE_FP: fingerprint.toUpperCase() };
    const { origin, greeting, stop } = await service(env);
    expect(greeting).toMatchObject({ engine_id: id, fingerprint, sealed: true, seal_level: 3 });
    expect(await jsonFrom(`${origin}/compress/info`)).toEqual({
      ...{ engine: 'core', engine_id: id, fingerprint },
      ...{ deterministic: true, identity_safe: true, opaque: true, sealed: true, seal_level: 3 },
    });
    expect(await jsonFrom(`${origin}/health/ready`)).toMatchObject({ status: 'ready', sealed: true });
    const body = lcgBytes(5, 300_000);
    const packed = await ask(`${origin}/compress`, { method: 'POST', headers: OCTETS, body });
    expect(packed.headers['x-harmony4-engine']).toBe(id);
    const unpacked = await ask(`${origin}/compress/decompress`, { method: 'POST', headers: OCTETS, body: packed.body });
    expect(unpacked.body.equals(body)).toBe(true);
    const metrics = (await ask(`${origin}/metrics`)).body.toString();
    expect(metrics).toContain(`harmony4_active_engine{engine_id="${id}"} 1`);
    expect(metrics).toContain('harmony4_seal_failures_total 0');
    expect(Number(/^harmony4_seal_passes_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
    const answers = await Promise.all(
      ['/compress/info', '/compress/attest', '/metrics', '/health/ready', '/nothing'].map((url) => ask(origin + url)),
    );
    for (const answer of answers) expect(answer.body.toString()).not.toContain(path);
    const { code, stderr } = await stop();
    expect(code).toBe(0);
    expect(stderr).toContain(`🔐 Compression core sealed: ${id} (fp: ${fingerprint.slice(0, 12)}…)`);
    expect(stderr.indexOf('core sealed')).toBeLessThan(stderr.indexOf('Listening on'));
  });

  test('is refused with another id, before anything listens', async () => {
    const env = { HARMONY4_CORE_PATH: core(), HARMONY4_ENGINE_ID: 'another-core' };
    await expectRefusal(env, 1, '🔐 COMPRESSION CORE MISMATCH', 'another-core', id, 'H4_CORE_MISMATCH');
  });

  test('is refused with another fingerprint, before anything listens', async () => {
    const path = core();
    const env = { HARMONY4_CORE_PATH: path, HARMONY4_ENGINE_FP: other };
    await expectRefusal(env, 1, '🔐 COMPRESSION CORE ALTERED', other, await fingerprintOf(path), 'H4_CORE_ALTERED');
  });
}

describe('a WebAssembly core', () => {
  sealSuite(checkedInWasm, 'h4geo-v1');

  test('is found under a relative path', async () => {
    const { greeting, stop } = await service({ HARMONY4_CORE_PATH: relative(process.cwd(), checkedInWasm()) });
    expect(greeting).toMatchObject({ engine_id: 'h4geo-v1' });
    expect((await stop()).code).toBe(0);
  });
});

describeCompiled('a compiled core', () => {
  sealSuite(() => compileHostile('stored', { engineId: 'h4test-e2e' }), 'h4test-e2e');

  test('without a function that is needed is refused by its name', async () => {
    const path = compileHostile('missing-symbol');
    await expectRefusal({ HARMONY4_CORE_PATH: path }, 1, 'undefined symbol: h4_');
  });

  test('without an id is refused where an id is pinned', async () => {
    const path = compileHostile('stored', { engineId: null });
    await expectRefusal({ HARMONY4_CORE_PATH: path, HARMONY4_ENGINE_ID: 'x' }, 1, 'undefined symbol: h4_engine_id');
    const { greeting } = await service({ HARMONY4_CORE_PATH: path });
    const fingerprint = await fingerprintOf(path);
    expect(greeting).toMatchObject({ engine_id: `core:${fingerprint.slice(0, 16)}`, sealed: false, seal_level: 1 });
  });

  test('whose path has blanks and letters beyond ASCII works', async () => {
    await mkdir(folder.path('my cøres'), { recursive: true });
    const path = folder.path('my cøres/the core.so');
    await copyFile(buildCore('stub.so'), path);
    await chmod(path, 0o755);
    const { greeting, stop } = await service({ HARMONY4_CORE_PATH: path });
    expect(greeting).toMatchObject({ seal_level: 1 });
    expect((await stop()).code).toBe(0);
  });

  test('that is replaced while the service runs is not loaded: its processes stay, or nothing answers', async () => {
    const path = folder.path('replaced.so');
    await copyFile(compileHostile('crasher'), path);
    const { origin, stop } = await service({ HARMONY4_CORE_PATH: path });
    await rm(path);
    await copyFile(compileHostile('stored'), path);
    const codes = new Set<unknown>();
    // Crashing calls use up the processes that were sealed before.
    for (let i = 0; i < 60 && !codes.has('H4_CORE_ALTERED'); i++) {
      const answer = await ask(`${origin}/compress?format=raw`, {
        method: 'POST',
        headers: OCTETS,
        body: utf8Encode('CRASH'),
      });
      const problem = JSON.parse(answer.body.toString()) as Record<string, unknown>;
      codes.add(problem['code']);
      expect(answer.body.toString()).not.toContain('replaced.so');
    }
    expect(codes).toContain('H4_CORE_ALTERED');
    const ready = await ask(`${origin}/health/ready`);
    expect([ready.status, ready.body.toString().includes('H4_CORE_ALTERED')]).toEqual([503, true]);
    expect((await ask(`${origin}/health`)).status).toBe(200);
    expect((await stop()).code).toBe(0);
  });
});

describe('the start', () => {
  test('is refused without the core file, with its path for the operator', async () => {
    const path = folder.path('nowhere/core.so');
    await expectRefusal({ HARMONY4_CORE_PATH: path }, 4, `Compression core not found: ${path}`);
  });

  test('is refused by a core that is no library', async () => {
    await writeFile(folder.path('text.so'), 'this is no library');
    await expectRefusal({ HARMONY4_CORE_PATH: folder.path('text.so') }, 1, 'H4_CORE_LOAD');
  });

  test.each([
    ['a malformed fingerprint', { HARMONY4_CORE_PATH: 'x', HARMONY4_ENGINE_FP: 'abc' }, 'HARMONY4_ENGINE_FP'],
    ['a malformed id', { HARMONY4_CORE_PATH: 'x', HARMONY4_ENGINE_ID: 'two words' }, 'HARMONY4_ENGINE_ID'],
    ['pins without a core', { HARMONY4_ENGINE_FP: other }, 'HARMONY4_CORE_PATH'],
    [
      'a fallback beside a pin',
      { HARMONY4_CORE_PATH: 'x', HARMONY4_ENGINE_FP: other, HARMONY4_CORE_FALLBACK: 'reference' },
      'HARMONY4_CORE_FALLBACK',
    ],
    ['an address of other machines', { HARMONY4_HOST: '0.0.0.0' }, 'HARMONY4_AUTH=off'],
    ['a broken level', { HARMONY4_LOG_LEVEL: 'loud' }, 'HARMONY4_LOG_LEVEL'],
  ])('is refused by %s with the exit code of a wrong call', async (_what, env, says) => {
    await expectRefusal(env, 2, says);
  });

  test('goes on with the reference engine without a core file where the operator has said so', async () => {
    const env = { HARMONY4_CORE_PATH: folder.path('nowhere.so'), HARMONY4_CORE_FALLBACK: 'reference' };
    const { greeting, stop } = await service(env);
    expect(greeting).toMatchObject({ engine_id: 'h4ref-geo-v1', seal_level: 0 });
    expect((await stop()).stderr).toContain('reference engine takes its place');
  });

  test('is refused by a port that is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expectRefusal({ PORT: String(port) }, 4, 'Cannot listen on 127.0.0.1', 'H4_IO');
    await new Promise((resolve) => server.close(resolve));
  });

  test('reads the signing key, and refuses what is none without showing it', async () => {
    const key = createSigningKey('service.example.org', new Uint8Array(32).fill(5));
    await writeFile(folder.path('signing.key'), `${formatSigningKey(key)}\n`, { mode: 0o600 });
    const { origin } = await service({ HARMONY4_SIGNING_KEY: folder.path('signing.key') });
    const { envelope } = await jsonFrom(`${origin}/compress/attest`);
    expect(envelope).toMatchObject({ payloadType: 'application/vnd.in-toto+json' });
    await writeFile(folder.path('broken.key'), 'PRIVATE+KEY+topsecret', { mode: 0o600 });
    const { code, stderr } = await refusedService({ HARMONY4_SIGNING_KEY: folder.path('broken.key') });
    expect([code, stderr.includes('H4_SIGNING_KEY'), stderr.includes('topsecret')]).toEqual([2, true, false]);
    await expectRefusal({ HARMONY4_SIGNING_KEY: folder.path('no.key') }, 4, 'H4_IO');
  });
});

describe('the end', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'comes with %s, with exit code 0, and the running request is answered',
    async (signal) => {
      const { origin, child, ended } = await service();
      const request = httpRequest(`${origin}/compress`, { method: 'POST', headers: OCTETS, agent: false });
      const body = lcgBytes(1, 3_000_000);
      request.write(body.subarray(0, 2_000_000));
      // The head comes with the first block: from then on the request runs.
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      child.kill(signal);
      await expectStopping(origin);
      request.end(body.subarray(2_000_000));
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      expect(response.complete).toBe(true);
      expect(Buffer.concat(pieces).length).toBeGreaterThan(body.length);
      const { code, signal: by, stderr } = await ended;
      expect({ code, by, stderr }).toMatchObject({ code: 0, by: null });
      expect(stderr).toContain('Stopped');
    },
  );

  /** Resolves when the service takes no new connection any more. */
  async function expectStopping(origin: string): Promise<void> {
    for (;;) {
      const answer = await ask(`${origin}/compress/info`).catch(() => undefined);
      if (answer === undefined) return;
      expect([200, 503]).toContain(answer.status);
    }
  }
});

test('no secret of a request reaches the log', async () => {
  const { origin, stop } = await service({ HARMONY4_LOG_LEVEL: 'trace' });
  const secret = 'c0ffee'.repeat(10);
  await ask(`${origin}/compress?master_key_hex=${secret}`, {
    method: 'POST',
    headers: { ...OCTETS, 'x-harmony4-key': secret, authorization: `Bearer ${secret}` },
    body: utf8Encode(secret),
  });
  const { stderr } = await stop();
  expect(stderr).toContain('"path":"/compress"');
  expect(stderr).not.toContain(secret);
  for (const line of stderr.trim().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
});
