/**
 * Inclusion and consistency proofs as transparency logs give them (RFC 9162, 2.1.3 and 2.1.4; spec/h4mk.md section 6). Both
 * are cases of one: that the leaves `[start, end)` are a subtree of a tree of `size` leaves. One leaf is a subtree of its own
 * (inclusion); a smaller tree is the subtree that begins at 0 (consistency). Hashes come in the order from leaf to root,
 * and a proof is accepted with exactly the hashes that its place demands.
 */
import { equalBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { HASH_BYTES } from '../format/layout.js';
import { nodeHash } from './merkle.js';

/** The leaves `[start, end)` of a tree of `size` leaves; `start` is a multiple of the power of two that holds them. */
export interface SubtreePlace {
  readonly start: number;
  readonly end: number;
  readonly size: number;
}

/** The leaves `[from, to)`: a node of the tree, complete or at its right edge. */
export interface TreeRange {
  readonly from: number;
  readonly to: number;
}

interface Step {
  readonly sibling: TreeRange;
  /** On which side the sibling stands. */
  readonly side: 'left' | 'right';
  /** Whether the sibling belongs to the subtree too, which was split here. */
  readonly joins: boolean;
}

interface Path {
  /** The last complete part of a subtree that was split; undefined where the subtree is a node of the tree itself. */
  readonly base: TreeRange | undefined;
  /** From the leaves to the root. */
  readonly steps: readonly Step[];
}

/** Refuses with H4_PROOF_INVALID unless leaf `index` of the tree of `size` leaves with `root` is `leaf`. */
export const verifyInclusion = (
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void => verifySubtree({ start: index, end: index + 1, size }, leaf, proof, root);

/** Refuses with H4_PROOF_INVALID unless the tree of `first` leaves is the beginning of that of `second` leaves. */
export const verifyConsistency = (
  first: { readonly size: number; readonly root: Uint8Array },
  second: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): void => verifySubtree({ start: 0, end: first.size, size: second.size }, first.root, proof, second.root);

/** Refuses with H4_PROOF_INVALID unless the leaves at `place`, whose own root is `subtree`, belong to the tree with `root`. */
export const verifySubtree = (
  place: SubtreePlace,
  subtree: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void => {
  assertPlace(place);
  const { base, steps } = pathTo(place);
  const needed = steps.length + (base === undefined ? 0 : 1);
  if (proof.length !== needed) refuse(`has ${proof.length} hashes; exactly ${needed} are needed`);
  if ([subtree, root, ...proof].some((hash) => hash.length !== HASH_BYTES)) {
    refuse(`has a hash that is not ${HASH_BYTES} bytes long`);
  }
  const siblings = base === undefined ? proof : proof.slice(1);
  const start = base === undefined ? subtree : (proof[0] ?? subtree);
  let [inner, outer] = [start, start];
  for (const [i, { side, joins }] of steps.entries()) {
    const sibling = siblings[i] ?? start;
    outer = side === 'left' ? nodeHash(sibling, outer) : nodeHash(outer, sibling);
    if (joins) inner = nodeHash(sibling, inner);
  }
  if (!equalBytes(inner, subtree)) refuse('does not lead to the root of the smaller tree');
  if (!equalBytes(outer, root)) refuse('leads to another root');
};

/** Refuses with H4_PROOF_INVALID unless leaf `index` lies in the subtree of the leaves `[start, end)` with `root`. */
export const verifySubtreeInclusion = (
  index: number,
  { start, end }: { readonly start: number; readonly end: number },
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void => {
  assertPlace({ start, end, size: end });
  if (index < start) refuse(`is of leaf ${index}, which lies before the subtree`);
  verifyInclusion(index - start, end - start, leaf, proof, root);
};

/** The nodes whose hashes prove the leaves at `place`, in the order of the proof. */
export const subtreeProofRanges = (place: SubtreePlace): TreeRange[] => {
  assertPlace(place);
  const { base, steps } = pathTo(place);
  return [...(base === undefined ? [] : [base]), ...steps.map(({ sibling }) => sibling)];
};

const refuse = (why: string): never => {
  throw new H4Error('H4_PROOF_INVALID', `The proof ${why}`);
};

const assertPlace = ({ start, end, size }: SubtreePlace): void => {
  if (![start, end, size].every((value) => Number.isSafeInteger(value) && value >= 0)) {
    refuse(`is of the leaves from ${start} to ${end} of ${size}, which are not whole numbers`);
  }
  if (start >= end || end > size)
    refuse(`is of the leaves from ${start} to ${end}, which a tree of ${size} does not have`);
  let width = 1;
  while (width < end - start) width *= 2;
  if (start % width !== 0) refuse(`is of the leaves from ${start} to ${end}, which are no subtree`);
};

/** Walks down from the root, whose two halves meet at the largest power of two below its size. */
const pathTo = ({ start, end, size }: SubtreePlace): Path => {
  const steps: Step[] = [];
  let [from, to] = [0, size];
  let inner = start;
  let isSplit = false;
  while (from !== inner || to !== end) {
    const middle = from + largestPowerBelow(to - from);
    if (end <= middle) {
      steps.push({ sibling: { from: middle, to }, side: 'right', joins: false });
      to = middle;
      continue;
    }
    const joins = inner < middle;
    steps.push({ sibling: { from, to: middle }, side: 'left', joins });
    if (joins) {
      inner = middle;
      isSplit = true;
    }
    from = middle;
  }
  return { base: isSplit ? { from, to } : undefined, steps: steps.reverse() };
};

const largestPowerBelow = (count: number): number => {
  let power = 1;
  while (2 * power < count) power *= 2;
  return power;
};
