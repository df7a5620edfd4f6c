/** What only a real connection shows: back-pressure, answers that break off, clients that leave, and bytes that are no HTTP. */
import { once } from 'node:events';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { storedEngine } from '../../src/compression/api/stored.js';
import { H4Error } from '../../src/utils/error.js';
import { lcgBytes } from '../compression/lcg.js';
import {
  OCTETS,
  type Service,
  type ServiceOptions,
  ask,
  connectTo,
  createService,
  expectProblem,
  listening,
  readAll,
  scriptedEngine,
} from './service.js';

const KiB = 1024;
const MiB = KiB * KiB;
const open: Service[] = [];

async function started(
  options: ServiceOptions = {},
): Promise<Service & { readonly port: number; readonly origin: string }> {
  const made = await createService(options);
  open.push(made);
  return { ...made, ...(await listening(made)) };
}

afterEach(async () => {
  for (const { app } of open.splice(0)) {
    app.server.closeAllConnections();
    await app.close();
  }
});

/** A promise, and the function that fulfils it. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

/** Resolves when `isDone`, looking again whenever the event loop has turned. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const problemIn = (answer: { readonly status: number; readonly headers: object; readonly body: Buffer }) => ({
  statusCode: answer.status,
  headers: answer.headers as Record<string, unknown>,
  body: answer.body.toString(),
});

describe('a stream', () => {
  it('waits for a client that does not read: neither blocks nor uploads pile up', async () => {
    const blockBytes = 256 * KiB;
    const blocks = 256;
    let worked = 0;
    const engine = scriptedEngine(() => {
      worked++;
    });
    const { origin } = await started({ engine });
    const request = httpRequest(`${origin}/compress?block_size=${blockBytes}`, {
      method: 'POST',
      headers: OCTETS,
      agent: false,
    });
    const block = lcgBytes(1, blockBytes);
    let sent = 0;
    const sending = (async () => {
      for (; sent < blocks; sent++) {
        if (!request.write(block)) await once(request, 'drain');
      }
      request.end();
    })();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    // Nobody reads. Other requests, and with them turns of the event loop on both sides, pass meanwhile.
    let before = -1;
    while (before !== worked) {
      before = worked;
      for (let i = 0; i < 20; i++) expect((await ask(`${origin}/health`)).status).toBe(200);
    }
    expect(sent).toBeLessThan(blocks);
    // What lies between the engine and the client: held bytes, one record, and the buffers of the network.
    expect(worked * blockBytes).toBeLessThan(24 * MiB);
    let received = 0;
    let most = 0;
    for await (const piece of response) {
      received += (piece as Buffer).length;
      most = Math.max(most, worked * blockBytes - received);
    }
    await sending;
    expect(response.complete).toBe(true);
    expect(worked).toBe(blocks);
    expect(received).toBeGreaterThan(blocks * blockBytes);
    expect(most).toBeLessThan(24 * MiB);
  });

  it.each(['/compress', '/compress/decompress'])(
    'that fails after the head of %s is broken off, never ended, and the log says why',
    async (url) => {
      const bytes = lcgBytes(2, 4 * MiB);
      const direction = url === '/compress' ? 'compress' : 'decompress';
      let isFailing = false;
      const engine = scriptedEngine((call) => {
        if (isFailing && call.direction === direction && call.index >= 60)
          throw new H4Error('H4_ENGINE_CRASHED', 'It died');
      });
      const { origin, log } = await started({ engine });
      const recording = await ask(`${origin}/compress?block_size=65536`, {
        method: 'POST',
        headers: OCTETS,
        body: bytes,
      });
      expect([recording.isWhole, recording.headers['transfer-encoding']]).toEqual([true, 'chunked']);
      isFailing = true;
      const body = direction === 'compress' ? lcgBytes(2, 8 * MiB) : recording.body;
      const broken = await ask(`${origin}${url}${direction === 'compress' ? '?block_size=65536' : ''}`, {
        method: 'POST',
        headers: OCTETS,
        body,
      });
      // The engine counts calls over all requests: by then it has answered enough for a head in one direction only.
      if (broken.status === 200) expect(broken.isWhole).toBe(false);
      else expectProblem(problemIn(broken), 'H4_ENGINE_CRASHED');
      expect(log.some((line) => line.includes('H4_ENGINE_CRASHED'))).toBe(true);
    },
  );

  it('of a recording that turns out to be broken is broken off before a byte of the broken block', async () => {
    const { origin } = await started({ limits: { heldBytes: 1000 } });
    const bytes = lcgBytes(4, 640 * KiB);
    const made = await ask(`${origin}/compress?block_size=65536`, { method: 'POST', headers: OCTETS, body: bytes });
    const damaged = Uint8Array.from(made.body);
    const at = Math.floor(damaged.length * 0.75);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    const answer = await ask(`${origin}/compress/decompress`, { method: 'POST', headers: OCTETS, body: damaged });
    expect([answer.status, answer.isWhole]).toEqual([200, false]);
    expect(answer.body.length).toBeLessThan(at);
    expect(answer.body.length % 65536).toBe(0);
    expect(answer.body.equals(bytes.subarray(0, answer.body.length))).toBe(true);
  });

  it('of a recording that is cut off between two records is broken off as well', async () => {
    const { origin } = await started({ limits: { heldBytes: 1000 } });
    const bytes = lcgBytes(4, 640 * KiB);
    const made = await ask(`${origin}/compress?block_size=65536`, { method: 'POST', headers: OCTETS, body: bytes });
    for (const share of [0.5, 0.9]) {
      const body = made.body.subarray(0, Math.floor(made.body.length * share));
      const answer = await ask(`${origin}/compress/decompress`, { method: 'POST', headers: OCTETS, body });
      expect([answer.status, answer.isWhole]).toEqual([200, false]);
    }
  });
});

describe('places for heavy requests', () => {
  it('are as many as there are: other blocks wait, and more requests than may be open are told to come back', async () => {
    const held = gate();
    let inside = 0;
    let most = 0;
    const engine = scriptedEngine(async () => {
      most = Math.max(most, ++inside);
      await held.passed;
      inside--;
    });
    const { origin } = await started({ engine, limits: { heavyRequests: 2, openRequests: 5 } });
    const send = (query = '') =>
      ask(`${origin}/compress${query}`, { method: 'POST', headers: OCTETS, body: lcgBytes(1, 100) });
    const five = [send(), send('?format=raw'), send(), send('?format=raw'), send()];
    await until(() => inside === 2);
    let refused = await send();
    // Until all of the five have come, one more may find a place to wait: it is then among those that are served.
    const extra: unknown[] = [];
    while (refused.status !== 503) {
      extra.push(refused);
      refused = await send();
    }
    expect(extra).toEqual([]);
    expectProblem(problemIn(refused), 'H4_BUSY');
    expect(refused.headers['retry-after']).toBe('1');
    expect((await ask(`${origin}/health/ready`)).status).toBe(200);
    held.open();
    expect((await Promise.all(five)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(most).toBe(2);
    expect((await send()).status).toBe(200);
  });

  it('are given back by clients that leave, while they wait and while they are worked on', async () => {
    const held = gate();
    let calls = 0;
    const engine = scriptedEngine(() => {
      calls++;
      return held.passed;
    });
    const { origin, log } = await started({ engine, limits: { heavyRequests: 1, openRequests: 2 } });
    const leave = async (isThere: () => boolean): Promise<ClientRequest> => {
      const request = httpRequest(`${origin}/compress`, { method: 'POST', headers: OCTETS, agent: false });
      request.on('error', () => undefined);
      request.end(lcgBytes(1, 100));
      await until(isThere);
      return request;
    };
    const working = await leave(() => calls === 1);
    const waiting = httpRequest(`${origin}/compress`, { method: 'POST', headers: OCTETS, agent: false });
    waiting.on('error', () => undefined);
    waiting.end(lcgBytes(1, 100));
    await until(() => waiting.writableFinished);
    waiting.destroy();
    working.destroy();
    await until(() => log.filter((line) => line.includes('"msg":"request"')).length >= 1);
    held.open();
    const after = await ask(`${origin}/compress`, { method: 'POST', headers: OCTETS, body: lcgBytes(1, 100) });
    expect(after.status).toBe(200);
  });

  it('are held by no request that waits for its sender', async () => {
    const { origin } = await started({ limits: { heavyRequests: 1, openRequests: 9 } });
    const slow = ['', '?format=raw', ''].map((query) => {
      const headers = { ...OCTETS, 'content-length': '1000' };
      const request = httpRequest(`${origin}/compress${query}`, { method: 'POST', headers, agent: false });
      request.on('error', () => undefined);
      request.write('the first of many');
      return request;
    });
    const options = { method: 'POST', headers: OCTETS, body: lcgBytes(1, 100) };
    expect((await ask(`${origin}/compress`, options)).status).toBe(200);
    expect((await ask(`${origin}/compress?format=raw`, options)).status).toBe(200);
    for (const request of slow) request.destroy();
  });

  it('and connections are taken from a client that only trickles', async () => {
    const { origin } = await started({ limits: { idleMillis: 500, minBytesPerSecond: 1_000_000 } });
    const headers = { ...OCTETS, 'content-length': '1000000' };
    const request = httpRequest(`${origin}/compress`, { method: 'POST', headers, agent: false });
    const timer = setInterval(() => request.write('a few'), 20);
    try {
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      const body = Buffer.concat(pieces).toString();
      expectProblem({ statusCode: response.statusCode ?? 0, headers: response.headers, body }, 'H4_UPLOAD_STALLED');
    } finally {
      clearInterval(timer);
      request.destroy();
    }
  });

  it('are not held by a client that sends nothing more', async () => {
    const { origin } = await started({ limits: { heavyRequests: 1, openRequests: 1, idleMillis: 200 } });
    const request = httpRequest(`${origin}/compress`, {
      method: 'POST',
      headers: { ...OCTETS, 'content-length': '1000' },
      agent: false,
    });
    request.write('half of it');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const pieces: Buffer[] = [];
    for await (const piece of response) pieces.push(piece as Buffer);
    expectProblem(
      { statusCode: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces).toString() },
      'H4_UPLOAD_STALLED',
    );
    expect(response.headers.connection).toBe('close');
    expect((await ask(`${origin}/compress`, { method: 'POST', headers: OCTETS, body: lcgBytes(1, 100) })).status).toBe(
      200,
    );
  });

  it('are not held by a client that reads nothing more', async () => {
    const { origin } = await started({
      engine: { ...storedEngine },
      limits: { heavyRequests: 1, openRequests: 1, idleMillis: 200 },
    });
    const request = httpRequest(`${origin}/compress`, { method: 'POST', headers: OCTETS, agent: false });
    request.on('error', () => undefined);
    request.end(lcgBytes(1, 32 * MiB));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    let status = 503;
    while (status === 503) {
      status = (await ask(`${origin}/compress`, { method: 'POST', headers: OCTETS, body: lcgBytes(1, 100) })).status;
    }
    expect(status).toBe(200);
    response.resume();
    if (!response.closed) await once(response, 'close').catch(() => undefined);
    expect(response.complete).toBe(false);
  });
});

describe('a refused body', () => {
  it('is let in up to a limit, so that its sender reads why', async () => {
    const { origin } = await started({ limits: { maxUploadBytes: MiB } });
    const answer = await ask(`${origin}/compress`, { method: 'POST', headers: OCTETS, body: lcgBytes(1, 6 * MiB) });
    expectProblem(problemIn(answer), 'H4_UPLOAD_LIMIT');
    const chunked = { ...OCTETS, 'transfer-encoding': 'chunked' };
    const counted = await ask(`${origin}/compress?block_size=65536`, {
      method: 'POST',
      headers: chunked,
      body: lcgBytes(1, 900 * KiB),
    });
    expect(counted.status).toBe(200);
  });

  it('does not go on for ever', async () => {
    const { port } = await started({ limits: { maxUploadBytes: 1000, drainedBytes: MiB } });
    const socket = await connectTo(port);
    const length = 1024 * MiB;
    socket.write(
      `POST /compress HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: ${length}\r\n\r\n`,
    );
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const piece = new Uint8Array(256 * KiB);
    let sent = 0;
    while (sent < length && !socket.destroyed) {
      sent += piece.length;
      if (!socket.write(piece)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
    }
    await closed;
    expect(sent).toBeLessThan(64 * MiB);
  });
});

describe('bytes on the wire', () => {
  it.each([
    ['nonsense', 'nonsense\r\n\r\n', 400],
    ['a request without Host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['headers beyond 32 KiB', `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
    [
      'two lengths',
      'POST /compress HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      400,
    ],
  ])('that are %s are refused', async (_what, bytes, status) => {
    const { port, origin } = await started();
    const socket = await connectTo(port);
    const answered = readAll(socket);
    socket.write(bytes);
    const text = await answered;
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(text.toLowerCase()).toContain('connection: close');
    expect(text).not.toMatch(/\.js|\.ts|node:/);
    expect((await ask(`${origin}/health`)).status).toBe(200);
  });

  it('that name no host, as HTTP 1.0 allows, are refused', async () => {
    const { port } = await started();
    const socket = await connectTo(port);
    socket.write('GET /health HTTP/1.0\r\n\r\n');
    const text = await readAll(socket);
    expect(text).toMatch(/^HTTP\/1.1 421 /);
    expect(text).toContain('"code":"H4_HOST"');
  });

  it('of a body that ends early make no recording', async () => {
    const { port, origin, log } = await started();
    const socket = await connectTo(port);
    socket.write(
      'POST /compress HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: 9\r\n\r\nab',
    );
    socket.end();
    const text = await readAll(socket);
    expect(text).not.toContain('200 OK');
    await until(() => log.some((line) => line.includes('"msg":"request"')) || text.includes(' 400 '));
    expect((await ask(`${origin}/health`)).status).toBe(200);
  });
});

describe('who may speak', () => {
  it.each([
    ['localhost', 200],
    ['LOCALHOST:1234', 200],
    ['127.0.0.1', 200],
    ['127.9.9.9:8000', 200],
    ['[::1]:8000', 200],
    ['evil.example', 421],
    ['localhost.evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['192.168.1.5:8000', 421],
    ['[fe80::1]', 421],
  ])('Host %j: %i', async (host, status) => {
    const { origin } = await started();
    const answer = await ask(`${origin}/health`, { headers: { host } });
    expect(answer.status).toBe(status);
    if (status === 421) expectProblem(problemIn(answer), 'H4_HOST');
  });

  it('names that the operator has listed, with or without their port', async () => {
    const { origin } = await started({ guard: { hosts: ['archive.example.org', 'media:8000'], isLoopback: true } });
    const status = async (host: string) => (await ask(`${origin}/health`, { headers: { host } })).status;
    expect(await status('Archive.Example.org')).toBe(200);
    expect(await status('archive.example.org:4711')).toBe(200);
    expect(await status('media:8000')).toBe(200);
    expect(await status('media:8001')).toBe(421);
    expect(await status('media')).toBe(421);
  });

  it('numbers, where the service listens to other machines', async () => {
    const { origin } = await started({ guard: { hosts: [], isLoopback: false } });
    const status = async (host: string) => (await ask(`${origin}/health`, { headers: { host } })).status;
    expect(await status('192.168.1.5:8000')).toBe(200);
    expect(await status('[fe80::1]:8000')).toBe(200);
    expect(await status('evil.example')).toBe(421);
  });

  it.each([
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:3000' }, 403],
    [{ origin: 'file://' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'cross-site', origin: 'http://localhost:8000' }, 403],
    [{ origin: 'http://LOCALHOST:8000' }, 200],
    [{ origin: 'https://localhost:8000', 'sec-fetch-site': 'same-origin' }, 200],
    [{}, 200],
  ])('a POST with %j: %i', async (headers, status) => {
    const { origin } = await started();
    const given = { host: 'localhost:8000', ...OCTETS, ...(headers as Record<string, string>) };
    const answer = await ask(`${origin}/compress`, { method: 'POST', headers: given, body: lcgBytes(1, 10) });
    expect(answer.status).toBe(status);
    if (status === 403) expectProblem(problemIn(answer), 'H4_ORIGIN');
    expect((await ask(`${origin}/health`, { headers: given })).status).toBe(200);
  });

  it('a page that the operator has listed may send', async () => {
    const { origin } = await started({ guard: { hosts: ['archive.example.org'], isLoopback: true } });
    const headers = { host: 'localhost:8000', ...OCTETS, origin: 'https://archive.example.org' };
    expect((await ask(`${origin}/compress`, { method: 'POST', headers, body: lcgBytes(1, 10) })).status).toBe(200);
  });
});
