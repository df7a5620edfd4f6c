import { afterEach, describe, expect, it } from 'vitest';
import { openHttpDownload } from '../../../src/storage/http/download.js';
import type { HttpOptions } from '../../../src/storage/http/settings.js';
import {
  LIES,
  type Lie,
  type TestServer,
  before,
  resetting,
  answering,
  startServer,
} from '../../support/http-server.js';
import { patterned } from '../patterned.js';
import { rejection } from '../rejection.js';

const FILE = patterned(300_000);
const QUICK: HttpOptions = { retryDelayMs: 1, idleTimeoutMs: 10_000 };

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const serve = async (lie?: Lie): Promise<TestServer> => {
  const server = await startServer(FILE);
  server.lie = lie;
  servers.push(server);
  return server;
};

const all = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const found: Uint8Array[] = [];
  for await (const piece of pieces) found.push(piece);
  return Buffer.concat(found);
};

describe('a download', () => {
  it('gives the whole file, and counts', async () => {
    const server = await serve(before(2, answering(503)));
    const download = openHttpDownload(`${server.url}?sig=secret`, QUICK);
    expect((await all(download.pieces())).equals(FILE)).toBe(true);
    expect(download).toMatchObject({ name: server.url, requests: 3, retries: 2, roundTrips: 3, bytes: FILE.length });
    expect(server.seen.map(({ range }) => range)).toEqual([undefined, undefined, undefined]);
  });

  it('does not begin again once bytes have been handed out', async () => {
    const server = await serve(resetting(1000));
    const error = await rejection(all(openHttpDownload(server.url, QUICK).pieces()));
    expect(error).toMatchObject({ code: 'H4_IO' });
    expect(error.message).toMatch(/^Downloading .* broke off after 1000 of 300000 bytes: the connection broke/);
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ['less', 2, 'H4_IO', 'broke off after 2 of 3 bytes; try again'],
    ['more', 4, 'H4_HTTP_RANGE', 'the server sends more than the 3 bytes that it announced'],
  ])('is refused where a transport lets %s through than was announced', async (_, length, code, message) => {
    let isRead = false;
    const reader = {
      read: () => {
        const done = isRead;
        isRead = true;
        return Promise.resolve(done ? { done } : { done, value: new Uint8Array(length) });
      },
      cancel: () => Promise.resolve(),
    };
    const headers = new Headers({ 'Content-Length': '3' });
    const response = { status: 200, type: 'basic', url: '', headers, body: { getReader: () => reader } };
    const error = await rejection(
      all(openHttpDownload('http://h/x', { ...QUICK, fetch: () => Promise.resolve(response) }).pieces()),
    );
    expect([error.code, error.message.includes(message)]).toEqual([code, true]);
  });

  it('ends when the caller cancels, before and while it is under way', async () => {
    const server = await serve(LIES.neverAnswers);
    const early = openHttpDownload(server.url, { ...QUICK, signal: AbortSignal.abort() });
    expect((await rejection(all(early.pieces()))).code).toBe('H4_CANCELLED');
    const cancel = new AbortController();
    const waiting = rejection(all(openHttpDownload(server.url, { ...QUICK, signal: cancel.signal }).pieces()));
    await expect.poll(() => server.seen.length).toBeGreaterThan(0);
    cancel.abort();
    expect((await waiting).code).toBe('H4_CANCELLED');
  });

  it('is let go of when nobody wants the rest', async () => {
    const server = await serve(LIES.none);
    server.source = {
      ...server.source,
      size: 64 * 1024 * 1024,
      read: (start, end) => Promise.resolve(new Uint8Array(end - start)),
    };
    for await (const piece of openHttpDownload(server.url, QUICK).pieces()) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    await expect.poll(() => server.seen[0]?.abandoned).toBe(true);
  });
});
