/**
 * How many blocks are computed at the same time, and how many requests are open. Who waits for a place is not read meanwhile:
 * the network holds its sender back. Those for whom there is no room to wait are told to come back.
 */
import type { EngineMatch, EngineSet } from '../compression/api/engine-set.js';
import type { CompressionEngine } from '../compression/api/engine.js';
import { H4Error } from '../utils/error.js';

interface Waiter {
  readonly enter: () => void;
}

export class WorkGate {
  readonly #places: number;
  readonly #waitingPlaces: number;
  readonly #waiting = new Set<Waiter>();
  #running = 0;

  constructor(places: number, waitingPlaces: number) {
    this.#places = places;
    this.#waitingPlaces = waitingPlaces;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs `work` when there is a place for it, first come, first served. `H4_BUSY` if too many wait already; whoever has gone
   * while waiting, which `signal` tells, leaves with the signal's reason.
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < this.#places) {
      this.#running++;
      return Promise.resolve();
    }
    if (this.#waiting.size >= this.#waitingPlaces) {
      throw new H4Error(
        'H4_BUSY',
        `${this.#running} requests are being worked on and ${this.#waiting.size} wait: try again soon`,
      );
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        enter: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** The place goes to the one who has waited longest. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next.enter();
  }
}

/** The engine, with a place at the gate for each call and for no longer: a sender that dawdles keeps nobody else waiting. */
export function gatedEngine(engine: CompressionEngine, gate: WorkGate, signal: AbortSignal): CompressionEngine {
  return {
    compress: (bytes) => gate.run(async () => engine.compress(bytes), signal),
    decompress: (bytes, rawLength) => gate.run(async () => engine.decompress(bytes, rawLength), signal),
    info: () => engine.info(),
  };
}

export function gatedEngines(engines: EngineSet, gate: WorkGate, signal: AbortSignal): EngineSet {
  const match = (engineId: string, fingerprint: string): EngineMatch => {
    const { engine, isEquivalent } = engines.match(engineId, fingerprint);
    return { engine: gatedEngine(engine, gate, signal), isEquivalent };
  };
  return { infos: engines.infos, match, find: (engineId, fingerprint) => match(engineId, fingerprint).engine };
}
