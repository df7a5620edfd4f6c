import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { link } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { publishNew, publishOver, syncFolderOf } from '../../../src/storage/node/publish.js';
import { rejection } from '../rejection.js';
import { useTempFolder } from './temp-folder.js';

const temp = useTempFolder();

function folder(name: string, files: Readonly<Record<string, string>>): (file: string) => string {
  mkdirSync(temp(name));
  for (const [file, content] of Object.entries(files)) {
    writeFileSync(temp(`${name}/${file}`), content);
  }
  return (file) => temp(`${name}/${file}`);
}

/** A file system without hard links. */
const noLinks: typeof link = () => Promise.reject(Object.assign(new Error('no links here'), { code: 'EPERM' }));

describe.each([
  ['with hard links', undefined],
  ['without hard links', noLinks],
])('publishNew() %s', (name, makeLink) => {
  it('gives the part its name', async () => {
    const path = folder(`${name} new`, { 'x.part': 'new' });
    await publishNew(path('x.part'), path('x'), makeLink);

    expect(readFileSync(path('x'), 'utf8')).toBe('new');
    expect(existsSync(path('x.part'))).toBe(false);
  });

  it('never replaces a file that has appeared meanwhile', async () => {
    const path = folder(`${name} taken`, { 'x.part': 'new', x: 'old' });

    expect(await rejection(publishNew(path('x.part'), path('x'), makeLink))).toMatchObject({
      code: 'H4_EXISTS',
      message: `Cannot write ${path('x')}: it exists; remove it, or ask for it to be overwritten`,
    });
    expect(readFileSync(path('x'), 'utf8')).toBe('old');
    expect(readFileSync(path('x.part'), 'utf8')).toBe('new');
  });

  it('says so when there is no part, and leaves no empty file', async () => {
    const path = folder(`${name} absent`, {});

    expect((await rejection(publishNew(path('x.part'), path('x'), makeLink))).code).toBe('H4_WRITE');
    expect(readdirSync(path(''))).toEqual([]);
  });
});

describe('publishOver()', () => {
  it('replaces what is there', async () => {
    const path = folder('over', { 'x.part': 'new', x: 'old' });
    await publishOver(path('x.part'), path('x'));

    expect(readFileSync(path('x'), 'utf8')).toBe('new');
  });

  it('does not replace a folder', async () => {
    const path = folder('over a folder', { 'x.part': 'new' });
    mkdirSync(path('x'));

    expect(await rejection(publishOver(path('x.part'), path('x')))).toMatchObject({
      code: 'H4_WRITE',
      message: `Cannot give the finished file its name ${path('x')}: it is a folder (EISDIR); name a file`,
    });
  });
});

describe('syncFolderOf()', () => {
  it('accepts file systems that cannot do it', async () => {
    await syncFolderOf('/proc/version');
    await syncFolderOf(temp('x'));
  });

  it('reports a folder that has vanished', async () => {
    expect(await rejection(syncFolderOf(temp('no/such/folder/x')))).toMatchObject({
      code: 'H4_WRITE',
      message: expect.stringContaining('whole, but cannot make its name durable') as unknown,
    });
  });
});
