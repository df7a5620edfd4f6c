/**
 * The service in its surroundings: the core is sealed before the port opens, and when the service is told to stop it takes no
 * new request, lets those that run end, and leaves no process behind.
 */
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { EngineInfo } from '../compression/api/engine.js';
import type { EngineEvent } from '../compression/node/events.js';
import { type LoadedEngine, loadEngine } from '../compression/node/load-engine.js';
import type { Pins } from '../compression/seal.js';
import type { CoreSettings } from '../compression/settings.js';
import { H4Error, isH4Error } from '../utils/error.js';
import type { SigningKey } from '../utils/signing-key.js';
import { buildApp } from './app.js';
import type { Lifecycle } from './deps.js';
import { type EngineWatch, createEngineWatch } from './engine-watch.js';
import { createServiceLimits } from './limits.js';
import { waitFor } from './patience.js';
import { toH4Error } from './problem.js';
import type { LogLevel, ServiceSettings } from './settings.js';

export interface ServerOptions {
  readonly settings: ServiceSettings;
  readonly logger: FastifyBaseLogger;
  readonly version: string;
  /** Milliseconds since 1970, UTC. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly signingKey?: SigningKey;
  /** How long requests may still run after `stop()`. */
  readonly stopMillis?: number;
  /** Whether the log has the refusal that is thrown as well: `false` where both go to one terminal. By default it has. */
  readonly logsRefusal?: boolean;
}

export interface RunningServer {
  /** With the port that was really opened. */
  readonly url: string;
  readonly engine: LoadedEngine;
  /** Resolves when nothing runs any more. May be called again. */
  stop(): Promise<void>;
}

const STOP_MILLIS = 10_000;
const SHOWN_DIGITS = 12;

/** A log of JSON lines, one per event, into `stream`. */
export function createLogger(level: LogLevel, stream: { write(line: string): void }): FastifyBaseLogger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

/** Loads and seals the engine, and says so. A refusal is thrown, and logged if `logsRefusal`; nothing listens yet. */
export async function sealEngine(
  core: CoreSettings,
  logger: FastifyBaseLogger,
  watch: EngineWatch = createEngineWatch(),
  logsRefusal = true,
): Promise<LoadedEngine> {
  const log = createEventLog(logger, core.pins);
  let isStarting = true;
  const engine = await loadEngine(core, (event) => {
    watch.onEvent(event);
    if (!isStarting || (event.type !== 'seal-failure' && event.type !== 'start-failure')) log(event);
  }).catch((error: unknown) => {
    // Not the event: the error names the file, which the operator needs to know.
    const { code, message } = toH4Error(error);
    if (logsRefusal) logger.fatal({ code }, message);
    throw error;
  });
  isStarting = false;
  if (engine.info.seal_level === 0) {
    const { engine_id } = engine.info;
    logger.info({ engine_id }, `Compression engine: ${engine_id}, which is built in; no core is loaded`);
  }
  watch.activate(engine.info);
  return engine;
}

/** Seals the engine, then listens. Rejects with the code of whatever prevents either; then nothing runs. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { settings, logger, stopMillis = STOP_MILLIS } = options;
  const watch = createEngineWatch();
  const engine = await sealEngine(settings.core, logger, watch, options.logsRefusal);
  const lifecycle: Lifecycle = { isStopping: false };
  const { signingKey, version, now, randomBytes } = options;
  const app = buildApp({
    engine,
    watch,
    logger,
    lifecycle,
    ...{ version, now, randomBytes },
    limits: createServiceLimits(availableParallelism(), settings.limits),
    guard: { hosts: settings.hosts, isLoopback: settings.isLoopback },
    ...(signingKey === undefined ? {} : { signingKey }),
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stopAll(app, engine, lifecycle, logger, stopMillis));
  try {
    await listen(app, settings);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = urlOf(app.server.address() as AddressInfo);
  return { url, engine, stop };
}

async function listen(app: FastifyInstance, { host, port }: ServiceSettings): Promise<void> {
  try {
    // Of a name there may be several addresses, of which not all are told, and one of this machine is meant.
    const address = host.toLowerCase() === 'localhost' ? '127.0.0.1' : host;
    await app.listen({ host: address, port, listenTextResolver: (url) => `Listening on ${url}` });
  } catch (cause) {
    if (isH4Error(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new H4Error(
      'H4_IO',
      `Cannot listen on ${host}, port ${port}: ${reason}. Choose another PORT, or HARMONY4_HOST`,
      {
        cause,
      },
    );
  }
}

async function stopAll(
  app: FastifyInstance,
  engine: LoadedEngine,
  lifecycle: Lifecycle,
  logger: FastifyBaseLogger,
  stopMillis: number,
): Promise<void> {
  lifecycle.isStopping = true;
  const closed = app.close();
  try {
    await waitFor(closed, stopMillis, () => new Error('late'));
  } catch {
    logger.warn(`Some requests have not ended within ${stopMillis / 1000} seconds: their connections are closed`);
    app.server.closeAllConnections();
    await closed;
  } finally {
    await engine.close();
  }
  logger.info('Stopped');
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/**
 * Writes events into the log. The messages are those that operators search for; those of refusals say what was expected and
 * found, and what is to be done. Every process of a core is sealed, and where one cannot be started every call tries again:
 * what is told aloud is the change, from one to the other or to another reason.
 */
function createEventLog(logger: FastifyBaseLogger, pins: Pins): (event: EngineEvent) => void {
  let toldState: string | undefined;
  return (event) => {
    const state = stateOf(event);
    if (state !== undefined && state === toldState) {
      logger.debug(
        { event: event.type },
        'A process of the engine was started as the one before, or failed as that did',
      );
      return;
    }
    toldState = state ?? toldState;
    logEvent(event, logger, pins);
  };
}

/** Which state of the engine an event stands for; undefined if it says nothing about that. */
function stateOf(event: EngineEvent): string | undefined {
  if (event.type === 'seal-pass') return event.type;
  if (event.type !== 'seal-failure' && event.type !== 'start-failure') return undefined;
  return `${event.code} ${event.message}`;
}

function logEvent(event: EngineEvent, logger: FastifyBaseLogger, pins: Pins): void {
  switch (event.type) {
    case 'seal-pass':
      logSeal(event.info, logger, pins);
      return;
    case 'seal-failure':
      logger.fatal({ code: event.code }, event.message);
      return;
    case 'start-failure':
      logger.error({ code: event.code, lane: event.lane }, event.message);
      return;
    case 'warning':
    case 'fallback':
      logger.warn(event.message);
      return;
    case 'process-start':
      logger.debug({ pid: event.pid, lane: event.lane }, 'A process of the engine has started');
      return;
    case 'process-crash':
      logger.error({ pid: event.pid, lane: event.lane, reason: event.reason }, 'A process of the engine has died');
      return;
    case 'process-replace':
      logger.info({ pid: event.pid, lane: event.lane, reason: event.reason }, 'A process of the engine is replaced');
      return;
    case 'process-pause':
      logger.warn({ lane: event.lane, failures: event.failures }, 'Processes of the engine keep failing');
      return;
    case 'call-failure':
      logger.warn({ code: event.code, lane: event.lane }, 'A call of the engine has failed');
  }
}

/** Only level 3 is sealed (E43): who searches the log for that line finds no other. */
function logSeal({ engine_id, fingerprint, seal_level }: EngineInfo, logger: FastifyBaseLogger, pins: Pins): void {
  const name = `${engine_id} (fp: ${fingerprint.slice(0, SHOWN_DIGITS)}…)`;
  const fields = { engine_id, fingerprint, seal_level };
  if (seal_level === 3) {
    logger.info(fields, `🔐 Compression core sealed: ${name}`);
    return;
  }
  const pinned =
    pins.engineId !== undefined ? 'only the id' : pins.fingerprint !== undefined ? 'only the fingerprint' : 'nothing';
  logger.warn(fields, `Compression core loaded, but not sealed: ${name}: ${pinned} is pinned`);
}
