/** Every block there and back again. */
import { equalBytes } from '../../../../utils/bytes.js';
import { compressedCap } from '../../../core.js';
import { Failed } from '../noted-core.js';
import { type Trial, allBlocks } from './bench.js';

export const roundTrip: Trial = ({ core, request }) => {
  let [blocks, bytes, longestBytes, mostAdded] = [0, 0, 0, -Infinity];
  for (const block of allBlocks(request)) {
    const compressed = core.compress(block.name, block.bytes);
    if (compressed.length === 0 || compressed.length > compressedCap(block.bytes.length)) {
      throw new Failed(`a block of ${block.bytes.length} bytes became ${compressed.length}`);
    }
    const restored = core.decompress(block.name, compressed, block.bytes.length);
    if (!equalBytes(restored, block.bytes)) {
      throw new Failed(`what it made of ${block.bytes.length} bytes (${block.name}) decodes to other bytes`);
    }
    blocks++;
    bytes += block.bytes.length;
    longestBytes = Math.max(longestBytes, block.bytes.length);
    mostAdded = Math.max(mostAdded, compressed.length - block.bytes.length);
  }
  return { evidence: { blocks, bytes, longest_block_bytes: longestBytes, most_bytes_added: mostAdded } };
};
