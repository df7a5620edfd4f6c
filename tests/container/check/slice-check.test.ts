import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Tail } from '../../../src/container/format/tail.js';
import { encodeTail } from '../../../src/container/format/tail.js';
import { concatBytes, toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import {
  AUDIO,
  type Piece,
  VIDEO,
  assembled,
  chunksOf,
  closedRecording,
  interleaved,
  mediaRecord,
  metaRecord,
  patched,
} from '../../support/container.js';
import { noteOf, originOf } from '../../support/notes.js';
import { bitInTurn, errorCodes, reportOf, verdictOf, warningCodes, withOneBitFlipped } from '../../support/reports.js';
import { describeShared } from '../../support/shared.js';
import { prof, record, recordsOf, run, sign, slice, slicePieces, withTail } from '../../support/slices.js';

const tracks = [VIDEO, AUDIO];
/** Record 0, records 1 to 30 of two tracks in turn (track 0 at odd numbers), the end record 31. */
const records = recordsOf(await closedRecording(interleaved(30), { tracks, totals: true }));
const SIZE = 32;
const RUNS = [
  [5, 8],
  [10, 11],
  [20, 24],
] as const;
const pieces = slicePieces(records, RUNS);

const OK = { exit: 3, errors: [], warnings: [] };
const errorsOf = async (file: Uint8Array): Promise<string[]> => errorCodes(await reportOf(file));
/** Errors of a slice with these chunks before a TAIL that describes them. */
const errorsWith = (changed: readonly Piece[]): Promise<string[]> => errorsOf(withTail(changed, records.root));
const at = (tag: string, n = 0): number =>
  pieces.findIndex((piece) => piece === pieces.filter((one) => one.tag === tag)[n]);
const time = (note: Piece): Piece => ({
  tag: 'TIME',
  payload: concatBytes(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), sha256(note.payload), Uint8Array.of(0x30)),
});
const atts: Piece = {
  tag: 'ATTS',
  payload: utf8Encode('{"payload":"","payloadType":"x","signatures":[{"sig":""}]}'),
};

describe('a sound slice', () => {
  test('carries some records of a tree and proves its root', async () => {
    const report = await reportOf(slice(records, RUNS));
    expect(report).toMatchObject({
      format: 'H4MK v1 slice',
      state: 'SIGNED_UNTRUSTED_KEY',
      exit_code: 3,
      root: toHex(records.root),
      file_id: toHex(records.fileId),
      records: 9,
      tree_size: SIZE,
      signatures: [{ size: SIZE, origin: originOf(records.fileId), verified: [] }],
      errors: [],
      warnings: [],
    });
  });

  test('may have any ascending runs, whatever they begin and end with', async () => {
    for (let first = 1; first < SIZE; first++) {
      for (let end = first + 1; end <= SIZE; end++) expect(await verdictOf(slice(records, [[first, end]]))).toEqual(OK);
    }
  });

  test('may have runs with a gap of a single record', async () => {
    const runs = Array.from({ length: 15 }, (_, i) => [2 * i + 1, 2 * i + 2] as const);
    expect(await verdictOf(slice(records, runs))).toEqual(OK);
  });

  test('may begin its first run with record 0, which stands before the proofs', async () => {
    for (const end of [1, 2, 9, SIZE]) expect(await verdictOf(slice(records, [[0, end]]))).toEqual(OK);
    expect(
      await verdictOf(
        slice(records, [
          [0, 3],
          [5, 9],
        ]),
      ),
    ).toEqual(OK);
  });

  test('need not be signed', async () => {
    const report = await reportOf(
      withTail(
        pieces.filter(({ tag }) => tag !== 'SIGN'),
        records.root,
      ),
    );
    expect(report).toMatchObject({ state: 'NOT_SIGNED', exit_code: 3, root: toHex(records.root), error_count: 0 });
  });

  test('may have signatures, time stamps and attestations before and after its records', async () => {
    const note = sign(records);
    const notes = [time(note), atts, note];
    expect(
      await verdictOf(withTail([...pieces.toSpliced(at('SIGN') + 1, 0, ...notes), ...notes], records.root)),
    ).toEqual(OK);
  });

  test('may be redacted, which the report counts', async () => {
    const payload = at('CORE', 1);
    const size = pieces[payload]?.payload.length ?? 0;
    for (const left of [0, size]) {
      const file = withTail(pieces.with(payload, { tag: 'VOID', payload: new Uint8Array(left) }), records.root);
      expect(await reportOf(file)).toMatchObject({ exit_code: 3, redacted: 1, errors: [] });
    }
  });

  test('is recognised by its TAIL where something stands before the proofs, and is then out of order', async () => {
    const [proof, ...rest] = pieces.slice(2);
    if (proof === undefined) throw new Error('no PROF');
    const report = await reportOf(withTail([...pieces.slice(0, 2), sign(records), proof, ...rest], records.root));
    expect(report.format).toBe('H4MK v1 slice');
    expect(errorCodes(report)).toEqual(['H4_CHUNK_ORDER']);
  });
});

describe('the order of chunks in a slice', () => {
  test.each(['TILE', 'SEEK', 'VERI', 'xtra'])('leaves no place for %s', async (tag) => {
    for (const where of [3, at('SIGN'), at('TOKN', 2), pieces.length]) {
      expect(await errorsWith(pieces.toSpliced(where, 0, { tag, payload: new Uint8Array(32) }))).toEqual([
        'H4_CHUNK_ORDER',
      ]);
    }
  });

  test('wants all PROFs directly behind record 0', async () => {
    const last = at('PROF', 2);
    const moved = pieces[last];
    if (moved === undefined) throw new Error('no PROF');
    for (const tag of ['SIGN', 'TOKN']) {
      const where = tag === 'SIGN' ? at('SIGN') + 1 : at('TOKN', 2);
      expect(await errorsWith(pieces.toSpliced(where, 0, moved).toSpliced(last, 1))).toEqual(['H4_CHUNK_ORDER']);
    }
  });

  test('wants the records together', async () => {
    expect(await errorsWith(pieces.toSpliced(at('TOKN', 4), 0, sign(records)))).toEqual(['H4_CHUNK_ORDER']);
    expect(await errorsWith(pieces.toSpliced(at('TOKN', 4), 0, atts))).toEqual(['H4_CHUNK_ORDER']);
  });

  test('wants a payload behind every TOKN, and a TOKN before every payload', async () => {
    expect(await errorsWith(pieces.toSpliced(at('CORE', 1), 0, atts))).toEqual(['H4_PAYLOAD_TAG']);
    expect(await errorsWith(pieces.toSpliced(at('TOKN', 3), 0, { tag: 'CORE', payload: Uint8Array.of(1) }))).toEqual([
      'H4_ORPHAN_PAYLOAD',
    ]);
  });

  test('lets nothing follow TAIL', async () => {
    const whole = chunksOf(slice(records, RUNS));
    const [tail] = whole.slice(-1);
    if (tail === undefined) throw new Error('no TAIL');
    for (const more of [sign(records), atts, { tag: 'xtra', payload: new Uint8Array(0) }]) {
      expect(await errorsOf(assembled([...whole, more]))).toEqual(['H4_CHUNK_ORDER']);
    }
    expect(await errorsOf(assembled([...whole, ...record(records, 31)]))).toEqual(['H4_CHUNK_ORDER', 'H4_PROF_COVER']);
    expect(await errorsOf(withTail(whole, records.root))).toEqual(['H4_CHUNK_ORDER']);
  });

  test('ends the walk where a TOKN cannot be read', async () => {
    const broken = pieces.with(at('TOKN', 2), { tag: 'TOKN', payload: Uint8Array.of(2, ...new Uint8Array(79)) });
    const report = await reportOf(withTail(broken, records.root));
    expect(errorCodes(report)).toEqual(['H4_TOKN_SUITE']);
    expect(report.records).toBe(2);
  });

  test('more records than the limit end the walk', async () => {
    expect(await verdictOf(slice(records, RUNS), { maxRecords: 9 })).toEqual(OK);
    expect(errorCodes(await reportOf(slice(records, RUNS), { maxRecords: 8 }))).toEqual(['H4_LIMIT_RECORDS']);
  });
});

describe('PROF', () => {
  test('that cannot be read leaves coverage and root unknown', async () => {
    for (const payload of [
      new Uint8Array(0),
      new Uint8Array(24),
      pieces[2]?.payload.subarray(0, -32) ?? new Uint8Array(0),
    ]) {
      const report = await reportOf(withTail(pieces.with(2, { tag: 'PROF', payload }), records.root));
      expect(errorCodes(report)).toEqual(['H4_PROF_LAYOUT']);
      expect(report).toMatchObject({ root: null, records: 9, tree_size: SIZE });
    }
  });

  test('of a run that overlaps, touches or precedes the one before it is refused', async () => {
    for (const [first, end] of [
      [4, 7],
      [7, 9],
      [8, 10],
      [2, 3],
      [5, 8],
    ] as const) {
      const report = await reportOf(
        withTail(
          [...record(records, 0), prof(records, 5, 8), prof(records, first, end), sign(records), ...run(records, 5, 8)],
          records.root,
        ),
      );
      expect(errorCodes(report), `${first} to ${end}`).toEqual(['H4_PROF_LAYOUT']);
      expect(report.root).toBeNull();
    }
  });

  test('of another tree size than the one before it is refused', async () => {
    const smaller = { ...records, leaves: records.leaves.slice(0, 31) };
    const report = await reportOf(withTail(pieces.with(at('PROF', 1), prof(smaller, 10, 11)), records.root));
    expect(errorCodes(report)).toEqual(['H4_PROF_ROOT']);
    expect(report.root).toBeNull();
  });

  test('of another tree size is refused even if it leads to the same root', async () => {
    // The right edge of a tree of 28 looks like that of one of 32: only a signature says how many records there are.
    const unsigned = pieces.filter(({ tag }) => tag !== 'SIGN');
    const proof = pieces[at('PROF', 2)]?.payload ?? new Uint8Array(0);
    const other = unsigned.with(at('PROF', 2), { tag: 'PROF', payload: patched(proof, 0, 28, 8) });
    expect(await errorsWith(other)).toEqual(['H4_PROF_ROOT']);
  });

  test('with another hash leads to another root', async () => {
    for (const n of [0, 1, 2]) {
      const proof = pieces[at('PROF', n)]?.payload ?? new Uint8Array(0);
      const changed = patched(proof, 24, (proof[24] ?? 0) ^ 1);
      const report = await reportOf(
        withTail(pieces.with(at('PROF', n), { tag: 'PROF', payload: changed }), records.root),
      );
      expect(errorCodes(report)).toEqual(['H4_PROF_ROOT']);
      expect(report.root).toBeNull();
    }
  });

  test('the only one, with another hash, is not what was signed', async () => {
    const only = slicePieces(records, [[5, 8]]);
    const proof = only[2]?.payload ?? new Uint8Array(0);
    const changed = only.with(2, { tag: 'PROF', payload: patched(proof, 24, (proof[24] ?? 0) ^ 1) });
    expect(await errorsWith(changed)).toEqual(['H4_TAIL_ROOT', 'H4_SIGN_ROOT']);
  });

  test('must cover every record but record 0', async () => {
    const uncovered = pieces.toSpliced(at('TOKN', 5), 0, ...record(records, 12));
    const report = await reportOf(withTail(uncovered, records.root));
    expect(errorCodes(report)).toEqual(['H4_PROF_COVER']);
    expect(report).toMatchObject({ root: toHex(records.root), records: 10 });
    expect(await errorsWith([...pieces, ...record(records, 30)])).toEqual(['H4_PROF_COVER']);
    const before = pieces.toSpliced(at('TOKN', 1), 0, ...record(records, 1));
    expect(await errorsWith(before)).toEqual(['H4_PROF_COVER']);
  });

  test('must find every record of its run', async () => {
    const lost = (n: number): Piece[] => pieces.toSpliced(at('TOKN', n), 2);
    // Records 5, 6, 7 | 10 | 20, 21, 22, 23 are TOKN 1 to 8.
    expect(await errorsWith(lost(1))).toEqual(['H4_PROF_ROOT']);
    expect(await errorsWith(lost(2))).toEqual(['H4_TOKN_SEQ_GAP', 'H4_PROF_ROOT']);
    expect(await errorsWith(lost(3))).toEqual(['H4_TOKN_SEQ_GAP', 'H4_PROF_ROOT']);
    expect(await errorsWith(lost(4))).toEqual(['H4_PROF_ROOT']);
    expect(await errorsWith(lost(8))).toEqual(['H4_PROF_ROOT']);
    for (const n of [1, 5, 8]) {
      const report = await reportOf(withTail(lost(n), records.root));
      expect(report.errors).toHaveLength(1);
      expect(report.root).toBeNull();
    }
  });

  test('all together are held only up to the limit of a chunk', async () => {
    const bytes = pieces.filter(({ tag }) => tag === 'PROF').reduce((sum, { payload }) => sum + payload.length, 0);
    const file = slice(records, RUNS);
    expect(await verdictOf(file, { maxChunkBytes: bytes })).toEqual(OK);
    expect(errorCodes(await reportOf(file, { maxChunkBytes: bytes - 1 }))).toEqual(['H4_LIMIT_CHUNK']);
  });
});

describe('SIGN in a slice', () => {
  const withNote = (payload: Uint8Array): Promise<string[]> =>
    errorsWith(pieces.with(at('SIGN'), { tag: 'SIGN', payload }));
  const { fileId, root } = records;

  test('must have the size of the proofs', async () => {
    for (const size of [0, 1, 31, 33]) expect(await withNote(noteOf({ fileId, size, root }))).toEqual(['H4_SIGN_SIZE']);
  });

  test('must have the root of the proofs', async () => {
    expect(await withNote(noteOf({ fileId, size: SIZE, root: sha256() }))).toEqual(['H4_SIGN_ROOT']);
  });

  test('must name the file', async () => {
    expect(await withNote(noteOf({ fileId: root, size: SIZE, root }))).toEqual(['H4_SIGN_ORIGIN']);
  });

  test('must agree with the SIGN before it', async () => {
    const other: Piece = { tag: 'SIGN', payload: noteOf({ fileId, size: SIZE, root: sha256() }) };
    expect(await errorsWith([...pieces, other])).toEqual(['H4_SIGN_ROOT']);
    expect(await errorsWith([...pieces, sign(records)])).toEqual([]);
  });

  test('that is no note is refused, and TAIL still leads to it', async () => {
    expect(await withNote(utf8Encode('no note'))).toEqual(['H4_SIGN_NOTE']);
  });

  test('gives TIME its imprint', async () => {
    expect(await errorsWith([...pieces, time(sign(records))])).toEqual([]);
    expect(await errorsWith([...pieces, time({ tag: 'SIGN', payload: new Uint8Array(0) })])).toEqual([
      'H4_TIME_IMPRINT',
    ]);
  });
});

describe('TAIL of a slice', () => {
  const withFields = (changed: Partial<Tail>): Promise<string[]> => errorsOf(withTail(pieces, records.root, changed));

  test('must describe the slice', async () => {
    for (const field of ['records', 'meta', 'seek', 'veri', 'sign', 'prev'] as const) {
      expect(await withFields({ [field]: 100 }), field).toEqual(['H4_TAIL_FIELD']);
    }
    expect(await withFields({ tiles: [0, 0, 1] })).toEqual(['H4_TAIL_FIELD']);
    // A TAIL that does not name its own place is none when it is looked for at the end; PROF tells what the file is.
    expect(await withFields({ self: 8 })).toEqual(['H4_TAIL_FIELD']);
  });

  test('must have the proven root', async () => {
    expect(await withFields({ root: sha256() })).toEqual(['H4_TAIL_ROOT']);
  });

  test('must have state 2', async () => {
    expect(await withFields({ state: 0 })).toEqual(['H4_TAIL_STATE']);
    expect(await withFields({ state: 1 })).toEqual(['H4_TAIL_STATE']);
  });

  test('says "slice" only where there is a PROF', async () => {
    const unproven = pieces.filter(({ tag }) => tag !== 'PROF');
    expect(await errorsWith(unproven)).toEqual(['H4_TAIL_STATE']);
    const report = await reportOf(withTail([...record(records, 0), sign(records)], records.root));
    expect(errorCodes(report)).toEqual(['H4_TAIL_STATE']);
    expect(report).toMatchObject({ format: 'H4MK v1 slice', records: 1, tree_size: 0, root: null });
  });

  test('that does not parse is refused', async () => {
    const tail = { self: 0, state: 2, records: 0, meta: 0, seek: 0, veri: 0, sign: 0, prev: 0, tiles: [] } as const;
    const payload = patched(encodeTail({ ...tail, root: records.root }), 8, 3);
    expect(await errorsOf(assembled([...pieces, { tag: 'TAIL', payload }]))).toEqual(['H4_TAIL_LAYOUT']);
  });
});

describe('records in a slice', () => {
  test('follow no end record', async () => {
    const early = recordsOf(
      await closedRecording(
        [mediaRecord({ pts: 0, key: true }), metaRecord({ h4mk: { end: true } }), mediaRecord({ pts: 1, key: true })],
        { tracks },
      ),
    );
    expect(await errorsOf(slice(early, [[2, 4]]))).toEqual(['H4_AFTER_END']);
    expect(await errorsOf(slice(early, [[1, 3]]))).toEqual([]);
  });

  test('are of tracks that record 0 or a META in the slice declares', async () => {
    const later = recordsOf(
      await closedRecording(
        [
          mediaRecord({ pts: 0, key: true }),
          metaRecord({ h4mk: { tracks: [{ id: 1, kind: 'audio' }] } }),
          mediaRecord({ pts: 1, key: true, track: 1 }),
        ],
        { tracks: [VIDEO] },
      ),
    );
    expect(await errorsOf(slice(later, [[2, 4]]))).toEqual([]);
    expect(await errorsOf(slice(later, [[3, 4]]))).toEqual(['H4_TRACK_UNDECLARED']);
  });

  test('have the payload they committed to', async () => {
    const payload = at('CORE', 2);
    expect(await errorsWith(pieces.with(payload, { tag: 'CORE', payload: Uint8Array.of(9, 9, 9) }))).toEqual([
      'H4_COMMIT_MISMATCH',
    ]);
  });

  test('may hold an end record whose totals cannot be checked', async () => {
    expect(await verdictOf(slice(records, [[31, 32]]))).toEqual(OK);
  });
});

describe('a slice that broke off', () => {
  const whole = slice(records, RUNS);

  test('is sound as far as it goes where its last run is whole or has not begun, and never more than that', async () => {
    const chunks = chunksOf(whole);
    // Ends of chunks at which a run is going on: behind each payload of records 5, 6, 20, 21 and 22, and each next TOKN.
    const going = new Set<number>();
    let seen = 0;
    for (const { tag, offset, size } of chunks) {
      if (tag === 'TOKN') seen++;
      const covered = tag === 'CORE' ? seen - 1 : seen - 2;
      if ([1, 2, 5, 6, 7].includes(covered)) going.add(offset + 12 + size);
    }
    const ends = chunks.map(({ offset, size }) => offset + 12 + size);
    for (let length = 8; length < whole.length; length++) {
      const report = await reportOf(whole.subarray(0, length));
      const last = ends.filter((end) => end <= length).length;
      const codes = errorCodes(report);
      if (last < 2) expect(codes).toEqual(['H4_NO_RECORDS']);
      else if (going.has(ends[last - 1] ?? 0)) expect(codes, `${length}`).toEqual(['H4_PROF_ROOT']);
      else expect(codes, `${length}`).toEqual([]);
      if (last > 2) expect(warningCodes(report)).toContain('H4_TAIL_MISSING');
      expect(report.exit_code).toBe(codes.length === 0 ? 3 : 1);
    }
  });

  test('has the root of its whole runs', async () => {
    const end = chunksOf(whole)[at('TOKN', 4)]?.offset ?? 0;
    expect(await reportOf(whole.subarray(0, end))).toMatchObject({
      root: toHex(records.root),
      records: 4,
      exit_code: 3,
    });
    const none = chunksOf(whole)[at('TOKN', 1)]?.offset ?? 0;
    expect(await reportOf(whole.subarray(0, none))).toMatchObject({ root: null, records: 1, exit_code: 3 });
  });

  test('is compared with its signature all the same', async () => {
    const wrong = pieces.with(at('SIGN'), {
      tag: 'SIGN',
      payload: noteOf({ fileId: records.fileId, size: SIZE, root: sha256() }),
    });
    expect(await verdictOf(assembled(wrong))).toEqual({
      exit: 1,
      errors: ['H4_SIGN_ROOT'],
      warnings: ['H4_TAIL_MISSING'],
    });
  });

  test('is damaged inside where it ends in a TAIL', async () => {
    const [, , proof] = chunksOf(whole);
    const damaged = patched(whole, (proof?.offset ?? 0) + 4, 0x7fffffff, 4);
    expect(await errorsOf(damaged)).toEqual(['H4_INNER_DAMAGE']);
  });
});

describe('a slice with a bit flipped', () => {
  test('is never as sound as before', async () => {
    const file = slice(records, [
      [5, 7],
      [9, 10],
    ]);
    for (const { at: byte, bit, changed } of withOneBitFlipped(file)) {
      const { exit, warnings } = await verdictOf(changed);
      expect(exit === 1 || warnings.includes('H4_TAIL_MISSING'), `bit ${bit} of byte ${byte}`).toBe(true);
    }
  });
});

describeShared('the sample slice', (shared) => {
  const file = Uint8Array.from(readFileSync(`${shared}/samples/slice.h4mk`));

  test('is never sound with a bit flipped, and never more than a part when it is cut', async () => {
    for (const { at: byte, bit, changed } of withOneBitFlipped(file, bitInTurn)) {
      const { exit, warnings } = await verdictOf(changed);
      expect(exit === 1 || warnings.includes('H4_TAIL_MISSING'), `bit ${bit} of byte ${byte}`).toBe(true);
    }
    for (let length = 0; length < file.length; length += 7) {
      expect((await reportOf(file.subarray(0, length))).exit_code).not.toBe(0);
    }
  });
});
