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
  /** The checkpoint of exactly this size, if it was signed. Asked for ascending sizes. */
  at(origin: string, size: number): Promise<SignedState | undefined>;
  /**
   * Keeps `next`, which is at least as large, as the latest, unless `before` is the latest no more: then false, and nothing has
   * changed. Once this resolves, it survives the end of this process, and a loss of power where `isDurable`.
   */
  remember(
    origin: string,
    next: SignedState,
    before: SignedState | undefined,
    options: { readonly isDurable: boolean },
  ): Promise<boolean>;
}

/** A history that ends with the process: for keys that sign one recording only, and for tests. */
export const createMemoryHistory = (): SigningHistory => {
  const states = new Map<string, SignedState[]>();
  const signedOf = (origin: string): readonly SignedState[] => states.get(origin) ?? [];
  return {
    latest: (origin) => Promise.resolve(signedOf(origin).at(-1)),
    at: (origin, size) => Promise.resolve(signedOf(origin).find((state) => state.size === size)),
    remember: (origin, next, before) => {
      const signed = signedOf(origin);
      const isLatest = signed.at(-1)?.size === before?.size;
      const state = { size: next.size, root: next.root.slice() };
      if (signed.length === 0) states.set(origin, [state]);
      else if (isLatest && next.size !== before?.size) states.get(origin)?.push(state);
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
}

/** Watches over what one key signs of one recording. */
export class HistoryGuard {
  readonly #history: SigningHistory;
  readonly #origin: string;
  readonly #signer: string;
  #hasBegun = false;
  #latest: SignedState | undefined;
  /** What this recording is known to have been: at the size that `latest` asks for, and where it was signed last. */
  #met: SignedState | undefined;
  #signed: SignedState | undefined;

  constructor({ history, origin, signer }: HistoryGuardOptions) {
    this.#history = history;
    this.#origin = origin;
    this.#signer = signer;
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
  async claim(next: SignedState, { isDurable } = { isDurable: true }): Promise<void> {
    if (!this.#hasBegun) await this.begin();
    for (;;) {
      const latest = this.#latest;
      if (latest !== undefined && next.size < latest.size) {
        await this.#assertSigned(next, latest);
        break;
      }
      this.#assertConsistent(next, latest);
      if (await this.#history.remember(this.#origin, next, latest, { isDurable })) {
        this.#latest = next;
        break;
      }
      // Somebody else has signed meanwhile: what they have signed is what counts.
      await this.begin();
    }
    this.#signed = { size: next.size, root: next.root.slice() };
  }

  /**
   * Less than was signed before may be signed only if it was signed before just so: the same input gives the same recording
   * again, and the same signatures on the way to its end.
   */
  async #assertSigned(next: SignedState, latest: SignedState): Promise<void> {
    const before = await this.#history.at(this.#origin, next.size);
    if (before === undefined) throw this.#behind(latest, next.size);
    if (!equalBytes(before.root, next.root)) throw this.#otherHistory(before);
  }

  #assertConsistent(next: SignedState, latest: SignedState | undefined): void {
    if (latest === undefined) return;
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
      `this one has ${records}, at which that one was not signed, so that nobody can tell whether it goes on as that one did; ` +
        'sign it after as many records as before, or give it another uid',
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
