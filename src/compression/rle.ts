/**
 * The run-length coding of legacy files (h4mk.md 13, rule 5), for anyone who holds one of their blocks.
 *
 * Despite the name, which is that of the original function, there is no delta in it: pairs (value, run) of the bytes as they
 * are, in greedy runs of at most 255, and nothing else. Incompressible data doubles. New files use the reference engine.
 */

import { H4Error } from '../utils/error.js';
import { countPairs } from './pair-count.js';
import { encodePairs, expandPairs, measurePairs } from './run-length.js';

/** The default limit for a decompressed block (h4mk.md 18, max_block). */
const DEFAULT_MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export interface DecompressRleDeltaOptions {
  /** Longest output to accept, in bytes. Default 64 MiB. */
  readonly maxOutputBytes?: number;
}

/** Any bytes, of any length; none give none. */
export function compressRleDelta(bytes: Uint8Array): Uint8Array {
  const [pairs] = countPairs(bytes);
  const out = new Uint8Array(2 * pairs);
  encodePairs(bytes, 0, out, 0);
  return out;
}

/**
 * Accepts runs of any division, greedy or not. Refuses an odd length (`H4_RLE_ODD`), a run of 0 (`H4_RLE_ZERO_RUN`) and an
 * output above the bound (`H4_LIMIT_BLOCK`), the latter before it is allocated.
 */
export function decompressRleDelta(bytes: Uint8Array, options: DecompressRleDeltaOptions = {}): Uint8Array {
  const { maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES } = options;
  if (!Number.isSafeInteger(maxOutputBytes) || maxOutputBytes < 0) {
    throw new H4Error('H4_PARAM', `maxOutputBytes is ${maxOutputBytes}, it must be a whole number of bytes`, {
      detail: { field: 'maxOutputBytes' },
    });
  }
  const measure = measurePairs(bytes, maxOutputBytes);
  switch (measure.kind) {
    case 'half-pair':
      throw new H4Error('H4_RLE_ODD', `Cannot expand run-length pairs: ${bytes.length} bytes are not whole pairs`, {
        detail: { length: bytes.length },
      });
    case 'zero-run':
      throw new H4Error(
        'H4_RLE_ZERO_RUN',
        `Cannot expand run-length pairs: the pair at byte ${measure.at} has a run of 0`,
        {
          detail: { at: measure.at },
        },
      );
    case 'too-long':
      throw new H4Error(
        'H4_LIMIT_BLOCK',
        `Cannot expand run-length pairs: they exceed the limit of ${maxOutputBytes} bytes`,
        {
          detail: { limit: maxOutputBytes },
        },
      );
    case 'whole': {
      const out = new Uint8Array(measure.bytes);
      expandPairs(bytes, out);
      return out;
    }
  }
}
