/** Small files that a person names beside a recording: keys, a policy, a memory. What is larger than it may be is not read to its end. */
import { type FileHandle, open } from 'node:fs/promises';
import { explain, systemFailure } from '../storage/node/system-error.js';
import { H4Error } from '../utils/error.js';

const PIECE_BYTES = 64 * 1024;

/**
 * The bytes of `file`: all of them, or the first ones if there are more than `maxBytes`, and then more than those. `H4_IO`
 * if it cannot be read; `what` says in the message what was to be read, the name included.
 */
export async function readSmallFile(file: string, maxBytes: number, what: string): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const pieces: Uint8Array[] = [];
    for (let length = 0; length <= maxBytes;) {
      const piece = new Uint8Array(PIECE_BYTES);
      const { bytesRead } = await handle.read(piece, 0, piece.length, null);
      if (bytesRead === 0) break;
      pieces.push(piece.subarray(0, bytesRead));
      length += bytesRead;
    }
    return new Uint8Array(Buffer.concat(pieces));
  } catch (thrown) {
    throw new H4Error('H4_IO', `Cannot read ${what}: ${explain(systemFailure(thrown))}`, { cause: thrown });
  } finally {
    await handle?.close();
  }
}
