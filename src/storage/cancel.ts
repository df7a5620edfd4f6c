/** How sources honour an `AbortSignal`: the caller is told at once, whatever the work that can no longer be stopped does. */

import { H4Error } from '../utils/error.js';

/** Throws `H4_CANCELLED` if `signal` has been aborted. `what` completes the sentence "... was cancelled". */
export function assertNotCancelled(signal: AbortSignal | undefined, what: () => string): void {
  if (signal?.aborted === true) {
    throw cancelled(signal, what);
  }
}

/** Settles as `work` does, or rejects with `H4_CANCELLED` as soon as `signal` is aborted, even if `work` never ends. */
export function orCancelled<T>(work: Promise<T>, signal: AbortSignal | undefined, what: () => string): Promise<T> {
  if (signal === undefined) {
    return work;
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(cancelled(signal, what));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) {
      onAbort();
    }
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}

function cancelled(signal: AbortSignal, what: () => string): H4Error {
  return new H4Error('H4_CANCELLED', `${what()} was cancelled`, { cause: signal.reason });
}
