/** Everything the service touches of the world. It is injected: nothing here reads the environment or a clock. */
import type { FastifyBaseLogger } from 'fastify';
import type { LoadedEngine } from '../compression/node/load-engine.js';
import type { SigningKey } from '../utils/signing-key.js';
import type { EngineWatch } from './engine-watch.js';
import type { ServiceLimits } from './limits.js';
import type { GuardOptions } from './plugins/guard.js';

export interface ServiceDeps {
  readonly engine: LoadedEngine;
  readonly watch: EngineWatch;
  /** Milliseconds since 1970, UTC. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly logger: FastifyBaseLogger;
  readonly limits: ServiceLimits;
  readonly guard: GuardOptions;
  readonly lifecycle: Lifecycle;
  readonly version: string;
  /** Attestations are signed with the key for statements that is derived from it. */
  readonly signingKey?: SigningKey;
}

export interface Lifecycle {
  /** Once true, no new request is taken. */
  isStopping: boolean;
}
