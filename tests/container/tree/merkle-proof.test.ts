import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type SubtreePlace,
  subtreeProofRanges,
  verifyConsistency,
  verifyInclusion,
  verifySubtree,
  verifySubtreeInclusion,
} from '../../../src/container/tree/merkle-proof.js';
import { fromBase64 } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { refusal } from '../../utils/refusal.js';
import { describeShared } from '../../support/shared.js';
import { treeHash } from '../../support/slices.js';

const LEAVES = Array.from({ length: 40 }, (_, i) => sha256(Uint8Array.of(i)));
const leaf = (i: number): Uint8Array => LEAVES[i] ?? new Uint8Array(0);
const hashOf = (from: number, to: number): Uint8Array => treeHash(LEAVES.slice(from, to));
const prove = (place: SubtreePlace): Uint8Array[] => subtreeProofRanges(place).map(({ from, to }) => hashOf(from, to));
const refused = (run: () => void): void => expect(refusal(run).code).toBe('H4_PROOF_INVALID');

describe('every proof of a small tree', () => {
  test('of inclusion is accepted at its place, and nowhere else', () => {
    for (let size = 1; size <= 20; size++) {
      const root = hashOf(0, size);
      for (let index = 0; index < size; index++) {
        const proof = prove({ start: index, end: index + 1, size });
        verifyInclusion(index, size, leaf(index), proof, root);
        for (let other = 0; other <= size; other++) {
          if (other !== index) refused(() => verifyInclusion(other, size, leaf(index), proof, root));
        }
      }
    }
  });

  test('of consistency is accepted for its two sizes, and the proof has at most one hash for each level and one more', () => {
    for (let second = 1; second <= LEAVES.length; second++) {
      for (let first = 1; first <= second; first++) {
        const proof = prove({ start: 0, end: first, size: second });
        const [old, now] = [hashOf(0, first), hashOf(0, second)];
        verifyConsistency({ size: first, root: old }, { size: second, root: now }, proof);
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(second)) + 1);
        if (first === second) {
          refused(() => verifyConsistency({ size: first, root: old }, { size: second, root: now }, [old]));
        } else {
          refused(() => verifyConsistency({ size: first, root: now }, { size: second, root: now }, proof));
          refused(() => verifyConsistency({ size: first, root: old }, { size: second, root: old }, proof));
        }
      }
    }
  });

  test('of a subtree is accepted', () => {
    for (let size = 1; size <= LEAVES.length; size++) {
      for (let width = 1; width <= size; width *= 2) {
        for (let start = 0; start < size; start += width) {
          for (let end = start + Math.floor(width / 2) + 1; end <= Math.min(start + width, size); end++) {
            const place = { start, end, size };
            verifySubtree(place, hashOf(start, end), prove(place), hashOf(0, size));
          }
        }
      }
    }
  });
});

describe('a proof is refused', () => {
  const place = { start: 8, end: 11, size: 29 };
  const proof = prove(place);
  const [subtree, root] = [hashOf(8, 11), hashOf(0, 29)];

  test('with a hash too few, too many, or of another length', () => {
    verifySubtree(place, subtree, proof, root);
    refused(() => verifySubtree(place, subtree, proof.slice(1), root));
    refused(() => verifySubtree(place, subtree, proof.slice(0, -1), root));
    refused(() => verifySubtree(place, subtree, [...proof, root], root));
    refused(() => verifySubtree(place, subtree, proof.with(0, new Uint8Array(0)), root));
    refused(() => verifySubtree(place, subtree.subarray(1), proof, root));
    refused(() => verifySubtree(place, subtree, proof, new Uint8Array(33)));
  });

  test('with any one bit changed', () => {
    fc.assert(
      fc.property(fc.nat(proof.length - 1), fc.nat(255), (which, bit) => {
        const changed = proof.map((hash, i) =>
          i === which ? hash.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)) : hash,
        );
        refused(() => verifySubtree(place, subtree, changed, root));
      }),
    );
  });

  test.each([
    [{ start: 0, end: 0, size: 5 }, 'no leaf'],
    [{ start: 3, end: 2, size: 5 }, 'an end before the start'],
    [{ start: 4, end: 6, size: 5 }, 'leaves beyond the tree'],
    [{ start: 0, end: 1, size: 0 }, 'a tree without leaves'],
    [{ start: 3, end: 5, size: 8 }, 'leaves that are no subtree'],
    [{ start: 0.5, end: 1, size: 8 }, 'a place that is no whole number'],
    [{ start: -1, end: 1, size: 8 }, 'a negative place'],
    [{ start: 0, end: 1, size: 2 ** 53 }, 'a size that a double cannot hold'],
  ])('of %o: %s', (wrong) => {
    refused(() => verifySubtree(wrong, subtree, proof, root));
    refused(() => subtreeProofRanges(wrong));
  });

  test('if its leaf lies before its subtree', () => {
    refused(() => verifySubtreeInclusion(7, { start: 8, end: 11 }, leaf(7), [], subtree));
  });
});

test('the largest tree there can be is proven by at most 53 hashes', () => {
  const size = Number.MAX_SAFE_INTEGER;
  expect(subtreeProofRanges({ start: 1, end: 2, size })).toHaveLength(53);
  expect(subtreeProofRanges({ start: size - 1, end: size, size })).toHaveLength(52);
});

describeShared('published proofs', (shared) => {
  interface Vector {
    readonly desc: string;
    readonly wantErr: boolean;
    readonly proof: readonly string[] | null;
    readonly root: string;
    readonly leafHash: string;
    readonly root1: string;
    readonly root2?: string;
    readonly leafIdx: number;
    readonly treeSize: number;
    readonly size1: number;
    readonly size2: number;
    readonly size: number;
    readonly start?: number;
    readonly end?: number;
  }
  const read = (name: string): readonly Vector[] =>
    JSON.parse(readFileSync(`${shared}/vectors/${name}.json`, 'utf8')) as readonly Vector[];
  const proofOf = ({ proof }: Vector): Uint8Array[] => (proof ?? []).map((hash) => fromBase64(hash));
  /**
   * The publisher takes an empty subtree for part of any tree, and any bytes for the root of equal trees. Section 6 of our
   * specification refuses m = 0 and hashes that are not 32 bytes.
   */
  const isRefusedHere = ({ size1, start, end, root2 = '' }: Vector): boolean =>
    size1 === 0 || (start !== undefined && start === end) || (root2 !== '' && fromBase64(root2).length !== 32);
  const check = (vector: Vector, run: () => void): void =>
    vector.wantErr || isRefusedHere(vector) ? refused(run) : run();

  test.each(read('merkle_inclusion'))('inclusion: $desc, leaf $leafIdx of $treeSize', (vector) => {
    const { leafIdx, treeSize, leafHash, root } = vector;
    check(vector, () => verifyInclusion(leafIdx, treeSize, fromBase64(leafHash), proofOf(vector), fromBase64(root)));
  });

  test.each(read('merkle_consistency'))('consistency: $desc, $size1 and $size2', (vector) => {
    const [first, second] = [
      { size: vector.size1, root: fromBase64(vector.root1) },
      { size: vector.size2, root: fromBase64(vector.root2 ?? '') },
    ];
    check(vector, () => verifyConsistency(first, second, proofOf(vector)));
  });

  test.each(read('merkle_subtreeinclusion'))('subtree inclusion: $desc, leaf $leafIdx of $start to $end', (vector) => {
    const { leafIdx, start = 0, end = 0, leafHash, root } = vector;
    const run = (): void =>
      verifySubtreeInclusion(leafIdx, { start, end }, fromBase64(leafHash), proofOf(vector), fromBase64(root));
    check(vector, run);
  });

  test.each(read('merkle_subtreeconsistency'))('subtree consistency: $desc, $start to $end of $size', (vector) => {
    const { start = 0, end = 0, size, root1, root2 = '' } = vector;
    const run = (): void => verifySubtree({ start, end, size }, fromBase64(root1), proofOf(vector), fromBase64(root2));
    check(vector, run);
  });

  test('some of each sort verify, and most do not', () => {
    const counts = [
      'merkle_inclusion',
      'merkle_consistency',
      'merkle_subtreeinclusion',
      'merkle_subtreeconsistency',
    ].map((name) => read(name).filter(({ wantErr }) => !wantErr).length);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });
});
