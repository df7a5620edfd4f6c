/** The example that people copy: exact, bounded, and sound where the one that was once published was not. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCore, callCore, compileHostile, coresRoot, describeCompiled } from '../support/cores.js';

const MIB = 2 ** 20;
const pairs = (...numbers: readonly number[]): Uint8Array => Uint8Array.from(numbers);

describeCompiled('the stub', () => {
  const call = (name: string, input: Uint8Array) => callCore(buildCore('stub.so'), name, { input });

  it('has an id, and declares no fingerprint', () => {
    expect(callCore(buildCore('stub.so'), 'id').output.toString()).toBe('h4stub-rle-v1');
    expect(callCore(buildCore('stub.so'), 'fp')).toMatchObject({
      exit: 3,
      diagnostics: 'undefined symbol: h4_engine_fp\n',
    });
  });

  it('writes greedy pairs of at most 255', () => {
    expect([...call('compress', pairs(5, 5, 5, 9)).output]).toEqual([5, 3, 9, 1]);
    expect([...call('compress', new Uint8Array(256).fill(7)).output]).toEqual([7, 255, 7, 1]);
  });

  it('restores what it wrote: runs, no runs, one byte, every length around 255', () => {
    const blocks = [
      pairs(0),
      Uint8Array.from({ length: 1000 }, (_, i) => i),
      ...[254, 255, 256, 510, 511].map((length) => new Uint8Array(length).fill(3)),
      new Uint8Array(3 * MIB),
    ];
    for (const block of blocks) {
      const { exit, output } = call('compress', block);
      expect(exit).toBe(0);
      expect(Buffer.compare(call('decompress', output).output, block)).toBe(0);
    }
  });

  it('refuses an odd length and a run of zero', () => {
    expect(call('decompress', pairs(1, 2, 3)).exit).toBe(20);
    expect(call('decompress', pairs(1)).exit).toBe(20);
    expect(call('decompress', pairs(1, 2, 3, 0)).exit).toBe(20);
  });

  it('restores 64 MiB and refuses one byte more', () => {
    // 263172 runs of 255 and one of 4 are 64 MiB.
    const largest = Uint8Array.from({ length: 2 * 263_173 }, (_, i) => (i % 2 === 0 ? 0 : 255));
    largest[largest.length - 1] = 4;
    expect(call('decompress', largest).output).toHaveLength(64 * MIB);
    largest[largest.length - 1] = 5;
    expect(call('decompress', largest).exit).toBe(20);
  });

  it('refuses to compress what it would not restore', () => {
    expect(call('compress', new Uint8Array(64 * MIB)).exit).toBe(0);
    expect(call('compress', new Uint8Array(64 * MIB + 1)).exit).toBe(20);
  });
});

const ASAN = ['-fsanitize=address', '-g'];
const hasSanitizer =
  spawnSync('gcc', [...ASAN, '-x', 'c', '-', '-o', '/dev/null'], { input: 'int main(void) { return 0; }' }).status ===
  0;

describe.skipIf(!hasSanitizer)(
  hasSanitizer ? 'under an address sanitizer' : 'under an address sanitizer (skipped: no gcc that has one)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'harmony4-stub-'));
    const sound = join(folder, 'stub.so');
    const run = (library: string, name: string, input: Uint8Array) =>
      callCore(library, name, { input, driverFlags: ASAN });
    const published = (): string => compileHostile('published-stub');

    let faulty = '';
    beforeAll(() => {
      for (const [source, output] of [
        [join(coresRoot, 'stub/stub.c'), sound],
        [join(coresRoot, '../tests/support/hostile-cores/published-stub.c'), join(folder, 'published.so')],
      ] as const) {
        const include = `-I${join(coresRoot, 'include')}`;
        expect(spawnSync('gcc', [...ASAN, '-fPIC', '-shared', include, source, '-o', output]).status).toBe(0);
        faulty = output;
      }
    });
    afterAll(() => {
      rmSync(folder, { recursive: true, force: true });
    });

    it('the published one overflows its heap on its own output, ours does not', () => {
      const block = new Uint8Array(2000).fill(42);
      const { output } = run(sound, 'compress', block);
      expect(Buffer.compare(output, run(faulty, 'compress', block).output)).toBe(0);
      expect(run(faulty, 'decompress', output).diagnostics).toMatch(/heap-buffer-overflow[^]*WRITE of size 1/);
      expect(run(sound, 'decompress', output)).toMatchObject({ exit: 0, diagnostics: '' });
    });

    it('the published one reads past an odd input, ours does not', () => {
      expect(run(faulty, 'decompress', pairs(9, 1, 9)).diagnostics).toMatch(/heap-buffer-overflow[^]*READ of size 1/);
      expect(run(sound, 'decompress', pairs(9, 1, 9))).toMatchObject({ exit: 20, diagnostics: '' });
    });

    it('the published one says it is the same engine: an id alone proves nothing', () => {
      expect(callCore(published(), 'id').output.toString()).toBe('h4stub-rle-v1');
    });
  },
);
