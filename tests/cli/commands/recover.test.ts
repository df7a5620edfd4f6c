import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { Interruption } from '../../../src/cli/exit.js';
import { tailAtEnd } from '../../../src/container/format/tail.js';
import { sharedPath, describeShared } from '../../support/shared.js';
import { startServer } from '../../support/http-server.js';
import { whole as legacyFile } from '../../support/legacy.js';
import {
  type SmallBlock,
  TEN_BLOCKS,
  flipped,
  noise,
  offsetsOf,
  recording,
  temporaryFolder,
} from '../support/files.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { HandFed, opened } from '../support/live.js';
import { ended, start } from '../support/process.js';

const folder = temporaryFolder();
let closedFile: Uint8Array = new Uint8Array(0);
/** Whole chunks, and no close. */
let openFile: Uint8Array = new Uint8Array(0);
/** The same, cut in the payload of its last block. */
let cutFile: Uint8Array = new Uint8Array(0);
/** Closed, with a flipped bit in the payload of the fifth block. */
let damagedFile: Uint8Array = new Uint8Array(0);

beforeAll(async () => {
  closedFile = await recording(TEN_BLOCKS, {}, {});
  openFile = await recording(TEN_BLOCKS);
  cutFile = openFile.slice(0, -10);
  damagedFile = flipped(closedFile, (offsetsOf(closedFile, 'CORE')[4] ?? 0) + 12);
  for (const [name, bytes] of Object.entries({
    closed: closedFile,
    open: openFile,
    cut: cutFile,
    damaged: damagedFile,
  })) {
    await folder.write(`${name}.h4mk`, bytes);
  }
});

const path = (name: string): string => folder.path(`${name}.h4mk`);
let outputs = 0;
/** A name that nothing has yet. */
const fresh = (): string => path(`out-${++outputs}`);
const isThere = (file: string): Promise<boolean> =>
  readFile(file).then(
    () => true,
    () => false,
  );
const records = (file: Uint8Array): number => offsetsOf(file, 'TOKN').length;

describe('recover FILE -o OUT', () => {
  test('writes what is whole, tells what is lost, and exits 3', async () => {
    const out = fresh();
    const { code, stdout, stderr } = await cli(['recover', path('cut'), '-o', out]);
    expect([code, stderr]).toEqual([3, '']);
    const whole = records(cutFile) - 1;
    const file = await readFile(out);
    expect(stdout.split('\n').map((line) => line.trim().replace(/ {2,}/, '|'))).toEqual([
      out,
      'condition|cut off in the middle of a chunk',
      `records|${whole} whole`,
      expect.stringContaining('size|') as string,
      'until|0:00:00.360',
      'end|no end record: nothing says that this is all',
      expect.stringMatching(/^lost\|\d+ bytes.*, at least 1 record, from 0:00:00\.360 to 0:00:00\.400$/) as string,
      '',
    ]);
    // Byte by byte what was there, and behind it the index.
    const kept = offsetsOf(cutFile, 'TOKN').at(-1) ?? 0;
    expect(Buffer.compare(file.subarray(0, kept), cutFile.subarray(0, kept))).toBe(0);
    expect(tailAtEnd(file, file.length)?.records).toBe(whole);
    const verified = await cli(['verify', out, '--json']);
    expect([verified.code, jsonOf(verified.stdout)]).toMatchObject([3, { error_count: 0, records: whole }]);
    expect((await opened(file)).media.length).toBe(900);
  });

  test('tells the same as JSON', async () => {
    const out = fresh();
    const { code, stdout, stderr } = await cli(['recover', path('cut'), '-o', out, '--json']);
    const kept = offsetsOf(cutFile, 'TOKN').at(-1) ?? 0;
    expect([code, stderr]).toEqual([3, '']);
    expect(jsonOf(stdout)).toEqual({
      file: path('cut'),
      output: out,
      condition: 'cut',
      records: records(cutFile) - 1,
      kept_bytes: kept,
      bytes: (await readFile(out)).length,
      closed: false,
      end_pts: 360_000,
      end_us: 360_000,
      lost: {
        bytes: cutFile.length - kept,
        records: 1,
        from_pts: 360_000,
        to_pts: 400_000,
        from_us: 360_000,
        to_us: 400_000,
      },
      damage: null,
      warnings: [
        expect.objectContaining({ code: 'H4_TRUNCATED' }),
        expect.objectContaining({ code: 'H4_TOKN_NO_PAYLOAD', offset: kept }),
      ],
    });
  });

  test('gives original times of a recording whose times are shifted', async () => {
    const shifted = TEN_BLOCKS.map((block): SmallBlock => ({ ...block, pts: block.pts + 100_000 }));
    const file = await folder.write('shifted.h4mk', (await recording(shifted, { shift: 100_000 })).slice(0, -10));
    const { stdout } = await cli(['recover', file, '--dry-run', '--json']);
    expect(jsonOf(stdout)).toMatchObject({
      end_pts: 460_000,
      end_us: 360_000,
      lost: { from_us: 360_000, to_us: 400_000 },
    });
    expect((await cli(['recover', file, '--dry-run'])).stdout).toContain('0:00:00.360');
  });

  test('of a whole file is a copy, and exits 0', async () => {
    const out = fresh();
    const { code, stdout, stderr } = await cli(['recover', path('closed'), '-o', out, '--json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(jsonOf(stdout)).toMatchObject({
      condition: 'complete',
      closed: true,
      bytes: closedFile.length,
      warnings: [],
    });
    expect(Buffer.compare(await readFile(out), closedFile)).toBe(0);
    const text = await cli(['recover', path('closed'), '--dry-run']);
    expect(text.stdout).toMatch(
      /complete: its writer closed it[^]*the end record is there[^]*nothing that the file knows of/,
    );
  });

  test('closes a recording again that has its end record, and exits 0', async () => {
    const [seek = 0] = offsetsOf(closedFile, 'SEEK');
    for (const [name, length, condition] of [
      ['at SEEK', seek, 'open'],
      ['in SEEK', seek + 20, 'cut'],
      ['in the last TAIL', closedFile.length - 1, 'cut'],
    ] as const) {
      const file = await folder.write('unclosed.h4mk', closedFile.slice(0, length));
      const out = fresh();
      const { code, stdout } = await cli(['recover', file, '-o', out, '--json']);
      expect([name, code, jsonOf(stdout)]).toMatchObject([name, 0, { condition, closed: true, lost: { records: 0 } }]);
      expect(Buffer.compare(await readFile(out), closedFile)).toBe(0);
    }
  });

  test('gives a recording that was never closed its index', async () => {
    const out = fresh();
    const { code, stdout } = await cli(['recover', path('open'), '-o', out]);
    expect([code, stdout]).toEqual([3, expect.stringContaining('whole, but not closed by its writer') as string]);
    expect((await opened(await readFile(out))).media.length).toBe(1000);
  });

  test('goes to standard output with -o -, and tells on stderr', async () => {
    const out = fresh();
    const { code, bytes, stderr } = await cli(['recover', path('cut'), '-o', '-']);
    expect([code, stderr]).toEqual([3, expect.stringContaining(`${path('cut')}\n  condition`) as string]);
    await cli(['recover', path('cut'), '-o', out]);
    expect(Buffer.compare(bytes, await readFile(out))).toBe(0);
    const json = await cli(['recover', path('cut'), '-o', '-', '--json']);
    expect(jsonOf(json.stderr)).toMatchObject({ output: '-', bytes: bytes.length });
  });

  test('takes standard input', async () => {
    const out = fresh();
    const { code, stdout, stderr } = await cli(['recover', '-', '-o', out, '--json'], { stdin: cutFile });
    expect([code, stderr, jsonOf(stdout)]).toMatchObject([3, '', { file: '-', condition: 'cut' }]);
    expect((await opened(await readFile(out))).media.length).toBe(900);
  });

  test('takes an address, whose sidecar is not asked for', async () => {
    const server = await startServer(cutFile);
    try {
      const out = fresh();
      const { code, stdout } = await cli(['recover', `${server.url}?key=secret`, '-o', out, '--json']);
      expect([code, jsonOf(stdout)]).toMatchObject([
        3,
        { file: server.url, condition: 'cut', records: records(cutFile) - 1 },
      ]);
      expect(server.seen.some((seen) => seen.path.includes('.tail'))).toBe(false);
      const text = await cli(['recover', `${server.url}?key=secret`, '--dry-run']);
      expect(text.stdout.split('\n')[0]).toBe(server.url);
    } finally {
      await server.close();
    }
  });

  test('says how much was lost when there are no media', async () => {
    const file = await folder.write('empty.h4mk', await recording([]));
    const { code, stdout } = await cli(['recover', file, '--dry-run', '--json']);
    expect([code, jsonOf(stdout)]).toMatchObject([
      3,
      { end_pts: null, end_us: null, lost: { from_us: null, to_us: null, from_pts: null, to_pts: null } },
    ]);
    expect((await cli(['recover', file, '--dry-run'])).stdout).not.toContain('until');
  });

  test('shows on a terminal how far it is', async () => {
    const blocks = [0, 1, 2].map((i): SmallBlock => ({ pts: i, bytes: noise(1 << 20, i) }));
    const file = await folder.write('large.h4mk', await recording(blocks));
    const { stderr } = await cli(['recover', file, '-o', fresh()], { tty: ['stderr'], tick: 400 });
    expect(stderr).toMatch(/100 % .*recovering /);
    const silent = await cli(['recover', file, '-o', fresh(), '--no-progress'], { tty: ['stderr'], tick: 400 });
    expect(silent.stderr).toBe('');
  });
});

describe('recover --dry-run', () => {
  test('tells the same and writes nothing', async () => {
    const before = await readdir(folder.path('.'));
    const { code, stdout } = await cli(['recover', path('cut'), '--dry-run', '--json']);
    expect([code, jsonOf(stdout)]).toMatchObject([
      3,
      { file: path('cut'), output: null, bytes: null, condition: 'cut', lost: { records: 1 } },
    ]);
    expect((await cli(['recover', path('cut'), '--dry-run'])).stdout.split('\n')[0]).toBe(path('cut'));
    expect((await cli(['recover', path('closed'), '--dry-run'])).code).toBe(0);
    expect(await readdir(folder.path('.'))).toEqual(before);
  });

  test('tells of damage inside where reading ends and where it goes on, and exits 1', async () => {
    const { code, stdout } = await cli(['recover', path('damaged'), '--dry-run', '--json']);
    const [, , , , at] = offsetsOf(damagedFile, 'CORE');
    const later = offsetsOf(damagedFile, 'TOKN').find((offset) => offset > (at ?? 0));
    expect([code, jsonOf(stdout)]).toMatchObject([
      1,
      {
        condition: 'damaged',
        damage: { code: 'H4_CRC_MISMATCH', offset: at, later: { tag: 'TOKN', offset: later } },
      },
    ]);
    const text = await cli(['recover', path('damaged'), '--dry-run']);
    expect(text.stdout).toContain(`damage       H4_CRC_MISMATCH at offset ${at}`);
    expect(text.stdout).toContain(`The recording goes on with TOKN at offset ${later}.`);
  });

  test('knows no later place where a rule was broken by the writer', async () => {
    // Behind the end record nothing may follow; what follows here is the last block once more.
    const [seek = 0] = offsetsOf(closedFile, 'SEEK');
    const [first = 0] = offsetsOf(closedFile, 'TOKN');
    const [, second = 0] = offsetsOf(closedFile, 'TOKN');
    const file = await folder.write(
      'again.h4mk',
      Buffer.concat([closedFile.subarray(0, seek), closedFile.subarray(first, second)]),
    );
    const { code, stdout } = await cli(['recover', file, '--dry-run', '--json']);
    expect([code, jsonOf(stdout)]).toMatchObject([1, { condition: 'damaged', damage: { later: null } }]);
    expect((await cli(['recover', file, '--dry-run'])).stdout).not.toContain('goes on with');
  });
});

describe('recover FILE --slice -o OUT', () => {
  test('brings back every whole record on both sides of a damage, and tells which are lost', async () => {
    const out = fresh();
    const { code, stdout } = await cli(['recover', path('damaged'), '--slice', '-o', out]);
    expect(code).toBe(3);
    expect(stdout).toContain('12 whole of 13');
    expect(stdout).toMatch(/lost +record 6/);
    const verified = await cli(['verify', '--allow', 'slice', out]);
    expect([verified.code, verified.stderr]).toEqual([0, '']);
  });

  test('tells programs the same', async () => {
    const { code, stdout } = await cli(['recover', path('damaged'), '--slice', '-o', fresh(), '--json']);
    expect(code).toBe(3);
    const wanted = { condition: 'slice', records: 12, tree_size: 13, signed: false };
    const runs = [
      [0, 6],
      [7, 13],
    ];
    expect(jsonOf(stdout)).toMatchObject({ ...wanted, runs, lost: { records: 1, runs: [[6, 7]] } });
  });

  test('of a whole recording leaves nothing out, and exits 0', async () => {
    const { code, stdout } = await cli(['recover', path('closed'), '--slice', '-o', fresh()]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/lost +nothing/)]);
  });

  test('writes nothing where no index is left, and says so', async () => {
    const out = fresh();
    const { code, stderr } = await cli(['recover', path('cut'), '--slice', '-o', out]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('H4_INNER_DAMAGE')]);
    expect(await isThere(out)).toBe(false);
  });

  test.each([[['--cut']], [['--dry-run']]])('goes with no %s', async (options) => {
    const { code, stderr } = await cli(['recover', path('damaged'), '--slice', '-o', fresh(), ...options]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--slice')]);
  });
});

describe('damage inside', () => {
  test('is told, nothing is written, and the exit code is 1', async () => {
    const out = fresh();
    const { code, stdout, stderr } = await cli(['recover', path('damaged'), '-o', out, '--json']);
    const [, , , , at] = offsetsOf(damagedFile, 'CORE');
    expect([code, stdout, jsonOf(stderr)]).toMatchObject([
      1,
      '',
      { code: 'H4_INNER_DAMAGE', exit_code: 1, detail: { code: 'H4_CRC_MISMATCH', offset: at } },
    ]);
    expect(await isThere(out)).toBe(false);
    expect((await readdir(folder.path('.'))).filter((name) => /\.(part|lock)$/.test(name))).toEqual([]);
  });

  test('is cut away with --cut, and told all the same', async () => {
    const out = fresh();
    const { code, stdout } = await cli(['recover', path('damaged'), '-o', out, '--cut', '--json']);
    const result = jsonOf(stdout);
    expect([code, result]).toMatchObject([3, { condition: 'damaged', damage: { code: 'H4_CRC_MISMATCH' } }]);
    expect(result).toMatchObject({ lost: { records: records(damagedFile) - Number(result['records']) } });
    expect((await cli(['verify', out])).code).toBe(3);
    expect((await opened(await readFile(out))).media.length).toBe(400);
    const text = await cli(['recover', path('damaged'), '-o', fresh(), '--cut']);
    expect(text.stdout).toContain('damaged inside');
  });

  test('of the index alone costs no record: with --cut the index is made anew, and the exit code still tells', async () => {
    const file = await folder.write('index.h4mk', flipped(closedFile, (offsetsOf(closedFile, 'SEEK')[0] ?? 0) + 20));
    const out = fresh();
    expect((await cli(['recover', file, '-o', out])).code).toBe(1);
    const { code, stdout } = await cli(['recover', file, '-o', out, '--cut', '--json']);
    expect([code, jsonOf(stdout)]).toMatchObject([
      3,
      { condition: 'damaged', closed: true, lost: { records: 0 }, damage: { later: { tag: 'TAIL' } } },
    ]);
    expect(Buffer.compare(await readFile(out), closedFile)).toBe(0);
  });

  test('of record 0 leaves nothing to recover, but is told apart from a recording that was only begun', async () => {
    const file = await folder.write('headless.h4mk', flipped(closedFile, 30));
    for (const flag of [['--dry-run'], ['-o', fresh()], ['-o', fresh(), '--cut']]) {
      const { code, stderr } = await cli(['recover', file, ...flag]);
      expect([code, stderr]).toEqual([1, expect.stringContaining('H4_INNER_DAMAGE: Record 0') as string]);
    }
  });
});

describe('the sidecar of FILE', () => {
  /** The TAIL that a live recording published last. */
  const sidecarOf = (file: Uint8Array): Uint8Array => file.slice(-172);

  test('promises records that count as lost if they are not there', async () => {
    const file = await folder.write('promised.h4mk', openFile.slice(0, offsetsOf(openFile, 'TOKN')[5]));
    await folder.write('promised.h4mk.tail', sidecarOf(closedFile));
    const { code, stdout, stderr } = await cli(['recover', file, '-o', fresh(), '--json']);
    expect([code, stderr]).toEqual([3, '']);
    expect(jsonOf(stdout)).toMatchObject({
      condition: 'open',
      records: 5,
      lost: { bytes: 0, records: records(closedFile) - 5 },
    });
    const text = await cli(['recover', file, '--dry-run']);
    expect(text.stdout).toMatch(
      new RegExp(`lost +0 bytes, at least ${records(closedFile) - 5} records, from 0:00:00\\.120\n`),
    );
  });

  test('promises nothing to a file that has all of it', async () => {
    const file = await folder.write('kept.h4mk', closedFile);
    await folder.write('kept.h4mk.tail', sidecarOf(closedFile));
    expect((await cli(['recover', file, '--dry-run'])).code).toBe(0);
  });

  test('that promises more than a closed recording has is believed: something is missing', async () => {
    const longer = await recording(
      [...TEN_BLOCKS, ...TEN_BLOCKS.map((block) => ({ ...block, pts: block.pts + 400_000 }))],
      {},
      {},
    );
    const file = await folder.write('shorter.h4mk', closedFile);
    await folder.write('shorter.h4mk.tail', sidecarOf(longer));
    const { code, stdout } = await cli(['recover', file, '--dry-run', '--json']);
    expect([code, jsonOf(stdout)]).toMatchObject([3, { condition: 'complete', lost: { bytes: 0, records: 10 } }]);
  });

  test('is ignored with a warning if it is broken: the same comes back without it', async () => {
    const file = await folder.write('torn.h4mk', cutFile);
    const plain = jsonOf((await cli(['recover', file, '--dry-run', '--json'])).stdout);
    for (const [bytes, what] of [
      [sidecarOf(closedFile).slice(1), 'has 171 bytes'],
      [flipped(sidecarOf(closedFile), 20), 'its tag, size or CRC is wrong'],
    ] as const) {
      await folder.write('torn.h4mk.tail', bytes);
      const { code, stdout, stderr } = await cli(['recover', file, '--dry-run', '--json']);
      expect([code, jsonOf(stdout)]).toEqual([3, plain]);
      expect(jsonLines(stderr)).toEqual([{ code: 'H4_TAIL_LAYOUT', warning: expect.stringContaining(what) as string }]);
      expect(jsonOf(stderr)['warning']).toMatch(/; the sidecar is ignored$/);
    }
    await rm(`${file}.tail`);
  });
});

describe('recover refuses', () => {
  test.each([
    [
      'neither OUT nor --dry-run',
      (): string[] => [path('cut')],
      'Name the file to write with -o, or ask for --dry-run',
    ],
    ['both of them', (): string[] => [path('cut'), '-o', fresh(), '--dry-run'], 'Name the file to write with -o'],
    ['no FILE', (): string[] => ['--dry-run'], 'missing required argument'],
    ['an unknown option', (): string[] => [path('cut'), '--all'], "unknown option '--all'"],
    [
      'to write FILE itself',
      (): string[] => [path('cut'), '-o', path('cut'), '--force'],
      'it is the file that is read',
    ],
  ])('%s', async (_, argv, why) => {
    const { code, stderr } = await cli(['recover', ...argv()]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(why) as string]);
    expect(Buffer.compare(await readFile(path('cut')), cutFile)).toBe(0);
  });

  test('an OUT that exists, unless told otherwise', async () => {
    const out = await folder.write('precious.h4mk', 'precious');
    const { code, stderr } = await cli(['recover', path('cut'), '-o', out]);
    expect([code, stderr]).toEqual([
      2,
      `harmony4: H4_EXISTS: Cannot write ${out}: it exists\n  Choose another name, or overwrite with --force.\n`,
    ]);
    expect(await readFile(out, 'utf8')).toBe('precious');
    // A failure leaves the old one as it is, even where it may be replaced.
    expect((await cli(['recover', path('damaged'), '-o', out, '--force'])).code).toBe(1);
    expect(await readFile(out, 'utf8')).toBe('precious');
    expect((await cli(['recover', path('cut'), '-o', out, '--force'])).code).toBe(3);
    expect((await cli(['verify', out])).code).toBe(3);
  });

  test('a terminal as OUT', async () => {
    const { code, bytes } = await cli(['recover', path('cut'), '-o', '-'], { tty: ['stdout'] });
    expect([code, bytes.length]).toEqual([2, 0]);
  });

  test('a FILE that is not there', async () => {
    for (const flag of [['--dry-run'], ['-o', fresh()]]) {
      const { code, stderr } = await cli(['recover', path('missing'), ...flag]);
      expect([code, stderr]).toEqual([4, expect.stringContaining('H4_IO') as string]);
    }
  });

  test('legacy files, which have no records', async () => {
    const whole = await folder.write('legacy.h4mk', legacyFile);
    const { code, stderr } = await cli(['recover', whole, '--dry-run']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('This is a legacy file, and whole') as string]);
    const torn = await folder.write('legacy-cut.h4mk', legacyFile.slice(0, -3));
    const cut = await cli(['recover', torn, '-o', fresh()]);
    expect([cut.code, cut.stderr]).toEqual([
      1,
      expect.stringContaining('A legacy file has no records that could be recovered') as string,
    ]);
  });

  test('what is no recording at all', async () => {
    for (const [bytes, exit, code] of [
      [new Uint8Array(0), 1, 'H4_TOO_SHORT'],
      [noise(5000), 1, 'H4_BAD_MAGIC'],
      [closedFile.slice(0, 50), 1, 'H4_NO_RECORDS'],
    ] as const) {
      const file = await folder.write('none.h4mk', bytes);
      const result = await cli(['recover', file, '-o', fresh()]);
      expect([result.code, result.stderr]).toEqual([exit, expect.stringContaining(code) as string]);
    }
  });
});

describe('an interruption', () => {
  test('while FILE arrives leaves nothing', async () => {
    const controller = new AbortController();
    const [input, out] = [new HandFed(), fresh()];
    const outcome = cli(['recover', '-', '-o', out], { stdin: input, signal: controller.signal });
    input.feed(cutFile);
    await vi.waitUntil(() => input.readableLength === 0, { timeout: 30_000 });
    controller.abort(new Interruption('SIGINT'));
    const { code, stderr } = await outcome;
    expect([code, stderr]).toEqual([130, expect.stringContaining('no unfinished file was left behind') as string]);
    expect(
      (await readdir(folder.path('.'))).filter((name) => out.endsWith(name) || /\.(part|lock)$/.test(name)),
    ).toEqual([]);
  });

  test('while OUT is being written leaves nothing', async () => {
    const controller = new AbortController();
    const blocks = Array.from({ length: 8 }, (_, i): SmallBlock => ({ pts: i, bytes: noise(1 << 20, i) }));
    const file = await folder.write('long.h4mk', await recording(blocks));
    const out = fresh();
    let looks = 0;
    const seen: string[] = [];
    // The clock is asked for each piece of progress: the first reading takes eight of them, the second writes.
    const now = (): number => {
      if (++looks === 14) controller.abort(new Interruption('SIGINT'));
      return looks * 1000;
    };
    const watching = async (): Promise<void> => {
      while (!controller.signal.aborted) {
        seen.push(...(await readdir(folder.path('.'))).filter((name) => name.endsWith('.part')));
      }
    };
    const [{ code }] = await Promise.all([
      cli(['recover', file, '-o', out], { signal: controller.signal, now, tty: ['stderr'] }),
      watching(),
    ]);
    expect([code, seen.length > 0]).toEqual([130, true]);
    expect(
      (await readdir(folder.path('.'))).filter((name) => /\.(part|lock)$/.test(name) || out.endsWith(name)),
    ).toEqual([]);
  });

  test('by a real signal leaves nothing, not even a temporary copy', async () => {
    const [out, temporary] = [fresh(), folder.path('tmp')];
    await mkdir(temporary);
    const child = start(['recover', '-', '-o', out], { env: { ...process.env, TMPDIR: temporary } });
    const outcome = ended(child);
    child.stdin?.on('error', () => undefined);
    child.stdin?.write(cutFile);
    await vi.waitUntil(async () => (await readdir(temporary)).length > 0, { timeout: 60_000 });
    child.kill('SIGINT');
    const { code, stderr } = await outcome;
    expect([code, stderr]).toEqual([130, expect.stringContaining('stopped by SIGINT') as string]);
    expect([await isThere(out), await readdir(temporary)]).toEqual([false, []]);
  });
});

test('recover --help names the exit codes', async () => {
  const { code, stdout } = await cli(['recover', '--help']);
  expect([code, stdout.replace(/\s+/g, ' ')]).toEqual([
    0,
    expect.stringContaining('Exit codes: 0 nothing is missing, 3 recovered with loss or without an end') as string,
  ]);
});

describeShared('the shared samples', () => {
  const sample = (name: string): string => join(sharedPath ?? '', 'samples', name);

  test('crashed.h4mk: eight records come back, and the copy verifies', async () => {
    const out = fresh();
    const { code, stdout } = await cli(['recover', sample('crashed.h4mk'), '-o', out, '--json']);
    expect([code, jsonOf(stdout)]).toMatchObject([
      3,
      {
        condition: 'cut',
        records: 8,
        closed: false,
        lost: { bytes: 70, records: 1, from_pts: 3_040_000, to_pts: null },
      },
    ]);
    const verified = jsonOf((await cli(['verify', out, '--json'])).stdout);
    expect(verified).toMatchObject({ exit_code: 3, records: 8, error_count: 0 });
    expect(String(verified['root']).slice(0, 16)).toBe('cbe4416898cba350');
    const text = await cli(['recover', sample('crashed.h4mk'), '--dry-run']);
    expect(text.stdout).toMatch(/lost +70 bytes, at least 1 record, from 0:00:03\.040\n/);
  });

  test('slice.h4mk is a proof, and no recording', async () => {
    const { code, stderr } = await cli(['recover', sample('slice.h4mk'), '--dry-run']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('This is a slice') as string]);
  });

  test('tiles.h4mk is given back as it is', async () => {
    const out = fresh();
    expect((await cli(['recover', sample('tiles.h4mk'), '-o', out])).code).toBe(0);
    expect(Buffer.compare(await readFile(out), await readFile(sample('tiles.h4mk')))).toBe(0);
  });
});
