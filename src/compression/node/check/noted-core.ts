/** A core each of whose calls is noted before it is made, and the failure that a trial ends with. */
import { equalBytes } from '../../../utils/bytes.js';
import { isH4Error } from '../../../utils/error.js';
import type { Core } from '../../core.js';
import type { CallNote } from './call-note.js';

/** A trial has found what it was looking for, at the call that was noted last. */
export class Failed extends Error {}

export class NotedCore {
  readonly #core: Core;
  readonly #note: CallNote;
  readonly #prefix: string;

  constructor(core: Core, note: CallNote, prefix = '') {
    this.#core = core;
    this.#note = note;
    this.#prefix = prefix;
  }

  /** What the core makes of `input`. `Failed` if it refuses, or writes to its input. */
  compress(label: string, input: Uint8Array): Uint8Array {
    return succeeded(() => this.#compress(label, input));
  }

  /** The same; undefined for a block that is too long for the core, which it says is its right (E17). */
  compressUnlessTooLong(label: string, input: Uint8Array): Uint8Array | undefined {
    return succeeded(() => {
      try {
        return this.#compress(label, input);
      } catch (error) {
        if (isH4Error(error, 'H4_ENGINE_INPUT')) return undefined;
        throw error;
      }
    });
  }

  /** What the core restores. `Failed` if it refuses, or writes to its input. */
  decompress(label: string, input: Uint8Array, rawLength: number): Uint8Array {
    const given = input.slice();
    this.#note.write('decompress', this.#prefix + label, given, rawLength);
    const result = succeeded(() => this.#core.decompress(given, rawLength));
    if (!equalBytes(given, input)) throw new Failed('decompress wrote to its input');
    return result.slice();
  }

  /** Hands over damaged input; what comes is up to the caller. */
  attempt(label: string, input: Uint8Array, rawLength: number): Uint8Array {
    this.#note.write('decompress', this.#prefix + label, input, rawLength);
    return this.#core.decompress(input, rawLength);
  }

  /** One call that has been made before, and whose note would only cost time. */
  again(): Core {
    return this.#core;
  }

  #compress(label: string, input: Uint8Array): Uint8Array {
    const given = input.slice();
    this.#note.write('compress', this.#prefix + label, given);
    const result = this.#core.compress(given);
    if (!equalBytes(given, input)) throw new Failed('compress wrote to its input');
    return result.slice();
  }
}

/** What the call gives; a refusal of the core becomes `Failed`. */
export function succeeded<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    if (isH4Error(error)) throw new Failed(error.message);
    throw error;
  }
}
