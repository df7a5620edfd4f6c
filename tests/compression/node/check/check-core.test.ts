/** Good cores pass, and each hostile one fails at the requirement that it breaks. Trials run compiled, in processes. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckOptions, type CoreReport, checkCore } from '../../../../src/compression/node/check/check-core.js';
import { REQUIREMENTS, type RequirementId } from '../../../../src/compression/node/check/requirement.js';
import {
  buildCore,
  checkedInWasm,
  compileHostile,
  describeCompiled,
  type HostileCore,
  type HostileOptions,
} from '../../../support/cores.js';
import { rejection } from '../../../storage/rejection.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'check-core-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const environment = process.env;
const LIMITS = { callSeconds: 60 };
/** Processes are started, on a machine that others may keep busy. */
const PATIENCE = 120_000;

const quickCheck = (path: string, options: CheckOptions = {}): Promise<CoreReport> =>
  checkCore(path, { quick: true, environment, temporaryFolder: folder, limits: LIMITS, ...options });

const verdictsOf = ({ requirements }: CoreReport): Record<string, string> =>
  Object.fromEntries(requirements.map(({ id, verdict }) => [id, verdict]));

const resultOf = ({ requirements }: CoreReport, id: RequirementId): CoreReport['requirements'][number] => {
  const found = requirements.find((each) => each.id === id);
  if (found === undefined) throw new Error(`nothing was said of ${id}`);
  return found;
};

const hasValgrind = (() => {
  try {
    execFileSync('valgrind', ['--version'], { stdio: 'ignore' });
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    return false;
  }
})();

describe('checkCore() with the WebAssembly module of the repository', () => {
  it(
    'passes everything, has figures, and skips what makes no sense for a module',
    async () => {
      const seen: string[] = [];
      const report = await quickCheck(checkedInWasm(), {
        onProgress: (id, done, total) => seen.push(`${id} ${done}/${total}`),
      });
      const { memcheck, agreement, ...others } = verdictsOf(report);
      expect([memcheck, agreement]).toEqual(['skip', undefined]);
      expect(new Set(Object.values(others))).toEqual(new Set(['pass']));
      expect(report).toMatchObject({
        passed: true,
        quick: true,
        kind: 'WebAssembly module',
        abi: 'v2',
        engine_id: 'h4geo-v1',
      });
      expect(seen[0]).toBe('loads 0/9');
      expect(seen).toHaveLength(9);
      expect(report.figures.length).toBeGreaterThan(15);
      for (const { bytes, compressed_bytes } of report.figures)
        expect(compressed_bytes).toBeLessThanOrEqual(bytes + 64);
      expect(JSON.stringify(report)).not.toContain(folder);
    },
    PATIENCE,
  );

  it(
    'runs only what it is asked for',
    async () => {
      const report = await quickCheck(checkedInWasm(), { only: ['empty'] });
      expect(verdictsOf(report)).toEqual({ loads: 'pass', empty: 'pass' });
      expect(report.figures).toEqual([]);
    },
    PATIENCE,
  );

  it(
    'agrees with another build of itself, of which it says who it is',
    async () => {
      const same = join(folder, 'same.wasm');
      await writeFile(same, await readFile(checkedInWasm()));
      const report = await quickCheck(checkedInWasm(), { against: same, only: ['agreement'] });
      expect(verdictsOf(report)).toEqual({ loads: 'pass', agreement: 'pass' });
      expect(report.other).toEqual({ engine_id: 'h4geo-v1', fingerprint: report.fingerprint });
    },
    PATIENCE,
  );
});

describeCompiled('checkCore() with shared libraries', () => {
  it.each(['geo.so', 'stub.so'] as const)(
    'passes %s completely',
    async (name) => {
      const report = await quickCheck(buildCore(name));
      const { memcheck, ...others } = verdictsOf(report);
      expect(memcheck).toBe(hasValgrind ? 'pass' : 'skip');
      expect(new Set(Object.values(others))).toEqual(new Set(['pass']));
      expect(resultOf(report, 'loads').evidence['exports']).toContain('h4_free');
    },
    PATIENCE,
  );

  it(
    'finds that geo.so and geo.wasm make the same bytes',
    async () => {
      const report = await quickCheck(buildCore('geo.so'), { against: checkedInWasm(), only: ['agreement'] });
      expect(verdictsOf(report)).toEqual({ loads: 'pass', agreement: 'pass' });
    },
    PATIENCE,
  );

  it(
    'finds that two different cores do not',
    async () => {
      const report = await quickCheck(buildCore('geo.so'), { against: buildCore('stub.so'), only: ['agreement'] });
      expect(resultOf(report, 'agreement')).toMatchObject({ verdict: 'fail', reason: /different bytes/ as never });
    },
    PATIENCE,
  );
});

const corpusOf = async (name: string, content: string): Promise<string> => {
  const corpus = join(folder, `corpus-${name}`);
  await mkdir(corpus, { recursive: true });
  await writeFile(join(corpus, 'evil.bin'), content.padEnd(5000, '.'));
  return corpus;
};

interface Hostile {
  readonly core: HostileCore;
  readonly build?: HostileOptions;
  readonly breaks: RequirementId;
  readonly reason: RegExp;
  /** Begins a file of the corpus. */
  readonly word?: string;
  readonly limits?: CheckOptions['limits'];
}

const forgery = (reply: string): HostileOptions => ({ abi: 2, defines: { REPLY: JSON.stringify(reply) } });
const SURVEY = { engine_id: 'h4test-forges', declares_id: true, declared_fingerprint: null, abi: 'v2', exports: 'all' };
const replyOf = (evidence: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ kind: 'passed', evidence: { ...SURVEY, ...evidence } });
/** What the round trips of a quick check are, as a core knows that was made for it. */
const ROUND_TRIPS = {
  ...{ blocks: 403, bytes: 1, longest_block_bytes: 1, most_bytes_added: 0 },
  ...{ other_lengths_refused: null, blocks_refused_as_too_long: null },
};

const FORGERIES: readonly Hostile[] = [
  {
    ...{ core: 'forges', breaks: 'loads', reason: /^it ended the process with exit code [01] while it was loaded$/ },
    build: { abi: 2, defines: { REPLY: JSON.stringify(replyOf({})), DESCRIPTOR: '3' } },
  },
  { core: 'forges', build: forgery('nonsense'), breaks: 'loads', reason: /no JSON/ },
  { core: 'forges', build: forgery('[]'), breaks: 'loads', reason: /not the form/ },
  { core: 'forges', build: forgery(' '.repeat(2000)), breaks: 'loads', reason: /no JSON/ },
  {
    ...{ core: 'forges', build: forgery(JSON.stringify({ kind: 'passed', evidence: { engine_id: 'x' } })) },
    ...{
      breaks: 'loads',
      reason: /one of the trial: declares_id, declared_fingerprint, abi, exports not as the trial/,
    },
  },
  {
    core: 'forges',
    build: forgery(replyOf({})),
    breaks: 'determinism',
    reason: /repetitions, blocks, threads_started/,
  },
  { core: 'forges', build: forgery(replyOf({})), breaks: 'hostile-input', reason: /damaged_blocks, refused/ },
  { core: 'forges', build: forgery(replyOf({})), breaks: 'memory', reason: /calls, block_bytes/ },
  {
    core: 'forges',
    build: forgery(replyOf({ ...ROUND_TRIPS, blocks: 402 })),
    breaks: 'round-trip',
    reason: /: blocks not/,
  },
  {
    core: 'forges',
    build: forgery(replyOf(ROUND_TRIPS)),
    breaks: 'round-trip',
    reason: /^its processes wrote no blocks$/,
  },
];

const HOSTILE: readonly Hostile[] = [
  { core: 'flips', breaks: 'round-trip', reason: /decodes to other bytes/ },
  { core: 'flips', build: { defines: { EVERY: '1000' } }, breaks: 'determinism', reason: /other bytes/ },
  { core: 'garbage', breaks: 'round-trip', reason: /restored|block/ },
  { core: 'garbage', build: { abi: 2 }, breaks: 'round-trip', reason: /restored|block/ },
  { core: 'returns-null', breaks: 'round-trip', reason: /it failed/ },
  { core: 'returns-zero', build: { abi: 2 }, breaks: 'round-trip', reason: /empty/ },
  { core: 'bad-status', build: { abi: 2 }, breaks: 'round-trip', reason: /unknown status -1/ },
  { core: 'huge-size', breaks: 'round-trip', reason: /at most/ },
  { core: 'crasher', word: 'CRASH', breaks: 'round-trip', reason: /crashed with SIGSEGV in call .*evil\.bin/ },
  {
    ...{ core: 'sleeper', word: 'SLEEP', breaks: 'round-trip', limits: { callSeconds: 3 } },
    reason: /did not return within 3 seconds in call .*evil\.bin/,
  },
  {
    ...{ core: 'grower', word: 'GROW', breaks: 'round-trip', limits: { ...LIMITS, memoryBytes: 600 * 1024 * 1024 } },
    // The block may be through before anybody looks.
    build: { defines: { GROW_MIB: '900' } },
    reason: /took more than 629145600 bytes of memory/,
  },
  {
    core: 'filler',
    breaks: 'round-trip',
    reason: /what it made of 1 bytes \(blank, 1 bytes\) it restores to 2 as well/,
  },
  { core: 'remembers', breaks: 'round-trip', reason: /^in another process than the one that compressed: .* it failed/ },
  // Other bytes come back, and nobody but the process that checks sees it.
  {
    core: 'learns',
    breaks: 'round-trip',
    reason: /^what one process made of \d+ bytes \(.*\) another restores to other bytes$/,
  },
  { core: 'leaves-process', breaks: 'silence', reason: /left processes behind: 1 / },
  {
    core: 'leaves-process',
    build: { defines: { SESSION: '1' } },
    breaks: 'round-trip',
    reason: /left processes behind: 1 /,
  },
  { core: 'leaves-thread', breaks: 'silence', reason: /^it started 1 threads$/ },
  { core: 'leaves-open', breaks: 'silence', reason: /^its calls left descriptors open: [1-9]\d*$/ },
  { core: 'leaves-open', build: { abi: 2, only: 'decompress' }, breaks: 'silence', reason: /left descriptors open/ },
  {
    core: 'ignores-signals',
    breaks: 'silence',
    reason: /^it changed what happens at signals: .*SigIgn: [0-9a-f]{16}\b.* now$/,
  },
  { core: 'ignores-signals', build: { defines: { AT_LOAD: '1' } }, breaks: 'silence', reason: /SigIgn/ },
  ...FORGERIES,
  { core: 'bomb', breaks: 'hostile-input', reason: /of address space|of memory/ },
  { core: 'leaker', breaks: 'memory', reason: /memory grew/ },
  { core: 'leaker', build: { abi: 2 }, breaks: 'memory', reason: /memory grew/ },
  // Both go on for longer than any other trial of a quick check.
  {
    ...{ core: 'stateful', build: { defines: { AFTER: '800' } }, breaks: 'memory' },
    reason: /^compress number \d+ here gave other bytes of [a-z0-9 ]+ than before$/,
  },
  {
    ...{ core: 'stateful', build: { abi: 2, only: 'decompress', defines: { AFTER: '800' } }, breaks: 'memory' },
    reason: /^decompress number \d+ here gave other bytes/,
  },
  {
    ...{ core: 'limited', build: { defines: { LONGEST: '100000' } }, breaks: 'round-trip' },
    reason: /^longest block 100000 bytes: a core may refuse only blocks of more than 8388608/,
  },
  {
    ...{ core: 'limited', build: { defines: { LONGEST: '99999', BY_STATUS: '1' } }, breaks: 'round-trip' },
    reason: /^longest block 99999 bytes/,
  },
  {
    ...{ core: 'limited', build: { defines: { SHORTEST: '10' } }, breaks: 'round-trip' },
    reason: /^it takes a block of 1048576 bytes, and refuses one of 1 as too long$/,
  },
  { core: 'printer', breaks: 'silence', reason: /talkative/ },
  { core: 'printer', build: { defines: { DESCRIPTOR: '2' } }, breaks: 'silence', reason: /talkative/ },
  { core: 'missing-symbol', breaks: 'loads', reason: /H4_CORE_SYMBOL: undefined symbol: h4_decompress/ },
  { core: 'no-free', breaks: 'loads', reason: /H4_CORE_SYMBOL: undefined symbol: h4_free/ },
  { core: 'wrong-id', build: { engineId: 'two words' }, breaks: 'loads', reason: /H4_CORE_LOAD/ },
];

describeCompiled('checkCore() with hostile cores', () => {
  it.each(HOSTILE)(
    '$core breaks $breaks',
    async ({ core, build, breaks, reason, word, limits }) => {
      const report = await quickCheck(compileHostile(core, build), {
        only: [breaks],
        ...(limits === undefined ? {} : { limits }),
        ...(word === undefined ? {} : { corpus: await corpusOf(core, word) }),
        reproducers: join(folder, `${core}-reproducers`),
      });
      const result = resultOf(report, breaks);
      expect([report.passed, result.verdict]).toEqual([false, 'fail']);
      expect(result.reason).toMatch(reason);
      if (word === undefined) return;
      const { call } = result;
      expect(call).toMatchObject({ operation: 'compress', label: 'evil.bin', bytes: 5000, raw_length: null });
      expect((await readFile(call?.saved ?? '')).toString()).toMatch(new RegExp(`^${word}\\.+$`));
    },
    PATIENCE,
  );

  it.each([{}, { BY_STATUS: '1' }] as const)(
    'lets a core refuse blocks of more than 8 MiB, and says how long the longest is (%j)',
    async (how) => {
      const corpus = join(folder, 'corpus-long');
      await mkdir(corpus, { recursive: true });
      await writeFile(join(corpus, 'long.bin'), new Uint8Array(9 * 1024 * 1024));
      const core = compileHostile('limited', { defines: how });
      const report = await quickCheck(core, { corpus, against: core });
      expect({ ...verdictsOf(report), memcheck: 'pass' }).toEqual(
        Object.fromEntries(Object.keys(REQUIREMENTS).map((id) => [id, 'pass'])),
      );
      expect(resultOf(report, 'round-trip').evidence).toMatchObject({
        longest_block_bytes: 8 * 1024 * 1024,
        blocks_refused_as_too_long: 1,
      });
      expect(report.figures.map(({ name }) => name)).not.toContain('long.bin');
      const shorter = compileHostile('limited', { defines: { ...how, LONGEST: '8388607' } });
      const refused = await quickCheck(shorter, { corpus, only: ['round-trip'] });
      expect(resultOf(refused, 'round-trip')).toMatchObject({
        verdict: 'fail',
        reason: expect.stringMatching(/^longest block 8388607 bytes/) as never,
        call: { operation: 'compress', bytes: 8 * 1024 * 1024 },
      });
    },
    PATIENCE,
  );

  it(
    'counts the blocks that came back in another process',
    async () => {
      const report = await quickCheck(compileHostile('stored'), { only: ['round-trip'] });
      expect(resultOf(report, 'round-trip').evidence).toMatchObject({ blocks: 403, restored_by_another_process: 403 });
    },
    PATIENCE,
  );

  it(
    'says whether version 1 of a core that exports both was tried',
    async () => {
      const triedOf = async (abi: 2 | 12, PATH = environment['PATH']): Promise<unknown> => {
        const core = compileHostile('stored', { abi });
        const report = await quickCheck(core, { only: ['memcheck'], environment: { ...environment, PATH } });
        return resultOf(report, 'memcheck').evidence['version_1_was_tried'];
      };
      expect(await triedOf(12)).toBe(hasValgrind);
      expect(await triedOf(12, '/nowhere')).toBe(false);
      expect(await triedOf(2)).toBeUndefined();
    },
    PATIENCE,
  );

  it.skipIf(!hasValgrind)(
    `does not wait under valgrind for a process that was left behind${hasValgrind ? '' : ' (skipped: needs cc and valgrind)'}`,
    async () => {
      const core = compileHostile('leaves-process', { abi: 2, defines: { SESSION: '1' }, only: 'decompress' });
      const result = resultOf(await quickCheck(core, { only: ['memcheck'] }), 'memcheck');
      expect([result.verdict, result.reason]).toEqual(['fail', 'it left processes behind: 1']);
    },
    PATIENCE,
  );

  it(
    'finds builds that take blocks of different lengths',
    async () => {
      const [short, long] = [compileHostile('limited', { defines: { LONGEST: '100000' } }), compileHostile('limited')];
      for (const [core, against, reason] of [
        [short, long, /^the other core takes a block of 1048576 bytes .*, and it refuses it as too long/],
        [long, short, /^it takes a block of 1048576 bytes .*, and the other core refuses it as too long/],
      ] as const) {
        const result = resultOf(await quickCheck(core, { against, only: ['agreement'] }), 'agreement');
        expect([result.verdict, result.reason]).toEqual(['fail', expect.stringMatching(reason)]);
      }
    },
    PATIENCE,
  );

  it(
    'asks a core of version 2 for other lengths than those of its blocks, and not one that cannot know',
    async () => {
      const [first, second] = await Promise.all(
        ([1, 2] as const).map((abi) => quickCheck(compileHostile('stored', { abi }), { only: ['round-trip'] })),
      );
      if (first === undefined || second === undefined) throw new Error('there is no report');
      const { blocks, other_lengths_refused: refused } = resultOf(second, 'round-trip').evidence;
      // Four of every block that is longer than two bytes, and 64 MiB of the long ones.
      expect([second.passed, blocks, refused]).toEqual([true, 403, 403 * 4 - 8 - 8 * 2 + 19]);
      expect(resultOf(first, 'round-trip').evidence['other_lengths_refused']).toBeNull();
    },
    PATIENCE,
  );

  it(
    'is given a bare name in the working folder, for which a loader would look elsewhere',
    async () => {
      const [here, home] = [await mkdtemp(join(folder, 'home-')), process.cwd()];
      await writeFile(join(here, 'my-core.so'), await readFile(compileHostile('stored')));
      process.chdir(here);
      try {
        const report = await quickCheck('my-core.so', { only: ['memcheck'] });
        expect(verdictsOf(report)).toEqual({ loads: 'pass', memcheck: hasValgrind ? 'pass' : 'skip' });
        expect(resultOf(report, 'loads').evidence['exports']).toBe('h4_compress h4_decompress h4_free h4_engine_id');
      } finally {
        process.chdir(home);
      }
    },
    PATIENCE,
  );

  it.skipIf(!hasValgrind)(
    `runs under valgrind what was measured, whatever lies there by then${hasValgrind ? '' : ' (skipped: needs cc and valgrind)'}`,
    async () => {
      const core = join(await mkdtemp(join(folder, 'swapped-')), 'core.so');
      await writeFile(core, await readFile(compileHostile('stored')));
      const other = await readFile(compileHostile('flips', { defines: { EVERY: '1' } }));
      const report = await quickCheck(core, {
        only: ['memcheck'],
        onProgress: (id) => {
          if (id === 'memcheck') writeFileSync(core, other);
        },
      });
      expect(verdictsOf(report)).toEqual({ loads: 'pass', memcheck: 'pass' });
    },
    PATIENCE,
  );

  it(
    'says what was skipped because a core could not be loaded',
    async () => {
      const report = await quickCheck(compileHostile('no-free'));
      const { loads, ...others } = verdictsOf(report);
      expect(loads).toBe('fail');
      expect(Object.keys(others)).toHaveLength(Object.keys(REQUIREMENTS).length - 2);
      expect(new Set(Object.values(others))).toEqual(new Set(['skip']));
      expect([report.engine_id, report.abi, report.figures]).toEqual([null, null, []]);
    },
    PATIENCE,
  );

  it.skipIf(!hasValgrind)(
    `finds with valgrind what a process survives${hasValgrind ? '' : ' (skipped: needs cc and valgrind)'}`,
    async () => {
      const cores = [
        [compileHostile('overrun'), /Invalid write/],
        [compileHostile('published-stub'), /Invalid (?:read|write)/],
        [compileHostile('leaker'), /lost/],
        [compileHostile('flips', { defines: { EVERY: '500' } }), /does not restore/],
      ] as const;
      for (const [path, reason] of cores) {
        const result = resultOf(await quickCheck(path, { only: ['memcheck'] }), 'memcheck');
        expect(result).toMatchObject({ verdict: 'fail' });
        expect(result.reason).toMatch(reason);
      }
    },
    PATIENCE,
  );

  it(
    'shows a fingerprint that a core declares, and does not hold it against the core',
    async () => {
      const report = await quickCheck(compileHostile('liar-fp'), { only: ['identity'] });
      expect(report.passed).toBe(true);
      expect(resultOf(report, 'identity').evidence['declared_fingerprint']).toMatch(/^000102/);
    },
    PATIENCE,
  );

  it(
    'ends when it is told to, with nothing left behind',
    async () => {
      const controller = new AbortController();
      const corpus = await corpusOf('endless', 'SLEEP');
      const temporaryFolder = await mkdtemp(join(folder, 'ended-'));
      const checking = quickCheck(compileHostile('sleeper'), {
        ...{ corpus, temporaryFolder, signal: controller.signal, only: ['round-trip'] },
        onProgress: (id) => {
          if (id === 'round-trip') setTimeout(() => controller.abort(new Error('enough')), 200);
        },
      });
      await expect(checking).rejects.toThrow('enough');
      expect(await readdir(temporaryFolder)).toEqual([]);
    },
    PATIENCE,
  );
});

describe('checkCore() refuses', () => {
  it('a core and another core that are not there', async () => {
    const missing = join(folder, 'missing.so');
    expect(await rejection(quickCheck(missing))).toMatchObject({ code: 'H4_CORE_NOT_FOUND' });
    expect(await rejection(quickCheck(checkedInWasm(), { against: missing }))).toMatchObject({
      code: 'H4_CORE_NOT_FOUND',
    });
  });

  it('a corpus without files, or none at all', async () => {
    const empty = join(folder, 'empty');
    await mkdir(empty, { recursive: true });
    expect(await rejection(quickCheck(checkedInWasm(), { corpus: empty }))).toMatchObject({ code: 'H4_PARAM' });
    expect(await rejection(quickCheck(checkedInWasm(), { corpus: join(folder, 'none') }))).toMatchObject({
      code: 'H4_IO',
    });
  });

  it(
    'a file that is no core, with FAIL',
    async () => {
      const text = join(folder, 'text.so');
      await writeFile(text, 'this is no library');
      const result = resultOf(await quickCheck(text), 'loads');
      expect(result).toMatchObject({ verdict: 'fail' });
      expect(result.reason).toContain('H4_CORE_LOAD');
    },
    PATIENCE,
  );
});
