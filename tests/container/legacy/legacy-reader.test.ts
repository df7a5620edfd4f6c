import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CompressionEngine } from '../../../src/compression/api/engine.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { legacyEngine } from '../../../src/compression/legacy.js';
import { compressRleDelta } from '../../../src/compression/rle.js';
import type { ByteSource } from '../../../src/container/io/io.js';
import { LegacyMask } from '../../../src/container/legacy/legacy-mask.js';
import { type LegacyOpenOptions, LegacyReader } from '../../../src/container/legacy/legacy-reader.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, fromHex, toHex, utf8Decode } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { lcgBytes } from '../../compression/lcg.js';
import {
  type Piece,
  assembled,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  patched,
  rejection,
} from '../../support/container.js';
import {
  BOMB,
  META,
  REFUSED,
  block,
  blocks,
  chunk,
  closed,
  core,
  meta,
  open,
  safe,
  seek,
  whole,
} from '../../support/legacy.js';
import { withOneBitFlipped } from '../../support/reports.js';
import { describeShared } from '../../support/shared.js';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);

const opened = (file: Uint8Array, options: LegacyOpenOptions = {}): Promise<LegacyReader> =>
  LegacyReader.open(createMemorySource(file), { decode: legacyEngine, ...options });

const contentOf = async (reader: LegacyReader): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = [];
  for await (const { bytes } of reader.blocks()) pieces.push(bytes);
  return concatBytes(...pieces);
};

/** Everything a reader can be asked for. */
const readAll = async (file: Uint8Array, options: LegacyOpenOptions = {}): Promise<void> => {
  const reader = await opened(file, options);
  await contentOf(reader);
  await reader.contentLength();
  for (let k = 0; k < (reader.layout.seek?.length ?? 0); k++) await reader.seek(reader.layout.seek?.entry(k).pts ?? 0);
};

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof H4Error ? error.code : 'not an H4Error'),
  );

const listOf = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
};

describe('LegacyReader.open()', () => {
  test('tells what stands in the file beside its blocks', async () => {
    const reader = await opened(whole);
    const { meta: parsed, metaBytes, safeBytes, seek: table, veri, hasSafe, unknownChunks } = reader.layout;
    expect(reader.blockCount).toBe(3);
    expect(parsed).toMatchObject({ engine: 'geometric-reference', isMasked: false, isEncrypted: false });
    expect(JSON.parse(utf8Decode(metaBytes ?? new Uint8Array()))).toEqual(META);
    expect(utf8Decode(safeBytes ?? new Uint8Array())).toBe('{"scope":"container+transport-only"}');
    expect([table?.length, hasSafe, unknownChunks]).toEqual([2, true, 0]);
    expect(veri).toEqual(chunkOf(whole, 'VERI').payload);
  });

  test('takes what is missing for what section 13 says, and counts what it does not know', async () => {
    const { layout } = await opened(assembled([chunk('abcd'), block(3), chunk('zzzz')]));
    expect(layout).toMatchObject({
      meta: { engine: 'geometric-reference', isMasked: false },
      metaBytes: undefined,
      safeBytes: undefined,
      seek: undefined,
      veri: undefined,
      hasSafe: false,
      unknownChunks: 2,
    });
  });

  test('is content with an empty file, and with any SAFE', async () => {
    const empty = await opened(closed(seek([]), meta(), chunk('SAFE', Uint8Array.of(0xff))));
    expect([empty.blockCount, await empty.contentLength(), await empty.seek(0)]).toEqual([0, 0, undefined]);
    expect(await contentOf(empty)).toEqual(new Uint8Array(0));
    expect(await listOf(empty.places())).toEqual([]);
    expect((await rejection(empty.block(0))).message).toBe('The file has no block 0: it has none');
    const long = await opened(closed(chunk('SAFE', new Uint8Array(50)), meta()), { limits: { maxMetaBytes: 200 } });
    expect(long.layout.safeBytes).toHaveLength(50);
    const longer = await opened(closed(chunk('SAFE', new Uint8Array(201)), meta()), { limits: { maxMetaBytes: 200 } });
    expect([longer.layout.hasSafe, longer.layout.safeBytes]).toEqual([true, undefined]);
    expect(
      await codeOf(opened(closed(chunk('SAFE', new Uint8Array(201)), safe), { limits: { maxMetaBytes: 200 } })),
    ).toBe('H4_CHUNK_DUPLICATE');
  });

  test('reads nothing of large blocks, and holds what it reads of a dense file to windows', async () => {
    const large = Array.from({ length: 50 }, () => core(new Uint8Array(200_000).fill(1)));
    const source = createCountingSource(createMemorySource(closed(...large, seek([]), meta(), safe)));
    await LegacyReader.open(source);
    expect(source.count).toBeLessThanOrEqual(50 + 6);
    expect(source.bytes).toBeLessThan(50 * 2048 + 8192);

    const dense = createCountingSource(
      createMemorySource(closed(...Array.from({ length: 5000 }, () => block(1)), meta())),
    );
    await LegacyReader.open(dense);
    expect(dense.count).toBeLessThan(12);
    expect(dense.bytes).toBeLessThan(1.2 * dense.size);
  });

  test('refuses a recording with records, another engine, a short key, and limits that are none', async () => {
    const recording = await closedRecording(interleaved(2));
    expect(await rejection(opened(recording))).toMatchObject({
      code: 'H4_PARAM',
      message: 'This is a recording with records, not a legacy file: open it with H4MKReader',
    });
    expect(await rejection(opened(whole, { decode: storedEngine }))).toMatchObject({
      code: 'H4_PARAM',
      message: 'Legacy files are decoded with geometric-reference, not with stored',
    });
    expect(await codeOf(opened(whole, { masterKey: new Uint8Array(15) }))).toBe('H4_PARAM');
    expect(await codeOf(opened(whole, { limits: { maxRecords: -1 } }))).toBe('H4_PARAM');
    expect(await codeOf(opened(assembled(chunksOf(recording).slice(1))))).toBe('H4_LEGACY_MIXED');
  });

  test('stops at the limits of section 18', async () => {
    const limited = (limits: LegacyOpenOptions['limits']): Promise<string> =>
      codeOf(readAll(whole, { limits: limits ?? {} }));
    expect(await limited({ maxRecords: 3 })).toBe('none');
    expect(await limited({ maxRecords: 2 })).toBe('H4_LIMIT_RECORDS');
    expect(await limited({ maxMetaBytes: 10 })).toBe('H4_LIMIT_META');
    expect(await limited({ maxJsonDepth: 1 })).toBe('H4_LIMIT_META');
    expect(await limited({ maxChunkBytes: 40 })).toBe('H4_LIMIT_CHUNK');
    expect(await limited({ maxBlockBytes: 299 })).toBe('H4_LIMIT_BLOCK');
  });

  test('gives up when it is told to', async () => {
    const signal = AbortSignal.abort();
    expect(await codeOf(opened(whole, { signal }))).toBe('H4_CANCELLED');
    const reader = await opened(whole);
    expect(await codeOf(reader.block(0, signal))).toBe('H4_CANCELLED');
    expect(await codeOf(reader.seek(66_666, signal))).toBe('H4_CANCELLED');
    expect(await codeOf(reader.contentLength(signal))).toBe('H4_CANCELLED');
    expect(await codeOf(listOf(reader.places({}, signal)))).toBe('H4_CANCELLED');
    expect(await reader.contentLength()).toBe(318);
  });
});

describe('the decisions of section 13', () => {
  /** What only the hash of the whole file tells: left to a full check. */
  const READABLE: ReadonlySet<string> = new Set(['veri_stale']);

  test.each(REFUSED)(
    '%s is refused by the reader with the code that a full check finds first',
    async (name, file, errors) => {
      expect(await codeOf(readAll(file))).toBe(READABLE.has(name) ? 'none' : errors[0]);
    },
  );

  test('truncated_at_chunk_boundary_no_veri and unknown_tag are read', async () => {
    expect(await codeOf(readAll(assembled(open)))).toBe('none');
    expect(await codeOf(readAll(closed(chunk('abcd'), ...open, chunk('zzzz'))))).toBe('none');
  });

  test('core_bomb_8k_to_1MiB is read, and refused where max_block is lower before it is expanded', async () => {
    const file = assembled([BOMB]);
    expect(await (await opened(file)).block(0)).toEqual(new Uint8Array(1_048_560).fill(255));
    const error = await rejection((await opened(file, { limits: { maxBlockBytes: 1_048_559 } })).block(0));
    expect(error).toMatchObject({ code: 'H4_LIMIT_BLOCK', detail: { offset: 8 } });
    expect(error.message).toContain('(block 0, at offset 8)');
  });

  test.each(['TOKN', 'VOID', 'TILE', 'SIGN', 'TIME', 'ATTS', 'TAIL', 'PROF'])(
    '%s among legacy chunks is refused',
    async (tag) => {
      expect(await codeOf(opened(closed(...blocks, chunk(tag), meta())))).toBe('H4_LEGACY_MIXED');
    },
  );

  test('the CRC of META, SEEK, SAFE and VERI is compared on opening, that of blocks when they are read', async () => {
    for (const tag of ['META', 'SEEK', 'SAFE', 'VERI']) {
      const file = patched(whole, chunkOf(whole, tag).offset + 8, 0, 4);
      expect([tag, await codeOf(opened(file))]).toEqual([tag, 'H4_CRC_MISMATCH']);
    }
    const reader = await opened(patched(whole, chunkOf(whole, 'CORE', 1).offset + 8, 0, 4));
    expect(await reader.block(0)).toHaveLength(300);
    expect(await rejection(reader.block(1))).toMatchObject({ code: 'H4_CRC_MISMATCH', detail: { offset: 24 } });
    expect(await codeOf(contentOf(reader))).toBe('H4_CRC_MISMATCH');
    expect(await codeOf(reader.contentLength())).toBe('H4_CRC_MISMATCH');
  });

  test('what nobody can decode is opened, and refused when it is to be decoded', async () => {
    const pairs = core(Uint8Array.of(1, 0, 1));
    const cases: readonly (readonly [Piece, string])[] = [
      [meta({ ...META, encryption: { algorithm: 'x' } }), 'H4_LEGACY_ENCRYPTED'],
      [meta({ ...META, encryption: null }), 'H4_LEGACY_ENCRYPTED'],
      [meta({ compression: { engine: 'other' } }), 'H4_ENGINE_UNKNOWN'],
      [meta({}), 'H4_ENGINE_UNKNOWN'],
    ];
    for (const [json, code] of cases) {
      const reader = await opened(closed(pairs, seek([[0, 7]]), json), { masterKey: KEY });
      const asked = [
        reader.block(0),
        contentOf(reader),
        reader.seek(0),
        reader.contentLength(),
        listOf(reader.places()),
      ];
      expect(await Promise.all(asked.map(codeOf))).toEqual([code, code, code, code, code]);
    }
  });

  test('masked blocks are found without a key, and decoded only with it', async () => {
    const masked = meta({ ...META, masked: true });
    const reader = await opened(closed(...blocks, seek([[5, 300]]), masked));
    expect(await reader.seek(5)).toMatchObject({ index: 1, pos: 300 });
    expect(await reader.contentLength()).toBe(318);
    expect(await codeOf(reader.block(0))).toBe('H4_KEY_MISSING');
    expect(await codeOf(contentOf(reader))).toBe('H4_KEY_MISSING');
  });

  test('an engine may take its time', async () => {
    const patient: CompressionEngine = {
      info: () => legacyEngine.info(),
      compress: (bytes) => legacyEngine.compress(bytes),
      decompress: (bytes, raw) => Promise.resolve(legacyEngine.decompress(bytes, raw)),
    };
    const [slow, quick] = [await opened(whole, { decode: patient }), await opened(whole)];
    expect(await contentOf(slow)).toEqual(await contentOf(quick));
  });

  test('where a block stands is known without reading it', async () => {
    const reader = await opened(whole);
    const first = chunkOf(whole, 'CORE');
    expect(reader.stored(0)).toEqual({ offset: first.offset, size: first.size });
  });

  test('masked blocks of which there are none need no key', async () => {
    const reader = await opened(closed(meta({ ...META, masked: true })));
    expect(await contentOf(reader)).toEqual(new Uint8Array(0));
  });

  test('without an engine blocks are found, and not decoded', async () => {
    const reader = await LegacyReader.open(createMemorySource(whole));
    expect(await reader.seek(66_666)).toMatchObject({ index: 2 });
    expect(await rejection(reader.block(0))).toMatchObject({
      code: 'H4_ENGINE_UNKNOWN',
      message: 'Cannot decode: no engine for geometric-reference was given',
    });
  });
});

describe('LegacyReader.block()', () => {
  test('decodes any block with one exact read', async () => {
    const source = createCountingSource(createMemorySource(whole));
    const reader = await LegacyReader.open(source, { decode: legacyEngine });
    for (const [index, size] of [
      [2, 2],
      [0, 300],
      [1, 16],
      [2, 2],
    ] as const) {
      source.reset();
      expect(await reader.block(index)).toEqual(new Uint8Array(size).fill(65));
      const { offset, size: stored } = chunkOf(whole, 'CORE', index);
      expect(source.reads).toEqual([[offset + 12, offset + 12 + stored]]);
    }
  });

  test.each([-1, 3, 0.5, Number.NaN])('refuses block %d', async (index) => {
    expect(await rejection((await opened(whole)).block(index))).toMatchObject({
      code: 'H4_PARAM',
      message: `The file has no block ${index}: they are numbered from 0 to 2`,
    });
  });

  test('refuses an engine that gives other than the measured length', async () => {
    const decode: CompressionEngine = { ...legacyEngine, decompress: (_, rawLength) => new Uint8Array(rawLength + 1) };
    expect(await rejection((await opened(whole, { decode })).block(0))).toMatchObject({
      code: 'H4_ENGINE_OUTPUT',
      message: 'Block 0 decodes to 301 bytes instead of 300',
    });
  });

  test('never changes the bytes of the source, whatever memory the engine hands back', async () => {
    // Pairs that an engine may hand back as they are: two bytes for two bytes.
    const decode: CompressionEngine = { ...legacyEngine, decompress: (bytes) => bytes };
    const file = closed(core(Uint8Array.of(9, 1, 7, 3)), meta({ ...META, masked: true }));
    const before = file.slice();
    const bytes = await (await opened(file, { decode, masterKey: KEY })).block(0);
    const expected = Uint8Array.of(9, 1, 7, 3);
    new LegacyMask(KEY).apply(0, expected);
    expect([bytes, file]).toEqual([expected, before]);
  });
});

describe('LegacyReader.seek()', () => {
  const places = chunksOf(whole).map(({ offset }) => offset);

  test('leads to the last keyframe at or before a time', async () => {
    const reader = await opened(whole);
    expect(await reader.seek(66_665)).toEqual({ index: 0, pts: 0, pos: 0, offset: places[0] });
    for (const pts of [66_666, 66_667, Infinity]) {
      expect(await reader.seek(pts)).toEqual({ index: 2, pts: 66_666, pos: 316, offset: places[2] });
    }
    expect(await reader.seek(-1)).toBeUndefined();
    expect(await (await opened(closed(...blocks, meta()))).seek(5)).toBeUndefined();
    expect(await codeOf(reader.seek(Number.NaN))).toBe('H4_PARAM');
  });

  test('measures blocks once, and only those before the answer', async () => {
    const source = createCountingSource(createMemorySource(whole));
    const reader = await LegacyReader.open(source);
    source.reset();
    expect(await reader.seek(0)).toMatchObject({ index: 0 });
    expect(source.count).toBe(0);
    expect(await reader.seek(66_666)).toMatchObject({ index: 2 });
    expect(source.count).toBe(1);
    expect(await reader.seek(66_666)).toMatchObject({ index: 2 });
    expect(source.count).toBe(1);
  });

  test('refuses an entry that leads to no block', async () => {
    for (const offset of [1, 299, 301, 317, 318, 1000]) {
      const reader = await opened(closed(...blocks, seek([[7, offset]]), meta()));
      expect([offset, await codeOf(reader.seek(7))]).toEqual([offset, 'H4_SEEK_ENTRY']);
      expect([offset, await codeOf(listOf(reader.places()))]).toEqual([offset, 'H4_SEEK_ENTRY']);
      expect([offset, await codeOf(contentOf(reader))]).toEqual([offset, 'H4_SEEK_ENTRY']);
    }
  });

  test('leads to the first of the blocks that start at one place', async () => {
    const file = closed(
      block(0),
      block(5),
      block(0),
      seek([
        [1, 0],
        [2, 5],
      ]),
      meta(),
    );
    const reader = await opened(file);
    expect([await reader.seek(1), await reader.seek(2)]).toMatchObject([{ index: 0 }, { index: 2 }]);
    expect((await listOf(reader.places())).map(({ key }) => key)).toEqual([true, false, true]);
  });

  test('may be asked by several at once', async () => {
    const reader = await opened(whole);
    const answers = await Promise.all([
      reader.seek(66_666),
      reader.contentLength(),
      reader.seek(66_666),
      contentOf(reader),
    ]);
    expect(answers).toMatchObject([{ index: 2 }, 318, { index: 2 }, new Uint8Array(318).fill(65)]);
  });

  test('finds a block among very many', async () => {
    const count = 40_000;
    const pieces = Array.from({ length: count }, (_, i) => block(i % 3));
    const starts = pieces.map((_, i) => Math.floor(i / 3) * 3 + (i % 3 === 2 ? 1 : 0));
    const entries = Array.from({ length: count / 4 }, (_, k) => 4 * k)
      .filter((i) => i % 3 === 2)
      .map((i) => [i, starts[i] ?? 0] as const);
    const reader = await opened(closed(...pieces, seek(entries), meta()));
    for (const [i, pos] of [entries[0], entries[1234], entries.at(-1)].flatMap((entry) =>
      entry === undefined ? [] : [entry],
    )) {
      expect(await reader.seek(i)).toMatchObject({ index: i, pts: i, pos });
    }
  });
});

describe('the blocks of a legacy file', () => {
  test('have places and times, in order and in part', async () => {
    const frame = Math.trunc(1_000_000 / 29.97);
    const reader = await opened(whole);
    const [a, b, c] = chunksOf(whole);
    const expected = [
      { index: 0, offset: a?.offset, size: 4, pos: 0, raw: 300, pts: 0, key: true },
      { index: 1, offset: b?.offset, size: 2, pos: 300, raw: 16, pts: frame, key: false },
      { index: 2, offset: c?.offset, size: 2, pos: 316, raw: 2, pts: 66_666, key: true },
    ];
    expect(await listOf(reader.places())).toEqual(expected);
    expect(await listOf((await opened(whole)).places({ from: 1, to: 2 }))).toEqual([expected[1]]);
    const contents = await listOf((await opened(whole)).blocks({ from: 1 }));
    expect(contents).toEqual([
      { ...expected[1], bytes: new Uint8Array(16).fill(65) },
      { ...expected[2], bytes: new Uint8Array(2).fill(65) },
    ]);
    expect(await listOf(reader.blocks({ from: 3 }))).toEqual([]);
    expect(await listOf(reader.blocks({ from: 2, to: 99 }))).toHaveLength(1);
  });

  test('are read in large pieces, and not again for their places', async () => {
    const many = closed(...Array.from({ length: 3000 }, () => core(new Uint8Array(200).fill(3))), meta());
    const source = createCountingSource(createMemorySource(many));
    const reader = await LegacyReader.open(source, { decode: legacyEngine });
    source.reset();
    expect(await reader.contentLength()).toBe(3000 * 300);
    expect(source.count).toBeLessThan(5);
    source.reset();
    expect(await listOf(reader.places())).toHaveLength(3000);
    expect(source.count).toBe(0);
    expect(await listOf(reader.blocks({ from: 2999 }))).toHaveLength(1);
    expect(source.count).toBe(1);
  });

  test('of any content and any number come back, masked or not, through any division into pairs', async () => {
    const content = fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.boolean(),
        fc.uint8Array({ minLength: 16, maxLength: 40 }),
        async (pieces, masked, masterKey) => {
          const cores = pieces.map((bytes, i) => {
            const copy = bytes.slice();
            if (masked) new LegacyMask(masterKey).apply(i, copy);
            // Every other block in runs of one, which no greedy writer makes.
            return core(i % 2 === 0 ? compressRleDelta(copy) : Uint8Array.from([...copy].flatMap((byte) => [byte, 1])));
          });
          const reader = await opened(closed(meta({ ...META, masked }), ...cores), { masterKey });
          expect((await listOf(reader.blocks())).map(({ bytes }) => bytes)).toEqual(pieces);
          for (const [i, bytes] of pieces.entries()) expect(await reader.block(i)).toEqual(bytes);
          expect(await reader.contentLength()).toBe(pieces.reduce((sum, { length }) => sum + length, 0));
        },
      ),
    );
  });

  test('are never other bytes than those written, where a bit of their payload has flipped', async () => {
    const payload = compressRleDelta(lcgBytes(5, 40));
    const file = closed(core(payload), meta());
    for (let bit = 0; bit < 8 * payload.length; bit++) {
      const changed = file.slice();
      const at = 20 + (bit >> 3);
      changed[at] = (changed[at] ?? 0) ^ (1 << (bit & 7));
      expect(await codeOf((await opened(changed)).block(0))).toBe('H4_CRC_MISMATCH');
    }
  });

  test('are never other bytes where any bit of the file has flipped, but for tags that make a chunk unknown', async () => {
    const inTag = new Set(chunksOf(whole).flatMap(({ offset }) => [0, 1, 2, 3].map((i) => offset + i)));
    let refused = 0;
    for (const { at, bit, changed } of withOneBitFlipped(whole)) {
      const found: unknown = await opened(changed)
        .then(contentOf)
        .catch((error: unknown) => error);
      if (found instanceof Error) refused++;
      // No CRC covers a tag: only VERI does, which a full check compares.
      else if (!inTag.has(at)) expect([at, bit, toHex(found as Uint8Array)]).toEqual([at, bit, '41'.repeat(318)]);
    }
    expect(refused).toBeGreaterThan(8 * (whole.length - 44 - inTag.size));
  });

  test('fail where the source fails, and not as if the file were at fault', async () => {
    const source: ByteSource = {
      size: whole.length,
      read: (start, end) =>
        end - start === 2 && start < 60
          ? Promise.reject(new TypeError('gone'))
          : createMemorySource(whole).read(start, end),
      close: () => Promise.resolve(),
    };
    const reader = await LegacyReader.open(source, { decode: legacyEngine });
    await expect(reader.block(1)).rejects.toThrow(TypeError);
  });
});

interface Fixture {
  readonly blocks: readonly {
    readonly index: number;
    readonly stored_size: number;
    readonly decompressed_size: number;
    readonly decompressed_sha256: string;
  }[];
  readonly chunks_in_file_order: readonly { readonly tag: string; readonly header_offset: number }[];
  readonly meta: object;
  readonly safe: object;
  readonly meta_raw_utf8: string;
  readonly seek_entries: readonly { readonly pts_us: number; readonly offset: number }[];
  readonly veri_hex: string;
  readonly mask_key_hex?: string;
  readonly unmasked_sha256?: readonly string[];
  readonly whole_content_sha256: string;
  readonly whole_content_size: number;
}

const hex = (bytes: Uint8Array): string => toHex(sha256(bytes));

describeShared('files of the original software', (shared) => {
  const folder = `${shared}/fixtures/h4mk`;
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.h4mk'))
    .map((name) => name.replace('.h4mk', ''));
  const fileOf = (path: string): Uint8Array => Uint8Array.from(readFileSync(path));

  test.each(names)('%s gives its recorded facts', async (name) => {
    const facts = JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8')) as Fixture;
    const file = fileOf(`${folder}/${name}.h4mk`);
    const keys = facts.mask_key_hex === undefined ? {} : { masterKey: fromHex(facts.mask_key_hex) };
    const reader = await opened(file, keys);
    const { layout } = reader;
    expect(utf8Decode(layout.metaBytes ?? new Uint8Array())).toBe(facts.meta_raw_utf8);
    expect(layout.meta.json).toEqual(facts.meta);
    expect(JSON.parse(utf8Decode(layout.safeBytes ?? new Uint8Array()))).toEqual(facts.safe);
    const entries = Array.from({ length: layout.seek?.length ?? -1 }, (_, k) => layout.seek?.entry(k));
    expect(entries).toEqual(facts.seek_entries.map(({ pts_us: pts, offset }) => ({ pts, offset })));
    // Recorded as its hash, or the payload itself: whichever the fixture has, VERI is the hash of all before it.
    expect(layout.veri).toEqual(sha256(file.subarray(8, file.length - 44)));

    expect(reader.blockCount).toBe(facts.blocks.length);
    const cores = facts.chunks_in_file_order.filter(({ tag }) => tag === 'CORE');
    const expected = facts.unmasked_sha256 ?? facts.blocks.map(({ decompressed_sha256 }) => decompressed_sha256);
    const contents = await listOf(reader.blocks());
    expect(contents.map(({ bytes }) => hex(bytes))).toEqual(expected);
    expect(contents.map(({ index, offset, size, raw }) => [index, offset, size, raw])).toEqual(
      facts.blocks.map(({ index, stored_size, decompressed_size }) => [
        index,
        cores[index]?.header_offset,
        stored_size,
        decompressed_size,
      ]),
    );
    for (const { index } of facts.blocks) expect(hex(await reader.block(index))).toBe(expected[index]);
    expect(hex(await contentOf(reader))).toBe(facts.whole_content_sha256);
    expect(await reader.contentLength()).toBe(facts.whole_content_size);

    for (const { pts_us: pts, offset: pos } of facts.seek_entries) {
      const found = await reader.seek(pts);
      expect(found).toMatchObject({ pts, pos });
      expect(contents.find(({ index }) => index === found?.index)).toMatchObject({ pos, pts, key: true });
    }
    // Before they are unmasked, blocks are as recorded, too.
    if (facts.mask_key_hex !== undefined) {
      const raw = facts.blocks.map(({ index }) => {
        const place = chunksOf(file).filter(({ tag }) => tag === 'CORE')[index];
        return hex(
          legacyEngine.decompress(place?.payload ?? new Uint8Array(), facts.blocks[index]?.decompressed_size ?? 0),
        );
      });
      expect(raw).toEqual(facts.blocks.map(({ decompressed_sha256 }) => decompressed_sha256));
    }
  });

  test('have times at which the original wrote their keyframes', async () => {
    const reader = await opened(fileOf(`${folder}/many_blocks_gop2.h4mk`));
    const times = await listOf(reader.places());
    expect(times.map(({ pts, key }) => [pts, key])).toEqual([
      [0, true],
      [40_000, false],
      [80_000, true],
      [120_000, false],
      [160_000, true],
      [200_000, false],
    ]);
  });

  test('the samples hold one content, masked or not', async () => {
    const { files, legacy_master_hex } = JSON.parse(readFileSync(`${shared}/samples/samples.json`, 'utf8')) as {
      readonly legacy_master_hex: string;
      readonly files: Readonly<Record<string, { readonly content_sha256: string; readonly content_size: number }>>;
    };
    for (const name of ['legacy.h4mk', 'legacy-masked.h4mk']) {
      const reader = await opened(fileOf(`${shared}/samples/${name}`), { masterKey: fromHex(legacy_master_hex) });
      const content = await contentOf(reader);
      expect([hex(content), content.length]).toEqual([files[name]?.content_sha256, files[name]?.content_size]);
      expect(await reader.seek(66_666)).toMatchObject({ index: 2, pos: 316 });
    }
    const wrong = await opened(fileOf(`${shared}/samples/legacy-masked.h4mk`), { masterKey: new Uint8Array(16) });
    expect(hex(await contentOf(wrong))).not.toBe(files['legacy.h4mk']?.content_sha256);
  });

  test('the broken samples are refused with their codes', async () => {
    for (const code of ['H4_RLE_ODD', 'H4_RLE_ZERO_RUN', 'H4_LEGACY_MIXED', 'H4_TRAILING_BYTES']) {
      expect(await codeOf(readAll(fileOf(`${shared}/samples/broken/${code}.h4mk`)))).toBe(code);
    }
  });
});
