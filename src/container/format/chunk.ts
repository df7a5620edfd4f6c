/**
 * A chunk: tag, payload size, CRC-32 of the payload, payload (spec/h4mk.md section 3). The CRC detects accidents only;
 * an attacker repairs it.
 */
import { crc32 } from '../../utils/crc32.js';
import { H4Error } from '../../utils/error.js';
import { CHUNK_HEADER_BYTES } from './layout.js';

/** Where a chunk stands and what its header says; nothing of it is proven. */
export interface ChunkInfo {
  readonly tag: string;
  /** File position of the first tag byte. */
  readonly offset: number;
  /** Size of the payload. */
  readonly size: number;
  readonly crc: number;
}

export interface Chunk extends ChunkInfo {
  readonly payload: Uint8Array;
}

/** A chunk that carries the engine output of one block. */
export type CoreChunk = Chunk & { readonly tag: 'CORE' };

export const isCoreChunk = (chunk: Chunk): chunk is CoreChunk => chunk.tag === 'CORE';

/** File position after the chunk. */
export const endOf = (chunk: ChunkInfo): number => chunk.offset + CHUNK_HEADER_BYTES + chunk.size;

const tagOf = (a: number, b: number, c: number, d: number): string => String.fromCharCode(a, b, c, d);

/** Reads a chunk header at `position` of `bytes`; `fileOffset` is where that stands in the file. */
export const parseChunkHeader = (bytes: Uint8Array, position: number, fileOffset: number): ChunkInfo => {
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, CHUNK_HEADER_BYTES);
  const [a, b, c, d] = [view.getUint8(0), view.getUint8(1), view.getUint8(2), view.getUint8(3)];
  if (!isTagByte(a) || !isTagByte(b) || !isTagByte(c) || !isTagByte(d)) {
    const hex = view.getUint32(0).toString(16).padStart(8, '0');
    throw new H4Error('H4_BAD_TAG', `The chunk tag at offset ${fileOffset} is not printable ASCII: ${hex}`);
  }
  return { tag: tagOf(a, b, c, d), offset: fileOffset, size: view.getUint32(4), crc: view.getUint32(8) };
};

const isTagByte = (byte: number): boolean => byte >= 0x20 && byte <= 0x7e;

/** Writes a chunk header into `target` at `position`. */
export const writeChunkHeader = (
  target: Uint8Array,
  position: number,
  tag: string,
  size: number,
  crc: number,
): void => {
  const view = new DataView(target.buffer, target.byteOffset + position, CHUNK_HEADER_BYTES);
  for (let i = 0; i < 4; i++) view.setUint8(i, tag.charCodeAt(i));
  view.setUint32(4, size);
  view.setUint32(8, crc);
};

/** A whole small chunk as one fresh byte array. */
export const encodeChunk = (tag: string, payload: Uint8Array): Uint8Array => {
  const chunk = new Uint8Array(CHUNK_HEADER_BYTES + payload.length);
  writeChunkHeader(chunk, 0, tag, payload.length, crc32(payload));
  chunk.set(payload, CHUNK_HEADER_BYTES);
  return chunk;
};
