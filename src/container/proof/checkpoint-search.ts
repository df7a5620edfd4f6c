/**
 * Finds the newest checkpoint that somebody believes, and an index that covers it, from the end of a file (spec/h4mk.md sections
 * 8 and 9.3): see `SignSearch`. TAILs lead from one to the one before.
 *
 * Where tiles for a checkpoint are lacking, the answer is an older checkpoint that has them, which section 7 allows: walking
 * on from the last locator would cost a read for each record. Whoever gets an answer is told which size it is relative to.
 */
import { H4Error } from '../../utils/error.js';
import type { ByteSource } from '../io/io.js';
import { CHUNK_HEADER_BYTES, TAIL_CHUNK_BYTES, TAIL_STATE } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import type { Note } from '../format/note.js';
import { assertOfFile } from './signed-recording.js';
import { type Tail, isTailAt, parseTail, tailAtEnd } from '../format/tail.js';
import { TileIndex } from '../read/tile-index.js';
import { SignSearch } from './sign-search.js';
import type { NoteVerdict } from '../trust/trust.js';
import { sliceError } from '../read/walked-index.js';

/** How far from the end of a file the last TAIL is looked for, if it does not stand there: the file grows, or was cut off. */
const MAX_SEARCH_BYTES = 1024 * 1024;
const SEARCH_WINDOW_BYTES = 64 * 1024;

export interface FoundCheckpoint {
  readonly note: Note;
  /** The payload of its SIGN. */
  readonly payload: Uint8Array;
  readonly verdict: NoteVerdict;
  /** An index of at least `note.size` records. */
  readonly index: TileIndex;
}

export interface CheckpointQuestion {
  /** leaf(0) of the META that is held. */
  readonly fileId: Uint8Array;
  readonly uid: string;
  /** May throw: a signature in the name of a trusted key that does not verify refuses the file. */
  readonly judge: (note: Note) => NoteVerdict;
  readonly limits: Limits;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The largest checkpoint that `judge` finds nothing lacking in. H4_SIGN_MISSING, H4_SIGN_UNTRUSTED or H4_SIGN_QUORUM if there is
 * none; H4_TAIL_MISSING if no TAIL or no tiles lead to one.
 */
export const findCheckpoint = async (source: ByteSource, question: CheckpointQuestion): Promise<FoundCheckpoint> => {
  const { limits, signal, judge } = question;
  const last = await lastTail(source, signal);
  if (last === undefined) throw notIndexed('no index point stands near its end');
  /** The newest that is whole. */
  let index: TileIndex | undefined;
  const assertFits = (note: Note, records: number): void => {
    assertOfFile(note, question);
    if (note.size <= records) return;
    throw new H4Error('H4_SIGN_SIZE', `The checkpoint covers ${note.size} records of the ${records} before it`);
  };
  const isCovered = ({ size }: Note): boolean => index !== undefined && size <= index.count;
  const search = new SignSearch(source, { judge, assertFits, isCovered, limits, signal });
  for await (const tail of search.tails(last)) {
    if (tail.state === TAIL_STATE.slice) throw sliceError();
    if (search.isSettled(tail.records)) break;
    index ??= await TileIndex.open(source, tail, limits, signal);
    await search.look(tail.sign, tail.records);
    // Earlier TAILs have no more records: mostly the first one settles it, without another read.
    if (search.isSettled(tail.records)) break;
  }
  const { newest } = search;
  if (newest !== undefined && index !== undefined) {
    return { ...newest, index };
  }
  if (search.isUncovered) throw notIndexed('no index point covers a checkpoint that is trusted');
  throw search.refusal();
};

const notIndexed = (why: string): H4Error =>
  new H4Error('H4_TAIL_MISSING', `This file cannot be searched with proofs: ${why}; verify reads all of it`);

/** The TAIL at the end of the file, or the last one near it. */
const lastTail = async (source: ByteSource, signal: AbortSignal | undefined): Promise<Tail | undefined> => {
  const last = await source.read(Math.max(0, source.size - TAIL_CHUNK_BYTES), source.size, signal);
  const atEnd = tailAtEnd(last, source.size);
  if (atEnd !== undefined) return atEnd;
  const lowest = Math.max(0, source.size - MAX_SEARCH_BYTES);
  for (let end = source.size; end - lowest >= TAIL_CHUNK_BYTES;) {
    const start = Math.max(lowest, end - SEARCH_WINDOW_BYTES);
    const found = tailWithin(await source.read(start, end, signal), start);
    if (found !== undefined) return found;
    if (start === lowest) return undefined;
    // One that begins in this window and ends in the one before has been seen by neither.
    end = start + TAIL_CHUNK_BYTES - 1;
  }
  return undefined;
};

const tailWithin = (bytes: Uint8Array, start: number): Tail | undefined => {
  for (let at = bytes.length - TAIL_CHUNK_BYTES; at >= 0; at--) {
    if (bytes[at] !== FIRST_OF_TAG) continue;
    const tail = tailOf(bytes.subarray(at, at + TAIL_CHUNK_BYTES), start + at);
    if (tail !== undefined) return tail;
  }
  return undefined;
};

/** "T" */
const FIRST_OF_TAG = 0x54;

const tailOf = (chunk: Uint8Array, offset: number): Tail | undefined => {
  if (!isTailAt(chunk, offset)) return undefined;
  try {
    return parseTail(chunk.subarray(CHUNK_HEADER_BYTES));
  } catch {
    // A TAIL that does not parse leads nowhere.
    return undefined;
  }
};
