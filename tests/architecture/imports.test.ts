/** How the modules of `src` hang together: down the tiers, never in a circle. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));

const modules = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.d.ts'),
);

/** `import type` and `export type` leave nothing behind when they are compiled. */
const IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^'";]*?\sfrom\s+)?'(\.[^']+)'/gm;

const importsOf = (module: string): string[] =>
  [...readFileSync(join(src, module), 'utf8').matchAll(IMPORT)].map(([, specifier = '']) =>
    relative(src, join(src, dirname(module), specifier.replace(/\.js$/, '.ts'))),
  );

/** The first circle found, as the modules on it, or undefined. */
const findCircle = (graph: ReadonlyMap<string, readonly string[]>): string[] | undefined => {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (module: string): string[] | undefined => {
    if (path.includes(module)) return [...path.slice(path.indexOf(module)), module];
    if (done.has(module)) return undefined;
    path.push(module);
    for (const next of graph.get(module) ?? []) {
      const circle = visit(next);
      if (circle !== undefined) return circle;
    }
    path.pop();
    done.add(module);
    return undefined;
  };
  for (const module of graph.keys()) {
    const circle = visit(module);
    if (circle !== undefined) return circle;
  }
  return undefined;
};

it('the walker finds a circle where there is one', () => {
  const graph = new Map([
    ['a', ['b', 'c']],
    ['b', ['d']],
    ['c', ['d']],
    ['d', ['e']],
    ['e', ['b']],
  ]);
  expect(findCircle(graph)).toEqual(['b', 'd', 'e', 'b']);
  expect(
    findCircle(
      new Map([
        ['a', ['b', 'c']],
        ['b', ['c']],
        ['c', []],
      ]),
    ),
  ).toBeUndefined();
});

it('no module imports itself by a detour', () => {
  const graph = new Map(modules.map((module) => [module, importsOf(module)]));
  // The walker has to have seen what is there: every import leads to a module.
  const known = new Set(modules);
  for (const [module, imports] of graph)
    for (const next of imports) expect(known.has(next), `${module}: ${next}`).toBe(true);
  expect(graph.get('container/read/reader.ts')).toContain('container/read/tile-index.ts');
  expect(findCircle(graph)).toBeUndefined();
});
