import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestServer, startServer } from '../support/http-server.js';

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
    expect(program.trim().split('\n').filter(Boolean).length).toBeLessThanOrEqual(25);
    await writeFile(join(folder, 'example.mjs'), program);
    const { stdout } = await run(process.execPath, ['example.mjs'], { cwd: folder });
    expect(stdout).toBe('OK 42000000 what the camera sent in second 42\n');
  });

  it('names commands that run one after the other on real files', async () => {
    const commands = blocks('sh')
      .filter((block) => !block.includes('HARMONY4_'))
      .flatMap((block) => block.split('\n'))
      .map((line) => line.replace(/\s+#.*$/, ''))
      .filter((line) => line.includes('npx harmony4 '));
    const verbs = commands.map((line) => /npx harmony4 (\w+)/.exec(line)?.[1]);
    const field = ['export', 'verify', 'recover', 'seek', 'upgrade'];
    const evidence = ['keygen', 'export', 'verify', 'seek', 'clip', 'verify'];
    expect(verbs).toEqual(['export', 'verify', 'seek', 'extract', 'inspect', 'verify', ...field, ...evidence]);

    const media = Buffer.alloc(3_000_000, 'not really a film');
    await writeFile(join(folder, 'video.mp4'), media);
    await mkdir(join(folder, 'archive'));
    await copyFile(join(root, 'spec/vectors/v1/minimal.h4mk'), join(folder, 'archive/minimal.h4mk'));
    await copyFile(join(root, 'spec/vectors/v1/minimal.h4mk'), join(folder, 'cut.h4mk'));
    await truncate(join(folder, 'cut.h4mk'), 1000);
    await copyFile(join(root, 'spec/vectors/v1/legacy.h4mk'), join(folder, 'old.h4mk'));
    let server: TestServer | undefined;
    try {
      for (const command of commands) {
        server ??= command.includes('https:')
          ? await startServer(await readFile(join(folder, 'video.h4mk')))
          : undefined;
        const line = command
          .replace('npx harmony4', `'${process.execPath}' '${join(root, 'dist/cli/main.js')}'`)
          .replace('https://example.org/video.h4mk', server?.url ?? '')
          .replace('camera |', 'cat video.mp4 |');
        // A cut recording is usable with loss, and says so by its exit code.
        const exits = await run('sh', ['-c', line], { cwd: folder }).then(
          () => 0,
          (error: unknown) => (error as { readonly code: number }).code,
        );
        expect([command, exits]).toEqual([command, command.includes('recover') ? 3 : 0]);
      }
    } finally {
      await server?.close();
    }
    expect((await readFile(join(folder, 'copy.mp4'))).equals(media)).toBe(true);
  }, 60_000);

  it('seals a core and records with it', async () => {
    const block = blocks('sh').find((each) => each.includes('HARMONY4_')) ?? '';
    await writeFile(
      join(folder, 'sensor.bin'),
      Uint8Array.from({ length: 300_000 }, (_, i) => i >> 8),
    );
    const script = block
      .replaceAll('npx harmony4 serve', 'npx harmony4 serve --check')
      .replaceAll('npx harmony4', `'${process.execPath}' '${join(root, 'dist/cli/main.js')}'`);
    const { stdout } = await run('sh', ['-ec', script], { cwd: folder });
    expect(stdout).toContain('h4geo-v1');
    expect(await readFile(join(folder, 'sensor.h4mk'), 'latin1')).toContain('"seal_level":3');
  }, 60_000);

  it('links only to pages that exist', async () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThan(10);
    for (const link of links)
      await expect(
        readFile(join(root, link)).catch((error: unknown) => (error as NodeJS.ErrnoException).code),
      ).resolves.not.toBe('ENOENT');
  });
});
