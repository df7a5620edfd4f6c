/**
 * A file behind an HTTP server, read by ranges (spec/h4mk.md section 9.6). Opening costs two requests in one round trip,
 * for the first and the last 64 KiB, which are kept: they are what opening a recording reads. Every answer is held to what
 * was asked and to the state that the first answer showed; what breaks off goes on where it broke off.
 */

import type { ByteSource } from '../container/io/io.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { assertNotCancelled } from './cancel.js';
import { parseAddress } from './http/address.js';
import { lie } from './http/answer.js';
import { HttpClient, type HttpStatistics } from './http/client.js';
import { Patience } from './http/patience.js';
import { type Fetched, RangeFetcher, type Window } from './http/range-fetcher.js';
import { type HttpOptions, settingsOf } from './http/settings.js';
import { assertRange } from './range.js';

/** What opening asks for at either end: exactly what opening a recording reads. */
const EDGE_BYTES = 64 * 1024;
/** The most that one read may ask for: more is one allocation that a caller should not want. */
const MAX_READ_BYTES = 1024 * 1024 * 1024;

export interface HttpSourceOptions extends HttpOptions {
  /**
   * The file is still being written: its ETag, Last-Modified and length may change from answer to answer, but the length
   * only grows. Opening then asks for nothing, and `size` is what the caller says.
   */
  readonly growing?: boolean;
  /** With `growing`: how many bytes of the file belong to this source, for instance up to an index point. */
  readonly size?: number;
}

export interface HttpSource extends ByteSource, HttpStatistics {
  /** The address, without what may be secret in it: user name, password and query. */
  readonly name: string;
  /** The bytes `[start, end)` if they are in memory anyway, so that a cache need not hold them a second time. */
  kept(start: number, end: number): Uint8Array | undefined;
}

/**
 * Opens the file at `url`. `H4_HTTP_RANGE` for a server that ignores ranges (unless the file is small) or answers others,
 * `H4_IO` for whatever else keeps it from being read. A user name and password in `url` go to its origin only.
 */
export async function openHttpSource(url: string, options: HttpSourceOptions = {}): Promise<HttpSource> {
  const client = new HttpClient(parseAddress(url), settingsOf(options));
  const { growing = false, size, signal } = options;
  if (growing !== (size !== undefined) || (size !== undefined && !(Number.isSafeInteger(size) && size >= 0))) {
    throw new H4Error('H4_PARAM', `Cannot open ${client.address.name}: a growing file, and no other, needs its size`);
  }
  const source = new HttpRangeSource(client, size);
  if (!growing) await source.open(signal);
  return source;
}

class HttpRangeSource implements HttpSource {
  readonly #client: HttpClient;
  readonly #fetcher: RangeFetcher;
  readonly #windows: Window[] = [];
  readonly #readings = new Set<Patience>();
  #size: number;
  #isClosed = false;

  constructor(client: HttpClient, growingSize: number | undefined) {
    this.#client = client;
    this.#fetcher = new RangeFetcher(client, growingSize);
    this.#size = growingSize ?? 0;
  }

  get name(): string {
    return this.#client.address.name;
  }

  get size(): number {
    return this.#size;
  }

  get requests(): number {
    return this.#client.requests;
  }

  get bytes(): number {
    return this.#client.bytes;
  }

  get retries(): number {
    return this.#client.retries;
  }

  get roundTrips(): number {
    return this.#client.roundTrips;
  }

  async open(signal: AbortSignal | undefined): Promise<void> {
    const what = `Opening ${this.name}`;
    assertNotCancelled(signal, () => what);
    const tail = this.#begin(what, EDGE_BYTES, signal);
    // Not every server knows ranges that count from the end. Without them the tail is read like any other range, later.
    const tailDone = this.#fetcher.fetch({ suffix: EDGE_BYTES }, tail, { once: true }).then(
      (fetched) => this.#keep(fetched),
      (error: unknown) => {
        if (isH4Error(error) && error.detail['changed'] === true) throw error;
      },
    );
    tailDone.catch(() => undefined);
    try {
      this.#size = await this.#openHead(what, signal);
      const isComplete = this.#fetcher.whole !== undefined || this.#size <= EDGE_BYTES;
      if (isComplete) tail.stop(new H4Error('H4_STATE', 'The first bytes were all'));
      await tailDone;
    } finally {
      tail.stop(new H4Error('H4_STATE', 'Opening has ended'));
      this.#finish(tail);
    }
    // Who cancelled while only the end was awaited is told so too.
    assertNotCancelled(signal, () => what);
  }

  /** Reads the first bytes and gives the size of the file. */
  async #openHead(what: string, signal: AbortSignal | undefined): Promise<number> {
    const head = this.#begin(what, EDGE_BYTES, signal);
    try {
      let fetched = await this.#fetcher.fetch({ start: 0, end: EDGE_BYTES }, head);
      if ('total' in fetched) {
        const { total } = fetched;
        if (total === 0) return 0;
        // Some servers refuse a range that ends behind the file, instead of ending it with the file.
        if (total < EDGE_BYTES) fetched = await this.#fetcher.fetch({ start: 0, end: total }, head);
      }
      if ('whole' in fetched) return fetched.whole.length;
      if ('total' in fetched) throw lie(what, 'the server says that the file has no beginning (416)');
      this.#keep(fetched);
      return this.#fetcher.total;
    } finally {
      this.#finish(head);
    }
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    const what = `Reading [${start}, ${end}) of ${this.name}`;
    if (this.#isClosed) throw new H4Error('H4_STATE', `Cannot read ${this.name} after it has been closed`);
    assertRange(start, end, this.size, this.name);
    assertNotCancelled(signal, () => what);
    const kept = this.kept(start, end);
    if (kept !== undefined) return kept;
    if (end - start > MAX_READ_BYTES) {
      throw new H4Error('H4_PARAM', `Cannot read ${end - start} bytes at once: the limit is ${MAX_READ_BYTES}`);
    }
    const patience = this.#begin(what, end - start, signal);
    try {
      const fetched = await this.#fetcher.fetch({ start, end }, patience);
      if ('bytes' in fetched) return fetched.bytes;
      if ('whole' in fetched) return fetched.whole.subarray(start, end);
      throw lie(what, `the server says that there are no such bytes (416), of ${this.size}`);
    } finally {
      this.#finish(patience);
    }
  }

  kept(start: number, end: number): Uint8Array | undefined {
    if (this.#isClosed) return undefined;
    if (start === end) return new Uint8Array(0);
    if (this.#fetcher.whole !== undefined) return this.#fetcher.whole.subarray(start, end);
    const window = this.#windows.find((each) => start >= each.start && end <= each.start + each.bytes.length);
    return window?.bytes.subarray(start - window.start, end - window.start);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#windows.length = 0;
    this.#fetcher.clear();
    for (const reading of this.#readings) {
      reading.stop(new H4Error('H4_STATE', `${reading.what} was ended: the source has been closed`));
    }
    return Promise.resolve();
  }

  #begin(what: string, bytes: number, signal: AbortSignal | undefined): Patience {
    const patience = new Patience({ settings: this.#client.settings, bytes, signal, what });
    this.#readings.add(patience);
    return patience;
  }

  #finish(patience: Patience): void {
    patience.end();
    this.#readings.delete(patience);
  }

  #keep(fetched: Fetched): void {
    if ('bytes' in fetched) this.#windows.push(fetched);
  }
}
