import { describe, expect, test } from 'vitest';
import { redactRecording } from '../../../src/container/redact/redact.js';
import { type VerificationReport, type VerifyOptions, verifyContainer } from '../../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { statementKey } from '../../../src/utils/signing-key.js';
import { SIGNER, TRUST, cutFrom, opened, pictures, signedRecording } from '../../support/clips.js';
import { keyOf, statementBy, vkeyOf } from '../../support/signed.js';
import { recordsOf, slicePieces, withTail } from '../../support/slices.js';

const trust = { ...TRUST, statementKeys: [vkeyOf(statementKey(SIGNER))] };
const recording = await signedRecording(pictures(10));
const { fileId } = recordsOf(recording);
const check = (file: Uint8Array, options: VerifyOptions = { trust }): Promise<VerificationReport> =>
  verifyContainer(createMemorySource(file), options);
const redacted = async (file: Uint8Array, records: readonly number[], statement?: Uint8Array): Promise<Uint8Array> => {
  const sink = createMemorySink();
  const isRemoved = ({ seq }: { readonly seq: number }): boolean => records.includes(seq);
  await redactRecording(createMemorySource(file), sink, {
    isRemoved,
    ...(statement === undefined ? {} : { statement }),
  });
  return sink.bytes().slice();
};
const stating = (seq: readonly unknown[], key = SIGNER, of = fileId): Uint8Array =>
  statementBy(key, { fileId: of, predicate: { seq, reason: 'privacy' } });

describe('a redacted record', () => {
  test('is named with its time, and is unexplained without a statement', async () => {
    expect(await check(await redacted(recording, [3, 4]))).toMatchObject({
      state: 'OK_WITH_REDACTIONS',
      redacted: 2,
      redacted_records: [
        { seq: 3, track: 0, from_pts: 40, to_pts: 80 },
        { seq: 4, track: 1, from_pts: 40, to_pts: 80 },
      ],
      unexplained: [3, 4],
      unexplained_count: 2,
      still_there: [],
      still_there_count: 0,
    });
  });

  test('is explained by a believed statement that names it, and by no other', async () => {
    const once = await redacted(recording, [3, 4], stating([3, 4]));
    expect(await check(once)).toMatchObject({ unexplained: [], unexplained_count: 0 });
    const twice = await redacted(once, [9]);
    expect(await check(twice)).toMatchObject({ redacted: 3, unexplained: [9], unexplained_count: 1, still_there: [] });
    for (const options of [{}, { trust: TRUST }]) {
      expect(await check(twice, options)).toMatchObject({ unexplained: [3, 4, 9], unexplained_count: 3 });
    }
  });

  test.each([
    ['of a stranger', stating([3], keyOf(9, 'x'))],
    ['about another recording', stating([3], SIGNER, sha256(Uint8Array.of(1)))],
  ])('is not explained by a statement %s', async (_what, statement) => {
    expect(await check(await redacted(recording, [3], statement))).toMatchObject({ unexplained: [3], still_there: [] });
  });

  test('is explained beyond what a report lists of a statement', async () => {
    const many = [...Array.from({ length: 1000 }, (_, i) => i + 100), 3];
    const report = await check(await redacted(recording, [3], stating(many)));
    expect(report).toMatchObject({ unexplained_count: 0, statements: [{ record_count: 1001 }] });
  });

  test('that is stated and still there is told, with every number that is none left out', async () => {
    const statement = stating([3, 5, 6, -1, 'x', 5000, 2 ** 53 - 1]);
    expect(await check(await redacted(recording, [3], statement))).toMatchObject({
      unexplained_count: 0,
      still_there: [5, 6],
      still_there_count: 2,
    });
  });

  test('is listed up to the limit of a report, and counted beyond', async () => {
    const file = await redacted(recording, [3, 4, 5], stating([6, 7, 8]));
    const report = await check(file, { trust, limits: { maxReport: 2 } });
    expect(report).toMatchObject({ unexplained: [3, 4], unexplained_count: 3, still_there: [6, 7] });
    expect([report.redacted_records.length, report.still_there_count]).toEqual([2, 3]);
  });
});

describe('of a slice', () => {
  const of = async (file: Uint8Array): Promise<Uint8Array> =>
    (await cutFrom(await opened(file), { ranges: [{ from: 200, to: 400 }] })).bytes;

  test('only records that it shows are still there', async () => {
    const records = recordsOf(await redacted(recording, [13]));
    const pieces = [...slicePieces(records, [[10, 18]]), { tag: 'ATTS', payload: stating([3, 13, 15]) }];
    expect(await check(withTail(pieces, records.root))).toMatchObject({
      format: 'H4MK v1 slice',
      errors: [{ code: 'H4_SIGN_UNTRUSTED' }],
      unexplained: [],
      still_there: [15],
    });
  });

  test('a record is unexplained also beyond the numbers that a reader takes', async () => {
    const file = await of(await redacted(recording, [13]));
    const { records } = await check(file);
    expect(records).toBeLessThan(13);
    const report = await check(file, { trust, limits: { maxRecords: 13 } });
    expect([report.state, report.redacted, report.unexplained_count]).toEqual(['OK_SLICE', 1, 1]);
  });
});
