/**
 * The checkpoint that a clip is proven under (spec/h4mk.md sections 8 and 11): the newest SIGN that those accept who are
 * asked, and the tree it is of. With a policy nothing else counts; without one it is the newest SIGN as it stands, and for
 * a recording that nobody signed the tree of all records.
 */
import { concatBytes, equalBytes, toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';

import { leafHash } from '../tree/merkle.js';
import { ProvenTree } from '../proof/proven-tree.js';
import type { H4MKReader } from '../read/reader.js';
import { RunReader } from '../read/run-reader.js';
import { type StoredSign, readSign } from '../read/sign-reader.js';
import { tailBefore } from '../read/tail-chain.js';
import { TileIndex } from '../read/tile-index.js';
import { LeafHashes, type TreeHashes, rootOver } from '../tree/tree-hashes.js';
import { type NoteVerdict, type TrustPolicy, judgeNote, notTrusted } from '../trust/trust.js';
import { WalkedIndex } from '../read/walked-index.js';

export interface CheckpointOptions {
  /** Whom to believe. Without it nothing is proven about who signed. */
  readonly trust?: TrustPolicy;
  /** Seconds since 1970. */
  readonly now?: number;
  readonly signal?: AbortSignal;
}

export interface ClipCheckpoint {
  /** Records of the tree: those after them are covered by no signature. */
  readonly size: number;
  readonly root: Uint8Array;
  /** Every hash of it has been led back to the root. */
  readonly tree: TreeHashes;
  /** The payload of the SIGN, and its origin; undefined where nobody signed. */
  readonly note: Uint8Array | undefined;
  readonly origin: string | undefined;
  /** Who has signed, as far as the policy knows them; undefined without a policy. */
  readonly verdict: NoteVerdict | undefined;
}

/** SIGN chunks that are looked at, from the newest on. */
const MAX_SIGNS = 16;

/** Refuses with H4_SIGN_MISSING, H4_SIGN_UNTRUSTED or H4_SIGN_QUORUM what the policy does not accept. */
export const findCheckpoint = async (reader: H4MKReader, options: CheckpointOptions): Promise<ClipCheckpoint> => {
  const { signal, trust } = options;
  const chosen = await newestSign(reader, options);
  if (chosen === undefined && trust !== undefined) {
    throw new H4Error('H4_SIGN_MISSING', 'The recording has no signature, and one is asked for');
  }
  const size = chosen?.sign.note.size ?? reader.recordCount;
  const { tree, root } = await treeOf(reader, size, chosen?.sign.note.root, signal);
  const { note, payload } = chosen?.sign ?? {};
  return { size, root, tree, note: payload, origin: note?.origin.line, verdict: chosen?.verdict };
};

/** The tree of the first `size` records, which has the root that is signed, or else the one that follows from the file itself. */
const treeOf = async (
  reader: H4MKReader,
  size: number,
  signed: Uint8Array | undefined,
  signal: AbortSignal | undefined,
): Promise<Pick<ClipCheckpoint, 'tree' | 'root'>> => {
  const { index } = reader.basis;
  if (index instanceof TileIndex) {
    const covering = await index.upTo(size, signal);
    const root = signed ?? (await rootOver(covering.hashes, size, signal));
    const tree = await ProvenTree.open(size, root, (level, at, each) => covering.tile(level, at, each), signal);
    return { tree, root };
  }
  const tree = await leavesOf(reader, size, signal);
  const root = await rootOver(tree, size, signal);
  if (signed === undefined || equalBytes(root, signed)) return { tree, root };
  throw new H4Error('H4_SIGN_ROOT', `The newest checkpoint, of ${size} records, does not have the root of their tree`);
};

interface JudgedSign {
  readonly sign: StoredSign;
  readonly verdict: NoteVerdict | undefined;
}

const newestSign = async (reader: H4MKReader, options: CheckpointOptions): Promise<JudgedSign | undefined> => {
  const { signal } = options;
  const { source, limits } = reader.basis;
  let newest: JudgedSign | undefined;
  let refusal: H4Error | undefined;
  for await (const offset of signOffsets(reader, signal)) {
    const sign = await readSign(source, offset, limits, signal);
    assertOf(reader, sign);
    const verdict = options.trust === undefined ? undefined : judgeNote(sign.note, options.trust, options.now);
    if (verdict?.lacks !== undefined) {
      // It may be that of somebody else, and ours stand before it.
      refusal ??= notTrusted(verdict.lacks);
      continue;
    }
    if (newest === undefined || sign.note.size > newest.sign.note.size) newest = { sign, verdict };
    // Only a late signature can be of fewer records than one before it, and only a closed recording has late ones.
    if (sign.note.size === reader.recordCount || !reader.isClosed) break;
  }
  if (newest === undefined && refusal !== undefined) throw refusal;
  return newest;
};

const assertOf = (reader: H4MKReader, { note: { origin, size } }: StoredSign): void => {
  if (origin.fileIdHex !== toHex(reader.fileId)) {
    throw new H4Error('H4_SIGN_ORIGIN', `The newest checkpoint is of the file ${origin.fileIdHex}, not of this one`);
  }
  if (size === 0 || size > reader.recordCount) {
    const message = `The newest checkpoint is of ${size} records; the file has ${reader.recordCount}`;
    throw new H4Error('H4_SIGN_SIZE', message);
  }
};

/** Where SIGN chunks stand, from the newest on: along the TAILs, or as the walk over a file without one has met them. */
async function* signOffsets(reader: H4MKReader, signal: AbortSignal | undefined): AsyncGenerator<number, void> {
  const { source, index } = reader.basis;
  const seen = new Set<number>([0]);
  for (let tail = reader.tail, i = 0; tail !== undefined && i < MAX_SIGNS; i++) {
    if (!seen.has(tail.sign)) yield tail.sign;
    seen.add(tail.sign);
    tail = await tailBefore(source, tail, signal);
  }
  if (!(index instanceof WalkedIndex)) return;
  for (const offset of [...index.latestSigns].reverse()) if (!seen.has(offset)) yield offset;
}

/** The leaves of a recording without tiles, from its records. */
const leavesOf = async (reader: H4MKReader, size: number, signal?: AbortSignal): Promise<LeafHashes> => {
  const leaves: Uint8Array[] = [];
  for await (const { entry } of new RunReader(reader.basis).tokns({ first: 0, end: size }, signal)) {
    leaves.push(leafHash(entry));
  }
  return new LeafHashes(concatBytes(...leaves));
};
