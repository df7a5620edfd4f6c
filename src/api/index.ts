/** The HTTP service: as an application for a test or a host of one's own, and as a server. */

export { buildApp } from './app.js';
export type { Lifecycle, ServiceDeps } from './deps.js';
export { createEngineWatch, type EngineWatch, type Obstacle } from './engine-watch.js';
export { createServiceLimits, type ServiceLimits } from './limits.js';
export type { GuardOptions } from './plugins/guard.js';
export { type Problem, PROBLEM_TYPE } from './problem.js';
export { createLogger, type RunningServer, sealEngine, type ServerOptions, startServer } from './server.js';
export { LOG_LEVELS, type LogLevel, readServiceSettings, type ServiceSettings } from './settings.js';
