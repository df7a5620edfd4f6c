import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MerkleFrontier, decompose, leafHash } from '../../../src/container/tree/merkle.js';
import {
  type RangeProof,
  RangeVerifier,
  encodeProf,
  parseProf,
  rangeProofNodes,
  verifyRangeProof,
} from '../../../src/container/tree/range-proof.js';
import { concatBytes, fromBase64, fromHex, utf8Encode, viewOf } from '../../../src/utils/bytes.js';
import { readU64 } from '../../../src/utils/u64.js';
import { patched } from '../../support/container.js';
import { describeShared } from '../../support/shared.js';
import { proveRange, treeHash } from '../../support/slices.js';
import { refusal } from '../../utils/refusal.js';

const LARGEST = 40;
const leaves = Array.from({ length: LARGEST }, (_, i) => leafHash(utf8Encode(`leaf ${i}`)));
const roots = Array.from({ length: LARGEST + 1 }, (_, size) => treeHash(leaves.slice(0, size)));
const rootOf = (size: number): Uint8Array => roots[size] ?? new Uint8Array(0);

/** All ranges `[first, end)` of all trees up to 40 leaves. */
function* allRanges(): Generator<{ readonly first: number; readonly end: number; readonly size: number }> {
  for (let size = 1; size <= LARGEST; size++) {
    for (let end = 1; end <= size; end++) for (let first = 0; first < end; first++) yield { first, end, size };
  }
}

const prove = (first: number, end: number, size: number): RangeProof => proveRange(leaves.slice(0, size), first, end);
const invalid = (proof: RangeProof, of: readonly Uint8Array[], root: Uint8Array): string =>
  refusal(() => verifyRangeProof(proof, of, root)).code;

describe('decompose()', () => {
  test('covers [a, b) from left to right with the largest complete subtrees that fit', () => {
    expect(decompose(0, 7)).toEqual([
      { level: 2, index: 0 },
      { level: 1, index: 2 },
      { level: 0, index: 6 },
    ]);
    expect(decompose(3, 16)).toEqual([
      { level: 0, index: 3 },
      { level: 2, index: 1 },
      { level: 3, index: 1 },
    ]);
    expect(decompose(5, 5)).toEqual([]);
    expect(decompose(6, 5)).toEqual([]);
  });

  test('leaves no gap, fits everywhere and has no two neighbours that make one', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (one, other) => {
        const [a, b] = one < other ? [one, other] : [other, one];
        let at = a;
        for (const { level, index } of decompose(a, b)) {
          expect(index * 2 ** level).toBe(at);
          at += 2 ** level;
          // Twice as large, it would begin elsewhere or reach beyond the end.
          expect(index % 2 === 1 || index * 2 ** level + 2 ** (level + 1) > b).toBe(true);
        }
        expect(at).toBe(b);
      }),
    );
  });

  test('is short at the far end of the number range', () => {
    expect(decompose(0, Number.MAX_SAFE_INTEGER)).toHaveLength(53);
    expect(decompose(1, Number.MAX_SAFE_INTEGER)).toHaveLength(104);
    expect(decompose(2 ** 52, Number.MAX_SAFE_INTEGER).at(-1)).toEqual({
      level: 0,
      index: Number.MAX_SAFE_INTEGER - 1,
    });
  });
});

describe('MerkleFrontier.pushSubtree()', () => {
  test('continues a tree by whole subtrees', () => {
    const frontier = new MerkleFrontier();
    frontier.pushSubtree(rootOf(32), 5);
    frontier.pushSubtree(treeHash(leaves.slice(32, 36)), 2);
    for (const leaf of leaves.slice(36)) frontier.push(leaf);
    expect([frontier.size, frontier.root()]).toEqual([LARGEST, rootOf(LARGEST)]);
  });

  test('merges subtrees of equal size', () => {
    const frontier = new MerkleFrontier();
    for (let at = 0; at < 32; at += 8) frontier.pushSubtree(treeHash(leaves.slice(at, at + 8)), 3);
    expect(frontier.root()).toEqual(rootOf(32));
  });

  test('refuses a subtree that cannot begin there', () => {
    const frontier = new MerkleFrontier();
    frontier.push(rootOf(1));
    expect(() => frontier.pushSubtree(rootOf(2), 1)).toThrow(RangeError);
    expect(frontier.size).toBe(1);
  });
});

describe('a range proof', () => {
  test('leads to the root for every range of every tree up to 40 leaves', () => {
    for (const { first, end, size } of allRanges()) {
      verifyRangeProof(prove(first, end, size), leaves.slice(first, end), rootOf(size));
    }
  });

  test('holds the hashes of D(0, a) and D(b, n), exactly that many, in that order', () => {
    expect(rangeProofNodes(3, 5, 8)).toEqual([...decompose(0, 3), ...decompose(5, 8)]);
    const { hashes } = prove(3, 5, 8);
    const expected = [
      [0, 2],
      [2, 3],
      [5, 6],
      [6, 8],
    ].map(([from, to]) => treeHash(leaves.slice(from, to)));
    expect(hashes).toEqual(expected);
    expect(prove(0, 8, 8).hashes).toEqual([]);
  });

  test('with a hash missing, added, changed, exchanged or cut short is refused', () => {
    for (const { first, end, size } of allRanges()) {
      if (size > 12) continue;
      const proof = prove(first, end, size);
      const range = leaves.slice(first, end);
      const { hashes } = proof;
      const variants = [
        [...hashes, rootOf(1)],
        [rootOf(1), ...hashes],
      ];
      for (const [i, hash] of hashes.entries()) {
        variants.push(hashes.toSpliced(i, 1));
        variants.push(hashes.with(i, patched(hash, 31, (hash[31] ?? 0) ^ 1)));
        variants.push(hashes.with(i, hash.subarray(0, 31)));
        variants.push(hashes.with(i, new Uint8Array(0)));
        if (i > 0) variants.push(hashes.with(i, hashes[i - 1] ?? hash).with(i - 1, hash));
      }
      for (const variant of variants) {
        expect(invalid({ ...proof, hashes: variant }, range, rootOf(size))).toBe('H4_PROOF_INVALID');
      }
    }
  });

  test('with a hash that is not 32 bytes long is refused before any leaf', () => {
    const proof = prove(5, 8, 11);
    for (const [i] of proof.hashes.entries()) {
      for (const length of [0, 31, 33]) {
        const hashes = proof.hashes.with(i, new Uint8Array(length));
        expect(refusal(() => new RangeVerifier({ ...proof, hashes })).code).toBe('H4_PROOF_INVALID');
      }
    }
  });

  test('for other leaves, fewer, more or in another order is refused', () => {
    for (const { first, end, size } of allRanges()) {
      if (size > 12) continue;
      const proof = prove(first, end, size);
      const range = leaves.slice(first, end);
      const variants = [range.slice(1), [...range, rootOf(1)], range.with(0, rootOf(0))];
      if (range.length > 1) variants.push(range.toReversed());
      for (const variant of variants) expect(invalid(proof, variant, rootOf(size))).toBe('H4_PROOF_INVALID');
      expect(invalid(proof, range, rootOf(size - 1))).toBe('H4_PROOF_INVALID');
    }
  });

  test('does not prove the same leaves at another place or in a tree of another size', () => {
    for (const { first, end, size } of allRanges()) {
      if (size > 12) continue;
      const proof = prove(first, end, size);
      const range = leaves.slice(first, end);
      for (const moved of [-1, 1]) {
        expect(invalid({ ...proof, first: first + moved }, range, rootOf(size))).toBe('H4_PROOF_INVALID');
      }
      // Where a tree ends is only in its root: a proof of as many hashes may also lead there under another size.
      const grown = { ...proof, size: size + 1 };
      if (rangeProofNodes(first, end, size + 1).length !== proof.hashes.length) {
        expect(invalid(grown, range, rootOf(size))).toBe('H4_PROOF_INVALID');
      }
    }
  });

  test.each([
    ['an empty range', { size: 4, first: 1, count: 0 }],
    ['a range that begins at the end', { size: 4, first: 4, count: 1 }],
    ['a range that begins beyond the end', { size: 4, first: 5, count: 1 }],
    ['a range that ends beyond the end', { size: 4, first: 3, count: 2 }],
    ['a range of an empty tree', { size: 0, first: 0, count: 1 }],
    ['a range beyond 2^53', { size: Number.MAX_SAFE_INTEGER, first: 1, count: Number.MAX_SAFE_INTEGER }],
    ['a negative place', { size: 4, first: -1, count: 1 }],
    ['a fraction', { size: 4, first: 0.5, count: 1 }],
    ['no number', { size: 4, first: 0, count: Number.NaN }],
    ['an unsafe size', { size: 2 ** 53, first: 0, count: 1 }],
  ])('of %s is refused before any leaf', (_what, range) => {
    expect(refusal(() => new RangeVerifier({ ...range, hashes: [] })).code).toBe('H4_PROOF_INVALID');
    // Not only because hashes are missing.
    const { size, first, count } = range;
    if (![size, first, count].every(Number.isSafeInteger) || first < 0) return;
    const hashes = rangeProofNodes(first, first + count, size).map(() => rootOf(1));
    expect(refusal(() => new RangeVerifier({ ...range, hashes })).code).toBe('H4_PROOF_INVALID');
  });
});

describe('RangeVerifier', () => {
  test('says which leaf comes next and when it has them all', () => {
    const verifier = new RangeVerifier(prove(5, 8, 11));
    const seen: (number | boolean)[] = [];
    for (const leaf of leaves.slice(5, 8)) {
      seen.push(verifier.next, verifier.isComplete);
      verifier.push(leaf);
    }
    expect(seen).toEqual([5, false, 6, false, 7, false]);
    expect([verifier.next, verifier.isComplete]).toEqual([8, true]);
    expect(verifier.root()).toEqual(rootOf(11));
    expect([verifier.next, verifier.isComplete, verifier.root()]).toEqual([8, true, rootOf(11)]);
  });

  test('has no root before the last leaf', () => {
    const verifier = new RangeVerifier(prove(5, 8, 11));
    verifier.push(rootOf(1));
    const error = refusal(() => verifier.root());
    expect(error.code).toBe('H4_PROOF_INVALID');
    expect(error.message).toContain('from 6 to 7');
  });

  test('takes no leaf too many, before and after the root was asked for', () => {
    const verifier = new RangeVerifier(prove(5, 6, 11));
    verifier.push(leafHash(utf8Encode('leaf 5')));
    expect(refusal(() => verifier.push(rootOf(1))).code).toBe('H4_PROOF_INVALID');
    expect(verifier.root()).toEqual(rootOf(11));
    expect(refusal(() => verifier.push(rootOf(1))).code).toBe('H4_PROOF_INVALID');
  });

  test('takes only hashes for leaves', () => {
    const verifier = new RangeVerifier(prove(5, 6, 11));
    for (const length of [0, 31, 33]) {
      expect(refusal(() => verifier.push(new Uint8Array(length))).code).toBe('H4_PROOF_INVALID');
    }
  });
});

describe('PROF', () => {
  test('comes back as it was written', () => {
    const proof = prove(5, 8, 11);
    const payload = encodeProf(proof);
    expect(payload).toHaveLength(24 + 32 * proof.hashes.length);
    expect(parseProf(payload)).toEqual(proof);
  });

  test('begins with the size of the tree, the first record and the count', () => {
    const head = fromHex('000000000000000b' + '0000000000000005' + '0000000000000003');
    const { hashes } = prove(5, 8, 11);
    expect(encodeProf(prove(5, 8, 11))).toEqual(concatBytes(head, ...hashes));
  });

  test('of any other length is refused', () => {
    const payload = encodeProf(prove(5, 8, 11));
    for (let length = 0; length < payload.length; length++) {
      expect(refusal(() => parseProf(payload.subarray(0, length))).code).toBe('H4_PROF_LAYOUT');
    }
    for (const more of [1, 32]) {
      expect(refusal(() => parseProf(concatBytes(payload, new Uint8Array(more)))).code).toBe('H4_PROF_LAYOUT');
    }
  });

  test.each([
    ['no record', 16, 0],
    ['more records than the tree has', 16, 7],
    ['records that begin at the end', 8, 11],
    ['a tree of no records', 0, 0],
  ])('of %s is refused', (_what, at, value) => {
    const payload = patched(encodeProf(prove(5, 8, 11)), at, value, 8);
    expect(refusal(() => parseProf(payload)).code).toBe('H4_PROF_LAYOUT');
    // Not only because of its length.
    const [size = 0, first = 0, count = 0] = [0, 8, 16].map((field) => readU64(viewOf(payload), field, 'PROF'));
    const needed = rangeProofNodes(first, first + count, size).length;
    const fitting = concatBytes(payload.subarray(0, 24), new Uint8Array(32 * needed));
    expect(refusal(() => parseProf(fitting)).code).toBe('H4_PROF_LAYOUT');
  });

  test('passes every number through the gate of 64-bit integers', () => {
    for (const at of [0, 8, 16]) {
      const payload = encodeProf(prove(5, 8, 11));
      expect(refusal(() => parseProf(patched(payload, at, 2n ** 53n, 8))).code).toBe('H4_LIMIT_U64');
      expect(refusal(() => parseProf(patched(payload, at, 2n ** 63n, 8))).code).toBe('H4_U64_RANGE');
    }
  });

  test('of the largest tree needs 105 hashes at most', () => {
    const size = Number.MAX_SAFE_INTEGER;
    const needed = rangeProofNodes(1, 2, size).length;
    expect(needed).toBeLessThanOrEqual(105);
    const proof = { size, first: 1, count: 1, hashes: Array.from({ length: needed }, () => rootOf(1)) };
    expect(parseProf(encodeProf(proof))).toEqual(proof);
    const verifier = new RangeVerifier(proof);
    verifier.push(rootOf(1));
    expect(verifier.root()).toHaveLength(32);
  });
});

describeShared('published trees', (shared) => {
  interface TreeVector {
    readonly leaf_inputs_hex: readonly string[];
    readonly root_hashes_by_size_hex: readonly string[];
  }
  interface InclusionVector {
    readonly leafIdx: number;
    readonly treeSize: number;
    readonly root: string;
    readonly leafHash: string;
    readonly proof: readonly string[] | null;
    readonly desc: string;
    readonly wantErr: boolean;
  }
  const read = (name: string): unknown => JSON.parse(readFileSync(`${shared}/vectors/${name}`, 'utf8'));
  const tree = read('rfc6962_tree.json') as TreeVector;
  const inclusions = read('merkle_inclusion.json') as readonly InclusionVector[];

  test('every range of the tree of RFC 6962 leads to its published root', () => {
    const published = tree.leaf_inputs_hex.map((input) => leafHash(fromHex(input)));
    for (const [size, root] of tree.root_hashes_by_size_hex.entries()) {
      for (let end = 1; end <= size; end++) {
        for (let first = 0; first < end; first++) {
          const proof = proveRange(published.slice(0, size), first, end);
          verifyRangeProof(proof, published.slice(first, end), fromHex(root));
        }
      }
    }
  });

  /**
   * An inclusion proof of RFC 9162 goes from leaf to root, ours from left to right. Where each right sibling is a complete
   * subtree, as in all of these trees, the hashes are the same ones.
   */
  const asRangeProof = ({ leafIdx, treeSize, proof }: InclusionVector): RangeProof => {
    const left: Uint8Array[] = [];
    const right: Uint8Array[] = [];
    let [at, last] = [leafIdx, treeSize - 1];
    for (const hash of proof ?? []) {
      if (at % 2 === 1 || at === last) {
        left.unshift(fromBase64(hash));
        while (at % 2 === 0 && at > 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
      } else {
        right.push(fromBase64(hash));
      }
      [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    }
    return { size: treeSize, first: leafIdx, count: 1, hashes: [...left, ...right] };
  };

  test.each(inclusions)('$desc: leaf $leafIdx of $treeSize', (vector) => {
    const verify = (): void => {
      verifyRangeProof(asRangeProof(vector), [fromBase64(vector.leafHash)], fromBase64(vector.root));
    };
    if (vector.wantErr) expect(refusal(verify).code).toBe('H4_PROOF_INVALID');
    else verify();
  });

  test('some of them verify and most do not', () => {
    expect(inclusions.filter(({ wantErr }) => !wantErr)).toHaveLength(6);
    expect(inclusions).toHaveLength(98);
  });
});
