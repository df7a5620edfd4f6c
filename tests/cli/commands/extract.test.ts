import { readFile, stat } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { H4MKBuilder } from '../../../src/container/write/builder.js';
import { extractTrack } from '../../../src/cli/extractor.js';
import { H4MKReader } from '../../../src/container/read/reader.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { cli, jsonOf } from '../support/harness.js';
import { TEN_BLOCKS, flipped, noise, offsetsOf, recording, temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
const bytesOf = (from: number, to: number): Buffer =>
  Buffer.concat(TEN_BLOCKS.slice(from, to).map(({ bytes }) => bytes));
const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
const all = bytesOf(0, 10);
const hex = (bytes: Uint8Array): string => Buffer.from(sha256(bytes)).toString('hex');
let ten = '';

beforeAll(async () => {
  ten = await folder.write('ten.h4mk', await recording(TEN_BLOCKS, {}, {}));
});

async function extracted(file: string, ...flags: string[]) {
  return cli(['extract', file, '-o', '-', ...flags]);
}

describe('extract FILE -o OUT', () => {
  test('gives the bytes of the seek track, and says what was checked', async () => {
    const out = folder.path('all.bin');
    const { code, stdout, stderr } = await cli(['extract', ten, '-o', out]);
    expect([code, stderr]).toEqual([0, '']);
    expect((await readFile(out)).equals(all)).toBe(true);
    expect(stdout).toContain('size         1000 bytes');
    expect(stdout).toContain('track        0, all of it');
    expect(stdout).toContain(`sha256       ${hex(all)}`);
    expect(stdout).toContain('checked      every block matches its record\n');
    expect(stdout).toContain('signature    not checked: no key given\n');
  });

  test('compares the whole with the source that the file names', async () => {
    const source = { name: 'x', bytes: 1000, sha256: hex(all) };
    const file = await folder.write('source.h4mk', await recording(TEN_BLOCKS, {}, { source }));
    const { stdout } = await cli(['extract', file, '-o', folder.path('source.bin')]);
    expect(stdout).toContain('the whole is the source named in the file');
    const json = jsonOf((await cli(['extract', file, '-o', folder.path('source2.bin'), '--json'])).stdout);
    expect(json).toEqual({
      file: folder.path('source2.bin'),
      track: 0,
      bytes: 1000,
      blocks: 10,
      sha256: hex(all),
      whole: true,
      matches_source: true,
      signed_by: null,
      start_us: 0,
      end_us: 400_000,
    });
  });

  test.each([
    ['another hash', { bytes: 1000, sha256: 'ab'.repeat(32) }, 'H4_COMMIT_MISMATCH'],
    ['another length', { bytes: 999, sha256: hex(all) }, 'H4_META_FIELD'],
  ])('refuses a recording whose source had %s, and leaves no file', async (name, source, code) => {
    const file = await folder.write(`lie-${code}.h4mk`, await recording(TEN_BLOCKS, {}, { source }));
    const out = folder.path(`lie-${name}`);
    const outcome = await cli(['extract', file, '-o', out]);
    expect([outcome.code, outcome.stderr.includes(code)]).toEqual([1, true]);
    expect([await exists(out), await exists(`${out}.part`)]).toEqual([false, false]);
  });

  test('does not compare what was never the source', async () => {
    const tracks = [{ id: 0, kind: 'video' as const }];
    const source = { bytes: 5, sha256: 'ab'.repeat(32) };
    const media = await folder.write('media.h4mk', await recording(TEN_BLOCKS, { tracks }, { source }));
    expect((await extracted(media)).bytes.equals(all)).toBe(true);
    const bare = await folder.write('bare.h4mk', await recording(TEN_BLOCKS, {}, { source: { name: 'x' } }));
    expect((await extracted(bare)).code).toBe(0);
  });

  test('refuses totals that are not those of the track', async () => {
    const bytes = await recording(TEN_BLOCKS, {}, {});
    const text = Buffer.from(bytes).toString('latin1');
    const at = text.lastIndexOf('"raw":1000');
    const lied = bytes.slice();
    lied.set(Buffer.from('"raw":2000'), at);
    // The end record is committed to what it said: such a lie is only possible for whoever writes the whole file.
    expect((await extracted(await folder.write('totals.h4mk', lied))).stderr).toContain('H4_COMMIT_MISMATCH');
  });

  test('gives nothing of a block that was changed', async () => {
    const bytes = await readFile(ten);
    const [, , third = 0] = offsetsOf(bytes, 'CORE');
    const out = folder.path('changed.bin');
    const { code, stderr } = await cli([
      'extract',
      await folder.write('changed.h4mk', flipped(bytes, third + 20)),
      '-o',
      out,
    ]);
    expect([code, stderr.includes('H4_COMMIT_MISMATCH')]).toEqual([1, true]);
    expect(await exists(out)).toBe(false);
  });

  test('gives a track by its number', async () => {
    const tracks = [
      { id: 0, kind: 'video' as const },
      { id: 7, kind: 'audio' as const },
    ];
    const blocks = TEN_BLOCKS.flatMap((block) => [block, { ...block, track: 7, bytes: block.bytes.slice(0, 9) }]);
    const file = await folder.write('two.h4mk', await recording(blocks, { tracks }, {}));
    expect((await extracted(file)).bytes.equals(all)).toBe(true);
    const audio = await extracted(file, '--track', '7');
    expect(audio.bytes.equals(Buffer.concat(TEN_BLOCKS.map(({ bytes }) => bytes.slice(0, 9))))).toBe(true);
    expect((await extracted(file, '--track', '5')).stderr).toContain('There is no track 5: the recording has 0, 7');
    const part = await extracted(file, '--track', '7', '--from', '200ms', '--to', '300ms');
    expect(part.bytes.length).toBe(4 * 9);
    const late = await extracted(file, '--track', '7', '--from', '9s');
    expect(late.stderr).toContain('Track 7 has nothing at that time: it goes from 0:00:00.000 to 0:00:00.400');
  });

  test('exits 3 for a recording without an end, with all that is there', async () => {
    const file = await folder.write('live.h4mk', await recording(TEN_BLOCKS));
    const { code, bytes, stderr } = await extracted(file);
    expect([code, bytes.equals(all)]).toEqual([3, true]);
    expect(stderr).toContain('warning: H4_TAIL_MISSING: The recording has no end');
    const json = await cli(['extract', file, '-o', folder.path('live.bin'), '--json']);
    expect(jsonOf(json.stdout)).toMatchObject({ whole: false, matches_source: null });
    expect(jsonOf(json.stderr)).toMatchObject({ code: 'H4_TAIL_MISSING' });
  });

  test('an empty track is an empty file', async () => {
    const file = await folder.write('none.h4mk', await recording([], {}, {}));
    const { code, stdout } = await cli(['extract', file, '-o', folder.path('none.bin')]);
    expect(code).toBe(0);
    expect((await stat(folder.path('none.bin'))).size).toBe(0);
    expect(stdout).not.toContain('time ');
  });

  test('says that the engine is missing, and decodes nothing', async () => {
    const engine = {
      ...storedEngine,
      info: () => ({ ...storedEngine.info(), engine_id: 'core:x', seal_level: 1 as const }),
    };
    const file = await folder.write('engine.h4mk', await recording(TEN_BLOCKS, { engine }, {}));
    const { code, stderr } = await extracted(file);
    expect([code, stderr.includes('H4_ENGINE_UNKNOWN')]).toEqual([1, true]);
    expect(stderr).toContain('with exactly that fingerprint');
    expect((await cli(['inspect', file])).stdout).toContain('stored (core:x), external, seal level 1');
  });

  test('never overwrites without --force, and never writes to a terminal', async () => {
    const out = await folder.write('there.bin', 'precious');
    expect((await cli(['extract', ten, '-o', out])).code).toBe(2);
    expect((await cli(['extract', ten, '-o', out, '-f'])).code).toBe(0);
    expect((await cli(['extract', ten, '-o', ten, '--force'])).stderr).toContain('it is the file that is read');
    expect((await cli(['extract', ten, '-o', '-'], { tty: ['stdout'] })).code).toBe(2);
  });

  test('puts JSON on stderr when the bytes go to standard output', async () => {
    const { bytes, stderr } = await extracted(ten, '--json');
    expect(bytes.equals(all)).toBe(true);
    expect(jsonOf(stderr)).toMatchObject({ file: '-', bytes: 1000 });
  });

  test('shows on a terminal how far it is', async () => {
    const { stderr } = await cli(['extract', ten, '-o', folder.path('bar.bin')], { tty: ['stderr'], tick: 400 });
    expect(stderr).toMatch(/100 % {2}1000 bytes of 1000 bytes .* extracting/);
  });
});

describe('extract --from --to', () => {
  // Blocks last 40 ms, keyframes are blocks 0, 4 and 8.
  test.each([
    [[], 0, 10],
    [['--from', '0'], 0, 10],
    [['--from', '-5ms'], 0, 10],
    [['--from', '159999'], 0, 10],
    [['--from', '160ms'], 4, 10],
    [['--from', '170ms'], 4, 10],
    [['--from', '399999'], 8, 10],
    [['--to', '1'], 0, 1],
    [['--to', '200ms'], 0, 5],
    [['--to', '200001'], 0, 6],
    [['--to', '9s'], 0, 10],
    [['--from', '170ms', '--to', '200ms'], 4, 5],
    [['--from', '0.2s', '--to', '0.321s'], 4, 9],
  ])('%j gives blocks [%d, %d)', async (flags, from, to) => {
    const { code, bytes } = await extracted(ten, ...flags);
    expect(code).toBe(0);
    expect(bytes.equals(bytesOf(from, to))).toBe(true);
  });

  test.each([
    [['--from', '400ms'], '0:00:00.000 to 0:00:00.400'],
    [['--from', '99s'], '0:00:00.000 to 0:00:00.400'],
    [['--from', '99s', '--to', '100s'], '0:00:00.000 to 0:00:00.400'],
    [['--to', '0'], '0:00:00.000 to 0:00:00.400'],
    [['--from', '-5ms', '--to', '0'], '0:00:00.000 to 0:00:00.400'],
  ])('%j shows nothing, and is refused with the times that there are', async (flags, times) => {
    const out = folder.path('nothing.bin');
    const { code, stderr } = await cli(['extract', ten, '-o', out, ...flags]);
    expect([code, stderr]).toEqual([
      2,
      `harmony4: H4_RANGE_NOT_FOUND: Track 0 has nothing at that time: it goes from ${times}\n`,
    ]);
    expect([await exists(out), await exists(`${out}.part`)]).toEqual([false, false]);
  });

  test('refuses a gap between blocks, unless nobody knows how long the one before lasts', async () => {
    const blocks = (duration: number) => [
      { pts: 0, duration, bytes: noise(5) },
      { pts: 1_000_000, duration: 40_000, bytes: noise(6) },
      { pts: 2_000_000, key: false, duration, bytes: noise(7) },
    ];
    const gap = await folder.write('gap.h4mk', await recording(blocks(40_000), {}, {}));
    for (const between of [
      ['0.5s', '0.6s'],
      ['1.5s', '2s'],
      ['3s', '4s'],
    ] as const) {
      const { code, stderr } = await extracted(gap, '--from', between[0], '--to', between[1]);
      expect([code, stderr]).toEqual([2, expect.stringContaining('it goes from 0:00:00.000 to 0:00:02.040')]);
    }
    expect((await extracted(gap, '--from', '0.5s', '--to', '1.1s')).bytes.length).toBe(11);
    expect((await extracted(gap, '--from', '1.5s')).bytes.length).toBe(13);
    const unknown = await folder.write('unknown.h4mk', await recording(blocks(0), {}, {}));
    expect((await extracted(unknown, '--from', '0.5s', '--to', '0.6s')).bytes.length).toBe(5);
    expect((await extracted(unknown, '--from', '2.5s')).code).toBe(2);
  });

  test('says that a track holds nothing at all', async () => {
    const file = await folder.write('void.h4mk', await recording([], {}, {}));
    const { code, stderr } = await extracted(file, '--from', '0');
    expect([code, stderr]).toEqual([2, expect.stringContaining('H4_RANGE_NOT_FOUND: Track 0 holds nothing')]);
  });

  test('says that the start was moved to a keyframe', async () => {
    const { stdout } = await cli(['extract', ten, '-o', folder.path('moved.bin'), '--from', '170ms']);
    expect(stdout).toContain('--from 0:00:00.170 was moved to the keyframe at 0:00:00.160');
    expect(stdout).toContain('track        0, a part of it');
    expect(stdout).toContain('time         0:00:00.160 to 0:00:00.400');
    const exact = await cli(['extract', ten, '-o', folder.path('exact.bin'), '--from', '160ms']);
    expect(exact.stdout).not.toContain('was moved');
  });

  test('refuses an end that is not after the start', async () => {
    const { code, stderr } = await extracted(ten, '--from', '2s', '--to', '1s');
    expect([code, stderr.includes('--to must be later than --from')]).toEqual([2, true]);
    expect((await extracted(ten, '--from', '1s', '--to', '1s')).code).toBe(2);
  });

  test('takes blocks in decode order, with those that start earlier than the ones before', async () => {
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks: [{ id: 0, kind: 'video' }] });
    const order = [0, 90, 30, 60, 120, 210, 150, 180];
    for (const ms of order) {
      const tokens = [{ pts: ms * 1000, key: ms % 120 === 0, duration: 30_000, size: 3 }];
      await builder.addBlock({ track: 0, tokens, bytes: noise(3, ms + 1) });
    }
    await builder.close();
    const file = await folder.write('reordered.h4mk', sink.bytes());
    const times = async (to: string): Promise<number> => (await extracted(file, '--to', to)).bytes.length / 3;
    expect(await times('61ms')).toBe(4);
    expect(await times('31ms')).toBe(3);
    expect(await times('30ms')).toBe(1);
    expect(await times('121ms')).toBe(5);
  });

  test('takes original times', async () => {
    const file = await folder.write('shifted.h4mk', await recording(TEN_BLOCKS, { shift: 160_000 }, {}));
    expect((await extracted(file, '--from', '0')).bytes.equals(bytesOf(4, 10))).toBe(true);
    expect((await extracted(file, '--to', '0')).bytes.equals(bytesOf(0, 4))).toBe(true);
  });
});

describe('extract from what is no whole recording', () => {
  test('refuses a block that begins where the one before did not end', async () => {
    const reader = await H4MKReader.open(createMemorySource(await recording(TEN_BLOCKS, {}, {})));
    const plan = { track: 0, first: 3, end: 13, isWhole: false, startByte: 0, bytes: 1000 };
    const run = { signal: new AbortController().signal, onProgress: () => undefined };
    await expect(extractTrack(reader, plan, createMemorySink(), run)).rejects.toMatchObject({ code: 'H4_TOKN_POS' });
    const short = { ...plan, first: 0, end: 5, isWhole: true };
    await expect(extractTrack(reader, short, createMemorySink(), run)).rejects.toMatchObject({
      code: 'H4_META_FIELD',
      message: 'Track 0 has 300 bytes, but the end record says 1000',
    });
  });

  test('refuses redacted blocks and says how to get the others', async () => {
    const bytes = await recording(TEN_BLOCKS);
    const [, second = 0] = offsetsOf(bytes, 'CORE');
    bytes.set(Buffer.from('VOID'), second);
    const file = await folder.write('void.h4mk', bytes);
    const { code, stderr } = await extracted(file);
    expect([code, stderr.includes('H4_RANGE_REDACTED'), stderr.includes('--from and --to')]).toEqual([1, true, true]);
    expect((await extracted(file, '--from', '160ms')).bytes.equals(bytesOf(4, 10))).toBe(true);
  });
});
