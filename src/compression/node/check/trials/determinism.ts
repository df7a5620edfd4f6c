/** The same bytes from the same block: over and over in one process, and as a hash to compare processes by. */
import { equalBytes, toHex, utf8Encode } from '../../../../utils/bytes.js';
import { createSha256 } from '../../../../utils/sha256.js';
import { corpusBlocks } from '../corpus.js';
import { Failed } from '../noted-core.js';
import { processState, stateChanges } from '../process-state.js';
import { type Trial, longBlocks } from './bench.js';

const REPEATED_BYTES = 4096;

/** The blocks take turns, so that whatever one leaves behind meets the next. */
export const repeat: Trial = ({ core, before, request: { extent } }) => {
  const calling = processState();
  const blocks = Array.from(corpusBlocks(REPEATED_BYTES), (block) => ({
    ...block,
    compressed: core.compress(block.name, block.bytes),
  }));
  for (let repetition = 1; repetition < extent.repetitions; repetition++) {
    for (const { name, bytes, compressed } of blocks) {
      if (!equalBytes(core.compress(name, bytes), compressed)) {
        throw new Failed(`call ${repetition + 1} with the same block (${name}) gave other bytes than the first`);
      }
      if (!equalBytes(core.decompress(name, compressed, bytes.length), bytes)) {
        throw new Failed(`call ${repetition + 1} with the same block (${name}) restored other bytes`);
      }
    }
  }
  return { evidence: { repetitions: extent.repetitions, blocks: blocks.length, ...stateChanges(before, calling) } };
};

export const digest: Trial = ({ core, info, request }) => {
  const hash = createSha256();
  for (const { name, bytes } of longBlocks(request)) {
    hash.update(core.compressUnlessTooLong(name, bytes) ?? utf8Encode(`too long: ${bytes.length}`));
  }
  return { evidence: { output_sha256: toHex(hash.digest()), engine_id: info.engine_id } };
};
