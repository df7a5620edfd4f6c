/** The header of the binary interface, and the cores that include it, before strict compilers of both languages. */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  buildCore,
  compileHostile,
  coreObstacle,
  coresRoot,
  describeCompiled,
  type HostileCore,
} from '../support/cores.js';

const STRICT = ['-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fsyntax-only', `-I${join(coresRoot, 'include')}`];
const COMPILERS = [
  { command: 'gcc', language: 'c', flags: ['-std=c99'] },
  { command: 'gcc', language: 'c', flags: ['-std=c17', '-Wconversion', '-Wstrict-prototypes', '-Wmissing-prototypes'] },
  { command: 'g++', language: 'c++', flags: ['-std=c++11'] },
  {
    command: 'clang-14',
    language: 'c',
    flags: ['-std=c99', '-Weverything', '-Wno-padded', '-Wno-reserved-macro-identifier'],
  },
  { command: 'clang++-14', language: 'c++', flags: ['-std=c++11'] },
  { command: 'clang-14', language: 'c', flags: ['-std=c99', '--target=wasm32', '-ffreestanding'] },
  { command: 'clang-14', language: 'c', flags: ['-std=c99', '--target=x86_64-pc-windows-gnu', '-ffreestanding'] },
  { command: 'clang-14', language: 'c', flags: ['-std=c99', '--target=i386-linux-gnu', '-ffreestanding'] },
] as const;

const isThere = (command: string): boolean => spawnSync(command, ['--version']).status === 0;
const USE =
  '#include "h4_engine.h"\nint check_it(int32_t status);\nint check_it(int32_t status) { return status == H4_OK; }\n';

describe('h4_engine.h', () => {
  for (const { command, language, flags } of COMPILERS) {
    const there = isThere(command);
    const title = `compiles without a warning: ${command} ${flags.join(' ')}`;
    it.skipIf(!there)(there ? title : `${title} (skipped: no ${command})`, () => {
      const run = spawnSync(command, [...STRICT, ...flags, '-x', language, '-'], { input: USE, encoding: 'utf8' });
      expect(run.stderr).toBe('');
      expect(run.status).toBe(0);
    });
  }
});

describe('a core', () => {
  const sources = ['stub/stub.c', 'zstd/zstd.c', 'geo/geo.c'].filter((source) => existsSync(join(coresRoot, source)));
  /** Why this compiler does not see this source here: without libzstd-dev there is no zstd.h. */
  const obstacleOf = (command: string, source: string): string | undefined =>
    !isThere(command) ? `no ${command}` : source.startsWith('zstd') ? coreObstacle('zstd.so') : undefined;
  for (const command of ['gcc', 'clang-14']) {
    for (const source of sources) {
      const obstacle = obstacleOf(command, source);
      const title = `compiles without a warning: ${command} ${source}`;
      it.skipIf(obstacle !== undefined)(obstacle === undefined ? title : `${title} (skipped: ${obstacle})`, () => {
        const run = spawnSync(command, [...STRICT, '-std=c11', '-O2', join(coresRoot, source)], { encoding: 'utf8' });
        expect(run.stderr).toBe('');
        expect(run.status).toBe(0);
      });
    }
  }
});

describeCompiled('exports', () => {
  /** Names of the functions that a library defines for others. */
  const exportsOf = (path: string): string[] =>
    execFileSync('nm', ['-D', '--defined-only', '--format=posix', path], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => line.replace(/ .*/, ''))
      .sort();
  const V1 = ['h4_compress', 'h4_decompress'];
  const V2 = ['h4_bound_v2', 'h4_compress_v2', 'h4_decompress_v2'];

  it('of a core are the interface and nothing else', () => {
    expect(exportsOf(buildCore('stub.so'))).toEqual([...V1, 'h4_engine_id', 'h4_free'].sort());
  });

  it('of a hostile core follow the version that was asked for', () => {
    const own = (name: HostileCore, abi: 1 | 2 | 12): string[] => exportsOf(compileHostile(name, { abi }));
    const rest = ['h4_engine_id', 'h4_free'];
    expect(own('stored', 1)).toEqual([...V1, ...rest].sort());
    expect(own('stored', 2)).toEqual([...V2, ...rest].sort());
    expect(own('garbage', 12)).toEqual([...V1, ...V2, ...rest].sort());
    expect(own('missing-symbol', 12)).toEqual(['h4_bound_v2', 'h4_compress', 'h4_compress_v2', ...rest].sort());
    expect(own('no-free', 1)).toEqual([...V1, 'h4_engine_id'].sort());
    expect(exportsOf(compileHostile('stored', { engineId: null }))).toEqual([...V1, 'h4_free'].sort());
  });
});

describeCompiled(
  'zstd.so',
  () => {
    it('shows nothing of libzstd, and needs nothing but the C library', () => {
      const path = buildCore('zstd.so');
      const names = execFileSync('nm', ['-D', path], { encoding: 'utf8' });
      expect(names).toMatch(/ T h4_compress_v2$/m);
      expect(names).not.toMatch(/ZSTD|HUF_|FSE_|XXH/);
      const needed = execFileSync('readelf', ['-d', path], { encoding: 'utf8' }).match(/NEEDED.*/g);
      expect(needed).toHaveLength(1);
      expect(needed?.[0]).toMatch(/\[libc\.so/);
    });
  },
  'zstd.so',
);

describe('the stub', () => {
  it('stands in cores/README.md as it is compiled', () => {
    const readme = readFileSync(join(coresRoot, 'README.md'), 'utf8');
    const printed = /^```c\n([^]*?)^```$/m.exec(readme)?.[1];
    expect(printed).toBe(readFileSync(join(coresRoot, 'stub/stub.c'), 'utf8'));
  });

  it('is short enough to be printed', () => {
    expect(readFileSync(join(coresRoot, 'stub/stub.c'), 'utf8').split('\n').length).toBeLessThan(70);
  });
});

describe('prototypes', () => {
  const there = isThere('gcc');
  const title = 'make the compiler refuse a core whose function has another shape';
  it.skipIf(!there)(there ? title : `${title} (skipped: no gcc)`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'harmony4-header-'));
    try {
      const source = join(folder, 'wrong.c');
      writeFileSync(
        source,
        '#include "h4_engine.h"\nint h4_compress(const void *in, int n, void **out) { return 0; }\n',
      );
      const run = spawnSync('gcc', [...STRICT, source], { encoding: 'utf8' });
      expect(run.stderr).toMatch(/conflicting types for .h4_compress/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
