/**
 * What all answers have in common: an id, headers that keep a browser from making anything else of them, one form of error,
 * and one line in the log, without query and headers: secrets may stand there.
 */
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { httpStatusOf } from '../../utils/error-codes.js';
import { H4Error } from '../../utils/error.js';
import type { Obstacle } from '../engine-watch.js';
import type { ServiceLimits } from '../limits.js';
import { PROBLEM_TYPE, type Problem, problemOf, toH4Error } from '../problem.js';
import { drain } from '../upload.js';

const HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

/** Seconds. */
const RETRY_AFTER = '1';

export function addAnswers(app: FastifyInstance, limits: ServiceLimits): void {
  app.addHook('onRequest', (request, reply, done) => {
    setCommonHeaders(request, reply);
    // Not the hook for responses: it passes over those that broke off.
    reply.raw.once('close', () => logRequest(request, reply));
    done();
  });
  app.setErrorHandler((thrown, request, reply) => sendProblem(thrown, request, reply, limits));

  const methods = collectMethods(app);
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request);
    const allowed = methods.get(path);
    if (allowed === undefined) {
      return sendProblem(new H4Error('H4_NOT_FOUND', 'There is nothing at this address'), request, reply, limits);
    }
    const list = [...allowed].sort().join(', ');
    void reply.header('Allow', list);
    const message = `This address takes ${list}, not ${request.method}`;
    return sendProblem(new H4Error('H4_METHOD', message), request, reply, limits);
  });
}

function setCommonHeaders({ id }: FastifyRequest, reply: FastifyReply): void {
  void reply.headers({ ...HEADERS, 'X-Request-Id': id });
}

export function sendProblem(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  limits: ServiceLimits,
): FastifyReply {
  const error = toH4Error(thrown);
  logFailure(request.log, error);
  return answerWith(problemOf(error, request.id), request, reply, limits);
}

/** A probe that finds the service unready. The log has said so when that began, and does not repeat it for every probe. */
export function sendUnready(
  { code, reason }: Obstacle,
  request: FastifyRequest,
  reply: FastifyReply,
  limits: ServiceLimits,
): FastifyReply {
  request.log.debug({ code, reason }, 'not ready');
  const problem = problemOf(new H4Error(code, reason), request.id);
  // What is told here is for strangers already.
  return answerWith({ ...problem, status: 503, detail: reason }, request, reply, limits);
}

function answerWith(
  problem: Problem,
  request: FastifyRequest,
  reply: FastifyReply,
  limits: ServiceLimits,
): FastifyReply {
  // What could not be routed has not been through the hooks.
  setCommonHeaders(request, reply);
  if (problem.code === 'H4_BUSY') void reply.header('Retry-After', RETRY_AFTER);
  // Whoever does not send has no claim to the connection.
  if (problem.code === 'H4_UPLOAD_STALLED') void reply.header('Connection', 'close');
  drain(request, limits);
  // Headers of the answer that was planned say nothing true about this one.
  for (const name of ['Content-Disposition', 'Content-Length', 'X-Compressed-Size', 'X-Decompressed-Size']) {
    void reply.removeHeader(name);
  }
  return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { method } = request;
  const { statusCode: status, writableFinished } = reply.raw;
  const millis = Math.round(reply.elapsedTime * 10) / 10;
  request.log.info({ method, path: pathOf(request), status, broken: !writableFinished, ms: millis }, 'request');
}

/** What is the fault of the service gets louder than what is that of the request. */
export function logFailure(log: FastifyBaseLogger, error: H4Error): void {
  const fields = { code: error.code, reason: error.message };
  const status = httpStatusOf(error.code);
  if (error.code === 'H4_INTERNAL') log.error({ ...fields, err: error.cause ?? error }, 'failed by a defect');
  else if (status >= 500 && error.code !== 'H4_CANCELLED') log.error(fields, 'failed');
  else log.debug(fields, 'refused');
}

/** The methods of every address that is added from now on. */
function collectMethods(app: FastifyInstance): ReadonlyMap<string, ReadonlySet<string>> {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const each of [method].flat()) known.add(each);
    methods.set(url, known);
  });
  return methods;
}

function pathOf({ url }: FastifyRequest): string {
  return url.replace(/[?#].*$/s, '');
}
