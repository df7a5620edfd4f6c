/**
 * A TAIL chunk on its own: the sidecar of a file that grows (spec/h4mk.md section 9.3). It says where it stands, and that is
 * all that is looked at here: what the file looks like up to there, and whether the TAIL tells the truth about it, is the
 * container's business. Storage knows nothing of the container but its two interfaces, so that the five numbers of this chunk
 * stand here a second time; a test holds both against the same bytes.
 */

import { viewOf } from '../utils/bytes.js';
import { crc32 } from '../utils/crc32.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { readU64 } from '../utils/u64.js';

export interface TailCopy {
  /** The TAIL chunk, header and payload; its size and CRC have been checked, and nothing else. */
  readonly tailChunk: Uint8Array;
  /** File position after that chunk: how much of the file it speaks for. */
  readonly end: number;
  /** Whether it is the end of a closed file. */
  readonly isFinal: boolean;
}

const HEADER_BYTES = 12;
const TAIL_BYTES = 160;
/** A TAIL chunk, header and payload. */
export const TAIL_CHUNK_BYTES = HEADER_BYTES + TAIL_BYTES;
const TAG = 0x5441494c;
const STATE_AT = HEADER_BYTES + 8;
const STATE_FINAL = 1;

/** Parses `bytes`, which `what` names in messages. `H4_TAIL_LAYOUT` for anything but one whole TAIL chunk. */
export function tailCopyOf(bytes: Uint8Array, what: string): TailCopy {
  if (bytes.length !== TAIL_CHUNK_BYTES) {
    const length = bytes.length > TAIL_CHUNK_BYTES ? 'more' : String(bytes.length);
    throw new H4Error('H4_TAIL_LAYOUT', `${what} has ${length} bytes; a TAIL chunk has ${TAIL_CHUNK_BYTES}`);
  }
  const view = viewOf(bytes);
  const payload = bytes.subarray(HEADER_BYTES);
  if (view.getUint32(0) !== TAG || view.getUint32(4) !== TAIL_BYTES || view.getUint32(8) !== crc32(payload)) {
    throw new H4Error('H4_TAIL_LAYOUT', `${what} is not one whole TAIL chunk: its tag, size or CRC is wrong`);
  }
  const end = readU64(view, HEADER_BYTES, 'TAIL') + TAIL_CHUNK_BYTES;
  return { tailChunk: bytes, end, isFinal: bytes[STATE_AT] === STATE_FINAL };
}

/** Whether the last bytes of a file of this size are the TAIL of a closed recording. */
export function isFinalTail(bytes: Uint8Array, fileBytes: number): boolean {
  try {
    const { end, isFinal } = tailCopyOf(bytes, 'The end of the file');
    return isFinal && end === fileBytes;
  } catch (error) {
    if (!isH4Error(error)) throw error;
    return false;
  }
}
