import { expect, test } from 'vitest';
import { TimeBins } from '../../../src/cli/inspect/time-bins.js';

const drawn = (bins: TimeBins, start: number, end: number, columns: number): string =>
  bins
    .resampled(start, end, columns)
    .map((cell) => ({ none: ' ', block: '-', key: '|' })[cell])
    .join('');

test('blocks and keyframes stand where their times are', () => {
  const bins = new TimeBins();
  bins.mark(0, 25, true);
  bins.mark(50, 75, false);
  bins.mark(75, 100, true);
  expect(drawn(bins, 0, 100, 4)).toBe('| -|');
  expect(drawn(bins, 0, 100, 8)).toBe('|-  --|-');
});

test('the axis grows with the recording, in either direction, and far from zero', () => {
  const bins = new TimeBins();
  const start = 2 ** 50;
  for (let i = 0; i < 10_000; i++) bins.mark(start + i * 1000, start + i * 1000 + 1000, i % 5200 === 0);
  bins.mark(start - 10_000_000, start - 9_990_000, true);
  expect(drawn(bins, start - 10_000_000, start + 10_000_000, 20)).toBe('|         |----|----');
});

test('a block without a duration is a mark, and hostile times cost no time', () => {
  const bins = new TimeBins();
  bins.mark(0, 0, false);
  bins.mark(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true);
  bins.mark(0, Number.MAX_SAFE_INTEGER, false);
  expect(drawn(bins, 0, Number.MAX_SAFE_INTEGER + 1, 4)).toBe('---|');
  expect(drawn(new TimeBins(), 0, 1, 3)).toBe('   ');
});
