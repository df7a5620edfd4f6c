import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { H4MKBuilder } from '../../../src/container/write/builder.js';
import { H4MKReader } from '../../../src/container/read/reader.js';
import { tailAtEnd } from '../../../src/container/format/tail.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { createLiveFileSink, readSidecar } from '../../../src/storage/node/index.js';
import { tailCopyOf } from '../../../src/storage/tail-copy.js';
import { patterned } from '../patterned.js';
import { rejection } from '../rejection.js';
import { useTempFolder } from './temp-folder.js';

const root = useTempFolder();
let round = 0;
/** A path in a folder that is empty at the start of each test. */
const temp = (name = '') => root(`${round}/${name}`);
const files = () => readdirSync(temp()).sort();
const deadOwner = () => JSON.stringify({ pid: spawnSync('true').pid, host: hostname(), token: 'dead' });

beforeEach(() => {
  round++;
  mkdirSync(temp());
});

/** A recording with one index point after each of `points` blocks, none of them published. */
async function recorded(points: number) {
  const sink = await createLiveFileSink(temp('x'));
  const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks: [{ id: 0, kind: 'opaque' }] });
  const tails: Uint8Array[] = [];
  for (let i = 0; i < points; i++) {
    await builder.addBlock({ track: 0, tokens: [{ pts: i, key: true, size: 100 }], bytes: patterned(100) });
    const { tailChunk } = await builder.indexPoint();
    if (tailChunk !== undefined) tails.push(tailChunk);
  }
  return { sink, builder, tails };
}

/** A TAIL chunk of a recording that has nothing to do with the file. */
async function foreignTail(): Promise<Uint8Array> {
  const { sink, tails } = await recorded(1);
  await sink.abort();
  rmSync(temp('x'));
  return tails[0] ?? new Uint8Array(0);
}

describe('createLiveFileSink()', () => {
  it('grows under its own name from the first byte, behind a lock', async () => {
    const sink = await createLiveFileSink(temp('x'));
    expect(files()).toEqual(['x', 'x.lock']);
    expect(sink).toMatchObject({ path: temp('x'), partPath: temp('x'), length: 0, durableLength: 0 });

    await sink.write(patterned(1000));
    await sink.flush();
    expect(readFileSync(temp('x')).equals(patterned(1000))).toBe(true);
    expect(sink.durableLength).toBe(0);
    await sink.commit();
    expect(files()).toEqual(['x']);
    expect(sink.durableLength).toBe(1000);
  });

  it('says where it writes as an absolute path', async () => {
    const sink = await createLiveFileSink(relative(process.cwd(), temp('x')));
    expect(sink.path).toBe(temp('x'));
    await sink.abort();
  });

  it('writes everything in order through slabs of any size', async () => {
    const sink = await createLiveFileSink(temp('x'), { slabBytes: 1000, slabCount: 2 });
    for (let at = 0; at < 50_000; at += 777) await sink.write(patterned(50_000).subarray(at, at + 777));
    expect(await sink.sync()).toBe(50_000);
    await sink.write(patterned(10));
    expect(await sink.sync()).toBe(50_010);
    expect(readFileSync(temp('x')).equals(Buffer.concat([patterned(50_000), patterned(10)]))).toBe(true);
    await sink.commit();
  });

  it('sync() counts what was written before it, not what comes meanwhile', async () => {
    const sink = await createLiveFileSink(temp('x'));
    void sink.write(patterned(100));
    const syncing = sink.sync();
    void sink.write(patterned(50));
    expect(await syncing).toBe(100);
    expect([sink.durableLength, sink.length]).toEqual([100, 150]);
    expect(await sink.sync()).toBe(150);
    await sink.commit();
  });

  it('syncs also while the disk is at work behind the writer', async () => {
    const sink = await createLiveFileSink(temp('x'));
    const piece = patterned(1024 * 1024);
    for (let i = 0; i < 20; i++) await sink.write(piece);
    expect(await Promise.all([sink.sync(), sink.sync()])).toEqual([20 * piece.length, 20 * piece.length]);
    await sink.commit();
    expect(statSync(temp('x')).size).toBe(20 * piece.length);
  });

  it('abort() leaves file and sidecar as they are, and lets the lock go', async () => {
    const { sink, tails } = await recorded(1);
    const durable = await sink.sync();
    await sink.publishTail(tails[0] ?? new Uint8Array(0));
    await sink.abort();
    await sink.abort();

    expect(files()).toEqual(['x', 'x.tail']);
    expect(statSync(temp('x')).size).toBe(durable);
    expect((await rejection(sink.write(patterned(1)) as Promise<void>)).code).toBe('H4_STATE');
    expect((await rejection(sink.sync())).code).toBe('H4_STATE');
    expect((await rejection(sink.publishTail(tails[0] ?? new Uint8Array(0)))).code).toBe('H4_STATE');
  });

  it('abort() in the middle of a sync waits until the file is left alone', async () => {
    const sink = await createLiveFileSink(temp('x'));
    void sink.write(patterned(100_000));
    const syncing = sink.sync().catch((error: unknown) => error);
    await sink.abort();
    await syncing;
    expect(files()).toEqual(['x']);
  });

  it('does not call durable what has no name any more, however often it is asked', async () => {
    mkdirSync(temp('gone'));
    const sink = await createLiveFileSink(temp('gone/x'));
    await sink.write(patterned(10));
    rmSync(temp('gone'), { recursive: true });
    for (let i = 0; i < 2; i++) {
      expect(await rejection(sink.sync())).toMatchObject({
        code: 'H4_WRITE',
        message: expect.stringContaining('cannot make its name durable') as string,
      });
      mkdirSync(temp('gone'), { recursive: true });
    }
    expect(sink.durableLength).toBe(0);
    await sink.abort();
  });

  it('says so when the lock cannot be removed', async () => {
    const sink = await createLiveFileSink(temp('x'));
    rmSync(temp('x.lock'));
    mkdirSync(temp('x.lock'));
    expect((await rejection(sink.abort())).message).toContain(`Cannot remove the lock of ${temp('x')}`);
  });

  it('never takes a file that appears while it waits for the lock', async () => {
    // Empty: it counts as abandoned, but only after a while.
    writeFileSync(temp('x.lock'), '');
    const creating = rejection(createLiveFileSink(temp('x')));
    await sleep(200);
    writeFileSync(temp('x'), 'precious');
    expect((await creating).code).toBe('H4_EXISTS');
    expect(readFileSync(temp('x'), 'utf8')).toBe('precious');
    expect(files()).toEqual(['x']);
  });

  it.each([
    ['slabBytes', { slabBytes: 0 }],
    ['slabCount', { slabCount: 1.5 }],
    ['resumeAt', { resumeAt: -1 }],
    ['overwrite', { resumeAt: 0, overwrite: true }],
  ])('refuses a wrong %s', async (_name, options) => {
    expect((await rejection(createLiveFileSink(temp('x'), options))).code).toBe('H4_PARAM');
    expect(files()).toEqual([]);
  });

  it('refuses an existing file, a folder, and a folder that is not there', async () => {
    writeFileSync(temp('x'), 'precious');
    expect(await rejection(createLiveFileSink(temp('x')))).toMatchObject({
      code: 'H4_EXISTS',
      message: `Cannot write ${temp('x')}: it exists; remove it, or ask for it to be overwritten`,
    });
    expect((await rejection(createLiveFileSink(temp()))).code).toBe('H4_WRITE');
    expect((await rejection(createLiveFileSink(temp('no/x')))).code).toBe('H4_WRITE');
    expect(readFileSync(temp('x'), 'utf8')).toBe('precious');
    expect(files()).toEqual(['x']);
  });

  it('overwrites when asked to, sidecar and all, and never through a link', async () => {
    writeFileSync(temp('elsewhere'), 'precious');
    symlinkSync(temp('elsewhere'), temp('x'));
    writeFileSync(temp('x.tail'), 'old');
    writeFileSync(temp('x.tail.part'), 'older');
    const sink = await createLiveFileSink(temp('x'), { overwrite: true });
    expect(files()).toEqual(['elsewhere', 'x', 'x.lock']);
    await sink.write(patterned(10));
    await sink.commit();
    expect(readFileSync(temp('elsewhere'), 'utf8')).toBe('precious');
    expect(readFileSync(temp('x')).equals(patterned(10))).toBe(true);
  });

  it('keeps other writers away, and refuses to follow one that was killed over its file', async () => {
    const sink = await createLiveFileSink(temp('x'));
    expect((await rejection(createLiveFileSink(temp('x'), { overwrite: true }))).code).toBe('H4_LOCKED');
    await sink.abort();

    writeFileSync(temp('x.lock'), deadOwner());
    expect((await rejection(createLiveFileSink(temp('x')))).code).toBe('H4_EXISTS');
    expect(files()).toEqual(['x', 'x.lock']);
    rmSync(temp('x'));
    writeFileSync(temp('x.tail'), 'of the file that is gone');
    const next = await createLiveFileSink(temp('x'));
    expect(files()).toEqual(['x', 'x.lock']);
    await next.commit();
  });

  it('refuses a sidecar that nobody has asked it to replace', async () => {
    writeFileSync(temp('x.tail'), "a person's");
    expect(await rejection(createLiveFileSink(temp('x')))).toMatchObject({
      code: 'H4_EXISTS',
      message:
        `Cannot write ${temp('x')}: ${temp('x.tail')} exists and is no interrupted writer's; ` +
        'remove it, or ask for overwriting',
    });
    expect(files()).toEqual(['x.tail']);
  });
});

describe('publishTail()', () => {
  it('names the durable part of the file, which opens as a recording', async () => {
    const { sink, builder, tails } = await recorded(0);
    expect(tails).toEqual([]);
    for (let i = 0; i < 5; i++) {
      await builder.addBlock({ track: 0, tokens: [{ pts: i, key: true, size: 1000 }], bytes: patterned(1000) });
      const { size, offset, tailChunk } = await builder.indexPoint();
      expect(await sink.sync()).toBe(offset);
      await sink.publishTail(tailChunk ?? new Uint8Array(0));

      const sidecar = await readSidecar(temp('x'));
      expect(sidecar).toEqual({ tailChunk, end: offset, isFinal: false });
      expect(tailAtEnd(sidecar?.tailChunk ?? new Uint8Array(0), offset)).toMatchObject({ records: size, state: 0 });
      const prefix = readFileSync(temp('x')).subarray(0, sidecar?.end);
      expect((await H4MKReader.open(createMemorySource(prefix))).tail?.records).toBe(size);
      expect(files()).toEqual(['x', 'x.lock', 'x.tail']);
    }
    await builder.close();
    expect(files()).toEqual(['x']);
  });

  it('refuses what is not durable yet, and what is no TAIL', async () => {
    const { sink, tails } = await recorded(2);
    const [first = new Uint8Array(0), second = new Uint8Array(0)] = tails;
    expect(await rejection(sink.publishTail(first))).toMatchObject({
      code: 'H4_STATE',
      detail: { durable: 0 },
    });
    expect((await rejection(sink.publishTail(first.subarray(1)))).code).toBe('H4_TAIL_LAYOUT');
    expect(files()).toEqual(['x', 'x.lock']);
    await sink.sync();
    await sink.publishTail(first);
    await sink.publishTail(second);
    expect((await readSidecar(temp('x')))?.end).toBe(sink.length);
    await sink.abort();
  });

  it.each([
    ['its lock', () => unlinkSync(temp('x.lock'))],
    ['the file', () => renameSync(temp('x'), temp('moved'))],
  ])('refuses to go on when somebody has taken %s away', async (_what, take) => {
    const { sink, tails } = await recorded(1);
    await sink.sync();
    take();
    expect((await rejection(sink.publishTail(tails[0] ?? new Uint8Array(0)))).code).toBe('H4_LOCKED');
    expect((await rejection(sink.commit())).code).toBe('H4_LOCKED');
    expect(existsSync(temp('x.tail'))).toBe(false);
    await sink.abort();
  });

  it('says so when the sidecar cannot be written, and leaves the one before', async () => {
    const { sink, tails } = await recorded(1);
    await sink.sync();
    mkdirSync(temp('x.tail'));
    expect(await rejection(sink.publishTail(tails[0] ?? new Uint8Array(0)))).toMatchObject({
      code: 'H4_WRITE',
      message: expect.stringContaining(`Cannot write ${temp('x.tail')}`) as string,
    });
    expect(files()).toEqual(['x', 'x.lock', 'x.tail']);
    expect((await rejection(sink.commit())).message).toContain(`Cannot remove ${temp('x.tail')}`);
    // The file stands all the same.
    expect(files()).toEqual(['x', 'x.tail']);
    await sink.abort();
  });
});

describe('resuming', () => {
  const resumed = async (at: number) => createLiveFileSink(temp('x'), { resumeAt: at });

  it('cuts off what follows and goes on there', async () => {
    writeFileSync(temp('x'), patterned(1000));
    const sink = await resumed(600);
    expect([sink.length, sink.durableLength, statSync(temp('x')).size]).toEqual([600, 0, 600]);
    await sink.write(Buffer.from('and so on'));
    expect(await sink.sync()).toBe(609);
    await sink.commit();
    expect(readFileSync(temp('x')).equals(Buffer.concat([patterned(600), Buffer.from('and so on')]))).toBe(true);
  });

  it('takes over from a writer that was killed', async () => {
    writeFileSync(temp('x'), patterned(10));
    writeFileSync(temp('x.lock'), deadOwner());
    const sink = await resumed(10);
    await sink.commit();
    expect(files()).toEqual(['x']);
  });

  it('keeps a sidecar that still tells the truth, and no other', async () => {
    const { sink, tails } = await recorded(2);
    const length = await sink.sync();
    await sink.publishTail(tails[0] ?? new Uint8Array(0));
    await sink.abort();
    await (await resumed(length)).abort();
    expect(files()).toEqual(['x', 'x.tail']);
    const end = (await readSidecar(temp('x')))?.end ?? 0;
    await (await resumed(end)).abort();
    expect(files()).toEqual(['x', 'x.tail']);
    await (await resumed(end - 1)).abort();
    expect(files()).toEqual(['x']);
    writeFileSync(temp('x.tail'), 'broken');
    await (await resumed(0)).abort();
    expect(files()).toEqual(['x']);
  });

  it('refuses a file that is shorter, missing, or somebody else is writing', async () => {
    writeFileSync(temp('x'), patterned(10));
    expect(await rejection(resumed(11))).toMatchObject({
      code: 'H4_STATE',
      message: `Cannot resume ${temp('x')} after 11 bytes: it has only 10`,
    });
    expect(files()).toEqual(['x']);
    const sink = await resumed(10);
    expect((await rejection(resumed(10))).code).toBe('H4_LOCKED');
    await sink.abort();
    rmSync(temp('x'));
    expect((await rejection(resumed(0))).code).toBe('H4_WRITE');
    expect(files()).toEqual([]);
  });
});

describe('readSidecar()', () => {
  it('finds none where there is none', async () => {
    expect(await readSidecar(temp('x'))).toBeUndefined();
  });

  it('refuses anything but one whole TAIL chunk', async () => {
    const tail = await foreignTail();
    writeFileSync(temp('x.tail'), tail);
    expect((await readSidecar(temp('x')))?.tailChunk).toEqual(tail);
    for (let length = 0; length < tail.length; length += 43) {
      truncateSync(temp('x.tail'), 0);
      writeFileSync(temp('x.tail'), tail.subarray(0, length));
      expect((await rejection(readSidecar(temp('x')))).code).toBe('H4_TAIL_LAYOUT');
    }
    writeFileSync(temp('x.tail'), Buffer.concat([tail, tail, tail]));
    expect(await rejection(readSidecar(temp('x')))).toMatchObject({
      code: 'H4_TAIL_LAYOUT',
      message: `${temp('x.tail')} has more bytes; a TAIL chunk has 172`,
    });
  });

  it('notices every flipped byte', async () => {
    const tail = await foreignTail();
    for (let at = 0; at < tail.length; at++) {
      const flipped = tail.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(() => tailCopyOf(flipped, 'it')).toThrow('it is not one whole TAIL chunk');
    }
  });

  it('never waits for a pipe, nor reads a folder', async () => {
    spawnSync('mkfifo', [temp('x.tail')]);
    expect((await rejection(readSidecar(temp('x')))).code).toBe('H4_IO');
    rmSync(temp('x.tail'));
    mkdirSync(temp('x.tail'));
    expect((await rejection(readSidecar(temp('x')))).code).toBe('H4_IO');
    rmSync(temp('x.tail'), { recursive: true });
    symlinkSync(temp('x.tail'), temp('x.tail'));
    expect(await rejection(readSidecar(temp('x')))).toMatchObject({
      code: 'H4_IO',
      message: expect.stringContaining('too many symbolic links') as string,
    });
  });
});
