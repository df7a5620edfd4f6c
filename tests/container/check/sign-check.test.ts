import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CheckpointTrust } from '../../../src/container/check/checkpoint-trust.js';
import { Findings } from '../../../src/container/check/findings.js';
import { createLimits } from '../../../src/container/format/limits.js';
import type { Chunk } from '../../../src/container/format/chunk.js';
import { ZERO_UID } from '../../../src/container/format/meta.js';
import { RedactionCheck } from '../../../src/container/check/redaction-check.js';
import { SignCheck } from '../../../src/container/check/sign-check.js';
import { concatBytes, toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import {
  type Piece,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  patched,
  recordZero,
  resealed,
  withPayload,
  written,
  AUDIO,
  VIDEO,
  endRecord,
} from '../../support/container.js';
import { KEY_NAME, checkpointText, noteOf, originOf, signNothing, signatureLine } from '../../support/notes.js';
import {
  errorCodes,
  reportOf,
  sound,
  verdictOf,
  warningCodes,
  withOneBitFlipped,
  bitInTurn,
} from '../../support/reports.js';
import { describeShared } from '../../support/shared.js';
import { recordsOf } from '../../support/slices.js';

const tracks = [VIDEO, AUDIO];

/** 11 records, signed after every fourth of them and at the close. */
const signed = await closedRecording(interleaved(9), { tracks, sign: signNothing, pointEvery: 4 });
const { fileId, root, rootAt } = recordsOf(signed);

/** The file with other chunks behind its last TAIL, and a new TAIL after them. */
const withLate = (file: Uint8Array, ...late: readonly Piece[]): Uint8Array =>
  resealed([...chunksOf(file), ...late, chunkOf(file, 'TAIL', -1)]);

const signOf = (size: number | string, ofRoot: Uint8Array): Piece => ({
  tag: 'SIGN',
  payload: noteOf({ fileId, size, root: ofRoot }),
});

const errorsOf = async (file: Uint8Array): Promise<string[]> => errorCodes(await reportOf(file));

describe('the check of SIGN', () => {
  test('lists every checkpoint, and says that none is by a known key', async () => {
    const report = await reportOf(signed);
    expect(report).toMatchObject({ state: 'SIGNED_UNTRUSTED_KEY', exit_code: 0, proven: false, signature_count: 3 });
    const origin = originOf(fileId);
    expect(report.signatures).toEqual(
      [4, 8, 11].map((size) => ({ size, origin, verified: [], cosigned: [], ignored: [] })),
    );
  });

  test('a file without SIGN is not signed', async () => {
    const report = await reportOf(await closedRecording(interleaved(9), { tracks }));
    expect(report).toMatchObject({ state: 'NOT_SIGNED', exit_code: 0, signatures: [], signature_count: 0 });
  });

  test('lists no more checkpoints than a report may have, and counts them all', async () => {
    const report = await reportOf(signed, { maxReport: 2 });
    expect(report.signatures.map(({ size }) => size)).toEqual([4, 8]);
    expect(report.signature_count).toBe(3);
  });

  test('an origin as long as a note is counted, not listed', async () => {
    const long = `${'x'.repeat(2000)}/${toHex(fileId)}`;
    const text = checkpointText({ fileId, size: 11, root }).replace(originOf(fileId), long);
    const file = withLate(signed, { tag: 'SIGN', payload: utf8Encode(`${text}\n${signatureLine()}`) });
    const report = await reportOf(file);
    expect(report.exit_code).toBe(0);
    expect(report.signatures.at(-1)?.origin).toBe('(2065 characters)');
  });

  test('the checkpoint of another file is refused', async () => {
    const other = sha256(Uint8Array.of(1));
    const file = resealed(
      chunksOf(withPayload(signed, 'SIGN', 1, () => noteOf({ fileId: other, size: 8, root: rootAt(8) }))),
    );
    expect(await errorsOf(file)).toEqual(['H4_SIGN_ORIGIN']);
  });

  test('a note that does not parse is refused, and the walk goes on', async () => {
    const file = resealed(chunksOf(withPayload(signed, 'SIGN', 0, () => utf8Encode('no note'))));
    const report = await reportOf(file);
    expect(errorCodes(report)).toEqual(['H4_SIGN_NOTE']);
    expect(report).toMatchObject({ records: 11, signature_count: 3 });
    expect(report.signatures.map(({ size }) => size)).toEqual([8, 11]);
  });

  test.each([
    ['0', 0],
    ['more than the records before it', 9],
    ['fewer, where no SIGN or TAIL stood', 7],
  ])('a size of %s is refused', async (_what, size) => {
    const file = resealed(
      chunksOf(withPayload(signed, 'SIGN', 1, () => signOf(size, size === 0 ? sha256() : rootAt(size)).payload)),
    );
    expect(await errorsOf(file)).toEqual(['H4_SIGN_SIZE']);
  });

  test('another root is refused, at the size of the records before it and at an earlier one', async () => {
    const wrong = sha256(Uint8Array.of(9));
    for (const size of [4, 8]) {
      const file = resealed(chunksOf(withPayload(signed, 'SIGN', 1, () => signOf(size, wrong).payload)));
      expect(await errorsOf(file)).toEqual(['H4_SIGN_ROOT']);
    }
  });

  test('a cosignature that arrives while the recording goes on may name an earlier checkpoint', async () => {
    const file = resealed(chunksOf(withPayload(signed, 'SIGN', 1, () => signOf(4, rootAt(4)).payload)));
    expect(await verdictOf(file)).toEqual(sound);
  });

  test('a late SIGN has the size of an earlier SIGN or TAIL', async () => {
    for (const size of [4, 8, 11]) expect(await verdictOf(withLate(signed, signOf(size, rootAt(size))))).toEqual(sound);
    for (const size of [5, 10]) {
      expect(await errorsOf(withLate(signed, signOf(size, rootAt(size))))).toEqual(['H4_SIGN_SIZE']);
    }
    expect(await errorsOf(withLate(signed, signOf(12, root)))).toEqual(['H4_SIGN_SIZE']);
    expect(await errorsOf(withLate(signed, signOf(8, rootAt(4))))).toEqual(['H4_SIGN_ROOT']);
  });

  test('a size that an earlier SIGN only claimed is not remembered', async () => {
    const file = resealed(chunksOf(withPayload(signed, 'SIGN', 0, () => signOf(3, rootAt(3)).payload)));
    const report = await reportOf(withLate(file, signOf(3, rootAt(3))));
    expect(report.errors.map(({ code }) => code)).toEqual(['H4_SIGN_SIZE', 'H4_SIGN_SIZE']);
  });

  test('the size of a TAIL without SIGN is remembered', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero({ tracks }));
      for (const [i, record] of interleaved(9).entries()) {
        await writer.record(record);
        if (i === 3) await writer.indexPoint({ sign: () => undefined });
      }
      await writer.record(endRecord(100));
      await writer.close(signNothing);
    });
    expect(await verdictOf(file)).toEqual(sound);
    const made = recordsOf(file);
    const late = (size: number): Piece => ({
      tag: 'SIGN',
      payload: noteOf({ fileId: made.fileId, size, root: made.rootAt(size) }),
    });
    expect(await verdictOf(withLate(file, late(5)))).toEqual(sound);
    expect(await errorsOf(withLate(file, late(4)))).toEqual(['H4_SIGN_SIZE']);
  });

  test('a file with uid zero must not be signed', async () => {
    const file = await closedRecording(interleaved(2), { tracks, uid: ZERO_UID, sign: signNothing });
    expect(await errorsOf(file)).toEqual(['H4_UID_ZERO_SIGNED']);
  });

  test('more SIGN chunks than the limit end the walk', async () => {
    expect(await verdictOf(signed, { maxNotes: 3 })).toEqual(sound);
    const report = await reportOf(signed, { maxNotes: 2 });
    expect(errorCodes(report)).toEqual(['H4_LIMIT_NOTES']);
    expect(report.records).toBe(11);
  });

  test('more sizes with a TAIL than the limit of signatures end the walk', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero({ tracks }));
      for (const record of interleaved(3)) {
        await writer.record(record);
        await writer.indexPoint();
        await writer.indexPoint();
      }
    });
    expect(errorCodes(await reportOf(file, { maxNotes: 3 }))).toEqual([]);
    expect(errorCodes(await reportOf(file, { maxNotes: 2 }))).toEqual(['H4_LIMIT_NOTES']);
  });

  test('more signature lines than the limit end the walk', async () => {
    expect(errorCodes(await reportOf(signed, { maxNoteLines: 0 }))).toEqual(['H4_LIMIT_NOTES']);
  });
});

const timeOf = (imprint: Uint8Array, token = Uint8Array.of(0x30, 0)): Piece => ({
  tag: 'TIME',
  payload: concatBytes(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), imprint, token),
});

describe('the check of TIME', () => {
  const last = sha256(chunkOf(signed, 'SIGN', -1).payload);

  test('a time stamp over any SIGN before it is right', async () => {
    for (const n of [0, 1, 2]) {
      expect(await verdictOf(withLate(signed, timeOf(sha256(chunkOf(signed, 'SIGN', n).payload))))).toEqual(sound);
    }
  });

  test('one over anything else is refused', async () => {
    for (const imprint of [sha256(), root, new Uint8Array(32)]) {
      expect(await errorsOf(withLate(signed, timeOf(imprint)))).toEqual(['H4_TIME_IMPRINT']);
    }
  });

  test('one over a SIGN behind it is refused', async () => {
    const again = signOf(8, rootAt(8));
    expect(await verdictOf(withLate(signed, again, timeOf(sha256(again.payload))))).toEqual(sound);
    const other: Piece = {
      tag: 'SIGN',
      payload: utf8Encode(`${checkpointText({ fileId, size: 8, root: rootAt(8) })}x\n\n${signatureLine()}`),
    };
    expect(await verdictOf(withLate(signed, other, timeOf(sha256(other.payload))))).toEqual(sound);
    expect(await errorsOf(withLate(signed, timeOf(sha256(other.payload)), other))).toEqual(['H4_TIME_IMPRINT']);
  });

  test('may stand among the records', async () => {
    const chunks = chunksOf(signed);
    const after = chunks.findIndex(({ tag }) => tag === 'SIGN') + 1;
    const file = resealed(
      chunks.toSpliced(after, 0, { ...chunkOf(signed, 'SIGN'), ...timeOf(sha256(chunkOf(signed, 'SIGN').payload)) }),
    );
    expect(await verdictOf(file)).toEqual(sound);
  });

  test('of another type, with padding that is not zero, or without a token is refused', async () => {
    const good = timeOf(last).payload;
    const bad = [
      patched(good, 0, 0),
      patched(good, 0, 2),
      good.subarray(0, 40),
      good.subarray(0, 8),
      new Uint8Array(0),
    ];
    for (let at = 1; at < 8; at++) bad.push(patched(good, at, 1));
    for (const payload of bad) {
      expect(await errorsOf(withLate(signed, { tag: 'TIME', payload }))).toEqual(['H4_TIME_LAYOUT']);
    }
    expect(await verdictOf(withLate(signed, { tag: 'TIME', payload: good.subarray(0, 41) }))).toEqual(sound);
  });
});

describe('the check of ATTS', () => {
  const envelope = {
    payloadType: 'application/vnd.in-toto+json',
    payload: 'e30=',
    signatures: [{ keyid: 'k', sig: 'AA==' }],
  };
  const attsOf = (json: unknown): Piece => ({ tag: 'ATTS', payload: utf8Encode(JSON.stringify(json)) });

  test('an envelope is right, with unknown keys, without key ID, with several signatures', async () => {
    for (const json of [
      envelope,
      { ...envelope, more: 1 },
      { ...envelope, payload: '' },
      { ...envelope, signatures: [{ sig: 'AA==' }, { sig: 'AA==', keyid: '' }] },
    ]) {
      expect(await verdictOf(withLate(signed, attsOf(json)))).toEqual(sound);
    }
  });

  test.each([
    ['no object', []],
    ['nothing in it', {}],
    ['no payload type', { ...envelope, payloadType: undefined }],
    ['a payload type that is no text', { ...envelope, payloadType: 1 }],
    ['no payload', { ...envelope, payload: undefined }],
    ['a payload that is no base64', { ...envelope, payload: 'e3' }],
    ['a payload that is an object', { ...envelope, payload: {} }],
    ['no signatures', { ...envelope, signatures: undefined }],
    ['an empty list of signatures', { ...envelope, signatures: [] }],
    ['signatures that are no list', { ...envelope, signatures: {} }],
    ['a signature that is text', { ...envelope, signatures: ['AA=='] }],
    ['a signature without sig', { ...envelope, signatures: [{ sig: 'AA==' }, { keyid: 'k' }] }],
    ['a key ID that is no text', { ...envelope, signatures: [{ sig: 'AA==', keyid: 1 }] }],
  ])('with %s it is refused', async (_what, json) => {
    expect(await errorsOf(withLate(signed, attsOf(json)))).toEqual(['H4_ATTS_ENVELOPE']);
  });

  test('what is not strict JSON is refused', async () => {
    for (const text of ['', '{', '{"a":1,"a":1}', 'NaN']) {
      const report = await reportOf(withLate(signed, { tag: 'ATTS', payload: utf8Encode(text) }));
      expect(errorCodes(report)).toEqual(['H4_ATTS_ENVELOPE']);
    }
    expect(await errorsOf(withLate(signed, { tag: 'ATTS', payload: Uint8Array.of(0x22, 0xff, 0x22) }))).toEqual([
      'H4_ATTS_ENVELOPE',
    ]);
  });

  test('more JSON or deeper JSON than the limits end the walk', async () => {
    const file = withLate(signed, attsOf({ ...envelope, more: 'x'.repeat(2000) }));
    expect(errorCodes(await reportOf(file, { maxMetaBytes: 1000 }))).toEqual(['H4_LIMIT_META']);
    const deep = withLate(signed, attsOf({ ...envelope, more: [[[[[]]]]] }));
    expect(errorCodes(await reportOf(deep, { maxJsonDepth: 5 }))).toEqual(['H4_LIMIT_META']);
  });
});

describe('SignCheck', () => {
  const chunk = (payload: Uint8Array): Chunk => ({ tag: 'SIGN', offset: 8, size: payload.length, crc: 0, payload });

  test('without a record 0 every origin is that of another file', () => {
    const findings = new Findings(10);
    const context = { findings, limits: createLimits(), demands: {} };
    const check = new SignCheck(context, new CheckpointTrust(undefined, undefined), new RedactionCheck(context.limits));
    const { note } = check.sign(chunk(noteOf({ fileId, size: 1, root })), { fileId: undefined, hasZeroUid: false });
    expect(note.origin.name).toBe(KEY_NAME);
    expect(findings.errors.map(({ code }) => code)).toEqual(['H4_SIGN_ORIGIN']);
  });
});

describeShared('the sample with late signatures', (shared) => {
  const file = Uint8Array.from(readFileSync(`${shared}/samples/late.h4mk`));

  test('lists all three', async () => {
    const { files } = JSON.parse(readFileSync(`${shared}/samples/samples.json`, 'utf8')) as {
      files: Record<string, { signatures?: { size: number; origin: string }[] }>;
    };
    const report = await reportOf(file);
    const listed = report.signatures.map(({ size, origin }) => ({ size, origin }));
    const expected = files['late.h4mk']?.signatures?.map(({ size, origin }) => ({ size, origin }));
    expect(listed).toEqual(expected);
    expect(warningCodes(report)).toEqual([]);
  });

  test('is never whole when it is cut, but for the file that it was before', async () => {
    const whole: number[] = [];
    const veri = chunkOf(file, 'VERI').offset;
    for (let length = 0; length < file.length; length += length < veri ? 7 : 1) {
      if ((await reportOf(file.subarray(0, length))).exit_code === 0) whole.push(length);
    }
    // Whoever holds the file can cut off what was added late: what remains is the file as it was closed.
    expect(whole).toEqual([chunkOf(file, 'TAIL', -2).offset + 172]);
  });

  test('is never whole with a bit flipped', async () => {
    // What VERI covers is tried less densely than what stands behind it.
    const veri = chunkOf(file, 'VERI').offset;
    const bitsAt = (at: number): readonly number[] => (at < veri && at % 7 > 0 ? [] : bitInTurn(at));
    for (const { at, bit, changed } of withOneBitFlipped(file, bitsAt)) {
      const report = await reportOf(changed);
      expect(report.exit_code, `bit ${bit} of byte ${at}`).not.toBe(0);
    }
  });
});
