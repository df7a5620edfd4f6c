/**
 * A server that lies, in bytes and in headers. Whoever holds the key of the signer gets the true answer about the records of the
 * checkpoint that it is relative to, or a refusal with a code: never another answer. Each lie has its test; a random one has many.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Chunk } from '../../src/container/format/chunk.js';
import { CHUNK_HEADER_BYTES, LOCATOR_BYTES, TILE_HEAD_BYTES } from '../../src/container/format/layout.js';
import { ProvenReader } from '../../src/container/proof/proven-reader.js';
import type { RecordInput } from '../../src/container/write/record-writer.js';
import { Tile } from '../../src/container/format/tile.js';
import { type Tokn, parseTokn } from '../../src/container/format/tokn.js';
import { openHttpSource } from '../../src/storage/http-range.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { crc32 } from '../../src/utils/crc32.js';
import { H4Error } from '../../src/utils/error.js';
import { lcgBytes } from '../compression/lcg.js';
import {
  AUDIO,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  mediaRecord,
  patched,
  resealed,
  withField,
  withPayload,
} from '../support/container.js';
import { LIES, type Lie, type TestServer, after, startServer } from '../support/http-server.js';
import { keyOf, signedBy, signedNote, trusting } from '../support/signed.js';

const TRACKS = { tracks: [VIDEO, AUDIO], totals: true };
const SIGNER = keyOf(1);
const STRANGER = keyOf(9);
const TRUST = trusting(SIGNER);

/** Two tracks in turn, one of them ahead of the other; every third block of each is KEY. All blocks have the same size. */
const blocks = (seed: number): RecordInput[] =>
  Array.from({ length: 700 }, (_, i) =>
    mediaRecord({ track: i % 2, pts: 40 * (i + (i % 2) * 9), key: i % 6 < 2, payload: lcgBytes(i + seed, 200) }),
  );

const options = { ...TRACKS, sign: signedBy(SIGNER), pointEvery: 300 };
const file = await closedRecording(blocks(0), options);
const other = await closedRecording(blocks(5000), options);
const otherZero = await closedRecording(blocks(0), { ...options, uid: 'f'.repeat(32) });

/** The records of the honest file. */
const records: readonly { readonly tokn: Tokn; readonly payload: Uint8Array; readonly chunk: Chunk }[] = chunksOf(
  file,
).flatMap((chunk, i, all) =>
  chunk.tag === 'TOKN'
    ? [{ tokn: parseTokn(chunk.payload), payload: all[i + 1]?.payload ?? chunk.payload, chunk }]
    : [],
);
const streams = [0, 1].map((track) =>
  Buffer.concat(records.filter(({ tokn }) => tokn.track === track).map(({ payload }) => payload)),
);

/** What is true of the first `size` records. */
const truth = {
  seek: (size: number, track: number, pts: number): number | undefined =>
    records
      .slice(0, size)
      .filter(({ tokn }) => tokn.track === track && tokn.key && tokn.pts <= pts)
      .at(-1)?.tokn.seq,
  length: (size: number, track: number): number =>
    records.slice(0, size).reduce((sum, { tokn }) => sum + (tokn.track === track ? tokn.raw : 0), 0),
  isComplete: (size: number): boolean => size === records.length,
};

interface Testimony {
  readonly size: number | undefined;
  readonly answered: number;
  readonly codes: readonly string[];
}

const TIMES = [0, 5000, 10_240, 20_480, 27_999, 10 ** 9];
const RANGES: readonly (readonly [from: number, to: number])[] = [
  [0, 1],
  [25_599, 25_801],
  [50_000, 50_700],
  [69_900, 80_000],
  [70_000, 70_001],
];

let server: TestServer;
beforeAll(async () => {
  server = await startServer(file);
});
afterAll(() => server.close());

/** Asks all sorts of questions of the server as it is. Whatever is answered must be true of the records it is relative to. */
const probe = async (): Promise<Testimony> => {
  const codes = new Set<string>();
  const wrong: string[] = [];
  let answered = 0;
  const ask = async (name: string, question: () => Promise<boolean>): Promise<void> => {
    try {
      if (!(await question())) wrong.push(name);
      answered++;
    } catch (error) {
      if (!(error instanceof H4Error) || error.kind === 'usage' || error.kind === 'internal') throw error;
      codes.add(error.code);
    }
  };
  let reader: ProvenReader | undefined;
  await ask('open', async () => {
    const source = await openHttpSource(server.url, { maxAttempts: 2, retryDelayMs: 1 });
    reader = await ProvenReader.open(source, { trust: TRUST });
    return true;
  });
  if (reader === undefined) return { size: undefined, answered: 0, codes: [...codes] };
  const proven = reader;
  const { size } = proven.checkpoint;
  for (const track of [0, 1]) {
    for (const pts of TIMES) {
      await ask(`seek ${track} ${pts}`, async () => {
        const { seek, block } = await proven.blockAt(pts, { track });
        const wanted = truth.seek(size, track, pts);
        const isBlock = wanted === undefined || isSame(block?.bytes, records[wanted]?.payload);
        return seek.key?.tokn.seq === wanted && isBlock;
      });
    }
    await ask(`length ${track}`, async () => (await proven.trackLength(track)) === truth.length(size, track));
    for (const [from, to] of RANGES) {
      let at = from;
      await ask(`range ${track} ${from}`, async () => {
        for await (const piece of proven.readRange(track, from, to)) {
          if (!isSame(piece, streams[track]?.subarray(at, at + piece.length))) return false;
          at += piece.length;
        }
        return at === Math.min(to, truth.length(size, track));
      });
    }
  }
  for (const seq of [0, 1, 255, 256, 299, 300, 700].filter((each) => each < size)) {
    await ask(`record ${seq}`, async () => isSame((await proven.record(seq)).payload, records[seq]?.payload));
  }
  await ask('complete', async () => (await proven.isComplete()) === truth.isComplete(size));
  expect(wrong).toEqual([]);
  return { size, answered, codes: [...codes].sort() };
};

const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;

const serving = async (bytes: Uint8Array, lie?: Lie): Promise<Testimony> => {
  server.source = createMemorySource(bytes);
  server.lie = lie;
  return probe();
};

/** Questions of `probe`. */
const honest = ((): { readonly answered: number; readonly codes: readonly string[] } => {
  const count = 1 + 2 * (TIMES.length + 1 + RANGES.length) + 7 + 1;
  // A byte behind the end of either track is a question that has no other answer.
  return { answered: count - 2, codes: ['H4_RANGE_NOT_FOUND'] };
})();

describe('an honest server', () => {
  it('is believed in everything, and a byte behind the end is proven not to be there', async () => {
    expect(await serving(file)).toEqual({ size: records.length, ...honest });
  });
});

const TAIL_FIELDS = { state: 8, records: 16, meta: 24, seek: 32, veri: 40, sign: 48, prev: 56, tile0: 64, tile1: 72 };

const inTail = (field: keyof typeof TAIL_FIELDS, value: number, width: 1 | 8 = 8): Uint8Array =>
  withField(file, chunkOf(file, 'TAIL', -1), TAIL_FIELDS[field], value, width);

const lastOf = (tag: string): Chunk => chunkOf(file, tag, -1);

/** The full tile over records 0 to 255, and the unfinished ones of both levels. */
const [fullTile, , edgeTile, topTile] = ((): [Chunk, Chunk, Chunk, Chunk] => {
  const tiles = chunksOf(file).filter(({ tag }) => tag === 'TILE');
  const full = tiles.filter(({ payload }) => Tile.parse(payload).width === 256);
  const [zero, one, low, top] = [full[0], full[1], tiles.at(-2), tiles.at(-1)];
  if (zero === undefined || one === undefined || low === undefined || top === undefined) throw new Error('No tiles');
  return [zero, one, low, top];
})();

const inTile = (tile: Chunk, at: number, value: number, width: 1 | 8): Uint8Array =>
  withField(file, tile, at, value, width);

const locatorOf = (j: number): number => TILE_HEAD_BYTES + LOCATOR_BYTES * j;

const tokn = (seq: number): Chunk => {
  const found = records[seq]?.chunk;
  if (found === undefined) throw new Error(`There is no record ${seq}`);
  return found;
};

/** A field of the TOKN of a record, with its CRC. Records 200 to 210 stand around what is asked for. */
const inTokns = (change: (bytes: Uint8Array, chunk: Chunk, old: Tokn) => Uint8Array): Uint8Array => {
  let lying = file;
  for (const { chunk, tokn: old } of records.filter((each) => each.tokn.track !== 0xffff)) {
    lying = change(lying, chunk, old);
  }
  return lying;
};

describe('a lie in TAIL', () => {
  it.each<[string, Uint8Array]>([
    ['about the number of records, fewer', inTail('records', 600)],
    ['about the number of records, more', inTail('records', 702)],
    ['about the number of records, very many', inTail('records', 2 ** 40)],
    ['about where META stands', inTail('meta', records[5]?.chunk.offset ?? 0)],
    ['about where SEEK stands', inTail('seek', 8)],
    ['about where VERI stands', inTail('veri', 8)],
    ['that SIGN is a record', inTail('sign', records[5]?.chunk.offset ?? 0)],
    ['that SIGN lies behind the end', inTail('sign', file.length - 5)],
    ['that there is no SIGN', inTail('sign', 0)],
    ['that SIGN is an older one', inTail('sign', chunkOf(file, 'SIGN', 0).offset)],
    ['that the last tile is another one', inTail('tile0', fullTile.offset)],
    ['that the top tile is another one', inTail('tile1', edgeTile.offset)],
    ['that there are no tiles', inTail('tile0', 0)],
    ['that it is its own predecessor', inTail('prev', lastOf('TAIL').offset)],
    ['that the file is a slice', inTail('state', 2, 1)],
    ['that the file is not closed', inTail('state', 0, 1)],
    ['about the root', withField(file, lastOf('TAIL'), 128, 0, 8)],
  ])('%s: a true answer or a refusal', async (_, lying) => {
    const { size, codes } = await serving(lying);
    expect([undefined, 300, 600, records.length]).toContain(size);
    if (size === undefined) expect(codes).toHaveLength(1);
  });

  it('about the checkpoint leads to an older one at most, which the answer names', async () => {
    expect(await serving(inTail('sign', chunkOf(file, 'SIGN', 0).offset))).toMatchObject({ size: 600 });
    expect(await serving(inTail('sign', 0))).toMatchObject({ size: 600 });
    expect(await serving(inTail('tile0', 0))).toMatchObject({ size: 600 });
  });
});

describe('a lie in TILE', () => {
  it.each<[string, Uint8Array, string[]]>([
    [
      'a locator leads to another record',
      inTile(fullTile, locatorOf(255) + 8, tokn(250).offset, 8),
      ['H4_INDEX_MISMATCH'],
    ],
    ['a locator leads behind the end', inTile(fullTile, locatorOf(255) + 8, 2 ** 40, 8), ['H4_INDEX_MISMATCH']],
    ['a locator leads into a payload', inTile(fullTile, locatorOf(255) + 8, tokn(255).offset + 150, 8), ['H4_']],
    ['a top locator leads to another tile', inTile(topTile, locatorOf(0) + 8, fullTile.offset + 7, 8), ['H4_']],
    ['every time in it is 0', timesOf(fullTile, () => 0), []],
    ['every time in it is far', timesOf(fullTile, () => 2 ** 50), []],
    ['the times of the last tile are 0', timesOf(edgeTile, () => 0), []],
    ['the times of the top tile are far', timesOf(topTile, (j) => 2 ** 50 + j), []],
    ['no record is KEY', keymapOf(fullTile, 0), []],
    ['every record is KEY', keymapOf(fullTile, 0xff), ['H4_']],
    ['no record of the last tile is KEY', keymapOf(edgeTile, 0), []],
    ['no tile holds a KEY record', keymapOf(topTile, 0, 2), []],
    ['a hash is another one', inTile(fullTile, locatorOf(256) + 32 * 17, 0, 8), ['H4_PROOF_INVALID']],
    [
      'a hash of the last tile is another one',
      inTile(edgeTile, locatorOf(Tile.parse(edgeTile.payload).width), 0, 8),
      ['H4_PROOF_INVALID'],
    ],
    [
      'a hash of the top tile is another one',
      inTile(topTile, locatorOf(Tile.parse(topTile.payload).width), 0, 8),
      ['H4_PROOF_INVALID'],
    ],
  ])('%s: a true answer or a refusal', async (_, lying, expected) => {
    const { codes } = await serving(lying);
    for (const code of expected) expect(codes.filter((each) => each !== 'H4_RANGE_NOT_FOUND').join()).toContain(code);
  });

  it('that hides a KEY record is found by the signed back of the next one', async () => {
    // Record 199 is the answer for its time; without its bit the index names record 193.
    const keys = records.filter((each) => each.tokn.track === 0 && each.tokn.key && each.tokn.seq < 250);
    const hidden = keys.at(-3)?.tokn;
    if (hidden === undefined) throw new Error('There is no KEY record');
    const at = 16 + (hidden.seq >> 3);
    const bits = (fullTile.payload[at] ?? 0) & ~(0x80 >> (hidden.seq & 7));
    server.source = createMemorySource(inTile(fullTile, at, bits, 1));
    server.lie = undefined;
    const reader = await ProvenReader.open(await openHttpSource(server.url), { trust: TRUST });
    await expect(reader.seek(hidden.pts)).rejects.toMatchObject({ code: 'H4_SEEK_NOT_ADJACENT' });
    expect((await reader.seek(0)).key?.tokn.seq).toBe(1);
  });
});

function timesOf(tile: Chunk, time: (j: number) => number): Uint8Array {
  let lying = file;
  for (let j = 0; j < Tile.parse(tile.payload).width; j++) lying = withField(lying, tile, locatorOf(j), time(j), 8);
  return lying;
}

function keymapOf(tile: Chunk, byte: number, bits = Tile.parse(tile.payload).width): Uint8Array {
  let lying = file;
  for (let at = 0; at < bits >> 3 || (at === 0 && bits > 0); at++) lying = withField(lying, tile, 16 + at, byte, 1);
  return lying;
}

describe('a lie in SEEK', () => {
  it('is not even looked at', async () => {
    const lying = withPayload(file, 'SEEK', 0, (payload) => payload.map((byte, i) => (i < 4 ? byte : byte ^ 0x11)));
    expect(await serving(lying)).toEqual({ size: records.length, ...honest });
  });
});

describe('a lie in TOKN', () => {
  it.each<[string, Uint8Array]>([
    ['pts', inTokns((bytes, chunk, { pts }) => withField(bytes, chunk, 16, pts + 40, 8))],
    ['pos', inTokns((bytes, chunk, { pos }) => withField(bytes, chunk, 24, pos + 1, 8))],
    ['back', inTokns((bytes, chunk, { back }) => withField(bytes, chunk, 32, back + 2, 4))],
    [
      'raw and the size of its token',
      inTokns((bytes, chunk) => withField(withField(bytes, chunk, 40, 100, 4), chunk, 91, 100, 1)),
    ],
    ['track', inTokns((bytes, chunk, { track }) => withField(bytes, chunk, 4, 1 - track, 2))],
    [
      'KEY and the bit of its token',
      inTokns((bytes, chunk, { key }) =>
        withField(withField(bytes, chunk, 2, key ? 0 : 1, 1), chunk, 88, key ? 0 : 0x80, 1),
      ),
    ],
    ['commit', inTokns((bytes, chunk) => withField(bytes, chunk, 48, 5, 8))],
    ['size', inTokns((bytes, chunk, { size }) => withField(bytes, chunk, 44, size - 1, 4))],
  ])('%s: refused wherever it matters', async (_, lying) => {
    const { codes } = await serving(lying);
    expect(codes.some((code) => code !== 'H4_RANGE_NOT_FOUND')).toBe(true);
  });

  it('that tiles, TAIL and SEEK agree with is refused by the signed root', async () => {
    const pieces = chunksOf(inTokns((bytes, chunk, { pts }) => withField(bytes, chunk, 16, pts + 40, 8)));
    expect(await serving(resealed(pieces))).toMatchObject({ size: undefined, codes: ['H4_PROOF_INVALID'] });
  });
});

describe('a lie in a payload', () => {
  const payloadAt = (seq: number): number => tokn(seq).offset + CHUNK_HEADER_BYTES + tokn(seq).size;

  it('is refused, with or without a right CRC', async () => {
    let [careless, careful] = [file, file];
    for (const { chunk, tokn: old } of records.filter((each) => each.tokn.seq > 0)) {
      const start = payloadAt(old.seq) + CHUNK_HEADER_BYTES;
      careless = patched(careless, start, 1, 1);
      careful = patched(patched(careful, start, 1, 1), start - 4, 0, 4);
      const payload = careful.subarray(start, start + old.size);
      careful = patched(careful, start - 4, crc32(payload), 4);
      expect(chunk.tag).toBe('TOKN');
    }
    for (const lying of [careless, careful]) {
      expect((await serving(lying)).codes).toContain('H4_COMMIT_MISMATCH');
    }
  });

  it('that it was redacted is told as such, and takes no other answer away', async () => {
    const start = payloadAt(253);
    const zeros = new Uint8Array(200);
    const lying = file.slice();
    lying.set(new TextEncoder().encode('VOID'), start);
    lying.set(zeros, start + CHUNK_HEADER_BYTES);
    const whole = patched(lying, start + 8, crc32(zeros), 4);
    const { codes } = await serving(whole);
    expect(codes).toEqual(['H4_RANGE_NOT_FOUND', 'H4_RANGE_REDACTED']);
  });
});

describe('a record that is not the one', () => {
  const extent = (seq: number): [number, number] => [
    tokn(seq).offset,
    tokn(seq).offset + 2 * CHUNK_HEADER_BYTES + 92 + 200,
  ];

  it("two records that stand in each other's place are refused", async () => {
    const lying = file.slice();
    for (const seq of [250, 251, 252, 254, 256]) {
      const [[a, aEnd], [b, bEnd]] = [extent(seq), extent(seq + 10)];
      lying.set(file.subarray(b, bEnd), a);
      lying.set(file.subarray(a, aEnd), b);
    }
    expect((await serving(lying)).codes).toContain('H4_INDEX_MISMATCH');
  });

  it('that of another recording by the same signer is refused', async () => {
    const lying = file.slice();
    for (const { tokn: old } of records.filter((each) => each.tokn.raw === 200 && each.tokn.seq % 3 === 0)) {
      const [start, end] = extent(old.seq);
      lying.set(other.subarray(start, end), start);
    }
    const { codes, size } = await serving(lying);
    expect([size, codes.includes('H4_PROOF_INVALID')]).toEqual([records.length, true]);
  });

  it('another recording by the same signer in place of this one is refused where this one was asked for', async () => {
    const { fileId } = await ProvenReader.open(createMemorySource(file), { trust: TRUST });
    server.source = createMemorySource(otherZero);
    server.lie = undefined;
    const opened = ProvenReader.open(await openHttpSource(server.url), { trust: TRUST, fileId });
    await expect(opened).rejects.toMatchObject({ code: 'H4_SIGN_ORIGIN' });
  });
});

describe('a lie about who signed', () => {
  const signPayload = (payload: (old: Uint8Array) => Uint8Array): Uint8Array => {
    // In place of the last SIGN, of the same length.
    const sign = lastOf('SIGN');
    const made = payload(sign.payload);
    expect(made.length).toBe(sign.size);
    const lying = file.slice();
    lying.set(made, sign.offset + CHUNK_HEADER_BYTES);
    return patched(lying, sign.offset + 8, crc32(made), 4);
  };
  const checkpoint = async (): Promise<Parameters<typeof signedNote>[0]> => {
    const { fileId, checkpoint: signed } = await ProvenReader.open(createMemorySource(file), { trust: TRUST });
    return { fileId, size: signed.size, root: signed.root };
  };

  it('a signature by a stranger of the same name is not believed: an older checkpoint answers', async () => {
    const stranger = await checkpoint();
    expect(await serving(signPayload(() => signedNote(stranger, STRANGER)))).toMatchObject({ size: 600 });
  });

  it('a recording that a stranger signed all over is refused', async () => {
    const all = await closedRecording(blocks(0), { ...options, sign: signedBy(STRANGER) });
    expect(await serving(all)).toMatchObject({ size: undefined, codes: ['H4_SIGN_UNTRUSTED'] });
  });

  it('a bad signature in the name of the signer is refused', async () => {
    const lying = signPayload((old) => patched(old, old.length - 20, old.at(-20) === 0x41 ? 0x42 : 0x41));
    expect(await serving(lying)).toMatchObject({ size: undefined, codes: ['H4_SIGN_BAD'] });
  });

  it('an unsigned file is refused', async () => {
    const unsigned = await closedRecording(blocks(0), { ...TRACKS });
    expect(await serving(unsigned)).toMatchObject({ size: undefined, codes: ['H4_SIGN_MISSING'] });
  });

  it('a checkpoint of another recording is refused', async () => {
    const { root, size } = await checkpoint();
    const lying = signPayload(() => signedNote({ fileId: new Uint8Array(32).fill(7), size, root }, SIGNER));
    expect(await serving(lying)).toMatchObject({ size: undefined, codes: ['H4_SIGN_ORIGIN'] });
  });

  it('a signed checkpoint of more records than there are is refused', async () => {
    const { fileId, root } = await checkpoint();
    expect(await serving(signPayload(() => signedNote({ fileId, size: 999, root }, SIGNER)))).toMatchObject({
      size: undefined,
      codes: ['H4_SIGN_SIZE'],
    });
  });

  it('a signed root over other records is refused', async () => {
    const { fileId, size } = await checkpoint();
    const root = new Uint8Array(32).fill(3);
    expect(await serving(signPayload(() => signedNote({ fileId, size, root }, SIGNER)))).toMatchObject({
      size: undefined,
      codes: ['H4_PROOF_INVALID'],
    });
  });

  it('record 0 of another recording is refused', async () => {
    const lying = file.slice();
    const end = records[1]?.chunk.offset ?? 0;
    lying.set(otherZero.subarray(0, end));
    expect(await serving(lying)).toMatchObject({ size: undefined, codes: ['H4_SIGN_ORIGIN'] });
  });
});

describe('a file that is not all of it', () => {
  it('is answered from as far as the older checkpoint goes, whose size is told', async () => {
    const tail = chunkOf(file, 'TAIL', 0);
    const cut = file.subarray(0, tail.offset + CHUNK_HEADER_BYTES + tail.size);
    const { size, codes } = await serving(cut);
    expect([size, codes]).toEqual([300, ['H4_RANGE_NOT_FOUND']]);
  });

  it('is answered likewise where its end is no TAIL', async () => {
    const tail = chunkOf(file, 'TAIL', 0);
    expect(await serving(file.subarray(0, tail.offset + 40_000))).toMatchObject({ size: 300 });
    expect(await serving(file.subarray(0, file.length - 1))).toMatchObject({ size: 600 });
  });

  it('is refused where no index point stands near its end', async () => {
    const first = chunkOf(file, 'TAIL', 0);
    expect(await serving(file.subarray(0, first.offset))).toMatchObject({ codes: ['H4_TAIL_MISSING'] });
  });
});

describe('a server that lies about what it sends', () => {
  it.each<[string, Lie]>([
    ['Content-Range of other bytes', LIES.shiftedRange],
    ['Content-Range of a shorter range', LIES.shorterRange],
    ['Content-Range of a file of another length', after(1, LIES.otherTotal)],
    ['bytes from one further on', LIES.laterStart],
    ['200 with the whole file in place of 206', LIES.ignoresRanges],
    ['another file from the third request on, under the same ETag', after(2, LIES.wrongBytes)],
    ['a new ETag each time', LIES.changingETag],
    ['bodies that are too short', LIES.shorterBody],
    ['compressed bytes', LIES.gzip],
  ])(
    '%s: a true answer or a refusal',
    async (_, lie) => {
      server.source = createMemorySource(file);
      server.seen.length = 0;
      server.lie = lie;
      await probe();
    },
    60_000,
  );

  it('bytes that change between requests: never a mixture', async () => {
    server.source = createMemorySource(file);
    const mixed: Lie = async (exchange) => {
      const answer = await exchange.honest();
      if (exchange.index % 3 === 0) return exchange.send(answer);
      const start = Number(/bytes (\d+)-/.exec(answer.headers['Content-Range'] ?? '')?.[1] ?? 0);
      return exchange.send({ ...answer, body: other.slice(start, start + answer.body.length) });
    };
    server.seen.length = 0;
    server.lie = mixed;
    await probe();
  });
});

describe('random lies', () => {
  it('flipped bytes never give another answer than the true one', async () => {
    server.lie = undefined;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 40 }),
        async (flips) => {
          const lying = file.slice();
          for (const [at, mask] of flips) lying[at] = (lying[at] ?? 0) ^ mask;
          server.source = createMemorySource(lying);
          await probe();
        },
      ),
      { numRuns: 60, seed: 4 },
    );
  }, 240_000);

  it('flipped bytes under right CRCs, in the records that are asked for and in what leads to them, neither', async () => {
    server.lie = undefined;
    const targets = chunksOf(file).filter(({ tag }) => !['CORE', 'META', 'SAFE', 'SEEK', 'VERI'].includes(tag));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(targets.length - 1), fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 60 }),
        async (lies) => {
          let lying = file;
          for (const [n, at, byte] of lies) {
            // The last chunks, which everything begins with, half of the time.
            const target = targets[n % 2 === 0 ? n : targets.length - 1 - (n % 6)];
            if (target !== undefined) lying = withField(lying, target, at % target.size, byte, 1);
          }
          server.source = createMemorySource(lying);
          await probe();
        },
      ),
      { numRuns: 60, seed: 5 },
    );
  }, 240_000);
});
