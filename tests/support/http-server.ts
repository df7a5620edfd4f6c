/**
 * A real HTTP server that serves a source by ranges, remembers every request, and can be told to lie. A lie is a function
 * that answers instead of the server; `LIES` are those that servers, proxies and attackers are known for.
 */
import { once } from 'node:events';
import { type IncomingHttpHeaders, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ByteSource } from '../../src/container/io/io.js';
import { createMemorySource } from '../../src/storage/memory.js';

export interface Seen {
  readonly method: string;
  readonly path: string;
  /** The value of the Range header. */
  readonly range: string | undefined;
  readonly headers: IncomingHttpHeaders;
  status: number;
  /** Bytes of the body that were handed to the network. */
  sent: number;
  /** Whether the client went away before the answer was complete. */
  abandoned: boolean;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
}

export interface Exchange {
  /** How many requests came before this one. */
  readonly index: number;
  readonly seen: Seen;
  readonly response: ServerResponse;
  /** What an honest server would answer, or one that ignores ranges. */
  honest(options?: { readonly whole?: boolean }): Promise<Answer>;
  /** Sends an answer and ends it. */
  send(answer: Answer): Promise<void>;
  /** Sends the head of an answer only. */
  head(answer: Answer): void;
  /** Sends a piece of a body. */
  write(piece: Uint8Array): Promise<void>;
}

export type Lie = (exchange: Exchange) => Promise<void> | void;

export interface TestServer {
  readonly origin: string;
  /** The address of the file. */
  readonly url: string;
  readonly seen: Seen[];
  /** What answers instead of the honest server. */
  lie: Lie | undefined;
  /** What is served; may be replaced by a longer or another one. */
  source: ByteSource;
  headers: Record<string, string>;
  close(): Promise<void>;
}

export const ETAG = '"first"';
const PIECE_BYTES = 64 * 1024;
const LAST_MODIFIED = 'Sat, 01 Feb 2025 10:00:00 GMT';

export async function startServer(content: ByteSource | Uint8Array): Promise<TestServer> {
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request;
    const seen: Seen = { method, path, range: headers.range, headers, status: 0, sent: 0, abandoned: false };
    const index = test.seen.push(seen) - 1;
    let isFinished = false;
    response.once('finish', () => {
      isFinished = true;
    });
    response.once('close', () => {
      seen.abandoned = !isFinished;
    });
    response.on('error', () => undefined);
    const exchange = createExchange(test, index, seen, response);
    void Promise.resolve((test.lie ?? LIES.none)(exchange)).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const test: TestServer = {
    origin,
    url: `${origin}/file.h4mk`,
    seen: [],
    lie: undefined,
    source: content instanceof Uint8Array ? createMemorySource(content) : content,
    headers: { ETag: ETAG, 'Last-Modified': LAST_MODIFIED },
    close: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
  return test;
}

function createExchange(test: TestServer, index: number, seen: Seen, response: ServerResponse): Exchange {
  const head = ({ status, headers }: Answer): void => {
    seen.status = status;
    response.writeHead(status, headers);
  };
  const write = async (piece: Uint8Array): Promise<void> => {
    seen.sent += piece.length;
    const isTaken = response.write(piece);
    if (!isTaken && !response.destroyed) await drained(response);
  };
  const send = async (answer: Answer): Promise<void> => {
    head(answer);
    // In pieces, so that it shows how much of it somebody took.
    for (let at = 0; at < answer.body.length && !response.destroyed; at += PIECE_BYTES) {
      await write(answer.body.subarray(at, at + PIECE_BYTES));
    }
    response.end();
  };
  const honest: Exchange['honest'] = ({ whole = false } = {}) => honestAnswer(test, whole ? undefined : seen.range);
  return { index, seen, response, honest, send, head, write };
}

/** Resolves when the response takes more, or nobody reads it any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

async function honestAnswer({ source, headers }: TestServer, range: string | undefined): Promise<Answer> {
  const { size } = source;
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  const base = { ...headers, 'Accept-Ranges': 'bytes', 'Content-Type': 'application/octet-stream' };
  if (first === undefined || last === undefined) {
    const body = await source.read(0, size);
    return { status: 200, headers: { ...base, 'Content-Length': `${size}` }, body };
  }
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= end) {
    return {
      status: 416,
      headers: { 'Content-Range': `bytes */${size}`, 'Content-Length': '0' },
      body: new Uint8Array(0),
    };
  }
  const body = await source.read(start, end);
  const described = { 'Content-Range': `bytes ${start}-${end - 1}/${size}`, 'Content-Length': `${end - start}` };
  return { status: 206, headers: { ...base, ...described }, body };
}

/** The headers of an answer that does not say how long it is. */
function withoutLength({ headers }: Answer): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'Content-Length'));
}

/** Lies about the head of an honest answer; a header set to undefined is left out. */
const withHeaders =
  (change: (headers: Readonly<Record<string, string>>, index: number) => Record<string, string | undefined>): Lie =>
  async (exchange) => {
    const answer = await exchange.honest();
    const headers = { ...answer.headers, ...change(answer.headers, exchange.index) };
    const kept = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
    await exchange.send({ ...answer, headers: Object.fromEntries(kept) });
  };

/** Content-Range with its three numbers changed. */
const withRange = (change: (start: number, last: number, total: number) => string): Lie =>
  withHeaders((headers) => {
    const [start = 0, last = 0, total = 0] = (headers['Content-Range']?.match(/\d+/g) ?? []).map(Number);
    return { 'Content-Range': change(start, last, total) };
  });

const withBody =
  (change: (body: Uint8Array) => Uint8Array): Lie =>
  async (exchange) => {
    const answer = await exchange.honest();
    const headers = withoutLength(answer);
    await exchange.send({ ...answer, headers, body: change(answer.body) });
  };

/** A refusal with this status. */
export const answering =
  (status: number, headers: Record<string, string> = {}): Lie =>
  async (exchange) => {
    await exchange.send({ status, headers: { 'Content-Length': '0', ...headers }, body: new Uint8Array(0) });
  };

/** Breaks the connection after so many bytes of the body. */
export const resetting =
  (afterBytes: number): Lie =>
  async (exchange) => {
    const answer = await exchange.honest();
    exchange.head(answer);
    await exchange.write(answer.body.subarray(0, afterBytes));
    // What was written has to leave before the connection does.
    setTimeout(() => exchange.response.destroy(), 20);
  };

/** Tells the truth in the first requests, and lies from then on. */
export const after =
  (requests: number, lie: Lie): Lie =>
  (exchange) =>
    (exchange.index < requests ? LIES.none : lie)(exchange);

/** Lies in the first requests only. */
export const before =
  (requests: number, lie: Lie): Lie =>
  (exchange) =>
    (exchange.index < requests ? lie : LIES.none)(exchange);

export const LIES = {
  none: async (exchange: Exchange) => exchange.send(await exchange.honest()),

  wrongBytes: withBody((body) => body.map((byte) => byte ^ 0x55)),
  shiftedRange: withRange((start, last, total) => `bytes ${start + 1}-${last + 1}/${total}`),
  /** The first byte is left out, and no length tells. */
  laterStart: async (exchange: Exchange) => {
    const answer = await exchange.honest();
    const described = (answer.headers['Content-Range'] ?? '').replace(/\d+/, (start) => `${Number(start) + 1}`);
    const headers = { ...withoutLength(answer), 'Content-Range': described };
    await exchange.send({ ...answer, headers, body: answer.body.subarray(1) });
  },
  shorterRange: withRange((start, last, total) => `bytes ${start}-${last - 1}/${total}`),
  otherTotal: withRange((start, last, total) => `bytes ${start}-${last}/${total + 1}`),
  unknownTotal: withRange((start, last) => `bytes ${start}-${last}/*`),
  impossibleRange: withRange((start, last) => `bytes ${start}-${last}/${last}`),
  nonsenseRange: withRange(() => `lines ${'1'.repeat(200)}`),
  noRange: withHeaders(() => ({ 'Content-Range': undefined })),
  wrongLength: withHeaders((headers) => ({ 'Content-Length': `${Number(headers['Content-Length']) + 1}` })),
  changingETag: withHeaders((_, index) => ({ ETag: `"${index}"` })),
  noETag: withHeaders(() => ({ ETag: undefined })),
  weakETag: withHeaders((_, index) => ({ ETag: `W/"${index}"` })),
  otherTime: withHeaders((_, index) => ({
    ETag: undefined,
    'Last-Modified': new Date(Date.UTC(2025, 1, 1, 0, 0, index)).toUTCString(),
  })),
  noValidator: withHeaders(() => ({ ETag: undefined, 'Last-Modified': undefined })),

  /** The whole file, whatever was asked for. */
  ignoresRanges: async (exchange: Exchange) => exchange.send(await exchange.honest({ whole: true })),
  /** The same without saying how long it is. */
  ignoresRangesSilently: async (exchange: Exchange) => {
    const answer = await exchange.honest({ whole: true });
    const headers = withoutLength(answer);
    await exchange.send({ ...answer, headers });
  },
  shorterBody: withBody((body) => body.subarray(0, body.length >> 1)),
  longerBody: withBody((body) => Buffer.concat([body, body])),
  endlessBody: async (exchange: Exchange) => {
    const answer = await exchange.honest();
    const headers = withoutLength(answer);
    exchange.head({ ...answer, headers });
    while (!exchange.response.destroyed) await exchange.write(new Uint8Array(64 * 1024));
  },
  gzip: async (exchange: Exchange) => {
    const answer = await exchange.honest();
    const body = gzipSync(answer.body);
    const headers = { ...answer.headers, 'Content-Encoding': 'gzip', 'Content-Length': `${body.length}` };
    await exchange.send({ ...answer, headers, body });
  },
  multipart: async (exchange: Exchange) => {
    const answer = await exchange.honest();
    const part = `--x\r\nContent-Range: ${answer.headers['Content-Range'] ?? ''}\r\n\r\n`;
    const body = Buffer.concat([Buffer.from(part), answer.body, Buffer.from('\r\n--x--\r\n')]);
    const headers = { 'Content-Type': 'multipart/byteranges; boundary=x', 'Content-Length': `${body.length}` };
    await exchange.send({ status: 206, headers: { ...answer.headers, ...headers }, body });
  },
  resets: resetting(1000),
  resetsAtOnce: (exchange: Exchange) => void exchange.response.destroy(),
  /** A few bytes now and then: never silent for long, never done. */
  drips: async (exchange: Exchange) => {
    const answer = await exchange.honest();
    exchange.head(answer);
    for (let at = 0; at < answer.body.length && !exchange.response.destroyed; at++) {
      await exchange.write(answer.body.subarray(at, at + 1));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    exchange.response.end();
  },
  /** All bytes, and then neither an end nor another byte. */
  neverEnds: async (exchange: Exchange) => {
    const answer = await exchange.honest();
    const headers = withoutLength(answer);
    exchange.head({ ...answer, headers });
    await exchange.write(answer.body);
  },
  neverAnswers: () => undefined,
  redirectsForEver: (exchange: Exchange) => answering(302, { Location: exchange.seen.path })(exchange),
} as const satisfies Record<string, Lie>;
