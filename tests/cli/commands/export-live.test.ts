import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, readFile, readdir, rm, stat } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { Interruption } from '../../../src/cli/exit.js';
import { concatBytes, toHex } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { mp4, noise, temporaryFolder } from '../support/files.js';
import { HandFed, Lines, opened, sidecarPrefix } from '../support/live.js';
import { MAIN, ended, start } from '../support/process.js';

const folder = temporaryFolder();
const KiB = 1024;
const filesLike = async (name: string): Promise<string[]> =>
  (await readdir(folder.path('.'))).filter((file) => file.startsWith(name)).sort();
const summaryOf = async (file: string) => jsonOf((await cli(['inspect', file, '--json'])).stdout);
const recordsOf = async (file: string) => jsonLines((await cli(['inspect', file, '--records', '--json'])).stdout);
/** Records of blocks: number 0 is META, 1 the scopes, and the last one the end. */
const blocksOf = async (file: string) => (await recordsOf(file)).filter(({ mode }) => mode === 'core');

/** A recording that is under way, fed by hand. */
function recording(name: string, flags: readonly string[] = [], options: Parameters<typeof cli>[1] = {}) {
  const [input, out] = [new HandFed(), new Lines()];
  const path = folder.path(name);
  const argv = ['export', '-', '-o', path, '--live', '--json', '--block-size', '64KiB', ...flags];
  return { input, out, path, outcome: cli(argv, { stdin: input, stdout: out, ...options }) };
}

describe('export IN -o OUT --live', () => {
  test('acknowledges every N blocks, closes at the end of the input, and gives it back', async () => {
    const bytes = noise(500 * KiB);
    const { input, out, path, outcome } = recording('whole.h4mk', ['--index-records', '2', '--index-seconds', '3600']);
    input.feed(bytes);
    input.end();
    expect((await outcome).code).toBe(0);

    // 7 whole blocks and a shorter one, which the end of the recording covers.
    const events = out.json;
    expect(events.map(({ event }) => event)).toEqual([...Array<string>(4).fill('index_point').slice(1), 'closed']);
    expect(events.map(({ records }) => records)).toEqual([4, 6, 8, 11]);
    expect(Object.keys(events[0] ?? {})).toEqual(['event', 'records', 'bytes', 'pts']);
    expect(events[3]).toMatchObject({ file: path, bytes: (await stat(path)).size });
    expect(await filesLike('whole')).toEqual(['whole.h4mk']);
    expect((await cli(['verify', path])).code).toBe(0);
    expect((await opened(await readFile(path))).media).toEqual(bytes);
    expect(await summaryOf(path)).toMatchObject({
      closed: true,
      source: { bytes: bytes.length, sha256: toHex(sha256(bytes)), media_type: 'application/octet-stream' },
    });
    const prefix = (await readFile(path)).subarray(0, Number(events[1]?.['bytes']));
    expect(await opened(prefix)).toEqual({ records: 6, tailRecords: 6, media: bytes.slice(0, 4 * 64 * KiB) });
  });

  test('acknowledges little as soon as its time has come, and nothing while nothing comes', async () => {
    const { input, out, path, outcome } = recording('slow.h4mk', ['--index-seconds', '0.02']);
    for (const [i, text] of ['one', 'two', 'three'].entries()) {
      input.feed(Buffer.from(text));
      await out.has(i + 1);
      const prefix = (await sidecarPrefix(path)) ?? new Uint8Array(0);
      expect([prefix.length, (await opened(prefix)).media]).toEqual([
        out.json[i]?.['bytes'],
        new Uint8Array(Buffer.from(['one', 'onetwo', 'onetwothree'][i] ?? '')),
      ]);
    }
    input.end();
    expect((await outcome).code).toBe(0);
    expect(out.json.map(({ event, records }) => [event, records])).toEqual([
      ['index_point', 3],
      ['index_point', 4],
      ['index_point', 5],
      ['closed', 6],
    ]);
  });

  test('gives blocks the time at which they arrived, always later than the one before', async () => {
    let now = 1000;
    const flags = ['--index-seconds', '0.02', '--gop', '2'];
    const { input, out, path, outcome } = recording('arrivals.h4mk', flags, { now: () => now, utcMicros: () => 1e15 });
    input.feed(Buffer.from('at once'));
    await out.has(1);
    now = 3500.25;
    // Two whole blocks in one piece, and the beginning of a third.
    input.feed(noise(128 * KiB + 1));
    await out.has(2);
    now = 4000;
    input.feed(Buffer.from('x'));
    input.end();
    expect((await outcome).code).toBe(0);
    const blocks = await blocksOf(path);
    expect(blocks.map(({ pts, key }) => [pts, key])).toEqual([
      [0, true],
      [2_500_250, false],
      [2_500_251, true],
      [2_500_252, false],
      [3_000_000, true],
    ]);
    expect(out.json[1]).toMatchObject({ pts: 2_500_252 });
    const summary = await summaryOf(path);
    expect(summary['tracks']).toMatchObject([{ block_size: 64 * KiB, gop: 2 }]);
    expect(JSON.stringify(summary['tracks'])).not.toContain('fps_hint');
    const end = Buffer.from(await readFile(path)).toString('latin1');
    expect(end).toContain('"clock":{"at_pts":0,"source":"system clock","utc_us":1000000000000000}');
  });

  test('lets a block last as long as it took to arrive', async () => {
    let now = 0;
    const { input, path, outcome } = recording('duration.h4mk', ['--index-seconds', '3600'], { now: () => now });
    const size = async () => (await stat(path).catch(() => undefined))?.size ?? -1;
    input.feed(noise(10));
    // The clock is read when a piece is taken, and the next one is asked for only then.
    await vi.waitUntil(async () => input.readableLength === 0 && (await size()) === 0, { timeout: 30_000 });
    await sleep(0);
    now = 250;
    input.feed(noise(10));
    input.end();
    await outcome;
    expect((await blocksOf(path)).map(({ pts, duration }) => [pts, duration])).toEqual([[0, 250_000]]);
  });

  test('gives blocks the time of frames if a frame rate is asked for', async () => {
    const { input, path, outcome } = recording('frames.h4mk', ['--fps-hint', '25'], { tick: 1 });
    input.feed(noise(200 * KiB));
    input.end();
    await outcome;
    expect((await blocksOf(path)).map(({ pts, duration }) => [pts, duration])).toEqual(
      [0, 1, 2, 3].map((i) => [i * 40_000, 40_000]),
    );
    expect((await summaryOf(path))['tracks']).toMatchObject([{ fps_hint: [25, 1] }]);
  });

  test('has a uid of its own, and claims no time of day that it does not know', async () => {
    for (const [name, flags, uid] of [
      ['random', [], 'ab'.repeat(16)],
      ['given', ['--uid', '12'.repeat(16)], '12'.repeat(16)],
    ] as const) {
      const { input, path, outcome } = recording(`${name}.h4mk`, flags);
      input.feed(mp4(100));
      input.end();
      await outcome;
      expect(await summaryOf(path)).toMatchObject({ uid, compression: { engine_id: 'stored-v1' } });
      expect((await readFile(path)).includes('"clock"')).toBe(false);
    }
  });

  test('chooses the engine by the first block, or takes the one that is named', async () => {
    const { input, path, outcome } = recording('engine.h4mk', ['--engine', 'stored']);
    input.feed(noise(100));
    input.end();
    await outcome;
    expect(await summaryOf(path)).toMatchObject({ compression: { engine_id: 'stored-v1' } });
    const result = await cli(['export', '-', '-o', folder.path('no.h4mk'), '--live', '--engine', 'core']);
    expect([result.code, result.stderr.includes('no core is configured')]).toEqual([4, true]);
    expect(await filesLike('no.h4mk')).toEqual([]);
  });

  test('closes an empty recording', async () => {
    const { input, out, path, outcome } = recording('empty.h4mk');
    input.end();
    expect((await outcome).code).toBe(0);
    expect(out.json).toMatchObject([{ event: 'closed', records: 3, source: { bytes: 0 } }]);
    expect((await cli(['verify', path])).code).toBe(0);
  });

  test('takes a file, and names it if it is still what it was', async () => {
    const input = await folder.write('in.mp4', mp4(3 * 1024 * KiB));
    const out = folder.path('file.h4mk');
    const result = await cli(['export', input, '-o', out, '--live', '--index-records', '3']);
    expect(result.stdout).toMatch(/file\.h4mk\n {2}size +.* of the input\n {2}records/);
    expect((await summaryOf(out))['source']).toMatchObject({ name: 'in.mp4', bytes: 3 * 1024 * KiB });

    const changing = new Lines();
    const path = folder.path('changed.h4mk');
    const flags = ['--live', '--json', '--index-records', '1'];
    const stdout = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        changing.write(chunk);
        appendFile(input, 'x').then(() => done(), done);
      },
    });
    expect((await cli(['export', input, '-o', path, ...flags], { stdout })).code).toBe(0);
    const { source } = (await summaryOf(path)) as { source: Record<string, unknown> };
    expect(source).toEqual({
      bytes: 3 * 1024 * KiB,
      sha256: toHex(sha256(mp4(3 * 1024 * KiB))),
      media_type: 'video/mp4',
    });
  });

  test('goes on when nobody listens any more', async () => {
    const deaf = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    deaf.on('error', () => undefined);
    const input = await folder.write('deaf.bin', noise(300 * KiB));
    const flags = ['--live', '--json', '--block-size', '64K', '--index-records', '1'];
    const { code, stderr } = await cli(['export', input, '-o', folder.path('deaf.h4mk'), ...flags], { stdout: deaf });
    expect([code, stderr]).toEqual([0, '']);
    expect(await summaryOf(folder.path('deaf.h4mk'))).toMatchObject({ closed: true, source: { bytes: 300 * KiB } });
  });

  test('goes on, with a warning, when what it tells cannot be written', async () => {
    const full = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' })),
    });
    full.on('error', () => undefined);
    const input = await folder.write('mute.bin', noise(300 * KiB));
    const flags = ['--live', '--json', '--block-size', '64K', '--index-records', '1'];
    const { code, stderr } = await cli(['export', input, '-o', folder.path('mute.h4mk'), ...flags], { stdout: full });
    const [warning] = jsonLines(stderr);
    expect([code, warning]).toMatchObject([
      4,
      {
        code: 'H4_WRITE',
        warning: expect.stringMatching(/the recording goes on, without acknowledgements$/) as string,
      },
    ]);
    expect(await summaryOf(folder.path('mute.h4mk'))).toMatchObject({ closed: true, source: { bytes: 300 * KiB } });
  });

  test('shows on a terminal how far it is', async () => {
    const input = await folder.write('bar.bin', noise(300 * KiB));
    const flags = ['--live', '--index-records', '1', '--block-size', '64K'];
    const { stderr } = await cli(['export', input, '-o', folder.path('bar.h4mk'), ...flags], {
      tty: ['stderr'],
      tick: 400,
    });
    expect(stderr).toMatch(/\d KiB {2}.*\/s {2}recording .*bar\.bin/);
  });

  test('every sidecar names a whole prefix, whenever one looks', async () => {
    const { input, path, outcome } = recording('polled.h4mk', ['--index-records', '1', '--index-seconds', '0.01']);
    const state = { isOver: false };
    void outcome.then(() => (state.isOver = true));
    const bytes = noise(3000 * KiB, 5);
    const seen = new Set<number>();
    const feeding = (async () => {
      for (let at = 0; at < bytes.length; at += 20_000) {
        input.feed(bytes.subarray(at, at + 20_000));
        await sleep(1);
      }
      input.end();
    })();
    while (!state.isOver) {
      const prefix = await sidecarPrefix(path);
      if (prefix !== undefined && !seen.has(prefix.length)) {
        seen.add(prefix.length);
        const { media, records, tailRecords } = await opened(prefix);
        expect(records).toBe(tailRecords);
        expect(Buffer.compare(media, bytes.subarray(0, media.length))).toBe(0);
      }
      await sleep(0);
    }
    await feeding;
    expect((await outcome).code).toBe(0);
    expect(seen.size).toBeGreaterThan(3);
    expect(await sidecarPrefix(path)).toBeUndefined();
  });
});

describe('a live recording refuses', () => {
  test.each([
    [['-o', '-', '--live'], 'Cannot record live to standard output'],
    [['-o', 'X', '--index-records', '5'], 'use --index-... together with --live'],
    [['-o', 'X', '--index-seconds', '5'], 'use --index-... together with --live'],
    [['-o', 'X', '--live', '--index-records', '0'], 'from 1 to 1000000'],
    [['-o', 'X', '--live', '--index-seconds', '0'], 'a number from 0.01 to 86400'],
    [['-o', 'X', '--live', '--index-seconds', '1e3'], 'a number from 0.01 to 86400'],
    [['-o', 'X', '--live', '--signable', '--uid', '0'.repeat(32)], 'can never be signed'],
  ])('%j', async (flags, why) => {
    const argv = flags.map((flag) => (flag === 'X' ? folder.path('refused.h4mk') : flag));
    const { code, stderr } = await cli(['export', '-', ...argv]);
    expect([code, stderr.includes(why)]).toEqual([2, true]);
    expect(await filesLike('refused')).toEqual([]);
  });

  test('its own input, a file that exists, and an input that is not there', async () => {
    const input = await folder.write('self.bin', noise(10));
    const itself = await cli(['export', input, '-o', input, '--live', '--force']);
    expect([itself.code, itself.stderr.includes('it is the file that is read')]).toEqual([2, true]);
    expect(await readFile(input)).toHaveLength(10);

    const out = await folder.write('exists.h4mk', 'precious');
    const refused = await cli(['export', input, '-o', out, '--live']);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      `harmony4: H4_EXISTS: Cannot write ${out}: it exists\n  Choose another name, or overwrite with --force.\n`,
    ]);
    expect(await readFile(out, 'utf8')).toBe('precious');
    expect((await cli(['export', input, '-o', out, '--live', '--force'])).code).toBe(0);
    expect((await cli(['verify', out])).code).toBe(0);

    const missing = await cli(['export', folder.path('missing.bin'), '-o', folder.path('never.h4mk'), '--live']);
    expect([missing.code, missing.stderr.includes('no such file')]).toEqual([4, true]);
    expect(await filesLike('never')).toEqual([]);
  });
});

describe('the end of a live recording', () => {
  test('comes with an interruption, which closes it', async () => {
    const controller = new AbortController();
    const { input, out, path, outcome } = recording('stopped.h4mk', ['--index-seconds', '0.02'], {
      signal: controller.signal,
    });
    input.feed(Buffer.from('before'));
    await out.has(1);
    controller.abort(new Interruption('SIGTERM'));
    const { code, stderr } = await outcome;
    expect([code, jsonOf(stderr)]).toEqual([
      0,
      { code: 'H4_CANCELLED', warning: 'stopped by SIGTERM; the recording ends there and is closed' },
    ]);
    expect(out.json.map(({ event }) => event)).toEqual(['index_point', 'closed']);
    expect(await summaryOf(path)).toMatchObject({ closed: true, source: { bytes: 6 } });
    expect(await filesLike('stopped')).toEqual(['stopped.h4mk']);
  });

  test('comes with a failing input, and then what has arrived is durable first', async () => {
    const { input, out, path, outcome } = recording('failing.h4mk', ['--index-seconds', '3600']);
    input.feed(Buffer.from('all of this'));
    await vi.waitUntil(() => input.readableLength === 0);
    input.destroy(Object.assign(new Error('read EIO'), { code: 'EIO' }));
    const { code, stderr } = await outcome;
    expect([code, jsonOf(stderr)]).toMatchObject([
      4,
      {
        code: 'H4_IO',
        message: expect.stringMatching(
          /^Cannot read standard input: .*\. The recording was not closed: .*failing\.h4mk is durable up to record 2 \(\d+ bytes\); 'harmony4 recover .*failing\.h4mk -o NEW' brings back everything that is whole$/,
        ) as string,
        detail: { durable_records: 3 },
      },
    ]);
    expect(out.json).toMatchObject([{ event: 'index_point', records: 3 }]);
    expect(await filesLike('failing')).toEqual(['failing.h4mk', 'failing.h4mk.tail']);
    const prefix = (await sidecarPrefix(path)) ?? new Uint8Array(0);
    expect((await opened(prefix)).media).toEqual(new Uint8Array(Buffer.from('all of this')));
  });

  test('comes at once with an input that fails before its first byte', async () => {
    const { input, path, outcome } = recording('nothing.h4mk');
    await vi.waitUntil(async () => (await filesLike('nothing.h4mk')).includes('nothing.h4mk'), { timeout: 30_000 });
    input.destroy(Object.assign(new Error('read EIO'), { code: 'EIO' }));
    const { code, stderr } = await outcome;
    expect([code, jsonOf(stderr)]).toMatchObject([
      4,
      {
        message: expect.stringContaining(`no index point of ${path} had become durable`) as string,
        detail: { durable_records: 0, durable_bytes: 0 },
      },
    ]);
    expect(await readFile(path)).toHaveLength(0);
  });

  test('that cannot be written down tells so even after an interruption', async () => {
    const controller = new AbortController();
    const { input, out, path, outcome } = recording('unclosed.h4mk', ['--index-seconds', '0.02'], {
      signal: controller.signal,
    });
    input.feed(Buffer.from('before'));
    await out.has(1);
    // From then on another writer may believe that the file is free.
    await rm(`${path}.lock`);
    controller.abort(new Interruption('SIGINT'));
    const { code, stderr } = await outcome;
    expect([code, jsonOf(stderr)]).toMatchObject([4, { code: 'H4_LOCKED', detail: { durable_records: 3 } }]);
    expect(await filesLike('unclosed')).toEqual(['unclosed.h4mk', 'unclosed.h4mk.tail']);
  });
});

describe('a process', () => {
  const live = (name: string, ...flags: string[]) => {
    const child = start(['export', '-', '-o', folder.path(name), '--live', '--json', ...flags]);
    child.stdin?.on('error', () => undefined);
    const out = new Lines();
    child.stdout?.on('data', (chunk: Buffer) => out.write(chunk));
    return { child, out, path: folder.path(name), outcome: ended(child) };
  };

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('closes its recording at %s', async (signal) => {
    const { child, out, path, outcome } = live(`by-${signal}.h4mk`, '--index-seconds', '0.05');
    // Little enough to arrive in one piece.
    child.stdin?.write(noise(4000));
    await out.has(1);
    child.kill(signal);
    const { code, stderr } = await outcome;
    expect([code, jsonOf(stderr)]).toMatchObject([
      0,
      { warning: expect.stringContaining(`stopped by ${signal}`) as string },
    ]);
    expect(out.json.at(-1)).toMatchObject({ event: 'closed' });
    expect((await cli(['verify', path])).code).toBe(0);
    expect((await opened(await readFile(path))).media).toEqual(noise(4000));
    expect(await filesLike(`by-${signal}`)).toEqual([`by-${signal}.h4mk`]);
  });

  test('stops at once at the second signal, and leaves what can be recovered', async () => {
    // A disk that never answers: closing waits for it, and only the second signal does not.
    const hang =
      "import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module';" +
      'fs.fdatasync = () => undefined; syncBuiltinESMExports();';
    const path = folder.path('insisted.h4mk');
    const env = { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hang)}` };
    const child = start(['export', '-', '-o', path, '--live', '--index-seconds', '0.05', '--engine', 'stored'], {
      env,
    });
    const outcome = ended(child);
    child.stdin?.on('error', () => undefined);
    child.stdin?.write(noise(1000));
    await vi.waitUntil(async () => ((await stat(path).catch(() => undefined))?.size ?? 0) > 1000, { timeout: 30_000 });
    let signals = 0;
    while (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT');
      signals++;
      await sleep(50);
    }
    expect(await outcome).toMatchObject({ code: null, signal: 'SIGINT' });
    expect(signals).toBeGreaterThan(1);
    expect(await filesLike('insisted')).toEqual(['insisted.h4mk', 'insisted.h4mk.lock']);
    await expectRecovered(path, 3, noise(1000));
    const again = await cli(['export', '-', '-o', path, '--live', '--force'], { stdin: noise(10) });
    expect([again.code, await filesLike('insisted')]).toEqual([0, ['insisted.h4mk']]);
  });

  test('tells of an index point when it is on the disk, and of neither before', async () => {
    // Each call does what it always does, and says on stderr when that is done.
    const witness = `
      import fs from 'node:fs'; import promises from 'node:fs/promises'; import { syncBuiltinESMExports } from 'node:module';
      const say = (text) => fs.writeSync(2, text + '\\n');
      const { fdatasync } = fs; const { rename } = promises; const { write } = process.stdout;
      fs.fdatasync = (fd, done) => fdatasync(fd, (error) => { say('synced'); done(error); });
      promises.rename = (from, to) => rename(from, to).then(() => say(to.endsWith('.tail') ? 'sidecar' : 'renamed'));
      process.stdout.write = (...args) => { say(JSON.parse(args[0]).event); return write.apply(process.stdout, args); };
      syncBuiltinESMExports();`;
    const input = await folder.write('order.bin', noise(320 * KiB));
    const env = { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(witness)}` };
    const flags = ['--live', '--json', '--index-records', '2', '--block-size', '64K', '--index-seconds', '3600'];
    const { code, stderr } = await ended(start(['export', input, '-o', folder.path('order.h4mk'), ...flags], { env }));
    expect([code, stderr.trim().split('\n')]).toEqual([
      0,
      [...['synced', 'sidecar', 'index_point'], ...['synced', 'sidecar', 'index_point'], ...['sidecar', 'closed']],
    ]);
  });

  test('reads a named pipe, and ends also while nobody has opened it', async () => {
    const pipe = folder.path('camera');
    spawnSync('mkfifo', [pipe]);
    const first = start(['export', pipe, '-o', folder.path('pipe.h4mk'), '--live', '--json']);
    const outcome = ended(first);
    const feeder = spawnSync('sh', ['-c', `head -c 300000 /dev/zero > '${pipe}'`]);
    expect(feeder.status).toBe(0);
    const { code, stdout } = await outcome;
    expect([code, jsonLines(stdout.toString()).at(-1)]).toMatchObject([
      0,
      { event: 'closed', source: { bytes: 300_000 } },
    ]);

    const idle = start(['export', pipe, '-o', folder.path('idle.h4mk'), '--live', '--json']);
    const idleOutcome = ended(idle);
    await vi.waitUntil(async () => (await filesLike('idle.h4mk')).includes('idle.h4mk'), { timeout: 30_000 });
    idle.kill('SIGINT');
    expect((await idleOutcome).code).toBe(0);
    expect(await summaryOf(folder.path('idle.h4mk'))).toMatchObject({ closed: true, records: 3 });
  });

  test('says how far it came when the file may not grow any more', async () => {
    const path = folder.path('limited.h4mk');
    const input = await folder.write('limited.bin', noise(1000 * KiB));
    // In units of 512 bytes.
    const script = 'ulimit -f 1000; exec "$@"';
    const flags = ['--live', '--json', '--block-size', '64K', '--index-records', '1', '--engine', 'stored'];
    const argv = ['-c', script, 'sh', process.execPath, MAIN, 'export', input, '-o', path, ...flags];
    const { status, stdout, stderr } = spawnSync('sh', argv, { encoding: 'utf8' });
    await expectFull(status, stdout, stderr, path, 'EFBIG');
    expect(await filesLike('limited.h4mk')).toEqual(['limited.h4mk', 'limited.h4mk.tail']);
  });

  const namespace = ['unshare', '--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])];
  const canMount = spawnSync('sh', ['-c', `${namespace.join(' ')} mount -t tmpfs tmpfs /mnt`]).status === 0;
  const skipped = canMount ? '' : ' (skipped: this system does not let this user mount file systems)';

  test.skipIf(!canMount)(`says how far it came when the disk is full${skipped}`, async () => {
    const [disk, path] = [folder.path('disk'), folder.path('full.h4mk')];
    await mkdir(disk);
    const input = await folder.write('full.bin', noise(3000 * KiB));
    const script =
      'mount -t tmpfs -o size=1m tmpfs "$0" || exit 99; copy="$1"; shift; "$@"; code=$?; ' +
      'cp "$0/x.h4mk" "$copy"; cp "$0/x.h4mk.tail" "$copy.tail"; exit $code';
    const flags = ['--live', '--json', '--block-size', '64K', '--index-records', '1', '--engine', 'stored'];
    const program = [process.execPath, MAIN, 'export', input, '-o', `${disk}/x.h4mk`, ...flags];
    const [command = '', ...rest] = [...namespace, 'sh', '-c', script, disk, path, ...program];
    const { status, stdout, stderr } = spawnSync(command, rest, { encoding: 'utf8' });
    await expectFull(status, stdout, stderr, path, 'ENOSPC');
    const prefix = (await sidecarPrefix(path)) ?? new Uint8Array(0);
    expect(prefix.length).toBe(jsonLines(stdout).at(-1)?.['bytes']);
  });

  /** The program has failed, has said so, and everything that it has acknowledged is in the file. */
  async function expectFull(
    status: number | null,
    stdout: string,
    stderr: string,
    path: string,
    code: string,
  ): Promise<void> {
    const last = jsonLines(stdout).at(-1) ?? {};
    const [records, bytes] = [Number(last['records']), Number(last['bytes'])];
    expect([status, jsonOf(stderr)]).toMatchObject([
      4,
      {
        code: 'H4_WRITE',
        message: expect.stringContaining(`is durable up to record ${records - 1} (${bytes} bytes)`) as string,
        detail: { durable_records: records, durable_bytes: bytes },
      },
    ]);
    expect(stderr).toContain(`(${code})`);
    expect(stderr).toContain(' recover ');
    expect(records).toBeGreaterThan(3);
    const { media, tailRecords } = await opened((await readFile(path)).subarray(0, bytes));
    expect([tailRecords, media.length]).toEqual([records, (records - 2) * 64 * KiB]);
    expect(Buffer.compare(media, noise(3000 * KiB).subarray(0, media.length))).toBe(0);
    await expectRecovered(path, records, noise(3000 * KiB));
  }

  /** `recover` gives at least so many records, in a sound file, and media that are a prefix of what was recorded. */
  async function expectRecovered(path: string, records: number, recorded: Uint8Array): Promise<void> {
    const result = await cli(['recover', path, '-o', `${path}.new`, '--json']);
    expect([result.code, result.stderr]).toEqual([3, '']);
    expect(jsonOf(result.stdout)['records']).toBeGreaterThanOrEqual(records);
    const { media } = await opened(await readFile(`${path}.new`));
    expect(Buffer.compare(media, recorded.subarray(0, media.length))).toBe(0);
    expect(jsonOf((await cli(['verify', `${path}.new`, '--json'])).stdout)).toMatchObject({
      exit_code: 3,
      error_count: 0,
    });
    await rm(`${path}.new`);
  }
});

test('pieces of any size make the same media', async () => {
  const bytes = noise(200 * KiB);
  const { input, path, outcome } = recording('pieces.h4mk', ['--index-records', '1']);
  const cuts = [0, 1, 64 * KiB, 64 * KiB + 1, 190 * KiB, bytes.length];
  for (const [i, cut] of cuts.slice(1).entries()) input.feed(bytes.subarray(cuts[i], cut));
  input.end();
  await outcome;
  expect((await opened(await readFile(path))).media).toEqual(concatBytes(bytes));
});
