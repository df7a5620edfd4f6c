import { describe, expect, test } from 'vitest';
import { AUDIO, VIDEO, assembled, closedRecording, interleaved, patched } from '../../support/container.js';
import { errorCodes, reportOf } from '../../support/reports.js';
import {
  type Records,
  prof,
  record,
  recordsOf,
  run,
  sign,
  slice,
  slicePieces,
  withTail,
} from '../../support/slices.js';

/**
 * Record 0, records 1 to 30 of two tracks in turn, blocks of 3 bytes, the end record 31. Track 0 has the odd numbers and a
 * KEY record at 1, 7, 13, 19 and 25; track 1 has the even ones, all KEY. Record k has PTS 10 * (k - 1).
 */
const records = recordsOf(await closedRecording(interleaved(30), { tracks: [VIDEO, AUDIO] }));
const RUNS = [
  [5, 8],
  [10, 11],
  [20, 24],
] as const;
const pieces = slicePieces(records, RUNS);

const PTS = { at: 16, width: 8 } as const;
const POS = { at: 24, width: 8 } as const;
const BACK = { at: 32, width: 4 } as const;

/** The recording with a field of the TOKN of record `seq` changed, which makes it another tree. */
const changed = (seq: number, field: typeof PTS | typeof POS | typeof BACK, value: number): Records => {
  const [tokn, payload] = record(records, seq);
  const other = { tag: 'TOKN', payload: patched(tokn.payload, field.at, value, field.width) };
  return recordsOf(assembled(records.pieces.with(seq, [other, payload]).flat()));
};

const errorsOf = async (file: Uint8Array): Promise<string[]> => errorCodes(await reportOf(file));

const errorsWith = (
  seq: number,
  field: typeof PTS | typeof POS | typeof BACK,
  value: number,
  runs: readonly (readonly [number, number])[] = RUNS,
): Promise<string[]> => errorsOf(slice(changed(seq, field, value), runs));

describe('back in a slice', () => {
  test('is exact where the last KEY record of the track is in the run', async () => {
    expect(await errorsWith(22, BACK, 2)).toEqual([]);
    for (const back of [0, 1, 3]) expect(await errorsWith(22, BACK, back), `${back}`).toEqual(['H4_TOKN_BACK']);
  });

  test('leads into the gap, or to the last KEY record before it, where the run has none of the track so far', async () => {
    // Record 20 begins a run; the last KEY record of its track that is here is record 10.
    for (const back of [1, 2, 9, 10]) expect(await errorsWith(20, BACK, back), `${back}`).toEqual([]);
    for (const back of [0, 11, 20, 21]) expect(await errorsWith(20, BACK, back), `${back}`).toEqual(['H4_TOKN_BACK']);
    // Record 21 is the second of its run, and record 20 is of the other track; the last one here is record 7.
    for (const back of [2, 14]) expect(await errorsWith(21, BACK, back), `${back}`).toEqual([]);
    for (const back of [0, 1, 15]) expect(await errorsWith(21, BACK, back), `${back}`).toEqual(['H4_TOKN_BACK']);
  });

  test('leads anywhere before the run, or nowhere, where no KEY record of the track is here', async () => {
    for (const back of [0, 1, 4, 5]) expect(await errorsWith(5, BACK, back), `${back}`).toEqual([]);
    expect(await errorsWith(5, BACK, 6)).toEqual(['H4_TOKN_BACK']);
    for (const back of [0, 2, 6]) expect(await errorsWith(6, BACK, back), `${back}`).toEqual([]);
    for (const back of [1, 7]) expect(await errorsWith(6, BACK, back), `${back}`).toEqual(['H4_TOKN_BACK']);
  });

  test('is exact from record 0 on, with a proof that begins there or behind it', async () => {
    for (const first of [0, 1]) {
      expect(await errorsWith(2, BACK, 0, [[first, 4]])).toEqual([]);
      expect(await errorsWith(2, BACK, 1, [[first, 4]])).toEqual(['H4_TOKN_BACK']);
      expect(await errorsWith(3, BACK, 0, [[first, 4]])).toEqual(['H4_TOKN_BACK']);
    }
  });
});

describe('pos in a slice', () => {
  test('is exact where an earlier record of the track is in the run', async () => {
    expect(await errorsWith(7, POS, 9)).toEqual([]);
    for (const pos of [0, 8, 10]) expect(await errorsWith(7, POS, pos), `${pos}`).toEqual(['H4_TOKN_POS']);
  });

  test('does not go back across a gap', async () => {
    const runs = [
      [10, 11],
      [20, 21],
    ] as const;
    // Record 10 ends at 15 in the raw stream of its track.
    for (const pos of [15, 27, 1000]) expect(await errorsWith(20, POS, pos, runs), `${pos}`).toEqual([]);
    for (const pos of [0, 14]) expect(await errorsWith(20, POS, pos, runs), `${pos}`).toEqual(['H4_TOKN_POS']);
  });

  test('is exact from record 0 on', async () => {
    expect(await errorsWith(2, POS, 1, [[1, 3]])).toEqual(['H4_TOKN_POS']);
    expect(await errorsWith(2, POS, 1, [[2, 3]])).toEqual([]);
  });

  test('is 0 in records without a track', async () => {
    expect(await errorsWith(31, POS, 1, [[31, 32]])).toEqual(['H4_TOKN_POS']);
  });
});

describe('pts in a slice', () => {
  test('of KEY records rises, within a run and across a gap', async () => {
    expect(await errorsWith(22, PTS, 191)).toEqual([]);
    expect(await errorsWith(22, PTS, 190)).toEqual(['H4_TOKN_PTS_ORDER']);
    expect(await errorsWith(20, PTS, 91)).toEqual([]);
    expect(await errorsWith(20, PTS, 90)).toEqual(['H4_TOKN_PTS_ORDER']);
  });

  test('of other records is not below that of the last KEY record that is here', async () => {
    expect(await errorsWith(21, PTS, 60)).toEqual([]);
    expect(await errorsWith(21, PTS, 59)).toEqual(['H4_TOKN_PTS_ORDER']);
  });
});

describe('seq in a slice', () => {
  test('begins with 0', async () => {
    const headless = [...record(records, 5), prof(records, 5, 8), sign(records), ...run(records, 6, 8)];
    expect((await errorsOf(withTail(headless, records.root))).slice(0, 2)).toEqual(['H4_RECORD0', 'H4_TOKN_SEQ_GAP']);
  });

  test('rises: a record that stands twice has no place', async () => {
    const [tokn] = record(records, 6);
    const where = pieces.indexOf(tokn) + 2;
    const report = await reportOf(withTail(pieces.toSpliced(where, 0, ...record(records, 6)), records.root));
    expect(report.errors.filter(({ code }) => code === 'H4_TOKN_SEQ_GAP')).toHaveLength(1);
    expect(errorCodes(report)).not.toContain('H4_PROF_ROOT');
  });

  test('rises: a record of an earlier run has no place in a later one', async () => {
    const codes = await errorsOf(withTail([...pieces, ...record(records, 5)], records.root));
    expect(codes[0]).toBe('H4_TOKN_SEQ_GAP');
    expect(codes).not.toContain('H4_PROF_COVER');
  });
});
