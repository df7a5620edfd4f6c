/**
 * A source with a memory, for sources whose every read is a request: pages, of which the least recently used go first, and
 * read-ahead for who reads on and on. Each read costs at most one request, as without it; reads that want the same pages at
 * the same time share one. What waits for its page is not counted against the budget, what is held is, to the byte.
 */

import type { ByteSource } from '../container/io/io.js';
import { H4Error } from '../utils/error.js';
import { assertNotCancelled, orCancelled } from './cancel.js';
import { PageStore } from './page-store.js';
import { assertRange } from './range.js';

export interface CacheOptions {
  /** The most bytes that pages hold together. Reads of more than a quarter of it pass by. Default: 16 MiB. */
  readonly budgetBytes?: number;
  /** What is read and kept at once, from multiples of it on. Default: 64 KiB. */
  readonly pageBytes?: number;
  /** The most that is read beyond what was asked, once access was seen to be sequential. Default: 1 MiB. */
  readonly readAheadBytes?: number;
}

export interface CachedSource extends ByteSource {
  /** Reads that needed no request of their own. */
  readonly hits: number;
  /** Reads that made a request. */
  readonly misses: number;
  /** Bytes that pages hold at the moment. */
  readonly heldBytes: number;
}

/** A source that tells what it holds in memory itself. */
interface KeepingSource extends ByteSource {
  kept(start: number, end: number): Uint8Array | undefined;
}

/** Sequential reads in a row before anything is read ahead. */
const READS_IN_A_ROW = 2;

/** Passes on what is not in memory to `source`, which it then owns. */
export function createCachedSource(source: ByteSource, options: CacheOptions = {}): CachedSource {
  const { budgetBytes = 16 * 1024 * 1024, pageBytes = 64 * 1024, readAheadBytes = 1024 * 1024 } = options;
  const isSound = [budgetBytes, pageBytes, readAheadBytes].every((bytes) => Number.isSafeInteger(bytes) && bytes >= 0);
  if (!isSound || pageBytes === 0 || pageBytes > budgetBytes) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot cache ${budgetBytes} bytes in pages of ${pageBytes}, reading ${readAheadBytes} ahead: at least one page ` +
        'has to fit',
    );
  }
  return new PagedSource(source, { budgetBytes, pageBytes, readAheadBytes });
}

/** One request for a run of pages, for whoever waits for any of them. */
interface Flight {
  readonly firstPage: number;
  readonly bytes: Promise<Uint8Array>;
  readonly controller: AbortController;
  waiters: number;
}

class PagedSource implements CachedSource {
  readonly size: number;
  readonly #source: ByteSource | KeepingSource;
  readonly #options: Required<CacheOptions>;
  readonly #pages: PageStore;
  /** Who is fetching a page. */
  readonly #flights = new Map<number, Flight>();
  #hits = 0;
  #misses = 0;
  #isClosed = false;
  /** Where the last read ended, and how many before it began about where the one before them ended. */
  #lastEnd = -Infinity;
  #inARow = 0;

  constructor(source: ByteSource, options: Required<CacheOptions>) {
    this.#source = source;
    this.#options = options;
    this.#pages = new PageStore(options.budgetBytes);
    this.size = source.size;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  get heldBytes(): number {
    return this.#pages.bytes;
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    const what = (): string => `Reading [${start}, ${end})`;
    if (this.#isClosed) throw closedError();
    assertRange(start, end, this.size, 'a cached source');
    assertNotCancelled(signal, what);
    this.#noteAccess(start, end);
    const kept = 'kept' in this.#source ? this.#source.kept(start, end) : undefined;
    if (kept !== undefined || start === end) {
      this.#hits++;
      return kept ?? new Uint8Array(0);
    }
    if (end - start > this.#options.budgetBytes / 4) {
      this.#misses++;
      return this.#source.read(start, end, signal);
    }
    return this.#readPages(start, end, signal, what);
  }

  async #readPages(
    start: number,
    end: number,
    signal: AbortSignal | undefined,
    what: () => string,
  ): Promise<Uint8Array> {
    const { pageBytes } = this.#options;
    const target = new Uint8Array(end - start);
    const put = (offset: number, bytes: Uint8Array): void => {
      const [from, to] = [Math.max(start, offset), Math.min(end, offset + bytes.length)];
      target.set(bytes.subarray(from - offset, to - offset), from - start);
    };
    const missing: number[] = [];
    const flights = new Set<Flight>();
    for (let page = Math.floor(start / pageBytes); page * pageBytes < end; page++) {
      // Copied at once: it may be gone when the others have come.
      const bytes = this.#pages.get(page);
      const flight = this.#flights.get(page);
      if (bytes !== undefined) put(page * pageBytes, bytes);
      else if (flight !== undefined) flights.add(flight);
      else missing.push(page);
    }
    const [first, last] = [missing[0], missing.at(-1)];
    if (first === undefined || last === undefined) {
      this.#hits++;
    } else {
      this.#misses++;
      flights.add(this.#fetch(first, this.#endWithReadAhead(last)));
    }
    await Promise.all(
      Array.from(flights, async (flight) => {
        put(flight.firstPage * pageBytes, await this.#join(flight, signal, what));
      }),
    );
    return target;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pages.clear();
    const flights = new Set(this.#flights.values());
    this.#flights.clear();
    await this.#source.close();
    for (const { controller } of flights) controller.abort();
  }

  #noteAccess(start: number, end: number): void {
    const gap = start - this.#lastEnd;
    this.#inARow = gap >= 0 && gap <= this.#options.pageBytes ? this.#inARow + 1 : 0;
    this.#lastEnd = end;
  }

  /**
   * The page before which a request for pages up to `last` ends. What is read ahead comes with the same request, and doubles
   * with every sequential read: a second request might be one that nobody needed.
   */
  #endWithReadAhead(last: number): number {
    const { pageBytes, readAheadBytes, budgetBytes } = this.#options;
    let stop = last + 1;
    if (this.#inARow < READS_IN_A_ROW) return stop;
    const grown = pageBytes * 2 ** Math.min(this.#inARow - READS_IN_A_ROW, 40);
    const ahead = Math.floor(Math.min(grown, readAheadBytes, budgetBytes / 4) / pageBytes);
    const limit = Math.min(stop + ahead, Math.ceil(this.size / pageBytes));
    while (stop < limit && !this.#pages.has(stop) && !this.#flights.has(stop)) stop++;
    return stop;
  }

  /** Asks for the pages `[first, stop)`: one request, even if some between them are here or on their way. */
  #fetch(first: number, stop: number): Flight {
    const { pageBytes } = this.#options;
    const controller = new AbortController();
    const bytes = this.#source.read(first * pageBytes, Math.min(stop * pageBytes, this.size), controller.signal);
    const flight: Flight = { firstPage: first, bytes, controller, waiters: 0 };
    for (let page = first; page < stop; page++) this.#flights.set(page, flight);
    bytes.then(
      (run) => {
        if (this.#release(flight)) this.#pages.addRun(first, run, pageBytes);
      },
      () => this.#release(flight),
    );
    return flight;
  }

  /** The bytes of a flight. Whoever gives up leaves it to the others; the last one ends it. */
  async #join(flight: Flight, signal: AbortSignal | undefined, what: () => string): Promise<Uint8Array> {
    flight.waiters++;
    try {
      return await orCancelled(flight.bytes, signal, what);
    } catch (error) {
      if (this.#isClosed) throw closedError();
      throw error;
    } finally {
      flight.waiters--;
      if (flight.waiters === 0) {
        this.#release(flight);
        flight.controller.abort();
      }
    }
  }

  /** Nobody is to join this flight any more. Whether it was still there to be joined. */
  #release(flight: Flight): boolean {
    let isHere = false;
    for (const [page, each] of this.#flights) {
      if (each !== flight) continue;
      this.#flights.delete(page);
      isHere = true;
    }
    return isHere;
  }
}

function closedError(): H4Error {
  return new H4Error('H4_STATE', 'Cannot read a cached source after it has been closed');
}
