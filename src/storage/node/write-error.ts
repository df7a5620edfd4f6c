/** Whatever stopped a writer, as one of our errors. */

import { H4Error } from '../../utils/error.js';
import { causeOf, explain, type SystemFailure, systemFailure } from './system-error.js';

/** `thrown` itself if it already says what happened, else `H4_WRITE`. `tried` begins the message: `Cannot create <path>`. */
export function writeError(tried: string, thrown: unknown): H4Error {
  return thrown instanceof H4Error
    ? thrown
    : new H4Error('H4_WRITE', `${tried}: ${explain(systemFailure(thrown))}`, { cause: thrown });
}

/** The same for a failure of a write: the bytes before `position` have been written. */
export function writeFailureError(path: string, failure: SystemFailure & { readonly position: number }): H4Error {
  const { position } = failure;
  return new H4Error('H4_WRITE', `Cannot write to ${path} after ${position} bytes: ${explain(failure)}`, {
    detail: { position },
    cause: causeOf(failure),
  });
}
