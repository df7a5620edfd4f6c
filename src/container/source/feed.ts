/** Consecutive pieces of bytes: what a walk from the first byte to the last consumes. */
import { H4Error } from '../../utils/error.js';
import type { ByteSource } from '../io/io.js';

export interface ByteFeed {
  /** Total length where it is known; a stream that still grows has none. */
  readonly size: number | undefined;
  /** The next piece, or undefined at the end. Pieces are not empty and are not reused. */
  next(): Promise<Uint8Array | undefined>;
}

/** Passes a feed on, and remembers how much has passed and what its last bytes were. */
export class WatchedFeed implements ByteFeed {
  readonly size: number | undefined;
  readonly #feed: ByteFeed;
  readonly #kept: Uint8Array;
  #bytes = 0;

  /** @param keepBytes how many of the last bytes to remember */
  constructor(feed: ByteFeed, keepBytes: number) {
    this.#feed = feed;
    this.size = feed.size;
    this.#kept = new Uint8Array(keepBytes);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The last bytes that have passed, as many as are remembered. */
  get lastBytes(): Uint8Array {
    return this.#kept.subarray(Math.max(0, this.#kept.length - this.#bytes));
  }

  async next(): Promise<Uint8Array | undefined> {
    const piece = await this.#feed.next();
    if (piece === undefined) return undefined;
    const fresh = piece.subarray(Math.max(0, piece.length - this.#kept.length));
    this.#kept.copyWithin(0, fresh.length);
    this.#kept.set(fresh, this.#kept.length - fresh.length);
    this.#bytes += piece.length;
    return piece;
  }
}

export interface SourceFeedOptions {
  /** First byte to read. Default 0. */
  readonly start?: number;
  readonly pieceBytes?: number;
  readonly signal?: AbortSignal;
}

/** Large enough that reading costs little, small enough that what the collector has not yet taken stays small, too. */
const PIECE_BYTES = 1024 * 1024;

/** Reads a source from front to back, always one piece ahead of its consumer. */
export const createSourceFeed = (
  source: Pick<ByteSource, 'size' | 'read'>,
  options: SourceFeedOptions = {},
): ByteFeed => {
  const { start = 0, pieceBytes = PIECE_BYTES, signal } = options;
  if (!Number.isSafeInteger(pieceBytes) || pieceBytes < 1) {
    throw new H4Error('H4_PARAM', `A piece has at least one byte, not ${pieceBytes}`);
  }
  let position = start;
  const read = (): Promise<Uint8Array> | undefined => {
    if (position >= source.size) return undefined;
    const from = position;
    position = Math.min(position + pieceBytes, source.size);
    const piece = source.read(from, position, signal);
    // The failure of a piece read ahead surfaces when it is asked for, and never as an unhandled rejection before.
    piece.catch(() => undefined);
    return piece;
  };
  let ahead: Promise<Uint8Array> | undefined;
  let started = false;
  return {
    size: source.size,
    async next() {
      if (!started) {
        started = true;
        ahead = read();
      }
      const piece = await ahead;
      ahead = read();
      return piece;
    },
  };
};

/** Feeds whatever an iterable yields, for instance a stream of unknown length. */
export const createIterableFeed = (pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): ByteFeed => {
  const iterator: AsyncIterator<Uint8Array, unknown> | Iterator<Uint8Array, unknown> =
    Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  return {
    size: undefined,
    async next() {
      for (;;) {
        const result = await iterator.next();
        if (result.done === true) return undefined;
        if (result.value.length > 0) return result.value;
      }
    },
  };
};
