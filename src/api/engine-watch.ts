/**
 * What has become of the engine, from its events: the counters of `/metrics`, and whether the service is ready. A core that
 * cannot be sealed again after a crash makes the service unready until it can.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { EngineInfo } from '../compression/api/engine.js';
import type { EngineEvent } from '../compression/node/events.js';
import { ERROR_CODES, type ErrorCode } from '../utils/error-codes.js';

export interface Obstacle {
  readonly code: ErrorCode;
  /** For strangers: the log has the message of the event. */
  readonly reason: string;
}

export interface EngineWatch {
  onEvent(event: EngineEvent): void;
  /** Names the engine that writes from now on. Before that the service is not ready. */
  activate(info: EngineInfo): void;
  /** Why no engine can be used, without a path; undefined where one can. */
  readonly obstacle: Obstacle | undefined;
  /** The type of `metrics()`. */
  readonly metricsType: string;
  metrics(): Promise<string>;
}

export function createEngineWatch(): EngineWatch {
  const registers = [new Registry()] as const;
  const [registry] = registers;
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const checks = counter('harmony4_seal_checks_total', 'Times a compression core was measured and judged');
  const passes = counter(
    'harmony4_seal_passes_total',
    'Starts of a core whose checks passed, whatever was pinned: see harmony4_seal_level',
  );
  const failures = counter('harmony4_seal_failures_total', 'Starts that ended because the core was refused');
  const startFailures = counter(
    'harmony4_engine_start_failures_total',
    'Starts that failed for another reason: time, memory, a file that cannot be read',
  );
  const crashes = counter('harmony4_engine_crashes_total', 'Processes of the engine that died', ['lane']);
  const callFailures = counter('harmony4_engine_call_failures_total', 'Calls of the engine that failed', [
    'code',
    'lane',
  ]);
  const active = new Gauge({
    name: 'harmony4_active_engine',
    help: '1 for the engine that writes',
    labelNames: ['engine_id'],
    registers: [registry],
  });
  const level = new Gauge({
    name: 'harmony4_seal_level',
    help: 'Seal level of the engine that writes: 3 is sealed, 2 has one pin of two, 1 none, 0 is built in',
    registers: [registry],
  });
  // A series that begins with its first failure cannot be compared with the time before.
  for (const lane of ['compress', 'decompress']) crashes.inc({ lane }, 0);

  let failure: Obstacle | undefined;
  let isActive = false;
  return {
    onEvent(event) {
      switch (event.type) {
        case 'seal-pass':
          checks.inc();
          passes.inc();
          failure = undefined;
          return;
        case 'seal-failure':
          checks.inc();
          failures.inc();
          failure = { code: event.code, reason: refusedBecause(event.code) };
          return;
        case 'start-failure':
          startFailures.inc();
          failure = { code: event.code, reason: NOT_STARTED };
          return;
        case 'process-crash':
          crashes.inc({ lane: event.lane });
          return;
        case 'call-failure':
          callFailures.inc({ code: event.code, lane: event.lane });
          return;
        case 'warning':
        case 'fallback':
        case 'process-start':
        case 'process-replace':
        case 'process-pause':
          return;
      }
    },
    activate({ engine_id, seal_level }) {
      isActive = true;
      active.reset();
      active.set({ engine_id }, 1);
      level.set(seal_level);
    },
    get obstacle(): Obstacle | undefined {
      if (failure !== undefined) return failure;
      return isActive ? undefined : { code: 'H4_BUSY', reason: 'The engine is not sealed yet.' };
    },
    metricsType: registry.contentType,
    metrics: () => registry.metrics(),
  };
}

const NOT_STARTED =
  'A process of the compression core could not be started: it died, was not ready in time, or could not read the core. ' +
  'The log of the service says which.';

function refusedBecause(code: ErrorCode): string {
  const { meaning } = ERROR_CODES[code];
  return `The compression core was refused when a process of it was to be sealed. ${meaning} The log of the service says what was expected and found.`;
}
