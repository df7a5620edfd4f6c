/**
 * A response as a sink. What fits into a small buffer is answered when it is complete: with its length, and with an honest
 * status if it fails. More than that becomes a stream that takes the next bytes when the network has taken the last ones; if it
 * fails then, the connection is destroyed, because an ending would say that all is there.
 */
import { Readable } from 'node:stream';
import type { ByteSink } from '../container/io/io.js';
import { concatBytes } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import { waitFor } from './patience.js';

export type Answer =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  /** Sent from now on; how long it will be is not known. */
  | { readonly kind: 'stream'; readonly stream: Readable };

export interface AnswerSinkOptions {
  readonly heldBytes: number;
  /** How long a client may take for the bytes that wait for it. */
  readonly idleMillis: number;
}

export class AnswerSink implements ByteSink {
  /** Settles once: with the form of the answer, or with the failure that comes instead of one. */
  readonly answer: Promise<Answer>;
  readonly #options: AnswerSinkOptions;
  #decide: (answer: Answer) => void = () => undefined;
  #refuse: (error: Error) => void = () => undefined;
  #held: Uint8Array[] = [];
  #length = 0;
  #stream: Readable | undefined;
  #failure: Error | undefined;
  #isComplete = false;
  /** Called when the stream wants more, or never will. */
  #wake: () => void = () => undefined;

  constructor(options: AnswerSinkOptions) {
    this.#options = options;
    this.answer = new Promise((resolve, reject) => {
      this.#decide = resolve;
      this.#refuse = reject;
    });
    // Whoever waits for it hears of it; a request that has gone may have nobody left who waits.
    this.answer.catch(() => undefined);
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes that were accepted and that nobody has taken yet. */
  get buffered(): number {
    return this.#stream?.readableLength ?? this.#held.reduce((sum, { length }) => sum + length, 0);
  }

  /** Whether the head of the answer is decided, so that a failure can only break the connection. */
  get isStreaming(): boolean {
    return this.#stream !== undefined;
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#length += bytes.length;
    // A copy: the bytes are the caller's again before the network has taken them.
    const copy = bytes.slice();
    if (this.#stream !== undefined) return this.#push(this.#stream, copy);
    this.#held.push(copy);
    if (this.#length <= this.#options.heldBytes) return undefined;
    return this.#startStreaming();
  }

  commit(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#isComplete = true;
    if (this.#stream !== undefined) this.#stream.push(null);
    else this.#decide({ kind: 'whole', bytes: concatBytes(...this.#held) });
    this.#held = [];
    return Promise.resolve();
  }

  abort(): Promise<void> {
    this.fail(new H4Error('H4_CANCELLED', 'The answer was given up'));
    return Promise.resolve();
  }

  /** Ends the answer with a failure, unless it is complete; the first one counts. */
  fail(error: Error): void {
    if (this.#failure !== undefined || this.#isComplete) return;
    this.#failure = error;
    this.#held = [];
    this.#refuse(error);
    this.#stream?.destroy(error);
    this.#wake();
  }

  #startStreaming(): Promise<void> | undefined {
    const stream = new Readable({ read: () => this.#wake() });
    this.#stream = stream;
    // It may fail before anybody who sends it listens.
    stream.on('error', () => undefined);
    stream.once('close', () => this.fail(new H4Error('H4_CANCELLED', 'The client has gone')));
    const first = concatBytes(...this.#held);
    this.#held = [];
    this.#decide({ kind: 'stream', stream });
    return this.#push(stream, first);
  }

  #push(stream: Readable, bytes: Uint8Array): Promise<void> | undefined {
    if (stream.push(bytes)) return undefined;
    const taken = new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#waitUntil(taken);
  }

  async #waitUntil(taken: Promise<void>): Promise<void> {
    const late = (): Error => new H4Error('H4_CANCELLED', 'The client has stopped reading');
    try {
      await waitFor(taken, this.#options.idleMillis, late);
    } catch (error) {
      this.fail(error as Error);
    }
    // Waking up says that there is room, or that there never will be.
    if (this.#failure !== undefined) throw this.#failure;
  }
}
