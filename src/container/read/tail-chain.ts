/** TAILs lead from one to the one before (spec/h4mk.md section 9.3). Each is a hint: a chain that breaks only ends earlier. */
import { HEADER_BYTES, TAIL_CHUNK_BYTES } from '../format/layout.js';
import { type Tail, tailAtEnd } from '../format/tail.js';
import type { ByteSource } from '../io/io.js';

/** The TAIL at `offset`; undefined where there is none that can be read. */
export const tailAt = async (source: ByteSource, offset: number, signal?: AbortSignal): Promise<Tail | undefined> => {
  const end = offset + TAIL_CHUNK_BYTES;
  if (offset < HEADER_BYTES || end > source.size) return undefined;
  return tailAtEnd(await source.read(offset, end, signal), end);
};

/** The TAIL that `tail` names as the one before it; undefined if there is none. It stands earlier, so that a chain ends. */
export const tailBefore = async (
  source: ByteSource,
  { prev, self }: Tail,
  signal?: AbortSignal,
): Promise<Tail | undefined> => (prev + TAIL_CHUNK_BYTES > self ? undefined : tailAt(source, prev, signal));
