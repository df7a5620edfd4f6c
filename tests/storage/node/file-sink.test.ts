import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { relative } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { canHashSink } from '../../../src/container/io/io.js';
import { createFileSink, createThreadedFileSink, type FileSinkOptions } from '../../../src/storage/node/file-sink.js';
import { patterned } from '../patterned.js';
import { rejection } from '../rejection.js';
import { childModule } from './children.js';
import { useTempFolder } from './temp-folder.js';

const MIB = 1024 * 1024;
const SMALL_SLABS: FileSinkOptions = { slabBytes: 4096, slabCount: 2, sync: 'never' };

const root = useTempFolder();
let round = 0;
/** A path in a folder that is empty at the start of each test. */
const temp = (name = '') => root(`${round}/${name}`);
const files = () => readdirSync(temp()).sort();
const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
const deadOwner = () => JSON.stringify({ pid: spawnSync('true').pid, host: hostname(), token: 'dead' });

beforeEach(() => {
  round++;
  mkdirSync(temp());
});

describe.each([
  ['createFileSink()', createFileSink],
  ['createThreadedFileSink()', createThreadedFileSink],
])('%s', (_name, createSink) => {
  it('shows nothing under the name before commit, and the whole file after it', async () => {
    const sink = await createSink(temp('x'));
    await sink.write(patterned(1000));
    await sink.write(patterned(500));

    expect(sink.length).toBe(1500);
    expect(files()).toEqual(['x.lock', 'x.part']);
    await sink.commit();
    expect(files()).toEqual(['x']);
    expect(readFileSync(temp('x')).equals(Buffer.concat([patterned(1000), patterned(500)]))).toBe(true);
  });

  it('writes an empty file', async () => {
    const sink = await createSink(temp('x'));
    await sink.write(new Uint8Array(0));
    await sink.commit();

    expect(readFileSync(temp('x'))).toHaveLength(0);
  });

  it('says where it writes, as absolute paths', async () => {
    const sink = await createSink(relative(process.cwd(), temp('x')));

    expect(sink).toMatchObject({ path: temp('x'), partPath: temp('x.part') });
    await sink.abort();
  });

  it('leaves nothing behind when it is aborted, however often', async () => {
    const sink = await createSink(temp('x'), SMALL_SLABS);
    await sink.write(patterned(100_000));
    await Promise.all([sink.abort(), sink.abort()]);
    await sink.abort();

    expect(files()).toEqual([]);
    expect(await rejection(sink.write(patterned(1)))).toMatchObject({
      code: 'H4_STATE',
      message: `Cannot write to ${temp('x')}: the sink is aborted`,
    });
    expect((await rejection(sink.commit())).code).toBe('H4_STATE');
  });

  it('does nothing when it is aborted after a commit, or during one that succeeds', async () => {
    const sink = await createSink(temp('x'));
    await sink.write(patterned(10));
    await Promise.all([sink.commit(), sink.abort()]);
    await sink.abort();

    expect(files()).toEqual(['x']);
  });

  it('refuses everything but abort once its commit has begun', async () => {
    const sink = await createSink(temp('x'));
    const committing = sink.commit();

    expect((await rejection(sink.write(patterned(1)))).message).toContain('the sink is committing');
    expect((await rejection(sink.commit())).code).toBe('H4_STATE');
    expect((await rejection(sink.flush())).code).toBe('H4_STATE');
    await committing;
    expect((await rejection(sink.commit())).message).toContain('the sink is committed');
  });

  it('lets go of a writer who waits when it is aborted', async () => {
    const sink = await createSink(temp('x'), SMALL_SLABS);
    const waiting = sink.write(patterned(MIB));
    const flushing = sink.flush();
    await Promise.all([
      sink.abort(),
      rejection(waiting).then(({ code }) => expect(code).toBe('H4_CANCELLED')),
      rejection(flushing).then(({ code }) => expect(code).toBe('H4_CANCELLED')),
    ]);

    expect(files()).toEqual([]);
  });

  it('hands everything to the system on flush()', async () => {
    const sink = await createSink(temp('x'));
    await sink.write(patterned(1000));
    expect(readFileSync(temp('x.part'))).toHaveLength(0);
    await sink.flush();

    expect(readFileSync(temp('x.part')).equals(patterned(1000))).toBe(true);
    await sink.abort();
  });

  it('gives the buffer back when write() returns undefined or has resolved', async () => {
    const sink = await createSink(temp('x'), SMALL_SLABS);
    const bytes = patterned(100_000);
    const buffer = new Uint8Array(777);
    let waits = 0;
    for (let at = 0; at < bytes.length; at += buffer.length) {
      const piece = bytes.subarray(at, at + buffer.length);
      buffer.set(piece);
      const wait = sink.write(buffer.subarray(0, piece.length));
      waits += wait === undefined ? 0 : 1;
      await wait;
      buffer.fill(0xee);
    }
    await sink.commit();

    expect(readFileSync(temp('x')).equals(bytes)).toBe(true);
    expect(waits).toBeGreaterThan(0);
    expect(waits).toBeLessThan(100_000 / 777);
  });

  it('keeps the order of writes that nobody waited for', async () => {
    const sink = await createSink(temp('x'), SMALL_SLABS);
    const bytes = patterned(200_000);
    const waits: Promise<void>[] = [];
    for (let at = 0; at < bytes.length; at += 10_000) {
      waits.push(sink.write(bytes.subarray(at, at + 10_000)) ?? Promise.resolve());
    }
    await sink.commit();
    await Promise.all(waits);

    expect(readFileSync(temp('x')).equals(bytes)).toBe(true);
  });

  it('writes the same file whatever the sizes of the pieces and of the slabs', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 20 });
    const slabs = fc.record({
      slabBytes: fc.integer({ min: 1, max: 3000 }),
      slabCount: fc.integer({ min: 1, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(sizes, slabs, async (list, options) => {
        const bytes = patterned(list.reduce((sum, size) => sum + size, 0));
        const sink = await createSink(temp('x'), { ...options, overwrite: true, sync: 'never' });
        let at = 0;
        for (const size of list) {
          await sink.write(bytes.subarray(at, (at += size)));
        }
        await sink.commit();
        expect(readFileSync(temp('x')).equals(bytes)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('allocates its slabs once, whatever passes through them', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const sink = await createSink(temp('x'), { slabBytes: 64 * 1024, slabCount: 3, sync: 'never' });
    const opened = process.memoryUsage().arrayBuffers;
    const piece = new Uint8Array(10_000);
    for (let i = 0; i < 3000; i++) {
      await sink.write(piece);
    }
    await sink.flush();

    expect(opened - before).toBeGreaterThanOrEqual(3 * 64 * 1024);
    expect(process.memoryUsage().arrayBuffers - opened).toBeLessThan(256 * 1024);
    await sink.abort();
  });

  it('refuses a file that exists, and leaves it alone', async () => {
    writeFileSync(temp('x'), 'old');

    expect(await rejection(createSink(temp('x')))).toMatchObject({
      code: 'H4_EXISTS',
      message: `Cannot write ${temp('x')}: it exists; remove it, or ask for it to be overwritten`,
    });
    expect(files()).toEqual(['x']);
    expect(readFileSync(temp('x'), 'utf8')).toBe('old');
  });

  it('refuses at commit a file that appeared meanwhile, and leaves it alone', async () => {
    const sink = await createSink(temp('x'));
    await sink.write(patterned(10));
    writeFileSync(temp('x'), 'appeared');
    const error = await rejection(sink.commit());

    expect(error.code).toBe('H4_EXISTS');
    expect(await rejection(sink.write(patterned(1)))).toBe(error);
    await sink.abort();
    expect(files()).toEqual(['x']);
    expect(readFileSync(temp('x'), 'utf8')).toBe('appeared');
  });

  it('replaces a file if asked to, and only when it commits', async () => {
    writeFileSync(temp('x'), 'old');
    const given_up = await createSink(temp('x'), { overwrite: true });
    await given_up.abort();
    expect(readFileSync(temp('x'), 'utf8')).toBe('old');

    const sink = await createSink(temp('x'), { overwrite: true });
    await sink.write(patterned(10));
    await sink.commit();
    expect(readFileSync(temp('x')).equals(patterned(10))).toBe(true);
  });

  it('replaces a symbolic link, not the file it leads to', async () => {
    writeFileSync(temp('target'), 'precious');
    symlinkSync(temp('target'), temp('x'));
    expect((await rejection(createSink(temp('x')))).code).toBe('H4_EXISTS');
    const sink = await createSink(temp('x'), { overwrite: true });
    await sink.commit();

    expect(readFileSync(temp('target'), 'utf8')).toBe('precious');
    expect(readFileSync(temp('x'))).toHaveLength(0);
  });

  it.each([
    ['a folder', () => root()],
    ['a device, a pipe or a socket', () => '/dev/null'],
  ])('never replaces %s', async (kind, path) => {
    expect(await rejection(createSink(path(), { overwrite: true }))).toMatchObject({
      code: 'H4_WRITE',
      message: `Cannot write ${path()}: it is ${kind}; name a file`,
    });
  });

  it('says what is wrong with a path', async () => {
    writeFileSync(temp('file'), '');
    const messages: readonly (readonly [string, string])[] = [
      [temp('no/x'), `there is no folder ${temp('no')}; create it first`],
      [temp('file/x'), 'a part of the path is not a folder (ENOTDIR); check the path'],
      [temp('n'.repeat(300)), 'the name is too long (ENAMETOOLONG); choose a shorter one'],
      [temp('n'.repeat(253)), 'the name is too long (ENAMETOOLONG); choose a shorter one'],
    ];
    for (const [path, message] of messages) {
      const error = await rejection(createSink(path));
      expect(error.code).toBe('H4_WRITE');
      expect(error.message).toContain(message);
    }
    expect(files()).toEqual(['file']);
  });

  it.each([{ slabBytes: 0 }, { slabBytes: 1.5 }, { slabCount: -1 }])('refuses %j', async (options) => {
    expect((await rejection(createSink(temp('x'), options))).code).toBe('H4_PARAM');
    expect(files()).toEqual([]);
  });

  it('refuses a path on which another sink is at work', async () => {
    const sink = await createSink(temp('x'));

    expect(await rejection(createSink(temp('x'), { overwrite: true }))).toMatchObject({
      code: 'H4_LOCKED',
      detail: { pid: process.pid },
    });
    await sink.abort();
    await (await createSink(temp('x'))).abort();
  });

  it('removes what a dead writer has left behind', async () => {
    writeFileSync(temp('x.lock'), deadOwner());
    writeFileSync(temp('x.part'), 'half a fi');
    const sink = await createSink(temp('x'));
    await sink.write(patterned(10));
    await sink.commit();

    expect(files()).toEqual(['x']);
    expect(readFileSync(temp('x')).equals(patterned(10))).toBe(true);
  });

  it('does not touch a finished file of which the part of a dead writer is a second name', async () => {
    writeFileSync(temp('x'), 'finished');
    linkSync(temp('x'), temp('x.part'));
    linkSync(temp('x'), temp('witness'));
    writeFileSync(temp('x.lock'), deadOwner());
    const sink = await createSink(temp('x'), { overwrite: true });
    await sink.write(patterned(10));
    await sink.abort();

    expect(files()).toEqual(['witness', 'x']);
    expect(readFileSync(temp('witness'), 'utf8')).toBe('finished');
  });

  it('leaves a part without a lock alone, unless asked to overwrite: it may be a person\u2019s', async () => {
    writeFileSync(temp('x.part'), 'precious');

    expect(await rejection(createSink(temp('x')))).toMatchObject({
      code: 'H4_EXISTS',
      message:
        `Cannot write ${temp('x')}: ${temp('x.part')} exists and is no interrupted writer's; ` +
        'remove it, or ask for overwriting',
    });
    expect(readFileSync(temp('x.part'), 'utf8')).toBe('precious');
    expect(files()).toEqual(['x.part']);
    await (await createSink(temp('x'), { overwrite: true })).commit();
    expect(files()).toEqual(['x']);
  });

  it('gives up, and touches nothing, when its lock has been removed and another writer has begun', async () => {
    const robbed = await createSink(temp('x'));
    await robbed.write(patterned(10));
    rmSync(temp('x.lock'));
    const other = await createSink(temp('x'), { overwrite: true });
    const error = await rejection(robbed.commit());

    expect(error).toMatchObject({
      code: 'H4_LOCKED',
      message: `Cannot finish ${temp('x')}: its lock was removed and another writer has begun it`,
    });
    await robbed.abort();
    expect(files()).toEqual(['x.lock', 'x.part']);
    await other.write(patterned(20));
    await other.commit();
    expect(readFileSync(temp('x')).equals(patterned(20))).toBe(true);
  });

  it('fails to commit when its part has been removed', async () => {
    const sink = await createSink(temp('x'));
    unlinkSync(temp('x.part'));

    expect((await rejection(sink.commit())).code).toBe('H4_LOCKED');
    await sink.abort();
  });

  it('reports at abort that it cannot clean up, unless it has failed before', async () => {
    const sink = await createSink(temp('x'));
    // A lock that cannot be read, because it has become a folder.
    rmSync(temp('x.lock'));
    mkdirSync(temp('x.lock'));

    expect(await rejection(sink.abort())).toMatchObject({ code: 'H4_WRITE' });

    rmSync(temp('x.lock'), { recursive: true });
    const failed = await createSink(temp('y'));
    writeFileSync(temp('y'), '');
    await rejection(failed.commit());
    rmSync(temp('y.lock'));
    mkdirSync(temp('y.lock'));
    await failed.abort();
  });
});

describe('createThreadedFileSink()', () => {
  it('gives the digest from hashedFrom to the end so far, without ending the stream', async () => {
    const bytes = patterned(50_000);
    const sink = await createThreadedFileSink(temp('x'), { ...SMALL_SLABS, hashedFrom: 12 });

    expect(canHashSink(sink)).toBe(true);
    expect(sink.hashedFrom).toBe(12);
    expect(await sink.digest()).toEqual(sha256(new Uint8Array(0)));
    await sink.write(bytes.subarray(0, 10));
    expect(await sink.digest()).toEqual(sha256(new Uint8Array(0)));
    await sink.write(bytes.subarray(10, 30_000));
    const early = sink.digest();
    const late = sink.write(bytes.subarray(30_000));
    expect(await early).toEqual(sha256(bytes.subarray(12, 30_000)));
    await late;
    expect(await sink.digest()).toEqual(sha256(bytes.subarray(12)));
    await sink.commit();

    expect((await rejection(sink.digest())).code).toBe('H4_STATE');
    expect(readFileSync(temp('x')).equals(bytes)).toBe(true);
  });

  it('hashes from offset 8 by default', async () => {
    const sink = await createThreadedFileSink(temp('x'));
    await sink.write(patterned(100));

    expect(sink.hashedFrom).toBe(8);
    expect(await sink.digest()).toEqual(sha256(patterned(100).subarray(8)));
    await sink.abort();
  });

  it.each([-1, 0.5, Number.NaN])('refuses to hash from offset %d', async (hashedFrom) => {
    expect((await rejection(createThreadedFileSink(temp('x'), { hashedFrom }))).code).toBe('H4_PARAM');
  });

  it('writes the same file and digest as the plain sink and one hash', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 12 }), async (list) => {
        const bytes = patterned(list.reduce((sum, size) => sum + size, 0));
        const options = { slabBytes: 5000, slabCount: 3, overwrite: true, sync: 'never' } as const;
        const plain = await createFileSink(temp('plain'), options);
        const threaded = await createThreadedFileSink(temp('threaded'), options);
        let at = 0;
        for (const size of list) {
          const piece = bytes.subarray(at, (at += size));
          await Promise.all([plain.write(piece), threaded.write(piece)]);
        }
        const digest = await threaded.digest();
        await Promise.all([plain.commit(), threaded.commit()]);

        expect(digest).toEqual(sha256(bytes.subarray(8)));
        expect(readFileSync(temp('threaded')).equals(readFileSync(temp('plain')))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('lets go of whoever waits for a digest when it is aborted', async () => {
    const sink = await createThreadedFileSink(temp('x'));
    const digest = sink.digest();
    await Promise.all([sink.abort(), rejection(digest).then(({ code }) => expect(code).toBe('H4_CANCELLED'))]);
  });

  it('refuses, and leaves nothing behind, where no thread may be started', () => {
    const permissions = ['--experimental-permission', '--allow-fs-read=*', '--allow-fs-write=*'];
    const command = JSON.stringify({ kind: 'open', threaded: true, path: temp('x') });
    const { stdout } = spawnSync(process.execPath, [...permissions, childModule('writer')], {
      encoding: 'utf8',
      input: `${command}\n`,
    });

    expect(stdout).toContain('"code":"H4_WRITE"');
    expect(stdout).toContain('the thread that writes it cannot be started');
    expect(existsSync(temp('x.part'))).toBe(false);
    expect(existsSync(temp('x.lock'))).toBe(false);
  });

  it('does not keep the process alive while nothing is written', () => {
    const command = JSON.stringify({ kind: 'open', threaded: true, path: temp('x') });
    const result = spawnSync(process.execPath, [childModule('writer')], {
      encoding: 'utf8',
      input: `${command}\n`,
      timeout: 30_000,
    });

    expect(result).toMatchObject({ status: 0, signal: null, stdout: '{"event":"ready"}\n{"event":"opened"}\n' });
  });
});
