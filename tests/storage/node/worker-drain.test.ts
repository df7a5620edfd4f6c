import { closeSync, openSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WorkerDrain } from '../../../src/storage/node/worker-drain.js';
import type { H4Error } from '../../../src/utils/error.js';
import { rejection } from '../rejection.js';
import { useTempFolder } from './temp-folder.js';

const temp = useTempFolder();
let fd = -1;
let failures: H4Error[] = [];
let drain: WorkerDrain | undefined;

function createDrain(entry?: string): WorkerDrain {
  const memory = { buffer: new SharedArrayBuffer(64), slabBytes: 16 };
  const target = { fd, path: '/somewhere/file.part', writeBehind: false, hashedFrom: 0 };
  const events = { released: () => undefined, failed: (error: H4Error) => failures.push(error) };
  const url = entry === undefined ? undefined : new URL(`children/${entry}.js`, import.meta.url);
  return (drain = new WorkerDrain(target, memory, events, url));
}

beforeEach(() => {
  fd = openSync(temp('file'), 'w');
  failures = [];
});

afterEach(async () => {
  await drain?.stop();
  closeSync(fd);
});

describe('WorkerDrain', () => {
  it.each([
    ['failing-worker', 'the thread that writes it failed: failing as it was told to'],
    ['ending-worker', 'the thread that writes it ended: exit code 0'],
    ['no-such-module', 'the thread that writes it failed: Cannot find module'],
  ])('reports once, to everyone who waits, a thread that is a %s', async (entry, message) => {
    const broken = createDrain(entry);
    broken.submit(0, 16);
    const error = await rejection(broken.flush());

    expect(error.code).toBe('H4_WRITE');
    expect(error.message).toContain(`Cannot write to /somewhere/file.part: ${message}`);
    expect(await rejection(broken.digest())).toBe(error);
    expect(await rejection(broken.finish())).toBe(error);
    expect(failures).toEqual([error]);
  });

  it('lets go of whoever waits when it is stopped, and reports no failure', async () => {
    const stopped = createDrain();
    const waiting = stopped.digest();
    await Promise.all([stopped.stop(), rejection(waiting).then(({ code }) => expect(code).toBe('H4_CANCELLED'))]);

    expect((await rejection(stopped.flush())).code).toBe('H4_CANCELLED');
    expect(failures).toEqual([]);
  });

  it('reports no failure when its thread ends because it has finished', async () => {
    const finished = createDrain();
    finished.submit(1, 16);
    await finished.finish();
    await finished.stop();

    expect(failures).toEqual([]);
  });
});
