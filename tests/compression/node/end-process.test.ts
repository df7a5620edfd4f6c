import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { endProcess } from '../../../src/compression/node/end-process.js';

test('a child that runs is ended', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
  endProcess(child);
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
});

test('a child that could not be started takes nobody with it', async () => {
  const child = spawn('/nowhere/program', { stdio: 'ignore' });
  let signals = 0;
  child.kill = () => (signals++, true);
  endProcess(child);
  endProcess(undefined);
  await once(child, 'error');
  endProcess(child);
  expect(signals).toBe(0);
});
