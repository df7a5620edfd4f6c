/**
 * What a recording promises whichever engine compresses it (h4mk.md 5.2 and 9), as tests: written through the engine, checked
 * without it, read back with it, and never decoded by another one. An engine of any kind passes it unchanged.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngineSet, type EngineSet } from '../../src/compression/api/engine-set.js';
import type { CompressionEngine } from '../../src/compression/api/engine.js';
import { storedEngine } from '../../src/compression/api/stored.js';
import { GeometricReferenceCompressor } from '../../src/compression/reference.js';
import type { Block } from '../../src/container/read/block.js';
import { type BlockInput, H4MKBuilder } from '../../src/container/write/builder.js';
import { createIterableFeed } from '../../src/container/source/feed.js';
import type { TrackInfo } from '../../src/container/format/meta.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import { H4MKStreamReader } from '../../src/container/read/stream-reader.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';
import { concatBytes } from '../../src/utils/bytes.js';
import { AUDIO, VIDEO, chunkOf, patched, rejection, withPayload } from '../support/container.js';
import { lcgBytes } from './lcg.js';

const MIB = 1024 * 1024;
const TRACKS: readonly TrackInfo[] = [VIDEO, AUDIO, { id: 2, kind: 'data' }];
/** Of the first blocks of every track. Blocks of no bytes are allowed. */
const FIRST_SIZES = [1, 65_536, MIB, 0, 777];
/** More records than one tile holds. */
const BLOCK_COUNT = 300;
/** A block that does not fit into any window that is read at once. */
const LARGE = { index: 201, size: 9 * MIB };
/** Units of time from one block to the next. */
const STEP = 40_000;
/** Records that stand before the first block: META and the safety scopes. */
const FIRST_BLOCK = 2;

/** From noise to long runs, in turn. */
function content(index: number, size: number): Uint8Array {
  if (index % 4 === 0) return lcgBytes(index + 1, size);
  if (index % 4 === 1) return new Uint8Array(size);
  if (index % 4 === 2) return Uint8Array.from({ length: size }, (_, i) => (i % 3) * 50 + Math.floor(i / 300));
  const text = new TextEncoder().encode(`structure before meaning, time is explicit: ${index}. `);
  return Uint8Array.from({ length: size }, (_, i) => text[i % text.length] ?? 0);
}

/** Blocks of three tracks in turn, of up to three tokens. */
export function sampleBlocks(): BlockInput[] {
  return Array.from({ length: BLOCK_COUNT }, (_, i) => {
    const [track, turn] = [i % TRACKS.length, Math.floor(i / TRACKS.length)];
    const size = i === LARGE.index ? LARGE.size : (FIRST_SIZES[turn] ?? 100 + (i % 7) * 90);
    const key = track !== 0 || turn % 5 === 0;
    const part = Math.floor(size / 3);
    const sizes = size < 3 ? [size] : [part, part, size - 2 * part];
    const tokens = sizes.map((each, n) => ({
      pts: i * STEP + n * 10_000,
      duration: 10_000,
      key: key && n === 0,
      size: each,
    }));
    return { track, tokens, bytes: content(i, size) };
  });
}

/** A closed recording of these blocks. */
export async function recordingWith(engine: CompressionEngine, blocks: readonly BlockInput[]): Promise<Uint8Array> {
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, { engine, tracks: TRACKS });
  for (const block of blocks) await builder.addBlock(block);
  await builder.close();
  return sink.bytes();
}

export interface ContainerContractOptions {
  /** Called after the last test. */
  readonly close?: () => Promise<void>;
  /** Where the engine was loaded from: must not be found in a recording. */
  readonly path?: () => string;
}

/** `makeEngine` is called once, before the first test. */
export function containerContract(
  name: string,
  makeEngine: () => CompressionEngine | Promise<CompressionEngine>,
  options: ContainerContractOptions = {},
): void {
  describe(`recordings written by ${name}:`, () => {
    const blocks = sampleBlocks();
    let engine: CompressionEngine;
    let file: Uint8Array;
    let reader: H4MKReader;
    beforeAll(async () => {
      engine = await makeEngine();
      file = await recordingWith(engine, blocks);
      reader = await open(file, enginesWith(engine));
    });
    afterAll(() => options.close?.());

    test('verify finds them sound, and needs no engine for that', async () => {
      expect(await verifyContainer(createMemorySource(file))).toMatchObject({
        ...{ format: 'H4MK v1 final', state: 'NOT_SIGNED', exit_code: 0, errors: [], warnings: [] },
        records: FIRST_BLOCK + BLOCK_COUNT + 1,
      });
    });

    test('META names the engine exactly as info() does, and no path', async () => {
      const { payload = new Uint8Array() } = await reader.record(0);
      const json = JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
      expect(Object.keys(json).sort()).toEqual(['compression', 'h4mk']);
      expect(json['compression']).toEqual(engine.info());
      expect(reader.info.compression).toEqual(engine.info());
      if (options.path !== undefined) expect(Buffer.from(file).includes(options.path())).toBe(false);
    });

    test('every block comes back by its number', async () => {
      for (const [i, block] of blocks.entries()) assertBlock(await reader.block(FIRST_BLOCK + i), block);
      expect(reader.recordCount).toBe(FIRST_BLOCK + BLOCK_COUNT + 1);
    });

    test('every moment leads to the last key block at or before it', async () => {
      const keys = blocks.filter(({ track, tokens }) => track === 0 && tokens[0]?.key === true);
      expect(keys).toHaveLength(20);
      for (const [i, key] of keys.entries()) {
        const pts = key.tokens[0]?.pts ?? Number.NaN;
        const next = keys[i + 1]?.tokens[0]?.pts ?? pts + 2;
        for (const moment of [pts, pts + 1, next - 1]) {
          const head = await reader.seek(moment);
          assertBlock(await reader.block(head?.seq ?? Number.NaN), key);
          assertBlock(await reader.blockAt(moment), key);
        }
      }
    });

    test('every range of bytes of a track comes back', async () => {
      for (const { id } of TRACKS) {
        const whole = streamOf(blocks, id);
        expect(await reader.trackLength(id)).toBe(whole.length);
        const { length } = whole;
        const ranges = [
          ...[0, 1, 2, 65_536, 65_537, MIB, MIB + 65_537, length - 2].map((from) => [from, from + 2] as const),
          ...([0, 65_530, MIB + 65_530] as const).map((from) => [from, from + 2000] as const),
          [0, length] as const,
        ];
        for (const [from, to] of ranges) {
          const found = await rangeOf(reader, id, from, Math.min(to, length));
          expect([id, from, to, Buffer.compare(found, whole.subarray(from, to))]).toEqual([id, from, to, 0]);
        }
      }
    });

    test('every block comes back from a stream, while it arrives', async () => {
      const stream = new H4MKStreamReader(feedOf(file), { engines: enginesWith(engine) });
      let count = 0;
      for await (const block of stream.blocks()) assertBlock(block, blocks[count++]);
      expect(count).toBe(BLOCK_COUNT);
      expect(stream.report()).toMatchObject({ exit_code: 0, errors: [], bytes: file.length });
    });

    test('the same input gives the same bytes again', async ({ skip }) => {
      skip(!engine.info().deterministic, 'this engine does not promise it');
      expect(Buffer.compare(await recordingWith(engine, blocks), file)).toBe(0);
    });

    test.each<[string, (own: CompressionEngine) => EngineSet]>([
      ['no engine at all', () => createEngineSet([])],
      ['other engines only', (own) => createEngineSet(othersThan(own))],
      ['another fingerprint of the same id', (own) => createEngineSet([withIdentity(own, { fingerprint: OTHER })])],
      ['another id of the same fingerprint', (own) => createEngineSet([withIdentity(own, { engine_id: 'other-v1' })])],
    ])('a reader with %s refuses, and says which engine is needed', async (_, enginesOf) => {
      const { engine_id, fingerprint } = engine.info();
      const engines = enginesOf(engine);
      const without = await open(file, engines);
      const stream = new H4MKStreamReader(feedOf(file), { engines });
      for (const refused of [without.block(FIRST_BLOCK), without.blockAt(0), stream.blocks().next()]) {
        const { code, message, detail } = await rejection(refused);
        expect([code, detail]).toEqual(['H4_ENGINE_UNKNOWN', expect.objectContaining({ engine_id, fingerprint })]);
        expect(message).toContain(`made by the core "${engine_id}" (fingerprint "${fingerprint}")`);
      }
    });

    test('a payload with another byte is refused before the engine sees it', async () => {
      const counted = new CountingEngine(engine);
      const engines = enginesWith(counted);
      for (const index of [0, 3, 4, 20, BLOCK_COUNT - 1]) {
        const { offset, payload } = chunkOf(file, 'CORE', index);
        const seq = FIRST_BLOCK + index;
        for (const at of new Set([0, payload.length >> 1, payload.length - 1])) {
          const lie = (payload[at] ?? 0) ^ 0x10;
          // Once as a bad disk leaves it, once as somebody who knows CRCs does.
          const raw = patched(file, offset + 12 + at, lie);
          const mended = withPayload(file, 'CORE', index, (bytes) => patched(bytes, at, lie));
          for (const altered of [raw, mended]) {
            const { code } = await rejection((await open(altered, engines)).block(seq));
            expect([index, at, code]).toEqual([index, at, 'H4_COMMIT_MISMATCH']);
            expect((await verifyContainer(createMemorySource(altered))).exit_code).toBe(1);
          }
          expect(counted.decompressed).toBe(0);
        }
      }
      const mended = withPayload(file, 'CORE', 2, (bytes) => patched(bytes, 0, (bytes[0] ?? 0) ^ 0x10));
      const stream = new H4MKStreamReader(feedOf(mended), { engines }).blocks();
      assertBlock((await stream.next()).value as Block, blocks[0]);
      assertBlock((await stream.next()).value as Block, blocks[1]);
      expect((await rejection(stream.next())).code).toBe('H4_COMMIT_MISMATCH');
      expect(counted.decompressed).toBe(2);
    });
  });
}

const OTHER = 'ab'.repeat(32);

const open = (file: Uint8Array, engines: EngineSet): Promise<H4MKReader> =>
  H4MKReader.open(createMemorySource(file), { engines });

const isStored = (engine: CompressionEngine): boolean => engine.info().engine_id === storedEngine.info().engine_id;

/** What a reader has that has loaded this engine: it, and the one that every reader has. */
export const enginesWith = (engine: CompressionEngine): EngineSet =>
  createEngineSet(isStored(engine) ? [engine] : [storedEngine, engine]);

function othersThan(engine: CompressionEngine): CompressionEngine[] {
  const all: CompressionEngine[] = [storedEngine, new GeometricReferenceCompressor()];
  return all.filter((each) => each.info().engine_id !== engine.info().engine_id);
}

/** An engine that could decode everything, but does not say so. */
const withIdentity = (
  engine: CompressionEngine,
  identity: { readonly engine_id?: string; readonly fingerprint?: string },
): CompressionEngine => ({
  compress: (bytes) => engine.compress(bytes),
  decompress: (bytes, rawLength) => engine.decompress(bytes, rawLength),
  info: () => ({ ...engine.info(), ...identity }),
});

class CountingEngine implements CompressionEngine {
  decompressed = 0;
  readonly #engine: CompressionEngine;

  constructor(engine: CompressionEngine) {
    this.#engine = engine;
  }

  compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#engine.compress(bytes);
  }

  decompress(bytes: Uint8Array, rawLength: number): Uint8Array | Promise<Uint8Array> {
    this.decompressed++;
    return this.#engine.decompress(bytes, rawLength);
  }

  info(): ReturnType<CompressionEngine['info']> {
    return this.#engine.info();
  }
}

/** The file in pieces that end nowhere in particular. */
const feedOf = (file: Uint8Array): ReturnType<typeof createIterableFeed> => {
  const size = 100_003;
  const count = Math.ceil(file.length / size);
  return createIterableFeed(Array.from({ length: count }, (_, i) => file.subarray(i * size, (i + 1) * size)));
};

function assertBlock(found: Block | undefined, { track, tokens, bytes }: BlockInput = EMPTY): void {
  expect([found?.tokn.track, found?.tokn.pts, found?.tokn.key]).toEqual([track, tokens[0]?.pts, tokens[0]?.key]);
  expect(Buffer.compare(found?.bytes ?? Uint8Array.of(), bytes)).toBe(0);
}

const EMPTY: BlockInput = { track: -1, tokens: [], bytes: new Uint8Array() };

const streamOf = (blocks: readonly BlockInput[], track: number): Uint8Array =>
  concatBytes(...blocks.filter((block) => block.track === track).map(({ bytes }) => bytes));

/** Bytes `[from, to)` of the raw stream of a track. */
async function rangeOf(reader: H4MKReader, track: number, from: number, to: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const { seq } = await reader.findByte(track, from);
  for await (const { tokn, bytes } of reader.blocks({ track, from: seq })) {
    if (tokn.pos >= to) break;
    parts.push(bytes.subarray(Math.max(0, from - tokn.pos), to - tokn.pos));
  }
  return concatBytes(...parts);
}
