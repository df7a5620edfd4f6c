/**
 * Looks for the newest checkpoint that somebody believes, from the end of a file on (spec/h4mk.md sections 8 and 9.3). The
 * newest SIGN need not be the one: a cosignature may have come late, and anybody can append a signature of his own, as often
 * as he likes. So a search goes on for long, and where it ends without an answer it says how far it has come.
 */
import { equalBytes, toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { sha256 } from '../../utils/sha256.js';
import type { Limits } from '../format/limits.js';
import type { Note } from '../format/note.js';
import type { Tail } from '../format/tail.js';
import type { ByteSource } from '../io/io.js';
import { type StoredSign, readSign } from '../read/sign-reader.js';
import { BackwardSource, tailBefore } from '../read/tail-chain.js';
import { MAX_LATEST_SIGNS } from '../read/walked-index.js';
import { type NoteVerdict, notTrusted } from '../trust/trust.js';

/** TAILs that are followed from the last one on. */
export const MAX_TAILS = MAX_LATEST_SIGNS;
/** So many are mostly enough, and stand where they cost no read. From then on more is read at once. */
const NEAR_TAILS = 4;

/** What is said of a note; undefined where nobody is asked. */
type Judgement = NoteVerdict | undefined;

export interface SignQuestion<Verdict extends Judgement> {
  /**
   * Who has signed; undefined makes every note as good as another. May throw: a signature in the name of a trusted key that does
   * not verify refuses the file.
   */
  readonly judge: (note: Note) => Verdict;
  /** Throws unless a note that is believed can be one of this file, before which it has so many records. */
  readonly assertFits: (note: Note, records: number) => void;
  /** Whether an index covers a note that is believed; one that it does not cover is passed over. Default: it does. */
  readonly isCovered?: (note: Note) => boolean;
  readonly limits: Limits;
  readonly signal?: AbortSignal | undefined;
}

export interface JudgedSign<Verdict extends Judgement> extends StoredSign {
  readonly verdict: Verdict;
}

export class SignSearch<Verdict extends Judgement> {
  readonly #question: SignQuestion<Verdict>;
  #source: ByteSource;
  #tails = 0;
  readonly #seen = new Set<number>([0]);
  /** Where the SIGN chunks of each size stand, the newest first. */
  readonly #offsets = new Map<number, number[]>();
  #newest: JudgedSign<Verdict> | undefined;
  /** Why the checkpoints seen so far are not believed. */
  #lacks: NoteVerdict['lacks'];
  /** Whether a checkpoint was believed that no index covers. */
  isUncovered = false;
  /** Whether earlier SIGN chunks have not been looked at, because they are too many. */
  isCutShort = false;

  constructor(source: ByteSource, question: SignQuestion<Verdict>) {
    this.#source = source;
    this.#question = question;
  }

  /** The largest checkpoint that is believed, of several of one size the one seen first. */
  get newest(): JudgedSign<Verdict> | undefined {
    return this.#newest;
  }

  /** TAILs from `last` on backwards. */
  async *tails(last: Tail | undefined): AsyncGenerator<Tail, void> {
    for (let tail = last; tail !== undefined;) {
      if (this.#tails++ === MAX_TAILS) {
        this.isCutShort = true;
        return;
      }
      yield tail;
      if (this.#tails === NEAR_TAILS) this.#source = new BackwardSource(this.#source);
      tail = await tailBefore(this.#source, tail, this.#question.signal);
    }
  }

  /** Looks at the SIGN at `offset`, if there is one that was not seen; before it or its TAIL stand `records` records. */
  async look(offset: number, records: number): Promise<Note | undefined> {
    if (this.#seen.has(offset)) return undefined;
    this.#seen.add(offset);
    const { limits, signal, judge, assertFits, isCovered } = this.#question;
    const sign = await readSign(this.#source, offset, limits, signal);
    const { note } = sign;
    const { size } = note;
    this.#offsets.set(size, [...(this.#offsets.get(size) ?? []), offset]);
    const verdict = judge(note);
    if (verdict?.lacks !== undefined) {
      // It may be that of somebody else, and ours stand before it.
      this.#lacks = verdict.lacks === 'quorum' ? 'quorum' : (this.#lacks ?? verdict.lacks);
      return note;
    }
    assertFits(note, records);
    if (isCovered?.(note) === false) this.isUncovered = true;
    else if (size > (this.#newest?.note.size ?? 0)) this.#newest = { ...sign, verdict };
    return note;
  }

  /** Whether what stands before so many records cannot be a larger checkpoint. */
  isSettled(records: number): boolean {
    return this.#newest !== undefined && records <= this.#newest.note.size;
  }

  /**
   * The payloads of all SIGN chunks seen that are over the tree of the newest one, which comes first; each once, and at most `max`.
   * Where they are more, the latest are left out: whoever floods a file comes after whoever recorded it.
   */
  async overSameTree(max: number): Promise<Uint8Array[]> {
    const { limits, signal } = this.#question;
    const newest = this.#newest;
    if (newest === undefined) return [];
    const { size, root, origin } = newest.note;
    const found = new Map([[toHex(sha256(newest.payload)), newest.payload]]);
    const offsets = this.#offsets.get(size) ?? [];
    if (offsets.length === 1) return [newest.payload];
    for (const offset of [...offsets].reverse()) {
      if (found.size >= max) break;
      const { note, payload } = await readSign(this.#source, offset, limits, signal);
      const isSame = note.size === size && equalBytes(note.root, root) && note.origin.fileIdHex === origin.fileIdHex;
      if (isSame) found.set(toHex(sha256(payload)), payload);
    }
    return [...found.values()];
  }

  /** Why there is no `newest`. H4_SIGN_MISSING, H4_SIGN_UNTRUSTED or H4_SIGN_QUORUM. */
  refusal(): H4Error {
    const error = notTrusted(this.#lacks);
    if (!this.isCutShort) return error;
    const why =
      this.#lacks === 'quorum'
        ? 'none that you trust has enough cosignatures'
        : this.#lacks === undefined
          ? 'none is there'
          : 'none is by whom you trust';
    const message = `Searched the last ${MAX_TAILS} signatures, and ${why}; 'verify' reads all of them`;
    return new H4Error(error.code, message, { detail: { searched: MAX_TAILS } });
  }
}
