import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileAppender } from '../../../src/storage/node/file-appender.js';
import { patterned } from '../patterned.js';
import { useTempFolder } from './temp-folder.js';

const MIB = 1024 * 1024;
const temp = useTempFolder();
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('FileAppender', () => {
  it('appends pieces and hashes them from an offset on, wherever the cuts fall', async () => {
    const cuts = fc.array(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 4 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.integer({ min: 0, max: 60 }), async (calls, hashedFrom) => {
        const fd = openSync(temp('appended'), 'w');
        const appender = new FileAppender({ fd, hashedFrom, writeBehind: false });
        const bytes = patterned(calls.flat().reduce((sum, size) => sum + size, 0));
        let at = 0;
        for (const sizes of calls) {
          expect(await appender.append(sizes.map((size) => bytes.subarray(at, (at += size))))).toBeUndefined();
          expect(hex(appender.digest())).toBe(sha256(bytes.subarray(hashedFrom, Math.max(hashedFrom, at))));
        }
        closeSync(fd);
        expect(readFileSync(temp('appended')).equals(bytes)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses to hash if it was not asked to from the start', () => {
    expect(() => new FileAppender({ fd: 0, writeBehind: false }).digest()).toThrow('not asked to be hashed');
  });

  it('stops at the first failure and stays there', async () => {
    const fd = openSync('/dev/full', 'w');
    const appender = new FileAppender({ fd, writeBehind: false });
    const failure = await appender.append([patterned(10)]);
    closeSync(fd);

    expect(failure).toMatchObject({ code: 'ENOSPC', position: 0 });
    expect(await appender.append([patterned(10)])).toBe(failure);
    expect(await appender.settle()).toBe(failure);
  });

  it('sets the disk to work every few megabytes, and reports what the disk refuses', async () => {
    // Everything can be written to /dev/null, but it cannot be synchronised.
    const fd = openSync('/dev/null', 'w');
    const appender = new FileAppender({ fd, writeBehind: true });
    const piece = new Uint8Array(MIB);
    for (let i = 0; i < 7; i++) {
      expect(await appender.append([piece])).toBeUndefined();
    }
    expect(await appender.settle()).toBeUndefined();
    await appender.append([piece]);

    expect(await appender.settle()).toMatchObject({ code: 'EINVAL', position: 8 * MIB });
    expect(await appender.append([piece])).toMatchObject({ code: 'EINVAL' });
    closeSync(fd);
  });

  it('leaves the disk alone unless asked', async () => {
    const fd = openSync('/dev/null', 'w');
    const appender = new FileAppender({ fd, writeBehind: false });
    await appender.append([new Uint8Array(20 * MIB)]);

    expect(await appender.settle()).toBeUndefined();
    closeSync(fd);
  });
});
