/**
 * The boundaries between tiers hold because the compiler refuses to cross them. Each one is crossed here, on a copy of the
 * sources, and the refusal has to point at the file that crossed it.
 */
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * One statement per boundary, by the folder of the tier that must not contain it. Those of one folder are compiled together:
 * what they import must not overlap, because the compiler complains about a module only once. Upper tiers come first, so
 * that less is built anew.
 */
const BREACHES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'src/api': {
    'knows the command line': "export { formatBytes } from '../cli/byte-counts.js';",
  },
  'src/storage/node': {
    'knows the service': "export { createServiceLimits } from '../../api/limits.js';",
    'reads containers': "export { H4MKReader } from '../../container/reader.js';",
    'knows the command line': "export * from '../../cli/main.js';",
  },
  'src/storage': {
    'reads containers': "export { H4MKReader } from '../container/reader.js';",
    'knows the service': "export { createServiceLimits } from '../api/limits.js';",
    'knows files': "export { readFileSync } from 'node:fs';",
    'knows the storage of Node': "export * from './node/index.js';",
    'uses Buffer': "export const bytes = Buffer.from('abc');",
  },
  'src/container': {
    'knows storage': "export { createMemorySource } from '../storage/memory.js';",
    'knows an engine': "export { GeometricReferenceCompressor } from '../compression/reference.js';",
    'knows the service': "export { createServiceLimits } from '../api/limits.js';",
    'knows the command line': "export { formatBytes } from '../cli/byte-counts.js';",
    'knows files': "export { readFileSync } from 'node:fs';",
    'uses Buffer': "export const bytes = Buffer.from('abc');",
    'uses fetch': "export const page = fetch('http://localhost/');",
    'uses process': 'export const folder = process.cwd();',
    'uses timers': 'export const timer = setTimeout(() => undefined, 1);',
    'uses the console': "console.log('hello');",
  },
  'src/container/io': {
    'knows the container': "export { HEADER_BYTES } from '../layout.js';",
    'knows utilities': "export { H4Error } from '../../utils/error.js';",
  },
  'src/compression': {
    'knows the container': "export { H4MKReader } from '../container/reader.js';",
    'knows files': "export { readFileSync } from 'node:fs';",
  },
  'src/compression/api': {
    'knows an engine': "export { GeometricReferenceCompressor } from '../reference.js';",
    'uses process': 'export const folder = process.cwd();',
  },
  'src/tokenizers': {
    'knows the container': "export { HEADER_BYTES } from '../container/layout.js';",
    'knows compression': "export { storedEngine } from '../compression/api/stored.js';",
    'uses Buffer': "export const bytes = Buffer.from('abc');",
  },
  'src/utils': {
    'knows tokenizers': "export { VideoTransportTokenizer } from '../tokenizers/video-transport.js';",
    'knows files': "export { readFileSync } from 'node:fs';",
    'uses fetch': "export const page = fetch('http://localhost/');",
    'goes round the door to the platform': "export { platform } from './platform/node/platform.js';",
  },
  'src/utils/platform/web': {
    'uses the primitives of Node': "export { createHash } from 'node:crypto';",
  },
};

/** A file that any tier may contain: what it is refused for is its one statement. */
const HARMLESS = 'export const harmless = new TextEncoder().encode("harmless").length;\n';

let copy = '';

beforeAll(() => {
  copy = realpathSync(mkdtempSync(join(tmpdir(), 'harmony4-boundaries-')));
  // Time stamps and build information come along, so that nothing is built that is up to date.
  for (const name of ['src', 'dist', 'package.json', 'tsconfig.base.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});

afterAll(() => {
  rmSync(copy, { recursive: true, force: true });
});

/** What `tsc -b` has to say about some projects: the files with errors, and how the first error of each reads. */
const build = (...projects: readonly string[]): Map<string, string> => {
  const faults = new Map<string, string>();
  const note = (diagnostic: ts.Diagnostic): void => {
    const file = diagnostic.file === undefined ? '(none)' : relative(copy, diagnostic.file.fileName);
    if (!faults.has(file)) faults.set(file, ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
  };
  const host = ts.createSolutionBuilderHost(ts.sys, undefined, note, () => undefined);
  const paths = projects.map((project) => join(copy, project));
  const status = ts.createSolutionBuilder(host, paths, {}).build();
  if (status !== ts.ExitStatus.Success && faults.size === 0) faults.set('(none)', `tsc ended with ${status}`);
  return faults;
};

describe('the compiler', { timeout: 120_000 }, () => {
  it('accepts the copy as it is', () => {
    expect([...build('.')]).toEqual([]);
  });

  it.each(Object.entries(BREACHES))('refuses in %s whatever crosses its boundary', (folder, breaches) => {
    const files = Object.entries(breaches).map(([what, statement], i) => ({
      what,
      statement,
      path: `${folder}/breach-${i}.ts`,
    }));
    const harmless = `${folder}/harmless.ts`;
    try {
      writeFileSync(join(copy, harmless), HARMLESS);
      for (const { path, statement } of files) writeFileSync(join(copy, path), `${statement}\n`);
      const faults = build(folder);
      for (const { what, path } of files) expect(faults.has(path), `${folder} ${what}`).toBe(true);
      expect(faults.get(harmless)).toBeUndefined();
    } finally {
      for (const path of [harmless, ...files.map((file) => file.path)]) rmSync(join(copy, path), { force: true });
    }
  });
});
