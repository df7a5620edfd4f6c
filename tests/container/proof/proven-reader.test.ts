/**
 * Answers proven under a signature: the golden samples, and recordings of all shapes against the plain truth about them. What
 * lying files and servers can do is in lying-server.test.ts.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { H4MKBuilder } from '../../../src/container/write/builder.js';
import { type Limits, createLimits } from '../../../src/container/format/limits.js';
import { assertContinues } from '../../../src/container/proof/proven-range.js';
import { readToknAt } from '../../../src/container/read/record-reader.js';
import { MODE } from '../../../src/container/format/layout.js';
import { parseNote } from '../../../src/container/format/note.js';
import { type ProvenOptions, ProvenReader } from '../../../src/container/proof/proven-reader.js';
import type { ProvenRecords } from '../../../src/container/proof/proven-records.js';
import { assertSeekAnswer, endingOf, suggestedByHeads } from '../../../src/container/proof/proven-seek.js';
import { ProvenTree } from '../../../src/container/proof/proven-tree.js';
import type { RecordInput, RecordWriter } from '../../../src/container/write/record-writer.js';
import { Tile, TileStack } from '../../../src/container/format/tile.js';
import type { ToknHead } from '../../../src/container/format/tokn.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, fromHex, toHex } from '../../../src/utils/bytes.js';
import { crc32 } from '../../../src/utils/crc32.js';
import { parseVerificationKey } from '../../../src/utils/verification-key.js';
import type { TrustPolicy } from '../../../src/container/trust/trust.js';
import { lcgBytes } from '../../compression/lcg.js';
import {
  AUDIO,
  VIDEO,
  chunkOf,
  closedRecording,
  mediaRecord,
  patched,
  recordZero,
  rejection,
  withField,
  written,
} from '../../support/container.js';
import { repeated, withLateSigns } from '../../support/late-signs.js';
import { whole as legacyFile } from '../../support/legacy.js';
import { describeShared } from '../../support/shared.js';
import {
  type SignedNoteInput,
  keyOf,
  signedBy,
  signedNote,
  trusting,
  witnessKeyOf,
  witnessOf,
} from '../../support/signed.js';

interface Samples {
  readonly vkey: string;
  readonly witness_vkey: string;
  readonly ikm_hex: string;
  readonly seek: readonly { readonly file: string; readonly time: number; readonly seq: number | null }[];
  readonly range: readonly {
    readonly file: string;
    readonly track: number;
    readonly byte: number;
    readonly seq: number;
    readonly pos: number;
    readonly raw: number;
  }[];
  readonly plain: Readonly<Record<string, string>>;
  readonly files: Readonly<
    Record<string, { readonly root: string; readonly tree_size: number; readonly tracks: Record<string, number> }>
  >;
}

const SIGNER = keyOf(1);
const STRANGER = keyOf(9);
const trust = trusting(SIGNER);
const open = (bytes: Uint8Array, options: Partial<ProvenOptions> = {}): Promise<ProvenReader> =>
  ProvenReader.open(createMemorySource(bytes), { trust, ...options });

/** Three tracks, of which the third has one early block; blocks of track 0 have more tokens than one read of a TOKN takes. */
const blocks = (count: number): RecordInput[] =>
  Array.from({ length: count }, (_, i) => {
    const track = i === 5 ? 2 : i % 2;
    const key = track === 0 ? i % 10 === 0 : track === 2 || i === 1;
    const tokens = Array.from({ length: track === 0 ? 400 : 1 }, (__, j) => ({
      delta: j,
      duration: 1,
      key: key && j === 0,
      size: 1,
    }));
    return mediaRecord({ track, pts: 1000 * i, key, tokens, payload: lcgBytes(i, tokens.length) });
  });
const TRACKS = { tracks: [VIDEO, AUDIO, { id: 2, kind: 'data' as const }] };
const sign = signedBy(SIGNER);

/** Writes what `script` writes after record 0 and some blocks. */
const recorded = (count: number, script: (writer: RecordWriter) => Promise<unknown>): Promise<Uint8Array> =>
  written(async (writer) => {
    await writer.record(recordZero(TRACKS));
    for (const block of blocks(count)) await writer.record(block);
    await script(writer);
  });

const plainFile = await closedRecording(blocks(30), { ...TRACKS, totals: true, sign });

const truthOf = (size: number, track: number, pts: number): number | undefined => {
  const seq = blocks(size - 1).findLastIndex(
    (block) => block.track === track && block.key === true && block.pts <= pts,
  );
  return seq < 0 ? undefined : seq + 1;
};

const bytesOf = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
};

const streamOf = (count: number, track: number): Buffer =>
  Buffer.concat(
    blocks(count)
      .filter((block) => block.track === track)
      .map(({ payload }) => payload),
  );

const assertAnswers = async (reader: ProvenReader, size: number): Promise<void> => {
  expect(reader.checkpoint.size).toBe(size);
  for (const track of [0, 1, 2, 7]) {
    for (const pts of [-5, 0, 999, 1000, 9_999, 10_000, 123_456, 10 ** 12]) {
      const { key, size: relative } = await reader.seek(pts, { track });
      expect([track, pts, key?.tokn.seq, relative]).toEqual([track, pts, truthOf(size, track, pts), size]);
    }
    const stream = streamOf(size - 1, track);
    expect(await reader.trackLength(track)).toBe(stream.length);
    if (stream.length > 0) expect(await bytesOf(reader.readRange(track, 0))).toEqual(stream);
    const middle = stream.length >> 1;
    if (middle > 0)
      expect(await bytesOf(reader.readRange(track, middle, middle + 1))).toEqual(stream.subarray(middle, middle + 1));
    expect(await rejection(bytesOf(reader.readRange(track, stream.length)))).toMatchObject({
      code: 'H4_RANGE_NOT_FOUND',
      detail: { length: stream.length },
    });
  }
};

describe('answers', () => {
  it('are true of a live recording, whatever was written after its checkpoint', async () => {
    const atOnce = await recorded(300, (writer) => writer.indexPoint({ sign }));
    await assertAnswers(await open(atOnce), 301);
    const later = await recorded(300, async (writer) => {
      await writer.indexPoint({ sign });
      for (const block of blocks(600).slice(300)) await writer.record(block);
      await writer.indexPoint();
    });
    await assertAnswers(await open(later), 301);
  });

  it('are true of a checkpoint at the edge of a tile', async () => {
    const atEdge = await recorded(255, async (writer) => {
      await writer.indexPoint({ sign });
      for (const block of blocks(300).slice(255)) await writer.record(block);
      await writer.indexPoint();
    });
    await assertAnswers(await open(atEdge), 256);
  });

  it('are relative to an older checkpoint where there are no tiles for the newest', async () => {
    const lacking = await recorded(200, async (writer) => {
      await writer.indexPoint({ sign });
      for (const block of blocks(260).slice(200)) await writer.record(block);
      await writer.indexPoint({ sign, tiles: false });
    });
    await assertAnswers(await open(lacking), 201);
  });

  it('are refused where no checkpoint has tiles', async () => {
    const none = await recorded(20, (writer) => writer.indexPoint({ sign, tiles: false }));
    expect(await rejection(open(none))).toMatchObject({ code: 'H4_TAIL_MISSING' });
  });

  it('come with the decoded block, and with nothing where there is none', async () => {
    const reader = await open(await recorded(30, (writer) => writer.indexPoint({ sign })));
    const { block, seek } = await reader.blockAt(15_000);
    expect([seek.key?.tokn.seq, Buffer.from(block?.bytes ?? [])]).toEqual([
      11,
      Buffer.from(blocks(30)[10]?.payload ?? []),
    ]);
    expect((await reader.blockAt(-1)).block).toBe(undefined);
    expect((await reader.tokn(11)).seq).toBe(11);
  });

  it('go on for ranges of a track without a record in the middle, and say what was redacted', async () => {
    const file = await recorded(30, (writer) => writer.indexPoint({ sign }));
    const { offset, size } = chunkOf(file, 'CORE', 10);
    const redacted = file.slice();
    redacted.set(new TextEncoder().encode('VOID'), offset);
    redacted.fill(0, offset + 12, offset + 12 + size);
    const reader = await open(patched(redacted, offset + 8, crc32(new Uint8Array(size)), 4));
    const got: Uint8Array[] = [];
    const error = await rejection(
      (async () => {
        for await (const piece of reader.readRange(0, 0)) got.push(piece);
      })(),
    );
    expect(error).toMatchObject({ code: 'H4_RANGE_REDACTED', detail: { seq: 11, from: 2000, to: 2400 } });
    expect(Buffer.concat(got)).toEqual(streamOf(30, 0).subarray(0, 2000));
    expect(await bytesOf(reader.readRange(0, 2400))).toEqual(streamOf(30, 0).subarray(2400));
  });

  it('refuse questions that are none', async () => {
    const reader = await open(await recorded(30, (writer) => writer.indexPoint({ sign })));
    for (const asked of [
      reader.seek(NaN),
      reader.seek(1, { track: -1 }),
      reader.seek(1, { track: 65_535 }),
      reader.trackLength(0.5),
      reader.record(31),
      reader.tokn(-1),
      bytesOf(reader.readRange(0, -1)),
      bytesOf(reader.readRange(0, 2, 1)),
      bytesOf(reader.readRange(0, 0, 0.5)),
    ]) {
      expect(await rejection(asked as Promise<unknown>)).toMatchObject({ code: 'H4_PARAM' });
    }
    expect(await bytesOf(reader.readRange(0, 10 ** 9, 10 ** 9))).toEqual(Buffer.alloc(0));
  });

  it('are complete only with an end record', async () => {
    const live = await open(await recorded(3, (writer) => writer.indexPoint({ sign })));
    expect([await live.isComplete(), await live.endRecord()]).toEqual([false, undefined]);
    const onlyZero = await open(await recorded(0, (writer) => writer.indexPoint({ sign })));
    expect([await onlyZero.isComplete(), (await onlyZero.seek(5)).key]).toEqual([false, undefined]);
    const closed = await closedRecording(blocks(300), { ...TRACKS, sign });
    const reader = await open(closed);
    expect([await reader.isComplete(), (await reader.endRecord())?.tokn.seq]).toEqual([true, 301]);
    // Without totals the last records tell.
    expect(await reader.trackLength(1)).toBe(streamOf(300, 1).length);
  });
});

describe('opening', () => {
  const checkpointOf = async (file: Uint8Array): Promise<SignedNoteInput> => {
    const { fileId, checkpoint } = await open(file);
    return { fileId, size: checkpoint.size, root: checkpoint.root };
  };

  it('is not misled by what strangers append, a thousand times, and takes few reads for it', async () => {
    const recorded = await closedRecording(blocks(20), { ...TRACKS, sign });
    const signed = await checkpointOf(recorded);
    const flooded = withLateSigns(recorded, ...repeated(signedNote(signed, STRANGER), 1023));
    const counting = createCountingSource(createMemorySource(flooded));
    const reader = await ProvenReader.open(counting, { trust });
    expect(reader.checkpoint.signers).toEqual([SIGNER.name]);
    // Each is 360 bytes, so that more than a hundred come at once; the index takes some more.
    expect(counting.count).toBeLessThan(12);
    const tooMany = await rejection(open(withLateSigns(recorded, ...repeated(signedNote(signed, STRANGER), 1024))));
    expect(tooMany).toMatchObject({ code: 'H4_SIGN_UNTRUSTED', detail: { searched: 1024 } });
    expect(tooMany.message).toBe(
      "Searched the last 1024 signatures, and none is by whom you trust; 'verify' reads all of them",
    );
  });

  it('says how far it has looked for cosignatures, and for any signature at all', async () => {
    const recorded = await closedRecording(blocks(20), { ...TRACKS, sign });
    const signed = await checkpointOf(recorded);
    const flooded = withLateSigns(recorded, ...repeated(signedNote(signed, STRANGER), 1024));
    const witnessed = { ...trusting(SIGNER, STRANGER), witnesses: [witnessKeyOf(witnessOf(5))], quorum: 1 };
    const refused = await rejection(open(flooded, { trust: witnessed }));
    expect([refused.code, refused.message]).toEqual(['H4_SIGN_QUORUM', expect.stringContaining('cosignatures')]);
    const unsigned = await written(async (writer) => {
      await writer.record(recordZero({ ...TRACKS }));
      for (let i = 0; i < 1030; i++) await writer.indexPoint();
    });
    const none = await rejection(open(unsigned));
    expect([none.code, none.message]).toEqual(['H4_SIGN_MISSING', expect.stringContaining('none is there')]);
  });

  it('finds the largest checkpoint where a late cosignature of an older one stands last', async () => {
    const file = await closedRecording(blocks(20), { ...TRACKS, sign, pointEvery: 7 });
    const { fileId } = await open(file);
    const first = parseNote(chunkOf(file, 'SIGN', 0).payload);
    const late = withLateSigns(
      file,
      signedNote({ fileId, size: first.size, root: first.root }, SIGNER, [witnessOf(5), 1000]),
    );
    expect((await open(late)).checkpoint.size).toBe(22);
    const witnessed = { ...trust, witnesses: [witnessKeyOf(witnessOf(5))], quorum: 1 };
    const older = await open(late, { trust: witnessed });
    expect([older.checkpoint.size, older.checkpoint.cosigners]).toEqual([7, [{ name: witnessOf(5).name, time: 1000 }]]);
    expect(await rejection(open(file, { trust: witnessed }))).toMatchObject({ code: 'H4_SIGN_QUORUM' });
  });

  it('looks at the engine that the policy allows', async () => {
    const file = await closedRecording(blocks(5), { ...TRACKS, sign });
    const { compression } = (await open(file)).info;
    const engines = [{ engineId: compression.engine_id, fingerprint: compression.fingerprint }];
    await open(file, { trust: { ...trust, engines } });
    expect(await rejection(open(file, { trust: { ...trust, engines: [] } }))).toMatchObject({
      code: 'H4_ENGINE_UNTRUSTED',
    });
  });

  it('refuses what cannot be signed, and a slice', async () => {
    const zero = await written(async (writer) => {
      await writer.record(recordZero({ ...TRACKS, uid: '0'.repeat(32) }));
      await writer.indexPoint({ sign });
    });
    expect(await rejection(open(zero))).toMatchObject({ code: 'H4_UID_ZERO_SIGNED' });
    expect(await rejection(open(legacyFile))).toMatchObject({ code: 'H4_SIGN_MISSING' });
    expect(await rejection(open(zero.subarray(0, 15)))).toMatchObject({ code: 'H4_NO_RECORDS' });
    const tail = chunkOf(zero, 'TAIL', 0);
    expect(await rejection(open(withField(zero, tail, 8, 2, 1)))).toMatchObject({ code: 'H4_RANGE_NOT_FOUND' });
    const nothing = await recorded(3, (writer) =>
      writer.indexPoint({ sign: ({ fileId, root }) => signedNote({ fileId, size: 0, root }, SIGNER) }),
    );
    expect(await rejection(open(nothing))).toMatchObject({ code: 'H4_SIGN_SIZE' });
  });

  it('finds the last TAIL of a file that was cut off, across the windows in which it is looked for', async () => {
    const file = await recorded(40, (writer) => writer.indexPoint({ sign }));
    for (const more of [1, 100, 65_536 - 172, 65_536 - 100, 65_536, 200_000, 1024 * 1024 - 172]) {
      const longer = new Uint8Array(file.length + more).fill(0x54);
      longer.set(file);
      expect((await open(longer)).checkpoint.size).toBe(41);
    }
    const tooFar = concatBytes(file, new Uint8Array(1024 * 1024));
    expect(await rejection(open(tooFar))).toMatchObject({ code: 'H4_TAIL_MISSING' });
  });

  it('takes no bad TAIL for one, and follows none that leads forward', async () => {
    const file = await recorded(40, async (writer) => {
      await writer.indexPoint({ sign });
      await writer.indexPoint();
    });
    const bad = withField(file, chunkOf(file, 'TAIL', -1), 8, 7, 1);
    expect((await open(concatBytes(bad, Uint8Array.of(0)))).checkpoint.size).toBe(41);
    const forward = withField(
      withField(file, chunkOf(file, 'TAIL', -1), 48, 0, 8),
      chunkOf(file, 'TAIL', -1),
      56,
      file.length,
      8,
    );
    expect(await rejection(open(forward))).toMatchObject({ code: 'H4_SIGN_MISSING' });
  });
});

describe('the tree', () => {
  it('refuses an edge of another width', async () => {
    const tile = Tile.parse(edgeOf(5));
    const opened = ProvenTree.open(4, new Uint8Array(32), () => Promise.resolve(tile));
    expect(await rejection(opened)).toMatchObject({ code: 'H4_PROOF_INVALID' });
  });

  it('is cut to a smaller size with its keys', () => {
    const tile = Tile.parse(edgeOf(20));
    const cut = tile.upTo(9);
    expect([cut.width, cut.level, cut.index, [...cut.keys()]]).toEqual([9, 0, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8]]);
    expect([8, 8].map((j) => [cut.pts(j), cut.offset(j)])).toEqual([8, 8].map((j) => [tile.pts(j), tile.offset(j)]));
    expect(cut.hash(8)).toEqual(tile.hash(8));
    expect(tile.upTo(20)).toBe(tile);
  });
});

describe('hidden blocks', () => {
  const key = lcgBytes(3, 32);
  const UID = '0123456789abcdef'.repeat(2);
  /** Two epochs; the second checkpoint, which nobody signs, has a further META. */
  const hidden = async (more: number, before = 0): Promise<Uint8Array> => {
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, {
      ...{ engine: storedEngine, tracks: [VIDEO], uid: UID },
      secrecy: { mode: 'encrypt', key, salt: lcgBytes(4, 32) },
    });
    const add = (pts: number): Promise<unknown> =>
      builder.addBlock({ track: 0, tokens: [{ pts, key: true, size: 5 }], bytes: lcgBytes(pts, 5) });
    await add(0);
    await builder.changeKey({ mode: 'mask', key, salt: lcgBytes(5, 32) });
    await add(1);
    for (let id = 1; id <= before; id++) await builder.addTracks([{ id: 100 + id, kind: 'data' }]);
    await builder.indexPoint({ sign });
    for (let id = 1; id <= more; id++) await builder.addTracks([{ id, kind: 'data' }]);
    await builder.indexPoint();
    await sink.commit();
    return sink.bytes();
  };

  it('are revealed by the epochs that proven META lists, also where META came after the checkpoint', async () => {
    for (const more of [0, 1, 2]) {
      const reader = await open(await hidden(more), { contentKeys: [key] });
      const { size } = reader.checkpoint;
      expect(await bytesOf(reader.readRange(0, 0))).toEqual(Buffer.concat([lcgBytes(0, 5), lcgBytes(1, 5)]));
      expect(await reader.isComplete()).toBe(false);
      expect(size).toBe(5);
    }
  });

  it('are refused without a key, with another one, and where META has more than the limit', async () => {
    const file = await hidden(0);
    const read = async (options: Partial<ProvenOptions>): Promise<string> =>
      (await rejection(open(file, options).then((reader) => bytesOf(reader.readRange(0, 0))))).code;
    expect(await read({})).toBe('H4_KEY_MISSING');
    expect(await read({ contentKeys: [lcgBytes(9, 32)] })).toBe('H4_KEY_WRONG');
    // Each META is within the limit, all of them together are not.
    const many = await open(await hidden(0, 40), { contentKeys: [key], limits: { maxChunkBytes: 1000 } });
    expect(await rejection(bytesOf(many.readRange(0, 0)))).toMatchObject({ code: 'H4_LIMIT_META' });
  });
});

describe('reading a TOKN alone', () => {
  const tokn = chunkOf(plainFile, 'TOKN', 3);
  const at = (file: Uint8Array, limits: Partial<Limits> = {}): Promise<unknown> =>
    readToknAt(createMemorySource(file), { offset: tokn.offset, end: 0 }, 3, createLimits(limits), undefined);

  it('takes a second read for a long one, and refuses what is too long, cut off, changed or another one', async () => {
    expect(tokn.size).toBeGreaterThan(4096);
    await at(plainFile);
    expect(await rejection(at(plainFile, { maxTokens: 300 }))).toMatchObject({ code: 'H4_LIMIT_TOKENS' });
    expect(await rejection(at(plainFile.subarray(0, tokn.offset + 4200)))).toMatchObject({ code: 'H4_TRUNCATED' });
    expect(await rejection(at(plainFile.subarray(0, tokn.offset)))).toMatchObject({ code: 'H4_INDEX_MISMATCH' });
    expect(await rejection(at(patched(plainFile, tokn.offset + 30, 9)))).toMatchObject({ code: 'H4_CRC_MISMATCH' });
    expect(await rejection(at(withField(plainFile, tokn, 8, 4, 8)))).toMatchObject({ code: 'H4_INDEX_MISMATCH' });
  });
});

describe('the records of a range', () => {
  const head = { mode: MODE.core, track: 0, seq: 4, pos: 10, raw: 5 } as ToknHead;

  it('continue the track at their position, or are none of it', () => {
    expect(() => assertContinues(head, 0, 14)).not.toThrow();
    for (const [change, position] of [
      [{ mode: MODE.meta }, 10],
      [{ track: 1 }, 10],
      [{}, 9],
      [{}, 15],
    ] as const) {
      expect(() => assertContinues({ ...head, ...change }, 0, position)).toThrow(
        expect.objectContaining({ code: 'H4_INDEX_MISMATCH' }) as Error,
      );
    }
  });

  it('end with a refusal where hints hide the next one', async () => {
    // Every head but the first of the track claims another track: what is found then has no follower.
    let lying = plainFile;
    for (let n = 3; n < 31; n += 2) lying = withField(lying, chunkOf(lying, 'TOKN', n), 4, 1, 2);
    const reader = await open(lying);
    expect(await rejection(bytesOf(reader.readRange(0, 0, 500)))).toMatchObject({ code: 'H4_INDEX_MISMATCH' });
  });
});

/** The payload of an unfinished tile of so many KEY records. */
function edgeOf(width: number): Uint8Array {
  const stack = new TileStack();
  for (let i = 0; i < width; i++) {
    stack.push({ pts: i, offset: 100 * i, key: true, media: true, leaf: new Uint8Array(32).fill(i) });
  }
  return stack.openTile(0)?.payload() ?? new Uint8Array(0);
}

describe('the rule of a seek', () => {
  const head = (seq: number, change: Partial<ToknHead> = {}): ToknHead => ({
    ...{
      mode: MODE.core,
      key: true,
      track: 0,
      epoch: 0,
      seq,
      pts: 10 * seq,
      pos: 0,
      back: 2,
      count: 1,
      raw: 1,
      size: 1,
    },
    ...{ commit: new Uint8Array(32) },
    ...change,
  });
  const question = { pts: 25, track: 0, size: 6 };
  const other = (seq: number): ToknHead => head(seq, { track: 1 });

  it.each<[string, Parameters<typeof assertSeekAnswer>[1]]>([
    ['a and the b that names it', { key: head(2), next: head(4), ending: [] }],
    ['no a and a b that names none', { key: undefined, next: head(4, { back: 0 }), ending: [] }],
    [
      'no b and an ending that begins with a',
      { key: head(2), next: undefined, ending: [head(2), other(3), other(4), other(5)] },
    ],
    [
      'no b and an ending that leads to a',
      { key: head(1), next: undefined, ending: [head(3, { key: false }), other(4), other(5)] },
    ],
    [
      'neither and an ending that leads nowhere',
      { key: undefined, next: undefined, ending: [head(5, { key: false, back: 0 })] },
    ],
    ['no record of the track at all', { key: undefined, next: undefined, ending: [0, 1, 2, 3, 4, 5].map(other) }],
  ])('accepts %s', (_, evidence) => {
    expect(() => assertSeekAnswer(question, evidence)).not.toThrow();
  });

  it.each<[string, Parameters<typeof assertSeekAnswer>[1]]>([
    ['an a that is late', { key: head(3), next: head(5), ending: [] }],
    ['an a of another track', { key: other(2), next: head(4), ending: [] }],
    ['an a that is no KEY', { key: head(2, { key: false }), next: head(4), ending: [] }],
    ['an a that is META', { key: head(2, { mode: MODE.meta }), next: head(4), ending: [] }],
    ['a b that is early', { key: head(0), next: head(2), ending: [] }],
    ['a b of another track', { key: head(2), next: other(4), ending: [] }],
    ['a b that is no KEY', { key: head(2), next: head(4, { key: false }), ending: [] }],
    ['a b that names another', { key: head(1), next: head(4), ending: [] }],
    ['a b that names none', { key: head(2), next: head(4, { back: 0 }), ending: [] }],
    ['no a and a b that names one', { key: undefined, next: head(4), ending: [] }],
    ['neither b nor an ending', { key: head(2), next: undefined, ending: [] }],
    ['an ending with a hole', { key: head(2), next: undefined, ending: [head(2), other(3), other(5)] }],
    ['an ending that stops early', { key: head(2), next: undefined, ending: [head(2), other(3)] }],
    [
      'an ending with a later record of the track',
      { key: head(2), next: undefined, ending: [head(2), other(3), head(4), other(5)] },
    ],
    [
      'an ending that begins with another key',
      { key: head(1), next: undefined, ending: [head(2), other(3), other(4), other(5)] },
    ],
    [
      'an ending that leads elsewhere',
      { key: head(2), next: undefined, ending: [head(3, { key: false }), other(4), other(5)] },
    ],
    ['an ending without the track that is not all', { key: undefined, next: undefined, ending: [4, 5].map(other) }],
  ])('refuses %s', (_, evidence) => {
    expect(() => assertSeekAnswer(question, evidence)).toThrow(
      expect.objectContaining({ code: 'H4_SEEK_NOT_ADJACENT' }) as Error,
    );
  });

  it('ends where only other tracks go on and on', async () => {
    let reads = 0;
    const records = {
      head: (seq: number) => {
        reads++;
        return Promise.resolve(other(seq));
      },
      count: 10 ** 6,
      tokn: (seq: number) => Promise.resolve({ tokn: other(seq), offset: 0 }),
      stretch: () => Promise.resolve(undefined),
    } as unknown as ProvenRecords;
    const asked = { pts: 0, track: 0, size: 10 ** 6 };
    expect(await rejection(suggestedByHeads(records, asked))).toMatchObject({ code: 'H4_LIMIT_RECORDS' });
    expect(reads).toBeLessThan(70_000);
    expect(await rejection(endingOf(records, 0))).toMatchObject({ code: 'H4_LIMIT_RECORDS' });
  });
});

describeShared('the samples', (shared) => {
  const samples = (async (): Promise<Samples> =>
    JSON.parse(await readFile(join(shared, 'samples/samples.json'), 'utf8')) as Samples)();
  const trusted = async (): Promise<TrustPolicy> => {
    const key = parseVerificationKey((await samples).vkey);
    if (key.type === 'witness') throw new Error('The key of the samples is that of a witness');
    return { keys: [{ key }] };
  };
  const sample = async (file: string, keys: readonly Uint8Array[] = []): Promise<ProvenReader> =>
    ProvenReader.open(createMemorySource(await readFile(join(shared, 'samples', file))), {
      trust: await trusted(),
      contentKeys: keys,
    });

  it('give the answers listed under seek', async () => {
    for (const { file, time, seq } of (await samples).seek) {
      const answer = await (await sample(file)).seek(time);
      expect([file, time, answer.key?.tokn.seq ?? null]).toEqual([file, time, seq]);
    }
  });

  it('give the answers listed under range', async () => {
    for (const { file, track, byte, seq, pos, raw } of (await samples).range) {
      const reader = await sample(file);
      for await (const { tokn } of reader.recordsOfRange(track, byte, byte + 1)) {
        expect([file, tokn.seq, tokn.pos, tokn.raw]).toEqual([file, seq, pos, raw]);
      }
    }
  });

  it('have the lengths of tracks and the checkpoints that are listed', async () => {
    for (const [file, { root, tree_size: size, tracks }] of Object.entries((await samples).files)) {
      if (
        ![
          'signed.h4mk',
          'tiles.h4mk',
          'late.h4mk',
          'private.h4mk',
          'live.h4mk',
          'redacted.h4mk',
          'redacted-compact.h4mk',
        ].includes(file)
      )
        continue;
      const reader = await sample(file);
      expect([file, reader.checkpoint.size, toHex(reader.checkpoint.root)]).toEqual([file, size, root]);
      for (const [track, length] of Object.entries(tracks)) {
        expect([file, track, await reader.trackLength(Number(track))]).toEqual([file, track, length]);
      }
      expect([file, await reader.isComplete()]).toEqual([file, file !== 'live.h4mk']);
    }
  });

  it('have texts that only a key reveals', async () => {
    const { plain, ikm_hex: ikm } = await samples;
    const reader = await sample('private.h4mk', [fromHex(ikm)]);
    for (const [seq, text] of Object.entries(plain)) {
      const { bytes } = await reader.block(await reader.record(Number(seq)));
      expect(new TextDecoder().decode(bytes)).toBe(text);
    }
  });
});
