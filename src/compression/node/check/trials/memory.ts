/** Whether memory grows with the number of calls. What a single leak costs is valgrind's to say; this sees what mounts up. */
import { corpusBlocks } from '../corpus.js';
import { residentBytes } from '../memory-use.js';
import { Failed } from '../noted-core.js';
import type { Trial } from './bench.js';

const BLOCK_BYTES = 16 * 1024;
const SAMPLES = 20;
/** The first calls fill whatever pools there are. */
const WARM_UP_SAMPLES = 4;
const MAX_GROWTH_BYTES = 8 * 1024 * 1024;

/** Node gives it to those who start it with `--expose-gc`, as trials are. */
const collectGarbage = (globalThis as { readonly gc?: () => void }).gc;

export const memory: Trial = ({ core, request: { extent } }) => {
  const blocks = Array.from(corpusBlocks(BLOCK_BYTES), (block) => ({
    ...block,
    compressed: core.compress(block.name, block.bytes),
  }));
  const samples: number[] = [];
  for (let call = 0; call < extent.calls; call++) {
    const { name, bytes, compressed } = blocks[call % blocks.length] ?? blocks[0] ?? { name: '', ...EMPTY };
    // Noted once a round: if it hangs or dies here, it is one of these blocks.
    if (call % blocks.length === 0) core.decompress(name, compressed, bytes.length);
    core.again().compress(bytes);
    core.again().decompress(compressed, bytes.length);
    if ((call + 1) % Math.ceil(extent.calls / SAMPLES) === 0) {
      collectGarbage?.();
      samples.push(residentBytes());
    }
  }
  const warm = samples.slice(WARM_UP_SAMPLES);
  const growth = median(warm.slice(-3)) - median(warm.slice(0, 3));
  const evidence = { calls: 2 * extent.calls, block_bytes: BLOCK_BYTES, memory_growth_bytes: growth };
  if (growth > MAX_GROWTH_BYTES) {
    const perCall = Math.round(growth / (extent.calls * ((warm.length - 2) / SAMPLES)));
    throw new Failed(`memory grew by ${growth} bytes, about ${perCall} for each block of ${BLOCK_BYTES}`);
  }
  return { evidence };
};

const EMPTY = { bytes: new Uint8Array(0), compressed: new Uint8Array(0) };

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
