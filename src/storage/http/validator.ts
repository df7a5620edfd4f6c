/**
 * By what two answers are known to come from one state of a file (RFC 9110, section 8.8). A strong ETag changes with every
 * byte; a weak one, or none, leaves Last-Modified and the length, which miss a change that keeps the length within one
 * second. What slips through is caught by the checks of the container.
 */

import type { HttpResponse } from './transport.js';

export interface Validator {
  readonly total: number;
  /** A strong ETag with its quotes. */
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

const STRONG = /^"[\x21\x23-\x7e\x80-\xff]*"$/;

export function validatorOf({ headers }: HttpResponse, total: number): Validator {
  const etag = headers.get('etag')?.trim() ?? '';
  return {
    total,
    etag: STRONG.test(etag) ? etag : undefined,
    lastModified: headers.get('last-modified')?.trim(),
  };
}

/** How `found` shows that it is not of the state `first`, or undefined if it does not. */
export function differenceOf(first: Validator, found: Validator): string | undefined {
  if (first.total !== found.total) return `it had ${first.total} bytes and has ${found.total}`;
  if (first.etag !== undefined) {
    if (first.etag === found.etag) return undefined;
    return found.etag === undefined ? 'the server no longer gives a strong ETag' : 'its ETag is another one';
  }
  return first.lastModified === found.lastModified
    ? undefined
    : 'the time of its last change (Last-Modified) is another one';
}
