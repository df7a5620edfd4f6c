import { describe, expect, test } from 'vitest';
import { type Gap, GapCheck, extentOf } from '../../../src/container/check/gap-check.js';
import type { RecordInput } from '../../../src/container/write/record-writer.js';
import { type VerificationReport, verifyContainer, verifyStream } from '../../../src/container/check/verify.js';
import { createIterableFeed } from '../../../src/container/source/feed.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { TRUST, cut, signedRecording, toknsOf } from '../../support/clips.js';
import { mediaRecord } from '../../support/container.js';

const SECOND = 1_000_000;
const check = (file: Uint8Array): Promise<VerificationReport> =>
  verifyContainer(createMemorySource(file), { trust: TRUST });

/** A KEY block of one byte for each of these tokens. */
const block = (pts: number, tokens: readonly (readonly [delta: number, duration: number])[], track = 0): RecordInput =>
  mediaRecord({
    track,
    pts,
    key: true,
    payload: new Uint8Array(tokens.length),
    tokens: tokens.map(([delta, duration], i) => ({ delta, duration, key: i === 0, size: 1 })),
  });
const gapsOf = async (...blocks: readonly RecordInput[]): Promise<readonly Gap[]> => {
  const { state, exit_code, gaps, gap_count } = await check(await signedRecording(blocks));
  expect([state, exit_code, gap_count]).toEqual(['OK', 0, gaps.length]);
  return gaps;
};

describe('a stretch without content', () => {
  test('of a second or more is told, and a shorter one is not', async () => {
    expect(await gapsOf(block(0, [[0, 40]]), block(SECOND + 40, [[0, 40]]))).toEqual([
      { track: 0, from_pts: 40, to_pts: SECOND + 40 },
    ]);
    expect(await gapsOf(block(0, [[0, 40]]), block(SECOND + 39, [[0, 40]]))).toEqual([]);
  });

  test('is told of its own track only', async () => {
    const later = block(9 * SECOND, [[0, 40]]);
    const sound = Array.from({ length: 10 }, (_, i) => block(i * SECOND, [[0, SECOND]], 1));
    expect(await gapsOf(block(0, [[0, 40]]), ...sound, later)).toEqual([
      { track: 0, from_pts: 40, to_pts: 9 * SECOND },
    ]);
    // A track may begin when it likes.
    expect(await gapsOf(block(0, [[0, 40]]), block(5 * SECOND, [[0, 40]], 1))).toEqual([]);
  });

  test('is not told behind a token that has no duration: it is shown until the next one', async () => {
    expect(await gapsOf(block(0, [[0, 0]]), block(9 * SECOND, [[0, 40]]))).toEqual([]);
    expect(await gapsOf(block(0, [[0, 40], [40, 0]]), block(9 * SECOND, [[0, 40]]))).toEqual([]); // prettier-ignore
    // Of one that is over before another ends, nothing is open.
    const inner = block(0, [[0, 40], [10, 0]]); // prettier-ignore
    expect(await gapsOf(inner, block(9 * SECOND, [[0, 40]]))).toEqual([{ track: 0, from_pts: 40, to_pts: 9 * SECOND }]);
  });

  test('is found between the tokens of a block, in the order in which they are shown', async () => {
    const shuffled = block(0, [[0, 40], [2 * SECOND, 40], [40, 40]]); // prettier-ignore
    expect(await gapsOf(shuffled)).toEqual([{ track: 0, from_pts: 80, to_pts: 2 * SECOND }]);
  });

  test('is measured from the end of all that was shown so far, and not of the last block', async () => {
    expect(await gapsOf(block(0, [[0, 9 * SECOND]]), block(40, [[0, 40]]), block(9 * SECOND, [[0, 40]]))).toEqual([]);
  });

  test('is told of streams as of files, and only counted from the hundredth on', async () => {
    const file = await signedRecording(Array.from({ length: 103 }, (_, i) => block(2 * SECOND * i, [[0, 40]])));
    const { gaps, gap_count } = await check(file);
    expect([gaps.length, gap_count]).toEqual([100, 102]);
    const pieces = (async function* () {
      yield await Promise.resolve(file);
    })();
    expect((await verifyStream(createIterableFeed(pieces), { trust: TRUST })).gap_count).toBe(102);
  });
});

describe('of a slice', () => {
  test('what lies between two runs is no gap, and what lies within one is', async () => {
    const blocks = [0, 1, 2, 9, 10, 11].map((second) => block(second * SECOND, [[0, SECOND]]));
    const file = await signedRecording(blocks);
    expect((await check(file)).gaps).toEqual([{ track: 0, from_pts: 3 * SECOND, to_pts: 9 * SECOND }]);
    const within = await cut(file, { ranges: [{ from: 2 * SECOND, to: 10 * SECOND }] });
    expect(await check(within.bytes)).toMatchObject({ state: 'OK_SLICE', gap_count: 1 });
    const apart = new GapCheck();
    for (const tokn of toknsOf(file).filter(({ seq }) => seq !== 3)) apart.admit(tokn, [1, SECOND]);
    expect(apart.count).toBe(0);
  });
});

describe('a timebase', () => {
  test('says how long a second is', async () => {
    const tokns = toknsOf(await signedRecording([block(0, [[0, 40]]), block(130, [[0, 40]])]));
    const countIn = (timebase: readonly [number, number] | undefined): number => {
      const gaps = new GapCheck();
      for (const tokn of tokns) gaps.admit(tokn, timebase);
      return gaps.count;
    };
    expect([countIn([1, 90]), countIn([1, 91]), countIn([2, 180]), countIn(undefined)]).toEqual([1, 0, 1, 0]);
  });
});

test('the extent of a record is that of its tokens, in any order, and of one without tokens its time', async () => {
  const tokns = toknsOf(await signedRecording([block(100, [[0, 40], [-10, 5], [80, 0]])])); // prettier-ignore
  expect(tokns.map(extentOf).slice(0, 2)).toEqual([
    { from: 0, to: 0 },
    { from: 90, to: 180 },
  ]);
});
