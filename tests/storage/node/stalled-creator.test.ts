/** A creator of a lock that is stopped, for longer than anyone waits, between creating the lock and writing its name. */

import type * as FileSystem from 'node:fs';
import { hostname } from 'node:os';
import { expect, it, vi } from 'vitest';
import { acquireWriterLock } from '../../../src/storage/node/writer-lock.js';
import { rejection } from '../rejection.js';
import { useTempFolder } from './temp-folder.js';

let whileStalled: (() => void) | undefined;

vi.mock('node:fs', async (importActual) => {
  const actual = await importActual<typeof FileSystem>();
  const writeFileSync: typeof actual.writeFileSync = (...args) => {
    const stalled = whileStalled;
    whileStalled = undefined;
    stalled?.();
    actual.writeFileSync(...args);
  };
  return { ...actual, writeFileSync };
});

const temp = useTempFolder();

it('the creator finds that another writer has taken its empty lock over, and gives way', async () => {
  const { renameSync, writeFileSync } = await import('node:fs');
  const path = temp('x.lock');
  whileStalled = () => {
    writeFileSync(temp('claim'), JSON.stringify({ pid: process.pid, host: hostname(), token: 'another' }));
    renameSync(temp('claim'), path);
  };

  expect(await rejection(acquireWriterLock(path))).toMatchObject({ code: 'H4_LOCKED', detail: { pid: process.pid } });
});
