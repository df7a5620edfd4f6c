/** Whether the service lives, whether it can do its work, and what it has counted. */
import type { FastifyInstance } from 'fastify';
import { H4Error } from '../../utils/error.js';
import type { ServiceDeps } from '../deps.js';
import { gather, readParameters } from '../parameters.js';

export function addHealthRoutes(app: FastifyInstance, { engine, watch, lifecycle, version }: ServiceDeps): void {
  app.get('/health', ({ query }) => {
    readParameters(gather(query), {});
    return { status: 'ok', project: 'HarmonyØ4', service: 'HarmonyØ4 Media API', version };
  });

  app.get('/health/ready', ({ query }) => {
    readParameters(gather(query), {});
    if (lifecycle.isStopping) throw new H4Error('H4_BUSY', 'The service is stopping');
    const { obstacle } = watch;
    if (obstacle !== undefined) throw new H4Error(obstacle.code, obstacle.reason);
    const { engine_id, sealed, seal_level } = engine.info;
    return { status: 'ready', engine_id, sealed, seal_level };
  });

  app.get('/metrics', async ({ query }, reply) => {
    readParameters(gather(query), {});
    return reply.type(watch.metricsType).send(await watch.metrics());
  });
}
