import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { createMemorySink } from '../../../src/storage/memory.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { H4MKBuilder } from '../../../src/container/write/builder.js';
import { writeDemoRecording } from '../../../src/cli/demo-recording.js';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { encodeHeader } from '../../../src/container/format/header.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { TEN_BLOCKS, noise, offsetsOf, recording, temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
let [demo, ten, live, legacy] = ['', '', '', ''];

beforeAll(async () => {
  const sink = createMemorySink();
  await writeDemoRecording(sink);
  demo = await folder.write('demo.h4mk', sink.bytes());
  const source = { name: 'clip.bin', bytes: 1000, sha256: 'ab'.repeat(32), media_type: 'video/mp4' };
  ten = await folder.write('ten.h4mk', await recording(TEN_BLOCKS, { shift: 20_000 }, { source }));
  live = await folder.write('live.h4mk', await recording(TEN_BLOCKS));
  const meta = Buffer.from('{"project":"Harmony","fps_hint":30.0,"tricky":"\\u001b[2J"}');
  const chunks = [encodeChunk('CORE', noise(40)), encodeChunk('META', meta), encodeChunk('SEEK', new Uint8Array(4))];
  legacy = await folder.write('legacy.h4mk', Buffer.concat([encodeHeader(), ...chunks]));
});

describe('inspect FILE', () => {
  test('sums up a closed recording from its index', async () => {
    const { code, stdout, stderr } = await cli(['inspect', demo]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('format       H4MK v1 final: closed by its writer');
    expect(stdout).toContain('records      303');
    expect(stdout).toContain('duration     0:00:06.000, from 0:00:00.000 to 0:00:06.000');
    expect(stdout).toContain('tiles of 2 levels, SEEK with 6 keyframes');
    expect(stdout).toMatch(/0\* {2}video +150 +338 KiB +0:00:00.000 +0:00:06.000 +stripes, 64x36, 25 fps, gop 25/);
    expect(stdout).not.toContain('\x1b');
  });

  test('tells everything in JSON, with both sorts of times', async () => {
    const summary = jsonOf((await cli(['inspect', ten, '--json'])).stdout);
    expect(summary).toMatchObject({
      file: ten,
      format: 'H4MK v1 final',
      closed: true,
      records: 13,
      signed: false,
      shift: 20_000,
      timebase: [1, 1_000_000],
      seek_track: 0,
      start_pts: 0,
      start_us: -20_000,
      end_pts: 400_000,
      end_us: 380_000,
      index: { tile_levels: 1, seek_entries: 3 },
      tracks: [{ id: 0, kind: 'opaque', records: 10, raw: 1000, start_us: -20_000, end_us: 380_000 }],
      source: { name: 'clip.bin', bytes: 1000 },
      error: null,
    });
    expect(summary['root']).toMatch(/^[0-9a-f]{64}$/);
    expect(summary['file_id']).toMatch(/^[0-9a-f]{64}$/);
    expect(summary['compression']).toMatchObject({ engine_id: 'stored-v1' });
  });

  test('shows the shift and the source', async () => {
    const { stdout } = await cli(['inspect', ten]);
    expect(stdout).toContain('shift        0:00:00.020, taken off all times shown');
    expect(stdout).toContain('from -0:00:00.020 to 0:00:00.380');
    expect(stdout).toContain('source       clip.bin, 1000 bytes, video/mp4');
    expect(stdout).toContain(`sha256       ${'ab'.repeat(32)}`);
  });

  test('walks through a recording that has no end', async () => {
    const { code, stdout } = await cli(['inspect', live]);
    expect(code).toBe(0);
    expect(stdout).toContain('H4MK v1 live: no close; still being written, or cut off');
    expect(stdout).toContain('records      12');
    expect(stdout).toContain('index        none');
    expect(stdout).not.toContain('root');
  });

  test('takes a cut recording for usable, and says that it is cut', async () => {
    const cut = await folder.write('cut.h4mk', (await readFile(live)).subarray(0, -10));
    const { code, stdout, stderr } = await cli(['inspect', cut]);
    expect(code).toBe(3);
    expect(stdout).toContain('records      11');
    expect(stderr).toMatch(/^harmony4: warning: H4_TRUNCATED: Chunk CORE at offset \d+ declares 100 bytes, 10 more/);
    const json = await cli(['inspect', cut, '--json']);
    expect(jsonOf(json.stdout)).toMatchObject({ records: 11, error: { code: 'H4_TRUNCATED' } });
    expect(jsonOf(json.stderr)).toMatchObject({ code: 'H4_TRUNCATED', warning: expect.any(String) as unknown });
  });

  test('reads a legacy file, and takes a cut one for broken', async () => {
    const { code, stdout } = await cli(['inspect', legacy]);
    expect(code).toBe(0);
    expect(stdout).toContain('H4MK v1 legacy');
    expect(stdout).toContain('blocks       1, 40 bytes as stored');
    expect(stdout).toContain('project      Harmony');
    expect(stdout).toContain('fps_hint     30');
    expect(stdout).toContain('tricky       \\x1b[2J');
    expect(jsonOf((await cli(['inspect', legacy, '--json'])).stdout)).toMatchObject({
      legacy: { blocks: 1, block_bytes: 40, meta: { project: 'Harmony' }, veri: false },
    });
    const cut = await folder.write('legacy-cut.h4mk', (await readFile(legacy)).subarray(0, -1));
    expect((await cli(['inspect', cut])).code).toBe(1);
  });

  test('tells trailing bytes of a legacy file from a chunk that is cut', async () => {
    const veri = encodeChunk('VERI', new Uint8Array(32));
    const path = await folder.write('trailing.h4mk', Buffer.concat([await readFile(legacy), veri, Buffer.alloc(5)]));
    const { code, stdout, stderr } = await cli(['inspect', path]);
    expect([code, stderr.includes('H4_TRAILING_BYTES')]).toEqual([1, true]);
    expect(stdout).toContain('VERI');
  });

  test('shows as much of a broken file as can be read, then the error', async () => {
    const broken = Buffer.from(await readFile(ten));
    const second = (await tagOffsets(ten, 'TOKN'))[4] ?? 0;
    broken[second + 12] = 7;
    broken.fill(0, broken.length - 1);
    const path = await folder.write('broken.h4mk', broken);
    const { code, stdout, stderr } = await cli(['inspect', path]);
    expect(code).toBe(1);
    expect(stdout).toContain('records      4');
    expect(stderr).toContain(`harmony4: H4_TOKN_SUITE: TOKN has suite 7`);
    expect(stderr).toContain(`(the TOKN at offset ${second})`);
    expect(jsonOf((await cli(['inspect', path, '--json'])).stderr)).toMatchObject({
      code: 'H4_TOKN_SUITE',
      exit_code: 1,
      detail: { offset: second },
    });
  });

  test('falls back to a walk where the index leads astray', async () => {
    const bytes = Buffer.from(await readFile(ten));
    const [tile = 0] = await tagOffsets(ten, 'TILE');
    // The locator of record 2, which the summary looks up.
    bytes.writeBigUInt64BE(12n, tile + 12 + 48 + 16 * 2 + 8);
    const { code, stdout, stderr } = await cli(['inspect', await folder.write('astray.h4mk', bytes)]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/H4_(INDEX_MISMATCH|BAD_TAG|TRUNCATED)/);
    expect(stdout).toContain('records      13');
  });

  test('goes on after a chunk with wrong content', async () => {
    const bytes = Buffer.from(await readFile(live));
    bytes.fill(0x20, 100 + 12, 100 + 22);
    const { code, stdout, stderr } = await cli(['inspect', await folder.write('meta.h4mk', bytes)]);
    expect(code).toBe(1);
    expect(stderr).toContain('H4_META_JSON');
    expect(stdout).toContain('records      12');
    expect(stdout).toMatch(/0 {2}unlisted +10 +1000 bytes/);
  });

  test('walks where the end record has no totals, and knows the true end of reordered blocks', async () => {
    const sink = createMemorySink();
    const tracks = [{ id: 3, kind: 'video' as const }];
    const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks });
    for (const [pts, key] of [
      [0, true],
      [90_000, false],
      [30_000, false],
      [60_000, false],
    ] as const) {
      const tokens = [{ pts, key, duration: 30_000, size: 5 }];
      await builder.addBlock({ track: 3, tokens, bytes: noise(5, pts + 1) });
    }
    await builder.close();
    const path = await folder.write('reordered.h4mk', sink.bytes());
    expect(jsonOf((await cli(['inspect', path, '--json'])).stdout)).toMatchObject({ end_us: 120_000, seek_track: 3 });
  });

  test('shows a track without records, and of many tracks the first', async () => {
    const tracks = Array.from({ length: 70 }, (_, id) => ({ id, kind: 'data' as const }));
    const path = await folder.write('tracks.h4mk', await recording([], { tracks }, {}));
    const { stdout } = await cli(['inspect', path]);
    expect(stdout).toMatch(/69|and 6 more/);
    expect(stdout).toMatch(/ 0\* {2}data +0 +0 bytes +- +-$/m);
    expect(stdout).toContain('and 6 more; --json lists all');
    expect(stdout).not.toContain('duration');
  });

  test('cuts the table of tracks at the edge of a terminal', async () => {
    const widest = async (tty: 'stdout'[]): Promise<number> => {
      const { stdout } = await cli(['inspect', demo], { tty, columns: 76, env: { NO_COLOR: '1' } });
      return Math.max(...(stdout.split('\n\n')[1] ?? '').split('\n').map((line) => line.length));
    };
    expect([await widest(['stdout']), (await widest([])) > 76]).toEqual([76, true]);
  });

  test('neutralises what a file says', async () => {
    const evil = '\x1b]0;owned\x07\nroot         0000\u202e';
    const tracks = [{ id: 0, kind: 'video' as const, name: evil, codec: evil, language: evil }];
    const source = { name: evil, media_type: evil };
    const path = await folder.write('evil.h4mk', await recording(TEN_BLOCKS, { tracks }, { source }));
    for (const view of [[], ['--map'], ['--records'], ['--hex', '--limit', '0'], ['--json']]) {
      const { stdout } = await cli(['inspect', path, ...view]);
      expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
    }
    const { stdout } = await cli(['inspect', path]);
    expect(stdout.match(/^ {2}root/gm)).toHaveLength(1);
  });

  test('neutralises the name of a file', async () => {
    const path = await folder.write('Ærø \x1b[31m\nnew\u202eline.h4mk', await recording([], {}, {}));
    const { stdout } = await cli(['inspect', path]);
    expect(stdout.split('\n')[0]).toContain('Ærø \\x1b[31m\\nnew\\u{202e}line.h4mk');
    const missing = await cli(['inspect', `${path}x`]);
    expect(missing.code).toBe(4);
    expect(missing.stderr.trimEnd()).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(missing.stderr.split('\n')).toHaveLength(2);
  });

  test.each([
    ['is no H4MK file', Buffer.from('RIFF....AVI '), 'H4_BAD_MAGIC', 1],
    ['is empty', Buffer.alloc(0), 'H4_TOO_SHORT', 1],
    ['has only a header', encodeHeader(), 'H4_NO_RECORDS', 1],
  ])('refuses a file that %s', async (name, bytes, code, exit) => {
    const path = await folder.write(`${name}.h4mk`, bytes);
    for (const view of [[], ['--chunks'], ['--map']]) {
      const outcome = await cli(['inspect', path, ...view]);
      if (view.length === 0 || code !== 'H4_NO_RECORDS') {
        expect([outcome.code, outcome.stderr.includes(code)]).toEqual([exit, true]);
      }
    }
  });

  test('reads standard input, and cleans up after it', async () => {
    const { code, stdout } = await cli(['inspect', '-'], { stdin: await readFile(ten) });
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe('standard input');
  });

  test('shows one view at a time', async () => {
    const { code, stderr } = await cli(['inspect', ten, '--hex', '--map']);
    expect(code).toBe(2);
    expect(stderr).toContain('choose one of --map, --hex');
  });
});

async function tagOffsets(file: string, tag: string): Promise<number[]> {
  return offsetsOf(await readFile(file), tag);
}

describe('inspect --chunks', () => {
  test('lists offset, tag, size and CRC', async () => {
    const { code, stdout } = await cli(['inspect', '--chunks', ten]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('offset  tag   size  crc');
    expect(lines[1]).toMatch(/^ {5}8 {2}TOKN {4}80 {2}[0-9a-f]{8}$/);
    expect(lines.at(-1)).toMatch(/TAIL {3}160/);
  });

  test('gives one JSON object per chunk', async () => {
    const chunks = jsonLines((await cli(['inspect', '--chunks', '--json', ten])).stdout);
    expect(chunks).toHaveLength(2 * 13 + 4);
    expect(chunks[0]).toMatchObject({
      offset: 8,
      tag: 'TOKN',
      size: 80,
      crc: expect.stringMatching(/^[0-9a-f]{8}$/) as unknown,
    });
  });

  test('stops at --limit, says how to go on, and goes on from there', async () => {
    const first = await cli(['inspect', '--chunks', ten, '--limit', '2']);
    expect(first.stdout.trimEnd().split('\n')).toHaveLength(3);
    const at = /--at (\d+)/.exec(first.stderr)?.[1] ?? '';
    const second = await cli(['inspect', '--chunks', ten, '--limit', '1', '--at', at, '--json']);
    expect(jsonOf(second.stdout)).toMatchObject({ offset: Number(at), tag: 'TOKN' });
    expect(second.stderr).toBe('');
  });

  test('refuses an offset where no chunk begins', async () => {
    for (const at of ['9', '999999']) {
      const { code, stderr } = await cli(['inspect', '--chunks', ten, '--at', at]);
      expect(code).toBe(2);
      expect(stderr).toContain(`No chunk begins at offset ${at}`);
    }
    expect((await cli(['inspect', '--chunks', ten, '--at', '7'])).stderr).toContain('whole number of 8 or more');
  });

  test('shows the chunks before a break', async () => {
    const bytes = Buffer.from(await readFile(ten));
    const offset = (await tagOffsets(ten, 'CORE'))[2] ?? 0;
    bytes[offset] = 1;
    const { code, stdout, stderr } = await cli(['inspect', '--chunks', await folder.write('tag.h4mk', bytes)]);
    expect([code, stderr.includes('H4_BAD_TAG')]).toEqual([1, true]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1 + 9);
  });
});

describe('inspect --records', () => {
  test('lists every record within 80 columns', async () => {
    const { code, stdout } = await cli(['inspect', '--records', demo]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(304);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines[0]).toMatch(/seq mode +trk key +time +dur +pos +raw +size offset/);
    expect(lines[1]).toMatch(/ 0 meta +0:00:00.000000 +\d+ +\d+ +8$/);
    expect(lines[3]).toMatch(/ 2 core +0 key 0:00:00.000000 0.040000 +0 +2304 +\d+ +\d+$/);
  });

  test('gives JSON with PTS and original times', async () => {
    const records = jsonLines((await cli(['inspect', '--records', '--json', ten])).stdout);
    expect(records).toHaveLength(13);
    expect(records[3]).toMatchObject({
      seq: 3,
      mode: 'core',
      track: 0,
      key: false,
      pts: 40_000,
      time_us: 20_000,
      duration: 40_000,
      duration_us: 40_000,
      pos: 100,
      raw: 100,
      size: 100,
      tokens: 1,
      back: 1,
      epoch: 0,
      redacted: false,
    });
    expect(records[1]).toMatchObject({ mode: 'scopes', track: 65_535 });
  });

  test('stops at --limit and goes on at a TOKN', async () => {
    const first = await cli(['inspect', '--records', ten, '--limit', '3']);
    expect(first.stdout.trimEnd().split('\n')).toHaveLength(4);
    const at = /--at (\d+)/.exec(first.stderr)?.[1] ?? '';
    expect(
      jsonOf((await cli(['inspect', '--records', ten, '--at', at, '--limit', '1', '--json'])).stdout),
    ).toMatchObject({
      seq: 3,
    });
  });

  test('marks what has been redacted', async () => {
    const bytes = Buffer.from(await readFile(live));
    const offset = (await tagOffsets(live, 'CORE'))[1] ?? 0;
    bytes.set(Buffer.from('VOID'), offset);
    const path = await folder.write('void.h4mk', bytes);
    expect((await cli(['inspect', '--records', path])).stdout).toMatch(/^ +3 void/m);
    expect(jsonLines((await cli(['inspect', '--records', '--json', path])).stdout)[3]).toMatchObject({
      redacted: true,
    });
  });

  test('shows other timebases in seconds', async () => {
    const blocks = [{ pts: 90_000, duration: 3000, bytes: noise(10) }];
    const path = await folder.write('ninety.h4mk', await recording(blocks, { timebase: [1, 90_000] }, {}));
    expect((await cli(['inspect', '--records', path])).stdout).toContain('0:00:01.000000 0.033333');
    expect((await cli(['inspect', path])).stdout).toContain('from 0:00:01.000 to 0:00:01.033333');
  });
});

describe('inspect --map', () => {
  test('draws the file and a timeline per track within 80 columns', async () => {
    const { code, stdout } = await cli(['inspect', '--map', demo]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/^ {8}0 │M█+│$/m);
    expect(stdout).toMatch(/█ CORE +300 +183 KiB +79\.85 %/);
    expect(stdout).toMatch(/^ {2}track 0 {2}(┃─+){6}$/m);
    expect(stdout).toContain('150 blocks, ┃ 6 keyframes');
    expect(stdout).toContain('150 keyframes, more than one per column');
    expect(stdout).not.toContain('\x1b');
  });

  test.each([
    ['--ascii', ['--ascii'], { LANG: 'en_US.UTF-8' }],
    ['another locale', [], { LC_ALL: 'C', LANG: 'en_US.UTF-8' }],
    ['no locale', [], {}],
  ])('keeps to ASCII with %s', async (_name, flags, env) => {
    const { stdout } = await cli(['inspect', '--map', demo, ...flags], { env });
    expect(stdout.replace(demo, '')).toMatch(/^\p{ASCII}*$/u);
    expect(stdout).toMatch(/track 0 {2}(\|-+){6}$/m);
  });

  test('uses colours on a terminal only, and none against NO_COLOR or on a dumb one', async () => {
    const painted = async (env: Record<string, string>, tty: ('stdout' | 'stderr')[] = ['stdout']) =>
      (await cli(['inspect', '--map', demo], { tty, env })).stdout.includes('\x1b[34m');
    expect(await painted({ LANG: 'C.UTF-8' })).toBe(true);
    expect(await painted({ NO_COLOR: '' })).toBe(true);
    expect(await painted({ NO_COLOR: '1' })).toBe(false);
    expect(await painted({ TERM: 'dumb' })).toBe(false);
    expect(await painted({}, ['stderr'])).toBe(false);
  });

  test('follows the width of the terminal', async () => {
    for (const columns of [40, 120, 10]) {
      const { stdout } = await cli(['inspect', '--map', demo], { tty: ['stdout'], columns, env: { NO_COLOR: '1' } });
      const bar = /\|([M#T]+)\|/.exec(stdout)?.[1] ?? '';
      expect(bar).toHaveLength(Math.max(16, columns - 13));
    }
  });

  test('gives JSON', async () => {
    const map = jsonOf((await cli(['inspect', '--map', '--json', ten])).stdout);
    expect(map).toMatchObject({
      file: ten,
      records: 13,
      start_us: -20_000,
      end_us: 380_000,
      tracks: [{ track: 0, blocks: 10, keys: 3, timeline: expect.stringMatching(/^\|-+\|-+\|-+$/) as unknown }],
      error: null,
    });
    const shares = map['shares'] as { tag: string; bytes: number }[];
    expect(shares.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(map['bytes']);
  });

  test('marks what cannot be read', async () => {
    const bytes = Buffer.from(await readFile(ten));
    bytes[(await tagOffsets(ten, 'CORE'))[5] ?? 0] = 0;
    const path = await folder.write('hole.h4mk', bytes);
    const { code, stdout, stderr } = await cli(['inspect', '--map', path]);
    expect([code, stderr.includes('H4_BAD_TAG')]).toEqual([1, true]);
    expect(stdout).toMatch(/!+│$/m);
    expect(stdout).toMatch(/! +\d.* % {2}not readable/);
    expect(jsonOf((await cli(['inspect', '--map', '--json', path])).stdout)).toMatchObject({
      error: { code: 'H4_BAD_TAG' },
    });
  });

  test('draws a file without media, and one of unknown chunks', async () => {
    const empty = await cli(['inspect', '--map', await folder.write('none.h4mk', await recording([], {}, {}))]);
    expect([empty.code, empty.stdout.includes('track')]).toEqual([0, false]);
    const unknown = Array.from({ length: 40 }, (_, i) => encodeChunk(`x${String(i).padStart(3, '0')}`, noise(50)));
    const path = await folder.write('unknown.h4mk', Buffer.concat([await readFile(live), ...unknown]));
    const { code, stdout } = await cli(['inspect', '--map', path]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\? x000 +1 +62 bytes +\d.* % {2}unknown, skipped/);
    expect(stdout).toMatch(/\? other +\d+/);
  });

  test('draws sixteen tracks and counts the others', async () => {
    const tracks = Array.from({ length: 20 }, (_, id) => ({ id, kind: 'data' as const }));
    const blocks = tracks.map(({ id }) => ({ track: id, pts: id, bytes: noise(10) }));
    const { stdout } = await cli([
      'inspect',
      '--map',
      await folder.write('many.h4mk', await recording(blocks, { tracks })),
    ]);
    expect(stdout).toContain('track 15');
    expect(stdout).not.toContain('track 16');
    expect(stdout).toContain('and 4 tracks more');
  });

  test('says on a terminal how far it is', async () => {
    const { stderr } = await cli(['inspect', '--map', demo], { tty: ['stderr'], tick: 400, env: {} });
    expect(stderr).toContain('reading');
    expect(stderr.endsWith('\r\x1b[K')).toBe(true);
    const quiet = await cli(['inspect', '--map', demo, '--no-progress'], { tty: ['stderr'], tick: 400 });
    expect(quiet.stderr).toBe('');
  });
});
