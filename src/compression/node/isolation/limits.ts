/** What a core in a process of its own may take: time, memory, and room in the queue. */

const MIB = 1024 * 1024;

export interface IsolationLimits {
  /** Processes of each lane that work at the same time, each on one block. */
  readonly processes: number;
  /** Processes of each lane that are loaded, sealed and idle, to take the place of one that dies. */
  readonly spares: number;
  /** Calls of each lane that may wait; more are `H4_BUSY`. */
  readonly waitingCalls: number;
  /** Bytes of blocks of each lane that may wait. One block may always wait, however long it is. */
  readonly waitingBytes: number;
  /** For any call, and in addition for each MiB of the block and of the compressed block. */
  readonly callMillis: number;
  readonly callMillisPerMebibyte: number;
  /** For a process to start, seal its core and load it. */
  readonly startMillis: number;
  /** How long a lane without any process waits before it tries again by itself, whether or not a call comes. */
  readonly retryMillis: number;
  /** For the calls that run when the engine is closed. */
  readonly closeMillis: number;
  /**
   * Resident memory of a process during a call, above what it had once the core was loaded. In addition eight bytes for each
   * byte of a block: what the copies on the way to a core and back may come to.
   */
  readonly callMemoryBytes: number;
  /** The same between two calls: a process that has more has leaked, and is replaced. */
  readonly idleMemoryBytes: number;
  /** How often memory is looked at during a call. */
  readonly sampleMillis: number;
}

export const DEFAULT_ISOLATION_LIMITS: IsolationLimits = Object.freeze({
  processes: 1,
  spares: 1,
  waitingCalls: 1024,
  waitingBytes: 256 * MIB,
  callMillis: 10_000,
  callMillisPerMebibyte: 1000,
  startMillis: 20_000,
  retryMillis: 5000,
  closeMillis: 10_000,
  callMemoryBytes: 512 * MIB,
  idleMemoryBytes: 256 * MIB,
  sampleMillis: 25,
});

/** Milliseconds for a call with so many bytes of block and compressed block together. */
export function callTimeLimit({ callMillis, callMillisPerMebibyte }: IsolationLimits, bytes: number): number {
  return callMillis + Math.ceil((bytes / MIB) * callMillisPerMebibyte);
}

const CRASHES_WITHOUT_PAUSE = 5;
const FIRST_PAUSE_MILLIS = 50;
const LONGEST_PAUSE_MILLIS = 1000;

/**
 * How long to wait before another process is started, after so many have failed in a row. One hostile block costs the others
 * no time; only a core that does nothing but crash shall not take the machine with it.
 */
export function restartPause(failures: number): number {
  if (failures < CRASHES_WITHOUT_PAUSE) return 0;
  return Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS * 2 ** (failures - CRASHES_WITHOUT_PAUSE));
}
