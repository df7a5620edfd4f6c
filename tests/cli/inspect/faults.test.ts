/** A device that fails while a file is inspected is not taken for a fault of the file. */

import { describe, expect, test } from 'vitest';
import { type CliIo, createContext } from '../../../src/cli/context.js';
import { MICROSECONDS } from '../../../src/cli/durations.js';
import { mapFile } from '../../../src/cli/inspect/file-map.js';
import { dumpFile } from '../../../src/cli/inspect/hex-view.js';
import { summarize } from '../../../src/cli/inspect/summarize.js';
import { readTimeScale } from '../../../src/cli/inspect/time-scale.js';
import { walkedSummary } from '../../../src/cli/inspect/walked-summary.js';
import { FileWalker } from '../../../src/cli/walk.js';
import type { ByteSource } from '../../../src/container/io/io.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { H4Error } from '../../../src/utils/error.js';
import { cli } from '../support/harness.js';
import { TEN_BLOCKS, noise, recording } from '../support/files.js';

/** A source whose reads fail after the first few. */
function failing(bytes: Uint8Array, reads: number): ByteSource {
  const source = createMemorySource(bytes);
  return {
    size: source.size,
    read: (start, end) =>
      reads-- > 0 ? source.read(start, end) : Promise.reject(new H4Error('H4_IO', 'the device is gone')),
    close: () => source.close(),
  };
}

const context = createContext({ stdout: {}, stderr: {}, env: {} } as unknown as CliIo, { json: false });
const long = (): Promise<Uint8Array> =>
  recording(
    Array.from({ length: 5 }, (_, i) => ({ pts: i, bytes: noise(50_000, i + 1) })),
    {},
    {},
  );

describe('a failing device', () => {
  test('ends every view with its own error', async () => {
    const [closed, open] = [await long(), await recording(TEN_BLOCKS)];
    const list = { at: 8, limit: 0 };
    for (const reads of [0, 1, 2, 3]) {
      const walker = (): FileWalker => new FileWalker(failing(closed, reads));
      const gone = { code: 'H4_IO' };
      await expect(mapFile(walker(), { cells: 4, columns: 4 })).rejects.toMatchObject(gone);
      await expect(walkedSummary(walker())).rejects.toMatchObject(gone);
      await expect(summarize(failing(closed, reads), new AbortController().signal)).rejects.toMatchObject(gone);
      if (reads === 0) await expect(readTimeScale(walker())).rejects.toMatchObject(gone);
      if (reads === 0) await expect(dumpFile(walker(), MICROSECONDS, list, context)).rejects.toMatchObject(gone);
    }
    await expect(walkedSummary(new FileWalker(failing(open, 0)))).rejects.toMatchObject({ code: 'H4_IO' });
  });

  test('a file whose record 0 is unreadable has the usual time scale', async () => {
    const bytes = await recording(TEN_BLOCKS, { timebase: [1, 1000] });
    expect((await readTimeScale(new FileWalker(createMemorySource(bytes)))).timebase).toEqual([1, 1000]);
    bytes.fill(0x20, 112, 130);
    expect(await readTimeScale(new FileWalker(createMemorySource(bytes)))).toEqual(MICROSECONDS);
    expect(await readTimeScale(new FileWalker(createMemorySource(bytes.slice(0, 8))))).toEqual(MICROSECONDS);
  });

  test('a missing file is an error before anything is shown', async () => {
    expect(await cli(['inspect', '/nowhere/at/all', '--chunks'])).toMatchObject({ code: 4, stdout: '' });
  });
});
