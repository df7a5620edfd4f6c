/**
 * A file that is read once, from its first byte to its last, because its server answers no ranges. Nothing here is kept in
 * memory. Only silence ends it, no deadline: nobody knows how long a whole file may take.
 */

import { H4Error } from '../../utils/error.js';
import { parseAddress } from './address.js';
import { assertIdentity, contentLength, lie, refusalOf } from './answer.js';
import { HttpClient, type HttpStatistics } from './client.js';
import { Patience, TransientFailure } from './patience.js';
import { type HttpOptions, settingsOf } from './settings.js';
import type { HttpResponse } from './transport.js';

export interface HttpDownload extends HttpStatistics {
  /** The address, without what may be secret in it. */
  readonly name: string;
  /**
   * The whole file, once. Ends only where the announced length does; `H4_IO` if the answer breaks off, because there is no
   * going on without ranges. Until its first byte has come, it is tried again like any read.
   */
  pieces(): AsyncGenerator<Uint8Array, void>;
}

export function openHttpDownload(url: string, options: HttpOptions = {}): HttpDownload {
  const client = new HttpClient(parseAddress(url), settingsOf(options));
  return {
    name: client.address.name,
    get requests() {
      return client.requests;
    },
    get bytes() {
      return client.bytes;
    },
    get retries() {
      return client.retries;
    },
    get roundTrips() {
      return client.roundTrips;
    },
    pieces: () => pieces(client, options.signal),
  };
}

async function* pieces(client: HttpClient, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void> {
  const what = `Downloading ${client.address.name}`;
  const patience = new Patience({ settings: client.settings, bytes: 0, signal, what, withoutDeadline: true });
  const attempt = async (): Promise<HttpResponse> => {
    const response = await client.begin({}, patience);
    if (response.status === 200) return response;
    client.finish(patience);
    throw refusalOf(response, what);
  };
  try {
    const response = await patience.retrying(attempt, () => client.countRetry());
    try {
      yield* body(client, response, patience);
    } finally {
      client.finish(patience);
    }
  } finally {
    patience.end();
  }
}

async function* body(client: HttpClient, response: HttpResponse, patience: Patience): AsyncGenerator<Uint8Array, void> {
  const { what } = patience;
  assertIdentity(response, what);
  const length = contentLength(response, what);
  // Without it nobody knows whether all has come, and a body without end would fill the disk.
  if (length === undefined) throw lie(what, 'the server does not say how long the file is (no Content-Length)');
  let have = 0;
  try {
    for await (const piece of client.pieces(response, patience)) {
      have += piece.length;
      if (have > length) throw lie(what, `the server sends more than the ${length} bytes that it announced`);
      yield piece;
    }
  } catch (thrown) {
    if (!(thrown instanceof TransientFailure)) throw thrown;
    throw brokenOff(what, have, length, `: ${thrown.message}`, thrown.cause);
  }
  if (have < length) throw brokenOff(what, have, length, '');
}

function brokenOff(what: string, have: number, length: number, why: string, cause?: unknown): H4Error {
  return new H4Error('H4_IO', `${what} broke off after ${have} of ${length} bytes${why}; try again`, { cause });
}
