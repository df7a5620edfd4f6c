/**
 * The front half of a file sink: bytes of any length go in, a fixed ring of slabs comes out, full and in order. Every byte
 * is copied once, at memory speed, so that a caller may use its buffer again as soon as `push` has taken it, and a
 * 12-byte header costs no system call. Memory does not grow: while all slabs are being written, callers wait.
 */

/**
 * Receives the number of a slab and how many of its bytes are filled; whoever receives it gives it back through
 * `release`. May return something that the caller of `push` shall wait for although there is room.
 */
export type SubmitSlab = (slab: number, length: number) => Promise<void> | undefined;

interface Waiting {
  /** What is still to be copied. A barrier has none: it waits for its turn only. */
  bytes: Uint8Array;
  readonly isBarrier: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const NO_BYTES = new Uint8Array(0);

export class SlabQueue {
  readonly #ring: readonly Uint8Array[];
  readonly #submit: SubmitSlab;
  /** A stack: the slab that was written last is the one still in the cache. */
  readonly #free: number[];
  readonly #waiting: Waiting[] = [];
  #current: number | undefined;
  #filled = 0;
  #turn: Promise<void> | undefined;
  #failure: Error | undefined;

  /** `ring` holds slabs of one size. */
  constructor(ring: readonly Uint8Array[], submit: SubmitSlab) {
    this.#ring = ring;
    this.#submit = submit;
    this.#free = Array.from(ring.keys()).reverse();
  }

  /** Appends `bytes`. Undefined: they have been copied. Otherwise they must not change until the promise has resolved. */
  push(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== undefined) {
      return Promise.reject(this.#failure);
    }
    const rest = this.#waiting.length === 0 ? this.#copy(bytes) : bytes;
    if (rest.length > 0) {
      return new Promise((resolve, reject) => {
        this.#waiting.push({ bytes: rest, isBarrier: false, resolve, reject });
      });
    }
    const turn = this.#turn;
    this.#turn = undefined;
    return turn;
  }

  /** Runs `action` at the moment when everything pushed before, and nothing pushed later, has been submitted. */
  barrier<T>(action: () => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) {
      return Promise.reject(this.#failure);
    }
    return new Promise((resolve, reject) => {
      const run = () => {
        resolve(action());
      };
      this.#waiting.push({ bytes: NO_BYTES, isBarrier: true, resolve: run, reject });
      this.#serve();
    });
  }

  /** Takes a slab back. */
  release(slab: number): void {
    this.#free.push(slab);
    this.#serve();
  }

  /** Rejects, with this error, everything that waits and everything to come. The first failure stays. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.splice(0)) {
      waiting.reject(this.#failure);
    }
  }

  #serve(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      first.bytes = this.#copy(first.bytes);
      if (first.bytes.length > 0) {
        return;
      }
      this.#waiting.shift();
      if (first.isBarrier && this.#filled > 0) {
        this.#submitCurrent();
      }
      first.resolve();
    }
  }

  /** Copies as much as there is room for and returns the rest. */
  #copy(bytes: Uint8Array): Uint8Array {
    let rest = bytes;
    while (rest.length > 0) {
      this.#current ??= this.#free.pop();
      const slab = this.#current === undefined ? undefined : this.#ring[this.#current];
      if (slab === undefined) {
        return rest;
      }
      const count = Math.min(rest.length, slab.length - this.#filled);
      slab.set(count < rest.length ? rest.subarray(0, count) : rest, this.#filled);
      this.#filled += count;
      if (this.#filled === slab.length) {
        this.#submitCurrent();
      }
      rest = count < rest.length ? rest.subarray(count) : NO_BYTES;
    }
    return NO_BYTES;
  }

  #submitCurrent(): void {
    if (this.#current !== undefined) {
      const slab = this.#current;
      const length = this.#filled;
      this.#current = undefined;
      this.#filled = 0;
      this.#turn = this.#submit(slab, length);
    }
  }
}
