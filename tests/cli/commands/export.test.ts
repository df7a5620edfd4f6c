import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile, readFile, readdir, rm, stat } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { exportParameters, importOpaque } from '../../../src/cli/importer.js';
import { Interruption } from '../../../src/cli/exit.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { contentUid } from '../../../src/container/format/meta.js';
import { createMemorySink } from '../../../src/storage/memory.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { cli, jsonOf } from '../support/harness.js';
import { mp4, noise, temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
const KiB = 1024;
const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
const summaryOf = async (file: string) => jsonOf((await cli(['inspect', file, '--json'])).stdout);

describe('export IN -o OUT', () => {
  const sizes = [0, 1, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1, 5 * KiB * KiB];
  test.each(sizes.flatMap((size) => ['stored', 'reference'].map((engine) => [size, engine] as const)))(
    'export, verify, seek and extract give %d bytes back (%s)',
    async (size, engine) => {
      const input = await folder.write(`in-${size}`, noise(size));
      const [out, back] = [folder.path(`out-${size}-${engine}.h4mk`), folder.path(`back-${size}-${engine}`)];
      const made = await cli(['export', input, '-o', out, '--engine', engine, '--block-size', '64KiB', '--gop', '4']);
      expect([made.code, made.stderr]).toEqual([0, '']);
      const checked = await cli(['verify', out]);
      expect(checked.stdout.split('\n')[0]).toBe('STRUCTURE OK, NOTHING PROVEN: no key given');
      const sought = await cli(['seek', out, '1h']);
      expect([sought.code, sought.stdout === 'none\n']).toEqual([0, size === 0]);
      expect((await cli(['extract', out, '-o', back])).code).toBe(0);
      expect(Buffer.compare(await readFile(back), noise(size))).toBe(0);
    },
  );

  test('the same input and parameters give the same bytes, other parameters others', async () => {
    const input = await folder.write('same.bin', noise(300_000));
    const exported = async (name: string, ...flags: string[]): Promise<Buffer> => {
      await cli(['export', input, '-o', folder.path(name), ...flags]);
      return readFile(folder.path(name));
    };
    const first = await exported('same-1.h4mk');
    expect(
      first.equals(await exported('same-2.h4mk', '--block-size', '512K', '--gop', '30', '--fps-hint', '30/1')),
    ).toBe(true);
    for (const [i, flags] of [
      ['--gop', '2'],
      ['--fps-hint', '29.97'],
      ['--engine', 'stored'],
      ['--signable'],
    ].entries()) {
      expect(first.equals(await exported(`other-${i}.h4mk`, ...flags))).toBe(false);
    }
    expect((await exported('s1.h4mk', '--signable')).equals(await exported('s2.h4mk', '--signable'))).toBe(true);
  });

  test('records what it was made from, and how', async () => {
    const input = await folder.write('clip ø.mp4', mp4(200_000));
    const out = folder.path('clip.h4mk');
    await cli([
      'export',
      input,
      '-o',
      out,
      '--block-size',
      '64K',
      '--gop',
      '2',
      '--fps-hint',
      '30000/1001',
      '--opaque',
    ]);
    const sha = Buffer.from(sha256(mp4(200_000))).toString('hex');
    expect(await summaryOf(out)).toMatchObject({
      closed: true,
      uid: '0'.repeat(32),
      compression: { engine_id: 'stored-v1' },
      tracks: [
        { id: 0, kind: 'opaque', block_size: 65_536, gop: 2, fps_hint: [30_000, 1001], records: 4, raw: 200_000 },
      ],
      source: { name: 'clip ø.mp4', bytes: 200_000, sha256: sha, media_type: 'video/mp4' },
      index: { seek_entries: 2 },
    });
  });

  test('chooses stored for media, and reference for anything else', async () => {
    const engineOf = async (bytes: Uint8Array, ...flags: string[]): Promise<unknown> => {
      const result = await cli(['export', '-', '-o', '-', '--json', ...flags], { stdin: bytes });
      return jsonOf(result.stderr)['engine_id'];
    };
    expect(await engineOf(mp4(100))).toBe('stored-v1');
    expect(await engineOf(noise(100))).toBe('h4ref-geo-v1');
    expect(await engineOf(mp4(100), '--engine', 'reference')).toBe('h4ref-geo-v1');
  });

  test('tells what it wrote', async () => {
    const input = await folder.write('told.bin', new Uint8Array(1_000_000));
    const text = await cli(['export', input, '-o', folder.path('told.h4mk')]);
    expect(text.stdout).toMatch(/told\.h4mk\n {2}size +\d.* KiB \(\d+ bytes\), \d+\.\d % of the input/);
    expect(text.stdout).toContain('engine       reference (h4ref-geo-v1)');
    const json = jsonOf((await cli(['export', input, '-o', folder.path('told2.h4mk'), '--json'])).stdout);
    expect(json).toMatchObject({
      file: folder.path('told2.h4mk'),
      records: 5,
      uid: '0'.repeat(32),
      engine: 'reference',
      source: { name: 'told.bin', bytes: 1_000_000, media_type: 'application/octet-stream' },
    });
    const report = jsonOf((await cli(['verify', folder.path('told2.h4mk'), '--json'])).stdout);
    expect([json['root'], json['file_id'], json['bytes']]).toEqual([
      report['root'],
      report['file_id'],
      report['bytes'],
    ]);
  });

  test('writes nothing but the container to standard output', async () => {
    const result = await cli(['export', '-', '-o', '-'], { stdin: noise(100_000) });
    expect([result.code, result.stderr]).toEqual([0, '']);
    const verified = await cli(['verify', '-'], { stdin: result.bytes });
    expect(verified.code).toBe(0);
    const back = await cli(['extract', '-', '-o', '-'], { stdin: result.bytes });
    expect(Buffer.compare(back.bytes, noise(100_000))).toBe(0);
  });

  test('knows no name for standard input', async () => {
    const out = folder.path('stdin.h4mk');
    await cli(['export', '-', '-o', out], { stdin: noise(10) });
    expect((await summaryOf(out))['source']).toMatchObject({ bytes: 10 });
    expect((await summaryOf(out))['source']).not.toHaveProperty('name');
  });

  test('takes standard input in pieces of any size', async () => {
    const bytes = noise(200_000);
    const pieces = [bytes.slice(0, 1), bytes.slice(1, 70_000), bytes.slice(70_000)].map((piece) => Buffer.from(piece));
    const whole = await cli(['export', '-', '-o', '-'], { stdin: bytes });
    const cut = await cli(['export', '-', '-o', '-'], { stdin: Readable.from(pieces) });
    expect(cut.bytes.length).toBe(whole.bytes.length);
    expect(Buffer.compare(cut.bytes, whole.bytes)).toBe(0);
  });

  test('reads a named pipe', async () => {
    const pipe = folder.path('pipe');
    await new Promise((resolve) => spawn('mkfifo', [pipe]).once('exit', resolve));
    const feeder: ChildProcess = spawn('sh', ['-c', `printf hello > '${pipe}'`]);
    const { code, stdout } = await cli(['export', pipe, '-o', folder.path('pipe.h4mk'), '--json']);
    expect(code).toBe(0);
    expect(jsonOf(stdout)['source']).toMatchObject({ bytes: 5 });
    expect(jsonOf(stdout)['source']).not.toHaveProperty('name');
    feeder.kill();
  });

  test('refuses to send binary data to a terminal', async () => {
    const input = await folder.write('tty.bin', noise(10));
    const { code, stdout, stderr } = await cli(['export', input, '-o', '-'], { tty: ['stdout'] });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.replace(/\s+/g, ' ')).toContain('Binary data is not written to a terminal');
  });

  test('never overwrites without --force, nor its input with it', async () => {
    const input = await folder.write('keep.bin', noise(10));
    const out = await folder.write('keep.h4mk', 'precious');
    const refused = await cli(['export', input, '-o', out]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toBe(
      `harmony4: H4_EXISTS: Cannot write ${out}: it exists\n  Choose another name, or overwrite with --force.\n`,
    );
    expect(await readFile(out, 'utf8')).toBe('precious');
    const part = await folder.write('fresh.h4mk.part', 'precious');
    expect((await cli(['export', input, '-o', folder.path('fresh.h4mk')])).stderr).toBe(
      `harmony4: H4_EXISTS: Cannot write ${folder.path('fresh.h4mk')}: ${part} exists and is no interrupted writer's\n` +
        '  Choose another name, or overwrite with --force.\n',
    );
    expect((await cli(['export', input, '-o', out, '--force'])).code).toBe(0);
    expect((await cli(['verify', out])).code).toBe(0);
    const itself = await cli(['export', input, '-o', input, '--force']);
    expect([itself.code, itself.stderr.includes('it is the file that is read')]).toEqual([2, true]);
  });

  test('leaves nothing behind when it fails or is interrupted', async () => {
    const controller = new AbortController();
    const slow = new Readable({ read: () => undefined });
    const running = cli(['export', '-', '-o', folder.path('stopped.h4mk')], { stdin: slow, signal: controller.signal });
    slow.push(Buffer.from(noise(5000)));
    await vi.waitUntil(() => exists(folder.path('stopped.h4mk.part')), { timeout: 10_000 });
    controller.abort(new Interruption('SIGINT'));
    const { code, stderr } = await running;
    expect([code, stderr.includes('stopped by SIGINT')]).toEqual([130, true]);
    expect((await readdir(folder.path('.'))).filter((name) => name.startsWith('stopped'))).toEqual([]);

    const failing = Readable.from(
      (function* () {
        yield Buffer.from(noise(5000));
        throw Object.assign(new Error('read EIO'), { code: 'EIO' });
      })(),
    );
    const failed = await cli(['export', '-', '-o', folder.path('failed.h4mk')], { stdin: failing });
    expect([failed.code, failed.stderr.includes('H4_IO: Cannot read standard input')]).toEqual([4, true]);
    expect((await readdir(folder.path('.'))).filter((name) => name.startsWith('failed'))).toEqual([]);
  });

  test.each([
    [['--block-size', '63K'], 'from 64 KiB to 8 MiB'],
    [['--block-size', '9M'], 'from 64 KiB to 8 MiB'],
    [['--block-size', 'big'], 'not a number of bytes'],
    [['--gop', '0'], 'from 1 to 600'],
    [['--gop', '601'], 'from 1 to 600'],
    [['--gop', '1.5'], 'from 1 to 600'],
    [['--fps-hint', '0'], 'fpsHint'],
    [['--fps-hint', '241'], '1 to 240'],
    [['--uid', 'abc'], '32 hex digits'],
    [['--engine', 'zip'], 'Allowed choices are auto, stored, reference, core'],
    [['--signable', '--uid', '0'.repeat(32)], 'can never be signed'],
    [['--mask', 'rot13'], 'Allowed choices are none, xor'],
  ])('refuses %j', async (flags, why) => {
    const input = await folder.write('param.bin', noise(10));
    const out = folder.path('param.h4mk');
    const { code, stderr } = await cli(['export', input, '-o', out, ...flags]);
    expect([code, stderr.includes(why)]).toEqual([2, true]);
    expect(await exists(out)).toBe(false);
  });

  test('says that no core is configured', async () => {
    const input = await folder.write('core.bin', noise(10));
    const { code, stderr } = await cli(['export', input, '-o', folder.path('core.h4mk'), '--engine', 'core']);
    expect([code, stderr.includes('no core is configured')]).toEqual([4, true]);
  });

  test('needs to be told where to write', async () => {
    expect((await cli(['export', 'x'])).stderr).toContain("required option '-o, --output <OUT>' not specified");
  });

  test.each([
    ['is missing', 'missing.bin', 'no such file'],
    ['is a folder', '.', 'it is a folder'],
  ])('exits 4 for an input that %s', async (_name, file, why) => {
    const { code, stderr } = await cli(['export', folder.path(file), '-o', folder.path('never.h4mk')]);
    expect([code, stderr.includes(why)]).toEqual([4, true]);
  });

  test('exits 4 where it cannot write', async () => {
    const input = await folder.write('where.bin', noise(10));
    const { code, stderr } = await cli(['export', input, '-o', folder.path('no/such/folder.h4mk')]);
    expect([code, stderr.includes('H4_WRITE')]).toEqual([4, true]);
  });

  test('shows on a terminal how far it is', async () => {
    const input = await folder.write('bar.bin', noise(200_000));
    const known = await cli(['export', input, '-o', folder.path('bar.h4mk')], { tty: ['stderr'], tick: 400 });
    expect(known.stderr).toMatch(/100 % {2}195 KiB of 195 KiB {2}.*\/s {2}0:00 left {2}exporting/);
    const unknown = await cli(['export', '-', '-o', '-'], { stdin: noise(10), tty: ['stdin', 'stderr'], tick: 400 });
    expect(unknown.stderr).toContain('reading from the terminal; end with Ctrl-D');
    expect(unknown.stderr).toMatch(/10 bytes {2}\d+ bytes\/s {2}exporting standard input/);
  });
});

describe('the uid', () => {
  const plan = { engine: storedEngine, blockSize: 524_288, gop: 30, fpsHint: [30, 1], mediaType: 'video/mp4' } as const;

  test('of a signable file comes from its content and every parameter', async () => {
    const input = await folder.write('uid.mp4', mp4(1000));
    const result = await cli(['export', input, '-o', folder.path('uid.h4mk'), '--signable', '--json']);
    const expected = contentUid(sha256(mp4(1000)), exportParameters(plan, 'uid.mp4'));
    expect(jsonOf(result.stdout)['uid']).toBe(expected);
    expect((await summaryOf(folder.path('uid.h4mk')))['uid']).toBe(expected);
  });

  test('differs with every parameter', () => {
    const changes = [{ blockSize: 65_536 }, { gop: 1 }, { fpsHint: [25, 1] as const }, { mediaType: 'x/y' }];
    const uids = [plan, ...changes.map((change) => ({ ...plan, ...change }))].map((each) =>
      contentUid(sha256(), exportParameters(each, 'name')),
    );
    uids.push(
      contentUid(sha256(), exportParameters(plan, 'other')),
      contentUid(sha256(), exportParameters(plan, undefined)),
    );
    expect(new Set(uids).size).toBe(uids.length);
  });

  test('of a signable stream is random, and any can be given', async () => {
    const random = await cli(['export', '-', '-o', '-', '--signable', '--json'], { stdin: noise(10) });
    expect(jsonOf(random.stderr)['uid']).toBe('ab'.repeat(16));
    const given = await cli(['export', '-', '-o', '-', '--uid', 'AB'.repeat(8) + '01'.repeat(8), '--json'], {
      stdin: noise(10),
    });
    expect(jsonOf(given.stderr)['uid']).toBe('ab'.repeat(8) + '01'.repeat(8));
  });
});

describe('an input that changes while it is read', () => {
  /** Exports a file to a stream that does something to the file before it takes the first bytes. */
  async function exportedWhile(path: string, change: () => Promise<void>, ...flags: string[]) {
    let pending: (() => Promise<void>) | undefined = change;
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => {
        const now = pending?.() ?? Promise.resolve();
        pending = undefined;
        now.then(() => done(), done);
      },
    });
    return cli(['export', path, '-o', '-', ...flags], { stdout });
  }

  test.each([[[]], [['--signable']]])('is refused when it has grown or vanished (%j)', async (flags) => {
    const path = await folder.write('moving.bin', noise(100_000));
    for (const change of [() => appendFile(path, 'more'), () => rm(path)]) {
      const { code, stderr } = await exportedWhile(path, change, ...flags);
      expect([code, stderr.includes('it changed while it was read')]).toEqual([4, true]);
    }
  });

  test('is noticed by its content between the two reads of --signable', async () => {
    const input = {
      head: noise(100),
      isUnchanged: () => Promise.resolve(true),
      pieces: () => Readable.from([Buffer.from(noise(100, 99))]),
      close: () => Promise.resolve(),
    };
    const options = {
      engine: storedEngine,
      blockSize: 65_536,
      gop: 1,
      fpsHint: [30, 1] as const,
      mediaType: 'application/octet-stream',
      uid: '01'.repeat(16),
      expectedSha256: sha256(noise(100)),
      onProgress: () => undefined,
      signal: new AbortController().signal,
    };
    const sink = createMemorySink();
    await expect(importOpaque(input, sink, options)).rejects.toMatchObject({
      code: 'H4_IO',
      message: expect.stringContaining('Cannot export the input: it changed') as unknown,
    });
    expect(() => sink.bytes()).toThrow();
  });
});
