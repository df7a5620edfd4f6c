/** The slabs of a file sink: one allocation for its whole life, divided evenly. Pages that are never filled cost nothing. */

export interface SlabMemory<Memory extends ArrayBufferLike = ArrayBufferLike> {
  readonly buffer: Memory;
  readonly slabBytes: number;
}

/** All slabs, whole. */
export function slabRing({ buffer, slabBytes }: SlabMemory): readonly Uint8Array[] {
  const count = buffer.byteLength / slabBytes;
  return Array.from({ length: count }, (_, slab) => new Uint8Array(buffer, slab * slabBytes, slabBytes));
}

/** The first `length` bytes of a slab. */
export function slabView({ buffer, slabBytes }: SlabMemory, slab: number, length: number): Uint8Array {
  return new Uint8Array(buffer, slab * slabBytes, length);
}
