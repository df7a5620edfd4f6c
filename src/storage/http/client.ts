/**
 * Sends requests, follows redirects, counts. Redirects are followed here and not by the platform, so that no hop leads from
 * https to http and credentials go to no other origin; where the platform hides them, as browsers do, it follows them and
 * only the end is checked. Where a redirect leads is remembered, or each read would cost two round trips.
 */

import { H4Error } from '../../utils/error.js';
import { type Address, redirected, withoutQueries } from './address.js';
import { GONE } from './answer.js';
import { type Patience, TransientFailure } from './patience.js';
import type { HttpSettings } from './settings.js';
import type { HttpResponse } from './transport.js';

export interface HttpStatistics {
  /** Requests sent, those that were redirected and those that failed included. */
  readonly requests: number;
  /** Bytes of bodies that arrived. */
  readonly bytes: number;
  /** Attempts beyond the first of their read. */
  readonly retries: number;
  /** Number of times a request began while no other was under way. */
  readonly roundTrips: number;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export class HttpClient implements HttpStatistics {
  readonly address: Address;
  readonly settings: HttpSettings;
  #requests = 0;
  #bytes = 0;
  #retries = 0;
  #roundTrips = 0;
  #underWay = 0;
  /** Where the last redirects led. */
  #location: Address;
  #redirect: 'manual' | 'follow' = 'manual';

  constructor(address: Address, settings: HttpSettings) {
    this.address = address;
    this.settings = settings;
    this.#location = address;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get retries(): number {
    return this.#retries;
  }

  get roundTrips(): number {
    return this.#roundTrips;
  }

  countRetry(): void {
    this.#retries++;
  }

  /** One request with its answer, which `use` reads as far as it wants: the connection is let go of afterwards. */
  async exchange<T>(
    headers: Readonly<Record<string, string>>,
    patience: Patience,
    use: (response: HttpResponse) => Promise<T>,
  ): Promise<T> {
    const response = await this.begin(headers, patience);
    try {
      return await use(response);
    } finally {
      this.finish(patience);
    }
  }

  /** One request with the head of its answer; `finish` must follow, unless this rejects. */
  async begin(headers: Readonly<Record<string, string>>, patience: Patience): Promise<HttpResponse> {
    this.#roundTrips += this.#underWay === 0 ? 1 : 0;
    this.#underWay++;
    try {
      return await this.#follow(headers, patience);
    } catch (thrown) {
      this.finish(patience);
      throw thrown;
    }
  }

  finish(patience: Patience): void {
    patience.endAttempt();
    this.#underWay--;
  }

  /** The pieces of a body. `TransientFailure` where it breaks off. */
  async *pieces({ body }: HttpResponse, patience: Patience): AsyncGenerator<Uint8Array, void> {
    if (body === null) return;
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#network(patience, reader.read(), 'the connection broke');
        if (done) return;
        if (value === undefined) continue;
        this.#bytes += value.length;
        yield value;
      }
    } finally {
      // Without effect on a body that has ended; one that has not may have no end.
      reader.cancel().catch(() => undefined);
    }
  }

  async #follow(headers: Readonly<Record<string, string>>, patience: Patience): Promise<HttpResponse> {
    const remembered = this.#location;
    let at = remembered;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      let response = await this.#send(at, headers, patience);
      if (response.type === 'opaqueredirect') {
        this.#redirect = 'follow';
        response = await this.#send(at, headers, patience);
      }
      // Throws where the platform let itself be led from https to http.
      if (this.#redirect === 'follow' && response.url !== '') redirected(at, response.url);
      if (!REDIRECTS.has(response.status)) {
        this.#location = at;
        if (hops === 0 && at !== this.address && GONE.has(response.status)) {
          this.#location = this.address;
          throw new TransientFailure(`the address that the server redirected to answers ${response.status} now`);
        }
        return response;
      }
      at = redirected(at, response.headers.get('location'));
      patience.endAttempt();
    }
    throw new H4Error('H4_IO', `${patience.what} failed: the server redirected ${MAX_REDIRECTS} times without end`);
  }

  #send(to: Address, headers: Readonly<Record<string, string>>, patience: Patience): Promise<HttpResponse> {
    const { origin, authorization } = this.address;
    const isOwn = authorization !== undefined && to.origin === origin;
    this.#requests++;
    const sent = this.settings.fetch(to.href, {
      method: 'GET',
      // What a browser does not let a program set, it sends so by itself together with a Range.
      headers: { 'Accept-Encoding': 'identity', ...headers, ...(isOwn ? { Authorization: authorization } : {}) },
      redirect: this.#redirect,
      // Caches of browsers mix ranges of different states of a file, and fail on ranges that they have in part.
      cache: 'no-store',
      credentials: 'same-origin',
      signal: patience.beginAttempt(),
    });
    return this.#network(patience, sent, 'the server cannot be reached');
  }

  /** Waits for the network; whatever it throws may pass. */
  async #network<T>(patience: Patience, work: Promise<T>, what: string): Promise<T> {
    return patience.wait(
      work.catch((thrown: unknown) => {
        throw new TransientFailure(`${what} (${reasonOf(thrown)})`, { cause: thrown });
      }),
    );
  }
}

/** The network's own words, which Node has in the cause of a `fetch failed`. */
function reasonOf(thrown: unknown): string {
  const inner = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  return withoutQueries(inner instanceof Error ? inner.message || inner.name : String(inner));
}
