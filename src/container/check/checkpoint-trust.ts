/**
 * The checkpoints of one file under a policy (spec/h4mk.md sections 8.1, 11 and 16): who has signed each, which of them count,
 * and which is the newest. Without a policy nothing counts.
 */
import type { Note } from '../format/note.js';
import { type IgnoredKey, type NoteVerdict, type Shortfall, type TrustPolicy, judgeNote } from '../trust/trust.js';
import { type ComputedTree, type TrustedCheckpoint, type Verified, verifyCheckpoint } from './verified.js';

/** The verdict where nobody is believed. */
const NOBODY: NoteVerdict = { verified: [], cosigners: [], ignored: [], lacks: 'signature' };

type Verdict = Pick<NoteVerdict, 'lacks' | 'shortfall'> & Partial<Pick<NoteVerdict, 'ignored'>>;

/** The best of the checkpoints that do not count. */
export interface NearMiss {
  readonly lacks: 'signature' | 'quorum';
  readonly shortfall: Shortfall | undefined;
  /** File position of its SIGN. */
  readonly offset: number;
}

interface Closeness {
  readonly shortfall?: Shortfall | undefined;
  readonly ignored?: readonly IgnoredKey[];
}

/** How close a checkpoint came to counting: witnesses are missing, or keys, or a key was not in force, or all of it. */
export const closeness = ({ shortfall, ignored = [] }: Closeness): number => {
  if (shortfall?.what === 'witnesses') return 3;
  if (shortfall?.what === 'name' || (shortfall?.have ?? 0) > 0) return 2;
  return ignored.length > 0 ? 1 : 0;
};

export class CheckpointTrust {
  readonly #policy: TrustPolicy | undefined;
  readonly #now: number | undefined;
  /** The largest of every origin. There are at most as many as the policy has names. */
  readonly #newest = new Map<string, Verified<TrustedCheckpoint>>();
  #nearMiss: NearMiss | undefined;
  #closest = 0;

  constructor(policy: TrustPolicy | undefined, now: number | undefined) {
    this.#policy = policy;
    this.#now = now;
  }

  /** Who has signed: see `judgeNote`, which throws H4_SIGN_BAD. */
  judge(note: Note): NoteVerdict {
    return this.#policy === undefined ? NOBODY : judgeNote(note, this.#policy, this.#now);
  }

  /** Takes the note of the SIGN at `offset`, and the tree that its size was computed for. */
  admit(note: Pick<Note, 'origin' | 'size' | 'root'>, verdict: Verdict, tree: ComputedTree, offset: number): void {
    const checkpoint = verifyCheckpoint(note, verdict, tree, offset);
    if (checkpoint === undefined) this.miss(verdict, offset);
    else if (checkpoint.size > (this.#newest.get(checkpoint.origin)?.size ?? 0)) {
      this.#newest.set(checkpoint.origin, checkpoint);
    }
  }

  /** Notes a checkpoint that does not count. */
  miss(verdict: Verdict, offset: number): void {
    const { lacks, shortfall } = verdict;
    const close = closeness(verdict);
    if (lacks === undefined || close < this.#closest) return;
    this.#closest = close;
    this.#nearMiss = { lacks, shortfall, offset };
  }

  /** The largest trusted checkpoint; the first of them where several origins have one of that size. */
  get newest(): Verified<TrustedCheckpoint> | undefined {
    let newest: Verified<TrustedCheckpoint> | undefined;
    for (const checkpoint of this.#newest.values()) {
      if (newest === undefined || checkpoint.size > newest.size) newest = checkpoint;
    }
    return newest;
  }

  newestOf(origin: string): Verified<TrustedCheckpoint> | undefined {
    return this.#newest.get(origin);
  }

  /** The latest of the checkpoints that came closest to counting. */
  get nearMiss(): NearMiss | undefined {
    return this.#nearMiss;
  }
}
