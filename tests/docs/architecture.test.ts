/** What the page about the architecture says of the tree: rooms and tests that exist, and one maker of `Verified`. */
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pageText, projectRoot } from './page.js';

const page = await pageText('docs/design/architecture.md');
const container = join(projectRoot, 'src/container');

describe('the page about the architecture', () => {
  it('lists each room of the container, and no other', async () => {
    const [, table = ''] = /### The rooms of the container\n([\s\S]*?)\n## /.exec(page) ?? [];
    const listed = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, room = '']) => room);
    const entries = await readdir(container, { withFileTypes: true });
    const rooms = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect(rooms.length).toBeGreaterThan(10);
    expect([...listed].sort()).toEqual(rooms.sort());
  });

  it('names files and tests that exist', () => {
    const tests = page.match(/\btests\/[\w/-]+\.test\.ts\b/g) ?? [];
    expect(new Set(tests).size).toBeGreaterThan(10);
    for (const test of tests) expect([test, existsSync(join(projectRoot, test))]).toEqual([test, true]);
    const sources = [...page.matchAll(/`([a-z]+\/[a-z-]+\.ts)`/g)].map(([, path = '']) => path);
    expect(sources.length).toBeGreaterThan(8);
    const tiers = ['container', 'storage', 'compression', 'cli', 'api', 'utils', '.'];
    for (const path of sources) {
      const stands = tiers.some((tier) => existsSync(join(projectRoot, 'src', tier, path)));
      expect([path, stands]).toEqual([path, true]);
    }
  });

  it('is right that one module alone makes something verified', async () => {
    const files = (await readdir(join(projectRoot, 'src'), { recursive: true })).filter((name) => name.endsWith('.ts'));
    expect(files.length).toBeGreaterThan(200);
    const makers: string[] = [];
    for (const file of files) {
      const text = await readFile(join(projectRoot, 'src', file), 'utf8');
      if (/\bas (?:unknown as )?Verified<|<Verified<[^>]*>>\s*\w/.test(text)) makers.push(file);
    }
    expect(makers).toEqual([join('container', 'check', 'verified.ts')]);
  });
});
