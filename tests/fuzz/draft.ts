/**
 * A file on its way to becoming a test case: bytes, or chunks that may be changed one by one. Taking it apart refuses
 * nothing, and putting it together gives the same bytes again as long as nobody has changed anything.
 */
import { CHUNK_HEADER_BYTES, HEADER_BYTES } from '../../src/container/format/layout.js';
import { concatBytes, viewOf } from '../../src/utils/bytes.js';
import { crc32 } from '../../src/utils/crc32.js';

/** A chunk. `size` and `crc` are what the header says where that is not the truth. */
export interface Part {
  tag: string;
  payload: Uint8Array;
  size?: number;
  crc?: number;
}

interface Pieces {
  header: Uint8Array;
  parts: Part[];
  /** Bytes after the last chunk, too few to be one. */
  trailing: Uint8Array;
}

export class Draft {
  #bytes: Uint8Array | undefined;
  #pieces: Pieces | undefined;
  /** Whether anything was mended after it had been changed: only then may a check be satisfied with it. */
  repaired = false;
  /** Whether it holds parts of another file. */
  foreign = false;

  /** @param bytes are not changed, but shared */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= join(this.#pieces ?? takeApart(new Uint8Array(0))));
  }

  set bytes(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#pieces = undefined;
  }

  /** The file as chunks; whoever asks is going to change them. */
  get pieces(): Pieces {
    this.#pieces ??= takeApart(this.bytes);
    this.#bytes = undefined;
    return this.#pieces;
  }

  get parts(): Part[] {
    return this.pieces.parts;
  }
}

/** Gives a part a payload of its own, which may be written to. */
export const owned = (part: Part): Uint8Array => (part.payload = part.payload.slice());

export const clone = (part: Part): Part => ({ ...part });

const tagAt = (bytes: Uint8Array, at: number): string =>
  String.fromCharCode(bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0, bytes[at + 3] ?? 0);

const takeApart = (bytes: Uint8Array): Pieces => {
  const view = viewOf(bytes);
  const parts: Part[] = [];
  let at = Math.min(HEADER_BYTES, bytes.length);
  while (at + CHUNK_HEADER_BYTES <= bytes.length) {
    const size = view.getUint32(at + 4);
    const crc = view.getUint32(at + 8);
    const start = at + CHUNK_HEADER_BYTES;
    const end = Math.min(start + size, bytes.length);
    const payload = bytes.subarray(start, end);
    const part: Part = { tag: tagAt(bytes, at), payload };
    if (payload.length !== size) part.size = size;
    if (crc32(payload) !== crc) part.crc = crc;
    parts.push(part);
    at = end;
  }
  return { header: bytes.subarray(0, HEADER_BYTES), parts, trailing: bytes.subarray(at) };
};

export const encodePart = ({ tag, payload, size, crc }: Part): Uint8Array => {
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES + payload.length);
  const view = viewOf(bytes);
  for (let i = 0; i < 4; i++) bytes[i] = tag.charCodeAt(i);
  view.setUint32(4, size ?? payload.length);
  view.setUint32(8, crc ?? crc32(payload));
  bytes.set(payload, CHUNK_HEADER_BYTES);
  return bytes;
};

const join = ({ header, parts, trailing }: Pieces): Uint8Array =>
  concatBytes(header, ...parts.map(encodePart), trailing);
