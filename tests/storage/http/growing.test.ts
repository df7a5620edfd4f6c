/** A growing file behind a real server: what its sidecar says, and what there is without one. */
import { afterEach, describe, expect, it, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { encodeTail } from '../../../src/container/format/tail.js';
import { FollowFeed, type GrowingBytes } from '../../../src/storage/follow.js';
import { openGrowingUrl } from '../../../src/storage/http/growing.js';
import type { HttpOptions } from '../../../src/storage/http/settings.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import {
  type Answer,
  type Exchange,
  LIES,
  type TestServer,
  answering,
  startServer,
} from '../../support/http-server.js';
import { patterned } from '../patterned.js';
import { rejection } from '../rejection.js';

const QUICK: HttpOptions = { retryDelayMs: 1, idleTimeoutMs: 5000, deadlineMs: 10_000 };
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

/** A TAIL chunk that ends at `end`. */
const tailEndingAt = (end: number, state: 0 | 1 = 0): Uint8Array => {
  const links = { records: 1, meta: 8, seek: 0, veri: 0, sign: 0, prev: 0, tiles: [], root: new Uint8Array(32) };
  return encodeChunk('TAIL', encodeTail({ self: end - 172, state, ...links }));
};

interface Remote {
  readonly server: TestServer;
  readonly file: GrowingBytes;
  /** What stands at `<address>.tail`; undefined answers 404. */
  sidecar: Uint8Array | undefined;
  /** Replaces the file by a longer one. */
  grow(bytes: Uint8Array): void;
}

const whole = (body: Uint8Array): Answer => ({
  status: 200,
  headers: { 'Content-Length': `${body.length}` },
  body,
});

async function remote(bytes: Uint8Array, sidecar?: Uint8Array, query = ''): Promise<Remote> {
  const server = await startServer(bytes);
  opened.push(server);
  let version = 0;
  const file = openGrowingUrl(server.url + query, QUICK);
  opened.push(file);
  const subject: Remote = {
    server,
    file,
    sidecar,
    grow: (longer) => {
      server.source = createMemorySource(longer);
      // Servers make a new ETag for every state of a file.
      server.headers = { ETag: `"${++version}"` };
    },
  };
  server.lie = async (exchange: Exchange) => {
    if (!new URL(exchange.seen.path, server.origin).pathname.endsWith('.tail')) return LIES.none(exchange);
    if (subject.sidecar === undefined) return answering(404)(exchange);
    await exchange.send(whole(subject.sidecar));
  };
  return subject;
}

const CONTENT = patterned(300_000);

describe('how far a growing file behind a server may be read', () => {
  it('is told by its sidecar, and the file is not asked', async () => {
    const subject = await remote(CONTENT, tailEndingAt(200_000));
    expect(await subject.file.look()).toEqual({ end: 200_000, isFinal: false });
    subject.sidecar = tailEndingAt(300_000, 1);
    expect(await subject.file.look()).toEqual({ end: 300_000, isFinal: true });
    expect(new Set(subject.server.seen.map(({ path }) => path))).toEqual(new Set(['/file.h4mk.tail']));
    expect(subject.file.name).toBe(subject.server.url);
  });

  it('without a sidecar is what is there, closed if it ends in a final TAIL', async () => {
    const subject = await remote(new Uint8Array(0));
    expect(await subject.file.look()).toEqual({ end: 0, isFinal: false });
    subject.grow(CONTENT.subarray(0, 100));
    expect(await subject.file.look()).toEqual({ end: 100, isFinal: false });
    subject.grow(CONTENT);
    expect(await subject.file.look()).toEqual({ end: 300_000, isFinal: false });
    subject.grow(concatBytes(CONTENT, tailEndingAt(300_172)));
    expect(await subject.file.look()).toEqual({ end: 300_172, isFinal: false });
    subject.grow(concatBytes(CONTENT, tailEndingAt(300_172, 1)));
    expect(await subject.file.look()).toEqual({ end: 300_172, isFinal: true });
  });

  it('does not go back when a first sidecar comes that speaks of less than had been there', async () => {
    const subject = await remote(CONTENT);
    expect(await subject.file.look()).toEqual({ end: 300_000, isFinal: false });
    subject.sidecar = tailEndingAt(250_000);
    expect(await subject.file.look()).toEqual({ end: 300_000, isFinal: false });
    subject.sidecar = tailEndingAt(400_000);
    expect(await subject.file.look()).toEqual({ end: 400_000, isFinal: false });
    subject.sidecar = tailEndingAt(390_000);
    expect(await subject.file.look()).toEqual({ end: 390_000, isFinal: false });
  });

  it.each([403, 404, 410])('has no sidecar where the server answers %i', async (status) => {
    const subject = await remote(CONTENT);
    subject.server.lie = (exchange) => (exchange.seen.path.endsWith('.tail') ? answering(status) : LIES.none)(exchange);
    expect(await subject.file.look()).toEqual({ end: 300_000, isFinal: false });
  });

  it('is not guessed where the server fails or refuses', async () => {
    const subject = await remote(CONTENT, tailEndingAt(1000));
    for (const status of [401, 500]) {
      subject.server.lie = (exchange) =>
        (exchange.seen.path.endsWith('.tail') ? answering(status) : LIES.none)(exchange);
      expect((await rejection(subject.file.look())).code).toBe('H4_IO');
    }
  });

  it('is what is there, where something else answers for the sidecar', async () => {
    const page = Buffer.from('<!DOCTYPE html><title>Not found, says a server with status 200</title>'.repeat(5000));
    for (const bytes of [new Uint8Array(172), new Uint8Array(0), tailEndingAt(500).subarray(1), page]) {
      expect(await (await remote(CONTENT, bytes)).file.look()).toEqual({ end: 300_000, isFinal: false });
    }
  });

  it('is what was known before, where the file grows between two requests', async () => {
    const subject = await remote(CONTENT);
    expect(await subject.file.look()).toEqual({ end: 300_000, isFinal: false });
    let answers = 0;
    subject.server.lie = (exchange) => {
      if (!exchange.seen.path.endsWith('.tail')) answers++;
      return (answers > 0 && answers % 2 === 0 ? LIES.changingETag : LIES.none)(exchange);
    };
    expect(await subject.file.look()).toEqual({ end: 300_000, isFinal: false });
  });
});

describe('the address of a sidecar', () => {
  it.each([
    ['?a=1&sig=x%2Fy', '/file.h4mk.tail?a=1&sig=x%2Fy'],
    ['#part', '/file.h4mk.tail'],
    ['?a=1#part', '/file.h4mk.tail?a=1'],
    ['?a=b?c', '/file.h4mk.tail?a=b?c'],
  ])('of a file with %s keeps the query', async (query, path) => {
    const { server, file } = await remote(CONTENT, tailEndingAt(1000), query);
    await file.look();
    expect(new Set(server.seen.map((seen) => seen.path))).toEqual(new Set([path]));
    await file.read(0, 10);
    expect(server.seen.at(-1)?.path).toBe(path.replace('.tail', ''));
    expect(file.name).toBe(server.url);
  });

  it('never shows what is secret in it', async () => {
    const { file, server } = await remote(CONTENT, new Uint8Array(5), '?sig=secret');
    server.lie = answering(500);
    expect((await rejection(file.look())).message).not.toContain('secret');
  });

  it('is that of an http address only', () => {
    expect(() => openGrowingUrl('ftp://host/file.h4mk')).toThrow('only http: and https:');
  });
});

test('bytes are read by ranges up to where the file may be read, whatever its ETag and length have become', async () => {
  const subject = await remote(CONTENT.subarray(0, 100_000), tailEndingAt(90_000));
  await subject.file.look();
  expect(await subject.file.read(0, 50_000)).toEqual(CONTENT.subarray(0, 50_000));
  subject.grow(CONTENT.subarray(0, 200_000));
  expect(await subject.file.read(50_000, 90_000)).toEqual(CONTENT.subarray(50_000, 90_000));
  subject.sidecar = tailEndingAt(200_000);
  await subject.file.look();
  expect(await subject.file.read(90_000, 200_000)).toEqual(CONTENT.subarray(90_000, 200_000));
  const ranges = subject.server.seen.filter(({ path }) => !path.endsWith('.tail')).map(({ range }) => range);
  expect(ranges).toEqual(['bytes=0-49999', 'bytes=50000-89999', 'bytes=90000-199999']);
  subject.grow(CONTENT.subarray(0, 150_000));
  expect((await rejection(subject.file.read(199_990, 200_000))).code).toMatch(/^H4_(IO|HTTP_RANGE|ROLLBACK)$/);
});

test('a file that grows between looks is followed to its end', async () => {
  const closed = concatBytes(CONTENT, tailEndingAt(300_172, 1));
  const subject = await remote(closed.subarray(0, 500));
  const steps = [
    () => (subject.sidecar = undefined),
    () => {
      subject.grow(closed.subarray(0, 120_000));
      subject.sidecar = tailEndingAt(100_000);
    },
    () => (subject.sidecar = tailEndingAt(120_000)),
    () => {
      subject.grow(closed);
      subject.sidecar = undefined;
    },
  ];
  const [pieces, caughtUp]: [Uint8Array[], number[]] = [[], []];
  const feed = new FollowFeed(subject.file, {
    pause: () => {
      steps.shift()?.();
      return Promise.resolve(true);
    },
    onCaughtUp: (bytes) => void caughtUp.push(bytes),
    pieceBytes: 64 * 1024,
  });
  for (let piece = await feed.next(); piece !== undefined; piece = await feed.next()) pieces.push(piece);
  expect(caughtUp).toEqual([500, 500, 100_000, 120_000, 300_172]);
  expect(Buffer.compare(concatBytes(...pieces), closed)).toBe(0);
});

test('closing a file that was never read closes nothing', async () => {
  const { server, file } = await remote(CONTENT);
  await file.close();
  expect(server.seen).toEqual([]);
});
