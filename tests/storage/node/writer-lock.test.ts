import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { acquireWriterLock } from '../../../src/storage/node/writer-lock.js';
import { rejection } from '../rejection.js';
import { useTempFolder } from './temp-folder.js';

const temp = useTempFolder();
const ownerText = (facts: Readonly<Record<string, unknown>>) =>
  JSON.stringify({ pid: process.pid, host: hostname(), token: 'somebody', ...facts });
const deadOwner = () => ownerText({ pid: spawnSync('true').pid });

describe('acquireWriterLock()', () => {
  it('creates a lock that names this process, and removes it', async () => {
    const lock = await acquireWriterLock(temp('a.lock'));

    expect(JSON.parse(readFileSync(temp('a.lock'), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
    expect(lock.tookOver).toBe(false);
    expect(lock.isHeld()).toBe(true);
    lock.release();
    expect(existsSync(temp('a.lock'))).toBe(false);
    expect(lock.isHeld()).toBe(false);
    lock.release();
  });

  it('refuses a lock whose owner lives, and names it', async () => {
    const lock = await acquireWriterLock(temp('b.lock'));

    expect(await rejection(acquireWriterLock(temp('b.lock')))).toMatchObject({
      code: 'H4_LOCKED',
      message:
        `Cannot lock ${temp('b.lock')}: it is held by process ${process.pid}; ` +
        'wait until it has finished, or stop it',
      detail: { pid: process.pid },
    });
    lock.release();
  });

  it('takes over a lock whose owner is dead, and leaves nothing else behind', async () => {
    mkdirSync(temp('dead'));
    writeFileSync(temp('dead/c.lock'), deadOwner());
    const lock = await acquireWriterLock(temp('dead/c.lock'));

    expect(lock.tookOver).toBe(true);
    expect(lock.isHeld()).toBe(true);
    expect(readdirSync(temp('dead'))).toEqual(['c.lock']);
  });

  it('takes over from an owner who was killed while taking over, however often', async () => {
    mkdirSync(temp('chain'));
    for (const name of ['d.lock', 'd.lock.takeover', 'd.lock.takeover.takeover']) {
      writeFileSync(temp(`chain/${name}`), deadOwner());
    }
    const lock = await acquireWriterLock(temp('chain/d.lock'));

    expect(lock.tookOver).toBe(true);
    expect(readdirSync(temp('chain'))).toEqual(['d.lock']);
  });

  it('refuses while another living process takes over', async () => {
    writeFileSync(temp('e.lock'), deadOwner());
    writeFileSync(temp('e.lock.takeover'), ownerText({ pid: 1 }));

    expect(await rejection(acquireWriterLock(temp('e.lock')))).toMatchObject({ code: 'H4_LOCKED', detail: { pid: 1 } });
  });

  it('refuses an owner on another host, of whom nothing can be known', async () => {
    writeFileSync(temp('f.lock'), ownerText({ host: 'else\u001bwhere' }));

    expect(await rejection(acquireWriterLock(temp('f.lock')))).toMatchObject({
      code: 'H4_LOCKED',
      message:
        `Cannot lock ${temp('f.lock')}: it is held by process ${process.pid} on host "else\\u001bwhere"; ` +
        'if it does not run any more, remove that file',
    });
  });

  it.each([
    ['text', 'left-pad@1.3.0:\n  resolved "https://example.invalid"\n'],
    ['JSON', '{"lockfileVersion":3}'],
    ['a megabyte', 'x'.repeat(1024 * 1024)],
  ])('leaves a file of that name alone that is not a lock: %s', async (_name, content) => {
    writeFileSync(temp('g.lock'), content);

    expect(await rejection(acquireWriterLock(temp('g.lock')))).toMatchObject({
      code: 'H4_LOCKED',
      message: `Cannot lock ${temp('g.lock')}: the file is not a writer lock; move it away if it may go`,
    });
    expect(readFileSync(temp('g.lock'), 'utf8')).toBe(content);
  });

  it('takes over a lock that stays empty: its creator was killed before it could write', async () => {
    writeFileSync(temp('h.lock'), '');
    const lock = await acquireWriterLock(temp('h.lock'));

    expect(lock.tookOver).toBe(true);
  });

  it('takes over a lock that lost its text in a power failure', async () => {
    writeFileSync(temp('i.lock'), new Uint8Array(90));

    expect((await acquireWriterLock(temp('i.lock'))).tookOver).toBe(true);
  });

  it('waits for a creator who is about to write its name', async () => {
    writeFileSync(temp('j.lock'), '');
    setTimeout(() => writeFileSync(temp('j.lock'), ownerText({})), 100);

    expect((await rejection(acquireWriterLock(temp('j.lock')))).code).toBe('H4_LOCKED');
  });

  it('tries again when the lock vanishes while it is looked at', async () => {
    writeFileSync(temp('k.lock'), '');
    setTimeout(() => unlinkSync(temp('k.lock')), 100);

    expect((await acquireWriterLock(temp('k.lock'))).tookOver).toBe(false);
  });

  it('does not replace a lock that is being created for one that was abandoned, though both are empty', async () => {
    const path = temp('n.lock');
    writeFileSync(path, '');
    writeFileSync(`${path}.takeover`, '');
    const acquiring = rejection(acquireWriterLock(path));
    // It now looks for a second at the lock, and then for another at the lock of those who take over.
    await sleep(1500);
    unlinkSync(path);
    writeFileSync(path, '');
    await sleep(1000);
    writeFileSync(path, ownerText({}));

    expect((await acquiring).code).toBe('H4_LOCKED');
  });

  it('notices that its lock has been replaced, and leaves the other alone', async () => {
    const lock = await acquireWriterLock(temp('l.lock'));
    writeFileSync(temp('l.lock'), ownerText({}));

    expect(lock.isHeld()).toBe(false);
    lock.release();
    expect(existsSync(temp('l.lock'))).toBe(true);
  });

  it('says so when it cannot create the lock', async () => {
    expect(await rejection(acquireWriterLock(temp('no/x.lock')))).toMatchObject({
      code: 'H4_WRITE',
      message: `Cannot create the lock ${temp('no/x.lock')}: there is no such file or folder (ENOENT); check the path`,
    });
  });

  it('follows no symbolic link', async () => {
    writeFileSync(temp('precious'), '');
    symlinkSync(temp('precious'), temp('m.lock'));

    expect(await rejection(acquireWriterLock(temp('m.lock')))).toMatchObject({
      code: 'H4_WRITE',
      message: expect.stringContaining('(ELOOP)') as unknown,
    });
  });

  it('has exactly one winner when many find the same dead owner', async () => {
    for (let round = 0; round < 50; round++) {
      const path = temp(`race-${round}.lock`);
      writeFileSync(path, deadOwner());
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => acquireWriterLock(path)));
      const winners = results.filter(({ status }) => status === 'fulfilled');

      expect(winners).toHaveLength(1);
      expect(existsSync(`${path}.takeover`)).toBe(false);
    }
  });
});
