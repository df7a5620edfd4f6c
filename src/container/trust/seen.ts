/**
 * What a follower remembers of a recording, held against what it is shown now (spec/h4mk.md sections 11 and 21). An old copy
 * verifies as well as the newest one, and a signer can show two people two histories: only who has kept a checkpoint notices.
 */
import { equalBytes, toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import type { Finding } from '../check/findings.js';
import { HASH_BYTES } from '../format/layout.js';
import type { TrustedCheckpoint } from '../check/verified.js';

/** A checkpoint that was trusted in an earlier check. Nothing else may be given for one. */
export interface SeenCheckpoint {
  /** `<key name>/<hex file_id>`: the memory may hold other recordings too. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** A smaller checkpoint is no rollback: this one was met a moment ago, beside the one that is checked. */
  readonly mayBeOlder?: boolean;
}

/** H4_PARAM for a memory that no check can have left. */
export const assertSeen = (seen: readonly SeenCheckpoint[]): void => {
  for (const { size, root } of seen) {
    if (Number.isSafeInteger(size) && size > 0 && root.length === HASH_BYTES) continue;
    throw new H4Error(
      'H4_PARAM',
      `A checkpoint has a size and a root of 32 bytes, not ${size} and ${root.length} bytes`,
    );
  }
};

/** The memory of one recording, and the roots that its tree had at the remembered sizes. */
export class SeenHistory {
  readonly #seen: readonly SeenCheckpoint[];
  #ofThisFile: readonly SeenCheckpoint[] = [];
  /** Undefined until the tree has had that size. */
  readonly #roots = new Map<number, Uint8Array | undefined>();

  constructor(seen: readonly SeenCheckpoint[]) {
    this.#seen = seen;
  }

  /** The file that is checked is this one. */
  begin(fileId: Uint8Array): void {
    const ending = `/${toHex(fileId)}`;
    this.#ofThisFile = this.#seen.filter(({ origin }) => origin.endsWith(ending));
    for (const { size } of this.#ofThisFile) this.#roots.set(size, undefined);
  }

  /** Whether the root at this size is one to be compared. */
  wants(size: number): boolean {
    return this.#roots.has(size);
  }

  remember(size: number, root: Uint8Array): void {
    this.#roots.set(size, root);
  }

  /**
   * What `newest`, the largest checkpoint that is trusted now, says against the memory; `newestOf` gives the largest of one
   * origin. Records beyond it are nobody's word yet: what they do to the tree is no contradiction.
   */
  faults(
    newest: TrustedCheckpoint | undefined,
    newestOf: (origin: string) => TrustedCheckpoint | undefined,
  ): Finding[] {
    if (newest === undefined) return [];
    const faults: Finding[] = [];
    const { offset } = newest;
    for (const { origin, size, root, mayBeOlder = false } of this.#ofThisFile) {
      const own = newestOf(origin) ?? newest;
      if (own.size < size && !mayBeOlder) {
        const message = `The newest trusted checkpoint has size ${own.size}, but one of size ${size} was seen before: this is an old copy`;
        faults.push({ code: 'H4_ROLLBACK', offset, message });
      }
      const now = this.#roots.get(size);
      if (size <= newest.size && now !== undefined && !equalBytes(now, root)) {
        const message = `The first ${size} records are not those of the checkpoint that was seen before: the signer has shown two histories`;
        faults.push({ code: 'H4_EQUIVOCATION', offset, message });
      }
    }
    return faults;
  }
}
