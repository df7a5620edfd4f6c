import { closeSync, openSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { descriptorReader, descriptorWriter, readFully, writeFully } from '../../../src/storage/node/positioned-io.js';
import { patterned } from '../patterned.js';
import { useTempFolder } from './temp-folder.js';

const temp = useTempFolder();

describe('readFully()', () => {
  it('goes on after a short read, at the right place', async () => {
    const bytes = patterned(100);
    const asked: (readonly [number, number])[] = [];
    const into = new Uint8Array(50);
    const failure = await readFully(
      (rest, position) => {
        asked.push([position, rest.length]);
        const count = Math.min(rest.length, 20);
        rest.set(bytes.subarray(position, position + count));
        return Promise.resolve(count);
      },
      into,
      30,
    );

    expect(failure).toBeUndefined();
    expect(into).toEqual(bytes.slice(30, 80));
    expect(asked).toEqual([
      [30, 50],
      [50, 30],
      [70, 10],
    ]);
  });

  it('says where the file ended, and where the system refused', async () => {
    let calls = 0;
    const once = (after: () => Promise<number>) => (calls++ === 0 ? Promise.resolve(10) : after());

    expect(await readFully(() => once(() => Promise.resolve(0)), new Uint8Array(50), 30)).toEqual({
      kind: 'ended',
      position: 40,
    });
    calls = 0;
    const refuse = () => Promise.reject(Object.assign(new Error('bad disk'), { code: 'EIO' }));
    expect(await readFully(() => once(refuse), new Uint8Array(50), 30)).toEqual({
      kind: 'refused',
      position: 40,
      code: 'EIO',
      message: 'bad disk',
    });
  });

  it('asks nothing for no bytes', async () => {
    expect(await readFully(() => Promise.reject(new Error('asked')), new Uint8Array(0), 0)).toBeUndefined();
  });
});

describe('writeFully()', () => {
  it('writes all pieces one after another, empty ones included', async () => {
    const fd = openSync(temp('pieces'), 'w+');
    const bytes = patterned(1000);
    const pieces = [bytes.subarray(0, 0), bytes.subarray(0, 300), bytes.subarray(300, 300), bytes.subarray(300)];

    expect(await writeFully(descriptorWriter(fd), pieces, 7)).toBeUndefined();
    expect(new Uint8Array(readFileSync(temp('pieces')).subarray(7))).toEqual(bytes);
    expect(await descriptorReader(fd)(new Uint8Array(2000), 0)).toBe(1007);
    closeSync(fd);
  });

  it('goes on after a short write, within a piece and at its end', async () => {
    const bytes = patterned(100);
    for (const step of [1, 7, 10, 33, 100]) {
      const written = new Uint8Array(100);
      const failure = await writeFully(
        (pieces, position) => {
          const now = Buffer.concat(pieces).subarray(0, step);
          written.set(now, position - 5);
          return Promise.resolve(now.length);
        },
        [bytes.subarray(0, 10), bytes.subarray(10, 40), bytes.subarray(40)],
        5,
      );
      expect(failure).toBeUndefined();
      expect(written).toEqual(bytes);
    }
  });

  it('says where it came to and what the system answered', async () => {
    const full = openSync('/dev/full', 'w');

    expect(await writeFully(descriptorWriter(full), [patterned(10)], 90)).toMatchObject({
      position: 90,
      code: 'ENOSPC',
    });
    closeSync(full);
  });

  it('takes no progress for a failure', async () => {
    expect(await writeFully(() => Promise.resolve(0), [patterned(10)], 0)).toMatchObject({ position: 0, code: 'EIO' });
  });
});
