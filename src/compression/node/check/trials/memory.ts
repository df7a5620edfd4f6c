/**
 * Whether memory grows with the number of calls, and whether their number alters what comes out. What a single leak costs is
 * valgrind's to say; this sees what mounts up.
 */
import { equalBytes } from '../../../../utils/bytes.js';
import type { Operation } from '../call-note.js';
import { corpusBlocks } from '../corpus.js';
import { residentBytes } from '../memory-use.js';
import { Failed, succeeded } from '../noted-core.js';
import type { Bench, Trial } from './bench.js';

const BLOCK_BYTES = 16 * 1024;
const SAMPLES = 20;
/** The first calls fill whatever pools there are. */
const WARM_UP_SAMPLES = 4;
const MAX_GROWTH_BYTES = 8 * 1024 * 1024;

/** Node gives it to those who start it with `--expose-gc`, as trials are. */
const collectGarbage = (globalThis as { readonly gc?: () => void }).gc;

interface Block {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly compressed: Uint8Array;
}

export const memory: Trial = (bench) => {
  const { core, request } = bench;
  const { calls } = request.extent;
  const blocks = Array.from(corpusBlocks(BLOCK_BYTES), (block) => ({
    ...block,
    compressed: core.compress(block.name, block.bytes),
  }));
  const samples: number[] = [];
  for (let call = 0; call < calls; call++) {
    const block = blocks[call % blocks.length] ?? blocks[0] ?? EMPTY;
    // Noted once a round: if it hangs or dies here, it is one of these blocks.
    if (call % blocks.length === 0) core.decompress(block.name, block.compressed, block.bytes.length);
    assertSameAgain(block, call + 1, bench);
    if ((call + 1) % Math.ceil(calls / SAMPLES) === 0) {
      collectGarbage?.();
      samples.push(residentBytes());
    }
  }
  const warm = samples.slice(WARM_UP_SAMPLES);
  const growth = median(warm.slice(-3)) - median(warm.slice(0, 3));
  const evidence = { calls: 2 * calls, block_bytes: BLOCK_BYTES, memory_growth_bytes: growth };
  if (growth > MAX_GROWTH_BYTES) {
    const perCall = Math.round(growth / (calls * ((warm.length - 2) / SAMPLES)));
    throw new Failed(`memory grew by ${growth} bytes, about ${perCall} for each block of ${BLOCK_BYTES}`);
  }
  return { evidence };
};

/** A core that counts its calls, or fills something up, works well until then (E10, E12). */
function assertSameAgain({ name, bytes, compressed }: Block, round: number, { core, note }: Bench): void {
  const assertSame = (operation: Operation, input: Uint8Array, expected: Uint8Array): void => {
    const rawLength = operation === 'compress' ? 0 : expected.length;
    try {
      const found = succeeded(() =>
        operation === 'compress' ? core.again().compress(input) : core.again().decompress(input, rawLength),
      );
      if (equalBytes(found, expected)) return;
      throw new Failed(`${operation} number ${round} here gave other bytes of ${name} than before`);
    } catch (error) {
      // Only now, because a note in every call would be most of the time.
      note.write(operation, name, input, rawLength);
      throw error;
    }
  };
  assertSame('compress', bytes, compressed);
  assertSame('decompress', compressed, bytes);
}

const EMPTY: Block = { name: '', bytes: new Uint8Array(0), compressed: new Uint8Array(0) };

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
