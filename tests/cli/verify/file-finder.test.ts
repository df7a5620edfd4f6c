import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Found, findFiles, isFolder } from '../../../src/cli/verify/file-finder.js';
import { runShell } from '../support/process.js';
import { temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();

async function found(path: string): Promise<Found[]> {
  const all: Found[] = [];
  for await (const each of findFiles(path)) all.push(each);
  return all;
}

beforeAll(async () => {
  for (const name of [
    'all/b.h4mk',
    'all/a/z.h4mk',
    'all/a/.hidden.h4mk',
    'all/.cache/deep/er/x.h4mk',
    'all/B.H4MK',
    'all/folder.h4mk/inside.h4mk',
    'all/b.h4mk.part',
    'all/b.h4mk.lock',
    'all/b.h4mk.tail',
    'all/h4mk',
    'all/notes.txt',
    'outside/far.h4mk',
  ]) {
    await mkdir(dirname(folder.path(name)), { recursive: true });
    await writeFile(folder.path(name), '');
  }
  await mkdir(folder.path('empty/er'), { recursive: true });
  await symlink('..', folder.path('all/a/loop'));
  await symlink('../outside', folder.path('all/elsewhere'));
  await symlink('../outside', folder.path('all/elsewhere.h4mk'));
  await symlink('../outside/far.h4mk', folder.path('all/link.h4mk'));
  await symlink('nowhere', folder.path('all/dangling.h4mk'));
  await symlink('self.h4mk', folder.path('all/self.h4mk'));
});

test('finds every H4MK file below a folder, hidden ones included, in the order of their names', async () => {
  expect((await found(folder.path('all'))).map(({ relative }) => relative)).toEqual([
    '.cache/deep/er/x.h4mk',
    'B.H4MK',
    'a/.hidden.h4mk',
    'a/z.h4mk',
    'b.h4mk',
    'dangling.h4mk',
    'folder.h4mk/inside.h4mk',
    'link.h4mk',
    'self.h4mk',
  ]);
});

test('gives the way to open each, and follows links to files but none to folders', async () => {
  const all = await found(folder.path('all'));
  expect(all.map(({ path }) => path)).toEqual(all.map(({ relative }) => folder.path(`all/${relative}`)));
  expect(all.filter(({ path }) => path.includes('far') || path.includes('elsewhere'))).toEqual([]);
});

test('finds nothing where there is nothing', async () => {
  expect(await found(folder.path('empty'))).toEqual([]);
});

test('tells of a folder that it cannot list, and goes on', async () => {
  // A path that the system refuses although each of its names is allowed: it is too long to be opened from the root.
  const name = 'n'.repeat(250);
  const made = await runShell(
    `mkdir long && touch long/zzz.h4mk && cd long && for i in $(seq 20); do mkdir ${name} && cd ${name}; done; touch deep.h4mk`,
    folder.path('.'),
  );
  expect(made.code).toBe(0);
  const all = await found(folder.path('long'));
  expect(all.map(({ relative, error }) => [relative.length > 3000, error?.code])).toEqual([
    [true, 'H4_IO'],
    [false, undefined],
  ]);
  expect(all[0]?.error?.message).toMatch(/^Cannot list the files in .*: the name is too long \(ENAMETOOLONG\)/);
  expect(all[1]?.relative).toBe('zzz.h4mk');
  // Nor could the tests' own cleaning up.
  await runShell('rm -rf long', folder.path('.'));
});

test('isFolder() follows links and is false for what is not there', async () => {
  expect(await isFolder(folder.path('all/elsewhere'))).toBe(true);
  expect(await isFolder(folder.path('all/b.h4mk'))).toBe(false);
  expect(await isFolder(folder.path('all/dangling.h4mk'))).toBe(false);
});
