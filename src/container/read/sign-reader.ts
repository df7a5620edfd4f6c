/** Reads the SIGN that an index points to (spec/h4mk.md sections 8.1 and 9.3). The place is a hint; the note is not verified. */
import { crc32 } from '../../utils/crc32.js';
import { H4Error } from '../../utils/error.js';
import { parseChunkHeader } from '../format/chunk.js';
import type { ByteSource } from '../io/io.js';
import { CHUNK_HEADER_BYTES } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import { MAX_NOTE_BYTES, type Note, parseNote } from '../format/note.js';

export interface StoredSign {
  readonly note: Note;
  /** The whole payload of the chunk, as a slice carries it. */
  readonly payload: Uint8Array;
}

/** The SIGN at `offset`: two reads. H4_INDEX_MISMATCH if something else stands there. */
export const readSign = async (
  source: ByteSource,
  offset: number,
  limits: Limits,
  signal?: AbortSignal,
): Promise<StoredSign> => {
  const start = offset + CHUNK_HEADER_BYTES;
  if (start > source.size) throw notThere(offset);
  const chunk = parseChunkHeader(await source.read(offset, start, signal), 0, offset);
  if (chunk.tag !== 'SIGN' || chunk.size > MAX_NOTE_BYTES || start + chunk.size > source.size) throw notThere(offset);
  const payload = await source.read(start, start + chunk.size, signal);
  if (crc32(payload) !== chunk.crc) {
    throw new H4Error('H4_CRC_MISMATCH', `The SIGN at offset ${offset} does not have the CRC that its header says`);
  }
  return { note: parseNote(payload, limits), payload };
};

const notThere = (offset: number): H4Error =>
  new H4Error('H4_INDEX_MISMATCH', `The index promises a SIGN at offset ${offset}, and there is none`);
