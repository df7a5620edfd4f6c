/**
 * The life of a live recording: pieces as they arrive, index points when their time has come although nothing arrives, and
 * its end, which is the end of the input or the wish of the user. One thing at a time; whoever waits is woken by a bell.
 */
import type { LiveRecorder } from './live-recorder.js';

export interface LiveLoopOptions {
  /** What has arrived is durable at the latest after so many milliseconds, and the time that writing it takes. */
  readonly indexMs: number;
  /** Aborted when the user wants the recording to end. */
  readonly signal: AbortSignal;
}

type Arrival =
  | { readonly kind: 'piece'; readonly piece: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'failure'; readonly error: unknown };

/**
 * Resolves when the input or the user has ended it; the recording is not closed then. If the input fails, what has arrived
 * is made durable before it rejects.
 */
export async function runLiveLoop(
  pieces: AsyncIterator<Uint8Array, void>,
  recorder: LiveRecorder,
  { indexMs, signal }: LiveLoopOptions,
): Promise<void> {
  const bell = new Bell();
  const deadline = new Deadline(indexMs, bell);
  const arrivals = new Arrivals(pieces, bell);
  signal.addEventListener('abort', bell.ring, { once: true });
  try {
    for (;;) {
      if (deadline.isReached) await recorder.point();
      const arrival = arrivals.take();
      if (arrival?.kind === 'piece') await recorder.take(arrival.piece);
      if (arrival?.kind === 'end' || signal.aborted) return;
      if (arrival?.kind === 'failure') {
        await recorder.point();
        throw arrival.error;
      }
      deadline.watch(recorder);
      arrivals.ask();
      await bell.rung();
    }
  } finally {
    signal.removeEventListener('abort', bell.ring);
    deadline.stop();
  }
}

/** Wakes the one who waits, or keeps them from falling asleep. */
class Bell {
  #isRung = false;
  #wake: (() => void) | undefined;

  readonly ring = (): void => {
    this.#isRung = true;
    this.#wake?.();
  };

  async rung(): Promise<void> {
    if (!this.#isRung) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#isRung = false;
    this.#wake = undefined;
  }
}

/** Asks for one piece at a time, so that a slow disk slows the input instead of filling memory. */
class Arrivals {
  readonly #pieces: AsyncIterator<Uint8Array, void>;
  readonly #bell: Bell;
  #isAsked = false;
  #arrival: Arrival | undefined;

  constructor(pieces: AsyncIterator<Uint8Array, void>, bell: Bell) {
    this.#pieces = pieces;
    this.#bell = bell;
  }

  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const arrived = (arrival: Arrival): void => {
      this.#arrival = arrival;
      this.#bell.ring();
    };
    this.#pieces.next().then(
      ({ done, value }) => arrived(done === true ? { kind: 'end' } : { kind: 'piece', piece: value }),
      (error: unknown) => arrived({ kind: 'failure', error }),
    );
  }

  take(): Arrival | undefined {
    const arrival = this.#arrival;
    this.#arrival = undefined;
    if (arrival !== undefined) this.#isAsked = false;
    return arrival;
  }
}

/** Runs from the first byte that is not durable yet; an index point sets it back. */
class Deadline {
  readonly #ms: number;
  readonly #bell: Bell;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #runsSince: LiveRecorder['acknowledged'];
  #isReached = false;

  constructor(ms: number, bell: Bell) {
    this.#ms = ms;
    this.#bell = bell;
  }

  get isReached(): boolean {
    return this.#isReached;
  }

  watch({ acknowledged, isBehind }: LiveRecorder): void {
    if (!isBehind || acknowledged !== this.#runsSince) this.stop();
    if (!isBehind || this.#timer !== undefined) return;
    this.#runsSince = acknowledged;
    this.#timer = setTimeout(() => {
      this.#isReached = true;
      this.#bell.ring();
    }, this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isReached = false;
  }
}
