/** Bytes on the wire that are no HTTP request: the answer is written by hand, because there is no request to answer. */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { H4Error } from '../../utils/error.js';
import { PROBLEM_TYPE, problemOf } from '../problem.js';

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

export function refuseBrokenRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  const code = error.code ?? '';
  if (code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_BY_CODE[code] ?? 400;
  const requestId = randomUUID();
  const refusal = new H4Error('H4_PARAM', `This is no HTTP request: ${STATUS_CODES[status] ?? ''}`);
  const body = JSON.stringify({ ...problemOf(refusal, requestId), status });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
