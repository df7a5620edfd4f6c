/** Which records are meant: by number, or by what they show. */
import { describe, expect, it } from 'vitest';
import { MICROSECONDS } from '../../src/cli/durations.js';
import { type RecordChoice, chooseRecords, parseNumberRanges, shownNumbers } from '../../src/cli/record-choice.js';
import { FileWalker } from '../../src/cli/walk.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { isH4Error } from '../../src/utils/error.js';
import { AUDIO, VIDEO, closedRecording, mediaRecord, rejection } from '../support/container.js';
import { redactRecording } from '../../src/container/redact/redact.js';
import { createMemorySink } from '../../src/storage/memory.js';

/** A picture of 10 units, told by its token. */
const picture = (pts: number, duration = 10, delta = 0) =>
  mediaRecord({
    pts,
    key: true,
    payload: Uint8Array.of(1, 2),
    tokens: [
      { delta: 0, duration, key: true, size: 1 },
      { delta, duration, key: false, size: 1 },
    ],
  });
const sound = (pts: number) => mediaRecord({ track: 1, pts, key: true });

const chosen = async (choice: RecordChoice, scale = MICROSECONDS): Promise<readonly number[]> => {
  // Records 1 to 6 with META as 0 and 7; sounds say nothing of how long they last.
  const records = [picture(0), sound(0), picture(10), picture(20, 10, -15), sound(15), sound(30)];
  const file = await closedRecording(records, { tracks: [VIDEO, AUDIO] });
  return (await chooseRecords(new FileWalker(createMemorySource(file)), choice, scale)).seqs;
};

const refusal = (text: string): string => {
  try {
    parseNumberRanges(text);
  } catch (error) {
    if (isH4Error(error, 'H4_PARAM')) return error.message;
    throw error;
  }
  return 'nothing';
};

describe('chooseRecords()', () => {
  it('takes blocks of which any token is shown in the span', async () => {
    expect(await chosen({ from: 9, to: 10, track: 0 })).toEqual([1, 4]);
    expect(await chosen({ from: 10, to: 11, track: 0 })).toEqual([3, 4]);
    expect(await chosen({ from: 5, to: 6, track: 0 })).toEqual([1, 4]);
    expect(await chosen({ from: 4, to: 5, track: 0 })).toEqual([1]);
  });

  it('lets a block whose duration is unknown last until the next one of its track', async () => {
    expect(await chosen({ from: 14, to: 15, track: 1 })).toEqual([2]);
    expect(await chosen({ from: 15, to: 16, track: 1 })).toEqual([5]);
    expect(await chosen({ from: 30, to: 31, track: 1 })).toEqual([6]);
  });

  it('takes all tracks, and everything from the beginning or to the end, where nothing else is said', async () => {
    expect(await chosen({ to: 1 })).toEqual([1, 2]);
    expect(await chosen({ from: 29 })).toEqual([4, 5, 6]);
    expect(await chosen({})).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('refuses times at which nothing is shown, with those that there are', async () => {
    const late = await rejection(chosen({ from: 31, to: 99, track: 1 }));
    expect([late.code, late.message, late.detail]).toEqual([
      'H4_RANGE_NOT_FOUND',
      'Track 1 has nothing at that time: it goes from 0:00:00.000 to 0:00:00.000031',
      { start_us: 0, end_us: 31 },
    ]);
    expect((await rejection(chosen({ to: 0 }))).message).toContain('The recording has nothing at that time');
    expect((await rejection(chosen({ from: 0, track: 7 }))).message).toBe('Track 7 holds nothing');
  });

  it('takes a block that begins between two units of the timebase before the end', async () => {
    // Thirty pictures a second: the second one begins at 33 333 1/3 microseconds.
    const scale = { timebase: [1, 30] as const, shift: 0 };
    const file = await closedRecording([picture(0, 1), picture(1, 1), picture(2, 1)], { tracks: [VIDEO] });
    const of = async (choice: RecordChoice) =>
      (await chooseRecords(new FileWalker(createMemorySource(file)), choice, scale)).seqs;
    expect(await of({ from: 0, to: 33_333 })).toEqual([1]);
    expect(await of({ from: 0, to: 40_000 })).toEqual([1, 2]);
    expect(await of({ from: 34_000, to: 40_000 })).toEqual([2]);
  });

  it('reckons in original times', async () => {
    expect(await chosen({ from: 25, to: 26, track: 1 }, { timebase: [1, 1_000_000], shift: 5 })).toEqual([6]);
  });

  it('takes records by number, of one track if asked', async () => {
    expect(await chosen({ numbers: parseNumberRanges('1,4-6') })).toEqual([1, 4, 5, 6]);
    expect(await chosen({ numbers: parseNumberRanges('1,4-6'), track: 1 })).toEqual([5, 6]);
  });

  it('refuses numbers that there are none of', async () => {
    expect((await rejection(chosen({ numbers: parseNumberRanges('3,99') }))).message).toBe(
      'The recording has no record 99',
    );
    expect((await rejection(chosen({ numbers: parseNumberRanges('90-99') }))).message).toBe(
      'The recording has no record from 90 to 99',
    );
  });

  it('says which of them have been redacted', async () => {
    const file = await closedRecording([picture(0), picture(10)]);
    const sink = createMemorySink();
    await redactRecording(createMemorySource(file), sink, { isRemoved: ({ seq }) => seq === 2 });
    const { redacted } = await chooseRecords(new FileWalker(createMemorySource(sink.bytes())), {}, MICROSECONDS);
    expect([...redacted]).toEqual([2]);
  });
});

describe('parseNumberRanges()', () => {
  it('reads numbers and spans with both ends', () => {
    expect(parseNumberRanges('4, 8-12')).toEqual([
      { first: 4, end: 5 },
      { first: 8, end: 13 },
    ]);
  });

  it.each(['', 'x', '4,', '-3', '5-4', '1.5', '1234567890123456'])('refuses %j', (text) => {
    expect(refusal(text)).toContain('is no record number and no span of them');
  });

  it('refuses a list that is too long', () => {
    expect(refusal(Array.from({ length: 4097 }, () => '1').join(','))).toBe('A list has at most 4096 entries.');
  });
});

describe('shownNumbers()', () => {
  it('joins neighbours, and says how many more there are', () => {
    expect(shownNumbers([4, 8, 9, 10])).toBe('4, 8-10');
    expect(shownNumbers(Array.from({ length: 12 }, (_, i) => 2 * i))).toBe('0, 2, 4, 6, 8, 10, 12, 14 and 4 more');
  });
});
