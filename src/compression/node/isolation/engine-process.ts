/**
 * A process with a core in it, seen from its parent: started, sealed, asked one thing at a time, watched, and killed as soon as
 * it does anything else than answer. Nothing here keeps the parent's event loop alive.
 *
 * How a process died tells whether it had begun with the block: a request is read as a whole before the core sees it, and if a
 * process ends with bytes of it unread, Linux answers the writer with an error (ECONNRESET, EPIPE) instead of an end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { H4Error } from '../../../utils/error.js';
import { endProcess } from '../end-process.js';
import type { ErrorCode } from '../../../utils/error-codes.js';
import { compressedCap } from '../../core.js';
import type { EngineLane } from '../events.js';
import { type BlockCall, type Ending, endingError, startError } from './block-call.js';
import { CHANNEL_FD, encodeHeader, FRAME_KIND, MAX_TEXT_BYTES } from './frames.js';
import { callTimeLimit, type IsolationLimits } from './limits.js';
import { type CoreSetup, decodeRefusal, decodeSealReport, encodeMessage, type SealReport } from './messages.js';
import { type Reply, ReplyReader } from './reply-reader.js';
import { residentBytes } from './resident-memory.js';

export interface ProcessOptions {
  readonly lane: EngineLane;
  readonly setup: CoreSetup;
  readonly limits: IsolationLimits;
  /** The compiled program of the process. */
  readonly entry: URL;
  /** Refuses, by throwing an `H4Error`, a core that is not the one that was sealed before. */
  readonly accept: (report: SealReport) => void;
  /** Told at most once, if the process wrote to its standard output or error. */
  readonly onPrinted: () => void;
  /** Told at most once, and only after a start that succeeded: the process is of no more use, and nobody asked for that. */
  readonly onLost: (process: EngineProcess, ending: Ending) => void;
}

/** The process ended before its core had seen the block. */
export class CallNotStarted extends Error {}

interface Pending {
  readonly settle: (answer: Reply | Ending | 'not-started') => void;
  readonly deadline: NodeJS.Timeout;
  readonly sampler: NodeJS.Timeout | undefined;
}

const START_CODES: ReadonlySet<ErrorCode> = new Set([
  ...(['H4_CORE_NOT_FOUND', 'H4_CORE_LOAD', 'H4_CORE_SYMBOL', 'H4_CORE_MISMATCH', 'H4_CORE_ALTERED'] as const),
  ...(['H4_IO', 'H4_ENGINE_CRASHED', 'H4_ENGINE_BAD_OUTPUT'] as const),
]);
const CALL_CODES: Readonly<Record<EngineLane, ReadonlySet<ErrorCode>>> = {
  compress: new Set(['H4_ENGINE_INPUT', 'H4_ENGINE_BAD_OUTPUT', 'H4_ENGINE_CRASHED']),
  decompress: new Set(['H4_ENGINE_OUTPUT', 'H4_ENGINE_BAD_OUTPUT', 'H4_ENGINE_CRASHED']),
};
/** What a dynamic linker, Node included, cannot do without. Tokens, keys and NODE_OPTIONS stay outside. */
const ENVIRONMENT = ['LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SystemRoot'];
/** What a core may print before nobody listens any more. */
const MAX_PRINTED_BYTES = 64 * 1024;
/** How long a process may take to end after its sockets were closed, and its sockets after it has ended. */
const END_MILLIS = 1000;
/** Looking at memory costs a few microseconds, so it is done after so many bytes or calls. */
const BYTES_PER_LOOK = 1024 * 1024;
const CALLS_PER_LOOK = 16;

export class EngineProcess {
  /** Resolves when the process is gone, and the system has forgotten it. */
  readonly ended: Promise<void>;
  readonly #options: ProcessOptions;
  readonly #child: ChildProcess | undefined;
  readonly #socket: Socket | undefined;
  readonly #reader = new ReplyReader();
  #sequence = 0;
  #pending: Pending | undefined;
  #ending: Ending | undefined;
  #isSealed = false;
  #isRefusingBytes = false;
  #hasPrinted = false;
  #baseline = 0;
  #bytesSinceLook = 0;
  #callsSinceLook = 0;

  constructor(options: ProcessOptions) {
    this.#options = options;
    let markEnded = (): void => undefined;
    this.ended = new Promise((resolve) => (markEnded = resolve));
    const child = this.#spawn();
    if (child === undefined) {
      markEnded();
      return;
    }
    this.#child = child;
    // A process that could not be started at all has no pid, sometimes no sockets, and will not exit.
    child.on('error', (cause) => {
      if (child.pid !== undefined) return;
      this.#end({ why: 'died', cause });
      markEnded();
    });
    child.once('exit', (exitCode, signal) => {
      this.#exited(exitCode, signal);
      markEnded();
    });
    child.unref();
    // Without free descriptors there is no `stdio` at all.
    this.#socket = (child.stdio as ChildProcess['stdio'] | undefined)?.[CHANNEL_FD] as Socket | undefined;
    this.#socket?.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket?.on('error', () => (this.#isRefusingBytes = true));
    // Whoever has closed its end and goes on living cannot be asked anything.
    this.#socket?.on('close', () => this.#ending === undefined && endProcess(child));
    this.#socket?.unref();
    for (const stream of [child.stdout, child.stderr]) this.#drain(stream as Socket | null);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isUsable(): boolean {
    // Its sockets may be closed before the system says that it has ended.
    return this.#isSealed && this.#ending === undefined && this.#socket?.destroyed === false;
  }

  /** Seals and loads the core. Rejects with an `H4Error`, and then the process is gone or about to go. */
  async start(): Promise<SealReport> {
    const { setup, limits, accept } = this.#options;
    const answer = await this.#ask(FRAME_KIND.start, 0, encodeMessage(setup), limits.startMillis, undefined, isText);
    if (answer === 'not-started') throw startError(this.#ending ?? { why: 'died' });
    if ('why' in answer) throw startError(answer);
    try {
      const report = readReport(answer);
      accept(report);
      this.#isSealed = true;
      this.#baseline = residentBytes(this.pid) ?? 0;
      return report;
    } catch (error) {
      this.#kill({ why: 'closed' });
      throw error;
    }
  }

  /** Rejects with `CallNotStarted` if the core has not seen the block, else with an `H4Error`. One call at a time. */
  async run(call: BlockCall, engineId: string): Promise<Uint8Array> {
    const { lane, bytes, rawLength } = call;
    const { limits } = this.#options;
    const answer = await this.#ask(
      FRAME_KIND[lane],
      lane === 'compress' ? 0 : rawLength,
      bytes,
      callTimeLimit(limits, bytes.length + rawLength),
      this.#baseline + limits.callMemoryBytes + 8 * Math.max(bytes.length, rawLength),
      (kind, length) => (kind === FRAME_KIND.result ? isResultLength(call, length) : isRefusal(kind, length)),
    );
    if (answer === 'not-started') throw new CallNotStarted();
    if ('why' in answer) throw endingError(answer, call, engineId);
    this.#bytesSinceLook += bytes.length + answer.payload.length;
    this.#callsSinceLook++;
    if (answer.kind === FRAME_KIND.result) return answer.payload;
    throw this.#refusal(answer, call, engineId);
  }

  /** Whether the process has kept so much memory that it is better replaced. To be asked between two calls. */
  hasGrown(): boolean {
    if (this.#bytesSinceLook < BYTES_PER_LOOK && this.#callsSinceLook < CALLS_PER_LOOK) return false;
    this.#bytesSinceLook = 0;
    this.#callsSinceLook = 0;
    return (residentBytes(this.pid) ?? 0) > this.#baseline + this.#options.limits.idleMemoryBytes;
  }

  /** Ends the process: by itself, as the other end of its sockets is gone, or else by force. */
  async stop(): Promise<void> {
    this.#ending ??= { why: 'closed' };
    if (this.#pending !== undefined) endProcess(this.#child);
    this.#socket?.destroy();
    this.#settle(this.#ending);
    const force = setTimeout(() => endProcess(this.#child), END_MILLIS).unref();
    await this.ended;
    clearTimeout(force);
  }

  #spawn(): ChildProcess | undefined {
    try {
      return spawn(process.execPath, [fileURLToPath(this.#options.entry)], {
        cwd: '/',
        env: Object.fromEntries(ENVIRONMENT.flatMap((name) => [[name, process.env[name]]])),
        // The fourth is the pair of sockets; both ends close when a process executes another program.
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        windowsHide: true,
      });
    } catch (cause) {
      this.#ending = { why: 'died', cause };
      return undefined;
    }
  }

  #drain(stream: Socket | null): void {
    let printed = 0;
    stream?.on('error', () => undefined);
    stream?.on('data', (chunk: Buffer) => {
      printed += chunk.length;
      if (printed > MAX_PRINTED_BYTES) stream.destroy();
      if (!this.#hasPrinted) this.#options.onPrinted();
      this.#hasPrinted = true;
    });
    stream?.unref();
  }

  #ask(
    kind: number,
    rawLength: number,
    payload: Uint8Array,
    millis: number,
    memoryLimit: number | undefined,
    allows: (kind: number, length: number) => boolean,
  ): Promise<Reply | Ending | 'not-started'> {
    return new Promise((settle) => {
      const socket = this.#socket;
      if (this.#ending !== undefined || socket === undefined || socket.destroyed) {
        settle(this.#ending?.why === 'closed' ? this.#ending : 'not-started');
        return;
      }
      const sequence = (this.#sequence = (this.#sequence + 1) >>> 0);
      this.#reader.expect({ sequence, allows });
      this.#pending = {
        settle,
        // The answer may have arrived while the event loop was busy with something else: it is read first.
        deadline: setTimeout(() => setImmediate(() => this.#overdue(sequence, millis)), millis).unref(),
        sampler: memoryLimit === undefined ? undefined : this.#watch(memoryLimit),
      };
      socket.cork();
      socket.write(encodeHeader({ kind, sequence, rawLength, length: payload.length }));
      socket.write(payload);
      socket.uncork();
    });
  }

  #watch(limit: number): NodeJS.Timeout {
    return setInterval(() => {
      const bytes = residentBytes(this.pid) ?? 0;
      if (bytes > limit) this.#kill({ why: 'memory', bytes, limit });
    }, this.#options.limits.sampleMillis).unref();
  }

  #overdue(sequence: number, millis: number): void {
    if (this.#pending !== undefined && this.#sequence === sequence) this.#kill({ why: 'timeout', millis });
  }

  #receive(chunk: Uint8Array): void {
    const reply = this.#reader.push(chunk);
    if (typeof reply === 'string') this.#kill({ why: 'bad-output', text: reply });
    else if (reply !== undefined) this.#settle(reply);
  }

  #refusal({ payload }: Reply, call: BlockCall, engineId: string): H4Error {
    const refusal = decodeRefusal(payload, CALL_CODES[call.lane]);
    if (refusal === undefined) {
      const ending: Ending = { why: 'bad-output', text: 'a refusal that cannot be read' };
      this.#kill(ending);
      return endingError(ending, call, engineId);
    }
    const { code, message } = refusal;
    if (code === 'H4_ENGINE_OUTPUT') {
      return new H4Error(code, message, { detail: { engine_id: engineId, expected: call.rawLength } });
    }
    if (code === 'H4_ENGINE_INPUT') {
      return new H4Error(code, message, { detail: { engine_id: engineId, length: call.bytes.length } });
    }
    // A core that has computed wrongly or trapped may have spoiled its memory: the next block gets another process.
    this.#kill({ why: 'refused', text: message });
    return new H4Error(code, message, { detail: { engine_id: engineId, bytes: call.bytes.length } });
  }

  #kill(ending: Ending): void {
    endProcess(this.#child);
    this.#end(ending);
  }

  #exited(exitCode: number | null, signal: NodeJS.Signals | null): void {
    const ending: Ending = { why: 'died', ...(signal === null ? { exitCode: exitCode ?? 0 } : { signal }) };
    const socket = this.#socket;
    if (this.#ending !== undefined || socket === undefined || socket.closed) {
      this.#end(ending);
      return;
    }
    // Its last answer may still be on the way, or the news that it has not read the request. Whom it has started may hold the
    // sockets open: those are not waited for.
    const patience = setTimeout(() => this.#end(ending), END_MILLIS).unref();
    socket.once('close', () => {
      clearTimeout(patience);
      this.#end(ending);
    });
  }

  #end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    // Before the call settles: until then the block is being read from the caller's memory.
    this.#socket?.destroy();
    if (this.#isSealed) this.#options.onLost(this, ending);
    this.#settle(ending.why === 'died' && this.#isRefusingBytes ? 'not-started' : ending);
  }

  #settle(answer: Reply | Ending | 'not-started'): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    clearTimeout(pending.deadline);
    clearInterval(pending.sampler);
    pending.settle(answer);
  }
}

function isResultLength({ lane, rawLength }: BlockCall, length: number): boolean {
  return lane === 'compress' ? length > 0 && length <= compressedCap(rawLength) : length === rawLength;
}

function isRefusal(kind: number, length: number): boolean {
  return kind === FRAME_KIND.refused && length <= MAX_TEXT_BYTES;
}

function isText(kind: number, length: number): boolean {
  return (kind === FRAME_KIND.ready || kind === FRAME_KIND.refused) && length <= MAX_TEXT_BYTES;
}

function readReport({ kind, payload }: Reply): SealReport {
  if (kind === FRAME_KIND.ready) {
    const report = decodeSealReport(payload);
    if (report !== undefined) return report;
  }
  const refusal = decodeRefusal(payload, START_CODES);
  if (refusal !== undefined) throw new H4Error(refusal.code, refusal.message);
  throw startError({ why: 'bad-output', text: 'its process gave an answer that is none' });
}
