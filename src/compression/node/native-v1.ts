/**
 * Version 1 of the native interface: results lie in memory of the core, which says where and how much. They are copied out and given
 * back at once, whatever comes of the call. How much memory the core takes is not in our hands: it learns of no limit.
 */
import koffi from 'koffi';
import { badBlock, compressedCap, notRestored } from '../core.js';
import { type NativeCalls, type NativeFunction, createWord, unshared } from './native-calls.js';

export interface V1Functions {
  readonly compress: NativeFunction;
  readonly decompress: NativeFunction;
  readonly free: NativeFunction;
}

const NULL = 0n;
const FAILED = 'it failed, and version 1 of the interface gives no reasons';

export function createV1Calls({ compress, decompress, free }: V1Functions, name: string): NativeCalls {
  const addressOut = createWord();

  const call = (transform: NativeFunction, bytes: Uint8Array, assertLength: (length: number) => void): Uint8Array => {
    addressOut.clear();
    const length = Number(transform(unshared(bytes), bytes.length, addressOut.room));
    const address = addressOut.read();
    try {
      assertLength(address === NULL ? 0 : length);
      return new Uint8Array(koffi.view(address, length)).slice();
    } finally {
      if (address !== NULL) free(address);
    }
  };

  return {
    compress: (bytes) =>
      call(compress, bytes, (length) => {
        const cap = compressedCap(bytes.length);
        if (length === 0) throw badBlock(name, bytes.length, FAILED);
        if (length > cap)
          throw badBlock(name, bytes.length, `it says that it made ${length} bytes; at most ${cap} are allowed`);
      }),

    decompress: (bytes, rawLength) =>
      call(decompress, bytes, (length) => {
        if (length === rawLength) return;
        const why = length === 0 ? FAILED : `it restored ${length}`;
        throw notRestored(name, bytes.length, rawLength, why);
      }),
  };
}
