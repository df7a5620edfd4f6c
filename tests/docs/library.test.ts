/** The page about the library, run as one program by a project that has installed this package. */
import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ByteSource } from '../../src/container/io/io.js';
import { startServer } from '../support/http-server.js';
import { blocksOf, pageText, projectRoot } from './page.js';

const run = promisify(execFile);
const page = await pageText('docs/reference/library.md');
const pieces = blocksOf(page, 'js');

const ADDRESS = 'https://example.org/minute.h4mk';

/** What stands under this name when it is asked for: the program writes the file that it asks a server for. */
const laterFile = (path: string): ByteSource => ({
  get size() {
    return statSync(path).size;
  },
  read: async (start, end) => new Uint8Array((await readFile(path)).subarray(start, end)),
  close: () => Promise.resolve(),
});

describe('the page about the library', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harmony4-library-'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(projectRoot, join(folder, 'node_modules/harmony4'), 'dir');
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is a program that writes, signs, verifies, seeks with proof, clips and redacts', async () => {
    expect(pieces.length).toBe(5);
    const server = await startServer(laterFile(join(folder, 'minute.h4mk')));
    try {
      await writeFile(join(folder, 'page.mjs'), pieces.join('\n').replace(ADDRESS, server.url));
      const { stdout, stderr } = await run(process.execPath, ['page.mjs'], { cwd: folder });
      expect(stderr).toBe('');
      expect(stdout.trimEnd().split('\n')).toEqual([
        'OK true 0',
        '42000000 what the camera sent in second 42',
        '[ { from: 10000000, to: 20000000 } ]',
        '[ 5, 6, 7 ] []',
        "OK_WITH_REDACTIONS [ 'example.com/camera7/statements' ]",
      ]);
      expect(server.seen.length).toBeGreaterThan(0);
    } finally {
      await server.close();
    }
  }, 60_000);

  it('links only to pages that exist, and names every door of the package', async () => {
    const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(4);
    const at = dirname(join(projectRoot, 'docs/reference/library.md'));
    for (const link of links) expect([link, existsSync(join(at, link))]).toEqual([link, true]);
    const { exports } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as { exports: object };
    const doors = Object.keys(exports).filter((door) => door !== './package.json');
    expect(doors.length).toBeGreaterThan(6);
    for (const door of doors) expect(page).toContain(`\`harmony4${door.slice(1)}\``);
  });
});
