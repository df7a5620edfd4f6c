/**
 * Positioned reads and writes that do all of what they are asked. `read(2)` and `write(2)` may do less, and a signal, a
 * quota or a network file system does make them. Failures are returned as data, not thrown: they cross threads.
 *
 * Everything here works on a file descriptor, which is valid on every thread of the process. Whoever closes it must wait
 * for all work on it to end: the number is given to the next file that is opened.
 */

import { read, writev } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type SystemFailure, systemFailure } from './system-error.js';

const readFrom = promisify(read);
const writeTo = promisify(writev);

/** Reads up to `into.length` bytes from `position` on; 0 only at the end of the file. */
export type ReadAt = (into: Uint8Array, position: number) => Promise<number>;

/** Writes as many of the `pieces` as the system takes, one after another, from `position` on; gives the number of bytes. */
export type WriteAt = (pieces: readonly Uint8Array[], position: number) => Promise<number>;

/** Why a read gave fewer bytes than it was asked for: the file ended at `position`, or the system refused. */
export type ReadFailure =
  | { readonly kind: 'ended'; readonly position: number }
  | ({ readonly kind: 'refused'; readonly position: number } & SystemFailure);

/** Why a write did not write everything. `position` is where the first byte that is missing would have gone. */
export interface WriteFailure extends SystemFailure {
  readonly position: number;
}

/** Closing the handle waits for its own reads, so these are safe against the descriptor being reused. */
export const handleReader =
  (handle: FileHandle): ReadAt =>
  async (into, position) =>
    (await handle.read(into, 0, into.length, position)).bytesRead;

/** For other threads, where the handle is not at hand. */
export const descriptorReader =
  (fd: number): ReadAt =>
  async (into, position) =>
    (await readFrom(fd, into, 0, into.length, position)).bytesRead;

export const descriptorWriter =
  (fd: number): WriteAt =>
  async (pieces, position) =>
    (await writeTo(fd, pieces, position)).bytesWritten;

/** Fills `into` from `position` on. Never rejects. */
export async function readFully(readAt: ReadAt, into: Uint8Array, position: number): Promise<ReadFailure | undefined> {
  let done = 0;
  while (done < into.length) {
    try {
      const count = await readAt(into.subarray(done), position + done);
      if (count === 0) {
        return { kind: 'ended', position: position + done };
      }
      done += count;
    } catch (thrown) {
      return { kind: 'refused', position: position + done, ...systemFailure(thrown) };
    }
  }
  return undefined;
}

/** Writes all `pieces`, one after another, from `position` on. Never rejects. */
export async function writeFully(
  writeAt: WriteAt,
  pieces: readonly Uint8Array[],
  position: number,
): Promise<WriteFailure | undefined> {
  let rest = pieces.filter((piece) => piece.length > 0);
  let at = position;
  while (rest.length > 0) {
    try {
      const count = await writeAt(rest, at);
      if (count === 0) {
        return { position: at, code: 'EIO', message: 'the system accepts no more bytes and does not say why' };
      }
      at += count;
      rest = withoutFirst(rest, count);
    } catch (thrown) {
      return { position: at, ...systemFailure(thrown) };
    }
  }
  return undefined;
}

function withoutFirst(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const rest: Uint8Array[] = [];
  for (const piece of pieces) {
    if (skip < piece.length) {
      rest.push(skip === 0 ? piece : piece.subarray(skip));
    }
    skip = Math.max(0, skip - piece.length);
  }
  return rest;
}
