/** Signatures behind a recording that stands there: each a SIGN and a TAIL, as `sign` appends them. */
import { encodeChunk } from '../../src/container/format/chunk.js';
import { encodeTail, parseTail } from '../../src/container/format/tail.js';
import { concatBytes } from '../../src/utils/bytes.js';
import { chunkOf } from './container.js';

const TAIL_CHUNK_BYTES = 172;

export const withLateSigns = (file: Uint8Array, ...notes: readonly Uint8Array[]): Uint8Array => {
  const pieces = [file];
  let tail = parseTail(chunkOf(file, 'TAIL', -1).payload);
  let at = file.length;
  for (const note of notes) {
    const sign = encodeChunk('SIGN', note);
    tail = { ...tail, self: at + sign.length, sign: at, prev: tail.self };
    pieces.push(sign, encodeChunk('TAIL', encodeTail(tail)));
    at = tail.self + TAIL_CHUNK_BYTES;
  }
  return concatBytes(...pieces);
};

/** The same note, so many times. */
export const repeated = (note: Uint8Array, times: number): Uint8Array[] => Array.from({ length: times }, () => note);
