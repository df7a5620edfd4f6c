/**
 * The rule that no key ever signs two histories of one origin (spec/h4mk.md section 8.2): whoever holds two checkpoints that contradict
 * each other has the proof that their signer cannot be believed, and nothing takes that back.
 *
 * So a history remembers, beyond the life of a process, the largest checkpoint that was signed of each origin. A further one is
 * signed only if the recording at hand has been seen to be the same at that size, because its tree only grows. It is remembered
 * before the signature is made: whatever happens between, too much is refused and never too little.
 */
import { equalBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';

/** A size of a recording, and the root that it had there. */
export interface SignedState {
  readonly size: number;
  readonly root: Uint8Array;
}

/** What a key has signed so far. Several writers may share one. */
export interface SigningHistory {
  /** The largest checkpoint of this origin that was ever signed. */
  latest(origin: string): Promise<SignedState | undefined>;
  /**
   * Keeps `next`, which is at least as large, as the latest, unless `before` is the latest no more: then false, and nothing has
   * changed. Once this resolves, it survives the end of this process and a loss of power.
   */
  remember(origin: string, next: SignedState, before: SignedState | undefined): Promise<boolean>;
}

/** A history that ends with the process: for keys that sign one recording only, and for tests. */
export const createMemoryHistory = (): SigningHistory => {
  const states = new Map<string, SignedState>();
  return {
    latest: (origin) => Promise.resolve(states.get(origin)),
    remember: (origin, next, before) => {
      const isLatest = states.get(origin)?.size === before?.size;
      if (isLatest) states.set(origin, { size: next.size, root: next.root.slice() });
      return Promise.resolve(isLatest);
    },
  };
};

export interface HistoryGuardOptions {
  readonly history: SigningHistory;
  /** Whose recording it is, and which. */
  readonly origin: string;
  /** Who signs, for messages. */
  readonly signer: string;
  /** See `CheckpointSignerOptions`. */
  readonly isPublishedWhole: boolean;
}

/** Watches over what one key signs of one recording. */
export class HistoryGuard {
  readonly #history: SigningHistory;
  readonly #origin: string;
  readonly #signer: string;
  readonly #isPublishedWhole: boolean;
  #hasBegun = false;
  #latest: SignedState | undefined;
  /** What this recording is known to have been: at the size that `latest` asks for, and where it was signed last. */
  #met: SignedState | undefined;
  #signed: SignedState | undefined;

  constructor({ history, origin, signer, isPublishedWhole }: HistoryGuardOptions) {
    this.#history = history;
    this.#origin = origin;
    this.#signer = signer;
    this.#isPublishedWhole = isPublishedWhole;
  }

  /** What had been signed of this recording when the history was last asked. */
  get latest(): SignedState | undefined {
    return this.#latest;
  }

  /** Asks the history. Call it before any record but the first is reported. */
  async begin(): Promise<void> {
    this.#latest = await this.#history.latest(this.#origin);
    this.#hasBegun = true;
  }

  /**
   * Call it after each record with the number of records. `root` is asked for only at the size that was signed before.
   * H4_EQUIVOCATION if it is another one there.
   */
  passed(size: number, root: () => Uint8Array): void {
    const latest = this.#latest;
    if (size !== latest?.size) return;
    this.#met = { size, root: root() };
    if (!equalBytes(this.#met.root, latest.root)) throw this.#otherHistory(latest);
  }

  /** Resolves when it is certain that no other history was signed, and that none will be: then `next` may be. */
  async claim(next: SignedState, { isLast }: { readonly isLast: boolean }): Promise<void> {
    if (!this.#hasBegun) await this.begin();
    if (this.#isPublishedWhole && !isLast) {
      // Nobody sees it before it is whole, so that what counts is decided, and remembered, at its end.
      this.#assertConsistent(next, this.#latest, isLast);
    } else {
      await this.#keep(next, isLast);
    }
    this.#signed = { size: next.size, root: next.root.slice() };
  }

  async #keep(next: SignedState, isLast: boolean): Promise<void> {
    for (;;) {
      const latest = this.#latest;
      this.#assertConsistent(next, latest, isLast);
      const largest = latest !== undefined && latest.size > next.size ? latest : next;
      if (await this.#history.remember(this.#origin, largest, latest)) {
        this.#latest = largest;
        return;
      }
      // Somebody else has signed meanwhile: what they have signed is what counts.
      await this.begin();
    }
  }

  #assertConsistent(next: SignedState, latest: SignedState | undefined, isLast: boolean): void {
    if (latest === undefined) return;
    if (next.size < latest.size) {
      if (this.#isPublishedWhole && !isLast) return;
      throw this.#behind(latest, next.size);
    }
    const known = [next, this.#met, this.#signed].find((each) => each?.size === latest.size);
    if (known === undefined) throw this.#unknownHistory(latest);
    if (!equalBytes(known.root, latest.root)) throw this.#otherHistory(latest);
  }

  #otherHistory({ size }: SignedState): H4Error {
    const why =
      'they are not those of this one: no key may sign two histories of one recording; give this one another uid';
    return this.#refusal(size, why);
  }

  /** It may be the same history, but nobody here can tell. */
  #unknownHistory({ size }: SignedState): H4Error {
    const why = 'nobody has seen here whether they are those of this one; give it another uid';
    return this.#refusal(size, why);
  }

  #behind({ size }: SignedState, records: number): H4Error {
    return this.#refusal(
      size,
      `this one has ${records}, of which nobody can tell yet that it goes on as that one did. If it is the same again, write it ` +
        'to a file, which appears only when it is whole; if not, give it another uid',
    );
  }

  #refusal(size: number, why: string): H4Error {
    return new H4Error(
      'H4_EQUIVOCATION',
      `${this.#signer} has signed the first ${size} records of a recording that begins with the same record 0, and ${why}`,
      { detail: { key: this.#signer, signed_size: size } },
    );
  }
}
