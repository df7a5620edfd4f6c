import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SliceReader } from '../../../src/container/slice/slice-reader.js';
import { SliceTree } from '../../../src/container/slice/slice-index.js';
import { proveRange, rootOver } from '../../../src/container/tree/tree-hashes.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, equalBytes } from '../../../src/utils/bytes.js';
import { SIGNER, TRUST, cut, opened, pictures, seqsOf, signedRecording } from '../../support/clips.js';
import { AUDIO, VIDEO, closedRecording, mediaRecord, patched, rejection, sourceOf } from '../../support/container.js';
import { describeShared } from '../../support/shared.js';
import { keyOf, trusting } from '../../support/signed.js';

const file = await signedRecording(pictures(100));
const ranges = [
  { from: 400, to: 600 },
  { from: 2000, to: 2400 },
];
const clip = (await cut(file, { ranges })).bytes;
const open = (bytes: Uint8Array = clip): Promise<SliceReader> => SliceReader.open(createMemorySource(bytes));

describe('a clip that is opened', () => {
  test('tells what it carries, and of what', async () => {
    const [slice, reader] = [await open(), await opened(file)];
    expect([slice.recordCount, slice.treeSize, slice.info, slice.tracks]).toEqual([
      32,
      202,
      reader.info,
      await reader.tracks(),
    ]);
    expect(equalBytes(slice.fileId, reader.fileId)).toBe(true);
    expect(slice.runs).toEqual([
      { first: 0, end: 1 },
      { first: 21, end: 31 },
      { first: 101, end: 121 },
      { first: 201, end: 202 },
    ]);
    expect([slice.metas.ended, slice.report.state]).toEqual([true, 'SIGNED_UNTRUSTED_KEY']);
  });

  test('tells who signed it, and is not opened if it is not signed by whom one trusts', async () => {
    const source = createMemorySource(clip);
    const slice = await SliceReader.open(source, { trust: TRUST });
    expect([slice.report.state, slice.report.signatures[0]?.verified]).toEqual(['OK_SLICE', [SIGNER.name]]);
    const trust = trusting(keyOf(8, 'example.com/somebody'));
    expect((await rejection(SliceReader.open(source, { trust }))).code).toBe('H4_SIGN_UNTRUSTED');
  });

  test('gives the blocks of a track as the recording has them', async () => {
    const [slice, reader] = [await open(), await opened(file)];
    const blocks = [];
    for await (const { tokn, bytes } of slice.blocks({ track: 0 })) {
      expect(equalBytes(bytes, (await reader.block(tokn.seq)).bytes)).toBe(true);
      blocks.push(tokn.seq);
    }
    expect(blocks).toEqual([21, 23, 25, 27, 29, 101, 103, 105, 107, 109, 111, 113, 115, 117, 119]);
    expect((await slice.blocks({ track: 9 }).next()).done).toBe(true);
  });

  test('names the stretches of a track by bytes, times and records', async () => {
    const slice = await open();
    expect(slice.parts({ track: 1 })).toEqual([
      { bytes: { start: 200, end: 300 }, pts: { from: 400, to: 600 }, blocks: 5, seqs: { first: 22, end: 31 } },
      { bytes: { start: 1000, end: 1200 }, pts: { from: 2000, to: 2400 }, blocks: 10, seqs: { first: 102, end: 121 } },
    ]);
    // From the keyframe before, up to the last block that begins before.
    const [part, ...others] = slice.parts({ track: 0, from: 2130, to: 2290 });
    expect([part?.pts, others]).toEqual([{ from: 2000, to: 2320 }, []]);
    expect(slice.parts({ track: 0, from: 2130, to: 2290, wholeGroups: true })[0]?.pts).toEqual({
      from: 2000,
      to: 2400,
    });
    expect(slice.parts({ track: 0, to: 10 })).toEqual([]);
  });

  test('gives single records, and refuses those it does not carry', async () => {
    const slice = await open();
    expect((await slice.record(105)).tokn.pts).toBe(2080);
    expect((await slice.rawRecord(105)).tag).toBe('CORE');
    for (const seq of [31, 100, 121, 5000, -1, 1.5]) {
      const refused = await rejection(slice.record(seq));
      expect([refused.code, refused.detail]).toEqual(['H4_RANGE_NOT_FOUND', { not_in: 'clip' }]);
    }
  });
});

describe('seeking in a clip', () => {
  const seek = async (pts: number, track?: number) =>
    (await (await open()).seek(pts, track === undefined ? {} : { track }))?.seq;

  test.each([
    [400, 0, 21],
    [599, 0, 21],
    [2000, 0, 101],
    [2199, 0, 101],
    [2200, 0, 111],
    [2399, 0, 111],
    [559, 1, 28],
    [599, 1, 30],
  ])('finds the keyframe for %i on track %i', async (pts, track, seq) => {
    expect(await seek(pts, track)).toBe(seq);
  });

  test.each([
    [399, 0],
    [0, 1],
    [600, 0],
    [1999, 0],
    [2400, 0],
    [9999, 1],
    [400, 7],
  ])('does not answer for %i on track %i, which it cannot know', async (pts, track) => {
    const refused = await rejection(seek(pts, track));
    expect([refused.code, refused.detail]).toEqual(['H4_RANGE_NOT_FOUND', { not_in: 'clip' }]);
  });

  test('knows that nothing comes before the first keyframe, and nothing after the last record', async () => {
    const late = pictures(20).map((record) => ({ ...record, pts: record.pts + 1000 }));
    const whole = await open((await cut(await signedRecording(late), { ranges: [{}] })).bytes);
    expect(await whole.seek(999)).toBeUndefined();
    expect((await whole.seek(Number.MAX_SAFE_INTEGER))?.pts).toBe(1600);
  });

  test('does not pass over a group whose keyframe it lacks', async () => {
    // Track 1 has one group that began before the clip.
    const records = Array.from({ length: 30 }, (_, i) =>
      mediaRecord({ track: i % 2, pts: 10 * i, key: i % 2 === 0 ? i % 10 === 0 : i === 1 || i === 21 }),
    );
    const video = { ...AUDIO, kind: 'video' as const };
    const recording = await closedRecording(records, { tracks: [VIDEO, video] });
    const slice = await open((await cut(recording, { ranges: [{ from: 100, to: 150 }], tracks: [0] })).bytes);
    expect((await rejection(slice.seek(150, { track: 1 }))).code).toBe('H4_RANGE_NOT_FOUND');
  });
});

describe('a byte of a track in a clip', () => {
  test.each([
    [0, 200, 21],
    [0, 219, 21],
    [0, 220, 23],
    [1, 299, 30],
    [1, 1000, 102],
  ])('of track %i at %i lies in record %i', async (track, position, seq) => {
    expect((await (await open()).findByte(track, position)).seq).toBe(seq);
  });

  test.each([
    ['clip', 0, 0],
    ['clip', 0, 199],
    ['clip', 0, 300],
    ['clip', 1, 1200],
    ['track', 0, 2000],
    ['track', 1, -1],
    ['track', 7, 0],
  ])('is not in this %s: track %i, byte %i', async (where, track, position) => {
    const refused = await rejection((await open()).findByte(track, position));
    expect([refused.code, refused.detail]).toEqual(['H4_RANGE_NOT_FOUND', { not_in: where }]);
  });

  test('of a track whose length nobody has told is at most not in this clip', async () => {
    const recording = await signedRecording(pictures(20), { totals: false });
    const slice = await open((await cut(recording, { ranges: [{ to: 100 }] })).bytes);
    expect((await rejection(slice.findByte(0, 10 ** 9))).detail).toEqual({ not_in: 'clip' });
  });
});

describe('a clip is not opened', () => {
  test('if a byte of it has changed', async () => {
    const at = clip.length - 400;
    expect((await rejection(open(patched(clip, at, (clip[at] ?? 0) ^ 1)))).code).toMatch(/^H4_/);
  });

  test('if its end is missing', async () => {
    expect((await rejection(open(clip.slice(0, -172)))).code).toBe('H4_TAIL_MISSING');
    expect((await rejection(open(clip.slice(0, -180)))).code).toBe('H4_TRUNCATED');
  });

  test('if it is a whole recording', async () => {
    const refused = await rejection(open(file));
    expect([refused.code, refused.message]).toEqual(['H4_PARAM', expect.stringContaining('not a clip')]);
  });

  test('if it is no H4MK file at all', async () => {
    expect((await rejection(open(new Uint8Array(100)))).code).toBe('H4_BAD_MAGIC');
  });
});

describe('a source that changes after it was opened', () => {
  test('cannot have another record pass for the one that was checked', async () => {
    // Two recordings alike but for their content: every place is the same.
    const other = await signedRecording(
      pictures(100).map((each) => ({ ...each, payload: each.payload.map((b) => b ^ 1) })),
    );
    const changed = (await cut(other, { ranges })).bytes;
    expect(changed.length).toBe(clip.length);
    let bytes = clip;
    const slice = await SliceReader.open(
      sourceOf(clip.length, (start, end) => Promise.resolve(bytes.slice(start, end))),
    );
    bytes = changed;
    expect((await rejection(slice.block(105))).code).toBe('H4_PROOF_INVALID');
    expect((await rejection(slice.rawRecord(105))).code).toBe('H4_PROOF_INVALID');
    bytes = concatBytes(clip.slice(0, 600), new Uint8Array(clip.length - 600).fill(0x7e));
    expect((await rejection(slice.proofs())).code).toBe('H4_TRUNCATED');
  });
});

describe('the hashes of a clip', () => {
  test('prove what lies within it, and nothing else', async () => {
    const { tree, notes } = await (await open()).proofs();
    const whole = (await opened(file)).tree ?? tree;
    expect(whole).not.toBe(tree);
    expect(notes).toHaveLength(1);
    expect(await rootOver(tree, 202)).toEqual(await rootOver(whole, 202));
    for (const [first, end] of [
      [21, 31],
      [23, 24],
      [101, 121],
      [105, 110],
    ] as const) {
      expect(await proveRange(tree, { first, end, size: 202 })).toEqual(
        await proveRange(whole, { first, end, size: 202 }),
      );
    }
    const refused = await rejection(proveRange(tree, { first: 50, end: 51, size: 202 }));
    expect([refused.code, refused.detail]).toEqual(['H4_RANGE_NOT_FOUND', { not_in: 'clip' }]);
  });

  test('are none without proofs', async () => {
    const tree = new SliceTree(2, [], () => undefined);
    expect((await rejection(tree.node({ level: 1, index: 0 }))).code).toBe('H4_RANGE_NOT_FOUND');
  });
});

describeShared('clips of the samples', (shared) => {
  const read = (name: string): Uint8Array => Uint8Array.from(readFileSync(`${shared}/samples/${name}.h4mk`));
  const samples = JSON.parse(readFileSync(`${shared}/samples/samples.json`, 'utf8')) as {
    readonly ikm_hex: string;
    readonly plain: Readonly<Record<string, string>>;
  };
  const contentKeys = [Uint8Array.from(Buffer.from(samples.ikm_hex, 'hex'))];

  test('slice.h4mk is opened, and its bytes lie where those of tiles.h4mk lie', async () => {
    const [slice, tiles] = [await open(read('slice')), await opened(read('tiles'))];
    for (const { first, end } of slice.runs) {
      for (let seq = first; seq < end; seq++) {
        const { tokn } = await slice.record(seq);
        if (tokn.raw === 0 || tokn.track > 1) continue;
        expect((await slice.findByte(tokn.track, tokn.pos)).seq).toBe((await tiles.findByte(tokn.track, tokn.pos)).seq);
      }
    }
  });

  test('hidden blocks need the key, and are then what they were', async () => {
    const { bytes } = await cut(read('private'), { ranges: [{}] });
    const source = createMemorySource(bytes);
    const [closed, keyed] = [await SliceReader.open(source), await SliceReader.open(source, { contentKeys })];
    for (const [seq, text] of Object.entries(samples.plain)) {
      expect(Buffer.from((await keyed.block(Number(seq))).bytes).toString()).toBe(text);
      expect((await rejection(closed.block(Number(seq)))).code).toBe('H4_KEY_MISSING');
    }
    const wrong = SliceReader.open(source, { contentKeys: [new Uint8Array(32)] });
    expect((await rejection(wrong)).code).toBe('H4_KEY_WRONG');
  });

  test.each(['redacted', 'redacted-compact'])('records of %s that were redacted stay so', async (name) => {
    const slice = await open((await cut(read(name), { ranges: [{}] })).bytes);
    const gone = seqsOf(read(name)).filter((seq) => slice.index.leaf(seq) !== undefined);
    let redacted = 0;
    for (const seq of gone) if ((await slice.record(seq)).payload === undefined) redacted++;
    expect([redacted, slice.report.redacted]).toEqual([2, 2]);
  });
});
