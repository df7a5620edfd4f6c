/**
 * How long a read waits, and for whom it stops: its deadline, an attempt that idles, a caller who cancels, a source that is
 * closed. Every wait goes through here, so that none can outlast these, even if the platform ignores its abort signal.
 */

import { H4Error } from '../../utils/error.js';
import { type HttpSettings, deadlineFor, delayAfter } from './settings.js';

/** Why an attempt failed that may be repeated: asking for a range twice changes nothing. */
export class TransientFailure extends Error {
  /** How long the server asked to wait. */
  readonly retryAfterMs: number;

  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

export interface PatienceOptions {
  readonly settings: HttpSettings;
  readonly bytes: number;
  readonly signal: AbortSignal | undefined;
  /** Begins the sentence "... was cancelled". */
  readonly what: string;
  /** Only silence ends it: for what has no size to measure a deadline by. */
  readonly withoutDeadline?: boolean;
}

export class Patience {
  readonly what: string;
  readonly #settings: HttpSettings;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #deadlineMs = Infinity;
  #deadline: unknown;
  #isExtended = false;
  #attempt = new AbortController();
  #stopped: H4Error | undefined;
  #onStop: ((error: H4Error) => void) | undefined;

  constructor({ settings, bytes, signal, what, withoutDeadline = false }: PatienceOptions) {
    this.what = what;
    this.#settings = settings;
    this.#signal = signal;
    this.#onAbort = () => {
      this.stop(new H4Error('H4_CANCELLED', `${what} was cancelled`, { cause: signal?.reason }));
    };
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
    if (!withoutDeadline) this.#setDeadline(bytes);
  }

  #setDeadline(bytes: number): void {
    const { timers } = this.#settings;
    timers.clear(this.#deadline);
    this.#deadlineMs = deadlineFor(bytes, this.#settings);
    this.#deadline = timers.set(() => {
      this.stop(
        new H4Error('H4_IO', `${this.what} took longer than ${this.#deadlineMs / 1000} s: the server is too slow`),
      );
    }, this.#deadlineMs);
  }

  /** More comes than was asked for: begins the deadline anew, once, for so many bytes. */
  extend(bytes: number): void {
    if (!this.#isExtended) this.#setDeadline(bytes);
    this.#isExtended = true;
  }

  /** Ends whatever is waited for now or later with `error`. */
  stop(error: H4Error): void {
    this.#stopped ??= error;
    this.#attempt.abort(this.#stopped);
    this.#onStop?.(this.#stopped);
  }

  /** A signal for the requests of one attempt. */
  beginAttempt(): AbortSignal {
    this.#attempt = new AbortController();
    if (this.#stopped !== undefined) this.#attempt.abort(this.#stopped);
    return this.#attempt.signal;
  }

  /** Lets go of the connection, unless the answer has been read to its end. */
  endAttempt(): void {
    this.#attempt.abort();
  }

  /** Settles as `work` does, or fails when nothing has come for too long. */
  async wait<T>(work: Promise<T>): Promise<T> {
    const { idleTimeoutMs, timers } = this.#settings;
    let timer: unknown;
    const silence = new Promise<never>((_, reject) => {
      timer = timers.set(() => {
        reject(new TransientFailure(`nothing came for ${idleTimeoutMs / 1000} s`));
      }, idleTimeoutMs);
    });
    return this.#unlessStopped(Promise.race([work, silence])).finally(() => timers.clear(timer));
  }

  /** Gives `attempt` as many chances as the settings allow. `onRetry` is told of each further one. */
  async retrying<T>(attempt: () => Promise<T>, onRetry: () => void): Promise<T> {
    const { maxAttempts } = this.#settings;
    for (let count = 1; ; count++) {
      try {
        return await attempt();
      } catch (thrown) {
        if (!(thrown instanceof TransientFailure)) throw thrown;
        if (count >= maxAttempts) throw this.#givenUp(thrown, count, '');
        const delay = Math.max(delayAfter(count, this.#settings), thrown.retryAfterMs);
        if (delay > this.#deadlineMs) {
          throw this.#givenUp(thrown, count, `, and asks to wait ${Math.ceil(delay / 1000)} s`);
        }
        onRetry();
        await this.#sleep(delay);
      }
    }
  }

  /** No timer and no listener outlives a read. */
  end(): void {
    this.endAttempt();
    this.#settings.timers.clear(this.#deadline);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  async #sleep(milliseconds: number): Promise<void> {
    const { timers } = this.#settings;
    let timer: unknown;
    const pause = new Promise<void>((resolve) => {
      timer = timers.set(resolve, milliseconds);
    });
    await this.#unlessStopped(pause).finally(() => timers.clear(timer));
  }

  #unlessStopped<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#onStop = reject;
      work.then(resolve, reject);
      if (this.#stopped !== undefined) reject(this.#stopped);
    });
  }

  #givenUp(failure: TransientFailure, attempts: number, more: string): H4Error {
    const after = attempts === 1 ? '' : ` (after ${attempts} attempts)`;
    return new H4Error('H4_IO', `${this.what} failed: ${failure.message}${more}${after}`, {
      detail: { attempts },
      cause: failure.cause,
    });
  }
}
