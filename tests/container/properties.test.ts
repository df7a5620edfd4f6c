/**
 * What must hold for every recording and every damage: what was written is read, and what was changed is found. Inputs are
 * drawn at random; `FC_SEED=<seed>` repeats a run.
 */
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createEngineSet } from '../../src/compression/api/engine-set.js';
import { storedEngine } from '../../src/compression/api/stored.js';
import { GeometricReferenceCompressor } from '../../src/compression/reference.js';
import { type BlockInput, H4MKBuilder, type TokenInput } from '../../src/container/write/builder.js';
import type { Chunk } from '../../src/container/format/chunk.js';
import { ChunkStream, type StreamEnd } from '../../src/container/source/chunk-stream.js';
import { createIterableFeed, createSourceFeed } from '../../src/container/source/feed.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES } from '../../src/container/format/layout.js';
import { DEFAULT_LIMITS } from '../../src/container/format/limits.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import { tokensOf } from '../../src/container/format/tokn.js';
import { type VerificationReport, verifyContainer } from '../../src/container/check/verify.js';
import { createCountingSource } from '../../src/storage/counting.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';
import { isH4Error } from '../../src/utils/error.js';
import { block, endRecord, minimal, signed, written } from '../../tools/golden-vectors.js';
import { type FileKit, type Piece, TOKN_AT, piece } from '../../tools/vector-kit.js';

const MIB = 2 ** 20;
const seed = Number(process.env['FC_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
beforeAll(() => {
  console.info(`FC_SEED=${seed}`);
});

const engines = createEngineSet([storedEngine, new GeometricReferenceCompressor()]);
const check = (bytes: Uint8Array): Promise<VerificationReport> => verifyContainer(createMemorySource(bytes));
const codesOf = (report: VerificationReport): string[] => report.errors.map((finding) => finding.code);

const write = async (engine: 'stored' | 'reference', tracks: number, blocks: readonly BlockInput[]) => {
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, {
    engine: engine === 'stored' ? storedEngine : new GeometricReferenceCompressor(),
    tracks: Array.from({ length: tracks }, (_, id) => ({ id, kind: 'data' })),
  });
  for (const input of blocks) await builder.addBlock(input);
  await builder.close();
  return sink.bytes();
};

/** Writes, checks, and reads every block, every token and some positions back. */
const roundTrip = async (engine: 'stored' | 'reference', tracks: number, blocks: readonly BlockInput[]) => {
  const file = await write(engine, tracks, blocks);
  const report = await check(file);
  expect(report.errors).toEqual([]);
  expect(report.warnings).toEqual([]);
  expect([report.state, report.exit_code, report.records]).toEqual(['NOT_SIGNED', 0, blocks.length + 3]);

  const reader = await H4MKReader.open(createMemorySource(file), { engines });
  for (let track = 0; track < tracks; track++) {
    const wanted = blocks.filter((input) => input.track === track);
    let [i, position] = [0, 0];
    for await (const { tokn, bytes } of reader.blocks({ track })) {
      const input = wanted[i++];
      expect(Buffer.compare(bytes, input?.bytes ?? new Uint8Array(0))).toBe(0);
      expect(tokn.pos).toBe(position);
      expect(Array.from(tokensOf(tokn), ({ delta, ...token }) => ({ pts: tokn.pts + delta, ...token }))).toEqual(
        input?.tokens.map(({ pts, duration = 0, key = false, size }) => ({ pts, duration, key, size })),
      );
      if (bytes.length > 0) expect((await reader.findByte(track, position + bytes.length - 1)).seq).toBe(tokn.seq);
      position += bytes.length;
    }
    expect(i).toBe(wanted.length);
    expect(await reader.trackLength(track)).toBe(position);
  }
};

/** Noise, or runs that compress. */
const fill = (size: number, start: number, isNoise: boolean): Uint8Array => {
  const bytes = new Uint8Array(size);
  let state = start;
  for (let i = 0; i < size; i++) {
    state = isNoise ? (Math.imul(state, 1664525) + 1013904223) >>> 0 : state;
    bytes[i] = isNoise ? state >>> 24 : start + (i >> 7);
  }
  return bytes;
};

const BLOCK_SIZES = [0, 1, 255, 256, 257, 65_535, 65_536, 65_537] as const;

/** In which order frames are shown that are stored one after the other, as deltas in frames. */
const ORDERS = {
  forward: (i: number) => i,
  /** I P B B P B B, shown I B B P B B P. */
  pyramid: (i: number) => (i === 0 ? 0 : i % 3 === 1 ? i + 2 : i - 1),
  /** Each is shown before the one stored before it. */
  backward: (i: number) => -i,
  atOnce: () => 0,
} as const;

interface BlockDraw {
  readonly track: number;
  readonly key: boolean;
  readonly gap: number;
  readonly size: number;
  readonly cuts: readonly number[];
  readonly order: keyof typeof ORDERS;
  readonly start: number;
  readonly isNoise: boolean;
}

const blockDraw: fc.Arbitrary<BlockDraw> = fc.record({
  track: fc.nat(2),
  key: fc.boolean(),
  gap: fc.integer({ min: 1, max: 2 ** 33 }),
  size: fc.constantFrom(...BLOCK_SIZES),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
  order: fc.constantFrom('forward' as const, 'pyramid' as const, 'backward' as const, 'atOnce' as const),
  start: fc.nat(255),
  isNoise: fc.boolean(),
});

const FRAME = 40_000;
/** Late enough for frames that are shown before their block's own time. */
const FIRST_PTS = 20 * FRAME;

/** Blocks that keep the rules of PTS: those of a track go forward, whatever the order of the frames within. */
const blocksOf = (draws: readonly BlockDraw[], tracks: number): BlockInput[] => {
  const now = new Array<number>(tracks).fill(FIRST_PTS);
  return draws.map(({ track: drawn, key, gap, size, cuts, order, start, isNoise }) => {
    const track = drawn % tracks;
    const pts = (now[track] ?? 0) + gap;
    now[track] = pts;
    const edges = [0, ...cuts.map((cut) => Math.floor(cut * size)).sort((a, b) => a - b), size];
    const tokens = edges.slice(1).map((edge, i): TokenInput => ({
      pts: pts + FRAME * ORDERS[order](i),
      duration: i % 2 === 0 ? FRAME : 0,
      key: i === 0 ? key : i % 5 === 0,
      size: edge - (edges[i] ?? 0),
    }));
    return { track, tokens, bytes: fill(size, start, isNoise) };
  });
};

describe('what was written is read', () => {
  it('with any mix of tracks, block sizes, tokens, orders of frames and engines', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('stored' as const, 'reference' as const),
        fc.integer({ min: 1, max: 3 }),
        fc.array(blockDraw, { maxLength: 9 }),
        (engine, tracks, draws) => roundTrip(engine, tracks, blocksOf(draws, tracks)),
      ),
      { seed, numRuns: 60, interruptAfterTimeLimit: 5000, markInterruptAsFailure: false },
    );
  });

  it.each(BLOCK_SIZES)('in blocks of %i bytes, with either engine', async (size) => {
    const bytes = fill(size, 3, true);
    const tokens = [{ pts: 5, key: true, size }];
    for (const engine of ['stored', 'reference'] as const) await roundTrip(engine, 1, [{ track: 0, tokens, bytes }]);
  });

  it('in a block of 16 MiB', async () => {
    const bytes = fill(16 * MIB, 3, true);
    await roundTrip('stored', 1, [{ track: 0, tokens: [{ pts: 0, key: true, size: bytes.length }], bytes }]);
  });
});

/** A closed recording as short as can be with two blocks, and these by record number. */
const small = async () => {
  const blocks = [1, 2].map((seq) => ({ seq, bytes: fill(9 + seq, seq, true) }));
  const kit = await written([...blocks.map(({ seq, bytes }) => block(seq, bytes)), endRecord(3)]);
  return { file: kit.bytes(), blocks };
};

/** Opens a damaged file and reads every block. Right bytes or an H4Error: nothing else may come of it. */
const readBlocks = async (
  file: Uint8Array,
  blocks: readonly { readonly seq: number; readonly bytes: Uint8Array }[],
): Promise<void> => {
  const open = await H4MKReader.open(createMemorySource(file)).catch(expectRefusal);
  if (open === undefined) return;
  for (const { seq, bytes } of blocks) {
    const found = await open.block(seq).catch(expectRefusal);
    if (found !== undefined && Buffer.compare(found.bytes, bytes) !== 0) throw new Error(`Record ${seq}: wrong bytes`);
  }
};

const expectRefusal = (error: unknown): undefined => {
  if (!isH4Error(error)) throw new Error('Something other than an H4Error was thrown', { cause: error });
  return undefined;
};

/** The n-th chunk of a file. */
const at = (kit: FileKit, n: number): Piece => kit.pieces[n] ?? piece('none');

describe('what was changed is found:', () => {
  it('every single flipped bit of a file', async () => {
    const { file, blocks } = await small();
    const found = new Set<string>();
    for (let bit = 0; bit < 8 * file.length; bit++) {
      const damaged = file.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const report = await check(damaged);
      if (report.state !== 'NOT_OK') expect([bit, report.exit_code]).not.toEqual([bit, 0]);
      found.add(codesOf(report)[0] ?? `only warned of: ${report.warnings.map((warning) => warning.code).join()}`);
      await readBlocks(damaged, blocks);
    }
    // The first finding for each of the bits.
    expect([...found].sort()).toEqual([
      'H4_BAD_MAGIC',
      'H4_BAD_TAG',
      'H4_BAD_VERSION',
      'H4_CHUNK_AFTER_VERI',
      'H4_CHUNK_ORDER',
      'H4_CRC_MISMATCH',
      'H4_HEADER_RESERVED',
      'H4_INNER_DAMAGE',
      'H4_LEGACY_MIXED',
      'H4_ORPHAN_PAYLOAD',
      'H4_PAYLOAD_TAG',
      // The size of the last TAIL: the file might have been cut off there, and is worth exit code 3 only.
      'only warned of: H4_TRUNCATED,H4_TAIL_MISSING',
    ]);
  });

  it('a cut at every byte, which leaves at best a recording that is not whole', async () => {
    const { file, blocks } = await small();
    for (let length = 0; length < file.length; length++) {
      const cut = file.subarray(0, length);
      const report = await check(cut);
      const outcome = `${report.state} ${report.exit_code}`;
      expect(['NOT_OK 1', 'NOT_SIGNED 3'], `cut after ${length} bytes`).toContain(outcome);
      await readBlocks(cut, blocks);
    }
  });

  /** All ways to change a list in one place, as functions from kit to kit. */
  const everyChunk = async (change: (kit: FileKit, n: number) => void): Promise<readonly FileKit[]> => {
    const count = (await minimal()).pieces.length;
    const kits: FileKit[] = [];
    for (let n = 0; n < count; n++) {
      const kit = await minimal();
      change(kit, n);
      kits.push(kit);
    }
    return kits;
  };
  it('a chunk that stands twice, one that is missing, two that have changed places', async () => {
    const kits = [
      ...(await everyChunk((kit, n) => kit.insertAfter(at(kit, n), at(kit, n)))),
      ...(await everyChunk((kit, n) => kit.remove(at(kit, n)))),
      ...(await everyChunk((kit, n) => {
        if (n + 1 < kit.pieces.length) kit.pieces.splice(n, 2, at(kit, n + 1), at(kit, n));
        else kit.pieces.reverse();
      })),
    ];
    for (const [i, kit] of kits.entries()) {
      const report = await check(kit.bytes());
      expect([i, report.state, report.exit_code]).not.toEqual([i, 'NOT_SIGNED', 0]);
    }
  });

  it('a record that stands twice, is missing or has changed places, even with hashes and indexes mended', async () => {
    for (const n of [0, 1, 2, 3, 4]) {
      const [doubled, dropped, swapped] = [await minimal(), await minimal(), await minimal()];
      const { tokn, payload } = doubled.record(n);
      doubled.insertAfter(payload, { ...tokn }, { ...payload }).mend();
      dropped.remove(dropped.record(n).tokn, dropped.record(n).payload).mend();
      const [first, second] = [swapped.record(n), swapped.record(n + 1)];
      const place = swapped.pieces.indexOf(first.tokn);
      swapped.pieces.splice(place, 4, second.tokn, second.payload, first.tokn, first.payload);
      swapped.mend();
      for (const kit of [doubled, dropped, swapped]) {
        const report = await check(kit.bytes());
        expect(report.state, `record ${n}`).toBe('NOT_OK');
        expect(codesOf(report), `record ${n}`).toContain('H4_TOKN_SEQ_GAP');
      }
    }
  });

  it('a record from another recording, by the tree it does not belong to', async () => {
    const [own, other] = [await signed(), await signed()];
    const foreign = other.record(3);
    foreign.payload.payload.reverse();
    other.recommit(3);
    const { tokn, payload } = own.record(3);
    tokn.payload = foreign.tokn.payload;
    payload.payload = foreign.payload.payload;
    const root = own.chunk('TAIL', -1).payload.slice(128);
    expect([...new Set(codesOf(await check(own.reseal({ root }).bytes())))]).toEqual([
      'H4_TILE_HASH',
      'H4_SIGN_ROOT',
      'H4_TAIL_ROOT',
    ]);
    // Who mends everything that can be mended without the key is found by the signatures.
    expect([...new Set(codesOf(await check(own.mend().bytes())))]).toEqual(['H4_SIGN_ROOT']);
  });
});

describe('what a file claims is not believed:', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  /** The largest number of elements that anything allocates at once while `work` runs. */
  const largestAllocation = async (work: () => Promise<unknown>): Promise<number> => {
    let largest = 0;
    const watch = (name: string, type: object): void => {
      const proxy = new Proxy(type, {
        construct(target, args: unknown[], newTarget) {
          if (typeof args[0] === 'number') largest = Math.max(largest, args[0]);
          const made: unknown = Reflect.construct(
            target as unknown as new () => object,
            args,
            newTarget === proxy ? (target as unknown as new () => object) : newTarget,
          );
          return made as object;
        },
      });
      vi.stubGlobal(name, proxy);
    };
    watch('Uint8Array', Uint8Array);
    watch('Float64Array', Float64Array);
    watch('Uint32Array', Uint32Array);
    watch('ArrayBuffer', ArrayBuffer);
    watch('Array', Array);
    try {
      await work();
    } finally {
      vi.unstubAllGlobals();
    }
    return largest;
  };

  it('the watch over allocations sees them', async () => {
    expect(await largestAllocation(() => Promise.resolve(new Uint8Array(12_345)))).toBe(12_345);
    expect(await largestAllocation(() => Promise.resolve(new ArrayBuffer(54_321)))).toBe(54_321);
  });

  const HUGE = [0x1_0000, 0x10_0000, 0x0400_0000, 0x0400_0001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
  /** More than any index of so small a file takes: a segment of SEEK is the largest part of it. */
  const MODEST = 64 * 1024;

  const expectModesty = async (kit: FileKit, what: string): Promise<void> => {
    const file = kit.bytes();
    const source = createCountingSource(createMemorySource(file));
    const largest = await largestAllocation(async () => {
      const report = await verifyContainer(source);
      expect(report.exit_code, what).not.toBe(0);
      const reader = await H4MKReader.open(source).catch(expectRefusal);
      for (let seq = 0; seq < Math.min(reader?.recordCount ?? 0, 6); seq++) {
        await reader?.block(seq).catch(expectRefusal);
      }
      await reader?.seek(5).catch(expectRefusal);
      await reader?.findByte(0, 5).catch(expectRefusal);
      await reader?.findByte(0, 2 ** 40).catch(expectRefusal);
    });
    expect(largest, what).toBeLessThanOrEqual(MODEST);
    for (const [start, end] of source.reads) expect(end - start, what).toBeLessThanOrEqual(file.length);
    expect(source.bytes, what).toBeLessThan(60 * file.length);
  };

  it('the size of a chunk', async () => {
    const count = (await minimal()).pieces.length;
    for (let n = 0; n < count; n++) {
      for (const size of HUGE) {
        const kit = await minimal();
        at(kit, n).size = size;
        await expectModesty(kit, `chunk ${n} of ${size} bytes`);
      }
    }
  });

  it.each(['count', 'raw', 'size'] as const)('%s in TOKN', async (field) => {
    for (const n of [0, 1, 2, 5]) {
      for (const value of HUGE) {
        const kit = await minimal();
        kit.editTokn(n, (view) => view.setUint32(TOKN_AT[field], value));
        // Where the sum of the tokens would give the lie away, they tell the same lie.
        if (n === 2 && field === 'raw')
          kit.editTokn(n, (view) => view.setUint32(TOKN_AT.tokens + 8, value | 0x8000_0000));
        await expectModesty(kit, `${field} ${value} in record ${n}`);
      }
    }
  });

  it('the count in SEEK, the width of TILE, the records in TAIL', async () => {
    for (const value of HUGE) {
      const [seek, tile, tail] = [await minimal(), await minimal(), await minimal()];
      new DataView(seek.chunk('SEEK').payload.buffer).setUint32(0, value);
      new DataView(tile.chunk('TILE').payload.buffer).setUint16(2, value & 0xffff);
      new DataView(tail.chunk('TAIL').payload.buffer).setUint32(20, value);
      await expectModesty(seek.reseal(), `SEEK of ${value}`);
      await expectModesty(tile.reseal(), `TILE of ${value & 0xffff}`);
      await expectModesty(tail, `TAIL of ${value}`);
    }
  });

  it('the size of a chunk in a source that is read in small pieces: it is compared with what remains', async () => {
    for (const size of HUGE) {
      const kit = await minimal();
      at(kit, 3).size = size;
      const file = kit.bytes();
      let last: Chunk | StreamEnd | undefined;
      const largest = await largestAllocation(async () => {
        const feed = createSourceFeed(createMemorySource(file), { pieceBytes: 16 });
        const stream = new ChunkStream(feed, DEFAULT_LIMITS);
        await stream.take(HEADER_BYTES);
        do last = await stream.next();
        while (!('kind' in last));
      });
      const offset = kit.offsetOf(at(kit, 3));
      expect(last).toEqual({
        kind: 'cut',
        offset,
        missing: offset + CHUNK_HEADER_BYTES + size - file.length,
        tag: at(kit, 3).tag,
      });
      expect(largest).toBeLessThanOrEqual(file.length);
    }
  });

  it('the size of a chunk in a stream of unknown length: memory follows what arrives', async () => {
    const kit = await minimal();
    const header = kit.bytes().subarray(0, HEADER_BYTES);
    const claim = Uint8Array.of(0x43, 0x4f, 0x52, 0x45, 0x03, 0xff, 0xff, 0xff, 0, 0, 0, 0);
    for (const arriving of [0, 1, 5000, 100_000]) {
      const pieces = [header, claim, ...Array.from({ length: arriving / 1000 }, () => new Uint8Array(1000))];
      let end: Chunk | StreamEnd | undefined;
      const largest = await largestAllocation(async () => {
        const stream = new ChunkStream(createIterableFeed(pieces), DEFAULT_LIMITS);
        await stream.take(HEADER_BYTES);
        end = await stream.next();
      });
      expect(end).toMatchObject({ kind: 'cut', offset: HEADER_BYTES });
      expect(largest).toBeLessThanOrEqual(Math.max(8192, 2 * arriving + CHUNK_HEADER_BYTES));
    }
  });
});

describe('a stream of chunks', () => {
  const chunksOf = async (pieces: readonly Uint8Array[], limits = DEFAULT_LIMITS) => {
    const stream = new ChunkStream(createIterableFeed(pieces), limits);
    await stream.take(HEADER_BYTES);
    const chunks: (Chunk | StreamEnd)[] = [];
    for (;;) {
      const chunk = await stream.next();
      chunks.push('kind' in chunk ? chunk : { ...chunk, payload: chunk.payload.slice() });
      if ('kind' in chunk) return chunks;
    }
  };

  it('is the same however it is cut into pieces, down to single bytes', async () => {
    const file = (await signed()).bytes();
    const whole = await chunksOf([file]);
    expect(await chunksOf(Array.from(file, (byte) => Uint8Array.of(byte)))).toEqual(whole);
    const source = new ChunkStream(createSourceFeed(createMemorySource(file), { pieceBytes: 7 }), DEFAULT_LIMITS);
    await source.take(HEADER_BYTES);
    for (const chunk of whole) expect(await source.next()).toEqual(chunk);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(file.length), { maxLength: 60 }), async (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), file.length];
        const pieces = edges.slice(1).map((edge, i) => file.subarray(edges[i], edge));
        expect(await chunksOf(pieces)).toEqual(whole);
      }),
      { seed, numRuns: 40 },
    );
  });
});
