/**
 * Version 2 of the native interface: results go into room of ours, whose capacity the core is told. The room is kept from call
 * to call, and the result copied out of it: memory that is fresh for every block costs more than the copy, because the system has
 * to clear its pages first (a block of 1 MiB: 250 µs against 80, measured).
 */
import { STATUS_OK, STATUS_PARAM, badBlock, blockTooLong, compressedCap, notRestored, reasonOf } from '../core.js';
import { type NativeCalls, type NativeFunction, createWord, unshared } from './native-calls.js';

export interface V2Functions {
  readonly compress: NativeFunction;
  readonly decompress: NativeFunction;
  readonly bound: NativeFunction;
}

/** Larger blocks are rare enough to pay for theirs. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

export function createV2Calls({ compress, decompress, bound }: V2Functions, name: string): NativeCalls {
  const lengthOut = createWord();
  let kept = new Uint8Array(0);

  /** The result as fresh bytes of exactly its length. `assertResult` throws for a status or length that is none. */
  const call = (
    transform: NativeFunction,
    bytes: Uint8Array,
    capacity: number,
    assertResult: (status: unknown, length: number) => void,
  ): Uint8Array => {
    const room = kept.length >= capacity ? kept : new Uint8Array(capacity);
    // Until this call has gone well: a failed one may have left anything behind.
    kept = new Uint8Array(0);
    lengthOut.clear();
    const status = transform(unshared(bytes), bytes.length, room, capacity, lengthOut.room);
    const length = Number(lengthOut.read());
    assertResult(status, length);
    const result = room.slice(0, length);
    // A core that reports more than it has written must not hand out a piece of an earlier block.
    room.fill(0, 0, length);
    if (room.length <= MAX_KEPT_BYTES) kept = room;
    return result;
  };

  return {
    compress(bytes) {
      const capacity = Math.min(Number(bound(bytes.length)), compressedCap(bytes.length));
      if (capacity === 0) throw blockTooLong(name, bytes.length);
      return call(compress, bytes, capacity, (status, length) => {
        if (status === STATUS_PARAM) throw blockTooLong(name, bytes.length);
        if (status !== STATUS_OK) throw badBlock(name, bytes.length, reasonOf(status));
        if (length === 0) throw badBlock(name, bytes.length, 'it says that the result is empty');
        if (length > capacity) {
          throw badBlock(
            name,
            bytes.length,
            `it says that it wrote ${length} bytes where there is room for ${capacity}`,
          );
        }
      });
    },

    decompress: (bytes, rawLength) =>
      call(decompress, bytes, rawLength, (status, length) => {
        if (status !== STATUS_OK) throw notRestored(name, bytes.length, rawLength, reasonOf(status));
        if (length !== rawLength)
          throw notRestored(name, bytes.length, rawLength, `it says that it restored ${length}`);
      }),
  };
}
