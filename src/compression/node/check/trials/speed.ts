/** How fast and how small, beside the reference engine: both take turns on the same blocks in the same process. */
import { GeometricReferenceCompressor } from '../../../reference.js';
import type { Figure } from '../requirement.js';
import { type Bench, type Trial, longBlocks } from './bench.js';
import type { CorpusBlock } from '../corpus.js';

export const speed: Trial = (bench) => {
  const figures = Array.from(longBlocks(bench.request), (block) => figureOf(block, bench)).filter(
    (figure) => figure !== undefined,
  );
  return { evidence: { blocks: figures.length }, figures };
};

/** Undefined for a block that is too long for the core. */
function figureOf({ name, bytes }: CorpusBlock, { core, request: { extent } }: Bench): Figure | undefined {
  const reference = new GeometricReferenceCompressor();
  // Noted, and a warm-up.
  const compressed = core.compressUnlessTooLong(name, bytes);
  if (compressed === undefined) return undefined;
  core.decompress(name, compressed, bytes.length);
  const referenceCompressed = reference.compress(bytes);
  const best = { compress: Infinity, decompress: Infinity, referenceCompress: Infinity, referenceDecompress: Infinity };
  const measure = (which: keyof typeof best, call: () => unknown): void => {
    const start = performance.now();
    call();
    best[which] = Math.min(best[which], Math.max(performance.now() - start, 1e-3));
  };
  for (let round = 0; round < extent.rounds; round++) {
    measure('compress', () => core.again().compress(bytes));
    measure('referenceCompress', () => reference.compress(bytes));
    measure('decompress', () => core.again().decompress(compressed, bytes.length));
    measure('referenceDecompress', () => reference.decompress(referenceCompressed, bytes.length));
  }
  const megabytesPerSecond = (milliseconds: number): number => rounded(bytes.length / 1000 / milliseconds);
  return {
    name,
    bytes: bytes.length,
    compressed_bytes: compressed.length,
    compress_mb_s: megabytesPerSecond(best.compress),
    decompress_mb_s: megabytesPerSecond(best.decompress),
    reference_bytes: referenceCompressed.length,
    compress_speedup: rounded(best.referenceCompress / best.compress),
    decompress_speedup: rounded(best.referenceDecompress / best.decompress),
  };
}

const rounded = (value: number): number => Number(value.toPrecision(3));
