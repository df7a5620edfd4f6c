/**
 * Cuts a byte stream into blocks of one exact size, whatever the pieces in which it arrives; the last block is shorter.
 *
 * What would surprise: a yielded block is lent, not given. It is a view of the piece it arrived in, or of one buffer that is
 * filled anew for every block that spans pieces. It may be read and changed until the next one is asked for; who keeps it copies
 * it. In exchange memory is one block and one piece, and every byte is copied once at most. The source gets the same
 * treatment: a piece is read until the next one is asked for, so that it may reuse its buffer too.
 */

import { H4Error } from '../utils/error.js';
import type { ByteStream } from './token.js';

/** The largest block: what readers accept by default (h4mk.md 18, max_block). */
export const MAX_BLOCK_BYTES = 64 * 1024 * 1024;

/** Refuses (`H4_PARAM`) a block size that is not a whole number of bytes in `[1, 64 MiB]`. */
export function assertBlockBytes(blockBytes: number): void {
  if (!Number.isInteger(blockBytes) || blockBytes < 1 || blockBytes > MAX_BLOCK_BYTES) {
    throw new H4Error('H4_PARAM', `blockSize is ${blockBytes}, it must be from 1 to ${MAX_BLOCK_BYTES} bytes`, {
      detail: { field: 'blockSize' },
    });
  }
}

/** Yields `source` in blocks of `blockBytes`, the last one shorter, none empty. */
export async function* reblock(source: ByteStream, blockBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  assertBlockBytes(blockBytes);
  let carry: Uint8Array | undefined;
  let carried = 0;
  for await (const piece of source) {
    let at = 0;
    while (at < piece.length) {
      if (carried === 0 && piece.length - at >= blockBytes) {
        yield piece.subarray(at, at + blockBytes);
        at += blockBytes;
        continue;
      }
      const taken = piece.subarray(at, at + blockBytes - carried);
      carry ??= new Uint8Array(blockBytes);
      carry.set(taken, carried);
      carried += taken.length;
      at += taken.length;
      if (carried === blockBytes) {
        carried = 0;
        yield carry;
      }
    }
  }
  if (carry !== undefined && carried > 0) {
    yield carry.subarray(0, carried);
  }
}
