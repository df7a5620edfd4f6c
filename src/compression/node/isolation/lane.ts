/**
 * The processes of one lane and the calls that wait for them. A call waits here until a process is free and is bound to none
 * before, so that the death of a process costs nobody but the call that it was working on.
 */
import { H4Error } from '../../../utils/error.js';
import { type EngineLane, type OnEngineEvent, SEAL_CODES } from '../events.js';
import { type BlockCall, closedError, type Ending, endingError, reasonOf } from './block-call.js';
import { CallNotStarted, type EngineProcess } from './engine-process.js';
import { type IsolationLimits, restartPause } from './limits.js';

export interface LaneOptions {
  readonly lane: EngineLane;
  readonly limits: IsolationLimits;
  readonly onEvent: OnEngineEvent;
  readonly makeProcess: (lane: EngineLane, onLost: (process: EngineProcess, ending: Ending) => void) => EngineProcess;
  /** For messages. */
  readonly engineId: () => string;
  /** What of an error may be told to others than the operator: no path. */
  readonly withoutPath: (message: string) => string;
}

/** So often a call, or the first process for those that wait, is started again. After that it is not the machine. */
const MAX_STARTS = 3;

interface Waiting {
  readonly call: BlockCall;
  starts: number;
}

export class Lane {
  readonly #options: LaneOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Sealed and idle. The one used last is used next; what lies below it are the spares. */
  readonly #idle: EngineProcess[] = [];
  /** All that have not ended yet, whatever they do. */
  readonly #processes = new Set<EngineProcess>();
  readonly #running = new Set<Promise<void>>();
  #starting = 0;
  /** Processes lost since a call last succeeded, and starts that failed since one last succeeded. */
  #losses = 0;
  #failedStarts = 0;
  #pause: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isOpen = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Resolves when the first process is ready; the others follow by themselves. */
  async open(): Promise<void> {
    await this.#start();
    this.#isOpen = true;
    this.#fill();
  }

  /** Settles the call, sooner or later. */
  submit(call: BlockCall): void {
    const { waitingCalls, waitingBytes } = this.#options.limits;
    const { length } = this.#waiting;
    if (length >= waitingCalls || (length > 0 && this.#waitingBytes + call.bytes.length > waitingBytes)) {
      call.reject(this.#busyError());
      return;
    }
    this.#enqueue({ call, starts: 0 });
    this.#fill();
    this.#dispatch();
  }

  /** No call is accepted any more: calls that wait fail at once, those that run have `closeMillis`. */
  async close(): Promise<void> {
    this.#isOpen = false;
    clearTimeout(this.#pause);
    clearTimeout(this.#retry);
    for (const { call } of this.#takeAll()) call.reject(closedError(this.#options.engineId()));
    const isWorking = (process: EngineProcess): boolean => process.isUsable && !this.#idle.includes(process);
    const stopped = Array.from(this.#processes)
      .filter((process) => !isWorking(process))
      .map((process) => process.stop());
    if (this.#running.size > 0) await this.#patience();
    await Promise.all([...stopped, ...Array.from(this.#processes, (process) => process.stop())]);
  }

  async #patience(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.limits.closeMillis);
    });
    await Promise.race([Promise.all(this.#running), deadline]);
    clearTimeout(timer);
  }

  #enqueue(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#waitingBytes += waiting.call.bytes.length;
  }

  #takeAll(): readonly Waiting[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return all;
  }

  #dispatch(): void {
    while (this.#running.size < this.#options.limits.processes && this.#waiting.length > 0) {
      const process = this.#idle.pop();
      if (process === undefined) return;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return;
      this.#waitingBytes -= waiting.call.bytes.length;
      const run = this.#run(process, waiting).finally(() => {
        this.#running.delete(run);
        this.#fill();
        this.#dispatch();
      });
      this.#running.add(run);
    }
  }

  async #run(process: EngineProcess, waiting: Waiting): Promise<void> {
    const { call } = waiting;
    const engineId = this.#options.engineId();
    try {
      const block = await process.run(call, engineId);
      this.#losses = 0;
      call.resolve(block);
    } catch (error) {
      if (error instanceof CallNotStarted) this.#again(waiting);
      else this.#fail(call, error as H4Error);
    }
    if (process.isUsable) this.#keepOrReplace(process);
  }

  #again(waiting: Waiting): void {
    waiting.starts++;
    if (!this.#isOpen) {
      waiting.call.reject(closedError(this.#options.engineId()));
    } else if (waiting.starts < MAX_STARTS) {
      this.#waiting.unshift(waiting);
      this.#waitingBytes += waiting.call.bytes.length;
    } else {
      this.#fail(waiting.call, endingError({ why: 'died' }, waiting.call, this.#options.engineId()));
    }
  }

  #fail(call: BlockCall, error: H4Error): void {
    const { lane, onEvent } = this.#options;
    // "This is no block of mine" and "this is too long for me" are answers, and the work of the lane.
    if (error.code === 'H4_ENGINE_OUTPUT' || error.code === 'H4_ENGINE_INPUT') this.#losses = 0;
    else onEvent({ type: 'call-failure', code: error.code, lane });
    call.reject(error);
  }

  #keepOrReplace(process: EngineProcess): void {
    if (!this.#isOpen) return;
    if (!process.hasGrown()) {
      this.#idle.push(process);
      return;
    }
    const { lane, onEvent } = this.#options;
    onEvent({ type: 'process-replace', pid: process.pid, lane, reason: 'memory' });
    void process.stop();
  }

  /** Starts what is missing; after failures in a row one process at a time, and not at once. */
  #fill(): void {
    const { lane, onEvent } = this.#options;
    const missing = this.#missing();
    if (missing <= 0) return;
    const failures = Math.max(this.#losses, this.#failedStarts);
    const millis = restartPause(failures);
    if (millis === 0) {
      for (let i = 0; i < missing; i++) void this.#add();
      return;
    }
    if (this.#pause !== undefined || this.#starting > 0) return;
    onEvent({ type: 'process-pause', lane, failures, millis });
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#missing() > 0) void this.#add();
    }, millis).unref();
  }

  #missing(): number {
    const { processes, spares } = this.#options.limits;
    if (!this.#isOpen) return 0;
    const working = Array.from(this.#processes).filter((process) => process.isUsable).length;
    return processes + spares - working - this.#starting;
  }

  async #add(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      if (this.#isOpen) this.#startFailed(error as H4Error);
      return;
    }
    this.#dispatch();
    this.#fill();
  }

  async #start(): Promise<void> {
    const { lane, makeProcess, onEvent } = this.#options;
    const process = makeProcess(lane, (lost, ending) => this.#lost(lost, ending));
    this.#processes.add(process);
    void process.ended.then(() => this.#processes.delete(process));
    if (process.pid > 0) onEvent({ type: 'process-start', pid: process.pid, lane });
    this.#starting++;
    try {
      await process.start();
    } finally {
      this.#starting--;
    }
    this.#failedStarts = 0;
    this.#idle.unshift(process);
  }

  #startFailed(error: H4Error): void {
    this.#failedStarts++;
    const { lane, onEvent, withoutPath } = this.#options;
    const { code } = error;
    const message = withoutPath(error.message);
    // The core is not the one that was sealed: starting it again changes nothing, and whoever waits has to know.
    const isRefused = SEAL_CODES.has(code);
    onEvent(isRefused ? { type: 'seal-failure', code, message } : { type: 'start-failure', code, message, lane });
    if (this.#idle.length > 0 || this.#running.size > 0 || this.#starting > 0) return;
    if (!isRefused && this.#failedStarts < MAX_STARTS) {
      this.#fill();
      return;
    }
    for (const { call } of this.#takeAll()) {
      this.#fail(call, new H4Error(code, message, { detail: { engine_id: this.#options.engineId() } }));
    }
    this.#tryLater();
  }

  /**
   * The operator may restore the file. The next call tries again at once; but a service that is not ready is sent no calls, and
   * has to find out by itself.
   */
  #tryLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#fill(), this.#options.limits.retryMillis).unref();
  }

  #lost(process: EngineProcess, ending: Ending): void {
    const { lane, onEvent } = this.#options;
    this.#losses++;
    const at = this.#idle.indexOf(process);
    if (at >= 0) this.#idle.splice(at, 1);
    onEvent({ type: 'process-crash', pid: process.pid, lane, reason: reasonOf(ending) });
    this.#fill();
  }

  #busyError(): H4Error {
    const calls = this.#waiting.length;
    return new H4Error(
      'H4_BUSY',
      `Cannot take another block: ${calls} of ${this.#waitingBytes} bytes together wait for the compression core already. Try again later`,
      { detail: { waiting: calls, waiting_bytes: this.#waitingBytes } },
    );
  }
}
