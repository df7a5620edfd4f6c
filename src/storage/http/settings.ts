/** How patient and how trusting an HTTP source is, with the defaults of what was not said. */

import { type HttpFetch, type Timers, globalFetch, globalTimers } from './transport.js';

export interface HttpOptions {
  readonly fetch?: HttpFetch;
  readonly timers?: Timers;
  /** Ends opening; each later read has a signal of its own. */
  readonly signal?: AbortSignal;
  /** The most of a complete body (status 200) that is kept in memory instead of ranges. Default: 8 MiB. */
  readonly maxWholeBytes?: number;
  /** Requests that one read may make until it has all its bytes. Default: 5. */
  readonly maxAttempts?: number;
  /** The wait before the second attempt; it doubles each time, up to 8 s, without jitter. Default: 250 ms. */
  readonly retryDelayMs?: number;
  /** No byte for so long ends an attempt. Default: 15 s. */
  readonly idleTimeoutMs?: number;
  /** A read ends after so long, whatever it waits for, plus the time its bytes take at the slowest speed. Default: 30 s. */
  readonly deadlineMs?: number;
  /** The slowest speed that is put up with: a slow drip that never idles ends all the same. Default: 64 KiB/s. */
  readonly minBytesPerSecond?: number;
  /**
   * Send a strong ETag back as `If-Match`, so that a server need not send bytes of a changed file. Off by default: across
   * origins it makes a browser ask for leave before every request, which many servers refuse. Every answer is compared
   * with the first one in any case.
   */
  readonly ifMatch?: boolean;
}

export type HttpSettings = Required<Omit<HttpOptions, 'signal'>>;

const MAX_RETRY_DELAY_MS = 8000;

export function settingsOf(options: HttpOptions): HttpSettings {
  return {
    fetch: options.fetch ?? globalFetch,
    timers: options.timers ?? globalTimers,
    maxWholeBytes: options.maxWholeBytes ?? 8 * 1024 * 1024,
    maxAttempts: options.maxAttempts ?? 5,
    retryDelayMs: options.retryDelayMs ?? 250,
    idleTimeoutMs: options.idleTimeoutMs ?? 15_000,
    deadlineMs: options.deadlineMs ?? 30_000,
    minBytesPerSecond: options.minBytesPerSecond ?? 64 * 1024,
    ifMatch: options.ifMatch ?? false,
  };
}

/** How long a read of so many bytes may take. */
export function deadlineFor(bytes: number, { deadlineMs, minBytesPerSecond }: HttpSettings): number {
  return deadlineMs + Math.ceil((bytes * 1000) / minBytesPerSecond);
}

/** The wait after attempt `attempt`, counted from 1. */
export function delayAfter(attempt: number, { retryDelayMs }: HttpSettings): number {
  return Math.min(retryDelayMs * 2 ** (attempt - 1), MAX_RETRY_DELAY_MS);
}
