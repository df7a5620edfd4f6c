/**
 * Slices cut from a recording in memory, and the plain definitions of section 6 that they are proven with: slow, and
 * obviously right.
 */
import type { Chunk } from '../../src/container/format/chunk.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES, MODE, TAIL_STATE } from '../../src/container/format/layout.js';
import { decompose, leafHash, nodeHash } from '../../src/container/tree/merkle.js';
import { type RangeProof, encodeProf } from '../../src/container/tree/range-proof.js';
import { type Tail, encodeTail } from '../../src/container/format/tail.js';
import { parseTokn } from '../../src/container/format/tokn.js';
import { sha256 } from '../../src/utils/sha256.js';
import { type Piece, assembled, chunksOf } from './container.js';
import { noteOf } from './notes.js';

/** MTH of section 6, word for word. */
export const treeHash = (leaves: readonly Uint8Array[]): Uint8Array => {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return only;
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  return nodeHash(treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
};

export const proveRange = (leaves: readonly Uint8Array[], first: number, end: number): RangeProof => ({
  size: leaves.length,
  first,
  count: end - first,
  hashes: [...decompose(0, first), ...decompose(end, leaves.length)].map(({ level, index }) =>
    treeHash(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
  ),
});

/** A recording taken apart: its records, their leaves and the root over all of them. */
export interface Records {
  readonly pieces: readonly (readonly [Piece, Piece])[];
  readonly leaves: readonly Uint8Array[];
  readonly fileId: Uint8Array;
  readonly root: Uint8Array;
  /** The root of the first `size` leaves. */
  readonly rootAt: (size: number) => Uint8Array;
}

export const recordsOf = (file: Uint8Array): Records => {
  const chunks = chunksOf(file);
  const pieces = chunks.flatMap((chunk, i) => (chunk.tag === 'TOKN' ? [[chunk, nextTo(chunks, i)] as const] : []));
  const leaves = pieces.map(([tokn]) => leafHash(parseTokn(tokn.payload).entry));
  return {
    pieces,
    leaves,
    fileId: leaves[0] ?? sha256(),
    root: treeHash(leaves),
    rootAt: (size) => treeHash(leaves.slice(0, size)),
  };
};

const nextTo = (chunks: readonly Chunk[], i: number): Chunk => {
  const next = chunks[i + 1];
  if (next === undefined) throw new Error('The recording ends after a TOKN');
  return next;
};

export const record = ({ pieces }: Records, seq: number): readonly [Piece, Piece] => {
  const found = pieces[seq];
  if (found === undefined) throw new Error(`There is no record ${seq}`);
  return found;
};

export const prof = ({ leaves }: Records, first: number, end: number): Piece => ({
  tag: 'PROF',
  payload: encodeProf(proveRange(leaves, first, end)),
});

export const sign = ({ fileId, leaves, root }: Records): Piece => ({
  tag: 'SIGN',
  payload: noteOf({ fileId, size: leaves.length, root }),
});

/** Records `[first, end)`, but not record 0, which stands in front. */
export const run = (records: Records, first: number, end: number): Piece[] =>
  Array.from({ length: end - first }, (_, i) => first + i).flatMap((seq) => (seq === 0 ? [] : record(records, seq)));

/** These chunks and a TAIL of state 2 that describes them, with the fields of `changed` instead of the right ones. */
export const withTail = (pieces: readonly Piece[], root: Uint8Array, changed: Partial<Tail> = {}): Uint8Array => {
  let self = HEADER_BYTES;
  let [records, meta, sign] = [0, 0, 0];
  for (const { tag, payload } of pieces) {
    if (tag === 'TOKN') {
      records++;
      if (payload[1] === MODE.meta) meta = self;
    }
    if (tag === 'SIGN') sign = self;
    self += CHUNK_HEADER_BYTES + payload.length;
  }
  const links = { meta, seek: 0, veri: 0, sign, prev: 0, tiles: [] };
  const tail = { self, state: TAIL_STATE.slice, records, ...links, root, ...changed };
  return assembled([...pieces, { tag: 'TAIL', payload: encodeTail(tail) }]);
};

/** The chunks of a slice with these runs `[first, end)`, without its TAIL. */
export const slicePieces = (records: Records, runs: readonly (readonly [number, number])[]): Piece[] => [
  ...record(records, 0),
  ...runs.map(([first, end]) => prof(records, first, end)),
  sign(records),
  ...runs.flatMap(([first, end]) => run(records, first, end)),
];

export const slice = (records: Records, runs: readonly (readonly [number, number])[]): Uint8Array =>
  withTail(slicePieces(records, runs), records.root);
