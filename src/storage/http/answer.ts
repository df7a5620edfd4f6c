/**
 * What the head of an answer says, and whether it may be believed (spec/h4mk.md section 9.6). A server, or whoever stands
 * between, may lie about everything here: what does not fit exactly what was asked is refused before a byte of the body is
 * read. That the bytes themselves are right is not known here; the container checks that.
 */

import { H4Error } from '../../utils/error.js';
import { TransientFailure } from './patience.js';
import type { HttpResponse } from './transport.js';

/** Bytes `[start, end)`, of which only `start` need exist while the size is not known; or the last ones. */
export type Asked = { readonly start: number; readonly end: number } | { readonly suffix: number };

export type Answer =
  | { readonly kind: 'part'; readonly start: number; readonly end: number; readonly total: number | undefined }
  /** The complete file, although a range was asked for. */
  | { readonly kind: 'whole'; readonly declared: number | undefined }
  /** There is nothing at the range: the file has `total` bytes. */
  | { readonly kind: 'unsatisfied'; readonly total: number };

/** Failures that pass: of the network, of a server that is busy or restarts. */
const TRANSIENT: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** Statuses that an expired link has: worth asking the first address again for another. */
export const GONE: ReadonlySet<number> = new Set([401, 403, 404, 410]);

const ADVICE: ReadonlyMap<number, string> = new Map([
  [401, 'it wants to know who asks; put user:password@ before the host'],
  [403, 'it does not let you read this; a signed link may have expired'],
  [404, 'there is nothing at this address'],
  [410, 'it is gone for good'],
]);

export function rangeHeader(asked: Asked): string {
  return 'suffix' in asked ? `bytes=-${asked.suffix}` : `bytes=${asked.start}-${asked.end - 1}`;
}

/** Reads the head of the answer to `asked`. `what` begins the sentence "... failed". */
export function readAnswer(response: HttpResponse, asked: Asked, what: string): Answer {
  switch (response.status) {
    case 206:
      assertIdentity(response, what);
      return readPart(response, asked, what);
    case 200:
      assertIdentity(response, what);
      return { kind: 'whole', declared: contentLength(response, what) };
    case 416:
      return { kind: 'unsatisfied', total: readUnsatisfied(response, what) };
    default:
      throw refusalOf(response, what);
  }
}

/** What an answer without content means. */
export function refusalOf(response: HttpResponse, what: string): Error {
  const { status } = response;
  if (TRANSIENT.has(status)) {
    return new TransientFailure(`the server answered ${status}`, { retryAfterMs: retryAfterMs(response) });
  }
  if (status === 412) return changed(what, 'the server says that it is another file now');
  const advice = ADVICE.get(status);
  return new H4Error(
    'H4_IO',
    `${what} failed: the server answered ${status}${advice === undefined ? '' : `: ${advice}`}`,
    { detail: { status } },
  );
}

/** Nothing may have been compressed on the way: ranges and lengths would count other bytes. */
export function assertIdentity(response: HttpResponse, what: string): void {
  const encoding = response.headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    throw lie(
      what,
      `the server sends the file encoded (Content-Encoding: ${shortened(encoding)}); it must send it as it is`,
    );
  }
}

function readPart(response: HttpResponse, asked: Asked, what: string): Answer {
  if (/^multipart\//i.test(response.headers.get('content-type') ?? '')) {
    throw lie(what, 'the server answered one range with several parts (multipart/byteranges)');
  }
  const header = response.headers.get('content-range');
  if (header === null) {
    throw lie(
      what,
      'the server does not say which bytes it sends (no Content-Range); in a browser, a server of another origin has to ' +
        'expose that: Access-Control-Expose-Headers: Content-Range, ETag',
    );
  }
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(header.trim());
  const [start, last] = [Number(match?.[1]), Number(match?.[2])];
  const total = match?.[3] === '*' ? undefined : Number(match?.[3]);
  const [wantedStart, wantedEnd] = wanted(asked, total);
  if (match === null || start !== wantedStart || last + 1 !== wantedEnd) {
    throw lie(what, `the server was asked for ${rangeHeader(asked)} and answered Content-Range: ${shortened(header)}`);
  }
  const length = contentLength(response, what);
  if (length !== undefined && length !== wantedEnd - start) {
    throw lie(what, `the server announces ${length} bytes (Content-Length) for a range of ${wantedEnd - start}`);
  }
  return { kind: 'part', start, end: wantedEnd, total };
}

/** The bytes that an exact answer has in a file of `total` bytes. A range that ends behind the file ends with it. */
function wanted(asked: Asked, total: number | undefined): readonly [start: number, end: number] {
  if (!('suffix' in asked)) return [asked.start, Math.min(asked.end, total ?? asked.end)];
  return total === undefined ? [NaN, NaN] : [Math.max(0, total - asked.suffix), total];
}

function readUnsatisfied(response: HttpResponse, what: string): number {
  const header = response.headers.get('content-range')?.trim() ?? '';
  const match = /^bytes \*\/(\d{1,16})$/i.exec(header);
  const total = Number(match?.[1]);
  if (!Number.isSafeInteger(total)) {
    throw lie(what, 'the server answered 416 (there are no such bytes) without saying how many there are');
  }
  return total;
}

/** The declared length of the body, if there is one. */
export function contentLength(response: HttpResponse, what: string): number | undefined {
  const header = response.headers.get('content-length');
  if (header === null) return undefined;
  const length = /^\d{1,16}$/.test(header.trim()) ? Number(header) : NaN;
  if (!Number.isSafeInteger(length))
    throw lie(what, `the server announces ${shortened(header)} bytes (Content-Length)`);
  return length;
}

/** Seconds, or a date: that one is compared with the clock of the server, because nobody else's counts. */
function retryAfterMs(response: HttpResponse): number {
  const header = response.headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const wait = Date.parse(header) - Date.parse(response.headers.get('date') ?? '');
  return Number.isFinite(wait) ? Math.max(0, wait) : 0;
}

/** H4_HTTP_RANGE: a server that ignores ranges or misreports them. */
export function lie(what: string, why: string, detail: Record<string, unknown> = {}): H4Error {
  return new H4Error('H4_HTTP_RANGE', `${what} failed: ${why}`, { detail });
}

export function changed(what: string, why: string): H4Error {
  return new H4Error(
    'H4_IO',
    `${what} failed: the file changed while it was read: ${why}; open it again, or read a copy that nobody writes to`,
    { detail: { changed: true } },
  );
}

/** Headers of others, cut to what a message can hold. */
function shortened(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
