/**
 * The tool that builds the cores, on copies of their folder. The comparison of builds is tried on a small stand-in for the
 * geo core, whose faults can be chosen.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORE_NAMES, type CoreName } from '../../tools/core-recipes.js';
import { buildCores, type BuildResult, type CoreResult } from '../../tools/cores.js';
import { checkedInWasm, coreObstacle, coresRoot, describeCompiled } from '../support/cores.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'harmony4-build-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A copy of `cores/` below the temporary folder. */
function copyOfCores(name: string): string {
  const root = join(folder, name, 'cores');
  cpSync(coresRoot, root, { recursive: true });
  return root;
}

const get = (result: BuildResult, name: CoreName): CoreResult => {
  const found = result.cores.find((core) => core.name === name);
  if (found === undefined) throw new Error(`no ${name} in the result`);
  return found;
};

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describeCompiled('buildCores', () => {
  it('builds what the compilers allow, and measures it', () => {
    const output = join(folder, 'all');
    const result = buildCores({ output });
    expect(result.cores.filter(({ state }) => state === 'failed')).toEqual([]);
    expect(result.cores.map(({ name }) => name)).toEqual([...CORE_NAMES]);
    for (const core of result.cores) {
      const obstacle = coreObstacle(core.name);
      if (core.state !== 'built') {
        expect(core).toEqual({ name: core.name, state: 'skipped', reason: obstacle });
        continue;
      }
      expect(obstacle).toBeUndefined();
      expect(core.path).toBe(join(output, core.name));
      expect([core.size, core.sha256]).toEqual([readFileSync(core.path).length, sha256(core.path)]);
      expect(core.engine_id).toMatch(/^h4[a-z]+-[A-Za-z0-9.-]+$/);
    }
    expect(get(result, 'stub.so')).toMatchObject({ state: 'built', engine_id: 'h4stub-rle-v1' });
  });

  it('gives the same bytes in another folder, by a path of another length', () => {
    const results = ['a', 'a-much-longer-name/with a blank and ø'].map((name) =>
      buildCores({ root: copyOfCores(name), output: join(folder, name, 'out') }),
    );
    const hashes = results.map(({ cores }) => cores.map((core) => [core.name, core.state === 'built' && core.sha256]));
    expect(hashes[0]).toEqual(hashes[1]);
    expect(hashes[0]?.filter(([, hash]) => hash !== false).length).toBeGreaterThan(0);
    const here = Buffer.from(folder);
    for (const { cores } of results) {
      for (const core of cores) if (core.state === 'built') expect(readFileSync(core.path).includes(here)).toBe(false);
    }
  });

  it('builds only what is asked for, and compares nothing then', () => {
    const output = join(folder, 'one');
    const result = buildCores({ output, only: ['stub.so'] });
    expect(result.cores).toHaveLength(1);
    expect(result).not.toHaveProperty('checked_in_wasm');
    expect(readdirSync(output)).toEqual(['stub.so']);
  });

  it('says which packages would help where there is no compiler', () => {
    const output = join(folder, 'none');
    const { cores } = buildCores({ output, root: copyOfStandIn('none-root'), environment: { PATH: '' } });
    expect(cores).toEqual([
      { name: 'geo.so', state: 'skipped', reason: 'no C compiler: apt-get install gcc (or set CC)' },
      { name: 'geo.wasm', state: 'skipped', reason: 'no clang: apt-get install clang-14' },
      { name: 'zstd.so', state: 'skipped', reason: 'no C compiler: apt-get install gcc (or set CC)' },
      { name: 'stub.so', state: 'skipped', reason: 'no C compiler: apt-get install gcc (or set CC)' },
    ]);
    expect(readdirSync(output)).toEqual([]);
  });

  it('takes the compiler that CC names, with its arguments, and no other in its place', () => {
    const build = (CC: string) =>
      get(
        buildCores({ output: join(folder, 'cc'), only: ['stub.so'], environment: { PATH: process.env['PATH'], CC } }),
        'stub.so',
      );
    expect(build('no-such-compiler')).toMatchObject({
      state: 'skipped',
      reason: expect.stringMatching(/set CC/) as string,
    });
    expect(build('gcc -DSOMETHING')).toMatchObject({ state: 'built' });
    expect(build('gcc --no-such-option')).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/no-such-option/) as string,
    });
  });

  it('leaves no core of an earlier run behind where it builds none', () => {
    const output = join(folder, 'stale');
    mkdirSync(output);
    writeFileSync(join(output, 'stub.so'), 'old');
    buildCores({ output, only: ['stub.so'], environment: { PATH: '' } });
    expect(readdirSync(output)).toEqual([]);
  });

  it('reports what the compiler says of a faulty source, and leaves nothing behind', () => {
    const root = copyOfCores('faulty');
    writeFileSync(join(root, 'stub/stub.c'), '#include "h4_engine.h"\nsize_t h4_compress(;\n');
    const output = join(folder, 'faulty/out');
    const result = get(buildCores({ root, output, only: ['stub.so'] }), 'stub.so');
    expect(result).toMatchObject({ state: 'failed', reason: expect.stringMatching(/stub\.c:2:.*error/) as string });
    expect(readdirSync(output)).toEqual([]);
  });
});

/** A geo core that stores blocks. IN_WASM: 0, or 1 to give other bytes there, or 2 to have another id there. */
const STAND_IN = `
#include "h4_engine.h"
#ifdef __wasm__
#define FREE(p) ((void)(p))
static unsigned char heap[1 << 20];
static size_t used;
void *h4_alloc(size_t size) { void *at = heap + used; used = (used + size + 7) & ~(size_t)7; return used > sizeof heap ? 0 : at; }
void h4_free(void *p) { (void)p; used = 0; }
#define CHANGE IN_WASM
#else
#include <stdlib.h>
void h4_free(void *p) { free(p); }
#define CHANGE 0
#endif
static int32_t copy(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len, int change) {
  if (in_len > out_capacity) return H4_E_CAPACITY;
  for (size_t i = 0; i < in_len; i++) ((volatile unsigned char *)out)[i] = ((const unsigned char *)in)[i] ^ (unsigned char)(change & 1);
  *out_len = in_len;
  return H4_OK;
}
int32_t h4_compress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  return copy(in, in_len, out, out_capacity, out_len, CHANGE);
}
int32_t h4_decompress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  return copy(in, in_len, out, out_capacity, out_len, CHANGE);
}
size_t h4_bound_v2(size_t in_len) { return in_len; }
#ifndef __wasm__
static size_t make(const void *in, size_t in_len, void **out) {
  size_t length = 0;
  *out = malloc(in_len);
  return *out != NULL && copy(in, in_len, *out, in_len, &length, 0) == H4_OK ? length : 0;
}
size_t h4_compress(const void *in, size_t in_len, void **out) { return make(in, in_len, out); }
size_t h4_decompress(const void *in, size_t in_len, void **out) { return make(in, in_len, out); }
#endif
const char *h4_engine_id(void) { return CHANGE == 2 ? "h4other-v1" : "h4standin-v1"; }
`;

function copyOfStandIn(name: string, inWasm: 0 | 1 | 2 = 0): string {
  const root = copyOfCores(name);
  rmSync(join(root, 'geo'), { recursive: true, force: true });
  mkdirSync(join(root, 'geo'));
  writeFileSync(join(root, 'geo/geo.c'), STAND_IN.replace('IN_WASM\n', `${inWasm}\n`));
  return root;
}

const GEO: readonly CoreName[] = ['geo.so', 'geo.wasm'];

describeCompiled(
  'the checked-in module',
  () => {
    const setUp = (name: string, inWasm: 0 | 1 | 2 = 0) => {
      const root = copyOfStandIn(name, inWasm);
      const output = join(folder, name, 'out');
      const build = (updateWasm = false) => buildCores({ root, output, only: GEO, updateWasm });
      return { root, output, build, note: join(root, 'geo/geo.wasm.sha256'), module: join(root, 'geo/geo.wasm') };
    };

    it('is the one built here, once it was updated, and carries its makers and a line for sha256sum', () => {
      const { build, note, module } = setUp('update');
      expect(build().checked_in_wasm).toMatchObject({
        state: 'not compared',
        reason: expect.stringMatching(/--update-wasm/) as string,
      });
      const updated = build(true);
      const hash = sha256(module);
      expect(updated.checked_in_wasm).toEqual({ state: 'updated', reason: `SHA-256 ${hash}` });
      expect(readFileSync(note, 'utf8')).toMatch(new RegExp(`^# .*clang.*\\n# .*LLD.*\\n${hash}  geo\\.wasm\\n$`));
      expect(spawnSync('sha256sum', ['-c', 'geo.wasm.sha256'], { cwd: join(module, '..') }).status).toBe(0);
      expect(build().checked_in_wasm).toEqual({ state: 'same', reason: `SHA-256 ${hash}` });
    });

    it('differs where its source was changed, or the module itself, or its note', () => {
      const { build, root, note, module } = setUp('differs');
      build(true);
      const source = join(root, 'geo/geo.c');
      writeFileSync(source, readFileSync(source, 'utf8').replace('"h4standin-v1"', '"h4standin-v2"'));
      expect(build().checked_in_wasm).toMatchObject({
        state: 'differs',
        reason: expect.stringMatching(/--update-wasm replaces it/) as string,
      });

      const bytes = readFileSync(module);
      writeFileSync(module, Buffer.concat([bytes, Buffer.of(0)]));
      expect(build().checked_in_wasm).toMatchObject({
        state: 'differs',
        reason: expect.stringMatching(/says something else/) as string,
      });
      writeFileSync(module, bytes);

      build(true);
      writeFileSync(note, readFileSync(note, 'utf8').replace(/[0-9a-f]{64}/, '0'.repeat(64)));
      expect(build().checked_in_wasm).toMatchObject({
        state: 'differs',
        reason: expect.stringMatching(/says something else/) as string,
      });
    });

    it('is not compared where another compiler made it, unless it is the same anyway', () => {
      const { build, root, note } = setUp('other-compiler');
      build(true);
      writeFileSync(note, readFileSync(note, 'utf8').replace(/^#.*$/m, '# clang version 99'));
      expect(build().checked_in_wasm).toMatchObject({ state: 'same' });
      const source = join(root, 'geo/geo.c');
      writeFileSync(source, readFileSync(source, 'utf8').replace('"h4standin-v1"', '"h4standin-v2"'));
      expect(build().checked_in_wasm).toMatchObject({
        state: 'not compared',
        reason: expect.stringMatching(/made by clang version 99, /) as string,
      });
    });

    it('cannot be updated where no module was built', () => {
      const root = copyOfStandIn('no-update');
      const options = { root, output: join(folder, 'no-update/out'), only: GEO, updateWasm: true };
      expect(() => buildCores({ ...options, environment: { PATH: '' } })).toThrow('Cannot update geo.wasm');
      expect(existsSync(join(root, 'geo/geo.wasm'))).toBe(false);
    });

    it('is listed as an equivalent of the library, which reads and writes the same bytes', () => {
      const { build, output } = setUp('equivalents');
      const { cores, equivalents } = build();
      expect(equivalents).toBe(join(output, 'equivalents.txt'));
      const [so, wasm] = cores.map((core) => (core.state === 'built' ? core.sha256 : 'none'));
      const line = `h4standin-v1 ${so} = h4standin-v1 ${wasm}\n`;
      expect(readFileSync(join(output, 'equivalents.txt'), 'utf8')).toBe(line);
      // The same module a second time, now checked in as well, is no second line.
      build(true);
      expect(readFileSync(join(output, 'equivalents.txt'), 'utf8')).toBe(line);
    });

    it.each([
      ['bytes', 1],
      ['ids', 2],
    ] as const)('is no equivalent of a library that gives other %s', (what, inWasm) => {
      const { build, output } = setUp(`no-equivalent-${what}`, inWasm);
      mkdirSync(output, { recursive: true });
      writeFileSync(join(output, 'equivalents.txt'), 'from an earlier run');
      const result = build();
      expect(result.cores.map(({ state }) => state)).toEqual(['built', 'built']);
      expect(result).not.toHaveProperty('equivalents');
      expect(readdirSync(output).sort()).toEqual(['geo.so', 'geo.wasm']);
    });

    it('fails to build as one that imports something', () => {
      const { root, build } = setUp('imports');
      writeFileSync(
        join(root, 'geo/geo.c'),
        `${STAND_IN.replace('IN_WASM\n', '0\n')}
#ifdef __wasm__
__attribute__((import_name("clock"))) int clock_of_host(void);
__attribute__((export_name("now"))) int now(void) { return clock_of_host(); }
#endif
`,
      );
      expect(get(build(), 'geo.wasm')).toMatchObject({
        state: 'failed',
        reason: expect.stringMatching(/does not load/) as string,
      });
    });

    it('fails to link as one that lacks a function, and leaves nothing behind', () => {
      const { root, output, build } = setUp('lacks');
      const source = STAND_IN.replace('IN_WASM\n', '0 * nowhere()\nint nowhere(void);\n');
      writeFileSync(join(root, 'geo/geo.c'), source);
      const reason = expect.stringMatching(/undefined symbol: nowhere/) as string;
      expect(get(build(), 'geo.wasm')).toMatchObject({ state: 'failed', reason });
      expect(readdirSync(output)).toEqual(['geo.so']);
    });

    it('declares a maximum of 4096 pages, and imports nothing', () => {
      const { build, output } = setUp('limits');
      build();
      const module = readFileSync(join(output, 'geo.wasm'));
      const sections = new Map<number, Buffer>();
      for (let at = 8; at < module.length;) {
        const id = module[at] ?? 0;
        let [size, shift, byte] = [0, 0, 0x80];
        for (at += 1; byte >= 0x80; at += 1, shift += 7) size |= ((byte = module[at] ?? 0) & 0x7f) << shift;
        sections.set(id, module.subarray(at, at + size));
        at += size;
      }
      expect(sections.has(2)).toBe(false);
      // One memory, with a maximum, which is 4096 as LEB128.
      const memory = [...(sections.get(5) ?? [])];
      expect(memory.slice(0, 2)).toEqual([1, 1]);
      expect(memory.slice(-2)).toEqual([0x80, 0x20]);
    });
  },
  'geo.wasm',
);

describe('the repository', () => {
  const there = existsSync(checkedInWasm());
  const title = 'has the module that its source gives, wherever the same compiler is at hand';
  it.skipIf(!there)(there ? title : `${title} (skipped: none is checked in)`, () => {
    const { checked_in_wasm } = buildCores({ output: join(folder, 'checked-in'), only: GEO });
    expect(checked_in_wasm?.state, checked_in_wasm?.reason).toMatch(/^(same|not compared)$/);
  });
});

describe('npm run cores', () => {
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['--import', './tools/typescript.js', 'tools/build-cores.ts', ...args], {
      cwd: repository,
      encoding: 'utf8',
    });

  it('prints path, size, SHA-256 and id of each core, as text and as JSON', () => {
    const output = join(folder, 'command');
    const reason = coreObstacle('stub.so');
    const text = run('--only', 'stub', '--output', output);
    expect([text.stderr, text.status]).toEqual(['', 0]);
    const json = JSON.parse(run('--only', 'stub.so', '--output', output, '--json').stdout) as BuildResult;
    const core = get(json, 'stub.so');
    if (core.state !== 'built') {
      expect(text.stdout).toBe(`stub.so   skipped: ${reason}\n`);
      return;
    }
    expect(text.stdout).toBe(
      `stub.so   ${core.path}, ${core.size} bytes\n          sha256 ${core.sha256}\n          id     h4stub-rle-v1\n`,
    );
  });

  it('refuses a name that is none', () => {
    const { status, stderr } = run('--only', 'nothing');
    expect(status).toBe(1);
    expect(stderr).toMatch(/--only takes one of geo\.so, geo\.wasm, zstd\.so, stub\.so, not nothing/);
  });
});
