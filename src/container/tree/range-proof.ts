/**
 * Range proofs: that some neighbouring records are exactly the ones at their place under a root (spec/h4mk.md section 6),
 * and PROF, the chunk that carries one in a slice (section 11). The hashes are those of D(0, a) and D(b, n), from left to
 * right: not the leaf-to-root order of RFC 9162, and an unfinished right half of the tree is given by its complete parts.
 */
import { ByteBuilder } from '../../utils/builder.js';
import { equalBytes } from '../../utils/bytes.js';
import { ByteCursor } from '../../utils/cursor.js';
import { H4Error } from '../../utils/error.js';
import { HASH_BYTES } from '../format/layout.js';
import { MerkleFrontier, type TreeNode, decompose } from './merkle.js';

export interface RangeProof {
  /** Number of leaves of the tree. */
  readonly size: number;
  /** The proven leaves are `[first, first + count)`. */
  readonly first: number;
  readonly count: number;
  readonly hashes: readonly Uint8Array[];
}

/** The nodes whose hashes prove the leaves `[first, end)` under `size` leaves, in the order of the proof. */
export const rangeProofNodes = (first: number, end: number, size: number): TreeNode[] => [
  ...decompose(0, first),
  ...decompose(end, size),
];

const refuse = (why: string): never => {
  throw new H4Error('H4_PROOF_INVALID', `The range proof ${why}`);
};

/** Why leaves cannot be a range of a tree, or undefined if they can. */
const rangeFault = ({ size, first, count }: Omit<RangeProof, 'hashes'>): string | undefined => {
  if (![size, first, count].every((value) => Number.isSafeInteger(value) && value >= 0)) {
    return `is for ${count} leaves from ${first} on of ${size}, which are not whole numbers`;
  }
  if (count === 0) return 'is for no leaf at all';
  return first >= size || count > size - first
    ? `is for ${count} leaves from ${first} on, beyond the ${size} of the tree`
    : undefined;
};

/** Refuses with H4_PROOF_INVALID a range that no tree of that size has. */
export const assertRange = (range: Omit<RangeProof, 'hashes'>): void => {
  const fault = rangeFault(range);
  if (fault !== undefined) refuse(fault);
};

/**
 * Computes the root that a proof leads to, while the leaves arrive one by one in order. It holds the hashes of the proof and
 * O(log n) more, however long the range. Refuses with H4_PROOF_INVALID a range that the tree does not have, and hashes
 * that are too few, too many or not 32 bytes long.
 */
export class RangeVerifier {
  readonly #frontier = new MerkleFrontier();
  readonly #end: number;
  readonly #size: number;
  /** Hashes of what lies right of the range. */
  readonly #right: readonly Uint8Array[];
  #root: Uint8Array | undefined;

  constructor(proof: RangeProof) {
    assertRange(proof);
    const { size, first, count, hashes } = proof;
    this.#size = size;
    this.#end = first + count;
    const needed = rangeProofNodes(first, this.#end, size).length;
    if (hashes.length !== needed) refuse(`has ${hashes.length} hashes; exactly ${needed} are needed`);
    if (hashes.some((hash) => hash.length !== HASH_BYTES)) refuse(`has a hash that is not ${HASH_BYTES} bytes long`);
    const left = decompose(0, first);
    for (const [i, { level }] of left.entries()) this.#frontier.pushSubtree(hashAt(hashes, i), level);
    this.#right = hashes.slice(left.length);
  }

  /** Number of the next leaf. */
  get next(): number {
    return Math.min(this.#frontier.size, this.#end);
  }

  get isComplete(): boolean {
    return this.next === this.#end;
  }

  /** Takes the next leaf of the range. */
  push(leaf: Uint8Array): void {
    if (this.isComplete) refuse(`ends before leaf ${this.#end}`);
    if (leaf.length !== HASH_BYTES) refuse(`is for leaves of ${HASH_BYTES} bytes, not ${leaf.length}`);
    this.#frontier.push(leaf);
  }

  /** The root to which proof and leaves lead. Refuses before the last leaf. */
  root(): Uint8Array {
    if (!this.isComplete) refuse(`lacks the leaves from ${this.next} to ${this.#end - 1}`);
    return (this.#root ??= this.#finish());
  }

  #finish(): Uint8Array {
    for (const [i, { level }] of decompose(this.#end, this.#size).entries()) {
      this.#frontier.pushSubtree(hashAt(this.#right, i), level);
    }
    return this.#frontier.root();
  }
}

const hashAt = (hashes: readonly Uint8Array[], i: number): Uint8Array => hashes[i] ?? refuse(`lacks hash ${i}`);

/** Refuses with H4_PROOF_INVALID unless `leaves` are exactly the range of the proof under `root`. */
export const verifyRangeProof = (proof: RangeProof, leaves: Iterable<Uint8Array>, root: Uint8Array): void => {
  const verifier = new RangeVerifier(proof);
  for (const leaf of leaves) verifier.push(leaf);
  if (!equalBytes(verifier.root(), root)) refuse('leads to another root');
};

const PROF_HEAD_BYTES = 24;

/** Parses the payload of a PROF. The hashes are views of it, as many as the range needs. */
export const parseProf = (payload: Uint8Array): RangeProof => {
  const cursor = new ByteCursor(payload, 'H4_PROF_LAYOUT', 'PROF');
  const [size, first, count] = [cursor.u64(), cursor.u64(), cursor.u64()];
  const fault = rangeFault({ size, first, count });
  if (fault !== undefined) throw new H4Error('H4_PROF_LAYOUT', `PROF ${fault}`);
  const needed = rangeProofNodes(first, first + count, size).length;
  if (cursor.remaining !== needed * HASH_BYTES) {
    throw new H4Error(
      'H4_PROF_LAYOUT',
      `PROF of records ${first} to ${first + count - 1} of ${size} has ${cursor.remaining} bytes of hashes, not ${needed * HASH_BYTES}`,
    );
  }
  return { size, first, count, hashes: Array.from({ length: needed }, () => cursor.take(HASH_BYTES)) };
};

/** The payload of a PROF. */
export const encodeProf = ({ size, first, count, hashes }: RangeProof): Uint8Array => {
  const builder = new ByteBuilder(PROF_HEAD_BYTES + HASH_BYTES * hashes.length).u64(size).u64(first).u64(count);
  for (const hash of hashes) builder.bytes(hash);
  return builder.finish();
};
