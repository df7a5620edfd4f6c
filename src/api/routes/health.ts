/** Whether the service lives, whether it can do its work, and what it has counted. */
import type { FastifyInstance } from 'fastify';
import type { ServiceDeps } from '../deps.js';
import type { Obstacle } from '../engine-watch.js';
import { gather, readParameters } from '../parameters.js';
import { sendUnready } from '../plugins/answers.js';

const STOPPING: Obstacle = { code: 'H4_BUSY', reason: 'The service is stopping' };

export function addHealthRoutes(
  app: FastifyInstance,
  { engine, watch, lifecycle, limits, version }: ServiceDeps,
): void {
  app.get('/health', ({ query }) => {
    readParameters(gather(query), {});
    return { status: 'ok', project: 'HarmonyØ4', service: 'HarmonyØ4 Media API', version };
  });

  app.get('/health/ready', (request, reply) => {
    readParameters(gather(request.query), {});
    const obstacle: Obstacle | undefined = lifecycle.isStopping ? STOPPING : watch.obstacle;
    if (obstacle !== undefined) return sendUnready(obstacle, request, reply, limits);
    const { engine_id, sealed, seal_level } = engine.info;
    return { status: 'ready', engine_id, sealed, seal_level };
  });

  app.get('/metrics', async ({ query }, reply) => {
    readParameters(gather(query), {});
    return reply.type(watch.metricsType).send(await watch.metrics());
  });
}
