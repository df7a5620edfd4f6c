/**
 * The service without its surroundings: it listens to nothing and reads neither environment nor clock, so that a test gives it
 * what it wants and asks it by `inject`.
 */
import { randomUUID } from 'node:crypto';
import multipart from '@fastify/multipart';
import { LogController, fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { H4Error } from '../utils/error.js';
import type { ServiceDeps } from './deps.js';
import { addAnswers, sendProblem } from './plugins/answers.js';
import { refuseBrokenRequest } from './plugins/broken-request.js';
import { addGuard } from './plugins/guard.js';
import { addCompressRoutes } from './routes/compress.js';
import { addEngineRoutes } from './routes/engine.js';
import { addHealthRoutes } from './routes/health.js';
import { BARE_TYPE } from './upload.js';

const MAX_HEADER_BYTES = 32 * 1024;
/** The longest path of ours is far below. */
const MAX_PARAM_CHARACTERS = 128;

export function buildApp(deps: ServiceDeps): FastifyInstance {
  const { logger, limits, guard, lifecycle } = deps;
  const app: FastifyInstance = fastify({
    loggerInstance: logger,
    // Its lines would hold the query; ours are in answers.ts.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    // Bodies are streams with limits of their own.
    bodyLimit: Number.MAX_SAFE_INTEGER,
    routerOptions: { maxParamLength: MAX_PARAM_CHARACTERS },
    http: { maxHeaderSize: MAX_HEADER_BYTES },
    forceCloseConnections: 'idle',
    // Said by the hook below, in the form of all errors.
    return503OnClosing: false,
    clientErrorHandler: refuseBrokenRequest,
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      void sendProblem(error, request, reply, limits);
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(BARE_TYPE, (_request, body, done) => done(null, body));
  void app.register(multipart, { throwFileSizeLimit: false });

  addAnswers(app, limits);
  addGuard(app, guard);
  app.addHook('onRequest', (request, reply, done) => {
    if (!lifecycle.isStopping || request.url.startsWith('/health')) {
      done();
      return;
    }
    void reply.header('Connection', 'close');
    done(new H4Error('H4_BUSY', 'The service is stopping'));
  });

  addHealthRoutes(app, deps);
  addEngineRoutes(app, deps);
  addCompressRoutes(app, deps);
  return app;
}
