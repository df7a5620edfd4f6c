/**
 * Errors as `application/problem+json` (RFC 9457). Every answer that is not a success has this one form, and what it says is
 * for strangers: no stack, and no message that can name a path of this machine.
 */
import type { FastifyError } from 'fastify';
import { ERROR_CODES, type ErrorCode, httpStatusOf } from '../utils/error-codes.js';
import { H4Error } from '../utils/error.js';
import { HOW_TO_SEND } from './upload.js';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly request_id: string;
  /** The parameter that is at fault. */
  readonly field?: string;
}

/** Their messages are for the operator and stand in the log: they name files, or nobody knows what they name. */
const PRIVATE: ReadonlySet<ErrorCode> = new Set([
  'H4_CORE_NOT_FOUND',
  'H4_CORE_LOAD',
  'H4_CORE_SYMBOL',
  'H4_CORE_MISMATCH',
  'H4_CORE_ALTERED',
  'H4_CORE_PIN',
  'H4_SIGNING_KEY',
  'H4_IO',
  'H4_WRITE',
  'H4_INTERNAL',
]);

export function problemOf({ code, message, detail }: H4Error, requestId: string): Problem {
  const { meaning } = ERROR_CODES[code];
  const { field } = detail;
  return {
    type: `urn:h4mk:error:${code}`,
    title: meaning,
    status: httpStatusOf(code),
    detail: PRIVATE.has(code) ? `${meaning} The log of the service has the details under this request_id.` : message,
    code,
    request_id: requestId,
    ...(typeof field === 'string' ? { field } : {}),
  };
}

/** Whatever was thrown, as one of our errors. What nobody expected is a defect of ours, and not the fault of the request. */
export function toH4Error(thrown: unknown): H4Error {
  if (thrown instanceof H4Error) {
    // Using our own objects out of order is no fault of the request.
    return thrown.code === 'H4_STATE' ? new H4Error('H4_INTERNAL', thrown.message, { cause: thrown }) : thrown;
  }
  const { statusCode, message } = thrown as Partial<FastifyError>;
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) {
    return new H4Error('H4_INTERNAL', String(message ?? thrown), { cause: thrown });
  }
  if (statusCode === 415) {
    return new H4Error('H4_MEDIA_TYPE', `Cannot take a body of this type: ${HOW_TO_SEND}`, { cause: thrown });
  }
  const code = statusCode === 413 ? 'H4_UPLOAD_LIMIT' : 'H4_PARAM';
  return new H4Error(code, `Cannot take this request: ${message ?? 'it is malformed'}`, { cause: thrown });
}
