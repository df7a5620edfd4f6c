import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  createLockOwner,
  formatLockOwner,
  isOwnerAlive,
  isOwnerHere,
  parseLockOwner,
} from '../../../src/storage/node/lock-owner.js';

describe('a lock owner', () => {
  it('is this process, alive, and another each time', () => {
    const owner = createLockOwner();

    expect(owner).toMatchObject({ pid: process.pid, host: hostname() });
    expect(isOwnerHere(owner)).toBe(true);
    expect(isOwnerAlive(owner)).toBe(true);
    expect(createLockOwner().token).not.toBe(owner.token);
  });

  it('comes back from its text', () => {
    const owner = createLockOwner();

    expect(parseLockOwner(formatLockOwner(owner))).toEqual(owner);
    expect(parseLockOwner('{"pid":7,"host":"a"}')).toEqual({ pid: 7, host: 'a', token: '' });
  });

  it.each([
    'not JSON',
    'null',
    '7',
    '[]',
    '{}',
    '{"pid":7}',
    '{"pid":"7","host":"a"}',
    '{"pid":0,"host":"a"}',
    '{"pid":-1,"host":"a"}',
    '{"pid":1.5,"host":"a"}',
    '{"pid":4294967296,"host":"a"}',
    '{"pid":7,"host":1}',
    '{"pid":7,"host":"a","token":1}',
    '{"pid":7,"host":"a","started":"x"}',
  ])('is not named by %s', (text) => {
    expect(parseLockOwner(text)).toBeUndefined();
  });

  it('is elsewhere if it names another host', () => {
    expect(isOwnerHere({ ...createLockOwner(), host: 'elsewhere.example' })).toBe(false);
  });

  it('is dead once its process has ended', () => {
    const { pid } = spawnSync('true');

    expect(isOwnerAlive({ pid, host: hostname(), token: '' })).toBe(false);
  });

  it('is dead if its number now belongs to a process that started at another time', () => {
    const { started = 0, ...owner } = createLockOwner();

    expect(started).toBeGreaterThan(0);
    expect(isOwnerAlive({ ...owner, started: started - 1 })).toBe(false);
    expect(isOwnerAlive(owner)).toBe(true);
  });

  it('lives if it belongs to another user', () => {
    expect(isOwnerAlive({ pid: 1, host: hostname(), token: '' })).toBe(true);
  });

  it('is dead when it has been killed and its parent has not noticed', async () => {
    // The shell turns into a program that never asks what became of the child it has inherited.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [text] = (await once(parent.stdout, 'data')) as [Buffer];
    const owner = { pid: Number(text.toString()), host: hostname(), token: '' };
    await expect.poll(() => readFileSync(`/proc/${parent.pid ?? 0}/comm`, 'utf8')).toBe('sleep\n');
    expect(isOwnerAlive(owner)).toBe(true);
    process.kill(owner.pid, 'SIGKILL');
    await expect.poll(() => isOwnerAlive(owner)).toBe(false);

    expect(() => process.kill(owner.pid, 0)).not.toThrow();
    parent.kill();
  });
});
