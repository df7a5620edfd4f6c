import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeHeader } from '../../../src/container/format/header.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { AUDIO, VIDEO, assembled, chunksOf, closedRecording, interleaved, patched } from '../../support/container.js';
import { errorCodes, reportOf, warningCodes } from '../../support/reports.js';
import { recordsOf, slice } from '../../support/slices.js';

const stream = await closedRecording(interleaved(6), { tracks: [VIDEO, AUDIO] });
const clip = slice(recordsOf(stream), [[2, 4]]);
const [tokn, meta, third] = chunksOf(stream);
if (tokn === undefined || meta === undefined || third === undefined) throw new Error('no record 0');

describe('the form of a file', () => {
  test('is told by its first and third chunk', async () => {
    expect((await reportOf(stream)).format).toBe('H4MK v1 final');
    expect((await reportOf(clip)).format).toBe('H4MK v1 slice');
    expect((await reportOf(clip.subarray(0, -1))).format).toBe('H4MK v1 slice');
    expect((await reportOf(assembled([meta]))).format).toBe('H4MK v1 legacy');
  });

  test('is a stream as long as nothing else is known', async () => {
    for (const end of [8, 9, 20, meta.offset, meta.offset + 20, third.offset]) {
      expect(await reportOf(clip.subarray(0, end)), `${end}`).toMatchObject({ records: end === third.offset ? 1 : 0 });
    }
    expect(await reportOf(clip.subarray(0, third.offset))).toMatchObject({ format: 'H4MK v1 live', exit_code: 3 });
  });

  test('does not matter to a TOKN without its payload', async () => {
    for (const file of [stream, clip]) {
      const last = chunksOf(file).findLast(({ tag }) => tag === 'TOKN');
      const report = await reportOf(file.subarray(0, (last?.offset ?? 0) + 12 + (last?.size ?? 0)));
      expect(warningCodes(report)[0]).toBe('H4_TOKN_NO_PAYLOAD');
    }
  });

  test('is told by the tag of a first chunk that was cut', async () => {
    const record = await reportOf(stream.subarray(0, 40));
    expect(record.format).toBe('H4MK v1 live');
    expect([errorCodes(record), warningCodes(record)]).toEqual([['H4_NO_RECORDS'], ['H4_TRUNCATED']]);
    const legacy = await reportOf(concatBytes(encodeHeader(), patched(new Uint8Array(20).fill(65), 4, 9, 4)));
    expect(legacy.format).toBe('H4MK v1 legacy');
    expect([errorCodes(legacy), warningCodes(legacy)]).toEqual([['H4_TRUNCATED'], []]);
  });

  test('is unknown where the first chunk has no tag', async () => {
    const report = await reportOf(patched(stream, 8, 0));
    expect(report).toMatchObject({ format: 'unknown', state: 'NOT_OK', exit_code: 1, root: null, records: 0 });
    expect(errorCodes(report)).toEqual(['H4_BAD_TAG']);
  });
});

describe('what stands before the form is known', () => {
  test('is checked even if the chunk behind it cannot be read', async () => {
    const report = await reportOf(patched(stream, third.offset, 0));
    expect(errorCodes(report)).toEqual(['H4_BAD_TAG']);
    expect(report).toMatchObject({ format: 'H4MK v1 live', records: 1, file_id: (await reportOf(stream)).file_id });
  });

  test('is reported first', async () => {
    const broken = patched(patched(stream, meta.offset + 12, 0), third.offset, 0);
    expect(errorCodes(await reportOf(broken))).toEqual([
      'H4_CRC_MISMATCH',
      'H4_COMMIT_MISMATCH',
      'H4_META_JSON',
      'H4_BAD_TAG',
    ]);
  });

  test('ends the walk where it cannot be understood, whatever follows', async () => {
    const unreadable = assembled([{ tag: 'TOKN', payload: patched(tokn.payload, 0, 2) }, meta, third]);
    for (const file of [unreadable, unreadable.subarray(0, -1), patched(unreadable, third.offset, 0)]) {
      const report = await reportOf(file);
      expect([errorCodes(report), warningCodes(report)]).toEqual([['H4_TOKN_SUITE'], []]);
    }
  });

  test('is compared with VERI like all else', async () => {
    const body = assembled([tokn, meta]);
    const closed = concatBytes(body, assembled([{ tag: 'VERI', payload: sha256(body.subarray(8)) }]).subarray(8));
    expect(errorCodes(await reportOf(closed))).toEqual(['H4_CHUNK_ORDER', 'H4_TILE_PLACE']);
    const stale = assembled([tokn, meta, { tag: 'VERI', payload: sha256() }]);
    expect(errorCodes(await reportOf(stale))).toEqual(['H4_CHUNK_ORDER', 'H4_VERI_MISMATCH', 'H4_TILE_PLACE']);
  });
});

describe('any chunks in any order', () => {
  const known = [stream, clip].flatMap((file) => chunksOf(file)).map(({ tag, payload }) => ({ tag, payload }));
  const tags = [
    'TOKN',
    'CORE',
    'SAFE',
    'META',
    'VOID',
    'TILE',
    'SIGN',
    'SEEK',
    'VERI',
    'TAIL',
    'TIME',
    'ATTS',
    'PROF',
    'xtra',
  ];
  const made = fc.record({ tag: fc.constantFrom(...tags), payload: fc.uint8Array({ maxLength: 200 }) });
  /** A TOKN with the payload that belongs to it, or any chunk, known or made up. */
  const part = fc.oneof(
    fc.nat({ max: known.length - 1 }).map((i) => known.slice(i, known[i]?.tag === 'TOKN' ? i + 2 : i + 1)),
    made.map((chunk) => [chunk]),
  );

  test('give a report, and never a sound one unless they are one of the two files', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 12 }), fc.boolean(), async (parts, isRecord) => {
        const report = await reportOf(assembled([...(isRecord ? [tokn, meta] : []), ...parts.flat()]));
        expect(['H4MK v1 live', 'H4MK v1 final', 'H4MK v1 slice', 'H4MK v1 legacy']).toContain(report.format);
        expect(report.exit_code).not.toBe(0);
        expect(report.exit_code === 1).toBe(report.error_count > 0);
      }),
      { numRuns: 400 },
    );
  });

  test('of any bytes give a report', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, hasHeader) => {
        const report = await reportOf(hasHeader ? concatBytes(encodeHeader(), bytes) : bytes);
        expect(report.exit_code).toBe(1);
      }),
    );
  });
});
