import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = await readFile(join(root, 'README.md'), 'utf8');

/** The fenced blocks of one language, in order. */
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => match[1] ?? '');

describe('the README', () => {
  let folder: string;

  beforeAll(async () => {
    // A project that has installed this package.
    folder = await mkdtemp(join(tmpdir(), 'harmony4-readme-'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(root, join(folder, 'node_modules', 'harmony4'), 'dir');
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('shows a program of about twenty lines that runs as it stands', async () => {
    const [program = ''] = blocks('js');
    expect(program.trim().split('\n').filter(Boolean).length).toBeLessThanOrEqual(23);
    await writeFile(join(folder, 'example.mjs'), program);
    const { stdout } = await run(process.execPath, ['example.mjs'], { cwd: folder });
    expect(stdout).toMatch(/^NOT_SIGNED [0-9a-f]{64}\n42000000 what the camera sent in second 42\n$/);
  });

  it('names commands that run one after the other on a real file', async () => {
    const commands = blocks('sh')
      .flatMap((block) => block.split('\n'))
      .filter((line) => line.startsWith('npx harmony4 '))
      .map((line) => line.split(' ').slice(2));
    expect(commands.map(([verb]) => verb)).toEqual(['export', 'verify', 'seek', 'extract', 'inspect']);
    const media = Buffer.alloc(3_000_000, 'not really a film');
    await writeFile(join(folder, 'video.mp4'), media);
    for (const args of commands) {
      await run(process.execPath, [join(root, 'dist/cli/main.js'), ...args], { cwd: folder });
    }
    expect((await readFile(join(folder, 'copy.mp4'))).equals(media)).toBe(true);
  });

  it('links only to pages that exist', async () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThan(10);
    for (const link of links)
      await expect(
        readFile(join(root, link)).catch((error: unknown) => (error as NodeJS.ErrnoException).code),
      ).resolves.not.toBe('ENOENT');
  });
});
