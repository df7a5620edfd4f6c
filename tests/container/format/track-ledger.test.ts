import { describe, expect, test } from 'vitest';
import { NO_TRACK } from '../../../src/container/format/layout.js';
import { TrackLedger, assertPtsOrder } from '../../../src/container/format/track-ledger.js';
import { refusal } from '../../utils/refusal.js';

const record = (track: number, pts: number, key: boolean, raw = 0) => ({ track, pts, key, raw });

describe('TrackLedger', () => {
  test('back counts from the last KEY record of the same track; 0 before the first one', () => {
    const ledger = new TrackLedger();
    expect(ledger.back(0, 5)).toBe(0);
    ledger.admit(record(0, 0, false), 5);
    expect(ledger.back(0, 6)).toBe(0);
    ledger.admit(record(0, 0, true), 6);
    ledger.admit(record(1, 0, true), 7);
    ledger.admit(record(0, 0, false), 8);
    expect([ledger.back(0, 9), ledger.back(1, 9), ledger.back(2, 9)]).toEqual([3, 2, 0]);
  });

  test('pos is the sum of raw of each track by itself, and 0 for records without a track', () => {
    const ledger = new TrackLedger();
    expect(ledger.pos(0)).toBe(0);
    ledger.admit(record(0, 0, true, 10), 0);
    ledger.admit(record(1, 0, true, 100), 1);
    ledger.admit(record(0, 1, true, 5), 2);
    ledger.admit(record(NO_TRACK, 1, true, 1000), 3);
    expect([ledger.pos(0), ledger.pos(1), ledger.pos(NO_TRACK)]).toEqual([15, 100, 0]);
  });

  test('totals are ascending by track and leave META out', () => {
    const ledger = new TrackLedger();
    for (const [seq, track] of [7, NO_TRACK, 2, 7, 65_534].entries()) ledger.admit(record(track, seq, true, 10), seq);
    expect(ledger.totals()).toEqual([
      { track: 2, records: 1, raw: 10 },
      { track: 7, records: 2, raw: 20 },
      { track: 65_534, records: 1, raw: 10 },
    ]);
    expect(new TrackLedger().totals()).toEqual([]);
  });

  test.each([
    ['a KEY record after the last one', record(0, 101, true), undefined],
    [
      'a KEY record at the time of the last one',
      record(0, 100, true),
      'key PTS of track 0 must increase: 100 after 100',
    ],
    ['a KEY record before the last one', record(0, 99, true), 'key PTS of track 0 must increase: 99 after 100'],
    ['another record at the time of its KEY record', record(0, 100, false), undefined],
    ['another record before it', record(0, 99, false), 'PTS 99 of track 0 lies before its key record at 100'],
    ['META at the time of the last one', record(NO_TRACK, 50, true), undefined],
    ['META before it', record(NO_TRACK, 49, true), 'META and scopes records must not go back in time: 49 after 50'],
    ['anything on a track without a KEY record', record(1, 5, false), undefined],
    ['anything on a track of which nothing is known', record(2, 0, true), undefined],
  ])('%s: %o gives %s', (_, next, fault) => {
    const ledger = new TrackLedger();
    ledger.admit(record(0, 100, true), 0);
    ledger.admit(record(0, 200, false), 1);
    ledger.admit(record(NO_TRACK, 50, true), 2);
    ledger.admit(record(1, 900, false), 3);
    expect(ledger.ptsFault(next)).toBe(fault);
    if (fault === undefined) {
      assertPtsOrder(ledger, next);
    } else {
      expect(refusal(() => assertPtsOrder(ledger, next))).toMatchObject({
        code: 'H4_TOKN_PTS_ORDER',
        message: `Cannot write this record: ${fault}`,
      });
    }
  });
});
