/** What the package offers: its subpaths, and the names behind them that its documents use. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const subpaths = Object.entries(manifest.exports).filter(([, target]) => target.endsWith('.js'));

/** Names that documents and examples use; an index may have more. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  './utils': [
    'H4Error',
    'isH4Error',
    'ERROR_CODES',
    'exitCodeOf',
    'httpStatusOf',
    'sha256',
    'crc32',
    'toHex',
    'fromHex',
  ],
  './tokenizers': ['VideoTransportTokenizer', 'VideoBlockToken', 'Token', 'Tokenizer'],
  './compression': [
    ...['CompressionEngine', 'EngineInfo', 'EngineSet', 'GeometricReferenceCompressor', 'builtinEngines'],
    ...['createEngineSet', 'storedEngine', 'compressRleDelta', 'decompressRleDelta'],
  ],
  './container': [
    ...['H4MKBuilder', 'H4MKReader', 'SeekTable', 'SeekEntry', 'CoreChunk', 'ChunkStream', 'ChunkInfo', 'Chunk'],
    ...[
      'ByteSource',
      'ByteSink',
      'RecordWriter',
      'Verified',
      'verifyContainer',
      'VerificationReport',
      'DEFAULT_LIMITS',
    ],
  ],
  './storage': [
    ...['createMemorySource', 'createMemorySink', 'createDiscardSink', 'createCountingSource'],
    ...['openHttpSource', 'createCachedSource'],
  ],
  './storage/node': [],
  './api': ['buildApp', 'startServer', 'readServiceSettings', 'createServiceLimits'],
};

/** The names that the declarations of a built module export, types included. */
const declaredNames = (() => {
  const declarations = new Map(
    subpaths.map(([subpath, target]) => [subpath, join(root, target.replace(/\.js$/, '.d.ts'))]),
  );
  const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, noLib: true, types: [] };
  const program = ts.createProgram([...declarations.values()], options);
  const checker = program.getTypeChecker();
  return (subpath: string): string[] => {
    const file = program.getSourceFile(declarations.get(subpath) ?? '');
    const symbol = file === undefined ? undefined : checker.getSymbolAtLocation(file);
    return symbol === undefined ? [] : checker.getExportsOfModule(symbol).map(({ name }) => name);
  };
})();

describe('the package', () => {
  it('has a subpath for every tier, each of which leads to a built file', () => {
    expect(subpaths.map(([subpath]) => subpath)).toEqual(expect.arrayContaining(Object.keys(NAMED)));
    for (const [subpath, target] of subpaths) {
      expect(existsSync(join(root, target)), `${subpath}: ${target}`).toBe(true);
      expect(existsSync(join(root, target.replace(/\.js$/, '.d.ts'))), `${subpath}: declarations`).toBe(true);
    }
  });

  it.each(Object.entries(NAMED))('%s declares the names that documents use', (subpath, names) => {
    expect(declaredNames(subpath)).toEqual(expect.arrayContaining([...names]));
  });

  it('gives under its own name the values that it declares, and hides everything else', () => {
    const script = `
      const names = {};
      for (const subpath of ${JSON.stringify(subpaths.map(([subpath]) => subpath))}) {
        names[subpath] = Object.keys(await import('${manifest.name}' + subpath.slice(1)));
      }
      const hidden = await import('${manifest.name}/dist/container/format/tokn.js').catch((error) => error.code);
      console.log(JSON.stringify({ names, hidden }));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: root,
      encoding: 'utf8',
    });
    const { names, hidden } = JSON.parse(output) as { names: Record<string, string[]>; hidden: unknown };
    expect(hidden).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED');
    for (const [subpath, values] of Object.entries(names)) {
      expect(values.length, subpath).toBeGreaterThan(0);
      expect(declaredNames(subpath), subpath).toEqual(expect.arrayContaining(values));
    }
    expect(names['./container']).toContain('H4MKBuilder');
    expect(names['./utils']).toContain('H4Error');
  });
});
