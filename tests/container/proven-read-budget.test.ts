/**
 * What proven answers may cost, counted in reads and round trips over recordings of up to 10^8 records. A proof needs no hash that
 * is not in a tile on the way to its record anyway, so the budgets are those of answers that nobody proves. The positions tried
 * are the worst ones, at the edges of tiles of every level, and some spread over the whole recording.
 */
import { describe, expect, it } from 'vitest';
import { storedEngine } from '../../src/compression/api/stored.js';
import { H4MKBuilder } from '../../src/container/write/builder.js';
import { TILE_WIDTH } from '../../src/container/format/layout.js';
import { ProvenReader } from '../../src/container/proof/proven-reader.js';
import { createCountingSource } from '../../src/storage/counting.js';
import { createMemorySink } from '../../src/storage/memory.js';
import { keyOf, signedBy, signedNote, trusting } from '../support/signed.js';
import {
  BLOCK_DURATION,
  type BlockSizes,
  type SyntheticOptions,
  SyntheticSource,
  constantSizes,
  varyingSizes,
} from '../support/synthetic.js';

const BLOCK_BYTES = 4096;
const SIGNER = keyOf(1);
const TRUST = trusting(SIGNER);
const signed = { sign: (checkpoint: Parameters<typeof signedNote>[0]) => signedNote(checkpoint, SIGNER) };

const createRandom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0;

const make = (records: number, options: Omit<SyntheticOptions, 'records' | 'sizes'> = {}): SyntheticSource =>
  new SyntheticSource({ records, sizes: constantSizes(BLOCK_BYTES), signed, ...options });

const spreadBlocks = (source: SyntheticSource, count = 9): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor((source.blocksOf(0) * (i + 0.37)) / count));

/** Blocks of track 0 beside the edges of tiles that span so many records. */
const edgeBlocks = (source: SyntheticSource, spans: readonly number[]): number[] => {
  const blocks = spans.flatMap((span) =>
    [span, 2 * span, Math.floor(source.records / span) * span].flatMap((edge) =>
      [-2, -1, 0, 1].map((d) => Math.floor((edge - 2) / source.tracks) + d),
    ),
  );
  return [...new Set(blocks)].filter((k) => k >= 0 && k < source.blocksOf(0));
};

const SPANS = [TILE_WIDTH, TILE_WIDTH ** 2, TILE_WIDTH ** 3] as const;

interface Cost {
  readonly k: number;
  readonly reads: number;
  readonly roundTrips: number;
}

/** The cost of opening a recording and reading the proven block at a time, for each of some blocks; the answers are checked. */
const coldSeeks = async (shape: SyntheticSource, gop: number, blocks: readonly number[]): Promise<Cost[]> => {
  const costs: Cost[] = [];
  for (const k of blocks) {
    const key = k - (k % gop);
    const [seq, next] = [shape.seqOf(0, key), shape.seqOf(0, Math.min(key + gop, shape.blocksOf(0) - 1))];
    const source = shape.around([seq, next]);
    const counting = createCountingSource(source);
    const reader = await ProvenReader.open(counting, { trust: TRUST });
    const { seek, block } = await reader.blockAt(source.ptsOf(0, k) + BLOCK_DURATION - 1);
    expect([seek.size, seek.key?.tokn.seq]).toEqual([shape.records, seq]);
    expect(isSame(block?.bytes, source.block(0, key))).toBe(true);
    costs.push({ k, reads: counting.count, roundTrips: counting.roundTrips });
  }
  return costs;
};

const most = (costs: readonly Cost[], what: 'reads' | 'roundTrips'): number => Math.max(...costs.map((c) => c[what]));

const SHAPES: readonly (readonly [string, Omit<SyntheticOptions, 'records' | 'sizes'>])[] = [
  ['one track of key blocks', {}],
  ['one track with groups of 30', { gop: 30 }],
  ['two tracks half a block apart', { tracks: 2, skew: BLOCK_DURATION / 2 }],
  ['two tracks with groups of 8', { tracks: 2, gop: 8, skew: BLOCK_DURATION / 2 }],
];

describe('the signed synthetic recording', () => {
  it('is what the builder writes, hashes and signature included, where its tree is true everywhere', async () => {
    const shape = new SyntheticSource({ records: 700, sizes: constantSizes(9), tracks: 2, gop: 8, signed });
    const sink = createMemorySink();
    const tracks = [0, 1].map((id) => ({ id, kind: 'opaque' as const }));
    const uid = '0123456789abcdef'.repeat(2);
    const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks, uid });
    for (let m = 0; m < shape.blocks; m++) {
      const [track, k] = [m % 2, Math.floor(m / 2)];
      const bytes = shape.block(track, k);
      const token = { pts: shape.ptsOf(track, k), duration: BLOCK_DURATION, key: k % 8 === 0, size: bytes.length };
      await builder.addBlock({ track, tokens: [token], bytes });
    }
    await builder.close({ sign: signedBy(SIGNER) });
    const written = sink.bytes();
    const source = shape.around([0, 256, 512]);
    const made = await source.read(0, source.size);
    // VERI covers every byte, which nobody computes for 10^8 records; so TAIL and what stands before VERI is compared.
    const veri = written.length - (12 + 160) - (12 + 32);
    expect(isSame(made.subarray(0, veri), written.subarray(0, veri))).toBe(true);
    expect(isSame(made.subarray(-160), written.subarray(-160))).toBe(true);
  });
});

describe('opening with a proven checkpoint', () => {
  it.each([100, 10_000, 65_535, 1_000_000, 100_000_000])(
    'takes 2 reads in one round trip, of 64 KiB each, with %i records',
    async (records) => {
      const source = createCountingSource(make(records));
      const { checkpoint } = await ProvenReader.open(source, { trust: TRUST });
      expect(checkpoint.size).toBe(records);
      expect(source.reads.map(([start, end]) => end - start)).toEqual([65_536, 65_536]);
      expect(source.roundTrips).toBe(1);
    },
  );
});

describe('opening and reading the proven block at a time, cold,', () => {
  describe.each(SHAPES)('%s:', (_, shape) => {
    it.each([
      { records: 100, medianReads: 5, maxReads: 6 },
      { records: 10_000, medianReads: 5, maxReads: 6 },
      { records: 65_535, medianReads: 5, maxReads: 6 },
      { records: 65_536, medianReads: 5, maxReads: 6 },
      { records: 1_000_000, medianReads: 5, maxReads: 7 },
      { records: 16_777_215, medianReads: 5, maxReads: 7 },
      { records: 100_000_000, medianReads: 8, maxReads: 8 },
    ])(
      'at most $medianReads reads in the median and $maxReads ever with $records records',
      async ({ records, medianReads, maxReads }) => {
        const source = make(records, shape);
        const spread = await coldSeeks(source, shape.gop ?? 1, spreadBlocks(source));
        const edges = await coldSeeks(source, shape.gop ?? 1, edgeBlocks(source, SPANS.slice(0, 2)));
        expect(median(spread.map((cost) => cost.reads))).toBeLessThanOrEqual(medianReads);
        expect(most([...spread, ...edges], 'reads')).toBeLessThanOrEqual(maxReads);
        if (records < 2 ** 24) expect(median(spread.map((cost) => cost.roundTrips))).toBeLessThanOrEqual(4);
      },
      120_000,
    );
  });

  it.each([10_000, 65_535])('at most 4 round trips with %i records', async (records) => {
    for (const [name, shape] of SHAPES) {
      const source = make(records, shape);
      const costs = await coldSeeks(source, shape.gop ?? 1, [...spreadBlocks(source), ...edgeBlocks(source, SPANS)]);
      expect(most(costs, 'roundTrips'), name).toBeLessThanOrEqual(4);
    }
  });

  it('at most 4 reads more where the answer is the last group of the recording', async () => {
    for (const records of [100, 10_000, 65_535, 65_536]) {
      const source = make(records, { tracks: 2, gop: 8, skew: BLOCK_DURATION / 2 });
      const costs = await coldSeeks(source, 8, [source.blocksOf(0) - 1]);
      expect(most(costs, 'reads'), `${records} records`).toBeLessThanOrEqual(6);
    }
  });

  // Goals that are not met: each of these turns red on the day it is.
  it.fails(
    'at most 4 round trips with 65 536 records where b stands in the next tile (it takes 5: three tiles, one after the other)',
    async () => {
      const source = make(65_536);
      const costs = await coldSeeks(source, 1, edgeBlocks(source, [TILE_WIDTH]));
      expect(most(costs, 'roundTrips')).toBeLessThanOrEqual(4);
    },
  );

  it.fails(
    'at most 4 round trips in the median with 10^8 records (it takes 5: tiles of three levels and a record)',
    async () => {
      const source = make(100_000_000);
      const costs = await coldSeeks(source, 1, spreadBlocks(source));
      expect(median(costs.map((cost) => cost.roundTrips))).toBeLessThanOrEqual(4);
    },
  );

  it.fails('at most 8 reads with 10^8 records beside the edges of tiles of level 2 (it takes 9)', async () => {
    const source = make(100_000_000);
    const costs = await coldSeeks(source, 1, edgeBlocks(source, [TILE_WIDTH ** 3]));
    expect(most(costs, 'reads')).toBeLessThanOrEqual(8);
  });
});

/** Sizes from 1 byte to 4 KiB, evenly spread over the orders of magnitude. */
const heavyTail = (): number[] => {
  const random = createRandom(7);
  return Array.from({ length: 1024 }, () => Math.ceil(2 ** (12 * random())));
};

/** Reads that one proven byte of track 0 takes, its block included, after open: bytes and blocks spread evenly, and the ends. */
const readsOfRange = async (records: number, tracks: number, sizes: BlockSizes, samples = 10): Promise<number[]> => {
  const shape = new SyntheticSource({ records, tracks, sizes, gop: 8, signed });
  const blocks = shape.blocksOf(0);
  const random = createRandom(5);
  const ks = [0, blocks - 1, ...Array.from({ length: samples }, () => Math.floor(random() * blocks))];
  const counts: number[] = [];
  for (const k of ks.filter((each) => sizes.of(each) > 0)) {
    const source = shape.around([shape.seqOf(0, k)]);
    const counting = createCountingSource(source);
    const reader = await ProvenReader.open(counting, { trust: TRUST });
    counting.reset();
    const position = sizes.before(k) + Math.floor(random() * sizes.of(k));
    const pieces: Uint8Array[] = [];
    for await (const piece of reader.readRange(0, position, position + 1)) pieces.push(piece);
    const byte = source.block(0, k)[position - sizes.before(k)];
    expect(pieces.map((piece) => [...piece])).toEqual([[byte]]);
    counts.push(counting.count);
  }
  return counts;
};

describe('a proven byte of a track, after open,', () => {
  const constant = constantSizes(BLOCK_BYTES);

  it.each([100, 10_000, 65_535, 65_536, 1_000_000, 16_777_215])(
    'takes at most 6 reads where one track has constant blocks, with %i records',
    async (records) => {
      expect(Math.max(...(await readsOfRange(records, 1, constant)))).toBeLessThanOrEqual(6);
    },
  );

  it.each([100, 10_000, 65_535, 65_536, 1_000_000])(
    'takes at most 6 reads where two tracks have constant blocks, with %i records',
    async (records) => {
      expect(Math.max(...(await readsOfRange(records, 2, constant)))).toBeLessThanOrEqual(6);
    },
  );

  it.each([100, 10_000, 65_535, 65_536, 1_000_000])(
    'takes at most 25 reads where blocks vary by three orders of magnitude, with %i records',
    async (records) => {
      for (const tracks of [1, 2]) {
        const counts = await readsOfRange(records, tracks, varyingSizes(heavyTail(), [1], 2 ** 30), 6);
        expect(Math.max(...counts), `${tracks} tracks`).toBeLessThanOrEqual(25);
      }
    },
    60_000,
  );

  it('takes one read for each quarter of a MiB where many small blocks are read one after the other', async () => {
    const shape = new SyntheticSource({ records: 700, tracks: 2, sizes: constantSizes(4096), signed });
    const source = shape.around([0, 256, 512]);
    const counting = createCountingSource(source);
    const reader = await ProvenReader.open(counting, { trust: TRUST });
    counting.reset();
    let length = 0;
    for await (const piece of reader.readRange(0, 0)) length += piece.length;
    expect(length).toBe(source.lengthOf(0));
    // The file has 2.9 MB, of which the range is a half.
    expect(counting.count).toBeLessThanOrEqual(18);
  });
});
