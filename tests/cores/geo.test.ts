/**
 * The geo core gives the same bytes wherever it is built: natively, under the sanitizers, on a machine of the other byte order,
 * as WebAssembly. `cores/geo/check.c` compresses and restores its corpus in every way and prints one line about all of it.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const cores = fileURLToPath(new URL('../../cores', import.meta.url));
const LINE = /^h4geo-v1 blocks .*$/m;
const timeout = 600_000;

interface Build {
  readonly where: string;
  readonly compiler: string;
  readonly flags: readonly string[];
  /** Runs programs of another machine. */
  readonly emulator?: string;
}

const NATIVE: Build = { where: 'natively', compiler: 'gcc', flags: ['-O2'] };
const SANITIZED: Build = {
  where: 'under the address and undefined behaviour sanitizers',
  compiler: 'clang-14',
  flags: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
};
const BUILDS: readonly Build[] = [
  NATIVE,
  { where: 'without optimisation', compiler: 'gcc', flags: ['-O0'] },
  SANITIZED,
  {
    where: 'on arm64',
    compiler: 'aarch64-linux-gnu-gcc',
    flags: ['-O3', '-static'],
    emulator: 'qemu-aarch64-static',
  },
  {
    where: 'on s390x, which is big-endian',
    compiler: 's390x-linux-gnu-gcc',
    flags: ['-O3', '-static'],
    emulator: 'qemu-s390x-static',
  },
];

const isInstalled = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

/** A test of what these programs do. Without one of them it is skipped, and its title says why. */
const testWith = (programs: readonly string[], title: string, body: () => Promise<void>): void => {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) test(title, { timeout }, body);
  else test.skip(`${title} (skipped: no ${missing.join(', no ')})`, () => undefined);
};

describe('the geo core', () => {
  let folder = '';
  let expected = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harmony4-geo-'));
    expected = LINE.exec(await readFile(join(cores, 'geo/README.md'), 'utf8'))?.[0] ?? 'no line in the README';
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const build = async ({ compiler, flags }: Build, program = 'check'): Promise<string> => {
    const path = join(folder, `${program}-${compiler}${flags[0] ?? ''}`);
    const sources = [`geo/${program}.c`, 'geo/geo.c'];
    await run(compiler, ['-std=c11', '-g', ...flags, '-o', path, ...sources], { cwd: cores });
    return path;
  };

  for (const each of BUILDS) {
    const { where, compiler, emulator } = each;
    testWith([compiler, ...(emulator === undefined ? [] : [emulator])], `gives the same bytes ${where}`, async () => {
      const program = await build(each);
      const { stdout } = await (emulator === undefined ? run(program) : run(emulator, [program]));
      expect(LINE.exec(stdout)?.[0]).toBe(expected);
    });
  }

  /** The corpus is made by the native program. */
  const onCorpus = async (inputs: readonly string[] = []): Promise<string> => {
    const corpus = join(folder, 'corpus.bin');
    await run(await build(NATIVE), ['--corpus', corpus]);
    return (await run(process.execPath, ['geo/check.mjs', 'geo/geo.wasm', corpus, ...inputs], { cwd: cores })).stdout;
  };

  testWith([NATIVE.compiler], 'gives the same bytes as WebAssembly', async () => {
    expect(LINE.exec(await onCorpus())?.[0]).toBe(expected);
  });

  testWith([NATIVE.compiler, SANITIZED.compiler], 'survives a short run of libFuzzer', async () => {
    const inputs = join(folder, 'inputs');
    await mkdir(inputs);
    await onCorpus([inputs]);
    const flags = ['-O1', '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];
    const program = await build({ ...SANITIZED, flags }, 'fuzz');
    const { stderr } = await run(program, ['-runs=3000', '-max_len=8000', '-seed=1', inputs], { cwd: folder });
    expect(stderr).toMatch(/Done 3\d{3} runs/);
  });
});
