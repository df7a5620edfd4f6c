/**
 * What goes with a clip besides signatures (spec/h4mk.md sections 8.4, 10 and 11): statements, such as the reason of a
 * redaction, and time stamps of the signatures that it carries. Nobody is believed for them here: whoever checks the clip
 * judges them as in the recording. Anybody can append some, so that there is a bound, and the earliest come first.
 */
import { toHex } from '../../utils/bytes.js';
import { crc32 } from '../../utils/crc32.js';
import { parseEnvelope } from '../../utils/dsse.js';
import { isH4Error } from '../../utils/error.js';
import { sha256 } from '../../utils/sha256.js';
import { parseTime } from '../check/sign-check.js';
import { endOf, parseChunkHeader } from '../format/chunk.js';
import { CHUNK_HEADER_BYTES } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import type { H4MKReader } from '../read/reader.js';

export interface Attachment {
  readonly tag: 'ATTS' | 'TIME';
  readonly payload: Uint8Array;
}

/** Bytes of all attachments of one clip. */
export const MAX_ATTACHED_BYTES = 1024 * 1024;
/** How far behind VERI they are looked for. Mostly that has been read with the end of the file. */
const MAX_LOOKED_BYTES = 4 * 1024 * 1024;

/** What stands behind the close of a recording, in file order; nothing where it has none. What does not parse is left out. */
export const attachmentsBehindClose = async (reader: H4MKReader, signal?: AbortSignal): Promise<Attachment[]> => {
  const { source } = reader.basis;
  const start = reader.tail?.veri ?? 0;
  if (!reader.isClosed || start === 0) return [];
  const bytes = await source.read(start, Math.min(source.size, start + MAX_LOOKED_BYTES), signal);
  const found: Attachment[] = [];
  for (let at = 0; at + CHUNK_HEADER_BYTES <= bytes.length;) {
    const chunk = chunkAt(bytes, at);
    // The offset is a hint: where no VERI stands, what follows is something else.
    if (chunk === undefined || (at === 0) !== (chunk.tag === 'VERI') || endOf(chunk) > bytes.length) break;
    const payload = bytes.subarray(at + CHUNK_HEADER_BYTES, endOf(chunk));
    const { tag } = chunk;
    if ((tag === 'ATTS' || tag === 'TIME') && crc32(payload) === chunk.crc) found.push({ tag, payload });
    at = endOf(chunk);
  }
  return found;
};

const chunkAt = (bytes: Uint8Array, at: number): ReturnType<typeof parseChunkHeader> | undefined => {
  try {
    return parseChunkHeader(bytes, at, at);
  } catch {
    return undefined;
  }
};

/** Those that a clip with these notes carries: each once, well-formed, time stamps only of one of the notes, up to the bound. */
export const carriedWith = (
  notes: readonly Uint8Array[],
  attachments: readonly Attachment[],
  limits: Limits,
): Attachment[] => {
  const imprints = new Set(notes.map((note) => toHex(sha256(note))));
  const carried = new Map<string, Attachment>();
  let left = MAX_ATTACHED_BYTES;
  for (const attachment of attachments) {
    const { tag, payload } = attachment;
    const name = `${tag} ${toHex(sha256(payload))}`;
    if (payload.length > left || carried.has(name) || !isWanted(attachment, imprints, limits)) continue;
    carried.set(name, attachment);
    left -= payload.length;
  }
  return [...carried.values()];
};

const isWanted = ({ tag, payload }: Attachment, imprints: ReadonlySet<string>, limits: Limits): boolean => {
  try {
    if (tag === 'TIME') return imprints.has(toHex(parseTime(payload)));
    const { maxMetaBytes: maxBytes, maxJsonDepth: maxDepth, maxNoteLines: maxSignatures } = limits;
    parseEnvelope(payload, { maxBytes, maxDepth, maxSignatures });
    return true;
  } catch (error) {
    if (!isH4Error(error)) throw error;
    return false;
  }
};
