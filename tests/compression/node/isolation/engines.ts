/** Isolated engines for tests: what they report is kept, and after each test no process of them may be left. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, vi } from 'vitest';
import type { EngineEvent, EngineLane } from '../../../../src/compression/node/events.js';
import { type IsolationOptions, IsolatedEngine } from '../../../../src/compression/node/isolation/isolated-engine.js';
import type { StartedCore } from '../../../../src/compression/node/load-engine.js';
import type { CoreSettings } from '../../../../src/compression/settings.js';
import { H4Error } from '../../../../src/utils/error.js';

export const SETTINGS: CoreSettings = { pins: {}, fallback: 'refuse', isolation: 'process', verify: 'always' };

/** For tests in which a process may be slow because the machine is, and nothing else. */
const PATIENT: IsolationOptions = { startMillis: 120_000, callMillis: 120_000, closeMillis: 60_000 };

export class Watched {
  readonly events: EngineEvent[] = [];
  started: StartedCore | undefined;

  get core(): StartedCore['core'] {
    if (this.started === undefined) throw new Error('the engine has not been started');
    return this.started.core;
  }

  async compress(bytes: Uint8Array): Promise<Uint8Array> {
    return this.core.compress(bytes);
  }

  async decompress(bytes: Uint8Array, rawLength: number): Promise<Uint8Array> {
    return this.core.decompress(bytes, rawLength);
  }

  pids(lane?: EngineLane): number[] {
    return this.events.flatMap((event) =>
      event.type === 'process-start' && (lane === undefined || event.lane === lane) ? [event.pid] : [],
    );
  }

  /** How often this was reported, and in which lane. */
  count(type: EngineEvent['type'], lane?: EngineLane): number {
    return this.events.filter((event) => event.type === type && (lane === undefined || laneOf(event) === lane)).length;
  }

  /** The text of each event of this type. */
  texts(type: EngineEvent['type']): string[] {
    return this.events.filter((event) => event.type === type).map((event) => JSON.stringify(event));
  }

  /** Until as many processes are alive and sealed as there shall be: for tests that count what happens later. */
  async settled(seals: number): Promise<void> {
    await vi.waitFor(() => expect(this.count('seal-pass')).toBe(seals), { timeout: 120_000 });
  }
}

const watched = new Set<Watched>();

afterEach(async () => {
  const all = [...watched];
  watched.clear();
  for (const each of all) await each.started?.core.close();
  for (const each of all) expect(each.pids().filter(isAlive)).toEqual([]);
}, 120_000);

/** Starts an engine, which is closed after the test. */
export async function startIsolated(
  path: string,
  options: IsolationOptions = {},
  settings: Partial<CoreSettings> = {},
): Promise<Watched> {
  const result = new Watched();
  watched.add(result);
  const all = { ...PATIENT, ...options };
  result.started = await IsolatedEngine.start(path, { ...SETTINGS, ...settings }, (e) => result.events.push(e), all);
  return result;
}

/** The refusal with which a start ends, and what was reported until then. No process may be left. */
export async function startRefused(
  path: string,
  options: IsolationOptions = {},
  settings: Partial<CoreSettings> = {},
): Promise<{ error: H4Error; engine: Watched }> {
  const engine = new Watched();
  watched.add(engine);
  const all = { ...PATIENT, ...options };
  const error = await failure(
    IsolatedEngine.start(path, { ...SETTINGS, ...settings }, (e) => engine.events.push(e), all),
  );
  expect(engine.pids().filter(isAlive)).toEqual([]);
  return { error, engine };
}

export async function failure(promise: unknown): Promise<H4Error> {
  const outcome = await Promise.resolve(promise).then(
    () => new Error('nothing was refused'),
    (error: unknown) => error,
  );
  if (outcome instanceof H4Error) return outcome;
  throw new Error('Expected an H4Error', { cause: outcome });
}

/** Whether there is such a process, and it is more than an entry in a table. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/mu.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

export const text = (value: string, length = value.length): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode(value));
  return bytes;
};

/** As the id of a hostile core: a function that runs as soon as the core is loaded. */
export const whenLoaded = (statement: string): string =>
  `"x"; } __attribute__((constructor)) static void when_loaded(void) { ${statement}`;

function laneOf(event: EngineEvent): EngineLane | undefined {
  return 'lane' in event ? event.lane : undefined;
}
