import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { LocalDrain } from '../../../src/storage/node/local-drain.js';
import type { H4Error } from '../../../src/utils/error.js';
import { rejection } from '../rejection.js';
import { useTempFolder } from './temp-folder.js';

const MIB = 1024 * 1024;
const temp = useTempFolder();
let fd = -1;

function drainTo(path: string, writeBehind = false) {
  fd = openSync(path, 'w');
  const failures: H4Error[] = [];
  const released: number[] = [];
  const drain = new LocalDrain(
    { fd, path: '/somewhere/file.part', writeBehind },
    { buffer: new ArrayBuffer(4 * MIB), slabBytes: MIB },
    { released: (slab) => released.push(slab), failed: (error) => failures.push(error) },
  );
  return { drain, failures, released };
}

afterEach(() => closeSync(fd));

describe('LocalDrain', () => {
  it('gives slabs back in their order, also those that share a write', async () => {
    const { drain, released } = drainTo('/dev/null');
    for (const slab of [3, 0, 2, 1]) {
      void drain.submit(slab, MIB);
    }
    await drain.flush();

    expect(released).toEqual([3, 0, 2, 1]);
  });

  it('reports once, to everyone who waits, what the system refuses', async () => {
    const { drain, failures, released } = drainTo('/dev/full');
    await drain.submit(0, 100);
    await drain.submit(1, 100);
    const error = await rejection(drain.flush());

    expect(error).toMatchObject({
      code: 'H4_WRITE',
      message:
        'Cannot write to /somewhere/file.part after 0 bytes: the disk is full (ENOSPC); ' +
        'free some space or choose another destination, then start again',
      detail: { position: 0 },
    });
    expect(error.cause).toMatchObject({ code: 'ENOSPC' });
    expect(await rejection(drain.finish())).toBe(error);
    expect(failures).toEqual([error]);
    expect(released).toEqual([]);
    await drain.stop();
  });

  it('never believes a disk that has failed to synchronise once', async () => {
    // Everything can be written to /dev/null, but it cannot be synchronised.
    const { drain, failures } = drainTo('/dev/null');
    await drain.submit(0, 100);
    const error = await rejection(drain.sync());

    expect(error.code).toBe('H4_WRITE');
    expect(await rejection(drain.sync())).toBe(error);
    expect(await rejection(drain.finish())).toBe(error);
    expect(failures).toEqual([error]);
    await drain.stop();
  });

  it('writes from where it is told to start', async () => {
    const path = temp('resumed');
    writeFileSync(path, 'before');
    fd = openSync(path, 'r+');
    const memory = { buffer: new ArrayBuffer(8), slabBytes: 8 };
    new Uint8Array(memory.buffer).set(Buffer.from('!after'));
    const target = { fd, path, writeBehind: false, start: 6 };
    const drain = new LocalDrain(target, memory, { released: () => undefined, failed: () => undefined });
    await drain.submit(0, 6);
    await drain.sync();

    expect(readFileSync(path, 'utf8')).toBe('before!after');
    await drain.stop();
  });

  it('reports at the end what the disk has refused in the background', async () => {
    // Everything can be written to /dev/null, but it cannot be synchronised.
    const { drain, failures } = drainTo('/dev/null', true);
    for (let i = 0; i < 8; i++) {
      await drain.submit(i % 4, MIB);
    }
    const error = await rejection(drain.finish());

    expect(error.cause).toMatchObject({ code: 'EINVAL' });
    expect(failures).toEqual([error]);
  });

  it('writes no more once it has been stopped', async () => {
    const { drain, released } = drainTo('/dev/null');
    for (const slab of [0, 1, 2, 3]) {
      void drain.submit(slab, MIB);
    }
    const flushing = rejection(drain.flush());
    await drain.stop();

    expect((await flushing).code).toBe('H4_CANCELLED');
    // The one that was under way.
    expect(released).toEqual([0]);
  });
});
