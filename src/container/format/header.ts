/** The 8-byte file header (spec/h4mk.md section 2). No hash covers it, so only one value is legal. */
import { H4Error } from '../../utils/error.js';
import { HEADER_BYTES } from './layout.js';

const MAGIC = 0x48344d4b; // "H4MK"
const VERSION = 1;

export const encodeHeader = (): Uint8Array => Uint8Array.of(0x48, 0x34, 0x4d, 0x4b, 0, VERSION, 0, 0);

/** Refuses every header but the one of version 1; `bytes` is the start of the file, possibly shorter than a header. */
export const assertHeader = (bytes: Uint8Array): void => {
  if (bytes.length < HEADER_BYTES) {
    throw new H4Error(
      'H4_TOO_SHORT',
      `A file of ${bytes.length} bytes is too short for the ${HEADER_BYTES}-byte header`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  if (view.getUint32(0) !== MAGIC) {
    throw new H4Error('H4_BAD_MAGIC', 'The file does not begin with "H4MK": it is not an H4MK container');
  }
  const version = view.getUint16(4);
  if (version !== VERSION) {
    throw new H4Error('H4_BAD_VERSION', `The file has format version ${version}; this reader knows version ${VERSION}`);
  }
  const reserved = view.getUint16(6);
  if (reserved !== 0) {
    throw new H4Error('H4_HEADER_RESERVED', `Header bytes 6 and 7 must be zero, not ${reserved}`);
  }
};
