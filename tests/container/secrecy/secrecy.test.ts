import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEngineSet } from '../../../src/compression/api/engine-set.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { GeometricReferenceCompressor } from '../../../src/compression/reference.js';
import { type MaskSpec, blindOf } from '../../../src/container/secrecy/block-secrets.js';
import { type BlockInput, H4MKBuilder, type RecordingOptions } from '../../../src/container/write/builder.js';
import { DEFAULT_LIMITS } from '../../../src/container/format/limits.js';
import { H4MKReader } from '../../../src/container/read/reader.js';
import { readResumption } from '../../../src/container/recover/recover.js';
import { scanRecording } from '../../../src/container/recover/recovery-scan.js';
import { RecordWriter } from '../../../src/container/write/record-writer.js';
import { createWritingEpoch } from '../../../src/container/secrecy/secrecy.js';
import { type Tokn, commitmentOf, parseTokn } from '../../../src/container/format/tokn.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createDiscardSink, createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, equalBytes, toHex, utf8Decode } from '../../../src/utils/bytes.js';
import { lcgBytes } from '../../compression/lcg.js';
import {
  AUDIO,
  VIDEO,
  type Piece,
  chunksOf,
  mediaRecord,
  metaRecord,
  patched,
  recordZero,
  rejection,
  resealed,
  written,
} from '../../support/container.js';
import { refusal } from '../../utils/refusal.js';

const [KEY, OTHER, SEED] = [lcgBytes(1, 32), lcgBytes(2, 33), lcgBytes(3, 32)];
const saltOf = (n: number): Uint8Array => lcgBytes(50 + n, 32);
const ENCRYPT: MaskSpec = { mode: 'encrypt', key: KEY, salt: saltOf(0) };
const MASK: MaskSpec = { ...ENCRYPT, mode: 'mask' };
const engines = createEngineSet([storedEngine, new GeometricReferenceCompressor()]);

const block = (pts: number, bytes: Uint8Array, track = 0): BlockInput => ({
  track,
  tokens: [{ pts, key: true, size: bytes.length }],
  bytes,
});

const built = async (
  options: Partial<RecordingOptions>,
  script: (builder: H4MKBuilder) => Promise<unknown>,
): Promise<Uint8Array> => {
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks: [VIDEO, AUDIO], ...options });
  await script(builder);
  await builder.close();
  return sink.bytes();
};

/** A recording of these blocks on track 0, ten units of time apart. */
const recordingOf = (blocks: readonly Uint8Array[], options: Partial<RecordingOptions> = {}): Promise<Uint8Array> =>
  built(options, async (builder) => {
    for (const [i, bytes] of blocks.entries()) await builder.addBlock(block(10 * i, bytes));
  });

const toknsOf = (file: Uint8Array): Tokn[] =>
  chunksOf(file)
    .filter(({ tag }) => tag === 'TOKN')
    .map(({ payload }) => parseTokn(payload));

const readerOf = (file: Uint8Array, ...keys: Uint8Array[]): Promise<H4MKReader> =>
  H4MKReader.open(createMemorySource(file), { engines, contentKeys: keys });

const contentOf = async (file: Uint8Array, ...keys: Uint8Array[]): Promise<Uint8Array[]> => {
  const blocks: Uint8Array[] = [];
  for await (const { bytes } of (await readerOf(file, ...keys)).blocks({ track: 0 })) blocks.push(bytes);
  return blocks;
};

const metasOf = (file: Uint8Array): string[] =>
  chunksOf(file)
    .filter(({ tag }) => tag === 'META')
    .map(({ payload }) => utf8Decode(payload));

const BLOCKS = [lcgBytes(20, 100), lcgBytes(21, 200), lcgBytes(22, 0), lcgBytes(23, 300)];

describe('a recording whose blocks are hidden', () => {
  test('is read back by whoever has the key, whatever sizes, engine, mode and blinds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }),
        fc.constantFrom('mask', 'encrypt'),
        fc.boolean(),
        fc.boolean(),
        async (blocks, mode, isStored, isBlinded) => {
          const file = await recordingOf(blocks, {
            engine: isStored ? storedEngine : new GeometricReferenceCompressor(),
            secrecy: { ...ENCRYPT, mode },
            ...(isBlinded ? { blindSeed: SEED } : {}),
          });
          const { errors } = await verifyContainer(createMemorySource(file));
          expect(errors).toEqual([]);
          expect(await contentOf(file, OTHER, KEY)).toEqual(blocks);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('holds none of its content in the clear, and lists its epoch in record 0', async () => {
    for (const secrecy of [MASK, ENCRYPT]) {
      const file = Buffer.from(await recordingOf(BLOCKS, { secrecy }));
      for (const bytes of BLOCKS)
        if (bytes.length > 0) expect(file.includes(Buffer.from(bytes.subarray(0, 16)))).toBe(false);
      const [zero = ''] = metasOf(file);
      const { keys } = JSON.parse(zero) as { readonly keys: readonly unknown[] };
      expect(keys).toEqual([createWritingEpoch(secrecy, []).listing]);
      expect(zero).not.toContain(toHex(KEY));
      expect(toknsOf(file).map(({ mode }) => mode)).toEqual([3, 4, ...BLOCKS.map(() => (secrecy === MASK ? 1 : 2)), 3]);
    }
  });

  test('has 28 bytes more per block when it is encrypted, and none when it is masked', async () => {
    const added = async (secrecy: MaskSpec): Promise<number[]> =>
      toknsOf(await recordingOf(BLOCKS, { secrecy }))
        .filter(({ mode }) => mode <= 2)
        .map(({ size, raw }) => size - raw);
    expect(await added(ENCRYPT)).toEqual([28, 28, 28, 28]);
    expect(await added(MASK)).toEqual([0, 0, 0, 0]);
  });

  test('is the same for the same input, and differs in every payload for another key or salt', async () => {
    const file = await recordingOf(BLOCKS, { secrecy: ENCRYPT, blindSeed: SEED });
    expect(equalBytes(await recordingOf(BLOCKS, { secrecy: ENCRYPT, blindSeed: SEED }), file)).toBe(true);
    const payloadsOf = (of: Uint8Array): string[] =>
      chunksOf(of)
        .filter(({ tag }) => tag === 'SAFE')
        .slice(1)
        .map(({ payload }) => toHex(payload));
    const all = [file];
    for (const change of [{ key: OTHER }, { salt: saltOf(1) }]) {
      all.push(await recordingOf(BLOCKS, { secrecy: { ...ENCRYPT, ...change }, blindSeed: SEED }));
    }
    const payloads = all.flatMap(payloadsOf);
    expect(new Set(payloads).size).toBe(3 * BLOCKS.length);
  });

  test('gives another nonce to another content of the same record', async () => {
    const nonces = await Promise.all(
      [0, 1].map(async (n) => {
        const file = await recordingOf([lcgBytes(n, 50)], { secrecy: ENCRYPT });
        const payload = chunksOf(file).filter(({ tag }) => tag === 'SAFE')[1]?.payload;
        return toHex(payload?.subarray(0, 12) ?? new Uint8Array(0));
      }),
    );
    expect(nonces[0]).toHaveLength(24);
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  test('needs its key: H4_KEY_MISSING without any, H4_KEY_WRONG with others only, before a block is decoded', async () => {
    const file = await recordingOf(BLOCKS, { secrecy: ENCRYPT });
    expect((await rejection(contentOf(file))).code).toBe('H4_KEY_MISSING');
    expect((await rejection(contentOf(file, OTHER))).code).toBe('H4_KEY_WRONG');
    const blind = await readerOf(file);
    expect((await rejection(blind.blockAt(0))).code).toBe('H4_KEY_MISSING');
    expect(await (await readerOf(file, KEY)).blockAt(10)).toMatchObject({ bytes: BLOCKS[1] });
    expect((await rejection(readerOf(file, KEY.subarray(1)))).code).toBe('H4_PARAM');
  });
});

describe('blinds', () => {
  test('are those of section 10 on every block, and on no META', async () => {
    const file = await recordingOf(BLOCKS, { blindSeed: SEED });
    const { fileId } = await readerOf(file);
    for (const { seq, mode, blind } of toknsOf(file)) {
      expect(blind).toEqual(mode === 0 ? blindOf(SEED, fileId, seq) : new Uint8Array(0));
    }
    expect(await contentOf(file)).toEqual(BLOCKS);
  });

  test('need a seed of 32 bytes', async () => {
    const short = { engine: storedEngine, tracks: [VIDEO], blindSeed: SEED.subarray(1) };
    expect((await rejection(H4MKBuilder.create(createDiscardSink(), short))).code).toBe('H4_PARAM');
  });
});

describe('changeKey()', () => {
  const twoEpochs = (spec: MaskSpec) =>
    built({ secrecy: ENCRYPT }, async (builder) => {
      await builder.addBlock(block(0, lcgBytes(1, 50)));
      await builder.changeKey(spec);
      await builder.addBlock(block(10, lcgBytes(2, 50)));
      await builder.addBlock(block(20, lcgBytes(3, 50)));
    });

  test('lists a new epoch before the next block, once', async () => {
    const file = await twoEpochs({ ...MASK, salt: saltOf(1) });
    expect(toknsOf(file).map(({ mode, epoch }) => [mode, epoch])).toEqual([
      [3, 0],
      [4, 0],
      [2, 0],
      [3, 0],
      [1, 1],
      [1, 1],
      [3, 0],
    ]);
    expect(metasOf(file)[1]).toContain('"epoch":1');
    expect(await contentOf(file, KEY)).toHaveLength(3);
    expect((await verifyContainer(createMemorySource(file))).errors).toEqual([]);
  });

  test('may take another key: then both are needed, and each opens its own', async () => {
    const file = await twoEpochs({ mode: 'encrypt', key: OTHER, salt: saltOf(1), epoch: 9 });
    expect(await contentOf(file, OTHER, KEY)).toHaveLength(3);
    const first = await readerOf(file, KEY);
    expect((await first.block(2)).bytes).toEqual(lcgBytes(1, 50));
    expect((await rejection(first.block(4))).code).toBe('H4_KEY_WRONG');
    await first.assertOpens({ to: 4 });
    expect((await rejection(first.assertOpens({ track: 0 }))).message).toContain('epoch 9');
    // Track 1 has no hidden block at all.
    await first.assertOpens({ track: 1 });
  });

  test('hides the blocks after it in a recording that began in the clear, and writes nothing by itself', async () => {
    const file = await built({}, async (builder) => {
      await builder.addBlock(block(0, lcgBytes(1, 50)));
      await builder.changeKey(ENCRYPT);
      await builder.changeKey({ ...ENCRYPT, salt: saltOf(1) });
      const { size } = builder;
      await builder.addBlock(block(10, lcgBytes(2, 50)));
      expect(builder.size).toBe(size + 2);
      await builder.changeKey({ ...ENCRYPT, salt: saltOf(2) });
    });
    expect(toknsOf(file).map(({ mode }) => mode)).toEqual([3, 4, 0, 3, 2, 3]);
    expect(await contentOf(file, KEY)).toEqual([lcgBytes(1, 50), lcgBytes(2, 50)]);
  });

  test('refuses an epoch or a salt that the recording has used, and numbers out of range', () => {
    const listed = [createWritingEpoch(ENCRYPT, []).listing];
    expect(refusal(() => createWritingEpoch({ ...ENCRYPT, salt: saltOf(1), epoch: 0 }, listed)).code).toBe(
      'H4_KEYS_EPOCH',
    );
    expect(refusal(() => createWritingEpoch(ENCRYPT, listed)).message).toContain('fresh');
    expect(createWritingEpoch({ ...ENCRYPT, salt: saltOf(1) }, listed).listing.epoch).toBe(1);
    for (const epoch of [-1, 0.5, 65_536]) {
      expect(refusal(() => createWritingEpoch({ ...ENCRYPT, epoch }, [])).code).toBe('H4_PARAM');
    }
    const full = [{ ...listed[0], epoch: 65_535 }] as typeof listed;
    expect(refusal(() => createWritingEpoch({ ...ENCRYPT, salt: saltOf(1) }, full)).code).toBe('H4_PARAM');
  });
});

describe('going on with a hidden recording', () => {
  const begun = async () => {
    const begin = createMemorySink();
    const options = { engine: storedEngine, tracks: [VIDEO], secrecy: ENCRYPT };
    const builder = await H4MKBuilder.create(begin, options);
    await builder.addBlock(block(0, lcgBytes(1, 50)));
    await begin.commit();
    const source = createMemorySource(begin.bytes());
    const sink = createMemorySink();
    await sink.write(begin.bytes());
    return { sink, resumption: await readResumption(source, await scanRecording(source)) };
  };

  test('takes a fresh epoch, which is listed before the next block', async () => {
    const { sink, resumption } = await begun();
    const secrecy = { ...ENCRYPT, salt: saltOf(1) };
    const builder = H4MKBuilder.resume(sink, resumption, storedEngine, { secrecy, blindSeed: SEED });
    await builder.addBlock(block(10, lcgBytes(2, 50)));
    await builder.close();
    const file = sink.bytes();
    expect(toknsOf(file).map(({ mode, epoch }) => [mode, epoch])).toEqual([
      [3, 0],
      [4, 0],
      [2, 0],
      [3, 0],
      [2, 1],
      [3, 0],
    ]);
    expect(toknsOf(file)[4]?.blind).toHaveLength(16);
    expect(await contentOf(file, KEY)).toEqual([lcgBytes(1, 50), lcgBytes(2, 50)]);
    expect((await verifyContainer(createMemorySource(file))).errors).toEqual([]);
  });

  test('is refused without a key, and with the salt of before', async () => {
    const { sink, resumption } = await begun();
    expect(refusal(() => H4MKBuilder.resume(sink, resumption, storedEngine)).code).toBe('H4_KEY_MISSING');
    expect(refusal(() => H4MKBuilder.resume(sink, resumption, storedEngine, { secrecy: ENCRYPT })).code).toBe(
      'H4_KEYS_EPOCH',
    );
  });
});

describe('an encrypted file in which somebody has moved or changed blocks, and repaired all that can be computed', () => {
  const piecesOf = (file: Uint8Array): Piece[] => chunksOf(file).map(({ tag, payload }) => ({ tag, payload }));
  const blocks = [lcgBytes(30, 64), lcgBytes(31, 64), lcgBytes(32, 64)];

  /** The file with this payload in record `seq`, whose commitment fits it. */
  const withBlock = (file: Uint8Array, seq: number, payload: Uint8Array): Uint8Array => {
    const pieces = piecesOf(file);
    const at = pieces.findIndex(({ tag, payload: tokn }) => tag === 'TOKN' && parseTokn(tokn).seq === seq);
    const tokn = pieces[at]?.payload.slice() ?? new Uint8Array(0);
    tokn.set(commitmentOf(parseTokn(tokn).blind, payload), 48);
    return resealed(pieces.with(at, { tag: 'TOKN', payload: tokn }).with(at + 1, { tag: 'SAFE', payload }));
  };

  const payloadOf = (file: Uint8Array, seq: number): Uint8Array =>
    chunksOf(file)
      .filter(({ tag }) => tag !== 'TOKN')
      .at(seq)?.payload ?? new Uint8Array(0);

  test('passes a check without keys, and gives not one byte of the block away', async () => {
    const file = await recordingOf(blocks, { secrecy: ENCRYPT });
    const twin = await recordingOf(blocks.toReversed(), { secrecy: ENCRYPT, uid: '1'.repeat(32) });
    for (const payload of [
      payloadOf(file, 4),
      payloadOf(twin, 3),
      patched(payloadOf(file, 3), 40, 1),
      patched(payloadOf(file, 3), 91, 1),
    ]) {
      const forged = withBlock(file, 3, payload);
      const { errors } = await verifyContainer(createMemorySource(forged));
      expect(errors).toEqual([]);
      const reader = await readerOf(forged, KEY);
      expect((await rejection(reader.block(3))).code).toBe('H4_AEAD_TAG');
      expect((await reader.block(2)).bytes).toEqual(blocks[0]);
    }
    expect((await (await readerOf(withBlock(file, 3, payloadOf(file, 3)), KEY)).block(3)).bytes).toEqual(blocks[1]);
  });

  test('a masked block has no such protection: it comes out changed where only the commitment could tell', async () => {
    const file = await recordingOf(blocks, { secrecy: MASK });
    const payload = payloadOf(file, 3);
    const forged = withBlock(file, 3, patched(payload, 5, (payload[5] ?? 0) ^ 1));
    const [, changed = new Uint8Array(0)] = await contentOf(forged, KEY);
    expect(changed[5]).toBe((blocks[1]?.[5] ?? 0) ^ 1);
  });
});

describe('what a writer refuses', () => {
  test('to hide META and plain records, and what comes back in another size', async () => {
    const hide = () => new Uint8Array(1);
    await written(async (writer) => {
      expect((await rejection(writer.record({ ...recordZero(), hide }))).code).toBe('H4_PARAM');
      await writer.record(recordZero());
      expect((await rejection(writer.record({ ...metaRecord({ a: 1 }), hide }))).code).toBe('H4_PARAM');
      expect((await rejection(writer.record({ ...mediaRecord({ pts: 1, key: true }), hide }))).code).toBe('H4_PARAM');
      for (const mode of [1, 2] as const) {
        const wrong = { ...mediaRecord({ pts: 1, key: true, mode }), hide: () => new Uint8Array(7) };
        expect((await rejection(writer.record(wrong))).message).toContain('not 7');
      }
      expect(writer.size).toBe(1);
    });
    expect(refusal(() => new RecordWriter(createDiscardSink(), { seekTrack: 0 }).fileId).code).toBe('H4_STATE');
  });

  test('a block that 28 bytes more would carry beyond what readers take', async () => {
    const size = DEFAULT_LIMITS.maxChunkBytes - 10;
    const engine = { ...storedEngine, info: () => storedEngine.info(), compress: () => new Uint8Array(size) };
    const create = (options: Partial<RecordingOptions>) =>
      H4MKBuilder.create(createDiscardSink(), { engine, tracks: [VIDEO], ...options });
    const encrypted = await create({ secrecy: ENCRYPT });
    expect((await rejection(encrypted.addBlock(block(0, concatBytes(Uint8Array.of(1)))))).code).toBe('H4_LIMIT_CHUNK');
    const masked = await create({ secrecy: MASK });
    expect((await masked.addBlock(block(0, Uint8Array.of(1)))).seq).toBe(2);
  });
});
