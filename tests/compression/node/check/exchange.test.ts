/** Files that the processes of a core have written are judged, and nothing in them is believed. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ExchangeReader, judgeExchange, packedHead } from '../../../../src/compression/node/check/exchange.js';

const folder = mkdtempSync(join(tmpdir(), 'exchange-test-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const ONE = { name: 'one', bytes: Uint8Array.of(1, 2, 3) };
const TWO = { name: 'two', bytes: Uint8Array.of(4, 5) };
const packedOf = (rawLength: number, ...compressed: number[]): number[] => [
  ...packedHead(rawLength, compressed.length),
  ...compressed,
];

let count = 0;
const judged = (packed: number[], restored: number[]): ReturnType<typeof judgeExchange> => {
  const files = { packed: join(folder, `packed-${++count}`), restored: join(folder, `restored-${count}`) };
  writeFileSync(files.packed, Uint8Array.from(packed));
  writeFileSync(files.restored, Uint8Array.from(restored));
  return judgeExchange(files, [ONE, TWO]);
};

describe('judgeExchange()', () => {
  it('counts what came back, and blocks that are too long', () => {
    expect(judged([...packedOf(3, 9), ...packedOf(2, 8, 8)], [1, 2, 3, 4, 5])).toEqual({ restored: 2, tooLong: 0 });
    expect(judged([...packedOf(3), ...packedOf(2, 8, 8)], [4, 5])).toEqual({ restored: 1, tooLong: 1 });
  });

  it('names the block that came back otherwise, or not whole', () => {
    for (const restored of [
      [1, 2, 3, 4, 6],
      [1, 2, 3, 4],
    ]) {
      expect(judged([...packedOf(3, 9), ...packedOf(2, 8, 7)], restored)).toEqual({
        reason: 'what one process made of 2 bytes (two) another restores to other bytes',
        call: { count: 0, operation: 'decompress', rawLength: 2, label: 'two', input: Uint8Array.of(8, 7) },
      });
    }
  });

  it('misses a block that is not there, has another length, or is longer than any may be', () => {
    const missing = { reason: 'its process wrote nothing for two' };
    expect(judged(packedOf(3, 9), [1, 2, 3, 4, 5])).toEqual(missing);
    expect(judged([...packedOf(3, 9), ...packedOf(7, 8)], [1, 2, 3, 4, 5])).toEqual(missing);
    expect(judged([...packedOf(3, 9), ...packedHead(2, 65_541)], [1, 2, 3, 4, 5])).toEqual(missing);
    expect(judged([...packedOf(3, 9), ...packedHead(2, 2), 8], [1, 2, 3, 4, 5])).toEqual(missing);
  });

  it('says that nothing was written', () => {
    const files = { packed: join(folder, 'none'), restored: join(folder, 'none either') };
    expect(judgeExchange(files, [ONE])).toEqual({ reason: 'its processes wrote no blocks' });
  });
});

describe('ExchangeReader', () => {
  it.skipIf(process.platform === 'win32')('opens files only: anything else could keep it waiting', () => {
    const [pipe, directory] = [join(folder, 'pipe'), join(folder, 'directory')];
    execFileSync('mkfifo', [pipe]);
    mkdirSync(directory);
    expect([ExchangeReader.open(pipe), ExchangeReader.open(directory)]).toEqual([undefined, undefined]);
  });
});
