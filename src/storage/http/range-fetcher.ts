/**
 * Fetches ranges and holds every answer to what was asked and to the state that the first answer showed (spec/h4mk.md
 * section 9.6). What breaks off goes on where it broke off; a server that sends the whole file instead is put up with while
 * the file is small.
 */

import type { H4Error } from '../../utils/error.js';
import { type Asked, changed, lie, rangeHeader, readAnswer } from './answer.js';
import type { HttpClient } from './client.js';
import { type Patience, TransientFailure } from './patience.js';
import type { HttpResponse } from './transport.js';
import { type Validator, differenceOf, validatorOf } from './validator.js';

/** Bytes of the file from `start` on, of which `have` have come. */
export interface Window {
  readonly start: number;
  readonly bytes: Uint8Array;
  have: number;
}

/** What an answer brought: a window that is full now, the size of a file without such bytes, or the file as a whole. */
export type Fetched = Window | { readonly total: number } | { readonly whole: Uint8Array };

export class RangeFetcher {
  readonly #client: HttpClient;
  readonly #growing: boolean;
  /** What the first answer said. */
  #validator: Validator | undefined;
  #total = 0;
  #whole: Uint8Array | undefined;
  /** The longest that a growing file has been. */
  #grownTo: number;

  /** `growingSize`: the file is still being written and has at least so many bytes. */
  constructor(client: HttpClient, growingSize: number | undefined) {
    this.#client = client;
    this.#growing = growingSize !== undefined;
    this.#grownTo = growingSize ?? 0;
  }

  /** How many bytes the file has, as the first answer said; 0 before it. */
  get total(): number {
    return this.#total;
  }

  /** The file, if an answer brought it as a whole. */
  get whole(): Uint8Array | undefined {
    return this.#whole;
  }

  /** Lets go of what it holds. */
  clear(): void {
    this.#whole = undefined;
  }

  /** Asks for a range until all of it is there, each time for what is missing. */
  async fetch(asked: Asked, patience: Patience, options: { readonly once?: boolean } = {}): Promise<Fetched> {
    let window: Window | undefined;
    const attempt = (): Promise<Fetched> => {
      // Where all bytes came but not the end of the answer, nobody knows how many would have come.
      if (window?.have === window?.bytes.length) window = undefined;
      const missing =
        window === undefined ? asked : { start: window.start + window.have, end: window.start + window.bytes.length };
      return this.#client.exchange(this.#headersFor(missing), patience, async (response) => {
        const answer = readAnswer(response, missing, patience.what);
        if (answer.kind === 'unsatisfied') return this.#unsatisfied(answer.total, patience);
        if (answer.kind === 'whole') return this.#readWhole(response, answer.declared, options, patience);
        this.#assertSameState(response, answer.total, patience);
        const { start, end } = answer;
        window ??= { start, bytes: new Uint8Array(end - start), have: 0 };
        await this.#fill(window, response, patience);
        return window;
      });
    };
    if (options.once === true) return attempt();
    return patience.retrying(attempt, () => this.#client.countRetry());
  }

  #headersFor(asked: Asked): Record<string, string> {
    const etag = this.#client.settings.ifMatch ? this.#validator?.etag : undefined;
    return { Range: rangeHeader(asked), ...(etag === undefined ? {} : { 'If-Match': etag }) };
  }

  /** Takes a body that must end where the window does. What comes beyond is not awaited: it may have no end. */
  async #fill(window: Window, response: HttpResponse, patience: Patience): Promise<void> {
    const { bytes } = window;
    for await (const piece of this.#client.pieces(response, patience)) {
      if (piece.length > bytes.length - window.have) {
        throw lie(
          patience.what,
          `the server sends more than the ${bytes.length - window.have} bytes that it announced`,
        );
      }
      bytes.set(piece, window.have);
      window.have += piece.length;
    }
    if (window.have < bytes.length) {
      throw new TransientFailure(`the answer ended ${bytes.length - window.have} bytes early`);
    }
  }

  /** A small file may come as a whole; then it is kept and serves every read. */
  async #readWhole(
    response: HttpResponse,
    declared: number | undefined,
    { once = false }: { readonly once?: boolean },
    patience: Patience,
  ): Promise<Fetched> {
    const { maxWholeBytes } = this.#client.settings;
    const tooMuch = (size: string): H4Error =>
      lie(
        patience.what,
        `the server ignores ranges and sends the whole file, ${size}; let a server that answers ranges hold it, or ` +
          'download it and read it from there',
        { ignored: true },
      );
    if (declared !== undefined && declared > maxWholeBytes) throw tooMuch(`${declared} bytes`);
    // The other request of opening gets the same and reads it.
    if (once) throw tooMuch('twice');
    if (declared !== undefined) this.#assertSameState(response, declared, patience);
    patience.extend(declared ?? maxWholeBytes);
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of this.#client.pieces(response, patience)) {
      length += piece.length;
      if (length > (declared ?? maxWholeBytes)) {
        if (declared === undefined) throw tooMuch(`more than ${maxWholeBytes} bytes`);
        throw lie(patience.what, `the server sends more than the ${declared} bytes that it announced`);
      }
      pieces.push(piece);
    }
    const missing = (declared ?? length) - length;
    if (missing > 0) throw new TransientFailure(`the answer ended ${missing} bytes early`);
    this.#assertSameState(response, length, patience);
    const whole = new Uint8Array(length);
    let offset = 0;
    for (const piece of pieces) {
      whole.set(piece, offset);
      offset += piece.length;
    }
    this.#whole = whole;
    return { whole };
  }

  #unsatisfied(total: number, patience: Patience): { readonly total: number } {
    if (this.#growing ? total < this.#grownTo : this.#validator !== undefined && total !== this.#validator.total) {
      throw changed(patience.what, `it had ${this.#validator?.total ?? this.#grownTo} bytes and has ${total}`);
    }
    return { total };
  }

  /** Compares an answer with the first one; of a growing file only that it has not become shorter. */
  #assertSameState(response: HttpResponse, total: number | undefined, { what }: Patience): void {
    if (this.#growing) {
      if (total !== undefined && total < this.#grownTo) {
        throw changed(what, `it had ${this.#grownTo} bytes and has ${total}`);
      }
      this.#grownTo = total ?? this.#grownTo;
      return;
    }
    if (total === undefined) throw lie(what, 'the server does not say how many bytes the file has');
    const found = validatorOf(response, total);
    this.#validator ??= found;
    this.#total = this.#validator.total;
    const difference = differenceOf(this.#validator, found);
    if (difference !== undefined) throw changed(what, difference);
  }
}
