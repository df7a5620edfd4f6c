import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planClip, planRecords, writeClip } from '../../../src/container/slice/clip.js';
import { CHUNK_HEADER_BYTES, MODE } from '../../../src/container/format/layout.js';
import { checkpointText, encodeNote, parseNote } from '../../../src/container/format/note.js';
import { H4MKReader } from '../../../src/container/read/reader.js';
import type { RecordInput } from '../../../src/container/write/record-writer.js';
import { SliceReader } from '../../../src/container/slice/slice-reader.js';
import { proveRange } from '../../../src/container/tree/tree-hashes.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { toHex } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import { parseVerificationKey } from '../../../src/utils/verification-key.js';
import type { TrustPolicy } from '../../../src/container/trust/trust.js';
import {
  SIGNER,
  TRUST,
  cut,
  cutFrom,
  opened,
  pictures,
  seqsOf,
  signedRecording,
  toknsOf,
  wanted,
} from '../../support/clips.js';
import {
  AUDIO,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  endRecord,
  mediaRecord,
  metaRecord,
  recordZero,
  rejection,
  withField,
  written,
} from '../../support/container.js';
import { repeated, withLateSigns } from '../../support/late-signs.js';
import { describeShared } from '../../support/shared.js';
import { keyOf, lineBy, signedBy, signedNote, trusting, witnessKeyOf, witnessOf } from '../../support/signed.js';

const verified = (bytes: Uint8Array, trust: TrustPolicy = TRUST) =>
  verifyContainer(createMemorySource(bytes), { trust });

const range = (from: number, to: number) => ({ ranges: [{ from, to }] });

const all = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i);

describe('a clip', () => {
  test('begins at the keyframe at or before its beginning, and ends before the one after its end', async () => {
    const file = await signedRecording(pictures(40));
    const { plan, summary, bytes } = await cut(file, range(410, 620));
    // Pictures 10 to 19, and the sound beside them; record 0 and the end record say what they are.
    expect(seqsOf(bytes)).toEqual([0, ...all(21, 41), 81]);
    expect([plan.stretches, plan.missing]).toEqual([[{ first: 21, end: 41 }], []]);
    expect(summary).toMatchObject({ records: 22, redacted: 0, hidden: 0, covered: [{ from: 400, to: 800 }] });
    expect([plan.records, summary.bytes]).toEqual([22, bytes.length]);
    expect((await verified(bytes)).state).toBe('OK_SLICE');
  });

  test('says how many bytes its proofs have', async () => {
    const { plan, bytes } = await cut(await signedRecording(pictures(40)), range(410, 620));
    const proofs = chunksOf(bytes).filter(({ tag }) => tag === 'PROF');
    expect(proofs.reduce((sum, { size }) => sum + CHUNK_HEADER_BYTES + size, 0)).toBe(plan.proofBytes);
    expect(proofs).toHaveLength(plan.runs.length);
  });

  test.each([
    ['the first keyframe', 0, 1, all(1, 11)],
    ['the time of a keyframe', 200, 400, all(11, 21)],
    ['just after a keyframe', 201, 400, all(11, 21)],
    ['the last picture group', 1500, 1600, all(71, 82)],
    ['a moment', 300, 301, all(11, 21)],
  ])('of %s holds what belongs to it', async (_, from, to, seqs) => {
    const file = await signedRecording(pictures(40));
    const { bytes } = await cut(file, range(from, to));
    expect(seqsOf(bytes)).toEqual([...new Set([0, ...seqs, 81])]);
  });

  test('of everything is everything, and no part of it is said to be missing', async () => {
    const { plan, bytes } = await cut(await signedRecording(pictures(4)), { ranges: [{}] });
    expect([seqsOf(bytes), plan.missing, plan.runs]).toEqual([all(0, 10), [], [{ first: 0, end: 10 }]]);
  });

  test('of several ranges holds each once, and those as one that touch', async () => {
    const file = await signedRecording(pictures(80));
    const ranges = [
      { from: 2000, to: 2100 },
      { from: 100, to: 150 },
      { from: 120, to: 300 },
    ];
    const { plan, summary, bytes } = await cut(file, { ranges });
    expect(plan.stretches).toEqual([
      { first: 1, end: 21 },
      { first: 101, end: 111 },
    ]);
    expect(summary.covered).toEqual([
      { from: 0, to: 400 },
      { from: 2000, to: 2200 },
    ]);
    expect((await verified(bytes)).state).toBe('OK_SLICE');
  });

  test('of one track leaves out the others, with a proof for each record between them', async () => {
    const file = await signedRecording(pictures(40));
    const { plan, bytes } = await cut(file, { ...range(400, 600), tracks: [1] });
    expect(toknsOf(bytes).filter(({ track }) => track === 0)).toEqual([]);
    expect(seqsOf(bytes)).toEqual([0, 22, 24, 26, 28, 30, 81]);
    expect(plan.runs).toHaveLength(6);
    expect((await verified(bytes)).state).toBe('OK_SLICE');
  });

  test('says which part of what was asked the recording does not have', async () => {
    const late = pictures(20).map((record) => ({ ...record, pts: record.pts + 1000 }));
    const { plan } = await cut(await signedRecording(late), range(900, 5000));
    expect(plan.missing).toEqual([
      { from: 900, to: 1000, why: 'before' },
      { from: 1800, to: 5000, why: 'after' },
    ]);
  });

  test('begins at the first record that there is, if what is asked begins earlier', async () => {
    const late = pictures(20).map((record) => ({ ...record, pts: record.pts + 1000 }));
    const { bytes, plan } = await cut(await signedRecording(late), { ranges: [{ from: -5, to: 1010 }, { to: 1001 }] });
    expect(seqsOf(bytes)).toEqual([...all(0, 11), 41]);
    expect(plan.missing).toEqual([{ from: 0, to: 1000, why: 'before' }]);
  });

  test('holds whole groups with pictures that are shown before their keyframe', async () => {
    // Stored I P B: B has a negative delta to the block it stands in, and the keyframe of a group comes first.
    const records = Array.from({ length: 12 }, (_, k) => {
      const [key, pts] = [k % 4 === 0, 160 * Math.floor(k / 4) + ([80, 160, 80, 120][k % 4] ?? 0)];
      const tokens = [
        { delta: 0, duration: 40, key, size: 2 },
        { delta: -40, duration: 40, key: false, size: 2 },
      ];
      return mediaRecord({ pts, key, payload: Uint8Array.of(1, 2, 3, k), tokens });
    });
    const file = await signedRecording(records);
    const { bytes, summary } = await cut(file, range(250, 300));
    expect(seqsOf(bytes)).toEqual([0, 5, 6, 7, 8, 13]);
    expect(summary.covered).toEqual([{ from: 200, to: 360 }]);
  });

  test('carries later META records, so that tracks and epochs are known, wherever they stand', async () => {
    const media = pictures(40);
    const more = metaRecord({ h4mk: { tracks: [{ id: 2, kind: 'data' }] } }, 400);
    const records = [...media.slice(0, 20), more, ...media.slice(20)];
    const { bytes, plan } = await cut(await signedRecording(records), range(1000, 1100));
    expect(seqsOf(bytes)).toEqual([0, 21, ...all(52, 62), 82]);
    expect(plan.runs.slice(0, 2)).toEqual([
      { first: 21, end: 22 },
      { first: 52, end: 62 },
    ]);
    expect((await verified(bytes)).state).toBe('OK_SLICE');
  });

  test('has a sparse track in full where it is shown, and does not go back for what is over', async () => {
    const [video, data] = [pictures(100).filter(({ track }) => track === 0), { id: 1, kind: 'data' as const }];
    const caption = (pts: number, duration: number): RecordInput =>
      mediaRecord({
        track: 1,
        pts,
        key: true,
        tokens: [{ delta: 0, duration, key: true, size: 1 }],
        payload: Uint8Array.of(9),
      });
    // Record 6 lasts until 2050, record 22 until 900; 63 is within the clip.
    const records = [...video.slice(0, 5), caption(200, 1850), ...video.slice(5, 20), caption(800, 100)];
    const file = await signedRecording([...records, ...video.slice(20, 60), caption(2400, 10), ...video.slice(60)], {
      tracks: [VIDEO, data],
    });
    const tracks = (bytes: Uint8Array) => toknsOf(bytes).flatMap(({ seq, track }) => (track === 1 ? [seq] : []));
    expect(tracks((await cut(file, range(850, 1000))).bytes)).toEqual([22]);
    expect(tracks((await cut(file, range(2400, 2410))).bytes)).toEqual([63]);
    expect(tracks((await cut(file, range(1000, 1100))).bytes)).toEqual([]);
    const only = await cut(file, { ...range(850, 1000), tracks: [1] });
    expect(seqsOf(only.bytes)).toEqual([0, 22, 104]);
  });

  test('of a track that has nothing then is refused, and the times it has are named', async () => {
    const file = await signedRecording([
      ...pictures(10),
      ...pictures(60)
        .slice(20)
        .filter(({ track }) => track === 0),
    ]);
    const refused = await rejection(cut(file, { ...range(1000, 1100), tracks: [1] }));
    expect([refused.code, refused.detail]).toEqual(['H4_RANGE_NOT_FOUND', { start_pts: 0, end_pts: 400 }]);
  });

  test('holds at least what looking at every record finds, whatever the interleaving', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.boolean(), fc.integer({ min: 1, max: 30 })), {
          minLength: 3,
          maxLength: 60,
        }),
        fc.integer({ min: 0, max: 600 }),
        fc.integer({ min: 1, max: 300 }),
        async (script, from, length) => {
          const clocks = [0, 0, 0];
          const records = script.map(([track, isKey, step], i) => {
            const pts = clocks[track] ?? 0;
            const key = isKey || pts === 0;
            clocks[track] = pts + step;
            const tokens = [{ delta: 0, duration: step, key, size: 1 }];
            return mediaRecord({ track, pts, key, payload: Uint8Array.of(i), tokens });
          });
          const file = await signedRecording(records, { tracks: [VIDEO, AUDIO, { id: 2, kind: 'video' }] });
          const result = await cut(file, range(from, from + length)).catch((error: unknown) => {
            if (error instanceof H4Error && error.code === 'H4_RANGE_NOT_FOUND') return undefined;
            throw error;
          });
          const tokns = toknsOf(file);
          const shown = tokns.filter(({ mode, pts, track, seq }) => {
            const [, , step] = script[seq - 1] ?? [0, false, 0];
            return mode === MODE.core && track < 3 && pts < from + length && pts + step > from;
          });
          if (result === undefined) {
            expect(shown).toEqual([]);
            return;
          }
          const seqs = seqsOf(result.bytes);
          for (const { seq, track } of shown) {
            expect(seqs).toContain(seq);
            const least = wanted(tokns, track, from, from + length).filter((each) => each <= seq);
            expect(seqs).toEqual(expect.arrayContaining(least));
          }
          expect((await verified(result.bytes)).state).toBe('OK_SLICE');
        },
      ),
      { numRuns: 150, seed: 20 },
    );
  });
});

describe('what a clip is proven under', () => {
  test('is the newest checkpoint of a live recording; what lies beyond it is not taken, and that is said', async () => {
    const live = await written(async (writer) => {
      await writer.record(recordZero({ tracks: [VIDEO, AUDIO] }));
      for (const record of pictures(20)) await writer.record(record);
      await writer.indexPoint({ sign: signedBy(SIGNER) });
      for (const record of pictures(40).slice(40)) await writer.record(record);
    });
    const reader = await opened(live);
    const { plan, bytes } = await cutFrom(reader, { ...range(600, 1200), trust: TRUST });
    expect([reader.recordCount, plan.size]).toEqual([81, 41]);
    expect(plan.missing).toEqual([{ from: 800, to: 1200, why: 'unsigned' }]);
    expect(seqsOf(bytes)).toEqual([0, ...all(31, 41)]);
    expect((await verified(bytes)).state).toBe('OK_SLICE');
    const refused = await rejection(cutFrom(reader, range(900, 1000)));
    expect([refused.code, refused.detail]).toEqual(['H4_RANGE_NOT_FOUND', { start_pts: 0, end_pts: 800 }]);
    expect(refused.message).toContain('newest checkpoint');
  });

  test('is not found past a record that leads nowhere', async () => {
    const live = await written(async (writer) => {
      await writer.record(recordZero({ tracks: [VIDEO, AUDIO] }));
      for (const record of pictures(20)) await writer.record(record);
      await writer.indexPoint({ sign: signedBy(SIGNER) });
      for (const record of pictures(30).slice(40)) await writer.record(record);
    });
    // Record 51 is a keyframe beyond the checkpoint: nothing proves how far back it points.
    const lost = withField(live, chunkOf(live, 'TOKN', 51), 32, 9999, 4);
    expect((await rejection(cut(lost, range(1050, 1100)))).code).toBe('H4_TOKN_BACK');
    const none = withField(live, chunkOf(live, 'TOKN', 51), 32, 0, 4);
    expect((await rejection(cut(none, range(1050, 1100)))).code).toBe('H4_SEEK_NOT_ADJACENT');
  });

  test('is an index point of a recording that is not closed yet', async () => {
    const live = await written(async (writer) => {
      await writer.record(recordZero({ tracks: [VIDEO, AUDIO] }));
      for (const record of pictures(300)) await writer.record(record);
      await writer.indexPoint({ sign: signedBy(SIGNER) });
    });
    const { bytes, plan } = await cut(live, { ...range(600, 700), trust: TRUST });
    expect([plan.size, seqsOf(bytes)]).toEqual([601, [0, ...all(31, 41)]]);
    expect((await verified(bytes)).state).toBe('OK_SLICE');
  });

  test('is the newest signature that is trusted, past one that anybody may have added', async () => {
    const [stranger, file] = [keyOf(9, 'example.com/other'), await signedRecording(pictures(20))];
    const both = await written(async (writer) => {
      await writer.record(recordZero({ tracks: [VIDEO, AUDIO] }));
      for (const record of pictures(10)) await writer.record(record);
      await writer.indexPoint({ sign: signedBy(SIGNER) });
      for (const record of pictures(20).slice(20)) await writer.record(record);
      await writer.record(endRecord(800));
      await writer.close((checkpoint) => signedBy(stranger)({ ...checkpoint }));
    });
    const { plan } = await cut(both, { ranges: [{ from: 0 }], trust: TRUST });
    expect([plan.size, plan.verdict?.verified]).toEqual([21, [SIGNER.name]]);
    expect((await cut(both, { ranges: [{ from: 0 }] })).plan.size).toBe(42);
    expect((await cut(file, { ranges: [{ from: 0 }], trust: TRUST })).plan.size).toBe(42);
  });

  test.each([
    ['H4_SIGN_UNTRUSTED', trusting(keyOf(8, 'example.com/somebody'))],
    ['H4_SIGN_QUORUM', { ...TRUST, witnesses: [witnessKeyOf(witnessOf(3))], quorum: 1 }],
  ])('is refused with %s before anything is written', async (code, trust) => {
    const reader = await opened(await signedRecording(pictures(20)));
    expect((await rejection(planClip(reader, { ranges: [{}], trust }))).code).toBe(code);
  });

  test('is refused with H4_SIGN_BAD if a signature in the name of a trusted key is false', async () => {
    const file = await signedRecording(pictures(20), {
      sign: (point) => {
        const text = checkpointText(`${SIGNER.name}/${toHex(point.fileId)}`, point.size, point.root);
        return encodeNote(text, [lineBy(SIGNER, keyOf(1).sign(text))]);
      },
    });
    expect((await rejection(cut(file, { ranges: [{}], trust: TRUST }))).code).toBe('H4_SIGN_BAD');
  });

  test('is the tree alone where nobody has signed, and then a demand for a signature is refused', async () => {
    const file = await closedRecording(pictures(20), { tracks: [VIDEO, AUDIO] });
    const { plan, bytes } = await cut(file, range(0, 100));
    expect([plan.notes, plan.origin, plan.verdict]).toEqual([[], undefined, undefined]);
    expect((await verifyContainer(createMemorySource(bytes))).state).toBe('NOT_SIGNED');
    expect((await rejection(cut(file, { ...range(0, 100), trust: TRUST }))).code).toBe('H4_SIGN_MISSING');
  });

  describe('keeps its signature whoever has signed after', () => {
    const STRANGER = keyOf(9, 'example.com/stranger');
    const pointOf = async (file: Uint8Array) => {
      const { fileId, recordCount: size, tail } = await opened(file);
      return { fileId, size, root: tail?.root ?? new Uint8Array(32) };
    };
    const strangers = async (file: Uint8Array, count: number): Promise<Uint8Array[]> => {
      const point = await pointOf(file);
      return Array.from({ length: count }, (_, i) =>
        signedNote({ ...point, originName: `example.com/s${i}` }, keyOf(20 + i, `example.com/s${i}`)),
      );
    };
    const signsIn = (bytes: Uint8Array): string[] =>
      chunksOf(bytes).flatMap(({ tag, payload }) => (tag === 'SIGN' ? [parseNote(payload).origin.name] : []));
    const state = async (bytes: Uint8Array) =>
      (await verifyContainer(createMemorySource(bytes), { trust: TRUST })).state;

    test('every signature over its tree goes with it, the one that was chosen first, each once', async () => {
      const file = await signedRecording(pictures(20));
      const point = await pointOf(file);
      const stranger = signedNote({ ...point, originName: STRANGER.name }, STRANGER);
      const signed = withLateSigns(file, stranger, stranger, signedNote(point, SIGNER), stranger);
      const blind = await cut(signed, range(0, 100));
      expect(signsIn(blind.bytes)).toEqual([STRANGER.name, SIGNER.name]);
      const chosen = await cut(signed, { ...range(0, 100), trust: TRUST });
      expect(signsIn(chosen.bytes)).toEqual([SIGNER.name, STRANGER.name]);
      expect([chosen.plan.origin, chosen.plan.notes.length]).toEqual([
        blind.plan.origin?.replace(STRANGER.name, SIGNER.name),
        2,
      ]);
      for (const { bytes } of [blind, chosen]) expect(await state(bytes)).toBe('OK_SLICE');
      // So do clips of clips, and records that are kept from a redaction.
      const again = await cutFrom(await SliceReader.open(createMemorySource(blind.bytes)), {
        ...range(0, 50),
        trust: TRUST,
      });
      expect([signsIn(again.bytes), await state(again.bytes)]).toEqual([[SIGNER.name, STRANGER.name], 'OK_SLICE']);
      expect((await planRecords(await opened(signed), [{ first: 3, end: 4 }])).notes).toHaveLength(2);
    });

    test('at most a hundred, of which the latest are left out', async () => {
      const file = await signedRecording(pictures(20));
      const signed = withLateSigns(file, ...(await strangers(file, 120)));
      const { bytes } = await cut(signed, range(0, 100));
      const names = signsIn(bytes);
      expect([names.length, names[0], names[1], names.at(-1)]).toEqual([
        100,
        'example.com/s119',
        SIGNER.name,
        'example.com/s97',
      ]);
      expect(await state(bytes)).toBe('OK_SLICE');
    });

    test('none over another tree, of another file or at another root goes with it', async () => {
      const file = await signedRecording(pictures(20));
      const point = await pointOf(file);
      const lies = [{ size: point.size - 1 }, { root: new Uint8Array(32) }, { fileId: new Uint8Array(32) }];
      const signed = withLateSigns(file, ...lies.map((lie) => signedNote({ ...point, ...lie }, STRANGER)));
      const { bytes } = await cut(signed, { ...range(0, 100), trust: TRUST });
      expect(signsIn(bytes)).toEqual([SIGNER.name]);
    });

    test('a thousand strangers do not hide it, and beyond that the refusal says how far it was looked for', async () => {
      const file = await signedRecording(pictures(20));
      const stranger = signedNote({ ...(await pointOf(file)), originName: STRANGER.name }, STRANGER);
      const { plan } = await cut(withLateSigns(file, ...repeated(stranger, 1023)), { ...range(0, 100), trust: TRUST });
      expect(plan.verdict?.verified).toEqual([SIGNER.name]);
      const beyond = cut(withLateSigns(file, ...repeated(stranger, 1024)), { ...range(0, 100), trust: TRUST });
      const { code, message } = await rejection(beyond);
      expect([code, message]).toEqual(['H4_SIGN_UNTRUSTED', expect.stringContaining('the last 1024 signatures')]);
    });

    test('also in a recording without an index, where the walk over it has met them', async () => {
      const file = (between: number) =>
        written(async (writer) => {
          await writer.record(recordZero({ tracks: [VIDEO, AUDIO] }));
          for (const record of pictures(10)) await writer.record(record);
          await writer.indexPoint({ sign: signedBy(SIGNER) });
          for (let i = 0; i < between; i++)
            await writer.indexPoint({ sign: (point) => signedNote({ ...point, originName: STRANGER.name }, STRANGER) });
          await writer.record(endRecord(400));
        });
      const walked = await cut(await file(1000), { ...range(0, 100), trust: TRUST });
      expect([walked.plan.size, signsIn(walked.bytes)]).toEqual([21, [SIGNER.name, STRANGER.name]]);
      const refused = await rejection(cut(await file(2500), { ...range(0, 100), trust: TRUST }));
      expect([refused.code, refused.detail]).toEqual(['H4_SIGN_UNTRUSTED', { searched: 1024 }]);
      // Of a recording that goes on, the newest checkpoint counts although one before it was signed late.
      const late = await written(async (writer) => {
        await writer.record(recordZero({ tracks: [VIDEO, AUDIO] }));
        for (const record of pictures(10)) await writer.record(record);
        let early: Uint8Array = new Uint8Array();
        await writer.indexPoint({ sign: (each) => (early = signedNote(each, SIGNER)) });
        for (const record of pictures(15).slice(20)) await writer.record(record);
        await writer.indexPoint({ sign: signedBy(SIGNER) });
        await writer.indexPoint({ sign: () => early });
        await writer.record(endRecord(600));
      });
      expect((await cut(late, { ...range(0, 100), trust: TRUST })).plan.size).toBe(31);
    });
  });

  test('is checked against the leaves where a recording has no tiles', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero({ tracks: [VIDEO, AUDIO] }));
      for (const record of pictures(20)) await writer.record(record);
      await writer.indexPoint({ sign: (checkpoint) => signedBy(SIGNER)({ ...checkpoint, root: new Uint8Array(32) }) });
      await writer.record(endRecord(800));
    });
    expect((await rejection(cut(file, range(0, 100)))).code).toBe('H4_SIGN_ROOT');
  });

  test.each([
    ['H4_SIGN_ORIGIN', { fileId: new Uint8Array(32) }],
    ['H4_SIGN_SIZE', { size: 9999 }],
    ['H4_PROOF_INVALID', { root: new Uint8Array(32).fill(1) }],
  ])('is refused with %s if it is not of this file', async (code, lie) => {
    const file = await signedRecording(pictures(20), { sign: (point) => signedBy(SIGNER)({ ...point, ...lie }) });
    expect((await rejection(cut(file, range(0, 100)))).code).toBe(code);
    expect((await rejection(cut(file, { ...range(0, 100), trust: TRUST }))).code).toBe(code);
  });
});

describe('a clip is refused', () => {
  const file = signedRecording(pictures(20));

  test.each([
    ['without a range', { ranges: [] }],
    ['of no time', range(100, 100)],
    ['that ends before it begins', range(200, 100)],
    ['at what is no time', range(Number.NaN, 100)],
    ['of a track that there is not', { ...range(0, 100), tracks: [7] }],
    ['of no track', { ...range(0, 100), tracks: [] }],
  ])('%s', async (_, request) => {
    expect((await rejection(cut(await file, request))).code).toBe('H4_PARAM');
  });

  test.each([range(800, 900), range(10_000, 20_000), { ranges: [{ from: 800 }, { from: 5000 }] }])(
    'beyond the end of the recording, with the times it has: %j',
    async (request) => {
      const refused = await rejection(cut(await file, request));
      expect([refused.code, refused.detail]).toEqual(['H4_RANGE_NOT_FOUND', { start_pts: 0, end_pts: 800 }]);
    },
  );

  test('of a recording without a block', async () => {
    const refused = await rejection(cut(await signedRecording([]), { ranges: [{}] }));
    expect([refused.code, refused.detail]).toEqual(['H4_RANGE_NOT_FOUND', {}]);
  });

  test('where it needs more proofs than a checker would hold', async () => {
    const reader = await H4MKReader.open(createMemorySource(await file), { limits: { maxChunkBytes: 2000 } });
    const refused = await rejection(planClip(reader, { ranges: [{}], tracks: [1] }));
    expect(refused.code).toBe('H4_LIMIT_CHUNK');
  });

  test('if the recording itself breaks a rule, however well it is signed', async () => {
    const records = pictures(10);
    const broken = await signedRecording([...records, mediaRecord({ track: 5, pts: 0, key: true })]);
    const reader = await opened(broken);
    const plan = await planClip(reader, { ranges: [{ from: 300 }] });
    const sink = createMemorySink();
    expect((await rejection(writeClip(reader, sink, plan))).code).toBe('H4_TRACK_UNDECLARED');
    await sink.abort();
  });
});

describe('cutting a clip', () => {
  test('tells how far it has come, and can be cancelled', async () => {
    const reader = await opened(await signedRecording(pictures(40)));
    const seen: number[] = [];
    const plan = await planClip(reader, range(0, 100));
    await writeClip(reader, createMemorySink(), plan, { onProgress: (records) => seen.push(records) });
    expect(seen).toEqual(all(1, 13));
    const signal = AbortSignal.abort();
    expect((await rejection(planClip(reader, { ...range(0, 100), signal }))).code).toBe('H4_CANCELLED');
    expect((await rejection(writeClip(reader, createMemorySink(), plan, { signal }))).code).toBe('H4_CANCELLED');
  });

  test('of one picture group among 10 000 records costs the index, two headers and one read of the group', async () => {
    const source = createCountingSource(createMemorySource(await signedRecording(pictures(5000, { bytes: 2000 }))));
    const reader = await H4MKReader.open(source);
    expect(source.count).toBe(2);
    const plan = await planClip(reader, { ...range(100_000, 100_010), trust: TRUST });
    const planned = source.count;
    await writeClip(reader, createMemorySink(), plan);
    const group = plan.stretches[0] ?? { first: 0, end: 0 };
    const { offset } = await reader.head(group.first);
    const copied = source.reads.slice(planned, -1).filter(([start, end]) => start <= offset && end > offset);
    expect(group).toEqual({ first: 5001, end: 5011 });
    expect(copied).toHaveLength(1);
    // SIGN and the unfinished tiles come with the end of the file. Then: a tile and the headers of both ends; a tile for
    // the META at the beginning, and the group.
    expect([planned, source.count - 1 - planned]).toEqual([5, 2]);
    expect(source.bytes).toBeLessThan(320_000);
  }, 60_000);

  test('reads a long run in pieces of at most 4 MiB', async () => {
    const source = createCountingSource(createMemorySource(await signedRecording(pictures(300, { bytes: 30_000 }))));
    const reader = await H4MKReader.open(source);
    const plan = await planClip(reader, { ranges: [{}] });
    source.reset();
    const { records } = await writeClip(reader, createMemorySink(), plan);
    const large = source.reads.filter(([start, end]) => end - start > 1_000_000);
    expect([records, large.length]).toEqual([602, 5]);
    expect(Math.max(...source.reads.map(([start, end]) => end - start))).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(source.count).toBeLessThan(12);
  }, 60_000);
});

describe('a clip of a clip', () => {
  const of = async (file: Uint8Array, outer: readonly [number, number], tracks?: readonly number[]) => {
    const first = await cut(file, { ...range(...outer), ...(tracks === undefined ? {} : { tracks }) });
    return SliceReader.open(createMemorySource(first.bytes));
  };

  test('is the clip of the recording, byte for byte', async () => {
    const file = await signedRecording(pictures(300));
    const slice = await of(file, [2000, 8000]);
    for (const [from, to] of [
      [2000, 2100],
      [4000, 4010],
      [7900, 8000],
      [3000, 6000],
    ] as const) {
      const request = { ...range(from, to), trust: TRUST };
      expect(Buffer.compare((await cutFrom(slice, request)).bytes, (await cut(file, request)).bytes)).toBe(0);
    }
  });

  test('says what the first clip lacks', async () => {
    const file = await signedRecording(pictures(300));
    const slice = await of(file, [2000, 4000]);
    const { plan } = await cutFrom(slice, {
      ranges: [
        { from: 1000, to: 2100 },
        { from: 3900, to: 5000 },
      ],
    });
    expect(plan.missing).toEqual([
      { from: 1000, to: 2000, why: 'nothing' },
      { from: 4000, to: 5000, why: 'nothing' },
    ]);
    const refused = await rejection(cutFrom(slice, range(100, 200)));
    expect([refused.code, refused.detail]).toEqual(['H4_RANGE_NOT_FOUND', { start_pts: 2000, end_pts: 4000 }]);
  });

  test('can leave out tracks, and knows those that the first clip has left out', async () => {
    const file = await signedRecording(pictures(100));
    const { bytes } = await cutFrom(await of(file, [400, 1200]), { ...range(600, 800), tracks: [1] });
    expect(Buffer.compare(bytes, (await cut(file, { ...range(600, 800), tracks: [1] })).bytes)).toBe(0);
    const slice = await of(file, [400, 1200], [0]);
    const video = await cutFrom(slice, range(600, 800));
    expect(Buffer.compare(video.bytes, (await cut(file, { ...range(600, 800), tracks: [0] })).bytes)).toBe(0);
    expect((await rejection(cutFrom(slice, { ...range(600, 800), tracks: [1] }))).code).toBe('H4_RANGE_NOT_FOUND');
  });

  test('demands the same of whoever signed', async () => {
    const file = await signedRecording(pictures(20));
    const slice = await of(file, [0, 400]);
    const trust = trusting(keyOf(8, 'example.com/somebody'));
    expect((await rejection(cutFrom(slice, { ...range(0, 100), trust }))).code).toBe('H4_SIGN_UNTRUSTED');
    const unsigned = await of(await closedRecording(pictures(20), { tracks: [VIDEO, AUDIO] }), [0, 400]);
    expect((await rejection(cutFrom(unsigned, { ...range(0, 100), trust }))).code).toBe('H4_SIGN_MISSING');
    expect((await cutFrom(unsigned, range(0, 100))).plan.notes).toEqual([]);
  });
});

const vector = (path: string): Uint8Array => Uint8Array.from(readFileSync(new URL(path, import.meta.url)));

describe('of the vectors', () => {
  const folder = '../../../spec/vectors/v1/';
  const names = readdirSync(new URL(folder, import.meta.url)).filter((name) => name.endsWith('.h4mk'));

  test.each(names)('%s gives clips that verify, or a reason why not', async (name) => {
    const file = vector(`${folder}${name}`);
    let cuts = 0;
    for (const request of [{ ranges: [{}] }, range(0, 1), range(100_000, 600_000), { ranges: [{ from: 500_000 }] }]) {
      try {
        const input = name.startsWith('slice') ? await SliceReader.open(createMemorySource(file)) : await opened(file);
        const { bytes } = await cutFrom(input, request);
        const report = await verifyContainer(createMemorySource(bytes));
        expect([report.errors, report.format]).toEqual([[], 'H4MK v1 slice']);
        cuts++;
      } catch (error) {
        if (!(error instanceof H4Error)) throw error;
        expect(['H4_RANGE_NOT_FOUND', 'H4_ENGINE_UNKNOWN']).toContain(error.code);
      }
    }
    const isEmpty = name.startsWith('legacy') || name === 'empty.h4mk';
    expect(cuts > 0).toBe(!isEmpty);
  });
});

describeShared('of the samples', (shared) => {
  const read = (name: string): Uint8Array => Uint8Array.from(readFileSync(`${shared}/samples/${name}.h4mk`));
  const { vkey, ikm_hex } = JSON.parse(readFileSync(`${shared}/samples/samples.json`, 'utf8')) as Record<
    string,
    string
  >;
  const key = parseVerificationKey(vkey ?? '');
  const trust: TrustPolicy = key.type === 'witness' ? { keys: [] } : { keys: [{ key }] };
  const contentKeys = [Uint8Array.from(Buffer.from(ikm_hex ?? '', 'hex'))];
  const check = (bytes: Uint8Array) => verifyContainer(createMemorySource(bytes), { trust, contentKeys });

  test.each(['signed', 'live', 'private', 'tiles', 'redacted', 'redacted-compact', 'crashed', 'late'])(
    '%s: every clip of it verifies alone with the key',
    async (name) => {
      const reader = await opened(read(name));
      for (const request of [
        range(0, 30_000),
        range(100_000, 300_000),
        { ranges: [{}] },
        { ranges: [{ from: 900_000 }] },
      ]) {
        const result = await cutFrom(reader, { ...request, trust }).catch((error: unknown) => {
          if (error instanceof H4Error && error.code === 'H4_RANGE_NOT_FOUND') return undefined;
          throw error;
        });
        if (result === undefined) continue;
        const report = await check(result.bytes);
        expect([report.state, report.errors]).toEqual(['OK_SLICE', []]);
        expect(report.redacted).toBe(result.summary.redacted);
      }
    },
  );

  test('slice.h4mk follows from tiles.h4mk and its own times', async () => {
    const sample = read('slice');
    const whole = await SliceReader.open(createMemorySource(sample));
    const tree = await whole.proofs();
    const runs = whole.runs.filter(({ end }) => end > 1);
    const reader = await opened(read('tiles'));
    const plan = await planClip(reader, { ranges: [{}], trust });
    expect(Buffer.compare(plan.root, Buffer.from(whole.report.root ?? '', 'hex'))).toBe(0);
    const proofs = await Promise.all(runs.map((run) => proveRange(tree.tree, { ...run, size: plan.size })));
    const sink = createMemorySink();
    await writeClip(reader, sink, { ...plan, runs, stretches: runs, proofs });
    expect(Buffer.compare(sink.bytes(), sample)).toBe(0);
  });

  test('a flipped byte is found, or changes nothing that is proven', async () => {
    const { bytes } = await cut(read('signed'), { ...range(100_000, 300_000), trust });
    const honest = await check(bytes);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = bytes.map((byte, i) => (i === at ? byte ^ change : byte));
        const report = await check(changed);
        expect(report.state).toBe('NOT_OK');
        expect(report.proven).toBe(false);
      }),
      { numRuns: 400, seed: 4 },
    );
    expect(honest.proven).toBe(true);
  });
});
