import { closeSync, openSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startHashJob } from '../../../src/storage/node/hash-job.js';
import { useTempFolder } from './temp-folder.js';

const temp = useTempFolder();
const module = (name: string) => new URL(`children/${name}.js`, import.meta.url);

describe('startHashJob()', () => {
  it('says so when the module of the thread is missing', async () => {
    const job = startHashJob({ fd: 0, start: 0, end: 1 }, module('no-such-module'));

    expect(await job.outcome).toEqual({ kind: 'unavailable' });
    await job.stop();
  });

  it('reports a thread that fails', async () => {
    const job = startHashJob({ fd: 0, start: 5, end: 9 }, module('failing-worker'));

    expect(await job.outcome).toMatchObject({ kind: 'refused', position: 5, message: 'failing as it was told to' });
    await job.stop();
  });

  it('reports a thread that ends without an answer', async () => {
    const job = startHashJob({ fd: 0, start: 0, end: 1 }, module('ending-worker'));

    expect(await job.outcome).toEqual({ kind: 'stopped' });
    await job.stop();
  });

  it('reports what the system refuses', async () => {
    writeFileSync(temp('file'), 'abc');
    const fd = openSync(temp('file'), 'a');
    const job = startHashJob({ fd, start: 0, end: 3 });

    expect(await job.outcome).toMatchObject({ kind: 'refused', position: 0, code: 'EBADF' });
    await job.stop();
    closeSync(fd);
  });
});
