/**
 * Signatures that come when a recording has been written: of another key, or of a witness (spec/h4mk.md sections 2 and 8). They stand
 * behind everything else, in a SIGN and a TAIL; no byte that is there already changes.
 */
import { encodeChunk } from '../format/chunk.js';
import type { ByteSink, ByteSource } from '../io/io.js';
import { TAIL_STATE } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import type { Note } from '../format/note.js';
import type { Resumption } from '../recover/recover.js';
import { RecordWriter } from '../write/record-writer.js';
import { type StoredSign, readSign } from '../read/sign-reader.js';
import { tailAt } from '../read/tail-chain.js';
import { encodeTail } from '../format/tail.js';

/**
 * Appends `note` to a recording that has been read as a whole: `sink` holds it, or stands for it, and takes what follows. Resolves to
 * the TAIL chunk that stands last then. A live recording gets an index point if it does not end in one.
 */
export const appendSignature = async (
  sink: ByteSink,
  { state, hash, metas, isIndexed, isClosed }: Resumption,
  note: Uint8Array,
): Promise<Uint8Array> => {
  if (!isClosed) {
    const writer = new RecordWriter(sink, { seekTrack: metas.info?.seekTrack ?? 0, resume: { state, hash } });
    const { tailChunk } = await writer.indexPoint({ tiles: !isIndexed, sign: () => note });
    return tailChunk ?? new Uint8Array(0);
  }
  const { offset, tree, meta, close, tail: prev, tileOffsets: tiles } = state;
  const sign = encodeChunk('SIGN', note);
  const self = offset + sign.length;
  const links = { meta, seek: close.seek, veri: close.veri, sign: offset, prev, tiles };
  const tailChunk = encodeChunk(
    'TAIL',
    encodeTail({ self, state: TAIL_STATE.final, records: tree.size, root: tree.root(), ...links }),
  );
  await sink.write(sign);
  await sink.write(tailChunk);
  return tailChunk;
};

/**
 * The notes of the largest checkpoint of a recording that has been checked, the newest first: those that TAILs name, and that are
 * `accepted`. At most `limits` allows for one file.
 */
export const newestNotes = async (
  source: ByteSource,
  { state }: Pick<Resumption, 'state'>,
  limits: Limits,
  options: { readonly accepted?: (note: Note) => boolean; readonly signal?: AbortSignal } = {},
): Promise<StoredSign[]> => {
  const { accepted = () => true, signal } = options;
  const notes: StoredSign[] = [];
  const seen = new Set<number>([0]);
  let newest = 0;
  for (let [sign, tail] = [state.sign, state.tail]; seen.size <= limits.maxNotes;) {
    if (!seen.has(sign)) {
      seen.add(sign);
      const stored = await readSign(source, sign, limits, signal);
      if (accepted(stored.note)) {
        newest = Math.max(newest, stored.note.size);
        if (stored.note.size < newest) break;
        notes.push(stored);
      }
    }
    const named = await tailAt(source, tail, signal);
    // Each names an earlier one: there is an end to it.
    if (named === undefined || named.prev >= tail) break;
    [sign, tail] = [named.sign, named.prev];
  }
  return notes.filter(({ note }) => note.size === newest);
};
