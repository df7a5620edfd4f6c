/**
 * The HTTP source against a real server that lies in every way servers are known for. No lie may be believed, and none may
 * hold a reader up: the deadlines here are short, and a test that hangs fails.
 */
import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { H4MKReader } from '../../src/container/read/reader.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { type HttpSource, type HttpSourceOptions, openHttpSource } from '../../src/storage/http-range.js';
import type { HttpFetch } from '../../src/storage/http/transport.js';
import { createMemorySource } from '../../src/storage/memory.js';
import type { ErrorCode } from '../../src/utils/error-codes.js';
import type { H4Error } from '../../src/utils/error.js';
import { noise, recording } from '../cli/support/files.js';
import {
  type Lie,
  LIES,
  type TestServer,
  after,
  answering,
  before,
  resetting,
  startServer,
} from '../support/http-server.js';
import { patterned } from './patterned.js';
import { rejection } from './rejection.js';

const KIB = 1024;

/** Patience for a busy machine, where nothing is waited for. */
const QUICK: HttpSourceOptions = { retryDelayMs: 1, idleTimeoutMs: 10_000, deadlineMs: 20_000, minBytesPerSecond: 1e9 };
/** For lies that wait. */
const HASTY: HttpSourceOptions = { ...QUICK, idleTimeoutMs: 500, deadlineMs: 1500 };

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

const serve = async (bytes: Uint8Array, lie?: Lie): Promise<TestServer> => {
  const server = await startServer(bytes);
  server.lie = lie;
  opened.push(server);
  return server;
};

const open = async (url: string, options: HttpSourceOptions = QUICK): Promise<HttpSource> => {
  const source = await openHttpSource(url, options);
  opened.push(source);
  return source;
};

const expectBytes = (found: Uint8Array, wanted: Uint8Array): void => {
  expect(found.length).toBe(wanted.length);
  expect(Buffer.compare(found, wanted)).toBe(0);
};

/** Plain values: what a failing test shows of a class with private fields is of no use. */
const statistics = ({ size, name, requests, bytes, retries, roundTrips }: HttpSource) => ({
  ...{ size, name, requests, bytes, retries, roundTrips },
});

const ranges = ({ seen }: TestServer): (string | undefined)[] => seen.map(({ range }) => range);

const FILE = patterned(500 * KIB);
/** More than the buffers between a server and a client hold. */
const LARGE = new Uint8Array(32 * 1024 * KIB);

describe('opening', () => {
  it('asks for both ends at once, keeps them, and knows the size', async () => {
    const server = await serve(FILE);
    const source = await open(server.url);

    expect(source.size).toBe(FILE.length);
    expect(ranges(server).sort()).toEqual(['bytes=-65536', 'bytes=0-65535']);
    expect(statistics(source)).toMatchObject({ requests: 2, roundTrips: 1, retries: 0, bytes: 2 * 64 * KIB });
    expectBytes(await source.read(0, 64 * KIB), FILE.subarray(0, 64 * KIB));
    expectBytes(await source.read(FILE.length - 64 * KIB, FILE.length), FILE.subarray(-64 * KIB));
    expectBytes(await source.read(10, 20), FILE.subarray(10, 20));
    expect(source.requests).toBe(2);
    expect(server.seen).toHaveLength(2);
    for (const { headers } of server.seen) expect(headers['accept-encoding']).toMatch(/^identity(, identity)?$/);
  });

  it.each([0, 1, 2, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073])(
    'gives the size and bytes of a file of %i',
    async (size) => {
      const file = patterned(size);
      const source = await open((await serve(file)).url);

      expect(source.size).toBe(size);
      expectBytes(await source.read(0, size), file);
      expectBytes(await source.read(size, size), new Uint8Array(0));
      const [from, to] = [Math.floor(size / 3), Math.ceil(size / 2)];
      expectBytes(await source.read(from, to), file.subarray(from, to));
    },
  );

  const onSuffix =
    (lie: Lie): Lie =>
    (exchange) =>
      (exchange.seen.range === 'bytes=-65536' ? lie : LIES.none)(exchange);

  it.each<[string, Lie]>([
    ['refuses it (416)', answering(416, { 'Content-Range': `bytes */${FILE.length}` })],
    ['refuses it (416) without a size', answering(416)],
    ['refuses it (400)', answering(400)],
    ['does not know it (501)', answering(501)],
    ['is too busy for it (429)', answering(429)],
    ['breaks off', LIES.resets],
    ['sends everything (200)', LIES.ignoresRanges],
    [
      'takes the minus for nothing',
      async (exchange) => {
        const { body, headers } = await exchange.honest({ whole: true });
        const described = { 'Content-Range': `bytes 0-65536/${body.length}`, 'Content-Length': '65537' };
        await exchange.send({ status: 206, headers: { ...headers, ...described }, body: body.subarray(0, 65_537) });
      },
    ],
  ])('does without the end where the server, asked for a suffix, %s', async (_, lie) => {
    const server = await serve(FILE, onSuffix(lie));
    const source = await open(server.url);

    expect(source.size).toBe(FILE.length);
    expect(server.seen).toHaveLength(2);
    expectBytes(await source.read(FILE.length - 64 * KIB, FILE.length), FILE.subarray(-64 * KIB));
    expect(ranges(server).at(-1)).toBe(`bytes=${FILE.length - 64 * KIB}-${FILE.length - 1}`);
  });

  it('waits for no suffix longer than for any silence', async () => {
    const server = await serve(FILE, onSuffix(LIES.neverAnswers));
    expect((await open(server.url, { ...QUICK, idleTimeoutMs: 200 })).size).toBe(FILE.length);
  });

  it('waits for no end of a file whose first bytes were all', async () => {
    for (const lie of [onSuffix(LIES.neverAnswers), onSuffix(LIES.neverEnds)]) {
      const server = await serve(patterned(64 * KIB), lie);
      const source = await open(server.url, { ...QUICK, idleTimeoutMs: 1e6, deadlineMs: 1e6 });
      expect(source.size).toBe(64 * KIB);
      await expect.poll(() => server.seen.filter(({ abandoned }) => abandoned).length).toBe(1);
    }
  });

  it('asks again, exactly, where a server refuses a range that ends behind the file', async () => {
    const small = patterned(100);
    const server = await serve(small, (exchange) =>
      exchange.seen.range === 'bytes=0-99'
        ? LIES.none(exchange)
        : answering(416, { 'Content-Range': 'bytes */100' })(exchange),
    );
    const source = await open(server.url);

    expect(source.size).toBe(100);
    expectBytes(await source.read(0, 100), small);
  });

  it('refuses a server that says that a file has no beginning', async () => {
    const server = await serve(FILE, answering(416, { 'Content-Range': `bytes */${FILE.length}` }));
    expect((await rejection(open(server.url))).message).toMatch(/Opening .* the file has no beginning \(416\)/);
    server.lie = answering(416);
    expect(await rejection(open(server.url))).toMatchObject({
      code: 'H4_HTTP_RANGE',
      message: expect.stringContaining('without saying how many there are') as string,
    });
  });

  it.each([
    ['with its length', LIES.ignoresRanges],
    ['without its length', LIES.ignoresRangesSilently],
  ])('keeps a small file that comes whole, %s', async (_, lie) => {
    const server = await serve(FILE, lie);
    const source = await open(server.url);

    expect(source.size).toBe(FILE.length);
    expectBytes(await source.read(0, FILE.length), FILE);
    expectBytes(await source.read(1000, 2000), FILE.subarray(1000, 2000));
    expect(source.requests).toBe(2);
  });

  it.each([
    ['with its length', LIES.ignoresRanges, `${LARGE.length} bytes`],
    ['without its length', LIES.ignoresRangesSilently, 'more than 100000 bytes'],
    ['without an end', endlessWhole(), 'more than 100000 bytes'],
  ])('refuses a large file that comes whole, %s, and reads no more of it', async (_, lie, size) => {
    const server = await serve(LARGE, lie);
    const error = await rejection(open(server.url, { ...QUICK, maxWholeBytes: 100_000 }));

    expect(error).toMatchObject({ code: 'H4_HTTP_RANGE', detail: { ignored: true } });
    expect(error.message).toContain(`the server ignores ranges and sends the whole file, ${size}; let a server that`);
    await expect.poll(() => server.seen.every(({ abandoned }) => abandoned)).toBe(true);
    for (const { sent } of server.seen) expect(sent).toBeLessThan(LARGE.length);
  });

  it('refuses what is no address of a file, without repeating it', async () => {
    expect(await rejection(open('http://user:secret@[bad'))).toMatchObject({
      code: 'H4_PARAM',
      message: 'Cannot read an address that is no valid URL',
    });
    expect((await rejection(open('ftp://user:secret@host/file?token=1'))).message).toBe(
      "Cannot read an address of the kind 'ftp:': only http: and https: are read",
    );
  });
});

function endlessWhole(): Lie {
  return async (exchange) => {
    exchange.head({ status: 200, headers: {}, body: new Uint8Array(0) });
    while (!exchange.response.destroyed) await exchange.write(new Uint8Array(16 * KIB));
  };
}

describe('reading', () => {
  it('gives exactly the bytes asked for, several at a time', async () => {
    const server = await serve(FILE);
    const source = await open(server.url);
    const asked = Array.from(
      { length: 12 },
      (_, i) => [70_000 + i * 29_000, 70_000 + i * 29_000 + 20_000 + i] as const,
    );
    const found = await Promise.all(asked.map(([start, end]) => source.read(start, end)));

    for (const [i, [start, end]] of asked.entries())
      expectBytes(found[i] ?? new Uint8Array(0), FILE.subarray(start, end));
    expect(statistics(source)).toMatchObject({ requests: 14, roundTrips: 2, retries: 0 });
    await source.read(70_000, 70_001);
    expect(source.roundTrips).toBe(3);
  });

  it('refuses ranges outside the file, and to read after close', async () => {
    const source = await open((await serve(FILE)).url);
    expect((await rejection(source.read(0, FILE.length + 1))).code).toBe('H4_PARAM');
    await source.close();
    await source.close();
    expect((await rejection(source.read(0, 1))).code).toBe('H4_STATE');
    expect(source.kept(0, 1)).toBeUndefined();
  });

  it('refuses more than 1 GiB at once', async () => {
    const source = await openHttpSource('http://localhost/x', { growing: true, size: 2 ** 40 });
    expect((await rejection(source.read(0, 2 ** 30 + 1))).message).toContain('the limit is 1073741824');
  });

  it('ends at once what is under way when it is closed, and lets go of the connection', async () => {
    const server = await serve(FILE, after(2, LIES.neverAnswers));
    const source = await open(server.url);
    const reading = rejection(source.read(100_000, 200_000));
    await expect.poll(() => server.seen.length).toBe(3);
    await source.close();

    expect(await reading).toMatchObject({
      code: 'H4_STATE',
      message: expect.stringContaining('has been closed') as string,
    });
    await expect.poll(() => server.seen[2]?.abandoned).toBe(true);
  });

  it('ends at once when the caller cancels: before, while opening, while reading and while waiting to try again', async () => {
    const server = await serve(FILE);
    const source = await open(server.url);
    expect((await rejection(source.read(100_000, 200_000, AbortSignal.abort()))).code).toBe('H4_CANCELLED');
    expect((await rejection(source.read(0, 10, AbortSignal.abort()))).code).toBe('H4_CANCELLED');
    expect((await rejection(open(server.url, { signal: AbortSignal.abort() }))).code).toBe('H4_CANCELLED');
    expect(server.seen).toHaveLength(2);

    for (const lie of [LIES.neverAnswers, answering(503, { 'Retry-After': '3' }), LIES.neverEnds, LIES.drips]) {
      server.lie = lie;
      const count = server.seen.length;
      const cancel = new AbortController();
      const waiting = Promise.all([
        rejection(source.read(100_000, 200_000, cancel.signal)),
        rejection(openHttpSource(server.url, { ...QUICK, signal: cancel.signal })),
      ]);
      await expect.poll(() => server.seen.length).toBe(count + 3);
      cancel.abort('enough');
      expect(await waiting).toMatchObject([
        { code: 'H4_CANCELLED', cause: 'enough' },
        { code: 'H4_CANCELLED', cause: 'enough' },
      ]);
    }
  });

  it('is told of a cancelling that comes while only the end is awaited', async () => {
    const server = await serve(FILE, (exchange) =>
      (exchange.seen.range === 'bytes=-65536' ? LIES.neverAnswers : LIES.none)(exchange),
    );
    const cancel = new AbortController();
    const waiting = rejection(openHttpSource(server.url, { ...QUICK, signal: cancel.signal }));
    await expect.poll(() => server.seen.some(({ status }) => status === 206)).toBe(true);
    // The first bytes have been answered; that they have been read as well takes no more than some turns of the loop.
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    cancel.abort();
    expect((await waiting).code).toBe('H4_CANCELLED');
  });
});

describe('a failure that passes', () => {
  it.each<[string, Lie, number?]>([
    ['408', answering(408)],
    ['429', answering(429)],
    ['429 with Retry-After', answering(429, { 'Retry-After': '0' })],
    ['500', answering(500)],
    ['502', answering(502)],
    ['503', answering(503)],
    ['504', answering(504)],
    ['a connection that breaks at once', LIES.resetsAtOnce],
    ['a body that ends early', LIES.shorterBody],
    ['a body that does not end', LIES.neverEnds, 1000],
    ['no answer', LIES.neverAnswers, 1000],
  ])('is tried again: %s', async (_, lie, idleTimeoutMs = 10_000) => {
    const server = await serve(FILE, after(2, before(4, lie)));
    const source = await open(server.url, { ...QUICK, idleTimeoutMs });
    expectBytes(await source.read(100_000, 300_000), FILE.subarray(100_000, 300_000));
    expect(statistics(source)).toMatchObject({ requests: 5, retries: 2 });
    expect(server.seen).toHaveLength(5);
  });

  it('goes on where the body broke off', async () => {
    const server = await serve(FILE, after(2, before(3, resetting(50_000))));
    const source = await open(server.url);
    expectBytes(await source.read(100_000, 300_000), FILE.subarray(100_000, 300_000));
    const [first, second] = ranges(server).slice(2);
    expect(first).toBe('bytes=100000-299999');
    const from = Number(/^bytes=(\d+)-299999$/.exec(second ?? '')?.[1]);
    expect(from).toBe(150_000);
    expect(source.bytes).toBe(2 * 64 * KIB + 200_000);
  });

  it('also while opening', async () => {
    const server = await serve(FILE, before(2, answering(503)));
    const source = await open(server.url);
    expect(statistics(source)).toMatchObject({ size: FILE.length, requests: 3, retries: 1 });
    server.lie = before(server.seen.length + 3, resetting(10));
    expect((await open(server.url)).size).toBe(FILE.length);
  });

  it('is given up after five attempts, with the reason', async () => {
    for (const [lie, reason] of [
      [answering(503), 'the server answered 503'],
      [LIES.resetsAtOnce, 'the server cannot be reached'],
      [resetting(3), 'the connection broke'],
    ] as const) {
      const server = await serve(FILE, after(2, lie));
      const source = await open(server.url);
      const error = await rejection(source.read(100_000, 300_000));
      expect(error).toMatchObject({ code: 'H4_IO', detail: { attempts: 5 } });
      expect(error.message).toContain(`Reading [100000, 300000) of ${server.url} failed: ${reason}`);
      expect(error.message).toContain('(after 5 attempts)');
      expect(server.seen).toHaveLength(7);
    }
  });

  it('says who cannot be reached', async () => {
    const server = await startServer(FILE);
    await server.close();
    const error = await rejection(open(server.url, { ...QUICK, maxAttempts: 1 }));
    expect(error).toMatchObject({
      code: 'H4_IO',
      message: expect.stringMatching(/cannot be reached \(.*ECONNREFUSED/) as string,
    });
  });
});

/** Timers that nobody waits for: they remember how long they were set for, and the shortest one fires at once. */
const instantTimers = (upTo: number) => {
  const waits: number[] = [];
  return {
    waits,
    set: (callback: () => void, milliseconds: number) => {
      if (milliseconds > upTo) return setTimeout(callback, milliseconds);
      waits.push(milliseconds);
      return setTimeout(callback, 0);
    },
    clear: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  };
};

describe('the wait before a further attempt', () => {
  const waitsFor = async (headers: Record<string, string>, status = 503): Promise<number[]> => {
    const server = await serve(FILE, after(2, answering(status, headers)));
    const timers = instantTimers(14_000);
    const source = await open(server.url, { timers });
    await rejection(source.read(100_000, 300_000));
    return timers.waits;
  };

  it('doubles, without jitter', async () => {
    expect(await waitsFor({})).toEqual([250, 500, 1000, 2000]);
  });

  it('is what the server asks for, in seconds or as a date on its own clock', async () => {
    expect(await waitsFor({ 'Retry-After': '3' }, 429)).toEqual([3000, 3000, 3000, 3000]);
    const dates = { Date: 'Sat, 01 Feb 2025 10:00:00 GMT', 'Retry-After': 'Sat, 01 Feb 2025 10:00:07 GMT' };
    expect(await waitsFor(dates)).toEqual([7000, 7000, 7000, 7000]);
    expect(await waitsFor({ ...dates, Date: 'Sat, 01 Feb 2025 11:00:00 GMT' })).toEqual([250, 500, 1000, 2000]);
    expect(await waitsFor({ 'Retry-After': 'soon' })).toEqual([250, 500, 1000, 2000]);
  });

  it('is not waited for where it is longer than the whole read may take', async () => {
    const server = await serve(FILE, after(2, answering(429, { 'Retry-After': '86400' })));
    const source = await open(server.url);
    expect((await rejection(source.read(100_000, 300_000))).message).toMatch(
      /failed: the server answered 429, and asks to wait 86400 s$/,
    );
    expect(server.seen).toHaveLength(3);
  });
});

describe('a deadline', () => {
  it('ends a slow drip, and says so', async () => {
    const server = await serve(FILE, after(2, LIES.drips));
    const source = await open(server.url, { ...HASTY, idleTimeoutMs: 5000 });
    const error = await rejection(source.read(100_000, 300_000));
    expect(error).toMatchObject({
      code: 'H4_IO',
      message: `Reading [100000, 300000) of ${server.url} took longer than 1.501 s: the server is too slow`,
    });
    await expect.poll(() => server.seen[2]?.abandoned).toBe(true);
  });

  /** Timers that remember how long they were set for, and fire a hundred times as fast if that is long. */
  const fastTimers = (factor: number) => {
    const set: number[] = [];
    return {
      waits: set,
      set: (callback: () => void, milliseconds: number) => {
        set.push(milliseconds);
        return setTimeout(callback, milliseconds >= 15_000 ? milliseconds * factor : milliseconds);
      },
      clear: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
    };
  };

  it('grows with what is read, by default 1 s for 64 KiB beyond 30 s', async () => {
    const server = await serve(FILE, after(2, LIES.neverAnswers));
    const timers = fastTimers(0.05);
    const source = await open(server.url, { timers });
    timers.waits.length = 0;
    expect((await rejection(source.read(64 * KIB, 64 * KIB * 3))).code).toBe('H4_IO');
    expect(timers.waits.slice(0, 2)).toEqual([32_000, 15_000]);
  });

  it('is that of opening until more is known to come, and begins anew for a whole file', async () => {
    const server = await serve(FILE, LIES.ignoresRanges);
    const timers = fastTimers(1);
    await open(server.url, { timers });
    expect(timers.waits.filter((wait) => wait > 15_000)).toEqual([31_000, 31_000, 37_813]);
  });

  it('leaves neither a timer nor a listener behind', async () => {
    const running = new Set<unknown>();
    const timers = {
      set: (callback: () => void, milliseconds: number) => {
        const timer = setTimeout(callback, milliseconds);
        running.add(timer);
        return timer;
      },
      clear: (timer: unknown) => {
        clearTimeout(timer as NodeJS.Timeout);
        running.delete(timer);
      },
    };
    const cancel = new AbortController();
    const server = await serve(FILE, after(2, before(3, answering(503))));
    const source = await open(server.url, { ...QUICK, timers, signal: cancel.signal });
    await source.read(100_000, 200_000, cancel.signal);
    server.lie = answering(404);
    await rejection(source.read(100_000, 200_000, cancel.signal));
    expect(running.size).toBe(0);
    expect(getEventListeners(cancel.signal, 'abort')).toEqual([]);
  });

  it('holds even if the transport does not listen to its signal', async () => {
    const deaf: HttpFetch = () => new Promise(() => undefined);
    const error = await rejection(open('http://localhost/x?secret=1', { ...HASTY, fetch: deaf }));
    expect(error.message).toMatch(/^Opening http:\/\/localhost\/x (took longer|failed: nothing came)/);
  });
});

describe('a status that says why not', () => {
  it.each([
    [400, 'H4_IO', 'the server answered 400'],
    [401, 'H4_IO', 'put user:password@ before the host'],
    [403, 'H4_IO', 'a signed link may have expired'],
    [404, 'H4_IO', 'there is nothing at this address'],
    [410, 'H4_IO', 'it is gone for good'],
    [412, 'H4_IO', 'the file changed while it was read'],
    [505, 'H4_IO', 'the server answered 505'],
    [304, 'H4_IO', 'the server answered 304'],
    [204, 'H4_IO', 'the server answered 204'],
    [416, 'H4_HTTP_RANGE', 'without saying how many there are'],
  ] as const)('%i is %s', async (status, code, message) => {
    const server = await serve(FILE, answering(status));
    const error = await rejection(open(server.url));
    expect([error.code, error.message.includes(message)]).toEqual([code, true]);
    expect(server.seen.length).toBeLessThanOrEqual(2);

    server.lie = undefined;
    const source = await open(server.url);
    server.lie = answering(status);
    expect((await rejection(source.read(100_000, 200_000))).code).toBe(code);
  });

  it('416 with another length than before is a change, with the same one a lie', async () => {
    const server = await serve(FILE);
    const source = await open(server.url);
    server.lie = answering(416, { 'Content-Range': 'bytes */90000' });
    expect(await rejection(source.read(100_000, 200_000))).toMatchObject({ code: 'H4_IO', detail: { changed: true } });
    server.lie = answering(416, { 'Content-Range': `bytes */${FILE.length}` });
    expect(await rejection(source.read(100_000, 200_000))).toMatchObject({ code: 'H4_HTTP_RANGE' });
  });
});

describe('the state of the file', () => {
  it.each<[string, Lie]>([
    ['another ETag', LIES.changingETag],
    ['no ETag any more', LIES.noETag],
    ['a weak ETag', LIES.weakETag],
  ])('has changed where a strong ETag is followed by %s', async (_, lie) => {
    const server = await serve(FILE);
    const source = await open(server.url);
    server.lie = lie;
    expect(await rejection(source.read(100_000, 200_000))).toMatchObject({
      code: 'H4_IO',
      detail: { changed: true },
      message: expect.stringContaining('the file changed while it was read') as string,
    });
  });

  it('has changed where its two ends are not of one state', async () => {
    const server = await serve(FILE, LIES.changingETag);
    expect((await rejection(open(server.url))).detail).toEqual({ changed: true });
  });

  it('has changed where its end, which comes later, is of another one', async () => {
    let tellHead = (): void => undefined;
    const headIsDone = new Promise<void>((resolve) => (tellHead = resolve));
    const server = await serve(FILE, async (exchange) => {
      if (exchange.seen.range === 'bytes=-65536') {
        await headIsDone;
        await LIES.weakETag(exchange);
      } else {
        await LIES.none(exchange);
        tellHead();
      }
    });
    expect((await rejection(open(server.url))).detail).toEqual({ changed: true });
  });

  it('has changed where Last-Modified does, if there is no strong ETag', async () => {
    const server = await serve(FILE, LIES.otherTime);
    expect((await rejection(open(server.url))).message).toContain('Last-Modified');
  });

  it.each<[string, Lie]>([
    ['weak', LIES.weakETag],
    ['absent', LIES.noETag],
    ['absent, as is Last-Modified', LIES.noValidator],
  ])('is taken for the same while time and length are, where the ETag is %s', async (_, lie) => {
    const server = await serve(FILE, lie);
    const source = await open(server.url);
    expectBytes(await source.read(100_000, 200_000), FILE.subarray(100_000, 200_000));
    server.source = createMemorySource(FILE.subarray(1));
    expect((await rejection(source.read(100_000, 200_000))).detail).toEqual({ changed: true });
  });

  it('has changed where the file comes whole and is another one', async () => {
    const server = await serve(FILE);
    const source = await open(server.url);
    server.source = createMemorySource(FILE.subarray(1));
    for (const lie of [LIES.ignoresRanges, LIES.ignoresRangesSilently]) {
      server.lie = lie;
      expect((await rejection(source.read(100_000, 200_000))).detail).toEqual({ changed: true });
    }
    server.source = createMemorySource(FILE);
    expectBytes(await source.read(100_000, 200_000), FILE.subarray(100_000, 200_000));
  });

  it('is named to the server where that is asked for', async () => {
    const server = await serve(FILE);
    const source = await open(server.url, { ...QUICK, ifMatch: true });
    await source.read(100_000, 200_000);
    expect(server.seen.map(({ headers }) => headers['if-match'])).toEqual([undefined, undefined, '"first"']);
  });
});

describe('a file that is still being written', () => {
  const growing = (server: TestServer, size: number): Promise<HttpSource> =>
    open(server.url, { ...QUICK, growing: true, size });

  it('asks for nothing when it is opened, and may grow and change its ETag', async () => {
    const server = await serve(FILE.subarray(0, 200_000), LIES.changingETag);
    const source = await growing(server, 150_000);
    expect([source.size, server.seen.length]).toEqual([150_000, 0]);
    expectBytes(await source.read(0, 1000), FILE.subarray(0, 1000));
    server.source = createMemorySource(FILE);
    expectBytes(await source.read(140_000, 150_000), FILE.subarray(140_000, 150_000));
    expect((await rejection(source.read(140_000, 150_001))).code).toBe('H4_PARAM');
    server.lie = LIES.unknownTotal;
    expectBytes(await source.read(140_000, 150_000), FILE.subarray(140_000, 150_000));
  });

  it('must not become shorter', async () => {
    const server = await serve(FILE);
    const source = await growing(server, 150_000);
    await source.read(0, 1000);
    server.source = createMemorySource(FILE.subarray(0, 400_000));
    expect((await rejection(source.read(0, 1000))).message).toContain('it had 512000 bytes and has 400000');
    server.lie = answering(416, { 'Content-Range': 'bytes */10' });
    expect((await rejection(source.read(0, 1000))).detail).toEqual({ changed: true });
    server.lie = answering(416, { 'Content-Range': 'bytes */600000' });
    expect((await rejection(source.read(0, 1000))).code).toBe('H4_HTTP_RANGE');
  });

  it('may come whole', async () => {
    const server = await serve(FILE, LIES.ignoresRangesSilently);
    const source = await growing(server, 150_000);
    expectBytes(await source.read(100_000, 150_000), FILE.subarray(100_000, 150_000));
  });

  it('needs its size, which no other has', async () => {
    for (const options of [{ growing: true }, { size: 5 }, { growing: true, size: -1 }, { growing: true, size: 0.5 }]) {
      expect((await rejection(openHttpSource('http://localhost/', options))).code).toBe('H4_PARAM');
    }
  });
});

describe('redirects', () => {
  it('are followed, and where they led is remembered', async () => {
    const server = await serve(FILE, (exchange) =>
      (exchange.seen.path === '/moved?sig=secret' ? LIES.none : answering(302, { Location: '/moved?sig=secret' }))(
        exchange,
      ),
    );
    const source = await open(server.url);
    expect(server.seen).toHaveLength(4);
    expectBytes(await source.read(100_000, 200_000), FILE.subarray(100_000, 200_000));
    expect(server.seen.slice(4).map(({ path }) => path)).toEqual(['/moved?sig=secret']);
    expect(statistics(source)).toMatchObject({ requests: 5, roundTrips: 2, name: server.url });
  });

  it('are asked for again when the place they led to is gone', async () => {
    let ticket = 1;
    const server = await serve(FILE, (exchange) => {
      if (exchange.seen.path === '/file.h4mk') return answering(307, { Location: `/ticket-${ticket}` })(exchange);
      return (exchange.seen.path === `/ticket-${ticket}` ? LIES.none : answering(403))(exchange);
    });
    const source = await open(server.url);
    ticket = 2;
    expectBytes(await source.read(100_000, 200_000), FILE.subarray(100_000, 200_000));
    expect(server.seen.slice(4).map(({ path }) => path)).toEqual(['/ticket-1', '/file.h4mk', '/ticket-2']);
    ticket = 3;
    server.lie = answering(403);
    expect((await rejection(source.read(100_000, 200_000))).message).toContain('the server answered 403');
  });

  it('end', async () => {
    const server = await serve(FILE, LIES.redirectsForEver);
    expect((await rejection(open(server.url))).message).toContain('the server redirected 10 times without end');
  });

  it('need a place to lead to, over http', async () => {
    const server = await serve(FILE, answering(302));
    expect((await rejection(open(server.url))).message).toContain('redirects without saying where to');
    server.lie = answering(302, { Location: 'ftp://host/x' });
    expect((await rejection(open(server.url))).message).toContain("redirects to an address of the kind 'ftp:'");
  });

  /** Stands between a source that believes to speak to https://secure.test and the server, which speaks http only. */
  const asIfSecure =
    (server: TestServer): HttpFetch =>
    (url, request) =>
      fetch(url.replace(/^https:\/\/[a-z]+\.test/, server.origin), request);

  it('never lead from https to http', async () => {
    const server = await serve(FILE, answering(301, { Location: 'http://secure.test/file?token=secret' }));
    const error = await rejection(open('https://secure.test/file.h4mk', { ...QUICK, fetch: asIfSecure(server) }));
    expect(error).toMatchObject({
      code: 'H4_IO',
      message: 'Cannot read https://secure.test/file.h4mk: the server redirects from https to http, which is not safe',
    });
  });

  it('take no credentials to another origin', async () => {
    const server = await serve(FILE, (exchange) =>
      (exchange.seen.path === '/there'
        ? LIES.none
        : answering(302, { Location: 'https://other:pw@elsewhere.test/there' }))(exchange),
    );
    await open('https://us%20er:p%C3%B8ss%@secure.test/file.h4mk', { ...QUICK, fetch: asIfSecure(server) });
    const sent = Buffer.from('us er:pøss%').toString('base64').replace(/=*$/, '');
    for (const { path, headers } of server.seen) {
      if (path === '/there') expect(headers.authorization).toBeUndefined();
      else expect(headers.authorization).toMatch(/^Basic /);
    }
    expect(sent.length).toBeGreaterThan(0);
  });

  it('are left to a platform that hides them, and judged by where they end', async () => {
    const server = await serve(FILE);
    const modes: string[] = [];
    const browser =
      (end: string): HttpFetch =>
      async (url, request) => {
        modes.push(request.redirect);
        if (request.redirect === 'manual') {
          return { status: 0, type: 'opaqueredirect', url, headers: new Headers(), body: null };
        }
        const { status, headers, body } = await asIfSecure(server)(url, request);
        return { status, headers, body, type: 'cors', url: end };
      };
    const source = await open('https://secure.test/x', { ...QUICK, fetch: browser('https://cdn.test/x') });
    expect(source.size).toBe(FILE.length);
    await source.read(100_000, 200_000);
    expect(modes.filter((mode) => mode === 'manual').length).toBeLessThanOrEqual(2);
    expect(modes.at(-1)).toBe('follow');
    await open('https://secure.test/x', { ...QUICK, fetch: browser('') });
    const error = await rejection(open('https://secure.test/x', { ...QUICK, fetch: browser('http://cdn.test/x?k=1') }));
    expect(error.message).toContain('from https to http');
  });
});

describe('credentials and queries', () => {
  it('are sent, and appear in no message', async () => {
    const server = await serve(FILE);
    const url = server.url.replace('http://', 'http://cam7:hunter2@') + '?sig=topsecret#part';
    const source = await open(url, HASTY);
    expect(source.name).toBe(server.url);
    expect(server.seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from('cam7:hunter2').toString('base64')}`);
    expect(server.seen[0]?.path).toBe('/file.h4mk?sig=topsecret');

    const messages: string[] = [];
    const note = (error: H4Error): void => void messages.push(error.message, JSON.stringify(error.detail));
    for (const lie of [
      ...Object.values(LIES),
      answering(404),
      answering(503),
      answering(302, { Location: '/x?sig=topsecret' }),
    ]) {
      server.lie = lie;
      await source.read(100_000, 100_001).catch(note);
      await openHttpSource(url, HASTY).then((each) => each.close(), note);
    }
    const careless: HttpFetch = (address) => Promise.reject(new TypeError(`cannot fetch ${address}`));
    note(await rejection(open(url, { ...QUICK, fetch: careless })));
    note(await rejection(open(url, { ...QUICK, fetch: () => Promise.reject(new Error('', { cause: 'x' })) })));
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    note(await rejection(open(url, { ...QUICK, fetch: () => Promise.reject('no') })));
    expect(messages.length).toBeGreaterThan(40);
    expect(messages.join('\n')).not.toMatch(/topsecret|hunter2|cam7/);
    expect(messages.join('\n')).toContain(server.url);
  });
});

describe('an answer that no server of Node would give', () => {
  let cancelled = 0;

  const answered =
    (headers: Record<string, string>, pieces: readonly (Uint8Array | undefined)[] | null, status = 206): HttpFetch =>
    () => {
      const queue = [...(pieces ?? [])];
      const reader = {
        read: () => Promise.resolve(queue.length === 0 ? { done: true } : { done: false, value: queue.shift() }),
        cancel: () => {
          cancelled++;
          return Promise.reject(new Error('already cancelled'));
        },
      };
      const body = pieces === null ? null : { getReader: () => reader };
      return Promise.resolve({ status, type: 'basic', url: '', headers: new Headers(headers), body });
    };

  it('without a body, or with pieces of nothing, is as long as its bytes', async () => {
    const range = { 'Content-Range': 'bytes 0-3/4', ETag: '"x"' };
    const source = await open('http://h/', {
      ...QUICK,
      fetch: answered(range, [Uint8Array.of(1, 2), undefined, Uint8Array.of(), Uint8Array.of(3, 4)]),
    });
    expect(await source.read(0, 4)).toEqual(Uint8Array.of(1, 2, 3, 4));
    const error = await rejection(open('http://h/', { ...QUICK, fetch: answered(range, null) }));
    expect(error.message).toContain('the answer ended 4 bytes early (after 5 attempts)');
  });

  it('asks to wait until a date, without telling its own', async () => {
    const timers = instantTimers(14_000);
    const later = { 'Retry-After': 'Sat, 01 Feb 2025 10:00:07 GMT' };
    const error = await rejection(open('http://h/', { timers, fetch: answered(later, null, 503) }));
    expect(error.message).toContain('the server answered 503 (after 5 attempts)');
    expect(timers.waits).toEqual([250, 500, 1000, 2000]);
  });

  it('announces a length that is no number', async () => {
    const headers = { 'Content-Range': 'bytes 0-3/4', 'Content-Length': 'four' };
    const error = await rejection(open('http://h/', { ...QUICK, fetch: answered(headers, []) }));
    expect(error).toMatchObject({
      code: 'H4_HTTP_RANGE',
      message: expect.stringContaining('announces four bytes') as string,
    });
  });

  it('sends less, or more, of the whole than it announces', async () => {
    const whole = { 'Content-Length': '3' };
    const less = await rejection(open('http://h/', { ...QUICK, fetch: answered(whole, [Uint8Array.of(1)], 200) }));
    expect(less).toMatchObject({ code: 'H4_IO', message: expect.stringContaining('2 bytes early') as string });
    cancelled = 0;
    const more = await rejection(open('http://h/', { ...QUICK, fetch: answered(whole, [new Uint8Array(4)], 200) }));
    expect(more).toMatchObject({
      code: 'H4_HTTP_RANGE',
      message: expect.stringContaining('more than the 3') as string,
    });
    // A transport that does not listen to its signal is told so as well.
    expect(cancelled).toBeGreaterThan(0);
  });
});

describe('a lie is never believed', () => {
  it.each<[keyof typeof LIES, string]>([
    ['shiftedRange', 'was asked for bytes=100000-199999 and answered Content-Range: bytes 100001-200000/512000'],
    ['laterStart', 'was asked for bytes=100000-199999 and answered Content-Range: bytes 100001-199999/512000'],
    ['shorterRange', 'was asked for bytes=100000-199999 and answered Content-Range: bytes 100000-199998/512000'],
    ['impossibleRange', 'was asked for bytes=100000-199999 and answered Content-Range: bytes 100000-199999/199999'],
    ['nonsenseRange', 'and answered Content-Range: lines 1111'],
    ['unknownTotal', 'the server does not say how many bytes the file has'],
    ['otherTotal', 'the file changed while it was read: it had 512000 bytes and has 512001'],
    ['noRange', 'the server does not say which bytes it sends (no Content-Range)'],
    ['wrongLength', 'the server announces 100001 bytes (Content-Length) for a range of 100000'],
    ['longerBody', 'bytes that it announced'],
    ['endlessBody', 'bytes that it announced'],
    ['gzip', 'the server sends the file encoded (Content-Encoding: gzip); it must send it as it is'],
    ['multipart', 'the server answered one range with several parts (multipart/byteranges)'],
    ['changingETag', 'its ETag is another one'],
    ['noETag', 'the server no longer gives a strong ETag'],
    ['weakETag', 'the server no longer gives a strong ETag'],
  ])('and named: %s', async (name, message) => {
    const server = await serve(FILE);
    const source = await open(server.url);
    server.lie = LIES[name];
    expect((await rejection(source.read(100_000, 200_000))).message).toContain(message);
    expect(server.seen).toHaveLength(3);
  });

  /** What each lie leads to: told from the first request on, and told only after opening. */
  const OUTCOMES: Readonly<Record<keyof typeof LIES, readonly [opening: Code, reading: Code]>> = {
    none: ['sound', 'sound'],
    wrongBytes: ['H4_BAD_MAGIC', 'H4_BAD_TAG'],
    shiftedRange: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    laterStart: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    shorterRange: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    otherTotal: ['H4_HTTP_RANGE', 'H4_IO'],
    unknownTotal: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    impossibleRange: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    nonsenseRange: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    noRange: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    wrongLength: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    changingETag: ['H4_IO', 'H4_IO'],
    noETag: ['sound', 'H4_IO'],
    weakETag: ['sound', 'H4_IO'],
    otherTime: ['H4_IO', 'H4_IO'],
    noValidator: ['sound', 'H4_IO'],
    ignoresRanges: ['sound', 'sound'],
    ignoresRangesSilently: ['sound', 'sound'],
    shorterBody: ['H4_IO', 'H4_IO'],
    longerBody: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    endlessBody: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    gzip: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    multipart: ['H4_HTTP_RANGE', 'H4_HTTP_RANGE'],
    resets: ['H4_IO', 'H4_IO'],
    resetsAtOnce: ['H4_IO', 'H4_IO'],
    drips: ['H4_IO', 'H4_IO'],
    neverEnds: ['H4_IO', 'H4_IO'],
    neverAnswers: ['H4_IO', 'H4_IO'],
    redirectsForEver: ['H4_IO', 'H4_IO'],
  };
  type Code = ErrorCode | 'sound';

  const blocks = Array.from({ length: 60 }, (_, i) => ({
    pts: i * 40_000,
    duration: 40_000,
    bytes: noise(8000, i + 1),
  }));
  const file = recording(blocks, {}, {});

  const outcome = (work: Promise<unknown>): Promise<Code> =>
    work.then(
      () => 'sound',
      (error: unknown) => (error as H4Error).code,
    );

  it.each(Object.entries(OUTCOMES))('%s', async (name, [opening, reading]) => {
    const lie = LIES[name as keyof typeof LIES];
    const options = ['drips', 'neverEnds', 'neverAnswers'].includes(name) ? HASTY : QUICK;
    const server = await serve(await file, lie);
    const readBlocks = async (source: HttpSource): Promise<void> => {
      const reader = await H4MKReader.open(source);
      for (const i of [0, 30, 59]) {
        const block = await reader.blockAt(i * 40_000);
        expectBytes(block?.bytes ?? new Uint8Array(0), blocks[i]?.bytes ?? new Uint8Array(0));
      }
    };
    const fromTheStart = open(server.url, options).then(readBlocks);
    expect(await outcome(fromTheStart)).toBe(opening);

    server.lie = undefined;
    const source = await open(server.url, options);
    server.lie = lie;
    expect(await outcome(readBlocks(source))).toBe(reading);
    if (reading !== 'sound') {
      // A full check neither believes it nor takes a fault of the network for one of the file.
      const report = await verifyContainer(source).catch((error: unknown) => error as H4Error);
      if ('state' in report) expect([report.state, name]).toEqual(['NOT_OK', 'wrongBytes']);
      else expect(report.code).toBe(reading);
    }
  });
});
