/**
 * The records of a slice, gathered on the one walk that checks it, and the tree that its proofs lead to (spec/h4mk.md section
 * 11). Memory is about 110 bytes for each record, of which there can be no more than a limit allows.
 */
import { H4Error } from '../../utils/error.js';
import { spanOfTokn } from './clip-search.js';
import { CHUNK_HEADER_BYTES, isMediaMode } from '../format/layout.js';
import { type TreeNode, leafHash, nodeHash } from '../tree/merkle.js';
import { NumberList } from '../format/number-list.js';
import { type RangeProof, rangeProofNodes } from '../tree/range-proof.js';
import type { RecordPlace } from '../read/record-index.js';
import type { StoredRecord } from '../read/record-reader.js';
import type { RecordRun } from '../read/run-reader.js';
import { firstIndex } from '../format/seek.js';
import type { TreeHashes } from '../tree/tree-hashes.js';

/** A record of a media track, as its checked TOKN says. */
export interface CarriedBlock {
  readonly seq: number;
  readonly key: boolean;
  readonly pts: number;
  readonly back: number;
  readonly pos: number;
  readonly raw: number;
  /** From its earliest token to the end of its latest one. */
  readonly fromPts: number;
  readonly toPts: number;
}

/** The numbers of one block, in this order, in the list of its track. */
const FIELDS = 8;

/** The blocks of one track, in the order of the slice. */
export class CarriedTrack {
  readonly #numbers = new NumberList();
  /** Where the key blocks stand in the list. */
  readonly #keys = new NumberList();

  get length(): number {
    return this.#numbers.length / FIELDS;
  }

  push({ tokn }: StoredRecord): void {
    const { from, to } = spanOfTokn(tokn);
    const { seq, key, pts, back, pos, raw } = tokn;
    if (key) this.#keys.push(this.length);
    for (const value of [seq, key ? 1 : 0, pts, back, pos, raw, from, to]) this.#numbers.push(value);
  }

  at(i: number): CarriedBlock | undefined {
    if (i < 0 || i >= this.length) return undefined;
    const field = (k: number): number => this.#numbers.at(FIELDS * i + k) ?? 0;
    const [pts, back, pos, raw] = [field(2), field(3), field(4), field(5)];
    return { seq: field(0), key: field(1) === 1, pts, back, pos, raw, fromPts: field(6), toPts: field(7) };
  }

  /** The number of blocks before the first one of which `isBeyond` holds; it must hold of all after that one. */
  until(isBeyond: (block: CarriedBlock) => boolean): number {
    return firstIndex(this.length, (i) => {
      const block = this.at(i);
      return block !== undefined && isBeyond(block);
    });
  }

  /** Where the first key block with a PTS of at least `pts` stands, or the length of the list. */
  untilKey(pts: number): number {
    return this.#keys.at(this.#keysBefore(pts)) ?? this.length;
  }

  /** The last key block at or before `pts`, and where it stands in the list. */
  lastKey(pts: number): { readonly i: number; readonly block: CarriedBlock } | undefined {
    const i = this.#keys.at(this.#keysBefore(pts + 1) - 1);
    const block = i === undefined ? undefined : this.at(i);
    return i === undefined || block === undefined ? undefined : { i, block };
  }

  /** The times of key blocks rise strictly. */
  #keysBefore(pts: number): number {
    return firstIndex(this.#keys.length, (k) => (this.at(this.#keys.at(k) ?? 0)?.pts ?? 0) >= pts);
  }
}

export class SliceIndex {
  readonly tracks = new Map<number, CarriedTrack>();
  /** Records without a track, in order. */
  readonly describing: number[] = [];
  readonly runs: RecordRun[] = [];
  readonly #seqs = new NumberList();
  readonly #offsets = new NumberList();
  readonly #ends = new NumberList();
  readonly #leaves: Uint8Array[] = [];

  /** Takes the next record. */
  push(record: StoredRecord): void {
    const { tokn, offset, payload } = record;
    const { seq } = tokn;
    const last = this.runs.at(-1);
    if (last?.end === seq) this.runs[this.runs.length - 1] = { first: last.first, end: seq + 1 };
    else this.runs.push({ first: seq, end: seq + 1 });
    this.#seqs.push(seq);
    this.#offsets.push(offset);
    // What was redacted may have left as many zeros, or none.
    const size = payload === undefined ? 0 : payload.length;
    this.#ends.push(offset + 2 * CHUNK_HEADER_BYTES + tokn.entry.length + tokn.blind.length + size);
    this.#leaves.push(leafHash(tokn.entry));
    if (!isMediaMode(tokn.mode)) {
      this.describing.push(seq);
      return;
    }
    const track = this.tracks.get(tokn.track) ?? new CarriedTrack();
    track.push(record);
    this.tracks.set(tokn.track, track);
  }

  /** Number of records that are here. */
  get count(): number {
    return this.#seqs.length;
  }

  /** The leaf of record `seq`; undefined for one that is not here. */
  leaf(seq: number): Uint8Array | undefined {
    const i = this.#indexOf(seq);
    return i === undefined ? undefined : this.#leaves[i];
  }

  place(seq: number): Promise<RecordPlace> {
    const i = this.#indexOf(seq);
    const [offset, end] = i === undefined ? [] : [this.#offsets.at(i), this.#ends.at(i)];
    return offset === undefined || end === undefined
      ? Promise.reject(notHere(`record ${seq}`))
      : Promise.resolve({ offset, end });
  }

  #indexOf(seq: number): number | undefined {
    const i = firstIndex(this.count, (k) => (this.#seqs.at(k) ?? 0) >= seq);
    return this.#seqs.at(i) === seq ? i : undefined;
  }
}

/** What a slice does not answer because it does not carry it. The recording that it was taken from may well have it. */
export const notHere = (what: string): H4Error =>
  new H4Error('H4_RANGE_NOT_FOUND', `This clip does not hold ${what}: the recording that it was taken from may`, {
    detail: { not_in: 'clip' },
  });

/** The hashes that a slice has: those of its proofs, of its records, and what follows from both. */
export class SliceTree implements TreeHashes {
  readonly count: number;
  readonly #leaf: (seq: number) => Uint8Array | undefined;
  readonly #nodes = new Map<string, Uint8Array>();

  /** @param leaf the leaf of a record that the slice carries */
  constructor(size: number, proofs: readonly RangeProof[], leaf: (seq: number) => Uint8Array | undefined) {
    this.count = size;
    this.#leaf = leaf;
    for (const { first, count, hashes } of proofs) {
      const nodes = rangeProofNodes(first, first + count, size);
      for (const [i, node] of nodes.entries()) {
        const hash = hashes[i];
        if (hash !== undefined) this.#nodes.set(nameOf(node), hash);
      }
    }
  }

  node(node: TreeNode): Promise<Uint8Array> {
    const hash = this.#hash(node);
    return hash === undefined
      ? Promise.reject(notHere(`what proves records from ${node.index * 2 ** node.level} on`))
      : Promise.resolve(hash);
  }

  #hash(node: TreeNode): Uint8Array | undefined {
    const known = this.#nodes.get(nameOf(node));
    if (known !== undefined) return known;
    const { level, index } = node;
    if (level === 0) return this.#leaf(index);
    const left = this.#hash({ level: level - 1, index: 2 * index });
    const right = left === undefined ? undefined : this.#hash({ level: level - 1, index: 2 * index + 1 });
    if (left === undefined || right === undefined) return undefined;
    const hash = nodeHash(left, right);
    this.#nodes.set(nameOf(node), hash);
    return hash;
  }
}

const nameOf = ({ level, index }: TreeNode): string => `${level}/${index}`;
