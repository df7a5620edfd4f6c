import { expect, test } from 'vitest';
import { formatRow, formatTable } from '../../src/cli/table.js';

test('a table is as wide as its widest cells, and no line ends in blanks', () => {
  const rows = [
    ['1', 'a', 'x'],
    ['1000', 'bb', ''],
  ];
  expect(formatTable([{ title: 'n', align: 'right' }, { title: 'name' }, { title: 'z' }], rows)).toEqual([
    '   n  name  z',
    '   1  a     x',
    '1000  bb',
  ]);
});

test('a cell that is wider than its column loses nothing', () => {
  expect(formatRow([{ title: 'n', align: 'right', width: 2 }, { title: 'm' }], ['12345', 'x'], ' ')).toBe('12345 x');
  expect(
    formatRow(
      [
        { title: 'n', width: 3 },
        { title: 'm', width: 1 },
      ],
      ['a'],
    ),
  ).toBe('a');
});
