/** The command line against a real HTTP server, honest and lying. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Interruption } from '../../src/cli/exit.js';
import type { HttpOptions } from '../../src/storage/http/settings.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { LIES, type Lie, type TestServer, answering, before, startServer } from '../support/http-server.js';
import { SyntheticSource, constantSizes } from '../support/synthetic.js';
import { TEN_BLOCKS, noise, ownTemporaryFolder, recording, temporaryFolder } from './support/files.js';
import { type HarnessOptions, type Outcome, cli, jsonOf } from './support/harness.js';

const folder = temporaryFolder();
ownTemporaryFolder(folder);

const MIB = 1024 * 1024;

/** More than a server may send whole without being asked to. */
const large = recording(
  Array.from({ length: 20 }, (_, i) => ({ pts: i * 40_000, duration: 40_000, bytes: noise(512 * 1024, i + 1) })),
  {},
  {},
);
const small = recording(TEN_BLOCKS, {}, {});

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const serve = async (content: Parameters<typeof startServer>[0], lie?: Lie): Promise<TestServer> => {
  const server = await startServer(content);
  server.lie = lie;
  servers.push(server);
  return server;
};

const HTTP: HttpOptions = { retryDelayMs: 1, idleTimeoutMs: 10_000, deadlineMs: 20_000, minBytesPerSecond: 1e9 };
const run = (argv: readonly string[], options: HarnessOptions = {}): Promise<Outcome> =>
  cli(argv, { http: HTTP, ...options });

const sentBy = ({ seen }: TestServer): number => seen.reduce((sum, { sent }) => sum + sent, 0);

describe('a recording behind a server', () => {
  test('is inspected, sought in and extracted like a file, by ranges', async () => {
    const bytes = await large;
    const server = await serve(bytes);
    const file = await folder.write('large.h4mk', bytes);
    const out = [folder.path('remote.bin'), folder.path('local.bin')] as const;
    for (const [verb, ...rest] of [
      ['inspect'],
      ['inspect', '--records', '--limit', '5'],
      ['seek', '0:00.3'],
      ['seek', '0', '--json'],
    ]) {
      const remote = await run([verb ?? '', server.url, ...rest]);
      const local = await run([verb ?? '', file, ...rest]);
      expect([remote.code, remote.stderr]).toEqual([0, local.stderr]);
      expect(remote.stdout.replaceAll(server.url, file)).toBe(local.stdout);
    }
    expect(sentBy(server)).toBeLessThan(4 * MIB);
    for (const seen of server.seen) expect(seen).toMatchObject({ status: 206 });

    for (const [i, from] of [server.url, file].entries()) {
      expect((await run(['extract', from, '-o', out[i] ?? '', '--from', '200ms', '--to', '300ms'])).code).toBe(0);
    }
    expect((await readFile(out[0])).equals(await readFile(out[1]))).toBe(true);
  });

  test('is verified completely, in few requests', async () => {
    const bytes = await large;
    const server = await serve(bytes);
    const { code, stdout, stderr } = await run(['verify', server.url, '--json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(jsonOf(stdout)).toMatchObject({ state: 'NOT_SIGNED', bytes: bytes.length });
    expect(server.seen.length).toBeLessThan(20);
    expect(sentBy(server)).toBeLessThan(1.2 * bytes.length);
  });

  test('is named in messages without what may be secret in its address', async () => {
    const server = await serve(await small);
    const address = `${server.url.replace('http://', 'http://me:hunter2@')}?sig=topsecret`;
    for (const argv of [
      ['verify', address],
      ['inspect', address],
    ]) {
      const { code, stdout, stderr } = await run(argv);
      expect(code).toBe(0);
      expect(stdout).toContain(server.url);
      expect(stdout + stderr).not.toMatch(/hunter2|topsecret/);
    }
    server.lie = answering(403);
    const { code, stderr } = await run(['inspect', address]);
    expect([code, stderr.includes(`H4_IO: Opening ${server.url} failed: the server answered 403`)]).toEqual([4, true]);
    expect(stderr).not.toMatch(/hunter2|topsecret/);
    expect((await run(['inspect', 'http://[x'])).stderr).toContain(
      'H4_PARAM: Cannot read an address that is no valid URL',
    );
  });

  test('costs what a terminal is told, and nobody else', async () => {
    const server = await serve(await large);
    const { stderr } = await run(['seek', server.url, '0'], { tty: ['stderr'] });
    expect(stderr).toMatch(/^read \d+ KiB in \d requests\n$/);
    expect(stderr).toContain(` in ${server.seen.length} requests`);
    expect((await run(['seek', server.url, '0'])).stderr).toBe('');
    expect((await run(['seek', server.url, '0', '--json'], { tty: ['stderr'] })).stderr).toBe('');
  });

  test('may be interrupted while it does not answer', async () => {
    const server = await serve(await small, LIES.neverAnswers);
    const controller = new AbortController();
    const running = run(['inspect', server.url], { signal: controller.signal });
    await expect.poll(() => server.seen.length).toBe(2);
    controller.abort(new Interruption('SIGINT'));
    expect((await running).code).toBe(130);
  });
});

describe('reading all of a large remote file', () => {
  const recordings = new SyntheticSource({ records: 20_000, sizes: constantSizes(4096) });

  test('needs leave', async () => {
    const server = await serve(recordings);
    const { code, stderr } = await run(['verify', server.url]);
    expect(code).toBe(2);
    expect(stderr).toContain(`H4_PARAM: Cannot read all of ${server.url} without leave: that is `);
    expect(stderr).toContain('MiB from its server; allow it with --allow-full-read, or download the file first');
    expect(server.seen).toHaveLength(2);
    expect((await run(['inspect', server.url])).code).toBe(0);
  });

  test('is done where that is given', async () => {
    const server = await serve(recordings);
    const { code, stderr } = await run(['verify', server.url, '--allow-full-read', '--no-progress']);
    // The hashes of a synthetic recording are zeros: what counts is that all of it was read.
    expect([code, stderr]).toEqual([1, '']);
    expect(sentBy(server)).toBeGreaterThan(recordings.size);
    expect(server.seen.length).toBeLessThan(recordings.size / MIB + 10);
  }, 120_000);
});

describe('a server that ignores ranges', () => {
  test('serves a small file all the same', async () => {
    const server = await serve(await small, LIES.ignoresRanges);
    expect((await run(['verify', server.url])).code).toBe(0);
  });

  test('is refused for a large one, with advice', async () => {
    const server = await serve(await large, LIES.ignoresRanges);
    const { code, stderr } = await run(['seek', server.url, '0']);
    expect(code).toBe(4);
    expect(stderr).toContain(
      `H4_HTTP_RANGE: Cannot read parts of ${server.url}: its server ignores ranges; read it whole with --allow-full-read`,
    );
    expect(sentBy(server)).toBeLessThan(2 * (await large).length);
  });

  test('is read once, into a file that goes away, where that is allowed', async () => {
    const bytes = await large;
    const server = await serve(bytes, LIES.ignoresRanges);
    for (const verb of ['verify', 'inspect']) {
      server.seen.length = 0;
      const { code, stderr } = await run([verb, server.url, '--allow-full-read'], { tty: ['stderr'] });
      expect([verb, code]).toEqual([verb, 0]);
      expect(stderr).toContain('read 10.0 MiB in 1 request\n');
      expect(server.seen.map(({ range }) => range).filter((range) => range === undefined)).toHaveLength(1);
    }
  });

  /** What a download meets after the server has been found out. */
  const onDownload =
    (lie: Lie): Lie =>
    (exchange) =>
      (exchange.seen.range === undefined ? lie : LIES.ignoresRanges)(exchange);

  const download = async (lie: Lie, http: HttpOptions = {}): Promise<[number, string, number]> => {
    const server = await serve(await large, onDownload(lie));
    const argv = ['inspect', server.url, '--allow-full-read'];
    const { code, stderr } = await run(argv, { http: { ...HTTP, ...http } });
    return [code, stderr, server.seen.filter(({ range }) => range === undefined).length];
  };

  test.each<[string, Lie, string]>([
    ['breaks off', LIES.resets, 'H4_IO: Downloading'],
    ['does not say how long the file is', LIES.ignoresRangesSilently, 'does not say how long the file is'],
    ['compresses it', LIES.gzip, 'sends the file encoded (Content-Encoding: gzip)'],
    ['answers something else', answering(404), 'there is nothing at this address'],
    ['answers with a part', answering(206), 'the server answered 206'],
  ])('is not believed when it %s', async (_, lie, message) => {
    const [code, stderr, requests] = await download(lie);
    expect([code, requests]).toEqual([4, 1]);
    expect(stderr).toContain(message);
  });

  test('is given as many chances as for a range until the first byte, and none after it', async () => {
    const [code, stderr, requests] = await download(answering(503));
    expect([code, requests]).toEqual([4, 5]);
    expect(stderr).toContain('the server answered 503 (after 5 attempts)');

    const server = await serve(await large, LIES.ignoresRanges);
    server.lie = (exchange) =>
      (exchange.seen.range === undefined ? before(4, answering(503)) : LIES.ignoresRanges)(exchange);
    expect((await run(['inspect', server.url, '--allow-full-read'])).code).toBe(0);
    expect(server.seen.filter(({ range }) => range === undefined)).toHaveLength(3);
  });

  test('ends when it falls silent', async () => {
    const silent: Lie = async (exchange) => {
      const answer = await exchange.honest();
      exchange.head(answer);
      await exchange.write(answer.body.subarray(0, 1000));
    };
    const [code, stderr] = await download(silent, { idleTimeoutMs: 300 });
    expect(code).toBe(4);
    expect(stderr).toMatch(/broke off after 1000 of \d+ bytes: nothing came for 0.3 s; try again/);
  });

  test('is not waited for when the user has had enough', async () => {
    const server = await serve(await large, onDownload(LIES.neverAnswers));
    const controller = new AbortController();
    const running = run(['inspect', server.url, '--allow-full-read'], { signal: controller.signal });
    await expect.poll(() => server.seen.some(({ range }) => range === undefined)).toBe(true);
    controller.abort(new Interruption('SIGTERM'));
    expect((await running).code).toBe(143);
  });
});

test.each<[string, Lie, number, RegExp]>([
  ['wrong bytes', LIES.wrongBytes, 1, /H4_BAD_MAGIC/],
  ['shifted ranges', LIES.shiftedRange, 4, /H4_HTTP_RANGE/],
  ['bodies without an end', LIES.endlessBody, 4, /H4_HTTP_RANGE/],
  ['gzip', LIES.gzip, 4, /H4_HTTP_RANGE/],
  ['another file with every answer', LIES.changingETag, 4, /H4_IO.*the file changed while it was read/],
  ['connections that break', LIES.resets, 4, /H4_IO/],
])('a server of %s is not believed by any command', async (_, lie, code, message) => {
  const server = await serve(await large, lie);
  for (const argv of [['inspect'], ['seek', '0'], ['extract', '-o', '-'], ['verify']]) {
    const [verb = '', ...rest] = argv;
    const outcome = await run([verb, server.url, ...rest]);
    expect([verb, outcome.code]).toEqual([verb, code]);
    expect(outcome.stdout + outcome.stderr).toMatch(message);
    expect(outcome.stderr).not.toContain('ignores ranges');
  }
});

test('a server that is not there, and one of another protocol, are errors of input', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const { code, stderr } = await run(['inspect', `http://127.0.0.1:${port}/x.h4mk`]);
  expect([code, stderr.includes('the server cannot be reached')]).toEqual([4, true]);
  const plain = await serve(createMemorySource(await small));
  expect((await run(['inspect', plain.url.replace('http:', 'https:')])).code).toBe(4);
});
