import { describe, expect, test } from 'vitest';
import { readSmallFile } from '../../src/cli/small-file.js';
import { temporaryFolder } from './support/files.js';

const folder = temporaryFolder();

describe('readSmallFile()', () => {
  test('reads all of a file, whatever its size', async () => {
    for (const size of [0, 1, 65_536, 65_537, 200_000]) {
      const bytes = new Uint8Array(size).map((_, i) => i);
      expect(await readSmallFile(await folder.write('file', bytes), 200_000, 'it')).toEqual(bytes);
    }
  });

  test('stops where there is more than there may be', async () => {
    const file = await folder.write('large', new Uint8Array(1_000_000));
    const { length } = await readSmallFile(file, 100_000, 'it');
    expect(length).toBeGreaterThan(100_000);
    expect(length).toBeLessThan(300_000);
  });

  test('says what it wanted to read', async () => {
    await expect(readSmallFile(folder.path('none'), 1, 'the policy in none')).rejects.toMatchObject({
      code: 'H4_IO',
      message: expect.stringContaining('Cannot read the policy in none: there is no such file') as string,
    });
  });
});
