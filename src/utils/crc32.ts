/** CRC-32 as in IEEE 802.3 and zlib (specification, section 3). It finds accidents, never people. */

import { platform } from '#platform';

/** The CRC of `bytes`; with `seed`, the CRC of what came before followed by `bytes`. An unsigned 32-bit integer. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return platform.crc32(bytes, seed);
}
