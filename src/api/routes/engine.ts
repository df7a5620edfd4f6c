/** Who compresses here: the public facts, and the signed claim about them. */
import type { FastifyInstance } from 'fastify';
import type { EngineInfo } from '../../compression/api/engine.js';
import { type Declaration, attest } from '../../compression/attest.js';
import type { Declared } from '../../compression/core.js';
import type { ServiceDeps } from '../deps.js';
import { gather, readParameters, text } from '../parameters.js';

export function addEngineRoutes(app: FastifyInstance, { engine, now, signingKey }: ServiceDeps): void {
  app.get('/compress/info', ({ query }) => {
    readParameters(gather(query), {});
    return publicInfo(engine.info);
  });

  app.get('/compress/attest', ({ query }) => {
    const { nonce } = readParameters(gather(query), { nonce: text });
    const { info, measured, declared } = engine;
    return attest({
      info,
      timestampUnix: Math.floor(now() / 1000),
      ...(measured === undefined ? {} : { measured }),
      ...(declared === undefined ? {} : { declared: declarationOf(declared) }),
      ...(nonce === undefined ? {} : { nonce }),
      ...(signingKey === undefined ? {} : { key: signingKey }),
    });
  });
}

/** These fields and no others, whatever an engine says of itself beyond them. */
function publicInfo(info: EngineInfo): EngineInfo {
  const { engine, engine_id, fingerprint, deterministic, identity_safe, opaque, sealed, seal_level } = info;
  return { engine, engine_id, fingerprint, deterministic, identity_safe, opaque, sealed, seal_level };
}

function declarationOf({ engineId, fingerprint }: Declared): Declaration {
  return {
    ...(engineId === undefined ? {} : { engine_id: engineId }),
    ...(fingerprint === undefined ? {} : { engine_fp: fingerprint }),
  };
}
