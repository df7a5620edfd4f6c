/**
 * Follows a file while it grows. What may be read is what its writer has made known: everything up to the TAIL in the sidecar
 * (spec/h4mk.md section 9.3), or where there is none, what is there. A file that loses what had been made known is
 * refused: it would tell another history.
 */

import { H4Error } from '../utils/error.js';

/** How much of a growing file may be read now. */
export interface Growth {
  readonly end: number;
  /** Whether its writer has closed it: no more will come. */
  readonly isFinal: boolean;
}

/** A file that grows, wherever it is. */
export interface GrowingBytes {
  /** What messages call it. */
  readonly name: string;
  look(): Promise<Growth>;
  /** Exactly these bytes, which a look has shown to be there. */
  read(start: number, end: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface FollowOptions {
  /** Waits a while before the next look. False ends the following, and with it the feed. */
  readonly pause: () => Promise<boolean>;
  /** Called with the length of what has been read, each time all that may be read has been; awaited before the pause. */
  readonly onCaughtUp?: (bytes: number) => Promise<void> | void;
  readonly pieceBytes?: number;
}

const PIECE_BYTES = 1024 * 1024;

/** The bytes of a growing file, piece by piece, until its writer closes it or the following is ended. */
export class FollowFeed {
  /** Nobody knows how long it will be. */
  readonly size = undefined;
  readonly #file: GrowingBytes;
  readonly #options: FollowOptions;
  #position = 0;
  #growth: Growth = { end: 0, isFinal: false };
  #isOver = false;

  constructor(file: GrowingBytes, options: FollowOptions) {
    this.#file = file;
    this.#options = options;
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#position === this.#growth.end && !this.#isOver) await this.#look();
    while (this.#position === this.#growth.end && !this.#isOver) {
      if (this.#position > 0) await this.#options.onCaughtUp?.(this.#position);
      this.#isOver = this.#growth.isFinal || !(await this.#options.pause());
      if (!this.#isOver) await this.#look();
    }
    if (this.#position === this.#growth.end) return undefined;
    const { pieceBytes = PIECE_BYTES } = this.#options;
    const start = this.#position;
    const end = Math.min(start + pieceBytes, this.#growth.end);
    const piece = await this.#file.read(start, end);
    this.#position = end;
    return piece;
  }

  async #look(): Promise<void> {
    const growth = await this.#file.look();
    if (growth.end < this.#growth.end) {
      throw new H4Error(
        'H4_ROLLBACK',
        `${this.#file.name} went back from ${this.#growth.end} bytes to ${growth.end}: what had been made known is gone`,
        { detail: { before: this.#growth.end, now: growth.end } },
      );
    }
    this.#growth = growth;
  }
}
