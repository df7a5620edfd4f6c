import { describe, expect, test } from 'vitest';
import { EMPTY_ROOT, MerkleFrontier, leafHash, nodeHash } from '../../../src/container/tree/merkle.js';
import { concatBytes, toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { refusal } from '../../utils/refusal.js';

/** MTH of section 6, word for word. */
const treeHash = (leaves: readonly Uint8Array[]): Uint8Array => {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return only;
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  return sha256(Uint8Array.of(1), treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
};

const leavesOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => leafHash(utf8Encode(`${i}`)));

describe('the tree', () => {
  test('of nothing is the hash of nothing', () => {
    expect(toHex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(new MerkleFrontier().root()).toEqual(EMPTY_ROOT);
    expect(new MerkleFrontier().size).toBe(0);
  });

  test('hashes leaves and nodes with different prefixes', () => {
    const [left, right] = [sha256(Uint8Array.of(7)), sha256(Uint8Array.of(8))];
    expect(toHex(leafHash(new Uint8Array(0)))).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    expect(leafHash(utf8Encode('x'))).toEqual(sha256(utf8Encode('\0x')));
    expect(nodeHash(left, right)).toEqual(sha256(concatBytes(Uint8Array.of(1), left, right)));
  });
});

describe('MerkleFrontier', () => {
  test('has the root of RFC 6962 at every size', () => {
    const leaves = leavesOf(300);
    const frontier = new MerkleFrontier();
    for (const [i, leaf] of leaves.entries()) {
      frontier.push(leaf);
      expect(frontier.size).toBe(i + 1);
      expect(frontier.root()).toEqual(treeHash(leaves.slice(0, i + 1)));
    }
  });

  test('root() does not disturb it', () => {
    const frontier = new MerkleFrontier();
    for (const leaf of leavesOf(7)) frontier.push(leaf);
    expect(frontier.root()).toEqual(frontier.root());
  });

  test('tileNode() is the hash over the last 256 or 65 536 leaves that were completed together', () => {
    const leaves = leavesOf(65_536 + 512);
    const frontier = new MerkleFrontier();
    for (const [i, leaf] of leaves.entries()) {
      frontier.push(leaf);
      const size = i + 1;
      if (size % 4096 === 0 || size === 256 || size === 65_536 + 256) {
        expect(frontier.tileNode(1)).toEqual(treeHash(leaves.slice(size - 256, size)));
      }
      if (size === 65_536) expect(frontier.tileNode(2)).toEqual(treeHash(leaves.slice(0, size)));
    }
    expect(frontier.tileNode(2)).toEqual(treeHash(leaves.slice(0, 65_536)));
  });

  test('tileNode() of what is not yet complete is a defect of the caller', () => {
    const frontier = new MerkleFrontier();
    for (const leaf of leavesOf(255)) frontier.push(leaf);
    expect(refusal(() => frontier.tileNode(1)).code).toBe('H4_INTERNAL');
  });
});
