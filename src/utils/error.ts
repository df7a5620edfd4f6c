/**
 * The one error class. What went wrong is told by `code`, which is stable and documented; the message is for people and
 * may change. Errors of other libraries never pass through bare: they become the `cause` of an `H4Error`.
 */

import { ERROR_CODES, type ErrorCode, type ErrorKind } from './error-codes.js';

export interface H4ErrorOptions {
  /** Facts for programs: offsets, lengths, limits. Never a secret and never a server's path: reports print it. */
  readonly detail?: Record<string, unknown>;
  readonly cause?: unknown;
}

export class H4Error extends Error {
  readonly code: ErrorCode;
  readonly detail: Readonly<Record<string, unknown>>;

  /** `message` says what was tried and both sides of the disagreement, without repeating the code. */
  constructor(code: ErrorCode, message: string, options: H4ErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'H4Error';
    this.code = code;
    this.detail = Object.freeze({ ...options.detail });
  }

  get kind(): ErrorKind {
    return ERROR_CODES[this.code].kind;
  }
}

/** Whether `value` is an `H4Error`, and of this code if one is given. */
export function isH4Error(value: unknown, code?: ErrorCode): value is H4Error {
  return value instanceof H4Error && (code === undefined || value.code === code);
}
