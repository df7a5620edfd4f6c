/**
 * The one place where something becomes trusted, and says so in its type: only this module can make such a value. There are two
 * kinds. A payload that matches its record's commitment: decompression accepts nothing else. How far that reaches depends on
 * the record's own standing: under a signed root it is proof, without one it says that file and tree agree. And a checkpoint
 * that somebody whom the policy trusts has signed, of this file and of the tree that was computed from its bytes.
 */
import { equalBytes, toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import type { Note } from '../format/note.js';
import { type Tokn, commitmentOf } from '../format/tokn.js';
import type { NoteVerdict } from '../trust/trust.js';

declare const verified: unique symbol;

/** A `T` that has been compared with what its record committed to. */
export type Verified<T> = T & { readonly [verified]: true };

/** Compares a payload with size and commitment of its record. */
export const verifyPayload = (tokn: Tokn, payload: Uint8Array): Verified<Uint8Array> => {
  if (payload.length !== tokn.size) {
    throw new H4Error(
      'H4_PAYLOAD_SIZE',
      `The payload of record ${tokn.seq} has ${payload.length} bytes instead of ${tokn.size}`,
    );
  }
  if (!equalBytes(commitmentOf(tokn.blind, payload), tokn.commit)) {
    throw new H4Error('H4_COMMIT_MISMATCH', `The payload of record ${tokn.seq} is not the one it committed to`);
  }
  return payload as Verified<Uint8Array>;
};

/** Under it, every record below `size` is proven by its place in the tree. */
export interface TrustedCheckpoint {
  /** `<key name>/<hex file_id>` */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** File position of its SIGN. */
  readonly offset: number;
}

/** What a check has computed from the bytes of a file: the root is that of the first `size` records of `fileId`. */
export interface ComputedTree {
  readonly fileId: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
}

/** The checkpoint in the SIGN at `offset` if the policy lacks nothing there and it is of just this tree; else undefined. */
export const verifyCheckpoint = (
  { origin, size, root }: Pick<Note, 'origin' | 'size' | 'root'>,
  { lacks }: Pick<NoteVerdict, 'lacks'>,
  tree: ComputedTree,
  offset: number,
): Verified<TrustedCheckpoint> | undefined => {
  const isOfTree =
    origin.fileIdHex === toHex(tree.fileId) && size > 0 && size === tree.size && equalBytes(root, tree.root);
  if (lacks !== undefined || !isOfTree) return undefined;
  return { origin: origin.line, size, root, offset } as Verified<TrustedCheckpoint>;
};
