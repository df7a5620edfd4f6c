/** `verify --follow` beside real writers: the program itself that records live, in this process and in others. */
import { readFileSync, statSync } from 'node:fs';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { Interruption } from '../../../src/cli/exit.js';
import { type TestServer, LIES, answering, startServer } from '../../support/http-server.js';
import { TEN_BLOCKS, flipped, noise, offsetsOf, recording, temporaryFolder } from '../support/files.js';
import { type HarnessOptions, type Outcome, cli, jsonOf } from '../support/harness.js';
import { HandFed, Lines } from '../support/live.js';
import { type Ended, ended, start } from '../support/process.js';

const KiB = 1024;
const folder = temporaryFolder();
const LIVE = ['--live', '--json', '--block-size', '64KiB', '--engine', 'stored', '--index-seconds', '3600'];
let closed: Uint8Array = new Uint8Array(0);

beforeAll(async () => {
  closed = await recording(TEN_BLOCKS, {}, {});
  await folder.write('closed.h4mk', closed);
});

const path = (name: string): string => folder.path(`${name}.h4mk`);

/** A live recording that is under way in this process: an index point after every second block. */
function recordingLive(name: string, flags: readonly string[] = ['--index-records', '2']) {
  const [input, out] = [new HandFed(), new Lines()];
  const file = path(name);
  const outcome = cli(['export', '-', '-o', file, ...LIVE, ...flags], { stdin: input, stdout: out });
  return { input, out, file, outcome };
}

interface Following {
  readonly out: Lines;
  readonly outcome: Promise<Outcome>;
}

function following(argv: readonly string[], options: HarnessOptions = {}): Following {
  const out = new Lines();
  return { out, outcome: cli(['verify', '--follow', ...argv], { stdout: out, ...options }) };
}

/** Waits for lines of a process that is still running. */
const linesOf = (out: Lines, count: number, outcome: Promise<Ended>): Promise<void> =>
  Promise.race([
    out.has(count),
    outcome.then(({ code, stderr }) => {
      throw new Error(`It has ended with ${code} before line ${count}: ${stderr}`);
    }),
  ]);

/** The report of a plain check, as JSON. */
const verified = async (file: string): Promise<Record<string, unknown>> =>
  jsonOf((await cli(['verify', file, '--json'])).stdout);

describe('verify --follow', () => {
  test('keeps up with a live recording, and ends with the report of the finished file', async () => {
    const writer = recordingLive('growing');
    writer.input.feed(noise(128 * KiB));
    await writer.out.has(1);
    const reader = following([writer.file, '--json']);
    for (let point = 1; point <= 4; point++) {
      // Whatever is acknowledged is found sound, and nothing that is not.
      await reader.out.has(point);
      const { records, bytes } = writer.out.json[point - 1] ?? {};
      expect(reader.out.json[point - 1]).toEqual({
        event: 'sound',
        file: writer.file,
        bytes,
        records,
        root: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      });
      writer.input.feed(noise(128 * KiB, point));
      await writer.out.has(point + 1);
    }
    await reader.out.has(5);
    writer.input.end();
    expect((await writer.outcome).code).toBe(0);
    const { code, stderr } = await reader.outcome;
    expect([code, stderr]).toEqual([0, '']);
    const events = reader.out.json;
    expect(events.slice(0, -1).map(({ event }) => event)).toEqual(Array<string>(6).fill('sound'));
    const counts = events.slice(0, -1).map(({ records }) => Number(records));
    expect(counts).toEqual([4, 6, 8, 10, 12, 13]);
    const report = await verified(writer.file);
    expect(events.at(-1)).toEqual(report);
    expect(report).toMatchObject({ exit_code: 0, records: 13, format: 'H4MK v1 final' });
    // The last that was called sound is the whole file.
    expect(events.at(-2)).toMatchObject({ bytes: report['bytes'], root: report['root'] });
  });

  test('follows another process, and another process follows', async () => {
    const file = path('processes');
    const writer = start(['export', '-', '-o', file, ...LIVE, '--index-records', '1']);
    const [points, sounds] = [new Lines(), new Lines()];
    writer.stdout?.pipe(points);
    const writing = ended(writer);
    writer.stdin?.write(noise(64 * KiB));
    await linesOf(points, 1, writing);
    const reader = start(['verify', '--follow', file, '--json']);
    reader.stdout?.pipe(sounds);
    const reading = ended(reader);
    await linesOf(sounds, 1, reading);
    writer.stdin?.write(noise(64 * KiB, 2));
    await linesOf(points, 2, writing);
    await linesOf(sounds, 2, reading);
    writer.stdin?.end(noise(10));
    expect((await writing).code).toBe(0);
    const { code, stderr } = await reading;
    expect([code, stderr]).toEqual([0, '']);
    expect(sounds.json.at(-1)).toEqual(await verified(file));
    const counts = sounds.json.slice(0, -1).map(({ records }) => Number(records));
    expect(counts.every((count, i) => count > (counts[i - 1] ?? 0))).toBe(true);
  });

  test('begins before there is anything to read', async () => {
    const file = await folder.write('early.h4mk', '');
    const reader = following([file, '--json']);
    await appendFile(file, closed.subarray(0, 1000));
    await reader.out.has(1);
    expect(reader.out.json).toMatchObject([{ bytes: 1000 }]);
    await appendFile(file, closed.subarray(1000));
    expect((await reader.outcome).code).toBe(0);
    expect(reader.out.json.at(-1)).toEqual(await verified(path('closed')).then((report) => ({ ...report, file })));
  });

  test('checks a file that is closed already once, and tells it in words', async () => {
    const { code, stdout, stderr } = await cli(['verify', '--follow', path('closed')]);
    expect([code, stderr]).toEqual([0, '']);
    const plain = await cli(['verify', path('closed')]);
    expect(stdout).toMatch(/^13 records, \d.* KiB: sound so far\n/);
    expect(stdout.slice(stdout.indexOf('\n') + 1)).toBe(plain.stdout);
  });

  test('shows on a terminal how far it is', async () => {
    const { stderr } = await cli(['verify', '--follow', path('closed')], { tty: ['stderr'], tick: 400 });
    expect(stderr).toContain('following ');
    const quiet = await cli(['verify', '--follow', path('closed'), '--no-progress'], { tty: ['stderr'], tick: 400 });
    expect(quiet.stderr).toBe('');
  });
});

describe('verify --follow ends', () => {
  test('with --idle when the writer was killed, and exits 3', async () => {
    const file = path('killed');
    const writer = start(['export', '-', '-o', file, ...LIVE, '--index-records', '1']);
    const points = new Lines();
    writer.stdout?.pipe(points);
    const writing = ended(writer);
    writer.stdin?.on('error', () => undefined);
    writer.stdin?.write(noise(200 * KiB));
    await linesOf(points, 3, writing);
    let now = 0;
    const reader = following([file, '--idle', '5', '--json'], { now: () => now });
    await reader.out.has(1);
    writer.kill('SIGKILL');
    expect((await writing).signal).toBe('SIGKILL');
    now = 5001;
    const { code } = await reader.outcome;
    expect(code).toBe(3);
    expect(reader.out.json.at(-1)).toMatchObject({ exit_code: 3, records: 5, error_count: 0, format: 'H4MK v1 live' });
    // What is allowed is the user's to say, here as everywhere.
    const allowed = await cli(['verify', '--follow', file, '--idle', '1', '--allow', 'prefix'], { tick: 1001 });
    expect(allowed.code).toBe(0);
  });

  test('at once where something is broken, while the recording goes on', async () => {
    const broken = flipped(closed, (offsetsOf(closed, 'CORE')[7] ?? 0) + 20);
    const file = await folder.write('broken.h4mk', broken.subarray(0, 1500));
    const reader = following([file, '--json']);
    await reader.out.has(1);
    // Far from its end, and no sidecar says that it has one.
    const far = (offsetsOf(closed, 'TOKN')[11] ?? 0) + 20;
    await appendFile(file, broken.subarray(1500, far));
    const { code } = await reader.outcome;
    expect(code).toBe(1);
    const [sound, report, ...rest] = reader.out.json;
    expect([sound?.['event'], rest]).toEqual(['sound', []]);
    expect(report).toMatchObject({ exit_code: 1, state: 'NOT_OK' });
    expect(report?.['errors']).toMatchObject({ 0: { code: 'H4_CRC_MISMATCH' } });
  });

  test('where the recording goes back behind what was known', async () => {
    const file = await folder.write('back.h4mk', closed.subarray(0, 2000));
    const reader = following([file, '--json']);
    await reader.out.has(1);
    await writeFile(file, closed.subarray(0, 1000));
    const { code, stderr } = await reader.outcome;
    expect([code, jsonOf(stderr)]).toMatchObject([1, { code: 'H4_ROLLBACK', exit_code: 1 }]);
  });

  test('where the file was removed: nobody can say any more what became of it', async () => {
    const file = await folder.write('gone.h4mk', closed.subarray(0, 2000));
    const reader = following([file]);
    await reader.out.has(1);
    await rm(file);
    const { code, stderr } = await reader.outcome;
    expect([code, stderr]).toEqual([4, expect.stringContaining('it was removed or replaced') as string]);
  });

  test('when the user interrupts, with the report so far', async () => {
    const writer = recordingLive('interrupted');
    writer.input.feed(noise(256 * KiB));
    await writer.out.has(2);
    const controller = new AbortController();
    const reader = following([writer.file, '--json'], { signal: controller.signal });
    await reader.out.has(1);
    controller.abort(new Interruption('SIGINT'));
    const { code, stderr } = await reader.outcome;
    expect([code, stderr]).toEqual([3, '']);
    expect(reader.out.json.at(-1)).toMatchObject({
      exit_code: 3,
      error_count: 0,
      records: writer.out.json[1]?.['records'],
      bytes: writer.out.json[1]?.['bytes'],
    });
    writer.input.end();
    expect((await writer.outcome).code).toBe(0);
  });

  test('when the user interrupts while there is still much to read', async () => {
    const blocks = Array.from({ length: 8 }, (_, i) => ({ pts: i, bytes: noise(1 << 20, i) }));
    const file = await folder.write('much.h4mk', await recording(blocks));
    const controller = new AbortController();
    let looks = 0;
    // The clock is read for each chunk that is checked.
    const now = (): number => {
      if (++looks === 8) controller.abort(new Interruption('SIGINT'));
      return looks * 1000;
    };
    const { code, stdout } = await cli(['verify', '--follow', file], {
      signal: controller.signal,
      now,
      tty: ['stderr'],
    });
    expect([code, stdout]).toEqual([3, expect.not.stringContaining('sound so far') as string]);
    const [, bytes, records] = /\((\d+) bytes\)\n *records +(\d+)/.exec(stdout) ?? [];
    expect(Number(records)).toBeGreaterThan(0);
    expect(Number(bytes)).toBeLessThan(8 << 20);
  });

  test('by a real signal, with the report so far', async () => {
    const file = await folder.write('signalled.h4mk', closed.subarray(0, 2000));
    const child = start(['verify', '--follow', file, '--json']);
    const out = new Lines();
    child.stdout?.pipe(out);
    const outcome = ended(child);
    await linesOf(out, 1, outcome);
    child.kill('SIGINT');
    const { code, signal, stderr } = await outcome;
    expect([code, signal, stderr]).toEqual([3, null, '']);
    expect(out.json.at(-1)).toMatchObject({ exit_code: 3, bytes: 2000 });
  });

  test('quietly, with the result so far, when nobody listens any more', async () => {
    const file = await folder.write('deaf.h4mk', closed.subarray(0, 2000));
    const deaf = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    deaf.on('error', () => undefined);
    expect(await cli(['verify', '--follow', file], { stdout: deaf })).toMatchObject({ code: 3, stderr: '' });
  });

  test('with an error where what it tells cannot be written', async () => {
    const file = await folder.write('full.h4mk', closed.subarray(0, 2000));
    const full = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' })),
    });
    full.on('error', () => undefined);
    const { code, stderr } = await cli(['verify', '--follow', file], { stdout: full });
    expect([code, stderr]).toEqual([4, expect.stringContaining('H4_WRITE') as string]);
  });
});

describe('verify --follow -', () => {
  test('checks what arrives, and gives the report of the file', async () => {
    const input = new HandFed();
    const reader = following(['-', '--json'], { stdin: input });
    for (let at = 0; at < closed.length; at += 777) input.feed(closed.subarray(at, at + 777));
    input.end();
    expect((await reader.outcome).code).toBe(0);
    expect(reader.out.json).toEqual([{ ...(await verified(path('closed'))), file: '-' }]);
  });

  test('ends at once where something is broken, although more could come', async () => {
    const input = new HandFed();
    const reader = following(['-', '--json'], { stdin: input });
    input.feed(flipped(closed, (offsetsOf(closed, 'CORE')[2] ?? 0) + 20).subarray(0, 2000));
    expect((await reader.outcome).code).toBe(1);
    expect(reader.out.json).toMatchObject([{ errors: { 0: { code: 'H4_CRC_MISMATCH' } } }]);
  });

  test('ends with the report so far when the user interrupts', async () => {
    const [input, controller] = [new HandFed(), new AbortController()];
    const reader = following(['-', '--json'], { stdin: input, signal: controller.signal });
    const taken = new Promise((resolve) => input.once('data', resolve));
    input.feed(closed.subarray(0, 2000));
    await taken;
    controller.abort(new Interruption('SIGINT'));
    expect((await reader.outcome).code).toBe(3);
    expect(reader.out.json).toMatchObject([{ exit_code: 3, bytes: 2000, error_count: 0 }]);
  });

  test('says if what arrives breaks off with an error', async () => {
    const input = new HandFed();
    const reader = following(['-'], { stdin: input });
    input.feed(closed.subarray(0, 2000));
    input.destroy(Object.assign(new Error('read EIO'), { code: 'EIO' }));
    const { code, stderr } = await reader.outcome;
    expect([code, stderr]).toEqual([4, expect.stringContaining('H4_IO') as string]);
  });
});

describe('verify --follow refuses', () => {
  test.each([
    [['a.h4mk', 'b.h4mk'], '--follow checks one FILE'],
    [['a.h4mk', '--recursive'], '--follow checks one FILE'],
    [['a.h4mk', '--records'], '--follow checks one FILE'],
    [['a.h4mk', '--jobs', '2'], '--follow checks one FILE'],
    [['a.h4mk', '--manifest', 'm.json'], '--follow checks one FILE'],
    [['a.h4mk', '--report', 'r.html'], '--follow checks one FILE'],
    [['a.h4mk', '--idle', '0'], 'from 1 to 86400'],
    [['-', '--idle', '5'], '--idle goes with a file or an address'],
  ])('%j', async (argv, why) => {
    const { code, stderr } = await cli(['verify', '--follow', ...argv]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(why) as string]);
  });

  test('--idle without it', async () => {
    const { code, stderr } = await cli(['verify', path('closed'), '--idle', '5']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('use --idle together with --follow') as string]);
  });

  test('a file that is not there', async () => {
    const { code, stderr } = await cli(['verify', '--follow', path('missing')]);
    expect([code, stderr]).toEqual([4, expect.stringContaining('Cannot open') as string]);
  });
});

describe('verify --follow of an address', () => {
  /** A server for the file at `file` and its sidecar, as they are at each request. */
  async function serving(file: string): Promise<TestServer> {
    const server = await startServer({
      get size() {
        return statSync(file).size;
      },
      read: (begin, end) => Promise.resolve(new Uint8Array(readFileSync(file).subarray(begin, end))),
      close: () => Promise.resolve(),
    });
    server.lie = async (exchange) => {
      server.headers = { ETag: `"${statSync(file).mtimeMs}-${statSync(file).size}"` };
      if (!exchange.seen.path.includes('.tail')) return LIES.none(exchange);
      const body = await readFile(`${file}.tail`).catch(() => undefined);
      if (body === undefined) return answering(404)(exchange);
      await exchange.send({ status: 200, headers: { 'Content-Length': `${body.length}` }, body });
    };
    return server;
  }

  test('keeps up with a live recording by its sidecar, to its end', { timeout: 120_000 }, async () => {
    const writer = recordingLive('served');
    writer.input.feed(noise(128 * KiB));
    await writer.out.has(1);
    const server = await serving(writer.file);
    try {
      const reader = following([`${server.url}?key=secret`, '--json']);
      await reader.out.has(1);
      writer.input.feed(noise(300 * KiB, 2));
      await writer.out.has(3);
      await reader.out.has(2);
      writer.input.end();
      expect((await writer.outcome).code).toBe(0);
      const { code, stderr } = await reader.outcome;
      expect([code, stderr]).toEqual([0, '']);
      const acknowledged = writer.out.json.map(({ bytes }) => bytes);
      const sounds = reader.out.json.slice(0, -1);
      for (const { event, bytes } of sounds) {
        expect([event, acknowledged.includes(bytes)]).toEqual(['sound', true]);
      }
      expect(reader.out.json.at(-1)).toEqual({ ...(await verified(writer.file)), file: server.url });
      expect(reader.out.text).not.toContain('secret');
      expect(server.seen.every((seen) => seen.path.endsWith('?key=secret'))).toBe(true);
    } finally {
      await server.close();
    }
  });

  test('ends when the user interrupts a server that does not answer', async () => {
    const server = await startServer(closed);
    const controller = new AbortController();
    server.lie = () => controller.abort(new Interruption('SIGINT'));
    try {
      const reader = following([server.url, '--json'], { signal: controller.signal });
      const { code, stderr } = await reader.outcome;
      expect([code, stderr]).toEqual([3, expect.stringContaining('nothing has been recorded yet')]);
      expect(reader.out.text).toBe('');
    } finally {
      await server.close();
    }
  });
});
