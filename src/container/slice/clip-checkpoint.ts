/**
 * The checkpoint that a clip is proven under (spec/h4mk.md sections 8 and 11): the newest SIGN that those accept who are
 * asked, and the tree it is of. With a policy nothing else counts; without one it is the newest SIGN as it stands, and for
 * a recording that nobody signed the tree of all records.
 */
import { concatBytes, equalBytes, toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';

import { type Attachment, attachmentsBehindClose, carriedWith } from './attachments.js';
import { leafHash } from '../tree/merkle.js';
import type { Note } from '../format/note.js';
import { ProvenTree } from '../proof/proven-tree.js';
import { SignSearch } from '../proof/sign-search.js';
import type { H4MKReader } from '../read/reader.js';
import { RunReader } from '../read/run-reader.js';
import { TileIndex } from '../read/tile-index.js';
import { LeafHashes, type TreeHashes, rootOver } from '../tree/tree-hashes.js';
import { type NoteVerdict, type TrustPolicy, judgeNote } from '../trust/trust.js';
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
  /**
   * The payloads of SIGN over that tree: first the one that was chosen, then those of others, whom a clip must not lose because
   * somebody came after them. None where nobody signed.
   */
  readonly notes: readonly Uint8Array[];
  /** Of the first of them. */
  readonly origin: string | undefined;
  /** Statements, and time stamps of the notes. */
  readonly attachments: readonly Attachment[];
  /** Who has signed, as far as the policy knows them; undefined without a policy. */
  readonly verdict: NoteVerdict | undefined;
}

/** SIGN chunks that a slice carries. */
export const MAX_CARRIED_NOTES = 100;

/** Refuses with H4_SIGN_MISSING, H4_SIGN_UNTRUSTED or H4_SIGN_QUORUM what the policy does not accept. */
export const findCheckpoint = async (reader: H4MKReader, options: CheckpointOptions): Promise<ClipCheckpoint> => {
  const { signal, trust } = options;
  const search = await searched(reader, options);
  const chosen = search.newest;
  if (chosen === undefined && trust !== undefined) throw search.refusal();
  const size = chosen?.note.size ?? reader.recordCount;
  const { tree, root } = await treeOf(reader, size, chosen?.note.root, signal);
  const notes = await search.overSameTree(MAX_CARRIED_NOTES);
  const attachments = carriedWith(notes, await attachmentsBehindClose(reader, signal), reader.basis.limits);
  return { size, root, tree, notes, attachments, origin: chosen?.note.origin.line, verdict: chosen?.verdict };
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

/** Looks at SIGN chunks along the TAILs, or as the walk over a file without one has met them. */
const searched = async (
  reader: H4MKReader,
  { trust, now, signal }: CheckpointOptions,
): Promise<SignSearch<NoteVerdict | undefined>> => {
  const { source, limits, index } = reader.basis;
  const search = new SignSearch(source, {
    judge: (note) => (trust === undefined ? undefined : judgeNote(note, trust, now)),
    assertFits: (note) => assertOf(reader, note),
    limits,
    signal,
  });
  for await (const tail of search.tails(reader.tail)) {
    // What stands before fewer records is over a smaller tree; of the same tree every signature is wanted.
    if (search.isSettled(tail.records + 1)) break;
    await search.look(tail.sign, tail.records);
  }
  if (!(index instanceof WalkedIndex)) return search;
  const { latestSigns } = index;
  for (const offset of [...latestSigns].reverse()) {
    const note = await search.look(offset, reader.recordCount);
    // Only one that comes late is of fewer records than one before it.
    if (note !== undefined && search.isSettled(note.size + 1)) return search;
  }
  if (latestSigns.length < index.signCount) search.isCutShort = true;
  return search;
};

const assertOf = (reader: H4MKReader, { origin, size }: Note): void => {
  if (origin.fileIdHex !== toHex(reader.fileId)) {
    throw new H4Error('H4_SIGN_ORIGIN', `The newest checkpoint is of the file ${origin.fileIdHex}, not of this one`);
  }
  if (size === 0 || size > reader.recordCount) {
    const message = `The newest checkpoint is of ${size} records; the file has ${reader.recordCount}`;
    throw new H4Error('H4_SIGN_SIZE', message);
  }
};

/** The leaves of a recording without tiles, from its records. */
const leavesOf = async (reader: H4MKReader, size: number, signal?: AbortSignal): Promise<LeafHashes> => {
  const leaves: Uint8Array[] = [];
  for await (const { entry } of new RunReader(reader.basis).tokns({ first: 0, end: size }, signal)) {
    leaves.push(leafHash(entry));
  }
  return new LeafHashes(concatBytes(...leaves));
};
