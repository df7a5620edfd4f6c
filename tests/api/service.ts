/** The service for tests: with real engines, a clock that stands still, and a log that is kept. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { expect } from 'vitest';
import { buildApp } from '../../src/api/app.js';
import type { Lifecycle, ServiceDeps } from '../../src/api/deps.js';
import { type EngineWatch, createEngineWatch } from '../../src/api/engine-watch.js';
import { type ServiceLimits, createServiceLimits } from '../../src/api/limits.js';
import { createLogger } from '../../src/api/server.js';
import { type CompressionEngine } from '../../src/compression/api/engine.js';
import { createEngineSet } from '../../src/compression/api/engine-set.js';
import { storedEngine } from '../../src/compression/api/stored.js';
import { type LoadedEngine, loadEngine } from '../../src/compression/node/load-engine.js';
import { GeometricReferenceCompressor } from '../../src/compression/reference.js';
import { readCoreSettings } from '../../src/compression/settings.js';
import type { ErrorCode } from '../../src/utils/error-codes.js';
import { httpStatusOf } from '../../src/utils/error-codes.js';

/** 2026-02-03T04:05:06.789Z */
export const NOW_MILLIS = 1_770_091_506_789;
export const VERSION = '1.2.3-test';
export const OCTETS = { 'content-type': 'application/octet-stream' };

export interface Service {
  readonly app: FastifyInstance;
  readonly engine: LoadedEngine;
  readonly watch: EngineWatch;
  readonly lifecycle: Lifecycle;
  /** The lines of the log so far. */
  readonly log: string[];
}

export interface ServiceOptions extends Partial<Omit<ServiceDeps, 'limits' | 'engine' | 'lifecycle'>> {
  readonly limits?: Partial<ServiceLimits>;
  /** What compresses instead of the reference engine. */
  readonly engine?: CompressionEngine;
}

export async function createService(options: ServiceOptions = {}): Promise<Service> {
  const engine = options.engine === undefined ? await loadEngine(readCoreSettings({})) : loaded(options.engine);
  const watch = createEngineWatch();
  watch.activate(engine.info);
  const lifecycle: Lifecycle = { isStopping: false };
  const log: string[] = [];
  const app = buildApp({
    watch,
    now: () => NOW_MILLIS,
    randomBytes: (count) => new Uint8Array(count).fill(0xab),
    logger: createLogger('trace', { write: (line) => void log.push(line) }),
    guard: { hosts: [], isLoopback: true },
    version: VERSION,
    ...options,
    engine,
    lifecycle,
    limits: createServiceLimits(2, options.limits),
  });
  return { app, engine, watch, lifecycle, log };
}

function loaded(engine: CompressionEngine): LoadedEngine {
  const isBuiltIn = engine.info().engine_id === storedEngine.info().engine_id;
  return {
    engine,
    info: engine.info(),
    engines: createEngineSet([...(isBuiltIn ? [] : [storedEngine]), new GeometricReferenceCompressor(), engine]),
    equivalents: [],
    warnings: [],
    close: () => Promise.resolve(),
  };
}

/** An engine that stores, and before that does what `during` does: waits, counts or fails. */
export function scriptedEngine(
  during: (call: { readonly direction: 'compress' | 'decompress'; readonly index: number }) => void | Promise<void>,
): CompressionEngine {
  let index = 0;
  const info = { ...storedEngine.info(), engine: 'scripted', engine_id: 'scripted-v1' };
  return {
    info: () => info,
    async compress(bytes) {
      await during({ direction: 'compress', index: index++ });
      return bytes;
    },
    async decompress(bytes, rawLength) {
      await during({ direction: 'decompress', index: index++ });
      return storedEngine.decompress(bytes, rawLength);
    },
  };
}

export interface Answered {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Holds an answer against what every refusal promises, and gives its body. */
export function expectProblem(answer: Answered, code: ErrorCode): Record<string, unknown> {
  expect({ status: answer.statusCode, body: answer.body }).toMatchObject({ status: httpStatusOf(code) });
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  const problem = JSON.parse(answer.body) as Record<string, unknown>;
  expect(problem).toMatchObject({ type: `urn:h4mk:error:${code}`, status: httpStatusOf(code), code });
  expect(problem['request_id']).toBe(answer.headers['x-request-id']);
  expect(Object.keys(problem).filter((key) => key !== 'field')).toEqual([
    ...['type', 'title', 'status', 'detail', 'code', 'request_id'],
  ]);
  expect(answer.body).not.toMatch(/node_modules|\.ts:|\.js:|\/work\/|\/tmp\/|\/home\//);
  return problem;
}

/** The body of a form with these fields, then the file, then further parts as they are. */
export function formOf(
  file: Uint8Array | undefined,
  options: {
    readonly before?: readonly (readonly [string, string])[];
    readonly after?: string;
    readonly name?: string;
  } = {},
): { readonly headers: Record<string, string>; readonly payload: Buffer } {
  const boundary = 'a-boundary-of-the-tests';
  const { before = [], after = '', name = 'file' } = options;
  const fields = before.map(
    ([field, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`,
  );
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="x.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  const payload = Buffer.concat([
    Buffer.from(fields.join('')),
    ...(file === undefined ? [] : [Buffer.from(head), file, Buffer.from('\r\n')]),
    Buffer.from(`${after.replaceAll('BOUNDARY', boundary)}--${boundary}--\r\n`),
  ]);
  return { headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }, payload };
}

/** Lets the service listen on a real port; the address of it. */
export async function listening({ app }: Service): Promise<{ readonly port: number; readonly origin: string }> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { port, origin: `http://127.0.0.1:${port}` };
}

export interface RealAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the body was complete; else the connection broke. */
  readonly isWhole: boolean;
}

/** A request over a connection of its own. A connection that breaks after the head of the answer is an answer that is not whole. */
export async function ask(
  url: string,
  options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: Uint8Array } = {},
): Promise<RealAnswer> {
  const { method = 'GET', headers = {}, body } = options;
  const request = httpRequest(url, { method, headers: { ...headers, connection: 'close' }, agent: false });
  request.end(body);
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    request.once('error', (error) => {
      // The server may close while we still send: what it has said before counts.
      if (!isAnswered) reject(error);
    });
    request.once('response', (response) => {
      isAnswered = true;
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', () => undefined);
      response.once('close', () => {
        const { statusCode: status = 0, headers: answered, complete: isWhole } = response;
        resolve({ status, headers: answered, body: Buffer.concat(pieces), isWhole });
      });
    });
  });
}

/** A bare connection to the service. */
export async function connectTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** Everything that comes until the other side closes. */
export async function readAll(socket: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.on('error', () => undefined);
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(pieces).toString('latin1');
}
